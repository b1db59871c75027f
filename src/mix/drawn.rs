//! Numbers that a spec gives for all clips, has drawn for each clip, or gives by domain.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::artifact::{Clip, Domain};
use crate::diagnose::{Problem, closest};
use crate::seed::Seed;

/// A number, or a way to draw one: `-6`, `{ uniform: [-6, 6] }` or `{ choose: [-6, 0, 6] }`.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[schemars(untagged, inline)]
pub enum Drawn {
    /// The same number for every clip.
    Number(f64),
    #[schemars(with = "ByUniform")]
    Uniform([f64; 2]),
    #[schemars(with = "ByChoice")]
    Choose(Vec<f64>),
}

/// A number for each clip, or one for each domain: `{ source: 0.2, target: 0.6 }`.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[schemars(untagged, inline)]
pub enum Placed {
    All(Drawn),
    #[schemars(with = "ByDomain")]
    Domain {
        source: Drawn,
        target: Drawn,
    },
}

/// The form of [`Drawn::Uniform`].
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, inline)]
struct ByUniform {
    /// A number between these two is drawn for each clip.
    #[schemars(rename = "uniform")]
    _uniform: [f64; 2],
}

/// The form of [`Drawn::Choose`].
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, inline)]
struct ByChoice {
    /// One of these numbers is drawn for each clip.
    #[schemars(rename = "choose")]
    _choose: Vec<f64>,
}

/// The form of [`Placed::Domain`].
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, inline)]
struct ByDomain {
    /// For clips of the source domain.
    #[schemars(rename = "source")]
    _source: Drawn,
    /// For clips of the target domain.
    #[schemars(rename = "target")]
    _target: Drawn,
}

impl Drawn {
    /// The number for a clip; `seed` is the clip's own.
    pub fn of(&self, seed: Seed) -> f64 {
        match self {
            Drawn::Number(number) => *number,
            Drawn::Uniform([low, high]) => low + (high - low) * seed.rng().uniform(),
            Drawn::Choose(all) => all[seed.rng().below(all.len())],
        }
    }

    /// Every number in the setting.
    pub fn numbers(&self) -> Vec<f64> {
        match self {
            Drawn::Number(number) => vec![*number],
            Drawn::Uniform(ends) => ends.to_vec(),
            Drawn::Choose(all) => all.clone(),
        }
    }

    pub(super) fn add(&mut self, more: f64) {
        match self {
            Drawn::Number(number) => *number += more,
            Drawn::Uniform(ends) => ends.iter_mut().for_each(|end| *end += more),
            Drawn::Choose(all) => all.iter_mut().for_each(|one| *one += more),
        }
    }

    fn problem(&self, field: &str) -> Option<Problem> {
        match self {
            Drawn::Uniform([low, high]) if low > high => {
                let message = format!("`uniform` is from {low} to {high}, which is no range");
                let hint = format!("write the smaller number first, `[{high}, {low}]`");
                Some(Problem::new(field, message).hint(hint))
            }
            Drawn::Choose(all) if all.is_empty() => {
                let problem = Problem::new(field, "`choose` has nothing to choose from");
                Some(problem.hint("write at least one number, `[-6, 0, 6]`"))
            }
            _ => None,
        }
    }
}

impl Placed {
    /// The number for `clip`; `seed` is the clip's own. Errors: its domain decides and is unknown.
    pub fn of(&self, clip: &Clip, seed: Seed) -> Result<f64, String> {
        match (self, clip.domain) {
            (Placed::All(drawn), _) => Ok(drawn.of(seed)),
            (Placed::Domain { source, .. }, Some(Domain::Source)) => Ok(source.of(seed)),
            (Placed::Domain { target, .. }, Some(Domain::Target)) => Ok(target.of(seed)),
            (Placed::Domain { .. }, None) => {
                Err("its domain is unknown, but the mix depends on it".into())
            }
        }
    }

    fn parts(&self) -> Vec<&Drawn> {
        match self {
            Placed::All(drawn) => vec![drawn],
            Placed::Domain { source, target } => vec![source, target],
        }
    }

    /// Every number in the setting.
    pub fn numbers(&self) -> Vec<f64> {
        self.parts().into_iter().flat_map(Drawn::numbers).collect()
    }

    pub(super) fn add(&mut self, more: f64) {
        match self {
            Placed::All(drawn) => drawn.add(more),
            Placed::Domain { source, target } => {
                source.add(more);
                target.add(more);
            }
        }
    }

