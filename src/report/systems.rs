//! What can be compared fairly: systems that all have numbers for the same sections.

use std::collections::{BTreeMap, BTreeSet};

use super::aggregate::{By, Values};
use super::overview::has_official;
use super::{PointResults, REPETITIONS, Results, is_repetition};

/// Points with the same settings.
#[derive(Clone, Debug)]
pub struct System<'a> {
    /// In the order of [`Systems::axes`]; empty where an axis does not apply.
    pub settings: Vec<String>,
    /// For each point its seed and draw, where swept, and the values of each section, in the order
    /// of [`Systems::sections`].
    pub points: Vec<(Vec<&'a str>, Vec<Values>)>,
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

/// Of more incomplete systems than this only the number is told.
const SHOWN: usize = 5;

/// Why results cannot be compared.
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
}

impl Incomparable {
    /// What to do about it.
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
    /// The systems that differ in `axis` (a path or its last word), or in anything but seed and
    /// draw.
    ///
    /// With an `axis` the others are averaged over: over those combinations of their values that
    /// every system has, as means over different ones would compare those, too.
    ///
    /// # Errors
    /// An axis that is not swept or that cannot be told, no section with the number `by`, fewer
    /// than two systems that have it everywhere, no combination that all have.
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
    /// A name that is not swept, that several settings have, or over which results are averaged.
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

/// Keeps the points whose settings other than `axis` each of the systems has a point with. Settings
/// that some of the systems know nothing of, such as those of one detector, are a system's own.
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

/// A value in a text that does not say what it is of: `snr_db=12`, but `knn k=3` as it stands.
pub fn named(path: &str, value: &str) -> String {
    let says_nothing = !value.starts_with(char::is_alphabetic)
        || ["none", "true", "false", "null"].contains(&value);
    match value {
        "" => String::new(),
        value if says_nothing => format!("{}={value}", path.rsplit('.').next().unwrap_or(path)),
        value => value.to_owned(),
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

    /// Results of systems named by one axis, each with one value a section that AUC source, AUC
    /// target and pAUC have.
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
        assert_eq!(
            one.systems(Some("k"), By::Official).unwrap_err(),
            Incomparable::OneSystem(Vec::new())
        );
        let error = one.systems(Some("seed"), By::Official).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.hint().as_str()),
            ("`seed` is swept, but results are averaged over it", "name a setting: detector.knn.k")
        );
        let none = results("detector", &[("a", "0", &[None]), ("b", "0", &[None])]);
        assert_eq!(
            none.systems(None, By::AucTarget).unwrap_err(),
            Incomparable::NoNumbers("auc_target")
        );
    }

    #[test]
    fn points_without_the_axis_are_left_out() {
        let mut made = results(
            "k",
            &[("1", "0", &[Some(0.5)]), ("2", "0", &[Some(0.6)]), ("3", "0", &[Some(0.6)])],
        );
        made.points[2].settings.remove("k");
        assert_eq!(
            made.systems(Some("k"), By::Official).unwrap().notes,
            ["points left out because they have no `k`: 1"]
        );
        assert_eq!(made.systems(None, By::Official).unwrap().systems.len(), 3);
    }

    #[test]
    fn values_of_an_axis_are_compared_over_the_same_other_settings() {
        let of = |points: &[(&str, &str, &str, f64)]| {
            let numbers: Vec<[Option<f64>; 1]> =
                points.iter().map(|point| [Some(point.3)]).collect();
            let plain: Vec<(&str, &str, &[Option<f64>])> = points
                .iter()
                .zip(&numbers)
                .map(|(point, number)| (point.0, point.2, number.as_slice()))
                .collect();
            let mut made = results("detector", &plain);
            made.axes.push("mels".into());
            for (made, point) in made.points.iter_mut().zip(points) {
                made.settings.insert("mels".into(), point.1.into());
            }
            made
        };
        // `b` lacks the hard one of the settings, and has a seed more.
        let mut made = of(&[
            ("a", "8", "0", 0.6),
            ("a", "16", "0", 0.2),
            ("b", "8", "0", 0.5),
            ("b", "8", "1", 0.9),
        ]);
        let found = made.systems(Some("detector"), By::AucSource).unwrap();
        let values: Vec<f64> = found
            .systems
            .iter()
            .flat_map(|s| &s.points)
            .map(|p| p.1[0][0].flatten().unwrap())
            .collect();
        assert_eq!(values, [0.6, 0.5]);
        assert_eq!(
            found.notes,
            ["points left out, not every system has one with the same other settings: 2"]
        );
        // What only one of them has is its own.
        for point in &mut made.points[..2] {
            let mels = point.settings.remove("mels").unwrap();
            point.settings.insert("detector.a.k".into(), mels);
        }
        let found = made.systems(Some("detector"), By::AucSource).unwrap();
        assert_eq!(found.systems.iter().map(|s| s.points.len()).collect::<Vec<_>>(), [2, 1]);

        let nothing = of(&[("a", "8", "0", 0.6), ("b", "16", "0", 0.5)]);
        let error = nothing.systems(Some("detector"), By::AucSource).unwrap_err();
        assert_eq!(error, Incomparable::NothingShared { axis: "detector".into() });
        assert_eq!(nothing.systems(None, By::AucSource).unwrap().systems.len(), 2);
    }

    #[test]
    fn a_last_word_of_two_paths_is_ambiguous() {
        let mut made = results(
            "detector.gmm.components",
            &[("1", "0", &[Some(0.5)]), ("2", "0", &[Some(0.6)])],
        );
        made.axes.extend(["detector.nmf.components".to_owned(), "generalization.draw".to_owned()]);
        let error = made.systems(Some("components"), By::Official).unwrap_err().to_string();
        assert_eq!(
            error,
            "`components` could be `detector.gmm.components` or `detector.nmf.components`"
        );
        assert!(made.systems(Some("detector.gmm.components"), By::Official).is_ok());
        let error = made.systems(Some("draw"), By::Official).unwrap_err();
        assert!(matches!(error, Incomparable::Repetition { .. }), "{error}");
        made.axes.clear();
        assert_eq!(
            made.systems(Some("seed"), By::Official).unwrap_err().to_string(),
            "`seed` is not swept"
        );
    }
}
