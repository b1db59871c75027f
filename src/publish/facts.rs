//! What is published of a run: settings, numbers and curves of each point, under names that other
//! programs take.

use std::collections::BTreeMap;

use serde_json::Value;

use super::names::{Taken, folder, key, part};
use crate::digest::Digest;
use crate::report::{By, PointResults, Results};

/// Digits of the digest of a run in names.
const DIGITS: usize = 8;

/// A run.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Of the experiment, as its author wrote it.
    pub name: String,
    pub question: Option<String>,
    pub run: Digest,
    /// In order of the sweep; those without any number are left out.
    pub points: Vec<PointFacts>,
    /// The stages with curves, each once.
    pub stages: Vec<StageFacts>,
}

/// A point of the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct PointFacts {
    /// `detector=knn, seed=0`; empty if nothing is swept.
    pub label: String,
    /// Its place among the points of the run.
    pub number: usize,
    /// Of all its settings, by which it is found again, in other runs, too.
    pub digest: Digest,
    /// Swept settings with their labels, then all other settings, by path.
    pub settings: Vec<(String, String)>,
    /// Finite numbers by name: `official`, `mean/auc`, `auc_source/fan/00`.
    pub numbers: Vec<(String, f64)>,
    /// Values by epoch, `training_loss/fan/00`.
    pub curves: Vec<(String, Vec<f64>)>,
    /// Whether all sections have numbers.
    pub complete: bool,
}

/// A stage that was trained in epochs.
#[derive(Clone, Debug, PartialEq)]
pub struct StageFacts {
    /// Its label as a path of folders.
    pub folder: String,
    /// `loss`, `validation_loss` and so on: one value an epoch.
    pub curves: Vec<(String, Vec<f64>)>,
}

/// A training as it stands in a point.
#[derive(Clone, Debug)]
pub struct Training<'a> {
    /// `training` or `network`.
    pub kind: &'a str,
    /// The label of the stage.
    pub label: &'a str,
    /// Which of the models of the stage it is; empty if there is one.
    pub member: &'a str,
    /// The sections whose results need it, of this point.
    pub sections: Vec<(&'a str, &'a str)>,
    pub curves: &'a BTreeMap<String, Vec<f64>>,
}

impl Facts {
    /// The facts of some results. `settings` are all settings of each point, `trainings` those that
    /// each point needs.
    pub fn of(
        results: &Results,
        run: Digest,
        settings: &[Value],
        trainings: &[Vec<Training>],
    ) -> Self {
        let point = |point: &PointResults| {
            let none = Vec::new();
            let trainings = trainings.get(point.number).unwrap_or(&none);
            PointFacts::of(results, point, settings.get(point.number), trainings)
        };
        let points = results.points.iter().filter(|point| !point.rows.is_empty()).map(point);
        Self {
            name: results.name.clone(),
            question: results.question.clone(),
            run,
            points: points.collect(),
            stages: stages(trainings),
        }
    }

    /// `NAME@DIGEST`, as `report` and `show` call it.
    pub fn title(&self) -> String {
        format!("{}@{}", self.name, &self.run.hex()[..DIGITS])
    }
}

impl PointFacts {
    fn of(
        results: &Results,
        point: &PointResults,
        settings: Option<&Value>,
        trainings: &[Training],
    ) -> Self {
        let mut leaves = BTreeMap::new();
        settings.into_iter().for_each(|settings| flatten(settings, String::new(), &mut leaves));
        let digest = Digest::of(&serde_json::to_vec(&leaves).expect("texts are JSON"));
        let swept = |path: &String| Some((path.clone(), point.settings.get(path)?.clone()));
        let mut listed: Vec<(String, String)> = results.axes.iter().filter_map(swept).collect();
        listed.extend(leaves.into_iter().filter(|(path, _)| !point.settings.contains_key(path)));
        let mut taken = Taken::default();
        Self {
            label: label(&results.axes, point),
            number: point.number,
            digest,
            settings: listed,
            numbers: numbers(point, &mut taken),
            curves: curves(trainings, &mut taken),
            complete: point.absent.is_empty(),
        }
    }
}

