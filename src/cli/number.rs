//! `humshift explain --number`: from a cell of a table to the clips behind it.
//!
//! An AUC is the share of pairs of a normal and an anomalous clip in which the anomalous one scores higher. So each clip has
//! its part in it, and the clips that cost most are the ones to listen to.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::Serialize;

use super::cached::Cached;
use super::subject::Subject;
use super::{CliError, Exit, output};
use crate::artifact::{Clip, ClipSet, Label, MetricRow, MetricTable, Scores, Split};
use crate::diagnose::{Diagnostic, suggest};
use crate::exec::Standing;
use crate::metric::{Ties, auc};
use crate::plan::NodeId;
use crate::shown::shown;
use crate::stage::{Item, StageSpec};
use crate::store::Store;

/// The clips of each label that are named in text.
const NAMED: usize = 5;

/// A number, and what it was made of.
#[derive(Serialize)]
struct Walk {
    number: String,
    value: f64,
    /// The AUC computed again from the scores; absent for other numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<f64>,
    normals: Vec<Part>,
    anomalies: Vec<Part>,
    stages: Vec<Link>,
}

/// A clip and its part in the number.
#[derive(Serialize)]
struct Part {
    clip: String,
    score: f64,
    /// Clips of the other label that it stands in the wrong order with; a tie counts one half.
    wrong: f64,
}

/// A stage on the way to the number.
#[derive(Serialize)]
struct Link {
    label: String,
    key: String,
    outputs: Vec<(String, String)>,
}

/// Tells what a number of a metrics stage was made of. `number` names it: `auc@target`, `auc@vel=12`, `pauc`.
///
/// Errors: the stage makes no metrics, has no such number, or something on the way is not in the cache.
pub fn tell(
    subject: &Subject,
    id: NodeId,
    number: &str,
    store: &Store,
    as_json: bool,
) -> Result<Exit, CliError> {
    let label = &subject.plan.node(id).label;
    let StageSpec::Metrics(spec) = &subject.plan.node(id).stage else {
        let message = format!("`{label}` makes no numbers of a table");
        let hint = "name the stage `metrics/…` of the cell; `plan` shows all labels";
        return Err(vec![Diagnostic::new("E0744", message).hint(hint)].into());
    };
    let cache = Cached { subject, store, without: "no number" };
    let table: MetricTable = cache.artifact(id, Item::Metrics)?;
    let names: Vec<String> = table.rows.iter().map(name).collect();
    let found = table.rows.iter().zip(&names).find(|(_, name)| *name == number);
    let Some((row, _)) = found else {
        let message = format!("`{label}` has no number `{number}`");
        let hint = suggest(number, names.iter().map(String::as_str));
        return Err(vec![Diagnostic::new("E0744", message).hint(hint)].into());
    };
    if !matches!(row.metric.as_str(), "auc" | "pauc") {
        let message = format!("`{number}` compares no pairs of clips: only an AUC or a pAUC does");
        return Err(CliError::usage("E0744", message));
    }
    let Some(value) = row.value else {
        let message = format!("`{label}` has no value of `{number}`: {}", row.missing);
        return Err(CliError::usage("E0744", message));
    };
    let dataset = cache.need(id, (Split::Test, Item::Clips))?;
    let clips: ClipSet = cache.artifact(dataset, (Split::Test, Item::Clips))?;
    let scores: Scores = cache.artifact(cache.need(id, Item::Scores)?, Item::Scores)?;
    let tie = if spec.ties == Ties::Half || row.metric == "pauc" { 0.5 } else { 1.0 };
    let (normals, anomalies) = parts(row, &clips, &scores, tie);
    let values = |parts: &[Part]| parts.iter().map(|part| part.score).collect::<Vec<_>>();
    let again = (row.metric == "auc")
        .then(|| auc(&values(&normals), &values(&anomalies), spec.ties))
        .flatten();
    let walk = Walk {
        number: format!("{number} of {}/{}", row.machine, row.section),
        value,
        again,
        normals,
        anomalies,
        stages: links(subject, id),
    };
    if as_json {
        output::json(&walk);
    } else {
        walk.lines().iter().for_each(|line| output::line(&shown(line)));
    }
    Ok(Exit::Done)
}

/// The name of a number on the command line.
fn name(row: &MetricRow) -> String {
    let MetricRow { metric, domain, attribute, value_of_attribute, .. } = row;
    match (attribute.as_str(), domain.as_str()) {
        ("", "") => metric.clone(),
        ("", domain) => format!("{metric}@{domain}"),
        (attribute, _) => format!("{metric}@{attribute}={value_of_attribute}"),
    }
}

