//! The facts of a run: results, settings and training curves.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::once;

use crate::cli::report::from_cache;
use crate::cli::session::closure;
use crate::cli::subject::Subject;
use crate::cli::{CliError, curves, output};
use crate::plan::NodeId;
use crate::publish::{Facts, Training};
use crate::report::TrainingCurve;
use crate::source::SectionId;
use crate::store::Store;

/// The facts of a run or a spec, as far as the cache has them. Models that are gone from it are
/// reported on stderr.
///
/// Errors: a model or the cache cannot be read.
pub fn of(subject: &Subject, store: &Store) -> Result<Facts, CliError> {
    let (mut trained, mut gone): (Vec<(NodeId, Vec<TrainingCurve>)>, usize) = (Vec::new(), 0);
    for node in subject.plan.nodes() {
        let (curves, lost) = curves::of(subject, store, once(node))?;
        gone += lost;
        if !curves.is_empty() {
            trained.push((node, curves));
        }
    }
    if gone > 0 {
        output::tell(&format!("note: {gone} models are gone from the cache, and their curves"));
    }
    let results = from_cache(subject, store);
    let trainings: Vec<Vec<Training>> =
        subject.plan.results.iter().map(|point| trainings(subject, &trained, point)).collect();
    let run = subject.run();
    Ok(Facts::of(&results, run.digest(), &run.body.settings, &trainings))
}

/// The trainings that the results of a point need, in plan order.
fn trainings<'a>(
    subject: &'a Subject,
    trained: &'a [(NodeId, Vec<TrainingCurve>)],
    point: &'a BTreeMap<SectionId, NodeId>,
) -> Vec<Training<'a>> {
    if trained.is_empty() {
        return Vec::new();
    }
    let needs: Vec<(&SectionId, BTreeSet<NodeId>)> = point
        .iter()
        .map(|(section, result)| (section, closure(&subject.plan, [*result])))
        .collect();
    let mut found = Vec::new();
    for (node, curves) in trained {
        let of_node = needs.iter().filter(|(_, needs)| needs.contains(node));
        let sections: Vec<(&str, &str)> =
            of_node.map(|(id, _)| (id.machine.as_str(), id.section.as_str())).collect();
        if sections.is_empty() {
            continue;
        }
        let stage = subject.plan.node(*node);
        found.extend(curves.iter().map(|curve| Training {
            kind: stage.stage.name(),
            label: &stage.label,
            // A model of several is called by the label and, behind it, its own name.
            member: curve.label.strip_prefix(stage.label.as_str()).unwrap_or_default().trim(),
            sections: sections.clone(),
            curves: &curve.metrics,
        }));
    }
    found
}
