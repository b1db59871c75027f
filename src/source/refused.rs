//! Machines whose clips would be lost without a word: odd names, other formats, another level of
//! folders.
//!
//! Each is a mistake unless a spec chooses its machines. This room only words what the walk through
//! the folders saw.

use std::path::Path;

use super::layout::{LEVELS, SPLITS, is_of_machine, place};
use super::names::{self, Name};
use super::tree::{entries, join};
use super::{SourceError, supplemental};
use crate::artifact::{Domain, Label};
use crate::reading::Entry;

/// Endings of recordings that are not read.
const AUDIO: [&str; 6] = ["mp3", "opus", "aif", "aiff", "m4a", "wma"];
/// Endings of archives.
const ARCHIVES: [&str; 6] = ["zip", "7z", "tar", "gz", "tgz", "rar"];

/// A machine that would lose clips, and a sentence that says why.
#[derive(Debug)]
pub(super) struct Refused {
    pub machine: String,
    pub told: String,
}

/// One of so many recordings of a folder may have an odd name. It is left out and named.
const SHARE: usize = 10;

/// The error for machines that would lose clips.
pub(super) fn error<'r>(refused: impl Iterator<Item = &'r Refused>) -> Option<SourceError> {
    let lines: Vec<&str> = refused.map(|refused| refused.told.as_str()).collect();
    let hint = "correct names and folders, move what is no clip out of the data set, or choose the machines to use, \
                such as `machines: [fan, valve]`; the others are then left alone";
    (!lines.is_empty())
        .then(|| SourceError::Layout { message: lines.join("\n"), hint: hint.into() })
}

fn count(n: usize, all: usize) -> String {
    match n {
        1 if all == 1 => "the recording".into(),
        n if n == all => format!("all {n} recordings"),
        n => format!("{n} of {all} recordings"),
    }
}

/// A folder many of whose recordings cannot be used. `odd` has the names of these, with what is
/// wrong.
pub(super) fn odd_names(folder: &str, odd: &[(String, String)], all: usize) -> Option<String> {
    let (example, why) = odd.first().filter(|_| odd.len() * SHARE > all)?;
    Some(format!("{} of `{folder}` cannot be used; `{example}`: {why}", count(odd.len(), all)))
}

/// A folder with a few odd names that may be all that it has of a section, of a domain or of anomalies:
/// of a thousand clips to train on, ten are target clips. `named` are the others.
pub(super) fn lost_few(folder: &str, odd: &[(String, String)], named: &[Name]) -> Option<String> {
    let (example, why, lost) =
        odd.iter().find_map(|(file, why)| Some((file, why, all_of(folder, file, named)?)))?;
    Some(format!(
        "{} of `{folder}` cannot be used, perhaps all of {lost}; `{example}`: {why}",
        count(odd.len(), odd.len() + named.len())
    ))
}

/// What a file with an odd name may be the last of.
fn all_of(folder: &str, file: &str, named: &[Name]) -> Option<String> {
    let (is_clip, section) = (file.starts_with("section_"), supplemental::section(file));
    let beside: Vec<&Name> =
        named.iter().filter(|name| !is_clip || name.section == section).collect();
    if beside.is_empty() {
        return is_clip.then(|| format!("section {section}"));
    }
    let words = file.to_lowercase();
    let own = folder.rsplit('/').next().unwrap_or_default();
    let says = |word: &str| words.contains(word) || own.starts_with(word);
    let domain = match names::parse(file) {
        Ok(name) => name.domain,
        Err(_) if says("source") => Some(Domain::Source),
        // What cannot be told is taken for the domain with few clips.
        Err(_) => (is_clip || says("target")).then_some(Domain::Target),
    };
    let is_other = |name: &&Name| name.domain.is_some_and(|own| Some(own) != domain);
    let of_domain = domain.filter(|_| beside.iter().all(is_other));
    let is_anomaly = words.contains("anomal") || words.contains("abnormal");
    let is_normal = |name: &&Name| name.label == Some(Label::Normal);
    let of_anomalies = (is_anomaly && beside.iter().all(is_normal)).then(|| "its anomalies".into());
    of_domain.map(|domain| format!("its {domain} clips")).or(of_anomalies)
}

