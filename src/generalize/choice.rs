//! Chooses the normal training clips that a detector sees, which sets how hard its domain
//! generalisation is.
//!
//! These are the difficulty settings that MIMII DG offers its users (Dohi et al. 2022): the number
//! of values of the shift parameter in the source, and the number of target clips. The identity of
//! the clips decides the choice, and a smaller limit always chooses a subset of a larger one. So
//! two points of a sweep differ only by the swept setting. Nothing here looks at test clips.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::Generalization;
use crate::artifact::{Clip, Domain, Label, Split};
use crate::diagnose::Problem;
use crate::family::Word;
use crate::seed::Seed;

/// Values of the source domain for training.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum SourceValues {
    /// This number of values of the shift parameter, spread over their range.
    Count(#[schemars(range(min = 1, max = 1_000_000))] usize),
    /// These values of these attributes. Clips without the attribute stay.
    Named(#[schemars(with = "BTreeMap<String, Vec<Word>>")] BTreeMap<String, Vec<String>>),
}

impl SourceValues {
    /// The number of values, if the setting is a number.
    pub(super) fn count(&self) -> Option<usize> {
        match self {
            Self::Count(count) => Some(*count),
            Self::Named(_) => None,
        }
    }
}

impl Generalization {
    /// All settings of the choice that are out of range.
    pub(super) fn choice_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut empty = |field: &str, what: &str| {
            let problem =
                Problem::new(field, format!("{what} leaves nothing of the source to train on"));
            problems.push(problem.hint("write at least 1, or leave the line out for all"));
        };
        if self.source_clips == Some(0) {
            empty("source_clips", "0");
        }
        match &self.source_values {
            Some(SourceValues::Count(0)) => empty("source_values", "0"),
            Some(SourceValues::Named(named)) => {
                for name in
                    named.iter().filter(|(_, values)| values.is_empty()).map(|(name, _)| name)
                {
                    empty(&format!("source_values.{name}"), "an empty list");
                }
            }
            _ => {}
        }
        problems
    }

    /// The ids of the training clips, among all clips of one section. Clips without a domain are
    /// source clips.
    ///
    /// Errors: there are source clips, but none of them has one of the named values.
    pub fn choose<'a>(&self, clips: &'a [Clip]) -> Result<BTreeSet<&'a str>, String> {
        let train: Vec<&Clip> = clips
            .iter()
            .filter(|c| c.split == Split::Train && c.label != Some(Label::Anomaly))
            .collect();
        let shift = Shift::of(&train);
        let (target, source): (Vec<&Clip>, Vec<&Clip>) =
            train.into_iter().partition(|c| c.domain == Some(Domain::Target));
        let there = source.len();
        let source: Vec<&Clip> = match &self.source_values {
            None => source,
            Some(SourceValues::Count(count)) => {
                let kept = spread(source.iter().map(|c| shift.value(c)).collect(), *count);
                source.into_iter().filter(|c| kept.contains(&shift.value(c))).collect()
            }
            Some(SourceValues::Named(named)) => {
                let fits = |clip: &Clip| {
                    named.iter().all(|(name, values)| {
                        clip.attributes
                            .get(name)
                            .is_none_or(|own| values.iter().any(|v| same(v, own)))
                    })
                };
                let values = values(named.keys(), &source);
                let left: Vec<&Clip> = source.into_iter().filter(|c| fits(c)).collect();
                if left.is_empty() && there > 0 {
                    return Err(format!(
                        "`source_values` leaves no source clip; there are {values}"
                    ));
                }
                left
            }
        };
        let most = |clips: Vec<&'a Clip>, most: Option<usize>| -> Vec<&'a str> {
            let rank = |id: &str| Seed(self.draw).derive(&["choice", id]).0;
            let mut ids: Vec<&str> = clips.into_iter().map(|c| c.id.as_str()).collect();
            if let Some(most) = most {
                ids.sort_by_cached_key(|id| rank(id));
                ids.truncate(most);
            }
            ids
        };
        Ok(most(source, self.source_clips)
            .into_iter()
            .chain(most(target, self.target_clips))
            .collect())
    }

    /// An attribute in `source_values` that no clip has.
    pub fn unknown_attribute<'a>(&'a self, clips: &[&Clip]) -> Option<&'a str> {
        let Some(SourceValues::Named(named)) = &self.source_values else { return None };
        named
            .keys()
            .map(String::as_str)
            .find(|name| !clips.iter().any(|c| c.attributes.contains_key(*name)))
    }
}

