//! Means over sections, and mean and deviation over seeds.

use std::collections::BTreeMap;

use super::{PointResults, Results, is_repetition};
use crate::math;
use crate::metric::{Interval, arithmetic_mean, harmonic_mean};

/// A number over the seeds of a group: the mean and, with two or more seeds, the sample standard
/// deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stat {
    pub mean: f64,
    pub deviation: Option<f64>,
}

impl Stat {
    /// `None` unless every seed has a value, because a mean over some seeds cannot be compared with
    /// others.
    pub fn of(values: &[Option<f64>]) -> Option<Self> {
        let values: Vec<f64> = values.iter().copied().collect::<Option<_>>()?;
        let (n, mean) = (values.len(), mean_of_seeds(&values)?);
        let squares: f64 = values.iter().map(|x| math::square(x - mean)).sum();
        Some(Self { mean, deviation: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()) })
    }
}

/// A detector without randomness gives the same number for all seeds. The mean of equal numbers
/// must not differ from them in the last bit.
fn mean_of_seeds(values: &[f64]) -> Option<f64> {
    match values.iter().all(|x| Some(x) == values.first()) {
        true => values.first().copied(),
        false => arithmetic_mean(values),
    }
}

/// The number of columns.
pub const COUNT: usize = 15;

/// The columns of the field's table: domain, metric and title. Empty columns are not shown.
pub const COLUMNS: [(&str, &str, &str); COUNT] = [
    ("source", "auc", "AUC source"),
    ("target", "auc", "AUC target"),
    ("", "auc", "AUC"),
    ("", "pauc", "pAUC"),
    ("source", "precision", "precision source"),
    ("target", "precision", "precision target"),
    ("", "precision", "precision"),
    ("source", "recall", "recall source"),
    ("target", "recall", "recall target"),
    ("", "recall", "recall"),
    ("source", "f1", "F1 source"),
    ("target", "f1", "F1 target"),
    ("", "f1", "F1"),
    ("", DOMAIN_BALANCE, "domain distance"),
    ("", PSEUDO_ANOMALIES, "AUC pseudo-anomalies"),
];

/// Metrics of training clips alone.
pub const DOMAIN_BALANCE: &str = "domain_balance";
pub const PSEUDO_ANOMALIES: &str = "pseudo_anomalies";

/// One line of a group's table: a section, or a mean over sections.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub machine: String,
    pub section: String,
    /// In the order of `COLUMNS`.
    pub values: [Option<Stat>; COUNT],
    /// The intervals of a section, if every seed has one: means of their ends over the seeds.
    pub intervals: [Option<Interval>; COUNT],
}

/// Points that differ only in seed or draw.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    pub settings: BTreeMap<&'a str, &'a str>,
    pub points: Vec<&'a PointResults>,
}

impl Results {
    /// The points grouped by settings other than seed and draw, in order of first appearance.
    pub fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: BTreeMap<BTreeMap<&str, &str>, usize> = BTreeMap::new();
        for point in &self.points {
            let settings: BTreeMap<&str, &str> = (point.settings.iter())
                .filter(|(path, _)| !is_repetition(path))
                .map(|(path, label)| (path.as_str(), label.as_str()))
                .collect();
            let place = *places.entry(settings.clone()).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Group { settings, points: Vec::new() });
            }
            groups[place].points.push(point);
        }
        groups
    }

    /// Which of `COLUMNS` have a row at any point.
    pub fn columns(&self) -> [bool; COUNT] {
        COLUMNS.map(|(domain, metric, _)| {
            let mut rows = self.points.iter().flat_map(|p| &p.rows);
            rows.any(|r| r.domain == domain && r.metric == metric && r.attribute.is_empty())
        })
    }
}

/// Values of `COLUMNS`; an outer `None` means that there is no such row.
pub type Values = [Option<Option<f64>>; COUNT];

/// A number over several sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Harmonic mean over AUC source, AUC target and pAUC of all sections.
    Official,
    /// Mean of all AUCs, in any domain.
    Auc,
    AucSource,
    AucTarget,
    Pauc,
}

