//! The folders of DCASE task 2 and MIMII data sets: where machines lie, and what a path says of a
//! clip.
//!
//! ```text
//! [dev_data/ or eval_data/][raw/]MACHINE/{train,test,source_test,target_test,test_rename}/NAME.wav
//! [dev_data/ or eval_data/][raw/]MACHINE/supplemental/NAME.wav                    2025
//! [SNR_dB_MACHINE/]MACHINE/id_NN/{normal,abnormal}/NUMBER.wav                     MIMII of 2019
//! ```
//!
//! Recordings of other formats end in `.flac`, `.ogg` or `.oga`. Only the split may come from a folder. The domain comes from the file's name alone: a data set
//! that lies under `.../source/...` is not all source.

use std::collections::BTreeSet;
use std::path::Path;

use super::names::{self, Name};
use super::refused::{self, Refused};
use super::supplemental::{self, Supplement};
use super::tree::{self, entries, join, unreadable};
use super::{Listing, SectionId, SourceError};
use crate::artifact::{Domain, Label, Split};
use crate::reading::{Entry, Kind};

pub(super) const SPLITS: [&str; 5] = ["train", "test", "source_test", "target_test", "test_rename"];
/// Folders that may stand between the root and the machines.
pub(super) const LEVELS: [&str; 3] = ["dev_data", "eval_data", "raw"];
pub(super) const BASES: [&str; 6] =
    ["", "raw", "dev_data", "dev_data/raw", "eval_data", "eval_data/raw"];

/// What path and name of a file say of its clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub id: SectionId,
    /// `None` in MIMII of 2019, which leaves the split to its users.
    pub split: Option<Split>,
    pub name: Name,
}

/// Reads a path relative to the root. The error is a reason that ends a sentence about the file.
pub(super) fn place(path: &str) -> Result<Placed, String> {
    let mut parts = path.rsplit('/');
    let (file, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let up = parts.next().unwrap_or_default();
    if is_machine_id(up) && matches!(folder, "normal" | "abnormal") {
        let stem =
            names::stem(file).filter(|s| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit()));
        stem.ok_or("its name is not a number, as in MIMII (`00000000.wav`)")?;
        let label = if folder == "normal" { Label::Normal } else { Label::Anomaly };
        // The folder with the signal-to-noise ratio is the machine: MIMII holds the same clips in
        // three.
        let machine = parts.next().unwrap_or_default();
        let machine = parts.next().filter(|outer| has_snr(outer, machine)).unwrap_or(machine);
        let name = Name {
            section: up.into(),
            domain: None,
            split: None,
            label: Some(label),
            attributes: [].into(),
        };
        return Ok(Placed {
            id: SectionId { machine: machine.into(), section: up.into() },
            split: None,
            name,
        });
    }
    if folder == supplemental::FOLDER {
        let name = supplemental::name(file)?;
        let id = SectionId { machine: up.into(), section: name.section.clone() };
        return Ok(Placed { id, split: name.split, name });
    }
    if !SPLITS.contains(&folder) {
        return Err(no_split());
    }
    let name = names::parse(file)?;
    let split = if folder == "train" { Split::Train } else { Split::Test };
    if let Some(other) = name.split.filter(|other| *other != split) {
        return Err(format!("its name says `{other}`, but it lies in `{folder}`"));
    }
    let domain = match folder {
        "source_test" => Some(Domain::Source),
        "target_test" => Some(Domain::Target),
        _ => None,
    };
    if let (Some(a), Some(b)) = (name.domain, domain)
        && a != b
    {
        return Err(format!("its name says `{a}`, but it lies in `{folder}`"));
    }
    let id = SectionId { machine: up.into(), section: name.section.clone() };
    Ok(Placed { id, split: Some(split), name })
}

/// What lies under a root.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub listing: Listing,
    /// Links of the layout that lead nowhere.
    pub lost: Vec<Lost>,
    /// Machines that would lose clips without a word.
    pub refused: Vec<Refused>,
    pub supplements: Vec<Supplement>,
}

