//! What can be compared fairly: systems that all have numbers for the same sections.

use std::collections::{BTreeMap, BTreeSet};

use super::aggregate::{By, Values};
use super::markdown::has_official;
use super::{PointResults, Results, SEED};

/// Points with the same settings.
#[derive(Clone, Debug)]
pub struct System<'a> {
    /// In the order of [`Systems::axes`]; empty where an axis does not apply.
    pub settings: Vec<String>,
    /// For each point its seed and the values of each section, in the order of [`Systems::sections`].
    pub points: Vec<(&'a str, Vec<Values>)>,
}

/// All systems, over the sections for which each has a number.
#[derive(Clone, Debug)]
pub struct Systems<'a> {
    /// Paths of the settings that tell the systems apart.
    pub axes: Vec<String>,
    /// Machine and section, in order.
    pub sections: Vec<(&'a str, &'a str)>,
    pub systems: Vec<System<'a>>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// Why results cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Incomparable {
    #[error("`{name}` is not swept")]
    UnknownAxis { name: String, swept: Vec<String> },
    #[error("no section has the number `{0}`")]
    NoNumbers(&'static str),
    #[error("there is one system, and nothing to compare it with")]
    OneSystem(Vec<String>),
    #[error("there is one section: none is left to choose settings on")]
    OneSection,
}

impl Incomparable {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownAxis { swept, .. } if swept.is_empty() => "nothing but the seed is swept".into(),
            Self::UnknownAxis { name, swept } => crate::diagnose::suggest(name, swept.iter().map(String::as_str)),
            Self::NoNumbers(_) => format!("choose another one with `--by`: {}", By::NAMES.join(", ")),
            Self::OneSystem(notes) if notes.is_empty() => "sweep over a setting, such as `detector`".into(),
            Self::OneSystem(notes) => notes.join("; "),
            Self::OneSection => "it takes a data set of several sections or machines".into(),
        }
    }
}

impl By {
    /// The official score where the data set has two domains, else the AUC.
    pub fn usual(results: &Results) -> Self {
        if has_official(&results.columns()) { Self::Official } else { Self::Auc }
    }
}

impl Results {
    /// The systems that differ in `axis` (a path or its last word), or in anything but the seed.
    ///
    /// # Errors
    /// An axis that is not swept, no section with the number `by`, fewer than two systems that have it everywhere.
    pub fn systems(&self, axis: Option<&str>, by: By) -> Result<Systems<'_>, Incomparable> {
        let swept: Vec<String> = self.axes.iter().filter(|a| *a != SEED).cloned().collect();
        let axes = match axis {
            None => swept,
            Some(name) => {
                let meant = |path: &&String| *path == name || path.rsplit('.').next() == Some(name);
                match swept.iter().find(meant) {
                    Some(path) => vec![path.clone()],
                    None => return Err(Incomparable::UnknownAxis { name: name.to_owned(), swept }),
                }
            }
        };
        let mut notes = Vec::new();
        let chosen = |point: &&PointResults| axis.is_none() || point.settings.contains_key(&axes[0]);
        let without = self.points.iter().filter(|p| !chosen(p)).count();
        if without > 0 {
            notes.push(format!("left out: {without} points that have no `{}`", axes[0]));
        }
        let points: Vec<_> = self.points.iter().filter(chosen).map(|p| (p, p.sections())).collect();
        let known: BTreeSet<(&str, &str)> = points.iter().flat_map(|(_, sections)| sections.keys().copied()).collect();
        let has = |row: Option<&Values>| row.is_some_and(|row| by.of(std::iter::once(row)).is_some());
        let (sections, empty): (Vec<_>, Vec<_>) =
            known.into_iter().partition(|section| points.iter().any(|(_, sections)| has(sections.get(section))));
        if sections.is_empty() {
            return Err(Incomparable::NoNumbers(by.name()));
        }
        if !empty.is_empty() {
            let names: Vec<String> = empty.iter().map(|(machine, section)| format!("{machine} {section}")).collect();
            notes.push(format!("left out, no system has the number `{}` there: {}", by.name(), names.join(", ")));
        }

