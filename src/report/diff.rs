//! The difference of two runs: changed settings, and their effect on the results.
//!
//! Points of the two runs are compared if they have the same settings. A section is one
//! observation, as in `--compare`: each pair of points gives one difference per section, and the
//! interval is that of their mean.

mod matching;
mod settings;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::aggregate::{By, Values};
use super::{PointResults, Results, is_repetition};
use crate::metric::{PairedMean, arithmetic_mean, paired_mean};

/// The confidence level of the intervals.
const LEVEL: f64 = 0.95;

/// One of the two runs.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Its name in tables.
    pub name: &'a str,
    pub results: &'a Results,
    /// All settings of each point, with defaults.
    pub settings: &'a [Value],
    /// The path of each axis, and the labels of its values.
    pub axes: &'a [(String, Vec<String>)],
}

/// The differences of two runs.
#[derive(Clone, Debug)]
pub struct Diff {
    names: [String; 2],
    by: By,
    settings: Vec<Setting>,
    /// Paths of the settings that distinguish the compared points, without seed and draw.
    axes: Vec<String>,
    /// Machine and section of the sections that both have.
    sections: Vec<(String, String)>,
    rows: Vec<Row>,
    pairs: Vec<Pair>,
    /// Whether both are one run, or have the same numbers at all points.
    same: Same,
    /// The labels of points that only one run has.
    only: [Vec<String>; 2],
    notes: Vec<String>,
    clips: Option<Clips>,
}

/// How much of two runs is the same.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Same {
    Run,
    Numbers,
    Less,
}

/// A setting that differs, as text; empty where a run lacks the setting.
#[derive(Clone, Debug, PartialEq)]
struct Setting {
    path: String,
    values: [String; 2],
}

/// Points with the same settings in both runs, by their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub points: [usize; 2],
    /// The labels of all its settings.
    label: String,
}

/// Pairs that differ only in seed or draw.
#[derive(Clone, Debug)]
struct Row {
    settings: Vec<String>,
    pairs: usize,
    /// The numbers over all sections that both runs have.
    values: [Option<f64>; 2],
    /// The second minus the first, section by section.
    difference: Option<PairedMean>,
}

/// The clips with different decisions.
#[derive(Clone, Debug, Default)]
pub struct Clips {
    pub changed: Vec<Changed>,
    /// The number of clips compared.
    pub compared: usize,
    /// Reasons why other clips were not compared.
    pub notes: BTreeSet<String>,
}

/// A test clip with a different decision.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The number of its pair of points.
    pub pair: usize,
    pub machine: String,
    pub section: String,
    pub clip: String,
    /// `normal`, `anomaly`, or empty if unknown.
    pub label: String,
    pub scores: [f64; 2],
    pub thresholds: [f64; 2],
}