/// A link that leads nowhere, and what it would be of, as far as its path says so.
#[derive(Debug)]
pub(super) struct Lost {
    pub machine: Option<String>,
    pub section: Option<String>,
    pub path: String,
}

/// Every section under `root`. Reads folders, not files.
pub(super) fn scan(root: &Path) -> Result<Scanned, SourceError> {
    let mut scan =
        Scan { root, found: Scanned::default(), tables: Vec::new(), files: Vec::new(), clips: 0 };
    // Where one of the levels is a link to another, both are one folder.
    let mut seen = BTreeSet::new();
    for base in BASES.into_iter().filter(|base| root.join(base).is_dir()) {
        if !root.join(base).canonicalize().is_ok_and(|folder| seen.insert(folder)) {
            continue;
        }
        for entry in entries(&root.join(base))? {
            let path = join(base, &entry.name);
            if !entry.is_folder() {
                scan.odd(&path, &entry, None);
                scan.files.push(path);
            } else if !BASES.contains(&path.as_str()) {
                scan.machine(&path)?;
            }
        }
    }
    let mut found = scan.found;
    let machines = found.listing.sections.keys().map(|id| id.machine.as_str());
    let note = refused::archives(&scan.files, machines);
    found.listing.notes.extend(note);
    // A table speaks of the section whose number it has; sections without audio need none.
    for (machine, section, path) in scan.tables {
        if let Some(files) = found.listing.sections.get_mut(&SectionId { machine, section }) {
            files.tables.push(path);
        }
    }
    for files in found.listing.sections.values_mut() {
        files.audio.sort();
        files.tables.sort();
    }
    found.listing.strays.sort();
    Ok(found)
}

struct Scan<'a> {
    root: &'a Path,
    found: Scanned,
    /// Machine, section and path of attribute tables.
    tables: Vec<(String, String, String)>,
    /// Files beside the folders of machines.
    files: Vec<String>,
    /// Recordings met so far, used or not.
    clips: usize,
}

