//! `humshift report --format html`: gathers the content of a run's page from the cache.
//!
//! It runs nothing. Data that was evicted from the cache or cannot be read is left out of the page,
//! and the page says so.

mod closely;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use super::subject::Subject;
use super::{CliError, proof};
use crate::digest::Digest;
use crate::exec::Standing;
use crate::plan::NodeId;
use crate::report::html::{About, Figure, Kind, Page, Seen, Swept, best, page};
use crate::report::{self, REPETITIONS, Results, csv};
use crate::run::Run;
use crate::stage::{STAGES, StageSpec};
use crate::store::Store;

/// The page of results, which may be a part of the subject's results.
pub fn text(subject: &Subject, store: &Store, results: &Results) -> String {
    with(subject, store, results, page)
}

/// The figures of that page as files.
pub fn figures(subject: &Subject, store: &Store, results: &Results) -> Vec<Figure> {
    with(subject, store, results, report::html::figures)
}

fn with<T>(
    subject: &Subject,
    store: &Store,
    results: &Results,
    make: impl FnOnce(&Page) -> T,
) -> T {
    let run = subject.run();
    let swept = swept(&run, results);
    let nearest = best(results);
    let chosen = nearest.map(|point| closely::closely(subject, store, results, point, &run));
    let number = nearest.map_or(0, |point| results.points[point].number);
    let stages = kinds(subject);
    let about = about(subject, store, results, number, &run);
    make(&Page { results, swept: &swept, chosen: chosen.as_ref(), stages: &stages, about: &about })
}

/// The swept settings, with the labels of the results, which the user may have changed.
fn swept(run: &Run, results: &Results) -> Vec<Swept> {
    let axes = run.head.axes.iter().enumerate().map(|(place, axis)| {
        let shown = |label: &String| {
            let has = |number: usize| {
                run.head.points.get(number).and_then(|point| point.values[place].as_ref())
            };
            let point = results.points.iter().find(|point| has(point.number) == Some(label));
            point.and_then(|point| point.settings.get(&axis.path)).unwrap_or(label).clone()
        };
        Swept {
            path: axis.path.clone(),
            labels: axis.labels.iter().map(shown).collect(),
            numbers: axis.values.iter().map(serde_json::Value::as_f64).collect(),
        }
    });
    axes.collect()
}

/// All stages that a point needs.
fn needed(subject: &Subject, point: usize) -> BTreeSet<NodeId> {
    let mut open: Vec<NodeId> =
        subject.plan.results.get(point).into_iter().flat_map(BTreeMap::values).copied().collect();
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(subject.plan.needs(id).iter().map(|need| need.node));
        }
    }
    found
}

/// The models among the stages that a point needs.
fn models(subject: &Subject, point: usize) -> Vec<NodeId> {
    let is_model = |id: &NodeId| {
        matches!(subject.plan.node(*id).stage, StageSpec::Network(_) | StageSpec::Training(_))
    };
    needed(subject, point).into_iter().filter(is_model).collect()
}

fn kinds(subject: &Subject) -> Vec<Kind> {
    let plan = &subject.plan;
    let place = |id: NodeId| {
        let name = plan.node(id).stage.name();
        STAGES.iter().position(|kind| *kind == name).unwrap_or(STAGES.len())
    };
    let mut found: BTreeMap<usize, Kind> = BTreeMap::new();
    for id in plan.nodes() {
        let kind = found.entry(place(id)).or_default();
        kind.name = plan.node(id).stage.name().to_owned();
        kind.stages += 1;
        if let Standing::Cached { record, .. } = &subject.standings[id.index()] {
            kind.cached += 1;
            kind.seconds += record.seconds;
        }
        kind.needs.extend(plan.needs(id).iter().map(|need| place(need.node)));
    }
    for id in (0..plan.results.len()).flat_map(|point| needed(subject, point)) {
        if let Some(kind) = found.get_mut(&place(id)) {
            kind.uses += 1;
        }
    }
    // Converts indices among all kinds to indices among the existing kinds.
    let there: Vec<usize> = found.keys().copied().collect();
    let number = |kind: &usize| there.iter().position(|other| other == kind);
    let numbered =
        |kind: Kind| Kind { needs: kind.needs.iter().filter_map(number).collect(), ..kind };
    found.into_values().map(numbered).collect()
}

fn about(subject: &Subject, store: &Store, results: &Results, number: usize, run: &Run) -> About {
    let mut seen = Vec::new();
    let (mut unproved, mut held) = (BTreeSet::new(), BTreeSet::new());
    for id in models(subject, number) {
        match proof::prove(subject, id, store) {
            Ok(proof) => {
                unproved.extend(proof.remarks());
                held.extend(proof.held());
                let (label, key, test) = (proof.label.clone(), proof.key.clone(), proof.test_clips);
                seen.push(Seen { label, key, training: proof.training(), test });
            }
            Err(error) => drop(unproved.insert(why(&error))),
        }
    }
    let swept = run.head.axes.iter().filter(|axis| REPETITIONS.contains(&axis.path.as_str()));
    let swept: Vec<String> =
        swept.map(|axis| format!("{}: {}", axis.path, axis.labels.join(", "))).collect();
    let one = run.body.settings.get(number).and_then(|settings| settings.get("seed"));
    About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.digest().hex(),
        results: Digest::of(csv(results).as_bytes()).hex(),
        points: results.points.len(),
        seeds: match (swept.is_empty(), one) {
            (false, _) => swept.join("; "),
            (true, Some(seed)) => seed.to_string(),
            (true, None) => "not known".to_owned(),
        },
        notes: run.head.notes.clone(),
        seen,
        held: held.into_iter().collect(),
        unproved: unproved.into_iter().collect(),
    }
}

/// An error as a sentence for a page.
fn why(error: &CliError) -> String {
    let message = match error {
        CliError::Diagnostics(all) => {
            all.first().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default()
        }
        CliError::Store(error) => error.to_string(),
    };
    let mut letters = message.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}
