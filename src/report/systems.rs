//! Fair comparisons: systems that all have numbers for the same sections.

use std::collections::{BTreeMap, BTreeSet};

use super::aggregate::{By, Values};
use super::overview::has_official;
use super::{PointResults, REPETITIONS, Results, is_repetition};

/// Points with the same settings.
#[derive(Clone, Debug)]
pub struct System<'a> {
    /// In the order of [`Systems::axes`]; empty where an axis does not apply.
    pub settings: Vec<String>,
    /// For each point its seed and draw, if swept, and the values of each section, in the order of
    /// [`Systems::sections`].
    pub points: Vec<(Vec<&'a str>, Vec<Values>)>,
}

/// All systems, over the sections for which each has a number.
#[derive(Clone, Debug)]
pub struct Systems<'a> {
    /// Paths of the settings that distinguish the systems.
    pub axes: Vec<String>,
    /// Machine and section, in order.
    pub sections: Vec<(&'a str, &'a str)>,
    pub systems: Vec<System<'a>>,
    /// What was left out, with reasons.
    pub notes: Vec<String>,
}

/// With more incomplete systems than this, only their number is reported.
const SHOWN: usize = 5;

/// Reasons why results cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Incomparable {
    #[error("`{name}` is not swept")]
    UnknownAxis { name: String, swept: Vec<String> },
    #[error("`{name}` is swept, but results are averaged over it")]
    Repetition { name: String, swept: Vec<String> },
    #[error("`{name}` could be {}", .paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" or "))]
    Ambiguous { name: String, paths: Vec<String> },
    #[error(
        "the values of `{axis}` have no other settings in common, so that they cannot be compared"
    )]
    NothingShared { axis: String },
    #[error("no section has the number `{0}`")]
    NoNumbers(&'static str),
    #[error("there is one system, and nothing to compare it with")]
    OneSystem(Vec<String>),
    #[error("there is one section: none is left to choose settings on")]
    OneSection,
    #[error("no settings have the number `{0}` for all sections")]
    NotMeasured(&'static str),
}

impl Incomparable {
    /// A hint for the user.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownAxis { swept, .. } | Self::Repetition { swept, .. }
                if swept.is_empty() =>
            {
                "nothing but seeds or draws is swept".into()
            }
            Self::Repetition { swept, .. } => format!("name a setting: {}", swept.join(", ")),
            Self::Ambiguous { .. } => "write the whole path".into(),
            Self::NothingShared { .. } => {
                "`exclude` fewer points, or compare all settings: `--compare` alone".into()
            }
            Self::UnknownAxis { name, swept } => {
                crate::diagnose::suggest(name, swept.iter().map(String::as_str))
            }
            Self::NoNumbers(_) => {
                format!("choose another one with `--by`: {}", By::NAMES.join(", "))
            }
            Self::OneSystem(notes) if notes.is_empty() => {
                "sweep over a setting, such as `detector`".into()
            }
            Self::OneSystem(notes) => notes.join("; "),
            Self::NotMeasured(name) => {
                format!("write `metrics: [auc, pauc, {name}]`, and run the experiment again")
            }
            Self::OneSection => "it takes a data set of several sections or machines".into(),
        }
    }
}

impl By {
    /// The official score if the data set has two domains, else the AUC.
    pub fn usual(results: &Results) -> Self {
        if has_official(&results.columns()) { Self::Official } else { Self::Auc }
    }
}