impl Scan<'_> {
    /// Looks into `folder` if it is a machine's, or a signal-to-noise ratio's with machines in it.
    fn machine(&mut self, folder: &str) -> Result<(), SourceError> {
        let name = folder.rsplit('/').next().unwrap_or_default().to_owned();
        let inside = entries(&self.root.join(folder))?;
        let level = |e: &Entry| matches!(e.kind, Kind::Folder | Kind::Nowhere);
        if !inside.iter().any(|e| level(e) && is_of_machine(&e.name)) {
            for entry in inside.iter().filter(|e| level(e) && has_snr(&name, &e.name)) {
                let path = join(folder, &entry.name);
                if entry.is_folder() {
                    self.machine(&path)?
                } else {
                    self.lose(&path, Some(&name), None)
                }
            }
            // Beside `raw`, which has the clips: the folder as the challenge published its tables.
            for entry in inside.iter().filter(|e| e.kind == Kind::File) {
                if let Some(section) = table_of(&entry.name)
                    && entry.name.ends_with("_correspondence.csv")
                {
                    self.tables.push((name.clone(), section.to_owned(), join(folder, &entry.name)));
                }
            }
            let deeper = refused::deeper(self.root, folder, &inside)?;
            self.refuse(&name, deeper.or_else(|| refused::unplaced(self.root, folder, &inside)));
            return Ok(());
        }
        // `test_rename` holds the clips of `test` with their truth.
        let count = |split: &str| tree::count(&self.root.join(folder).join(split));
        let (tests, renamed) = (count("test")?, count("test_rename")?);
        let (before, refusals) = (self.clips, self.found.refused.len());
        self.refuse(&name, refused::not_renamed(folder, tests, renamed));
        let mut loose = Vec::new();
        for entry in &inside {
            let path = join(folder, &entry.name);
            if !entry.is_folder() {
                if entry.kind == Kind::File && names::stem(&entry.name).is_some() {
                    loose.push((entry.name.clone(), no_split()));
                }
                match table_of(&entry.name) {
                    Some(section) if entry.kind == Kind::File => {
                        let outer = folder.rsplit('/').nth(1).filter(|outer| has_snr(outer, &name));
                        let outer = outer.filter(|_| is_machine_id(section)).unwrap_or(&name);
                        self.tables.push((outer.to_owned(), section.to_owned(), path));
                    }
                    _ => self.odd(&path, entry, Some(&name)),
                }
            } else if renamed > 0 && entry.name == "test" {
                continue;
            } else if is_machine_id(&entry.name) {
                for inner in entries(&self.root.join(&path))? {
                    let inner_path = join(&path, &inner.name);
                    if inner.is_folder() {
                        self.files(&inner_path)?
                    } else {
                        self.odd(&inner_path, &inner, Some(&name))
                    }
                }
            } else if entry.name == supplemental::FOLDER {
                self.supplements(&path, &name)?;
            } else {
                self.files(&path)?;
            }
        }
        let placed = self.clips - before;
        self.refuse(&name, refused::odd_names(folder, &loose, loose.len() + placed));
        if (self.clips, self.found.refused.len()) == (before, refusals) {
            let deeper = refused::deeper(self.root, folder, &inside)?;
            self.refuse(&name, deeper.or_else(|| Some(refused::empty(folder, &inside))));
        }
        Ok(())
    }

    fn refuse(&mut self, machine: &str, told: Option<String>) {
        let machine = machine.to_owned();
        self.found.refused.extend(told.map(|told| Refused { machine, told }));
    }

    /// Notes the files of a `supplemental` folder.
    fn supplements(&mut self, folder: &str, machine: &str) -> Result<(), SourceError> {
        for entry in entries(&self.root.join(folder))? {
            if entry.is_folder() || names::stem(&entry.name).is_none() {
                continue;
            }
            self.clips += 1;
            let (machine, section) = (machine.to_owned(), supplemental::section(&entry.name));
            let sound = match unreadable(entry.kind) {
                _ if !entry.utf8 => Err("its name is not UTF-8".into()),
                Some(why) => Err(why),
                None => supplemental::sound(&entry.name),
            };
            let (id, path) = (SectionId { machine, section }, join(folder, &entry.name));
            self.found.supplements.push(Supplement { id, path, sound });
        }
        Ok(())
    }

    /// Sorts the files of one folder into sections.
    fn files(&mut self, folder: &str) -> Result<(), SourceError> {
        let mut folders = folder.rsplit('/');
        let (own, above) = (folders.next().unwrap_or_default(), folders.next().unwrap_or_default());
        let of_clips = SPLITS.contains(&own) || is_machine_id(above);
        let machine = if is_machine_id(above) { folders.next().unwrap_or(above) } else { above };
        let (mut named, mut odd) = (Vec::new(), Vec::new());
        let inside = entries(&self.root.join(folder))?;
        let stems: BTreeSet<&str> = inside.iter().filter_map(|e| names::stem(&e.name)).collect();
        for entry in inside.iter().filter(|e| !e.is_folder()) {
            let path = join(folder, &entry.name);
            let other = refused::other_format(&entry.name)
                .filter(|(stem, _)| of_clips && !stems.contains(stem));
            let placed = match other {
                Some((_, why)) => Err(why),
                None if names::stem(&entry.name).is_none() => continue,
                None if !entry.utf8 => Err("its name is not UTF-8".into()),
                None => place(&path),
            };
            self.clips += 1;
            match (placed, unreadable(entry.kind)) {
                (Ok(placed), None) => {
                    named.push(placed.name);
                    self.found.listing.sections.entry(placed.id).or_default().audio.push(path)
                }
                (Ok(Placed { id, name, .. }), Some(_)) if entry.kind == Kind::Nowhere => {
                    named.push(name);
                    self.lose(&path, Some(&id.machine), Some(&id.section));
                }
                (_, Some(why)) | (Err(why), None) => {
                    odd.push((entry.name.clone(), why.clone()));
                    self.found.listing.strays.push((path, why))
                }
            }
        }
        let all = named.len() + odd.len();
        let told = refused::odd_names(folder, &odd, all)
            .or_else(|| refused::lost_few(folder, &odd, &named));
        self.refuse(machine, told);
        Ok(())
    }

    /// Notes what is no folder at a place where folders should be: recordings, tables that cannot
    /// be read, and links that lead nowhere.
    fn odd(&mut self, path: &str, entry: &Entry, machine: Option<&str>) {
        let (audio, table) =
            (names::stem(&entry.name).is_some(), machine.and_then(|_| table_of(&entry.name)));
        let folder = [&SPLITS[..], &LEVELS[..]].concat().contains(&entry.name.as_str())
            || is_machine_id(&entry.name)
            || ["normal", "abnormal"].contains(&entry.name.as_str());
        let why = match entry.kind {
            Kind::Nowhere if table.is_some() || folder => return self.lose(path, machine, table),
            // Folders are named without a dot, so this may have been one of a machine.
            Kind::Nowhere if !entry.name.contains('.') => unreadable(entry.kind),
            _ if audio => Some(no_split()),
            _ if table.is_some() => unreadable(entry.kind),
            _ => None,
        };
        self.found.listing.strays.extend(why.map(|why| (path.to_owned(), why)));
    }

    fn lose(&mut self, path: &str, machine: Option<&str>, section: Option<&str>) {
        let (machine, section) = (machine.map(str::to_owned), section.map(str::to_owned));
        self.found.lost.push(Lost { machine, section, path: path.to_owned() });
    }
}

