//! The settings of a sweep, the best first.

use std::collections::{BTreeMap, BTreeSet};

use super::super::aggregate::{By, Group, Stat, Values};
use super::super::effects::Scored;
use super::super::systems::named;
use super::super::{PointResults, Results};
use crate::metric::arithmetic_mean;

/// All settings, ranked by one number.
pub(super) struct Standings<'a> {
    pub by: By,
    /// Paths of the settings that are swept, seeds and draws aside.
    pub axes: Vec<String>,
    /// Machine and section, in order.
    pub sections: Vec<(&'a str, &'a str)>,
    /// The best first; those without the number last.
    pub systems: Vec<System<'a>>,
}

/// Points that differ in their seed or draw alone.
pub(super) struct System<'a> {
    pub group: Group<'a>,
    /// Its settings in one text, without those that all have.
    pub label: String,
    /// The number that it is ranked by.
    pub score: Option<Stat>,
    /// For each point its numbers by machine and section.
    points: Vec<BTreeMap<(&'a str, &'a str), Values>>,
}

impl<'a> Standings<'a> {
    pub fn of(results: &'a Results) -> Self {
        let by = By::usual(results);
        let axes = results.settings();
        let groups = results.groups();
        let differs = |path: &&String| {
            let values: BTreeSet<_> =
                groups.iter().map(|group| group.settings.get(path.as_str())).collect();
            values.len() > 1
        };
        let told: Vec<String> = axes.iter().filter(differs).cloned().collect();
        let system = |group: Group<'a>| {
            let words = told
                .iter()
                .filter_map(|path| Some(named(path, group.settings.get(path.as_str())?)));
            let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
            let label = if words.is_empty() { results.name.clone() } else { words.join(", ") };
            let points =
                group.points.iter().map(|point: &&'a PointResults| point.sections()).collect();
            let system = System { group, label, score: None, points };
            System { score: system.number(by), ..system }
        };
        let mut systems: Vec<System> = groups.into_iter().map(system).collect();
        let score = |system: &System| system.score.map_or(f64::NEG_INFINITY, |score| score.mean);
        systems.sort_by(|a, b| score(b).total_cmp(&score(a)));
        let sections = systems
            .iter()
            .flat_map(|system| system.points.iter().flat_map(BTreeMap::keys).copied());
        let sections: BTreeSet<(&str, &str)> = sections.collect();
        Self { by, axes, sections: sections.into_iter().collect(), systems }
    }

    /// The settings that have the number, as the effects of settings are computed from them.
    pub fn scored(&self) -> Vec<Scored<'a>> {
        let scored = |system: &System<'a>| {
            Some(Scored { group: system.group.clone(), score: system.score? })
        };
        self.systems.iter().filter_map(scored).collect()
    }

    /// How many settings have the number.
    pub fn counted(&self) -> usize {
        self.systems.iter().filter(|system| system.score.is_some()).count()
    }

    /// The number in words, as it stands in a sentence.
    pub fn word(&self) -> &'static str {
        if self.by == By::Official { "official score" } else { self.by.title() }
    }
}

impl System<'_> {
    /// A number over all sections.
    pub fn number(&self, by: By) -> Option<Stat> {
        Stat::of(&self.points.iter().map(|sections| by.of(sections.values())).collect::<Vec<_>>())
    }

    /// The mean over the sections of the ends of the intervals of an area, where each section has
    /// one.
    pub fn interval(&self, by: By) -> Option<(f64, f64)> {
        let column = match by {
            By::AucSource => 0,
            By::AucTarget => 1,
            By::Auc => 2,
            By::Pauc => 3,
            By::Official => return None,
        };
        let lines = self.group.sections();
        let ends: Vec<(f64, f64)> = lines
            .iter()
            .map(|line| line.intervals[column].map(|ends| (ends.low, ends.high)))
            .collect::<Option<_>>()?;
        let (low, high): (Vec<f64>, Vec<f64>) = ends.into_iter().unzip();
        Some((arithmetic_mean(&low)?, arithmetic_mean(&high)?))
    }

    /// A number of one section, by its column.
    pub fn of_section(&self, section: (&str, &str), column: usize) -> Option<Stat> {
        let of = |sections: &BTreeMap<(&str, &str), Values>| {
            sections.get(&section).and_then(|row| row[column]).flatten()
        };
        Stat::of(&self.points.iter().map(of).collect::<Vec<_>>())
    }

    /// The label of its value on an axis; empty where the axis does not concern it.
    pub fn value(&self, path: &str) -> &str {
        self.group.settings.get(path).copied().unwrap_or_default()
    }
}