/// The values of swept settings, each with the last word of its path, or with all of it where two
/// paths end alike.
fn label(axes: &[String], point: &PointResults) -> String {
    let last = |path: &'_ str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let name = |path: &String| {
        let alike = axes.iter().filter(|other| last(other) == last(path)).count();
        if alike > 1 { path.clone() } else { last(path) }
    };
    let named = |path: &String| Some(format!("{}={}", name(path), point.settings.get(path)?));
    axes.iter().filter_map(named).collect::<Vec<_>>().join(", ")
}

/// Means first. A metric is called by its domain as well, an end of an interval by `_low` and
/// `_high`; rows of single attributes are left out.
fn numbers(point: &PointResults, taken: &mut Taken) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    let mut put = |name: String, value: Option<f64>| {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            found.push((taken.free(name), value));
        }
    };
    for (name, value) in By::NAMES.into_iter().zip(point.numbers()) {
        // Where MLflow keeps metrics in files, `auc` and `auc/fan` cannot both be one.
        let mean = if name == By::Official.name() { "" } else { "mean" };
        put(key([mean, name]), value);
    }
    for row in point.rows.iter().filter(|row| row.attribute.is_empty()) {
        let domain = if row.domain.is_empty() { "" } else { "_" };
        for (end, value) in [("", row.value), ("_low", row.low), ("_high", row.high)] {
            let metric = format!("{}{domain}{}{end}", row.metric, row.domain);
            put(key([metric.as_str(), &row.machine, &row.section]), value);
        }
    }
    found
}

/// Curves are called by what they are of, not by their stage's label: it holds values of settings,
/// and curves of different points are to be compared.
fn curves(trainings: &[Training], taken: &mut Taken) -> Vec<(String, Vec<f64>)> {
    let mut found = Vec::new();
    for Training { kind, member, sections, curves, .. } in trainings {
        let one = |mut all: Vec<&'_ str>| {
            all.dedup();
            if let [one] = all[..] { one.to_owned() } else { String::new() }
        };
        let machine = one(sections.iter().map(|(machine, _)| *machine).collect());
        let section = match sections[..] {
            [(_, section)] => section,
            _ => "",
        };
        for (metric, values) in *curves {
            let metric = format!("{kind}_{metric}");
            let parts = [metric.as_str(), &machine, section].into_iter().chain(member.split('/'));
            found.push((taken.free(key(parts)), values.clone()));
        }
    }
    found
}

/// The stages of all points, each once, in order of their labels.
fn stages(trainings: &[Vec<Training>]) -> Vec<StageFacts> {
    let all = trainings.iter().flatten();
    let distinct: BTreeMap<(&str, &str), &Training> =
        all.map(|training| ((training.label, training.member), training)).collect();
    let mut taken = Taken::default();
    let stage = |((label, member), training): ((&str, &str), &Training)| {
        let parts = label.split('/').chain(member.split('/')).filter(|part| !part.is_empty());
        let path = parts.map(folder).collect::<Vec<_>>().join("/");
        let curve = |(name, values): (&String, &Vec<f64>)| (part(name), values.clone());
        StageFacts { folder: taken.free(path), curves: training.curves.iter().map(curve).collect() }
    };
    distinct.into_iter().map(stage).collect()
}

/// All leaves of settings by path. Nulls are settings that are not there.
fn flatten(value: &Value, path: String, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (word, value) in map {
                let path = if path.is_empty() { word.clone() } else { format!("{path}.{word}") };
                flatten(value, path, leaves);
            }
        }
        Value::Null => {}
        Value::String(text) => drop(leaves.insert(path, text.clone())),
        value => drop(leaves.insert(path, value.to_string())),
    }
}

#[cfg(test)]
mod tests;
