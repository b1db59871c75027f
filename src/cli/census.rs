//! The clips of a data set as its names and tables tell them: what can be said of a spec before any
//! audio is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::session::Session;
use crate::artifact::{Clip, Label, Split};
use crate::diagnose::Diagnostic;
use crate::digest::Digest;
use crate::plan::Catalog;
use crate::reading;
use crate::source::{FileList, ListedFile, Listing, SectionId, SourceSpec};
use crate::spec::Point;
use crate::stage::{Generalization, Scope};

/// What changes nothing: machine, section, and what.
type Idle = Vec<(String, String, String)>;
type Sections = BTreeMap<SectionId, Result<Vec<Clip>, String>>;

/// The clips of each section of each data set.
pub struct Census(BTreeMap<String, Sections>);

impl Census {
    /// Of all data sets of a spec. Reads their tables, no audio.
    pub fn of(session: &Session) -> Self {
        let sources = session.sources.iter().zip(&session.listings);
        let count = |(source, listing): (&SourceSpec, &Listing)| {
            let sections =
                listing.sections.iter().map(|(id, files)| (id.clone(), clips(source, id, files)));
            (Catalog::source_key(source), sections.collect())
        };
        Self(sources.map(count).collect())
    }

    /// All clips that could be told.
    pub fn clips(&self) -> impl Iterator<Item = &Clip> {
        self.0.values().flat_map(BTreeMap::values).flatten().flatten()
    }

    /// The machines none of whose clips is for testing, and such sections of others.
    pub fn untested(&self) -> Option<String> {
        let mut machines: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
        for clip in self.clips() {
            let sections = machines.entry(&clip.machine).or_default();
            *sections.entry(&clip.section).or_default() |= clip.split == Split::Test;
        }
        let untested = machines.iter().flat_map(|(name, sections)| {
            if sections.values().all(|tests| !tests) {
                return vec![format!("`{name}`")];
            }
            let bare = sections.iter().filter(|(_, tests)| !**tests);
            bare.map(|(section, _)| format!("section {section} of `{name}`")).collect()
        });
        let untested: Vec<String> = untested.collect();
        (!untested.is_empty()).then(|| {
            format!(
                "no clip of {} is for testing, so nothing can be measured there; `split: {{ holdout: 0.3 }}` \
                 of `folder` and of raw MIMII holds recordings out",
                untested.join(", ")
            )
        })
    }

    /// The sections of the data of a point, each with its clips or why they cannot be told.
    pub fn sections(&self, point: &Point) -> Option<&Sections> {
        self.0.get(&Catalog::source_key(&point.data))
    }

    /// Settings that change nothing in a section, for each point: machine, section, and what.
    pub fn idle(&self, points: &[Point]) -> Vec<Idle> {
        // Points of a sweep over detectors have the same clips and techniques.
        let mut known: BTreeMap<(String, String), Idle> = BTreeMap::new();
        let mut of = |point: &Point| {
            let g = Generalization { scope: Some(scope(point)), ..point.generalization.clone() };
            let settings = serde_json::to_string(&g).expect("settings are JSON");
            let key = (Catalog::source_key(&point.data), settings);
            let sections = self.sections(point).into_iter().flatten().filter_map(|(id, clips)| {
                let idle = g.idle(clips.as_ref().ok()?);
                Some(idle.into_iter().map(|text| (id.machine.clone(), id.section.clone(), text)))
            });
            known.entry(key).or_insert_with(|| sections.flatten().collect()).clone()
        };
        points
            .iter()
            .map(|point| if point.generalization.is_plain() { Vec::new() } else { of(point) })
            .collect()
    }

    /// What training would fail for: sections whose clips cannot be told, and models without a
    /// normal clip.
    pub fn mistakes(&self, points: &[Point]) -> Vec<Diagnostic> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for point in points {
            let g = &point.generalization;
            let key = (
                Catalog::source_key(&point.data),
                scope(point) == Scope::Machine,
                format!("{:?}", g.choice()),
            );
            if point.detector.backend().member().weights().is_some() || !seen.insert(key) {
                continue;
            }
            let mut models: BTreeMap<(&str, &str), Vec<&Clip>> = BTreeMap::new();
            for (id, clips) in self.sections(point).into_iter().flatten() {
                match clips {
                    Ok(clips) => {
                        let section =
                            if scope(point) == Scope::Machine { "" } else { id.section.as_str() };
                        models.entry((&id.machine, section)).or_default().extend(clips);
                    }
                    Err(why) => drop(found.insert((why.clone(), ""))),
                }
            }
            found.extend(
                models
                    .into_iter()
                    .filter_map(|((machine, section), clips)| lacks(g, machine, section, &clips)),
            );
        }
        let told = |(message, hint): (String, &str)| {
            let diagnostic = Diagnostic::new("E0720", message);
            if hint.is_empty() { diagnostic } else { diagnostic.hint(hint) }
        };
        found.into_iter().map(told).collect()
    }
}

