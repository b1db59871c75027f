//! Sections none of whose recordings can be read: `check` says so before a stage fails.

use super::session::Session;
use crate::artifact::Channel;
use crate::diagnose::Diagnostic;
use crate::shown::visible;
use crate::source::{FileList, SectionId, SourceError, SourceSpec, phm2012, wav};
use std::path::Path;

/// Where the files of a source lie, and what they are.
#[derive(Clone, Copy)]
struct Files<'a> {
    root: &'a Path,
    are_snapshots: bool,
}

impl Files<'_> {
    /// Whether the file begins as it should. A head may be longer than what is looked at.
    fn have_head(self, path: &str) -> bool {
        !self.are_snapshots && wav::head(&self.root.join(path)).is_some()
    }

    /// Errors: it cannot be read.
    fn read(self, path: &str) -> Result<(), SourceError> {
        match self.are_snapshots {
            true => phm2012::look(self.root, path),
            false => wav::read(&self.root.join(path), Channel::default()).map(drop),
        }
    }
}

/// Sections without a readable recording, or without one to train on. Looks at heads of files until
/// one is a recording's, and at snapshots until one can be read: two files a section, if all is
/// well.
pub fn sections(session: &Session) -> Vec<Diagnostic> {
    let sources = session.sources.iter().zip(&session.listings);
    let with_files = sources.filter_map(|(source, listing)| {
        let are_snapshots = matches!(source, SourceSpec::Phm2012(_));
        // Other sources of a known form make their sounds.
        let has_files = source.form().is_none() || are_snapshots;
        let root = source.member().root().filter(|_| has_files)?;
        Some((Files { root, are_snapshots }, &listing.sections))
    });
    with_files
        .flat_map(|(files, sections)| {
            sections.iter().filter_map(move |(id, list)| of(files, id, list))
        })
        .collect()
}

fn of(files: Files<'_>, id: &SectionId, FileList { audio, .. }: &FileList) -> Option<Diagnostic> {
    let train = |path: &&String| path.split('/').rev().nth(1) == Some("train");
    let training: Vec<&String> = audio.iter().filter(train).collect();
    broken(files, id, "", &audio.iter().collect::<Vec<_>>())
        .or_else(|| broken(files, id, "training ", &training))
}

/// A message, if none of these recordings can be read.
fn broken(files: Files<'_>, id: &SectionId, which: &str, audio: &[&String]) -> Option<Diagnostic> {
    if audio.is_empty() || audio.iter().any(|path| files.have_head(path)) {
        return None;
    }
    let mut faults = Vec::new();
    for path in audio {
        match files.read(path) {
            Ok(()) => return None,
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    let SectionId { machine, section } = id;
    let (what, hint) = match files.are_snapshots {
        true => (
            "snapshots",
            "get them anew, or leave the section out of `data` (`sections` of `phm2012`)",
        ),
        false => (
            "recordings",
            "get them anew, or leave the machine out of `data` (`machines` or `sections` of `dcase`)",
        ),
    };
    let message = format!(
        "none of the {} {which}{what} of section {section} of `{machine}` can be read; {}",
        faults.len(),
        visible(&faults[0])
    );
    Some(Diagnostic::new("E0722", message).hint(hint))
}