    /// What cannot be drawn, and numbers that are not from `low` to `high`. `unit` is a word such as
    /// `dB`.
    pub fn problems(&self, field: &str, [low, high]: [f64; 2], unit: &str) -> Vec<Problem> {
        let mut found: Vec<Problem> =
            self.parts().into_iter().filter_map(|drawn| drawn.problem(field)).collect();
        let outside = self.numbers().into_iter().find(|x| !(low..=high).contains(x));
        found.extend(outside.map(|x| {
            let hint = format!("write a number of {unit} from {low} to {high}");
            Problem::new(field, format!("{x} is out of range")).hint(hint)
        }));
        found
    }
}

/// A value in a map, before it is known which form the map has.
pub(super) enum Part {
    Number(f64),
    List(Vec<f64>),
    Map(BTreeMap<String, Inner>),
}

/// A value in a map in a map.
pub(super) enum Inner {
    Number(f64),
    List(Vec<f64>),
}

pub(super) type Parts = BTreeMap<String, Part>;

pub(super) fn parts<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Parts, A::Error> {
    let mut parts = Parts::new();
    while let Some((name, part)) = entries.next_entry()? {
        parts.insert(name, part);
    }
    Ok(parts)
}

const FORMS: &str = "write a number, `{ uniform: [LOW, HIGH] }`, `{ choose: [..] }`, or one of them each for `source` and `target`";

/// The words that forms begin with.
const WORDS: [&str; 4] = ["uniform", "choose", "source", "target"];

/// What to say of a name that is none of the `known` ones, if one of them is near.
fn misspelt(name: &str, known: &[&str]) -> Option<String> {
    let near = closest(name, known.iter().copied()).filter(|near| *near != name)?;
    Some(format!("there is no `{name}`; did you mean `{near}`?"))
}

/// What to say of the first name of a map that is nearly a word of a form.
pub(super) fn misspelt_part(parts: &Parts) -> Option<String> {
    parts.keys().find_map(|name| misspelt(name, &WORDS))
}

/// The form that a map has.
pub(super) fn placed(mut parts: Parts) -> Result<Placed, String> {
    if let Some(why) = misspelt_part(&parts) {
        return Err(why);
    }
    match (parts.remove("source"), parts.remove("target"), parts.is_empty()) {
        (Some(source), Some(target), true) => {
            Ok(Placed::Domain { source: one(source)?, target: one(target)? })
        }
        (None, None, false) if parts.len() == 1 => {
            let (name, part) = parts.pop_first().expect("it has one");
            match part {
                Part::List(list) => drawn(&name, list).map(Placed::All),
                _ => Err(FORMS.into()),
            }
        }
        _ => Err(FORMS.into()),
    }
}

fn one(part: Part) -> Result<Drawn, String> {
    match part {
        Part::Number(number) => Ok(Drawn::Number(number)),
        Part::Map(mut map) if map.len() == 1 => match map.pop_first().expect("it has one") {
            (name, Inner::List(list)) => drawn(&name, list),
            _ => Err(FORMS.into()),
        },
        _ => Err(FORMS.into()),
    }
}

fn drawn(name: &str, list: Vec<f64>) -> Result<Drawn, String> {
    match name {
        "uniform" => <[f64; 2]>::try_from(list)
            .map(Drawn::Uniform)
            .map_err(|_| "`uniform` takes two numbers, `[LOW, HIGH]`".into()),
        "choose" => Ok(Drawn::Choose(list)),
        _ => Err(misspelt(name, &WORDS[..2]).unwrap_or_else(|| FORMS.into())),
    }
}

impl Serialize for Drawn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = match self {
            Drawn::Number(number) => return serializer.serialize_f64(*number),
            _ => serializer.serialize_map(Some(1))?,
        };
        match self {
            Drawn::Uniform(ends) => map.serialize_entry("uniform", ends)?,
            Drawn::Choose(all) => map.serialize_entry("choose", all)?,
            Drawn::Number(_) => {}
        }
        map.end()
    }
}

impl Serialize for Placed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Placed::All(drawn) => drawn.serialize(serializer),
            Placed::Domain { source, target } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("source", source)?;
                map.serialize_entry("target", target)?;
                map.end()
            }
        }
    }
}