/// The normal clips behind a row, and all anomalous ones of its section; those that cost most come first.
fn parts(
    row: &MetricRow,
    clips: &ClipSet,
    Scores(scores): &Scores,
    tie: f64,
) -> (Vec<Part>, Vec<Part>) {
    let own = |clip: &&Clip| clip.machine == row.machine && clip.section == row.section;
    let counts = |clip: &&Clip| {
        let domain = row.domain.is_empty()
            || !row.attribute.is_empty()
            || clip.domain.is_some_and(|domain| domain.to_string() == row.domain);
        let value = clip.attributes.get(&row.attribute);
        domain && (row.attribute.is_empty() || value == Some(&row.value_of_attribute))
    };
    let all: Vec<&Clip> = clips.clips().iter().filter(own).collect();
    let with = |label: Label, counts: &dyn Fn(&&Clip) -> bool| -> Vec<(&Clip, f64)> {
        let some = all.iter().filter(|clip| clip.label == Some(label) && counts(clip));
        some.filter_map(|clip| Some((*clip, *scores.get(&clip.id)?))).collect()
    };
    let normals = with(Label::Normal, &counts);
    let anomalies = with(Label::Anomaly, &|_| true);
    let wrong = |normal: f64, anomaly: f64| match anomaly.total_cmp(&normal) {
        Ordering::Less => 1.0,
        Ordering::Equal => tie,
        Ordering::Greater => 0.0,
    };
    let part = |(clip, score): &(&Clip, f64), wrong: f64| Part {
        clip: clip.id.clone(),
        score: *score,
        wrong,
    };
    let costly = |mut parts: Vec<Part>| {
        parts.sort_by(|a, b| b.wrong.total_cmp(&a.wrong).then_with(|| a.clip.cmp(&b.clip)));
        parts
    };
    let of_normal = |normal: &(&Clip, f64)| {
        part(normal, anomalies.iter().map(|anomaly| wrong(normal.1, anomaly.1)).sum())
    };
    let of_anomaly = |anomaly: &(&Clip, f64)| {
        part(anomaly, normals.iter().map(|normal| wrong(normal.1, anomaly.1)).sum())
    };
    (
        costly(normals.iter().map(of_normal).collect()),
        costly(anomalies.iter().map(of_anomaly).collect()),
    )
}

/// The stage and all stages that it needs, from the number to the recordings.
fn links(subject: &Subject, id: NodeId) -> Vec<Link> {
    let (mut seen, mut stack) = (BTreeSet::new(), vec![id]);
    while let Some(id) = stack.pop() {
        if seen.insert(id) {
            stack.extend(subject.plan.needs(id).iter().map(|need| need.node));
        }
    }
    let link = |id: NodeId| {
        let Standing::Cached { key, record } = &subject.standings[id.index()] else { return None };
        let output = |(role, object): (&String, &crate::store::ObjectRef)| {
            (role.clone(), object.digest.hex())
        };
        Some(Link {
            label: subject.plan.node(id).label.clone(),
            key: key.hex(),
            outputs: record.outputs.iter().map(output).collect(),
        })
    };
    seen.into_iter().rev().filter_map(link).collect()
}

impl Walk {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{}: {}", self.number, self.value)];
        if let Some(again) = self.again {
            let pairs = self.normals.len() * self.anomalies.len();
            let wrong: f64 = self.normals.iter().map(|part| part.wrong).sum();
            let same = if again == self.value { "the same" } else { "ANOTHER NUMBER" };
            lines.push(format!(
                "{} normal clips against {} anomalous ones: {} of {pairs} pairs in order; from the scores again {again}, {same}",
                self.normals.len(),
                self.anomalies.len(),
                pairs as f64 - wrong,
            ));
        }
        let told = [
            (&self.normals, self.anomalies.len(), "anomalous clips score no higher"),
            (&self.anomalies, self.normals.len(), "normal clips score no lower"),
        ];
        for (parts, all, others) in told {
            lines.extend(parts.iter().take(NAMED).map(|Part { clip, score, wrong }| {
                format!("  {clip}  {score:.4}: {wrong} of {all} {others}")
            }));
        }
        for Link { label, key, outputs } in &self.stages {
            lines.push(format!("{label}  key {}", &key[..12]));
            let output = |(role, digest): &(String, String)| format!("  {role}  {}", &digest[..12]);
            lines.extend(outputs.iter().map(output));
        }
        lines
    }
}