        let mut systems: Vec<System> = Vec::new();
        let mut places: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        let mut incomplete: BTreeSet<usize> = BTreeSet::new();
        for (point, found) in &points {
            let settings: Vec<String> =
                axes.iter().map(|a| point.settings.get(a).cloned().unwrap_or_default()).collect();
            let place = *places.entry(settings.clone()).or_insert(systems.len());
            if place == systems.len() {
                systems.push(System { settings, points: Vec::new() });
            }
            if sections.iter().any(|section| !has(found.get(section))) {
                incomplete.insert(place);
                continue;
            }
            let seed = point.settings.get(SEED).map_or("", String::as_str);
            systems[place].points.push((seed, sections.iter().map(|section| found[section]).collect()));
        }
        for place in &incomplete {
            let label = systems[*place].label();
            notes.push(format!("left out, without the number `{}` of every section: {label}", by.name()));
        }
        let complete = systems.into_iter().enumerate().filter(|(place, _)| !incomplete.contains(place));
        let systems: Vec<System> = complete.map(|(_, system)| system).collect();
        match systems.len() {
            0 | 1 => Err(Incomparable::OneSystem(notes)),
            _ => Ok(Systems { axes, sections, systems, notes }),
        }
    }
}

impl System<'_> {
    /// Its settings in one text.
    pub fn label(&self) -> String {
        let settings: Vec<&str> = self.settings.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
        settings.join(", ")
    }
}

/// Last words of paths, as columns are titled.
pub fn titles(axes: &[String]) -> impl Iterator<Item = String> {
    axes.iter().map(|path| path.rsplit('.').next().unwrap_or(path).to_owned())
}

#[cfg(test)]
pub mod testing {
    use super::*;
    use crate::artifact::MetricRow;

    /// Results of systems named by one axis, each with one value a section that AUC source, AUC target and pAUC have.
    pub fn results(axis: &str, systems: &[(&str, &str, &[Option<f64>])]) -> Results {
        let point = |(name, seed, sections): &(&str, &str, &[Option<f64>])| {
            let rows = sections.iter().enumerate().flat_map(|(section, value)| {
                [("source", "auc"), ("target", "auc"), ("", "pauc")].map(|(domain, metric)| MetricRow {
                    machine: "fan".into(),
                    section: format!("{section:02}"),
                    domain: domain.into(),
                    attribute: String::new(),
                    value_of_attribute: String::new(),
                    metric: metric.into(),
                    value: *value,
                    low: None,
                    high: None,
                    missing: String::new(),
                    note: String::new(),
                })
            });
            let settings = [(axis.to_owned(), (*name).to_owned()), (SEED.to_owned(), (*seed).to_owned())];
            PointResults { settings: settings.into(), rows: rows.collect(), absent: Vec::new() }
        };
        Results {
            name: "made up".into(),
            axes: vec![axis.to_owned(), SEED.to_owned()],
            points: systems.iter().map(point).collect(),
            ..Results::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::results;
    use super::*;

    #[test]
    fn only_what_all_have_is_compared() {
        let made = results(
            "detector",
            &[
                ("a", "0", &[Some(0.5), Some(0.6), None]),
                ("b", "0", &[Some(0.5), Some(0.7), None]),
                ("c", "0", &[Some(0.5), None, None]),
            ],
        );
        let found = made.systems(None, By::Official).unwrap();
        assert_eq!(found.sections, [("fan", "00"), ("fan", "01")]);
        assert_eq!(found.systems.iter().map(System::label).collect::<Vec<_>>(), ["a", "b"]);
        let notes = [
            "left out, no system has the number `official` there: fan 02",
            "left out, without the number `official` of every section: c",
        ];
        assert_eq!(found.notes, notes);
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let one = results("detector.knn.k", &[("1", "0", &[Some(0.5)]), ("1", "1", &[Some(0.6)])]);
        assert_eq!(one.systems(Some("k"), By::Official).unwrap_err(), Incomparable::OneSystem(Vec::new()));
        let error = one.systems(Some("seed"), By::Official).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.hint().as_str()),
            ("`seed` is not swept", "known: detector.knn.k")
        );
        let none = results("detector", &[("a", "0", &[None]), ("b", "0", &[None])]);
        assert_eq!(none.systems(None, By::AucTarget).unwrap_err(), Incomparable::NoNumbers("auc_target"));
    }

    #[test]
    fn points_without_the_axis_are_left_out() {
        let mut made = results("k", &[("1", "0", &[Some(0.5)]), ("2", "0", &[Some(0.6)]), ("3", "0", &[Some(0.6)])]);
        made.points[2].settings.remove("k");
        assert_eq!(made.systems(Some("k"), By::Official).unwrap().notes, ["left out: 1 points that have no `k`"]);
        assert_eq!(made.systems(None, By::Official).unwrap().systems.len(), 3);
    }
}
