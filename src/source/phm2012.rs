//! The bearings of PRONOSTIA, from the folders of the IEEE PHM 2012 data challenge (Nectoux et al.,
//! "PRONOSTIA: An experimental platform for bearings accelerated degradation tests", 2012).
//!
//! ```text
//! {Learning_set,Full_Test_Set}/Bearing1_1/acc_00001.csv
//! ```
//!
//! Each of 17 bearings ran until it failed. Every ten seconds a tenth of a second was recorded, with
//! two accelerometers. Five of these snapshots in a row are a clip.

mod place;
mod samples;
mod select;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use place::{Place, bearings, place, place_inside};
pub use samples::{LENGTH, RATE, look, read};
use select::{Excerpt, JOINED, SHIFTS, Shift, excerpts};

use super::dcase::sections;
use super::tree::{entries, lost, unreadable};
use super::{FileList, ListedFile, Listing, Recording, SectionId, Source, SourceError};
use crate::artifact::{Audio, Clip, Snapshots};
use crate::diagnose::{Problem, suggest};
use crate::family::Word;
use crate::reading::Kind;

/// Vibrations of bearings until they fail: PRONOSTIA, the data of the IEEE PHM 2012 challenge, in
/// the folders in which it was published. They become three sections of the machine `bearing`, each
/// with another shift: `00` speed and load, `01` another bearing under the same load, `02` the other
/// axis of the accelerometer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phm2012 {
    /// The folder with `Learning_set` and `Full_Test_Set`, or with the folders of the bearings.
    #[schemars(extend("x-path" = "folder"), example = "../data/phm2012")]
    pub root: PathBuf,
    /// Use only these sections, such as `[00, 01]`. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "sections")]
    #[schemars(with = "Vec<Word>")]
    pub sections: Vec<String>,
}

/// The machine of all sections.
const MACHINE: &str = "bearing";
/// Folders of bearings below the root. `Test_set` is none: its bearings stop before they fail.
const FOLDERS: [&str; 3] = ["Learning_set", "Full_Test_Set", ""];

/// The folder of a bearing below the root, and its number of snapshots.
struct Found {
    folder: String,
    life: usize,
}

impl Source for Phm2012 {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.root.as_os_str().is_empty() {
            problems.push(
                Problem::new("root", "the path is empty")
                    .hint("write the folder that holds `Learning_set` and `Full_Test_Set`"),
            );
        }
        let known = || SHIFTS.iter().map(|shift| shift.section);
        let mut seen = BTreeSet::new();
        for name in &self.sections {
            if Shift::of(name).is_none() {
                problems.push(
                    Problem::new("sections", format!("there is no section `{name}`"))
                        .hint(suggest(name, known())),
                );
            } else if !seen.insert(name) {
                problems.push(
                    Problem::new("sections", format!("`{name}` is listed twice"))
                        .hint("leave one out"),
                );
            }
        }
        problems
    }

    fn mixed(&self) -> bool {
        true
    }

    fn root(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let here = self.root.display();
        let hint = || {
            "`root` is the folder with `Learning_set` (Bearing1_1, 1_2, 2_1, 2_2, 3_1, 3_2) and `Full_Test_Set` (the \
             other 11); the bearings of `Test_set` stop before they fail"
                .to_owned()
        };
        if !self.root.is_dir() {
            let what = if self.root.exists() { "is a file" } else { "does not exist" };
            return Err(SourceError::Layout { message: format!("`{here}` {what}"), hint: hint() });
        }
        let mut bearings = BTreeMap::new();
        let mut missing = Vec::new();
        let needed: BTreeSet<&str> = self.shifts().flat_map(Shift::bearings).collect();
        for bearing in needed {
            match self.find(bearing)? {
                Some(found) => drop(bearings.insert(bearing, found)),
                None => missing.push(format!("Bearing{bearing}")),
            }
        }
        if !missing.is_empty() {
            let message = format!("`{here}` has no {}", missing.join(", "));
            return Err(SourceError::Layout { message, hint: hint() });
        }
        let mut listing = Listing::default();
        for shift in self.shifts() {
            let lives = bearings.iter().map(|(bearing, found)| (*bearing, found.life)).collect();
            // The last snapshot tells how long a bearing lived.
            let last = shift.bearings().map(|bearing| (bearing, bearings[bearing].life));
            let clips = excerpts(shift, &lives);
            let snapshots = clips
                .iter()
                .flat_map(|clip| numbers(clip).map(move |number| (clip.bearing, number)))
                .chain(last);
            let paths: BTreeSet<String> = snapshots
                .map(|(bearing, number)| path(&bearings[bearing].folder, number))
                .collect();
            let files = FileList { audio: paths.into_iter().collect(), tables: Vec::new() };
            listing.sections.insert(id(shift), files);
        }
        Ok(listing)
    }

    fn clips(
        &self,
        id: &SectionId,
        files: &[ListedFile],
        _: &[Vec<u8>],
    ) -> Result<Vec<Recording>, SourceError> {
        let shift = Shift::of(&id.section).filter(|_| id.machine == MACHINE);
        let shift = shift.ok_or_else(|| SourceError::Layout {
            message: format!("there is no section `{}` of `{}`", id.section, id.machine),
            hint: format!("`{MACHINE}` has the sections 00, 01 and 02"),
        })?;
        let mut known: BTreeMap<&str, BTreeMap<usize, &ListedFile>> = BTreeMap::new();
        for file in files {
            let (bearing, number) = placed(&file.path).ok_or_else(|| SourceError::File {
                path: file.path.clone(),
                why: "it is no snapshot such as `Bearing1_1/acc_00001.csv`".into(),
            })?;
            known.entry(bearing).or_default().insert(number, file);
        }
        let lives = known
            .iter()
            .filter_map(|(bearing, of)| Some((*bearing, *of.last_key_value()?.0)))
            .collect();
        let recording = |clip: Excerpt| -> Result<Recording, SourceError> {
            let file = |number: usize| {
                let file = known.get(clip.bearing)?.get(&number)?;
                Some((file.path.clone(), file.sha256))
            };
            let name = format!("{MACHINE}/{}", clip.name(&id.section));
            let files: Option<Vec<_>> = numbers(&clip).map(file).collect();
            let files = files.ok_or_else(|| SourceError::File {
                path: name.clone(),
                why: format!("a snapshot from {} on is not listed", clip.first),
            })?;
            let pairs = clip.attributes().map(|(key, value)| (key.to_owned(), value));
            let Excerpt { axis, domain, split, label, .. } = clip;
            let clip = Clip {
                id: name,
                machine: id.machine.clone(),
                section: id.section.clone(),
                domain: Some(domain),
                split,
                label: Some(label),
                attributes: pairs.into(),
            };
            Ok(Recording { clip, audio: Audio::Snapshots(Snapshots { axis, files }) })
        };
        excerpts(shift, &lives).into_iter().map(recording).collect()
    }

    fn keyed(&self) -> serde_json::Value {
        serde_json::json!({})
    }
}

