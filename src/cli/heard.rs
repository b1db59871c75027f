//! The recordings that a run reads: not those of a pool that are left out, nor those of types of noise
//! and rooms that no clip gets.

use std::collections::BTreeSet;

use super::census;
use super::session::Session;
use crate::artifact::clip_id;
use crate::feature::FeatureSpec;
use crate::mix::Types;
use crate::source::{FileList, Listing, SectionId, SourceSpec};
use crate::stage::Mix;

/// The sections with recordings that a run reads, and these. `word` stands before the source in the
/// spec.
pub fn recordings<'l>(
    session: &Session,
    (word, source, listing): (&str, &SourceSpec, &'l Listing),
) -> Vec<(&'l SectionId, Vec<&'l String>)> {
    let types = types(session, word, source);
    let is_heard = |id: &SectionId| types.as_ref().is_none_or(|all| all.contains(&id.machine));
    let sections = listing.sections.iter().filter(|(id, _)| is_heard(id));
    sections.map(|(id, files)| (id, used(source, id, files))).collect()
}

/// Whether a run reads recordings of a source of data. Vectors come in files of their own.
pub fn is_read(session: &Session, source: &SourceSpec) -> bool {
    features(session, source).any(|features| !matches!(features, FeatureSpec::Vectors(_)))
}

/// Whether a run makes features of their samples itself. Programs read recordings as they like.
pub fn is_sampled(session: &Session, source: &SourceSpec) -> bool {
    use FeatureSpec::{Command, Vectors};
    features(session, source).any(|features| !matches!(features, Vectors(_) | Command(_)))
}

fn features<'s>(
    session: &'s Session,
    source: &'s SourceSpec,
) -> impl Iterator<Item = &'s FeatureSpec> {
    let points = session.experiment.points.iter();
    points.filter(move |point| point.data == *source).map(|point| &point.features)
}

/// The types of noise or rooms that some clip gets; `None` if that may be all.
fn types(session: &Session, word: &str, source: &SourceSpec) -> Option<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for point in &session.experiment.points {
        let Some(mix) = &point.mix else { continue };
        let named = match word {
            "mix.noise" if mix.noise(&point.data) == *source => of_noise(mix),
            "mix.response.from" => {
                let room = mix.response.as_ref().filter(|room| room.from.as_ref() == Some(source));
                let Some(room) = room else { continue };
                room.types.as_ref().and_then(Types::named)
            }
            "data" => return None,
            _ => continue,
        };
        all.extend(named?.into_iter().map(str::to_owned));
    }
    (word != "data").then_some(all)
}

/// The types of noise that a spec names. Tables name none of one's own recordings' for sure.
fn of_noise(mix: &Mix) -> Option<Vec<&str>> {
    match (&mix.types, mix.layers.is_empty()) {
        (Some(types), _) => types.named(),
        (None, true) => None,
        (None, false) => {
            let all: Option<Vec<Vec<&str>>> = mix
                .layers
                .iter()
                .map(|layer| layer.types.as_ref().and_then(Types::named))
                .collect();
            Some(all?.concat())
        }
    }
}

/// The recordings of a section. Of a pool those that are drawn, if that can be told.
fn used<'f>(source: &SourceSpec, id: &SectionId, files: &'f FileList) -> Vec<&'f String> {
    let draws = matches!(source, SourceSpec::Folder(folder) if folder.draw.is_some());
    let drawn = || -> Option<BTreeSet<String>> {
        let clips = census::clips(source, id, files).ok().filter(|_| source.cut().is_none())?;
        Some(clips.into_iter().map(|clip| clip.id).collect())
    };
    match draws.then(drawn).flatten() {
        Some(drawn) => files.audio.iter().filter(|path| drawn.contains(&clip_id(path))).collect(),
        None => files.audio.iter().collect(),
    }
}
