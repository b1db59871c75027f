//! Whether the published folders lie in a folder, for a first spec.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::select::{SHIFTS, Shift};
use super::{FOLDERS, placed};
use crate::source::tree::{entries, join};

/// Published folders, and what of the data they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder with `Learning_set` and `Full_Test_Set`, or with the folders of the bearings.
    pub root: PathBuf,
    /// The bearings with snapshots, such as `1_1`.
    pub bearings: Vec<&'static str>,
}

impl Place {
    /// All sections, and the bearings that each of them lacks.
    pub fn sections(&self) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
        SHIFTS.iter().map(move |shift| {
            let lacks = shift.bearings().filter(|bearing| !self.bearings.contains(bearing));
            (shift.section, lacks.collect::<Vec<_>>())
        })
    }
}

/// The bearings of all sections.
pub fn bearings() -> BTreeSet<&'static str> {
    SHIFTS.iter().flat_map(Shift::bearings).collect()
}

/// Looks for the published folders in `folder`.
pub fn place(folder: &Path) -> Option<Place> {
    at(folder.to_owned())
}

/// Looks for the published folders in the folders in `folder`. Of several places the one with the
/// most bearings is given.
pub fn place_inside(folder: &Path) -> Option<Place> {
    // The bearings of `Test_set` stop before they fail.
    let inside = entries(folder).ok()?.into_iter();
    let inside = inside.filter(|entry| entry.is_folder() && entry.name != "Test_set");
    inside.filter_map(|entry| at(entry.path)).min_by_key(|place| Reverse(place.bearings.len()))
}

fn at(root: PathBuf) -> Option<Place> {
    let known = |name: &str| FOLDERS.contains(&name) || name.starts_with("Bearing");
    let inside = entries(&root).ok()?;
    if !inside.iter().any(|entry| entry.is_folder() && known(&entry.name)) {
        return None;
    }
    let there = |bearing: &&'static str| {
        FOLDERS.iter().any(|above| has_snapshots(&root, &join(above, &format!("Bearing{bearing}"))))
    };
    let bearings: Vec<&'static str> = bearings().into_iter().filter(there).collect();
    (!bearings.is_empty()).then_some(Place { root, bearings })
}

fn has_snapshots(root: &Path, folder: &str) -> bool {
    let Ok(inside) = entries(&root.join(folder)) else { return false };
    inside.iter().any(|entry| !entry.is_folder() && placed(&join(folder, &entry.name)).is_some())
}