/// Compares two runs by a number.
pub fn diff(a: Side, b: Side, by: By) -> Diff {
    let found = matching::pairs(a, b);
    let axes = matching::axes(a, b);
    let sections: [BTreeSet<(&str, &str)>; 2] = [a, b].map(|side| {
        let keys = side
            .results
            .points
            .iter()
            .flat_map(|point| point.sections().into_keys().collect::<Vec<_>>());
        keys.collect()
    });
    let common: Vec<(&str, &str)> = sections[0].intersection(&sections[1]).copied().collect();
    let mut notes = Vec::new();
    for (own, other, name) in
        [(&sections[0], &sections[1], a.name), (&sections[1], &sections[0], b.name)]
    {
        let names: Vec<String> = own
            .difference(other)
            .map(|(machine, section)| format!("{machine} {section}"))
            .collect();
        if !names.is_empty() {
            notes.push(format!("left out, only in {name}: {}", names.join(", ")));
        }
    }
    let mut groups: Vec<(Vec<String>, Vec<[usize; 2]>)> = Vec::new();
    let mut places: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let shown: Vec<&String> = axes.iter().filter(|axis| !is_repetition(axis)).collect();
    for points in &found.pairs {
        let settings: Vec<String> =
            shown.iter().map(|axis| matching::label(a, b, *points, axis)).collect();
        let place = *places.entry(settings.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((settings, Vec::new()));
        }
        groups[place].1.push(*points);
    }
    let rows: Vec<Row> = groups
        .into_iter()
        .map(|(settings, pairs)| row(a, b, settings, &pairs, &common, by))
        .collect();
    let differing: Vec<usize> = (0..shown.len())
        .filter(|c| rows.iter().any(|row| row.settings[*c] != rows[0].settings[*c]))
        .collect();
    let keep = |row: Row| Row {
        settings: differing.iter().map(|c| row.settings[*c].clone()).collect(),
        ..row
    };
    let whole = |points: &[usize; 2]| Pair {
        points: *points,
        label: matching::whole_label(a, b, *points, &axes),
    };
    let whole_runs = notes.is_empty() && found.only.iter().all(Vec::is_empty);
    let equal =
        |[left, right]: &[usize; 2]| a.results.points[*left].rows == b.results.points[*right].rows;
    let same = match a.name == b.name && a.name.contains('@') {
        true => Same::Run,
        false if whole_runs && !found.pairs.is_empty() && found.pairs.iter().all(equal) => {
            Same::Numbers
        }
        false => Same::Less,
    };
    Diff {
        names: [a.name.to_owned(), b.name.to_owned()],
        by,
        same,
        settings: settings::differing(a, b),
        axes: differing.iter().map(|c| shown[*c].clone()).collect(),
        sections: common
            .iter()
            .map(|(machine, section)| ((*machine).to_owned(), (*section).to_owned()))
            .collect(),
        rows: rows.into_iter().map(keep).collect(),
        pairs: found.pairs.iter().map(whole).collect(),
        only: [(a, &found.only[0]), (b, &found.only[1])].map(|(side, numbers)| {
            numbers.iter().map(|number| matching::own_label(side, *number)).collect()
        }),
        notes,
        clips: None,
    }
}

impl Diff {
    /// Points with the same settings in both runs.
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// The difference with the clips whose decisions changed.
    #[must_use]
    pub fn with_clips(self, clips: Clips) -> Self {
        Self { clips: Some(clips), ..self }
    }
}

fn row(
    a: Side,
    b: Side,
    settings: Vec<String>,
    pairs: &[[usize; 2]],
    common: &[(&str, &str)],
    by: By,
) -> Row {
    let of = |side: Side, which: usize| {
        Numbers::of(pairs.iter().map(|pair| &side.results.points[pair[which]]), common, by)
    };
    let (left, right) = (of(a, 0), of(b, 1));
    let both = left.sections.iter().zip(&right.sections).filter_map(|(a, b)| Some((*b)? - (*a)?));
    Row {
        settings,
        pairs: pairs.len(),
        values: [left.all, right.all],
        difference: paired_mean(&both.collect::<Vec<_>>(), LEVEL),
    }
}

/// A number of several points, as their mean.
struct Numbers {
    all: Option<f64>,
    /// One value per section, if it can be computed.
    sections: Vec<Option<f64>>,
}

impl Numbers {
    fn of<'a>(
        points: impl Iterator<Item = &'a PointResults>,
        common: &[(&str, &str)],
        by: By,
    ) -> Self {
        let points: Vec<Vec<Values>> = points
            .map(|point| {
                let found = point.sections();
                common
                    .iter()
                    .map(|section| found.get(section).copied().unwrap_or_default())
                    .collect()
            })
            .collect();
        let mean = |numbers: Vec<Option<f64>>| {
            arithmetic_mean(&numbers.into_iter().collect::<Option<Vec<f64>>>()?)
        };
        let of_section =
            |s: usize| mean(points.iter().map(|rows| by.of(rows[s..=s].iter())).collect());
        Self {
            all: mean(points.iter().map(|rows| by.of(rows.iter())).collect()),
            sections: (0..common.len()).map(of_section).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
