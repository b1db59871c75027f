//! How numbers that are drawn are written in a spec, and what is said of forms that there are not.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Drawn, Placed};
use crate::diagnose::closest;

/// A value in a map, before it is known which form the map has.
pub(in crate::mix) enum Part {
    Number(f64),
    List(Vec<f64>),
    Map(BTreeMap<String, Inner>),
}

/// A value in a map in a map.
pub(in crate::mix) enum Inner {
    Number(f64),
    List(Vec<f64>),
}

pub(in crate::mix) type Parts = BTreeMap<String, Part>;

pub(in crate::mix) fn parts<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Parts, A::Error> {
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
pub(in crate::mix) fn misspelt_part(parts: &Parts) -> Option<String> {
    parts.keys().find_map(|name| misspelt(name, &WORDS))
}

/// The form that a map has.
pub(in crate::mix) fn placed(mut parts: Parts) -> Result<Placed, String> {
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
pub(in crate::mix) use read;

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
    fn forms_that_there_are_not_are_told() {
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
