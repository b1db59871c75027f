//! Which of the normal training clips a detector sees: how hard its domain generalisation is made.
//!
//! The difficulty settings that MIMII DG offers its users (Dohi et al. 2022, section 2.4): how many values of the
//! shift parameter the source has, and how many target clips there are. What is kept is decided by the identity
//! of the clips, and fewer clips are always among the more, so that two points of a sweep differ by what is swept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::artifact::{Clip, Domain, Label, Split};
use crate::diagnose::Problem;
use crate::seed::Seed;

/// `generalization` of a spec.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Generalization {
    /// Most target clips a section; all if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_clips: Option<usize>,
    /// Most source clips a section; all if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_clips: Option<usize>,
    /// Which values of the shift parameter the source clips have; all if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_values: Option<SourceValues>,
    /// Another number draws other clips where not all are taken.
    pub draw: u64,
}

/// Values of the source domain to train on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SourceValues {
    /// So many of the values of the shift parameter, spread over their range.
    Count(usize),
    /// These values of these attributes; clips without the attribute stay.
    Named(BTreeMap<String, Vec<String>>),
}

impl Generalization {
    /// Settings out of range, all of them.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut empty = |field: &str, what: &str| {
            let problem = Problem::new(field, format!("{what} leaves nothing of the source to train on"));
            problems.push(problem.hint("write at least 1, or leave the line out for all"));
        };
        if self.source_clips == Some(0) {
            empty("source_clips", "0");
        }
        match &self.source_values {
            Some(SourceValues::Count(0)) => empty("source_values", "0"),
            Some(SourceValues::Named(named)) => {
                for name in named.iter().filter(|(_, values)| values.is_empty()).map(|(name, _)| name) {
                    empty(&format!("source_values.{name}"), "an empty list");
                }
            }
            _ => {}
        }
        problems
    }

    /// Whether every clip is taken.
    pub fn takes_all(&self) -> bool {
        let Self { target_clips, source_clips, source_values, draw: _ } = self;
        target_clips.is_none() && source_clips.is_none() && source_values.is_none()
    }

    /// The ids of the clips to train on, of all clips of one section. Clips without a domain are source clips.
    pub fn choose<'a>(&self, clips: &'a [Clip]) -> BTreeSet<&'a str> {
        let train = clips.iter().filter(|c| c.split == Split::Train && c.label != Some(Label::Anomaly));
        let (target, source): (Vec<&Clip>, Vec<&Clip>) = train.partition(|c| c.domain == Some(Domain::Target));
        let source: Vec<&Clip> = match &self.source_values {
            None => source,
            Some(SourceValues::Count(count)) => {
                let shift = Shift::of(clips);
                let kept = spread(source.iter().map(|c| shift.value(c)).collect(), *count);
                source.into_iter().filter(|c| kept.contains(&shift.value(c))).collect()
            }
            Some(SourceValues::Named(named)) => {
                let fits = |clip: &Clip| {
                    named.iter().all(|(name, values)| {
                        clip.attributes.get(name).is_none_or(|own| values.iter().any(|v| same(v, own)))
                    })
                };
                source.into_iter().filter(|c| fits(c)).collect()
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
        most(source, self.source_clips).into_iter().chain(most(target, self.target_clips)).collect()
    }
}

/// `6` and `6.0` are one value, `L1` and `L1` are.
fn same(a: &str, b: &str) -> bool {
    a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

/// The attributes by which the domains of a section differ: those that have no value in common; all, if there are none.
struct Shift(Vec<String>);

impl Shift {
    fn of(clips: &[Clip]) -> Self {
        let names: BTreeSet<&String> = clips.iter().flat_map(|c| c.attributes.keys()).collect();
        let values = |name: &String, domain: Domain| -> BTreeSet<Option<&String>> {
            clips.iter().filter(|c| c.domain == Some(domain)).map(|c| c.attributes.get(name)).collect()
        };
        let differs = |name: &&&String| values(name, Domain::Source).is_disjoint(&values(name, Domain::Target));
        let shifted: Vec<String> = names.iter().filter(differs).map(|n| (*n).clone()).collect();
        Self(if shifted.is_empty() { names.into_iter().cloned().collect() } else { shifted })
    }

    fn value<'a>(&self, clip: &'a Clip) -> Vec<&'a str> {
        self.0.iter().map(|name| clip.attributes.get(name).map_or("", String::as_str)).collect()
    }
}

/// `count` of the values, evenly spread over their order: the middle one, the two ends, and so on. Numbers are
/// ordered as numbers.
fn spread(values: BTreeSet<Vec<&str>>, count: usize) -> BTreeSet<Vec<&str>> {
    let mut values: Vec<Vec<&str>> = values.into_iter().collect();
    let number = |value: &Vec<&str>| value.iter().map(|v| v.parse::<f64>()).collect::<Result<Vec<f64>, _>>();
    if values.iter().all(|value| number(value).is_ok()) {
        let key = |value: &Vec<&str>| number(value).expect("all are numbers");
        values.sort_by(|a, b| key(a).partial_cmp(&key(b)).expect("attributes are finite"));
    }
    let n = values.len();
    if count >= n {
        return values.into_iter().collect();
    }
    let place = |i: usize| if count == 1 { (n - 1) / 2 } else { (i * (n - 1) + (count - 1) / 2) / (count - 1) };
    (0..count).map(|i| values[place(i)].clone()).collect()
}

// serde's `untagged` would lose the place of a mistake.
impl<'de> Deserialize<'de> for SourceValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = SourceValues;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number of values, or a map from an attribute to a list of its values")
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<SourceValues, E> {
                usize::try_from(count).map(SourceValues::Count).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<SourceValues, A::Error> {
                let mut named = BTreeMap::new();
                while let Some((name, values)) = entries.next_entry::<String, Vec<serde_json::Value>>()? {
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

    /// 5 source velocities of 8 clips, 3 target ones of 2, at two loads, and a test clip.
    fn clips() -> Vec<Clip> {
        let clip = |domain: Domain, split: Split, vel: &str, i: usize| Clip {
            id: format!("{domain}_{split}_{vel}_{i}"),
            machine: "bearing".into(),
            section: "00".into(),
            domain: Some(domain),
            split,
            label: Some(Label::Normal),
            attributes: [("vel".to_owned(), vel.to_owned()), ("load".to_owned(), (i % 2).to_string())].into(),
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
        g.choose(&clips()).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn without_settings_all_training_clips_are_taken() {
        assert!(Generalization::default().takes_all());
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
        let told = |settings| serde_json::from_value::<Generalization>(settings).unwrap().problems().len();
        assert_eq!(told(json!({"source_clips": 0, "source_values": 0})), 2);
        assert_eq!(told(json!({"source_values": {"vel": []}})), 1);
        assert_eq!(told(json!({"target_clips": 0})), 0);
    }
}