/// The sections without a training clip, of machines whose sections share a model or a network: no
/// model needs them.
pub fn untrained(source: &SourceSpec, listing: &Listing, points: &[Point]) -> BTreeSet<SectionId> {
    let shares =
        |point: &Point| scope(point) == Scope::Machine || point.detector.network().is_some();
    if !points.iter().any(|point| point.data == *source && shares(point)) {
        return BTreeSet::new();
    }
    let several = |id: &SectionId| {
        listing.sections.keys().filter(|other| other.machine == id.machine).nth(1).is_some()
    };
    let is_untrained = |(id, files): &(&SectionId, &FileList)| {
        // A section whose clips cannot be told stays, and its stage says why.
        several(id)
            && clips(source, id, files)
                .is_ok_and(|clips| clips.iter().all(|clip| clip.split == Split::Test))
    };
    listing.sections.iter().filter(is_untrained).map(|(id, _)| id.clone()).collect()
}

/// The clips that share a model.
fn scope(point: &Point) -> Scope {
    point.generalization.scope.unwrap_or(point.detector.backend().member().scope())
}

/// Why a model has no clips to train on, and what to do, if it has none.
fn lacks(
    g: &Generalization,
    machine: &str,
    section: &str,
    clips: &[&Clip],
) -> Option<(String, &'static str)> {
    let which = match section {
        "" => format!("machine `{machine}`"),
        section => format!("section {section} of `{machine}`"),
    };
    if let Some(name) = g.unknown_attribute(clips) {
        return Some((
            format!("`source_values` names `{name}`, an attribute that no clip of {which} has"),
            "",
        ));
    }
    let train = clips.iter().filter(|clip| clip.split == Split::Train);
    let normal = train.clone().filter(|clip| clip.label != Some(Label::Anomaly));
    if normal.clone().next().is_none() {
        let message = format!("{which} has no normal training clips");
        let hint = match train.count() {
            0 => {
                "add normal recordings to train on, or leave it out of `data`; where no name tells \
                  the split, `split: { holdout: 0.3 }` of `folder` and of raw MIMII makes one"
            }
            _ => "all of its training clips are labelled as anomalies",
        };
        return Some((message, hint));
    }
    // Each section is chosen from by itself.
    let mut sections: BTreeMap<&str, Vec<Clip>> = BTreeMap::new();
    clips.iter().for_each(|clip| sections.entry(&clip.section).or_default().push((*clip).clone()));
    let mut none = true;
    for clips in sections.values() {
        match g.choose(clips) {
            Ok(chosen) => none &= chosen.is_empty(),
            Err(why) => return Some((format!("{which}: {why}"), "")),
        }
    }
    let message = || format!("`generalization` leaves {which} no normal clips to train on");
    none.then(|| (message(), "raise `target_clips`, or take source clips as well"))
}

/// The clips of one section. A stage looks at digests; here they are not known, and nothing depends
/// on them.
pub fn clips(source: &SourceSpec, id: &SectionId, files: &FileList) -> Result<Vec<Clip>, String> {
    let listed =
        files.audio.iter().map(|path| ListedFile { path: path.clone(), sha256: Digest::of(b"") });
    let root = source.member().root().unwrap_or(Path::new(""));
    let read = |path: &String| reading::read(&root.join(path), reading::TEXT);
    let table = |path: &String| read(path).map_err(|error| format!("{path}: {error}"));
    let tables = files.tables.iter().map(table).collect::<Result<Vec<_>, _>>()?;
    let recordings = source
        .member()
        .clips(id, &listed.collect::<Vec<_>>(), &tables)
        .map_err(|e| e.to_string())?;
    Ok(recordings.into_iter().map(|recording| recording.clip).collect())
}
