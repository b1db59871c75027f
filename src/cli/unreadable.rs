//! Recordings that cannot be read: `check` says so before a stage fails.

use std::collections::BTreeMap;
use std::path::Path;

use super::heard;
use super::session::Session;
use crate::diagnose::Diagnostic;
use crate::shown::visible;
use crate::source::{SectionId, SourceSpec, phm2012, wav};

/// Sections with recordings that cannot be read, or with recordings of several rates; of noise and
/// rooms, too. Looks at the head of every recording. Of snapshots a section needs one that can be
/// read.
pub fn sections(session: &Session) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    for (word, source, listing) in session.seen() {
        let Some(root) = source.member().root() else { continue };
        let (is_data, is_sampled) = (word == "data", heard::is_sampled(session, source));
        if is_data && !heard::is_read(session, source) {
            continue;
        }
        for (id, audio) in heard::recordings(session, (word, source, listing)) {
            if let SourceSpec::Phm2012(_) = source {
                mistakes.extend(snapshots(root, id, &audio));
                continue;
            }
            let seen = Heads::of(root, &audio);
            mistakes.extend(seen.broken(word, id));
            // Noise and responses are brought to the rate of the clip.
            if is_data && is_sampled && source.rate().is_none() {
                mistakes.extend(seen.several_rates(id));
            }
        }
    }
    mistakes
}

/// What the heads of the recordings of a section say.
struct Heads {
    /// Number of recordings.
    all: usize,
    /// The faults of those that cannot be read.
    faults: Vec<String>,
    /// The rates in Hz, each with the number of recordings and the first of them.
    rates: BTreeMap<u32, (usize, String)>,
}

impl Heads {
    fn of(root: &Path, audio: &[&String]) -> Self {
        let mut seen = Self { all: audio.len(), faults: Vec::new(), rates: BTreeMap::new() };
        for path in audio.iter().map(|path| root.join(path)) {
            match wav::look(&path) {
                Ok(head) => {
                    let first = || (0, path.display().to_string());
                    seen.rates.entry(head.rate).or_insert_with(first).0 += 1;
                }
                Err(fault) => seen.faults.push(fault.to_string()),
            }
        }
        seen
    }

    fn broken(&self, word: &str, SectionId { machine, section }: &SectionId) -> Option<Diagnostic> {
        let first = visible(self.faults.first()?);
        let (of, hint) = match word {
            "data" => (
                format!("section {section} of `{machine}`"),
                "get them anew or remove them, or leave the machine out of `data` (`machines` or `sections` of `dcase`)",
            ),
            word => (format!("`{machine}` of `{word}`"), "get them anew or remove them"),
        };
        let message = match self.faults.len() {
            n if n == self.all => {
                format!("none of the {n} recordings of {of} can be read; {first}")
            }
            n => format!("{n} of {} recordings of {of} cannot be read; {first}", self.all),
        };
        Some(Diagnostic::new("E0722", message).hint(hint))
    }

    /// A stage has one rate.
    fn several_rates(&self, SectionId { machine, section }: &SectionId) -> Option<Diagnostic> {
        let most = self.rates.iter().max_by_key(|(_, (count, _))| *count)?.0;
        let (rate, (_, first)) = self.rates.iter().find(|(rate, _)| *rate != most)?;
        let rates: Vec<String> =
            self.rates.iter().map(|(rate, (count, _))| format!("{rate} Hz ({count})")).collect();
        let message = format!(
            "recordings of section {section} of `{machine}` have rates of {}; {}: {rate} Hz",
            rates.join(" and "),
            visible(first)
        );
        let hint = format!(
            "write `rate: {most}` beside `root` to resample them, or give those of each rate a section"
        );
        Some(Diagnostic::new("E0722", message).hint(hint))
    }
}

/// A message, if no snapshot of a section can be read.
fn snapshots(root: &Path, id: &SectionId, audio: &[&String]) -> Option<Diagnostic> {
    let mut faults = Vec::new();
    for path in audio {
        match phm2012::look(root, path) {
            Ok(()) => return None,
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    let SectionId { machine, section } = id;
    let message = format!(
        "none of the {} snapshots of section {section} of `{machine}` can be read; {}",
        faults.len(),
        visible(faults.first()?)
    );
    let hint = "get them anew, or leave the section out of `data` (`sections` of `phm2012`)";
    Some(Diagnostic::new("E0722", message).hint(hint))
}