impl Results {
    /// The systems that differ in `axis` (a path or its last word), or in anything except seed and
    /// draw.
    ///
    /// With an `axis`, results are averaged over the other axes. Only combinations of their values
    /// that every system has are used; otherwise the means would compare different combinations,
    /// too.
    ///
    /// # Errors
    /// The axis is not swept or ambiguous; no section has the number `by`; fewer than two systems
    /// have it everywhere; the systems share no combination.
    pub fn systems(&self, axis: Option<&str>, by: By) -> Result<Systems<'_>, Incomparable> {
        let axes = match axis {
            None => self.settings(),
            Some(name) => vec![self.axis(name)?],
        };
        let mut notes = Vec::new();
        let chosen =
            |point: &&PointResults| axis.is_none() || point.settings.contains_key(&axes[0]);
        let without = self.points.iter().filter(|p| !chosen(p)).count();
        if without > 0 {
            notes.push(format!("points left out because they have no `{}`: {without}", axes[0]));
        }
        let points: Vec<_> = self.points.iter().filter(chosen).map(|p| (p, p.sections())).collect();
        let known: BTreeSet<(&str, &str)> =
            points.iter().flat_map(|(_, sections)| sections.keys().copied()).collect();
        let has =
            |row: Option<&Values>| row.is_some_and(|row| by.of(std::iter::once(row)).is_some());
        let (sections, empty): (Vec<_>, Vec<_>) = known
            .into_iter()
            .partition(|section| points.iter().any(|(_, sections)| has(sections.get(section))));
        if sections.is_empty() {
            return Err(Incomparable::NoNumbers(by.name()));
        }
        if !empty.is_empty() {
            let names: Vec<String> =
                empty.iter().map(|(machine, section)| format!("{machine} {section}")).collect();
            notes.push(format!(
                "left out, no system has the number `{}` there: {}",
                by.name(),
                names.join(", ")
            ));
        }

        let mut systems: Vec<System> = Vec::new();
        let mut places: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        let mut incomplete: BTreeSet<usize> = BTreeSet::new();
        let mut settings_of: Vec<Vec<&BTreeMap<String, String>>> = Vec::new();
        for (point, found) in &points {
            let settings: Vec<String> =
                axes.iter().map(|a| point.settings.get(a).cloned().unwrap_or_default()).collect();
            let place = *places.entry(settings.clone()).or_insert(systems.len());
            if place == systems.len() {
                systems.push(System { settings, points: Vec::new() });
                settings_of.push(Vec::new());
            }
            if sections.iter().any(|section| !has(found.get(section))) {
                incomplete.insert(place);
                continue;
            }
            let repetition =
                REPETITIONS.iter().filter_map(|path| point.settings.get(*path)).map(String::as_str);
            settings_of[place].push(&point.settings);
            systems[place].points.push((
                repetition.collect(),
                sections.iter().map(|section| found[section]).collect(),
            ));
        }
        if !incomplete.is_empty() {
            let mut labels: Vec<String> =
                incomplete.iter().take(SHOWN).map(|place| systems[*place].label()).collect();
            if incomplete.len() > SHOWN {
                labels.push(format!("and {} more", incomplete.len() - SHOWN));
            }
            let labels = labels.join("; ");
            notes.push(format!(
                "left out, without the number `{}` of every section: {labels}",
                by.name()
            ));
        }
        let complete = systems.into_iter().zip(settings_of).enumerate();
        let (mut systems, settings_of): (Vec<System>, Vec<_>) = complete
            .filter(|(place, _)| !incomplete.contains(place))
            .map(|(_, system)| system)
            .unzip();
        if systems.len() < 2 {
            return Err(Incomparable::OneSystem(notes));
        }
        if axis.is_some() {
            let before: usize = systems.iter().map(|system| system.points.len()).sum();
            keep_shared(&mut systems, &settings_of, &axes[0])?;
            let left_out = before - systems.iter().map(|system| system.points.len()).sum::<usize>();
            if left_out > 0 {
                notes.push(format!(
                    "points left out, not every system has one with the same other settings: {left_out}"
                ));
            }
        }
        Ok(Systems { axes, sections, systems, notes })
    }

    /// Swept settings other than seed and draw.
    pub fn settings(&self) -> Vec<String> {
        self.axes.iter().filter(|path| !is_repetition(path)).cloned().collect()
    }

    /// The path of a swept setting by its name: the path, or its last word.
    ///
    /// # Errors
    /// The name is not swept, matches several settings, or is a repetition.
    pub fn axis(&self, name: &str) -> Result<String, Incomparable> {
        let meant: Vec<String> = match self.axes.iter().find(|path| *path == name) {
            Some(path) => vec![path.clone()],
            None => self
                .axes
                .iter()
                .filter(|path| path.rsplit('.').next() == Some(name))
                .cloned()
                .collect(),
        };
        let (name, swept) = (name.to_owned(), self.settings());
        match meant.as_slice() {
            [] => Err(Incomparable::UnknownAxis { name, swept }),
            [path] if is_repetition(path) => Err(Incomparable::Repetition { name, swept }),
            [path] => Ok(path.clone()),
            _ => Err(Incomparable::Ambiguous { name, paths: meant }),
        }
    }
}