/// Why a recording is not used, as the end of a sentence about it.
fn no_split() -> String {
    format!("it lies in none of the folders {}", SPLITS.join(", "))
}

/// Whether folders of this name lie in that of a machine.
pub(super) fn is_of_machine(folder: &str) -> bool {
    SPLITS.contains(&folder) || is_machine_id(folder) || folder == supplemental::FOLDER
}

/// `id_00`, the folder of a machine in MIMII of 2019.
pub(super) fn is_machine_id(folder: &str) -> bool {
    folder
        .strip_prefix("id_")
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether `outer` is `-6_dB_fan` (or `-6dB_fan`) for the machine `fan`.
fn has_snr(outer: &str, machine: &str) -> bool {
    let ratio = outer.strip_suffix(machine).and_then(|rest| rest.strip_suffix('_'));
    let number =
        ratio.and_then(|rest| rest.strip_suffix("dB")).map(|rest| rest.trim_end_matches('_'));
    number.is_some_and(|n| n.parse::<f64>().is_ok())
}

/// The machine and the path of a clip of MIMII of 2019 without the signal-to-noise ratio. They are
/// the same in all three copies of a clip.
pub(super) fn without_snr<'c>(machine: &'c str, path: &'c str) -> (&'c str, &'c str) {
    let inner = machine.rsplit_once("dB_").map(|(_, inner)| inner);
    let machine = inner.filter(|inner| has_snr(machine, inner)).unwrap_or(machine);
    // The machine's folder, the id, the label and the name.
    let cut = path.rmatch_indices('/').nth(3).map_or(0, |(at, _)| at + 1);
    (machine, &path[cut..])
}

/// The section of `attributes_00.csv`, of `attributes_00_test_correspondence.csv`, or of
/// `attributes_id_00.csv` beside clips of MIMII of 2019.
fn table_of(file: &str) -> Option<&str> {
    let section = file.strip_prefix("attributes_")?.strip_suffix(".csv")?;
    let section = ["train", "test"]
        .iter()
        .find_map(|split| {
            section.strip_suffix("_correspondence")?.strip_suffix(split)?.strip_suffix('_')
        })
        .unwrap_or(section);
    let is_number = !section.is_empty() && section.bytes().all(|b| b.is_ascii_digit());
    (is_number || is_machine_id(section)).then_some(section)
}

#[cfg(test)]
mod tests;
