//! Machines whose clips would be lost without a word: odd names, other formats, another level of
//! folders.
//!
//! Each is a mistake unless a spec chooses its machines. This room only words what the walk through
//! the folders saw.

use std::path::Path;

use super::SourceError;
use super::layout::{SPLITS, is_machine_id, place};
use super::names;
use super::tree::{entries, join};
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

fn count(n: usize) -> String {
    if n == 1 { "the recording".into() } else { format!("all {n} recordings") }
}

/// A folder all of whose recordings have odd names. `first` is the name of one, with what is wrong.
pub(super) fn odd_names(folder: &str, n: usize, (example, why): &(String, String)) -> String {
    format!("{} of `{folder}` cannot be used; `{example}`: {why}", count(n))
}

/// A folder whose recordings are all of another format.
pub(super) fn other_format(folder: &str, inside: &[Entry]) -> Option<String> {
    let audio = |e: &&Entry| !e.is_folder() && ending(&e.name, &AUDIO);
    let first = inside.iter().find(audio)?;
    let n = inside.iter().filter(audio).count();
    Some(format!(
        "{} of `{folder}` cannot be used; `{}`: it is no WAV, FLAC or Ogg file, and no other is read",
        count(n),
        first.name
    ))
}

/// A machine that has folders of clips, but no clip in them.
pub(super) fn empty(folder: &str, inside: &[Entry]) -> String {
    let names: Vec<String> = inside
        .iter()
        .filter(|e| e.is_folder() && (SPLITS.contains(&&*e.name) || is_machine_id(&e.name)))
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
        let machine = join(folder, &machine.name);
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