impl By {
    /// `official`, `auc`, `auc_source`, `auc_target` or `pauc`.
    pub const NAMES: [&str; 5] = ["official", "auc", "auc_source", "auc_target", "pauc"];
    const ALL: [By; 5] = [By::Official, By::Auc, By::AucSource, By::AucTarget, By::Pauc];

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.name() == name)
    }

    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The title of its column.
    pub fn title(self) -> &'static str {
        ["official", "AUC", "AUC source", "AUC target", "pAUC"][self as usize]
    }

    /// The number over the sections; `None` if one of its parts cannot be computed.
    pub fn of<'a>(self, sections: impl Iterator<Item = &'a Values>) -> Option<f64> {
        let columns: &[usize] = match self {
            By::Official => {
                let three = |row: &Values| [row[0].flatten(), row[1].flatten(), row[3].flatten()];
                return harmonic_mean(&sections.flat_map(three).collect::<Option<Vec<f64>>>()?);
            }
            By::Auc => &[0, 1, 2],
            By::AucSource => &[0],
            By::AucTarget => &[1],
            By::Pauc => &[3],
        };
        let values = sections.flat_map(|row| columns.iter().filter_map(|c| row[*c]));
        arithmetic_mean(&values.collect::<Option<Vec<f64>>>()?)
    }
}

/// Values of `COLUMNS` by machine and section.
type Sections<'a> = BTreeMap<(&'a str, &'a str), Values>;

impl PointResults {
    /// The sections in order, each with the values of `COLUMNS`.
    pub fn sections(&self) -> Sections<'_> {
        let mut sections = Sections::new();
        for row in self.rows.iter().filter(|r| r.attribute.is_empty()) {
            let column = COLUMNS
                .iter()
                .position(|(domain, metric, _)| row.domain == *domain && row.metric == *metric);
            if let Some(column) = column {
                sections.entry((&row.machine, &row.section)).or_default()[column] = Some(row.value);
            }
        }
        // A section without a table gets missing values, so that no mean silently leaves it out.
        let known: [bool; COUNT] =
            std::array::from_fn(|c| sections.values().any(|row| row[c].is_some()));
        let lacking = |c: usize| (known[c] || (c == 0 && !known.contains(&true))).then_some(None);
        for (machine, section, _) in &self.absent {
            sections.insert((machine, section), std::array::from_fn(lacking));
        }
        sections
    }

    /// Harmonic mean over AUC source, AUC target and pAUC of all sections: the challenge's official
    /// score since 2022. `None` if any of them cannot be computed.
    pub fn official(&self) -> Option<f64> {
        By::Official.of(self.sections().values())
    }

    /// All numbers in the order of [`By::NAMES`].
    pub fn numbers(&self) -> [Option<f64>; By::NAMES.len()] {
        let sections = self.sections();
        By::ALL.map(|by| by.of(sections.values()))
    }

    /// A number by its name in `expect:`.
    pub fn number(&self, name: &str) -> Option<f64> {
        By::parse(name)?.of(self.sections().values())
    }
}

type Mean = fn(&[f64]) -> Option<f64>;

