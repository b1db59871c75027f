//! Means over sections, and mean and deviation over seeds.

use std::collections::BTreeMap;

use super::{PointResults, Results, SEED};
use crate::metric::{arithmetic_mean, harmonic_mean};

/// A number over the seeds of a group: mean and, with two or more, sample standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stat {
    pub mean: f64,
    pub deviation: Option<f64>,
}

impl Stat {
    /// `None` unless every seed has a value: a mean over some of them would compare unlike things.
    fn of(values: &[Option<f64>]) -> Option<Self> {
        let values: Vec<f64> = values.iter().copied().collect::<Option<_>>()?;
        let n = values.len();
        // A detector that draws nothing gives one number for all seeds: the mean of equal numbers must not
        // differ from them in the last bit.
        if values.iter().all(|x| Some(x) == values.first()) {
            return Some(Self { mean: *values.first()?, deviation: (n > 1).then_some(0.0) });
        }
        let mean = arithmetic_mean(&values)?;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        Some(Self { mean, deviation: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()) })
    }
}

/// How many columns there are.
pub const COUNT: usize = 13;

/// The columns of the field's table: domain, metric and title. Those without any row are not shown.
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
];

/// One line of a group's table: a section, or a mean over sections.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub machine: String,
    pub section: String,
    /// In the order of `COLUMNS`.
    pub values: [Option<Stat>; COUNT],
}

/// Points that differ in their seed alone.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    pub settings: BTreeMap<&'a str, &'a str>,
    pub points: Vec<&'a PointResults>,
}

impl Results {
    /// The points by settings other than the seed, in order of first appearance.
    pub fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: BTreeMap<BTreeMap<&str, &str>, usize> = BTreeMap::new();
        for point in &self.points {
            let settings: BTreeMap<&str, &str> = (point.settings.iter())
                .filter(|(path, _)| *path != SEED)
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

    /// Which of `COLUMNS` any point has a row of.
    pub fn columns(&self) -> [bool; COUNT] {
        COLUMNS.map(|(domain, metric, _)| {
            let mut rows = self.points.iter().flat_map(|p| &p.rows);
            rows.any(|r| r.domain == domain && r.metric == metric && r.attribute.is_empty())
        })
    }
}

/// Values of `COLUMNS` by machine and section.
type Sections<'a> = BTreeMap<(&'a str, &'a str), [Option<Option<f64>>; COUNT]>;

impl PointResults {
    /// Sections in order, each with the values of `COLUMNS`; the outer `None`: there is no such row.
    pub fn sections(&self) -> Sections<'_> {
        let mut sections = Sections::new();
        for row in self.rows.iter().filter(|r| r.attribute.is_empty()) {
            let column = COLUMNS.iter().position(|(domain, metric, _)| row.domain == *domain && row.metric == *metric);
            if let Some(column) = column {
                sections.entry((&row.machine, &row.section)).or_default()[column] = Some(row.value);
            }
        }
        // A section without a table lacks what the others have, so that no mean is one over some sections.
        let known: [bool; COUNT] = std::array::from_fn(|c| sections.values().any(|row| row[c].is_some()));
        let lacking = |c: usize| (known[c] || (c == 0 && !known.contains(&true))).then_some(None);
        for (machine, section, _) in &self.absent {
            sections.insert((machine, section), std::array::from_fn(lacking));
        }
        sections
    }

    /// Harmonic mean over all sections' AUC source, AUC target and pAUC: the challenge's official score
    /// since 2022. `None` if any of them cannot be computed.
    pub fn official(&self) -> Option<f64> {
        let sections = self.sections();
        let three = |row: &[Option<Option<f64>>; COUNT]| [row[0].flatten(), row[1].flatten(), row[3].flatten()];
        harmonic_mean(&sections.values().flat_map(three).collect::<Option<Vec<f64>>>()?)
    }

    /// A number by the name `expect:` calls it: `official`, `auc` (mean of all AUC), `auc_source`,
    /// `auc_target` or `pauc` (means over sections).
    pub fn number(&self, name: &str) -> Option<f64> {
        let columns: &[usize] = match name {
            "official" => return self.official(),
            "auc" => &[0, 1, 2],
            "auc_source" => &[0],
            "auc_target" => &[1],
            "pauc" => &[3],
            _ => return None,
        };
        let sections = self.sections();
        let values = sections.values().flat_map(|row| columns.iter().filter_map(|c| row[*c]));
        arithmetic_mean(&values.collect::<Option<Vec<f64>>>()?)
    }
}

type Mean = fn(&[f64]) -> Option<f64>;

impl Group<'_> {
    /// How many lines [`Group::sections`] has.
    pub fn section_count(&self) -> usize {
        self.points.first().map_or(0, |p| p.sections().len())
    }

    /// A line a section.
    pub fn sections(&self) -> Vec<Line> {
        let seeds: Vec<_> = self.points.iter().map(|p| p.sections()).collect();
        let Some(first) = seeds.first() else { return Vec::new() };
        let line = |(machine, section): &(&str, &str)| Line {
            machine: (*machine).to_owned(),
            section: (*section).to_owned(),
            values: std::array::from_fn(|c| {
                let values: Vec<Option<f64>> =
                    seeds.iter().map(|s| s.get(&(*machine, *section)).and_then(|row| row[c]).flatten()).collect();
                Stat::of(&values)
            }),
        };
        first.keys().map(line).collect()
    }

    /// The two means over the sections of a machine, or of all machines if `machine` is `None`, as the
    /// baselines print them.
    pub fn means(&self, machine: Option<&str>) -> [Line; 2] {
        let seeds: Vec<_> = self.points.iter().map(|p| p.sections()).collect();
        [("arithmetic mean", arithmetic_mean as Mean), ("harmonic mean", harmonic_mean as Mean)].map(|(name, mean)| {
            let column = |c: usize| {
                let of_seed = |sections: &Sections| {
                    let chosen = sections.iter().filter(|((m, _), _)| machine.is_none_or(|wanted| wanted == *m));
                    mean(&chosen.filter_map(|(_, row)| row[c]).collect::<Option<Vec<f64>>>()?)
                };
                Stat::of(&seeds.iter().map(of_seed).collect::<Vec<_>>())
            };
            Line {
                machine: machine.unwrap_or("all").to_owned(),
                section: name.to_owned(),
                values: std::array::from_fn(column),
            }
        })
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
        let results = Results { points: vec![point("0", Some(0.4)), point("1", Some(0.6))], ..Results::default() };
        let groups = results.groups();
        assert_eq!(groups.len(), 1);
        let target = groups[0].sections()[0].values[1].unwrap();
        assert!((target.mean - 0.5).abs() < 1e-12);
        assert!((target.deviation.unwrap() - 0.02f64.sqrt()).abs() < 1e-12);
        assert_eq!(results.columns()[..5], [true, true, false, true, false]);
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
        assert_eq!(point.sections()[&("fan", "01")][..5], [Some(None), Some(None), None, Some(None), None]);
    }
}
