//! Baselines: earlier results in a small file of the repository, and how far new results fall below
//! them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Results;
use super::aggregate::{By, Group, Stat};
use super::effects::LEVEL;
use super::number::{DASH, share};
use crate::document::{Cell, Document, Table};
use crate::metric::{Interval, PairedMean, paired_mean};

/// The numbers of all settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The experiment.
    pub name: String,
    /// The number's name: `official`, `auc` and so on.
    pub number: String,
    pub settings: Vec<Kept>,
}

/// The numbers of one setting, each a mean over seeds and draws, as a share and not in per cent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Swept settings by path, as labels.
    pub settings: BTreeMap<String, String>,
    pub score: Option<f64>,
    /// By machine and section.
    pub sections: BTreeMap<String, f64>,
}

/// A setting whose numbers differ from the baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    settings: BTreeMap<String, String>,
    old: Option<f64>,
    new: Option<f64>,
    /// New minus old, over the sections that both have.
    difference: Option<PairedMean>,
}

impl Baseline {
    /// The baseline made from results.
    pub fn of(results: &Results, by: By) -> Self {
        let settings = results.groups().iter().map(|group| kept(group, by)).collect();
        Self { name: results.name.clone(), number: by.name().to_owned(), settings }
    }

    /// The differences in `results`: changed numbers, and settings that only one side has.
    pub fn changes(&self, results: &Results, by: By) -> Vec<Change> {
        let new = Self::of(results, by).settings;
        let partner = |kept: &Kept, all: &[Kept]| {
            all.iter().find(|other| other.settings == kept.settings).cloned()
        };
        let change = |old: Option<Kept>, new: Option<Kept>| {
            let settings =
                old.as_ref().or(new.as_ref()).map(|kept| kept.settings.clone()).unwrap_or_default();
            let differences: Vec<f64> = match (&old, &new) {
                (Some(old), Some(new)) => new
                    .sections
                    .iter()
                    .filter_map(|(section, x)| Some(x - old.sections.get(section)?))
                    .collect(),
                _ => Vec::new(),
            };
            let [old, new] = [old, new].map(|kept| kept.and_then(|kept| kept.score));
            Change { settings, old, new, difference: paired_mean(&differences, LEVEL) }
        };
        let kept = self.settings.iter().map(|old| change(Some(old.clone()), partner(old, &new)));
        let added = new.iter().filter(|new| partner(new, &self.settings).is_none());
        kept.chain(added.map(|new| change(None, Some(new.clone()))))
            .filter(|change| change.old != change.new)
            .collect()
    }
}

impl Change {
    /// The drop of the score; infinite if it can no longer be computed or the setting is gone.
    pub fn drop(&self) -> f64 {
        match (self.old, self.new) {
            (Some(old), Some(new)) => old - new,
            (Some(_), None) => f64::INFINITY,
            (None, _) => 0.0,
        }
    }

    /// Its settings in one text.
    pub fn label(&self) -> String {
        let labels: Vec<&str> = self.settings.values().map(String::as_str).collect();
        if labels.is_empty() { "all".to_owned() } else { labels.join(", ") }
    }
}

/// The changes as a table.
pub fn changes(changes: &[Change], by: By) -> Document {
    let mut table = Table::new(["setting", "baseline", "now", "difference over the sections"]);
    for change in changes {
        let score = |x: Option<f64>| x.map_or_else(|| DASH.into(), share);
        let points = |x: f64| format!("{:.2}", 100.0 * x).replace('-', "\u{2212}");
        let difference = change.difference.map_or_else(Cell::default, |found| {
            let interval = found
                .interval
                .map(|Interval { low, high }| format!(" [{}, {}]", points(low), points(high)));
            Cell::number(Some(found.mean), points(found.mean) + &interval.unwrap_or_default())
        });
        table.push(vec![change.label().into(), score(change.old), score(change.new), difference]);
    }
    let text = format!(
        "The numbers are {} in %. Difference: mean over the sections, with its 95 % interval.",
        by.title()
    );
    Document::default().heading(2, "Changes against the baseline").table(table).text(text)
}

fn kept(group: &Group, by: By) -> Kept {
    let points: Vec<_> = group.points.iter().map(|point| point.sections()).collect();
    let score =
        Stat::of(&points.iter().map(|sections| by.of(sections.values())).collect::<Vec<_>>());
    let first = points.first().into_iter().flat_map(BTreeMap::keys);
    let section = |id: &(&str, &str)| {
        let of = |sections: &BTreeMap<(&str, &str), _>| by.of(sections.get(id).into_iter());
        let values: Vec<Option<f64>> = points.iter().map(of).collect();
        Some((format!("{} {}", id.0, id.1), Stat::of(&values)?.mean))
    };
    Kept {
        settings: group
            .settings
            .iter()
            .map(|(path, label)| ((*path).to_owned(), (*label).to_owned()))
            .collect(),
        score: score.map(|score| score.mean),
        sections: first.filter_map(section).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::systems::testing::results;
    use super::*;

    #[test]
    fn a_drop_is_told_with_its_sections() {
        let before = results(
            "detector",
            &[("a", "0", &[Some(0.9), Some(0.8)]), ("b", "0", &[Some(0.5), Some(0.5)])],
        );
        let after = results(
            "detector",
            &[("a", "0", &[Some(0.9), Some(0.7)]), ("b", "0", &[Some(0.5), Some(0.5)])],
        );
        let baseline = Baseline::of(&before, By::AucSource);
        assert_eq!(baseline.changes(&before, By::AucSource), []);
        let text = serde_json::to_string(&baseline).unwrap();
        assert_eq!(serde_json::from_str::<Baseline>(&text).unwrap(), baseline);
        let found = baseline.changes(&after, By::AucSource);
        assert_eq!((found.len(), found[0].label().as_str()), (1, "a"));
        assert!((found[0].drop() - 0.05).abs() < 1e-12);
        let told = changes(&found, By::AucSource).markdown();
        assert!(told.contains("| a       |    85.00 | 80.00 |"), "{told}");
    }

    #[test]
    fn a_setting_that_is_gone_fell_for_good_and_a_new_one_did_not() {
        let before = results("detector", &[("a", "0", &[Some(0.9)])]);
        let after = results("detector", &[("b", "0", &[Some(0.9)])]);
        let drops: Vec<f64> = Baseline::of(&before, By::Auc)
            .changes(&after, By::Auc)
            .iter()
            .map(Change::drop)
            .collect();
        assert_eq!(drops, [f64::INFINITY, 0.0]);
    }
}
