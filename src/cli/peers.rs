//! Scores of other programs, paired with the truth before anything is planned.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::artifact::Artifact;
use crate::diagnose::Diagnostic;
use crate::digest::Digest;
use crate::evaluate::{self, Options, Scored};
use crate::kind::ObjectRef;
use crate::plan::Catalog;
use crate::reading::unexpanded;
use crate::source::scores::Scores;
use crate::source::{FileList, Listing, SectionId, SourceSpec, untrusted};
use crate::spec::Point;
use crate::stage::{Item, Role, Split};

/// Everything seen of the scores that the points of a spec name.
#[derive(Default)]
pub struct Peers(Vec<(SourceSpec, Seen)>);

/// Everything seen of the scores of one system.
pub struct Seen {
    sections: BTreeMap<SectionId, Scored>,
    files: Vec<PathBuf>,
    notes: Vec<String>,
}

impl Peers {
    /// Adds the scores of a point; `put` keeps the bytes of an input.
    pub fn add(
        &mut self,
        point: &Point,
        catalog: &mut Catalog,
        put: &mut dyn FnMut(Vec<u8>) -> ObjectRef,
        mistakes: &mut Vec<Diagnostic>,
    ) {
        let SourceSpec::Scores(scores) = &point.data else { return };
        let key = Catalog::source_key(&point.data);
        if catalog.submissions.contains_key(&key) {
            return;
        }
        let seen = look(scores).unwrap_or_else(|problems| {
            // Two systems may lack the same truth.
            for problem in problems {
                if !mistakes.contains(&problem) {
                    mistakes.push(problem);
                }
            }
            Seen { sections: BTreeMap::new(), files: Vec::new(), notes: Vec::new() }
        });
        let mut inputs = |scored: &Scored| -> BTreeMap<Role, ObjectRef> {
            [
                (Role::from((Split::Test, Item::Clips)), put(scored.clips.encode())),
                (Item::Scores.into(), put(scored.scores.encode())),
                (Item::Decisions.into(), put(scored.decisions.encode())),
            ]
            .into()
        };
        let sections = seen.sections.iter().map(|(id, scored)| (id.clone(), inputs(scored)));
        catalog.submissions.insert(key, sections.collect());
        self.0.push((point.data.clone(), seen));
    }

    /// Each source, and the digest of everything seen of it.
    pub fn looked(&self) -> impl Iterator<Item = (SourceSpec, Digest)> + '_ {
        self.0.iter().map(|(source, seen)| (source.clone(), seen.digest()))
    }

    /// The files that were read.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.0.iter().flat_map(|(_, seen)| seen.files.iter().cloned())
    }

    /// Words to a person about them, each once.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        for note in self.0.iter().flat_map(|(_, seen)| &seen.notes) {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        notes
    }

    /// The most scores that a system has for each section.
    pub fn counts(&self) -> BTreeMap<&SectionId, usize> {
        let mut counts = BTreeMap::new();
        for (id, scored) in self.0.iter().flat_map(|(_, seen)| &seen.sections) {
            let count: &mut usize = counts.entry(id).or_default();
            *count = scored.scores.0.len().max(*count);
        }
        counts
    }
}

impl Seen {
    /// The digest of everything seen.
    pub fn digest(&self) -> Digest {
        let section = |(id, scored): (&SectionId, &Scored)| {
            let parts = [scored.clips.encode(), scored.scores.encode(), scored.decisions.encode()];
            (id.clone(), parts.map(|bytes| Digest::of(&bytes)))
        };
        let seen: (Vec<_>, _) = (self.sections.iter().map(section).collect(), &self.notes);
        Digest::of(&serde_json::to_vec(&seen).expect("names are JSON"))
    }
}

/// Reads the scores of a system and pairs them with the truth.
///
/// Errors: all problems of the files.
pub fn look(scores: &Scores) -> Result<Seen, Vec<Diagnostic>> {
    let Scores { root, protocol, truth, system, partial } = scores;
    let absent = [("root", Some(root)), ("truth", truth.as_ref())].into_iter().filter_map(
        |(setting, path)| {
            let path = path.filter(|path| !path.exists())?;
            let setting = format!("data.scores.{setting}");
            let hint = unexpanded(path, Some(&setting))
                .unwrap_or_else(|| format!("where it lies elsewhere: --set {setting}=DIR"));
            let message = format!("`{}` does not exist", path.display());
            Some(Diagnostic::new("E0701", message).hint(hint))
        },
    );
    let absent: Vec<Diagnostic> = absent.collect();
    if !absent.is_empty() {
        return Err(absent);
    }
    let options =
        Options { protocol: *protocol, truth: truth.as_deref(), max_fpr: 0.1, partial: *partial };
    let evaluate::System { sections, files, warnings } =
        evaluate::system(root, system.as_deref(), &options)
            .map_err(|problems| problems.into_iter().map(in_a_spec).collect::<Vec<_>>())?;
    let names = sections.keys().map(|id| (id.clone(), FileList::default())).collect();
    untrusted::trusted(Listing { sections: names, ..Listing::default() })
        .map_err(|error| vec![Diagnostic::new("E0802", error.to_string())])?;
    Ok(Seen { sections, files, notes: warnings })
}

/// Hints of the command `evaluate` in the words of a spec.
fn in_a_spec(mut problem: Diagnostic) -> Diagnostic {
    if let Some(hint) = &mut problem.hint {
        *hint = hint
            .replace("--truth", "`truth: DIR` of `data.scores`")
            .replace("--partial", "`partial: true` of `data.scores`")
            .replace("--protocol dcase2020?", "`protocol: dcase2020` of `data.scores`?")
            .replace("--protocol dcase2022?", "`protocol: dcase2022` of `data.scores`?");
    }
    problem
}