/// A machine some of whose test clips have no copy with the truth in its name.
pub(super) fn not_renamed(folder: &str, tests: usize, renamed: usize) -> Option<String> {
    (renamed < tests && renamed > 0).then(|| {
        format!(
            "`{folder}/test_rename` has {renamed} of the {tests} recordings of `{folder}/test`, and `test` is not read \
             beside it"
        )
    })
}

/// The name without its ending of a recording of another format, and why it cannot be used.
pub(super) fn other_format(name: &str) -> Option<(&str, String)> {
    let (stem, _) = name.rsplit_once('.').filter(|_| ending(name, &AUDIO))?;
    Some((stem, "it is no WAV, FLAC or Ogg file, and no other is read".into()))
}

/// A machine that has folders of clips, but no clip in them.
pub(super) fn empty(folder: &str, inside: &[Entry]) -> String {
    let names: Vec<String> = inside
        .iter()
        .filter(|e| e.is_folder() && is_of_machine(&e.name))
        .map(|e| format!("`{}`", e.name))
        .collect();
    format!("`{folder}` has no recordings: {} without WAV, FLAC or Ogg files", names.join(", "))
}

/// A folder without clips that holds folders of machines with clips: an archive that was unpacked
/// into a folder of its own, or another data set.
pub(super) fn deeper(
    root: &Path,
    folder: &str,
    inside: &[Entry],
) -> Result<Option<String>, SourceError> {
    for machine in inside.iter().filter(|e| e.is_folder()) {
        let is_level = LEVELS.contains(&&*machine.name);
        let machine = join(folder, &machine.name);
        if is_level {
            let told = deeper(root, &machine, &entries(&root.join(&machine))?)?;
            if told.is_some() {
                return Ok(told);
            }
        }
        for split in SPLITS.iter().map(|split| join(&machine, split)) {
            if !root.join(&split).is_dir() {
                continue;
            }
            let clip = entries(&root.join(&split))?.into_iter().find(|e| {
                e.utf8 && names::stem(&e.name).is_some() && place(&join(&split, &e.name)).is_ok()
            });
            if clip.is_some() {
                return Ok(Some(format!(
                    "the recordings of `{folder}` lie one folder too deep, in `{split}`"
                )));
            }
        }
    }
    Ok(None)
}

/// A folder without any of the folders of a machine that has recordings with names of the layout, in
/// it or in a folder of it, such as `Train`.
pub(super) fn unplaced(root: &Path, folder: &str, inside: &[Entry]) -> Option<String> {
    let told = |folder: &str, inside: &[Entry]| {
        let named = |e: &&Entry| e.utf8 && !e.is_folder() && names::parse(&e.name).is_ok();
        let why = |e: &Entry| place(&join(folder, &e.name)).err();
        let odd = inside.iter().filter(named).filter_map(|e| Some((e.name.clone(), why(e)?)));
        let odd: Vec<(String, String)> = odd.collect();
        odd_names(folder, &odd, odd.len())
    };
    let within = inside.iter().filter(|e| e.is_folder()).find_map(|e| {
        let folder = join(folder, &e.name);
        told(&folder, &entries(&root.join(&folder)).ok()?)
    });
    told(folder, inside).or(within)
}

/// A note on archives whose names have none of the machines: they may be machines that are still
/// packed.
pub(super) fn archives<'a>(
    files: &[String],
    machines: impl Iterator<Item = &'a str> + Clone,
) -> Option<String> {
    let packed = |path: &&String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        ending(name, &ARCHIVES) && !machines.clone().any(|machine| name.contains(machine))
    };
    let packed: Vec<String> = files.iter().filter(packed).map(|path| format!("`{path}`")).collect();
    (!packed.is_empty())
        .then(|| format!("archives are not read; unpack what is needed of {}", packed.join(", ")))
}

fn ending(name: &str, endings: &[&str]) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, own)| endings.iter().any(|e| own.eq_ignore_ascii_case(e)))
}