impl Group<'_> {
    /// The number of lines of [`Group::sections`].
    pub fn section_count(&self) -> usize {
        self.points.first().map_or(0, |p| p.sections().len())
    }

    /// One line per section.
    pub fn sections(&self) -> Vec<Line> {
        let seeds: Vec<_> = self.points.iter().map(|p| p.sections()).collect();
        let Some(first) = seeds.first() else { return Vec::new() };
        let line = |(machine, section): &(&str, &str)| Line {
            machine: (*machine).to_owned(),
            section: (*section).to_owned(),
            values: std::array::from_fn(|c| {
                let values: Vec<Option<f64>> = seeds
                    .iter()
                    .map(|s| s.get(&(*machine, *section)).and_then(|row| row[c]).flatten())
                    .collect();
                Stat::of(&values)
            }),
            intervals: std::array::from_fn(|c| self.interval(machine, section, c)),
        };
        first.keys().map(line).collect()
    }

    /// The two means over the sections of a machine, or of all machines if `machine` is `None`, as
    /// the baselines print them.
    pub fn means(&self, machine: Option<&str>) -> [Line; 2] {
        let seeds: Vec<_> = self.points.iter().map(|p| p.sections()).collect();
        [("arithmetic mean", arithmetic_mean as Mean), ("harmonic mean", harmonic_mean as Mean)]
            .map(|(name, mean)| {
                let column = |c: usize| {
                    let of_seed = |sections: &Sections| {
                        let chosen = sections
                            .iter()
                            .filter(|((m, _), _)| machine.is_none_or(|wanted| wanted == *m));
                        mean(&chosen.filter_map(|(_, row)| row[c]).collect::<Option<Vec<f64>>>()?)
                    };
                    Stat::of(&seeds.iter().map(of_seed).collect::<Vec<_>>())
                };
                Line {
                    machine: machine.unwrap_or("all").to_owned(),
                    section: name.to_owned(),
                    values: std::array::from_fn(column),
                    intervals: [None; COUNT],
                }
            })
    }

    fn interval(&self, machine: &str, section: &str, column: usize) -> Option<Interval> {
        let (domain, metric, _) = COLUMNS[column];
        let ends = |point: &&PointResults| {
            let rows = point.rows.iter().filter(|r| {
                r.attribute.is_empty() && (&*r.machine, &*r.section) == (machine, section)
            });
            let row = rows.into_iter().find(|r| r.domain == domain && r.metric == metric)?;
            Some((row.low?, row.high?))
        };
        let (low, high): (Vec<f64>, Vec<f64>) =
            self.points.iter().map(ends).collect::<Option<_>>()?;
        Some(Interval { low: mean_of_seeds(&low)?, high: mean_of_seeds(&high)? })
    }

    /// The official score over the seeds.
    pub fn official(&self) -> Option<Stat> {
        Stat::of(&self.points.iter().map(|p| p.official()).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::MetricRow;

    fn row(section: &str, domain: &str, metric: &str, value: Option<f64>) -> MetricRow {
        MetricRow {
            machine: "fan".into(),
            section: section.into(),
            domain: domain.into(),
            attribute: String::new(),
            value_of_attribute: String::new(),
            metric: metric.into(),
            value,
            low: None,
            high: None,
            missing: String::new(),
            note: String::new(),
        }
    }

    fn point(seed: &str, target: Option<f64>) -> PointResults {
        PointResults {
            settings: [("seed".to_owned(), seed.to_owned())].into(),
            rows: vec![
                row("00", "source", "auc", Some(0.8)),
                row("00", "target", "auc", target),
                row("00", "", "pauc", Some(0.6)),
            ],
            ..PointResults::default()
        }
    }

    #[test]
    fn seeds_are_averaged_and_settings_are_not() {
        let results = Results {
            points: vec![point("0", Some(0.4)), point("1", Some(0.6))],
            ..Results::default()
        };
        let groups = results.groups();
        assert_eq!(groups.len(), 1);
        let target = groups[0].sections()[0].values[1].unwrap();
        assert!((target.mean - 0.5).abs() < 1e-12);
        assert!((target.deviation.unwrap() - 0.02f64.sqrt()).abs() < 1e-12);
        assert_eq!(results.columns()[..5], [true, true, false, true, false]);
    }

    #[test]
    fn draws_are_averaged_like_seeds() {
        let mut points = Vec::new();
        for (clips, seed, draw, target) in
            [("2", "0", "0", 0.4), ("2", "0", "1", 0.6), ("2", "1", "1", 0.5), ("3", "0", "0", 0.9)]
        {
            let mut point = point(seed, Some(target));
            point.settings.insert("generalization.draw".into(), draw.into());
            point.settings.insert("generalization.target_clips".into(), clips.into());
            points.push(point);
        }
        let mut results = Results { points, ..Results::default() };
        let groups = results.groups();
        assert_eq!(groups.iter().map(|g| g.points.len()).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(groups[0].settings, [("generalization.target_clips", "2")].into());
        let target = groups[0].sections()[0].values[1].unwrap();
        assert!(
            (target.mean - 0.5).abs() < 1e-12 && (target.deviation.unwrap() - 0.1).abs() < 1e-12
        );
        results.axes = ["seed", "generalization.target_clips", "generalization.draw"]
            .map(str::to_owned)
            .into();
        let text = crate::report::overview(&results, true).markdown();
        assert!(text.contains("over 3 seeds or draws. ") && !text.contains("| draw"), "{text}");
    }

    #[test]
    fn the_official_score_is_the_harmonic_mean_of_the_three() {
        let official = point("0", Some(0.4)).official().unwrap();
        assert!((official - 3.0 / (1.0 / 0.8 + 1.0 / 0.4 + 1.0 / 0.6)).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_computed_is_no_number() {
        let point = point("0", None);
        assert_eq!((point.official(), point.number("auc_target")), (None, None));
        assert_eq!(point.number("auc_source"), Some(0.8));
    }

    #[test]
    fn a_section_that_failed_is_missing_from_every_mean() {
        let mut point = point("0", Some(0.4));
        point.absent = vec![("fan".into(), "01".into(), "failed".into())];
        for name in ["official", "auc", "auc_source", "auc_target", "pauc"] {
            assert_eq!(point.number(name), None, "{name}");
        }
        assert_eq!(
            point.sections()[&("fan", "01")][..5],
            [Some(None), Some(None), None, Some(None), None]
        );
    }
}