/// The values that the clips have: `vel` 6, 10, 14 and so on.
fn values<'a>(names: impl Iterator<Item = &'a String>, clips: &[&Clip]) -> String {
    let of = |name: &String| {
        let values: BTreeSet<&str> =
            clips.iter().filter_map(|c| c.attributes.get(name)).map(String::as_str).collect();
        format!("`{name}` {}", values.into_iter().collect::<Vec<_>>().join(", "))
    };
    names.map(of).collect::<Vec<_>>().join("; ")
}

/// `6` and `6.0` are the same value; words must be equal.
fn same(a: &str, b: &str) -> bool {
    a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

/// The attributes by which the domains of training clips differ: those without a common value. If
/// there are none (or no target clips), all attributes.
struct Shift(Vec<String>);

impl Shift {
    fn of(clips: &[&Clip]) -> Self {
        let names: BTreeSet<&String> = clips.iter().flat_map(|c| c.attributes.keys()).collect();
        let values = |name: &String, domain: Domain| -> BTreeSet<Option<&String>> {
            clips
                .iter()
                .filter(|c| c.domain == Some(domain))
                .map(|c| c.attributes.get(name))
                .collect()
        };
        let differs = |name: &&&String| {
            let target = values(name, Domain::Target);
            !target.is_empty() && values(name, Domain::Source).is_disjoint(&target)
        };
        let shifted: Vec<String> = names.iter().filter(differs).map(|n| (*n).clone()).collect();
        Self(if shifted.is_empty() { names.into_iter().cloned().collect() } else { shifted })
    }

    fn value<'a>(&self, clip: &'a Clip) -> Vec<&'a str> {
        self.0.iter().map(|name| clip.attributes.get(name).map_or("", String::as_str)).collect()
    }
}

/// Chooses `count` of the values, evenly spread over their order: the middle one, the two ends, and
/// so on. Numbers are ordered as numbers.
fn spread(values: BTreeSet<Vec<&str>>, count: usize) -> BTreeSet<Vec<&str>> {
    let mut values: Vec<Vec<&str>> = values.into_iter().collect();
    let number = |value: &&str| value.parse::<f64>().ok().filter(|x| x.is_finite());
    let numbers = |value: &Vec<&str>| value.iter().map(number).collect::<Option<Vec<f64>>>();
    if values.iter().all(|value| numbers(value).is_some()) {
        values.sort_by(|a, b| numbers(a).partial_cmp(&numbers(b)).expect("the numbers are finite"));
    }
    let n = values.len();
    if count >= n {
        return values.into_iter().collect();
    }
    let place = |i: usize| {
        if count == 1 { (n - 1) / 2 } else { (i * (n - 1) + (count - 1) / 2) / (count - 1) }
    };
    (0..count).map(|i| values[place(i)].clone()).collect()
}