impl Phm2012 {
    /// The shifts of the chosen sections.
    fn shifts(&self) -> impl Iterator<Item = &'static Shift> {
        let chosen = move |shift: &&Shift| {
            self.sections.is_empty() || self.sections.iter().any(|name| name == shift.section)
        };
        SHIFTS.iter().filter(chosen)
    }

    /// The folder of a bearing, and its number of snapshots.
    ///
    /// Errors: it cannot be read; a snapshot is missing.
    fn find(&self, bearing: &str) -> Result<Option<Found>, SourceError> {
        let folders = FOLDERS.map(|above| super::tree::join(above, &format!("Bearing{bearing}")));
        let Some(folder) = folders.into_iter().find(|f| self.root.join(f).is_dir()) else {
            return Ok(None);
        };
        let mut numbers = BTreeSet::new();
        let mut gone = Vec::new();
        for entry in entries(&self.root.join(&folder))? {
            let path = super::tree::join(&folder, &entry.name);
            let Some((_, number)) = placed(&path).filter(|_| !entry.is_folder()) else { continue };
            match unreadable(entry.kind) {
                None => drop(numbers.insert(number)),
                Some(_) if entry.kind == Kind::Nowhere => gone.push(path),
                Some(why) => return Err(SourceError::File { path, why }),
            }
        }
        if let Some(error) = lost(&self.root, &gone) {
            return Err(error);
        }
        let life = numbers.last().copied().unwrap_or(0);
        match (1..=life).find(|number| !numbers.contains(number)) {
            _ if life == 0 => Err(SourceError::File {
                path: folder,
                why: "it has no snapshots such as `acc_00001.csv`".into(),
            }),
            Some(number) => Err(SourceError::File {
                path: folder.clone(),
                why: format!(
                    "it has snapshots up to {life} and lacks `{}`; a life without gaps is needed",
                    path("", number)
                ),
            }),
            None => Ok(Some(Found { folder, life })),
        }
    }
}

fn id(shift: &Shift) -> SectionId {
    SectionId { machine: MACHINE.into(), section: shift.section.into() }
}

/// The snapshots of a clip.
fn numbers(clip: &Excerpt) -> std::ops::Range<usize> {
    clip.first..clip.first + JOINED
}

/// The path of a snapshot in a folder.
fn path(folder: &str, number: usize) -> String {
    super::tree::join(folder, &format!("acc_{number:05}.csv"))
}

/// The bearing and the number of a snapshot, from its path.
fn placed(path: &str) -> Option<(&str, usize)> {
    let (folder, file) = path.rsplit_once('/')?;
    let bearing = folder.rsplit('/').next()?.strip_prefix("Bearing")?;
    let number = file.strip_prefix("acc_")?.strip_suffix(".csv")?;
    let is_number = number.len() == 5 && number.bytes().all(|b| b.is_ascii_digit());
    let number = is_number.then(|| number.parse().ok())??;
    (number > 0).then_some((bearing, number))
}

#[cfg(test)]
mod tests;
