//! Sections none of whose recordings can be read: `check` says so before a stage fails.

use super::session::Session;
use crate::artifact::Channel;
use crate::diagnose::Diagnostic;
use crate::shown::visible;
use crate::source::{FileList, SectionId, wav};
use std::path::Path;

/// Sections without a readable recording, or without one to train on. Looks at heads of files until
/// one is a recording's: two files a section, if all is well.
pub fn sections(session: &Session) -> Vec<Diagnostic> {
    // Files of a known form are no WAV files.
    let sources = session.sources.iter().zip(&session.listings);
    let sources = sources.filter(|(source, _)| source.form().is_none());
    let with_root =
        sources.filter_map(|(source, listing)| Some((source.member().root()?, &listing.sections)));
    with_root
        .flat_map(|(root, sections)| sections.iter().filter_map(|(id, files)| of(root, id, files)))
        .collect()
}

fn of(root: &Path, id: &SectionId, FileList { audio, .. }: &FileList) -> Option<Diagnostic> {
    let train = |path: &&String| path.split('/').rev().nth(1) == Some("train");
    let training: Vec<&String> = audio.iter().filter(train).collect();
    broken(root, id, "", &audio.iter().collect::<Vec<_>>())
        .or_else(|| broken(root, id, "training ", &training))
}

/// A message, if none of these recordings can be read.
fn broken(root: &Path, id: &SectionId, which: &str, audio: &[&String]) -> Option<Diagnostic> {
    let paths = || audio.iter().map(|path| root.join(path));
    if audio.is_empty() || paths().any(|path| wav::head(&path).is_some()) {
        return None;
    }
    // A head may be longer than what was looked at.
    let mut faults = Vec::new();
    for path in paths() {
        match wav::read(&path, Channel::default()) {
            Ok(_) => return None,
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    let SectionId { machine, section } = id;
    let message = format!(
        "none of the {} {which}recordings of section {section} of `{machine}` can be read; {}",
        faults.len(),
        visible(&faults[0])
    );
    let hint =
        "get them anew, or leave the machine out of `data` (`machines` or `sections` of `dcase`)";
    Some(Diagnostic::new("E0722", message).hint(hint))
}