/// Keeps the points whose settings other than `axis` occur in every system. Settings that some
/// systems lack, such as those of one detector, do not count.
fn keep_shared(
    systems: &mut [System],
    settings_of: &[Vec<&BTreeMap<String, String>>],
    axis: &str,
) -> Result<(), Incomparable> {
    let shared: Vec<&String> = match settings_of.first() {
        None => return Ok(()),
        Some(first) => {
            let paths: BTreeSet<&String> =
                first.iter().flat_map(|settings| settings.keys()).collect();
            let everywhere = |path: &String| {
                settings_of.iter().all(|points| points.iter().any(|s| s.contains_key(path)))
            };
            paths.into_iter().filter(|path| *path != axis && everywhere(path)).collect()
        }
    };
    let others = |settings: &BTreeMap<String, String>| -> Vec<Option<String>> {
        shared.iter().map(|path| settings.get(*path).cloned()).collect()
    };
    let mut of_systems =
        settings_of.iter().map(|points| points.iter().map(|s| others(s)).collect::<BTreeSet<_>>());
    let first = of_systems.next().unwrap_or_default();
    let common =
        of_systems.fold(first, |common, next| common.intersection(&next).cloned().collect());
    if common.is_empty() {
        return Err(Incomparable::NothingShared { axis: axis.to_owned() });
    }
    for (system, settings) in systems.iter_mut().zip(settings_of) {
        let mut kept = settings.iter().map(|settings| common.contains(&others(settings)));
        system.points.retain(|_| kept.next().unwrap_or(false));
    }
    Ok(())
}

impl System<'_> {
    /// Its settings in one text.
    pub fn label(&self) -> String {
        let settings: Vec<&str> =
            self.settings.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
        settings.join(", ")
    }
}

/// A value with its name if it needs one: `snr_db=12`, but `knn k=3` stays as it is.
pub fn named(path: &str, value: &str) -> String {
    let says_nothing = !value.starts_with(char::is_alphabetic)
        || ["none", "true", "false", "null"].contains(&value);
    match value {
        "" => String::new(),
        value if says_nothing => format!("{}={value}", path.rsplit('.').next().unwrap_or(path)),
        value => value.to_owned(),
    }
}

/// Last words of paths, as titles of columns.
pub fn titles(axes: &[String]) -> impl Iterator<Item = String> {
    axes.iter().map(|path| path.rsplit('.').next().unwrap_or(path).to_owned())
}

#[cfg(test)]
pub mod testing {
    use super::*;
    use crate::artifact::MetricRow;

    /// Results of systems named by one axis. Each has one value per section, used for AUC source,
    /// AUC target and pAUC.
    pub fn results(axis: &str, systems: &[(&str, &str, &[Option<f64>])]) -> Results {
        let point = |(name, seed, sections): &(&str, &str, &[Option<f64>])| {
            let rows = sections.iter().enumerate().flat_map(|(section, value)| {
                [("source", "auc"), ("target", "auc"), ("", "pauc")].map(|(domain, metric)| {
                    MetricRow {
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
                    }
                })
            });
            let settings = [
                (axis.to_owned(), (*name).to_owned()),
                (REPETITIONS[0].to_owned(), (*seed).to_owned()),
            ];
            PointResults { settings: settings.into(), rows: rows.collect(), ..Default::default() }
        };
        Results {
            name: "made up".into(),
            axes: vec![axis.to_owned(), REPETITIONS[0].to_owned()],
            points: systems.iter().map(point).collect(),
            ..Results::default()
        }
    }
}

#[cfg(test)]
mod tests;