// serde's `untagged` would lose the location of a mistake.
impl<'de> Deserialize<'de> for SourceValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = SourceValues;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str(
                    "a number of values, or a map from an attribute to a list of its values",
                )
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<SourceValues, E> {
                usize::try_from(count).map(SourceValues::Count).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut entries: A,
            ) -> Result<SourceValues, A::Error> {
                let mut named = BTreeMap::new();
                while let Some((name, values)) =
                    entries.next_entry::<String, Vec<serde_json::Value>>()?
                {
                    let text = |value: &serde_json::Value| match value {
                        serde_json::Value::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    named.insert(name, values.iter().map(text).collect());
                }
                Ok(SourceValues::Named(named))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// 5 source velocities with 8 clips each and 3 target velocities with 2, at two loads; and a
    /// test clip.
    fn clips() -> Vec<Clip> {
        let clip = |domain: Domain, split: Split, vel: &str, i: usize| Clip {
            id: format!("{domain}_{split}_{vel}_{i}"),
            machine: "bearing".into(),
            section: "00".into(),
            domain: Some(domain),
            split,
            label: Some(Label::Normal),
            attributes: [
                ("vel".to_owned(), vel.to_owned()),
                ("load".to_owned(), (i % 2).to_string()),
            ]
            .into(),
        };
        let mut all = vec![clip(Domain::Source, Split::Test, "6", 0)];
        for vel in ["6", "10", "14", "18", "22"] {
            all.extend((0..8).map(|i| clip(Domain::Source, Split::Train, vel, i)));
        }
        for vel in ["2", "4", "24"] {
            all.extend((0..2).map(|i| clip(Domain::Target, Split::Train, vel, i)));
        }
        all
    }

    fn chosen(settings: serde_json::Value) -> Vec<String> {
        let g: Generalization = serde_json::from_value(settings).unwrap();
        g.choose(&clips()).unwrap().into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn without_settings_all_training_clips_are_taken() {
        assert_eq!(chosen(json!({})).len(), 46);
    }

    #[test]
    fn values_are_those_of_the_attribute_that_shifts_and_spread_over_its_numbers() {
        let velocities = |count: usize| -> BTreeSet<String> {
            let ids = chosen(json!({"source_values": count, "target_clips": 0}));
            ids.iter().map(|id| id.split('_').nth(2).unwrap().to_owned()).collect()
        };
        let set = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(velocities(1), set(&["14"]));
        assert_eq!(velocities(2), set(&["6", "22"]));
        assert_eq!(velocities(3), set(&["6", "14", "22"]));
        assert_eq!(velocities(5), set(&["6", "10", "14", "18", "22"]));
        assert_eq!(velocities(9), velocities(5));
        assert_eq!(chosen(json!({"source_values": 2})).len(), 16 + 6);
    }

    #[test]
    fn named_values_are_numbers_or_words() {
        assert_eq!(chosen(json!({"source_values": {"vel": [6, "10.0"]}})).len(), 16 + 6);
        assert_eq!(chosen(json!({"source_values": {"vel": [6], "load": [1]}})).len(), 4 + 6);
        assert_eq!(chosen(json!({"source_values": {"other": [1]}})).len(), 46);
        let g: Generalization =
            serde_json::from_value(json!({"source_values": {"vel": [7], "other": [1]}})).unwrap();
        let told = g.choose(&clips()).unwrap_err();
        assert_eq!(
            told,
            "`source_values` leaves no source clip; there are `other` ; `vel` 10, 14, 18, 22, 6"
        );
        assert_eq!(g.unknown_attribute(&clips().iter().collect::<Vec<_>>()), Some("other"));
    }

    #[test]
    fn test_clips_decide_nothing_and_words_are_no_numbers() {
        let g =
            Generalization { source_values: Some(SourceValues::Count(1)), ..Default::default() };
        let mut clips = clips();
        let before: Vec<String> =
            g.choose(&clips).unwrap().into_iter().map(str::to_owned).collect();
        let test = clips.iter_mut().find(|c| c.split == Split::Test).unwrap();
        test.domain = Some(Domain::Target);
        assert_eq!(g.choose(&clips).unwrap().into_iter().collect::<Vec<_>>(), before);
        clips[1].attributes.insert("vel".into(), "nan".into());
        assert!(g.choose(&clips).is_ok());
    }

    #[test]
    fn fewer_clips_are_among_the_more_and_another_draw_gives_others() {
        let few = chosen(json!({"target_clips": 2, "source_clips": 5}));
        let more = chosen(json!({"target_clips": 3, "source_clips": 9}));
        assert_eq!((few.len(), more.len()), (7, 12));
        assert!(few.iter().all(|id| more.contains(id)));
        let other = chosen(json!({"target_clips": 2, "source_clips": 5, "draw": 1}));
        assert!(other.len() == 7 && other != few);
    }

    #[test]
    fn what_leaves_nothing_is_told() {
        let told =
            |settings| serde_json::from_value::<Generalization>(settings).unwrap().problems().len();
        assert_eq!(told(json!({"source_clips": 0, "source_values": 0})), 2);
        assert_eq!(told(json!({"source_values": {"vel": []}})), 1);
        assert_eq!(told(json!({"target_clips": 0})), 0);
    }
}