/// Implements `Deserialize` by a function of a number and by the maps and lists that the type knows.
/// serde's `untagged` would lose the location of a mistake.
macro_rules! read {
    ($type:ty, $expected:literal, $number:expr $(, map $map:expr)? $(, list $list:expr)?) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;
                impl<'de> Visitor<'de> for Either {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_f64<E>(self, number: f64) -> Result<$type, E> {
                        Ok($number(number))
                    }

                    fn visit_i64<E>(self, number: i64) -> Result<$type, E> {
                        Ok($number(number as f64))
                    }

                    fn visit_u64<E>(self, number: u64) -> Result<$type, E> {
                        Ok($number(number as f64))
                    }

                    $(fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$type, A::Error> {
                        $map(map)
                    })?

                    $(fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<$type, A::Error> {
                        let list = Vec::deserialize(de::value::SeqAccessDeserializer::new(items))?;
                        Ok($list(list))
                    })?
                }
                deserializer.deserialize_any(Either)
            }
        }
    };
}
pub(super) use read;

read!(Part, "a number, a list of numbers, or a map of them", Part::Number,
    map |map| BTreeMap::deserialize(de::value::MapAccessDeserializer::new(map)).map(Part::Map),
    list Part::List);
read!(Inner, "a number", Inner::Number, list Inner::List);
read!(
    Placed,
    "a number, `{ uniform: [LOW, HIGH] }`, `{ choose: [..] }`, or `{ source: .., target: .. }`",
    |number| Placed::All(Drawn::Number(number)),
    map | map | parts(map).and_then(|parts| placed(parts).map_err(de::Error::custom))
);
read!(
    Drawn,
    "a number, `{ uniform: [LOW, HIGH] }` or `{ choose: [..] }`",
    Drawn::Number,
    map | map
        | parts(map).and_then(|parts| match placed(parts) {
            Ok(Placed::All(drawn)) => Ok(drawn),
            Ok(Placed::Domain { .. }) =>
                Err(de::Error::custom("it may be drawn for each clip, but not by domain")),
            Err(why) => Err(de::Error::custom(why)),
        })
);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_drawn_by_the_seed_alone() {
        let seeds = || (0..400).map(Seed);
        let uniform: Drawn = serde_json::from_value(json!({"uniform": [-6, 6]})).unwrap();
        let all: Vec<f64> = seeds().map(|seed| uniform.of(seed)).collect();
        assert!(all.iter().all(|x| (-6.0..6.0).contains(x)));
        let mean = all.iter().sum::<f64>() / 400.0;
        assert!(mean.abs() < 0.6 && all.iter().any(|x| *x < -5.5) && all.iter().any(|x| *x > 5.5));
        assert!(all.iter().copied().eq(seeds().map(|seed| uniform.of(seed))));
        let choose: Drawn = serde_json::from_value(json!({"choose": [-6, 0, 6]})).unwrap();
        let sixes = seeds().filter(|seed| choose.of(*seed) == 6.0).count();
        assert!((100..167).contains(&sixes), "{sixes}");
        assert_eq!(Drawn::Number(3.0).of(Seed(1)), 3.0);
    }

    #[test]
    fn what_cannot_be_drawn_is_told() {
        let told = |value| {
            let placed: Placed = serde_json::from_value(value).unwrap();
            let problems = placed.problems("snr_db", [-100.0, 100.0], "dB");
            problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(told(json!(3)), "");
        assert_eq!(
            told(json!({"uniform": [6, -6]})),
            "`uniform` is from 6 to -6, which is no range"
        );
        assert_eq!(
            told(json!({"source": {"choose": []}, "target": 300})),
            "`choose` has nothing to choose from; 300 is out of range"
        );
        let wrong = |value| serde_json::from_value::<Placed>(value).unwrap_err().to_string();
        assert_eq!(wrong(json!({"uniform": [1]})), "`uniform` takes two numbers, `[LOW, HIGH]`");
        for (value, name, near) in [
            (json!({"unifrom": [1, 2]}), "unifrom", "uniform"),
            (json!({"unifrom": 1}), "unifrom", "uniform"),
            (json!({"sorce": 1, "target": 2}), "sorce", "source"),
            (json!({"source": 1, "target": {"chose": [2]}}), "chose", "choose"),
        ] {
            assert_eq!(wrong(value), format!("there is no `{name}`; did you mean `{near}`?"));
        }
        for value in [
            json!({"between": [1, 2]}),
            json!({"source": 1}),
            json!({"source": 1, "target": {"a": 1}}),
        ] {
            assert_eq!(wrong(value), FORMS);
        }
        let wrong = serde_json::from_value::<Drawn>(json!({"source": 1, "target": 2})).unwrap_err();
        assert_eq!(wrong.to_string(), "it may be drawn for each clip, but not by domain");
    }
}
