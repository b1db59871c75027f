//! The part of a run's page about its best point: scores, spectrograms, training curves, settings.

use std::collections::{BTreeMap, BTreeSet};

use super::super::CliError;
use super::super::axes;
use super::super::cached::Cached;
use super::super::curves;
use super::super::figures::Section;
use super::super::maps;
use super::super::subject::Subject;
use super::{models, why, yaml};
use crate::artifact::{ClipSet, Label, Scores, Split};
use crate::plan::NodeId;
use crate::report::html::{Chosen, Heard, Judged, ScoredClip, worst};
use crate::report::{PointResults, Results};
use crate::run::Run;
use crate::source::SectionId;
use crate::stage::Item;
use crate::store::Store;

/// The details of a point, given by its index among the results.
pub fn closely(
    subject: &Subject,
    store: &Store,
    results: &Results,
    place: usize,
    run: &Run,
) -> Chosen {
    let point = &results.points[place];
    let number = point.number;
    let none = BTreeMap::new();
    let nodes = subject.plan.results.get(number).unwrap_or(&none);
    let cache = Cached { subject, store, without: "no scores" };
    let mut chosen = Chosen { point: place, ..Chosen::default() };
    chosen.settings = run.body.settings.get(number).map(yaml::text).unwrap_or_default();
    let mut judged: Vec<(&SectionId, NodeId)> = Vec::new();
    let mut unscored = BTreeSet::new();
    for (id, node) in nodes.iter().filter(|(id, _)| is_shown(point, id)) {
        match judge(&cache, point, id, *node) {
            Ok(section) if section.clips.is_empty() => {}
            Ok(section) => {
                chosen.sections.push(section);
                judged.push((id, *node));
            }
            Err(error) => drop(unscored.insert(why(&error))),
        }
    }
    chosen.unscored = unscored.into_iter().collect();
    listen(subject, store, &judged, &mut chosen);
    let shown = nodes.iter().filter(|(id, _)| is_shown(point, id));
    let shown = shown.map(|(id, node)| (id.clone(), *node)).collect();
    let (placed, unplaced) = maps::of_point(&cache, &shown);
    chosen.maps = placed;
    chosen.unplaced = unplaced.into_iter().collect();
    match curves::of(subject, store, models(subject, number).into_iter()) {
        Ok((trainings, gone)) => {
            chosen.trainings = trainings;
            if gone > 0 {
                let what =
                    if gone == 1 { "1 model is".to_owned() } else { format!("{gone} models are") };
                chosen.untold.push(format!(
                    "{what} gone from the cache, and the curves of training with them."
                ));
            }
        }
        Err(error) => chosen.untold.push(why(&error)),
    }
    chosen
}

/// Whether the shown results have rows of a section.
fn is_shown(point: &PointResults, id: &SectionId) -> bool {
    point.rows.iter().any(|row| row.machine == id.machine && row.section == id.section)
}

/// The scores of the labelled test clips of a section.
fn judge(
    cache: &Cached,
    point: &PointResults,
    id: &SectionId,
    node: NodeId,
) -> Result<Judged, CliError> {
    let Scores(scores) = cache.artifact(cache.need(node, Item::Scores)?, Item::Scores)?;
    let dataset = cache.need(node, (Split::Test, Item::Clips))?;
    let clips: ClipSet = cache.artifact(dataset, (Split::Test, Item::Clips))?;
    let scored = clips.clips().iter().filter_map(|clip| {
        let score = scores.get(&clip.id).copied().filter(|score| score.is_finite())?;
        let domain = clip.domain.map(|domain| domain.name().to_owned()).unwrap_or_default();
        Some(ScoredClip {
            name: clip.id.clone(),
            domain,
            anomalous: clip.label? == Label::Anomaly,
            score,
        })
    });
    let of =
        |row: &&crate::artifact::MetricRow| row.machine == id.machine && row.section == id.section;
    let mut rows = point.rows.iter().filter(of);
    Ok(Judged {
        machine: id.machine.clone(),
        section: id.section.clone(),
        clips: scored.collect(),
        threshold: rows.find(|row| row.metric == "threshold").and_then(|row| row.value),
    })
}

/// The spectrograms of the clips with the worst decisions.
fn listen(subject: &Subject, store: &Store, judged: &[(&SectionId, NodeId)], chosen: &mut Chosen) {
    let cache = Cached { subject, store, without: "no spectrogram" };
    let mut sections: BTreeMap<usize, Result<Section, String>> = BTreeMap::new();
    let mut unheard = BTreeSet::new();
    for pick in worst(&chosen.sections) {
        let (id, node) = judged[pick.section];
        let load = || match cache.features(&id.section, node) {
            Ok((_, features)) if !axes::in_decibels(&features.feature) => {
                Err("The features of this setting are no spectrograms in dB, so none are shown."
                    .to_owned())
            }
            Ok(_) => Section::load(&cache, id, node).map_err(|error| why(&error)),
            Err(error) => Err(why(&error)),
        };
        match sections.entry(pick.section).or_insert_with(load) {
            Ok(section) => {
                let name = &chosen.sections[pick.section].clips[pick.clip].name;
                if let Some(panel) = section.panel(name) {
                    let (matrix, frequency) =
                        (panel.matrix.to_owned(), section.frequency(panel.matrix.ncols()));
                    chosen.heard.push(Heard { pick, matrix, time: panel.time, frequency });
                }
            }
            Err(why) => drop(unheard.insert(why.clone())),
        }
    }
    chosen.unheard = unheard.into_iter().collect();
}
