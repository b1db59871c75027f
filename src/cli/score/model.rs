//! Choosing a model of a run: by the label of a stage, or by a section and swept settings.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::CliError;
use crate::cli::cached::Cached;
use crate::cli::view::{mistake, no_table};
use crate::diagnose::suggest;
use crate::plan::NodeId;
use crate::report::NoTable;
use crate::run::Head;
use crate::source::SectionId;
use crate::stage::Item;

/// The most labels named in a hint.
const NAMED: usize = 3;

/// The stages of one model and one section.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub section: SectionId,
    pub scoring: NodeId,
    pub training: NodeId,
    /// The metrics node, which has the threshold.
    pub result: NodeId,
    point: usize,
}

/// The model for a label and swept settings.
///
/// Errors: there is no such model, or several.
pub fn choose(
    cached: &Cached,
    label: &str,
    filters: &[(String, String)],
) -> Result<Chosen, CliError> {
    let (plan, head) = (&cached.subject.plan, &cached.subject.head);
    let points = points(head, filters)?;
    let (mut meant, mut sections, mut labels) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for point in points {
        for (section, result) in &plan.results[point] {
            let scoring = cached.need(*result, Item::Scores)?;
            let training = cached.need(scoring, Item::Model)?;
            let about = format!("{}/{}", section.machine, section.section);
            let own = [scoring, training, *result].map(|node| plan.node(node).label.as_str());
            if label == about || own.contains(&label) {
                meant.push(Chosen {
                    section: section.clone(),
                    scoring,
                    training,
                    result: *result,
                    point,
                });
            }
            labels.extend(own);
            sections.insert(about);
        }
    }
    let Some(first) = meant.first() else {
        let message = format!("no model is called `{label}`");
        let known = sections.iter().map(String::as_str);
        let hint = match label.matches('/').count() > 1 {
            true => suggest(label, known.chain(labels).collect::<Vec<_>>()),
            false => suggest(label, known),
        };
        return Err(mistake("E0703", message, hint));
    };
    let of = |node: fn(&Chosen) -> NodeId| meant.iter().map(node).collect::<BTreeSet<NodeId>>();
    if of(|chosen| chosen.scoring).len() > 1 {
        return Err(several(cached, label, &meant, |chosen| chosen.scoring, "models"));
    }
    if of(|chosen| chosen.result).len() > 1 {
        return Err(several(cached, label, &meant, |chosen| chosen.result, "thresholds"));
    }
    Ok(first.clone())
}

/// The properties that distinguish several models: settings, sections, or the labels of stages.
fn several(
    cached: &Cached,
    label: &str,
    meant: &[Chosen],
    node: fn(&Chosen) -> NodeId,
    what: &str,
) -> CliError {
    let (plan, head) = (&cached.subject.plan, &cached.subject.head);
    let nodes: BTreeMap<NodeId, &Chosen> =
        meant.iter().rev().map(|chosen| (node(chosen), chosen)).collect();
    let message = format!("`{label}` names {} {what}", nodes.len());
    let settings: Vec<_> =
        nodes.values().map(|chosen| head.settings(&head.points[chosen.point])).collect();
    let differs =
        |path: &&String| settings.iter().any(|other| other.get(*path) != settings[0].get(*path));
    let axes = head.axes.iter().map(|axis| &axis.path).filter(differs);
    let axes = axes.filter_map(|path| Some(format!("--where {path}='{}'", settings[0].get(path)?)));
    let axes: Vec<String> = axes.collect();
    let labels = nodes
        .keys()
        .take(NAMED)
        .map(|id| format!("`{}`", plan.node(*id).label))
        .collect::<Vec<_>>()
        .join(", ");
    let hint = match axes.is_empty() {
        true => format!("write the label of a stage, such as {labels}"),
        false => format!(
            "choose one, as in `{}`; or write the label of a stage, such as {labels}",
            axes.join(" ")
        ),
    };
    mistake("E0703", message, hint)
}

/// The numbers of the points with these values of swept settings. A value is a label or its first
/// word.
fn points(head: &Head, filters: &[(String, String)]) -> Result<Vec<usize>, CliError> {
    let mut wanted: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in filters {
        let last = |path: &str| path.rsplit('.').next() == Some(name.as_str());
        let place = head.axes.iter().position(|axis| axis.path == *name);
        let Some(place) = place.or_else(|| head.axes.iter().position(|axis| last(&axis.path)))
        else {
            let known = head.axes.iter().map(|axis| axis.path.clone()).collect();
            return Err(no_table(NoTable::Unknown { name: name.clone(), known }));
        };
        let axis = &head.axes[place];
        let exact: Vec<&str> =
            axis.labels.iter().map(String::as_str).filter(|label| label == value).collect();
        let first_word = |label: &&str| label.split(' ').next() == Some(value);
        let meant: Vec<&str> = match exact.is_empty() {
            true => axis.labels.iter().map(String::as_str).filter(first_word).collect(),
            false => exact,
        };
        if meant.is_empty() {
            let (axis, known) = (axis.path.clone(), axis.labels.clone());
            return Err(no_table(NoTable::Value { axis, value: value.clone(), known }));
        }
        wanted.entry(place).or_default().extend(meant);
    }
    let has = |values: &[Option<String>]| {
        wanted.iter().all(|(place, meant)| {
            values[*place].as_deref().is_some_and(|label| meant.contains(label))
        })
    };
    let points: Vec<usize> =
        (0..head.points.len()).filter(|number| has(&head.points[*number].values)).collect();
    if points.is_empty() { Err(no_table(NoTable::Nothing)) } else { Ok(points) }
}
