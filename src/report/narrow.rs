//! Selecting parts of the results, and renaming them.

use std::collections::{BTreeMap, BTreeSet};

use super::systems::Incomparable;
use super::{By, Results};
use crate::diagnose::suggest;

/// The names of the parts of a data set, which can be used like swept settings.
pub const PARTS: [&str; 2] = ["machine", "section"];

/// Reasons why a table cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoTable {
    #[error(transparent)]
    Axis(#[from] Incomparable),
    #[error("`{name}` is not swept")]
    Unknown { name: String, known: Vec<String> },
    #[error("`{axis}` is never `{value}`")]
    Value { axis: String, value: String, known: Vec<String> },
    #[error("there is no column `{name}`")]
    Column { name: String, known: Vec<String> },
    #[error("no setting is labelled `{label}`")]
    Label { label: String, known: Vec<String> },
    #[error("`{name}` is named twice")]
    Twice { name: String },
    #[error("several settings fall into one cell: they differ in {}", .axes.iter().map(|axis| format!("`{axis}`")).collect::<Vec<_>>().join(" and "))]
    Several { axes: Vec<String> },
    #[error("no results are left")]
    Nothing,
    #[error("the experiment names no published results")]
    Unpublished,
    #[error("a choice of settings has no published results beside it")]
    Chosen,
    #[error("no setting has the number `{0}`")]
    NoNumbers(&'static str),
}

impl NoTable {
    /// A hint for the user.
    pub fn hint(&self) -> String {
        let suggest =
            |name: &str, known: &[String]| suggest(name, known.iter().map(String::as_str));
        match self {
            Self::Axis(why) => why.hint(),
            Self::Unknown { name, known } | Self::Column { name, known } => suggest(name, known),
            Self::Value { value, known, .. } => suggest(value, known),
            Self::Label { label, known } => suggest(label, known),
            Self::Twice { .. } => "name each setting once, in the rows or in the columns".into(),
            Self::Several { axes } => format!(
                "name {} in `--rows` or `--columns`, or choose a value, as in `--where {}=VALUE`",
                if axes.len() == 1 { "it" } else { "them" },
                axes.first().map_or("AXIS", String::as_str)
            ),
            Self::Nothing => "no point has all the values that `--where` names".into(),
            Self::Unpublished => "write `published: mimii_dg` in the spec".into(),
            Self::Chosen => "leave out `--select` or `--table published`".into(),
            Self::NoNumbers(_) => format!("choose another one: {}", By::NAMES.join(", ")),
        }
    }
}

impl Results {
    /// The results that match `--where`. Each filter names an axis (a swept setting or repetition
    /// by its path or last word, `machine` or `section`) and some of its values. A value is a label
    /// or its first word.
    ///
    /// # Errors
    /// An unknown axis or value, or values that no point has together.
    pub fn narrowed(mut self, filters: &[(String, String)]) -> Result<Self, NoTable> {
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, value) in filters {
            let axis = self.path(name)?;
            let known = self.values(&axis);
            let first_word = |label: &&String| label.split(' ').next() == Some(value);
            let meant: Vec<String> = match known.contains(value) {
                true => vec![value.clone()],
                false => known.iter().filter(first_word).cloned().collect(),
            };
            if meant.is_empty() {
                return Err(NoTable::Value {
                    axis,
                    value: value.clone(),
                    known: known.into_iter().collect(),
                });
            }
            wanted.entry(axis).or_default().extend(meant);
        }
        for (axis, values) in &wanted {
            match axis.as_str() {
                "machine" => self.keep_sections(|machine, _| values.contains(machine)),
                "section" => self.keep_sections(|_, section| values.contains(section)),
                _ => self.points.retain(|point| {
                    point.settings.get(axis).is_some_and(|label| values.contains(label))
                }),
            }
        }
        match self.points.iter().all(|point| point.rows.is_empty() && point.absent.is_empty()) {
            true => Err(NoTable::Nothing),
            false => Ok(self),
        }
    }

    /// The results with some labels of settings replaced everywhere.
    ///
    /// # Errors
    /// No setting has the label.
    pub fn relabelled(mut self, labels: &[(String, String)]) -> Result<Self, NoTable> {
        let known: BTreeSet<String> =
            self.points.iter().flat_map(|point| point.settings.values().cloned()).collect();
        let unknown = labels.iter().find(|(old, _)| !known.contains(old));
        if let Some((label, _)) = unknown {
            return Err(NoTable::Label {
                label: label.clone(),
                known: known.into_iter().collect(),
            });
        }
        for label in self.points.iter_mut().flat_map(|point| point.settings.values_mut()) {
            if let Some((_, new)) = labels.iter().find(|(old, _)| old == label) {
                label.clone_from(new);
            }
        }
        Ok(self)
    }

    fn keep_sections(&mut self, keep: impl Fn(&str, &str) -> bool) {
        for point in &mut self.points {
            point.rows.retain(|row| keep(&row.machine, &row.section));
            point.absent.retain(|(machine, section, _)| keep(machine, section));
            point.idle.retain(|(machine, section, _)| keep(machine, section));
        }
    }

    /// `machine`, `section`, or the path of a swept setting.
    fn path(&self, name: &str) -> Result<String, NoTable> {
        let whole = self.axes.iter().map(String::as_str).chain(PARTS).find(|path| *path == name);
        if let Some(path) = whole {
            return Ok(path.to_owned());
        }
        let paths: Vec<String> = self
            .axes
            .iter()
            .filter(|path| path.rsplit('.').next() == Some(name))
            .cloned()
            .collect();
        match paths.as_slice() {
            [path] => Ok(path.clone()),
            [] => {
                let known =
                    self.axes.iter().map(String::as_str).chain(PARTS).map(str::to_owned).collect();
                Err(NoTable::Unknown { name: name.to_owned(), known })
            }
            _ => Err(Incomparable::Ambiguous { name: name.to_owned(), paths }.into()),
        }
    }

    /// All values of an axis.
    fn values(&self, axis: &str) -> BTreeSet<String> {
        let sections = self.points.iter().flat_map(|point| {
            let rows = point.rows.iter().map(|row| (&row.machine, &row.section));
            rows.chain(point.absent.iter().map(|(machine, section, _)| (machine, section)))
        });
        match axis {
            "machine" => sections.map(|(machine, _)| machine.clone()).collect(),
            "section" => sections.map(|(_, section)| section.clone()).collect(),
            _ => self.points.iter().filter_map(|point| point.settings.get(axis).cloned()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::systems::testing::results;
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    fn made() -> Results {
        let value = [Some(0.5), Some(0.6)];
        results(
            "detector",
            &[("knn k=1", "0", &value), ("knn k=2", "0", &value), ("pca", "1", &value)],
        )
    }

    fn labels(results: &Results) -> Vec<&str> {
        results.points.iter().map(|point| point.settings["detector"].as_str()).collect()
    }

    #[test]
    fn values_of_one_axis_add_up_and_those_of_two_must_both_hold() {
        let narrowed = |filters: &[(&str, &str)]| made().narrowed(&pairs(filters));
        assert_eq!(labels(&narrowed(&[("detector", "knn")]).unwrap()), ["knn k=1", "knn k=2"]);
        let two = narrowed(&[("detector", "knn k=2"), ("detector", "pca")]).unwrap();
        assert_eq!(labels(&two), ["knn k=2", "pca"]);
        assert_eq!(narrowed(&[("detector", "knn"), ("seed", "1")]).unwrap_err(), NoTable::Nothing);
        let section = narrowed(&[("section", "01")]).unwrap();
        assert!(
            section
                .points
                .iter()
                .all(|p| p.rows.len() == 3 && p.rows.iter().all(|r| r.section == "01"))
        );
    }

    #[test]
    fn unknown_words_are_told_with_what_was_meant() {
        let told = |filter: (&str, &str)| {
            let why = made().narrowed(&pairs(&[filter])).unwrap_err();
            format!("{why}: {}", why.hint())
        };
        assert_eq!(told(("detektor", "knn")), "`detektor` is not swept: did you mean `detector`?");
        assert_eq!(told(("detector", "pka")), "`detector` is never `pka`: did you mean `pca`?");
        let why = made().relabelled(&pairs(&[("kn", "kNN")])).unwrap_err();
        assert!(matches!(why, NoTable::Label { .. }), "{why}");
        assert_eq!(labels(&made().relabelled(&pairs(&[("pca", "PCA")])).unwrap())[2], "PCA");
    }
}
