//! A layer of noise for the clips of a section: types of noise, and signal-to-noise ratios.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::Snr;
use crate::artifact::{Clip, Domain};
use crate::diagnose::Problem;

/// One noise for every clip of a section. Several layers are summed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    pub types: Types,
    pub snr_db: Snr,
}

/// The types of noise that a clip may get. Written as a list, as `{ source: [...], target: [...]
/// }`, or as `{ attribute: f-n }`.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[schemars(untagged, deny_unknown_fields)]
pub enum Types {
    /// Any of these types.
    Any(Vec<String>),
    /// Any of the types for the clip's domain.
    Domain {
        /// Types for clips of the source domain.
        source: Vec<String>,
        /// Types for clips of the target domain.
        target: Vec<String>,
    },
    /// The type in this attribute of the clip.
    Attribute(#[schemars(with = "ByAttribute")] String),
}

/// The form of [`Types::Attribute`].
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, inline)]
struct ByAttribute {
    /// The name of the attribute whose value is the type.
    #[schemars(rename = "attribute")]
    _attribute: String,
}

/// The message that no recording is of type `kind`. `what` is `noise` or `response`; `known` are the
/// types of the recordings.
pub fn unknown_type(what: &str, kind: &str, known: &[&str]) -> String {
    format!("there is no {what} of type `{kind}`; known: {}", known.join(", "))
}

impl Types {
    /// The types that `clip` may get. Errors: the clip lacks the domain or the attribute that
    /// decides.
    pub fn of<'a>(&'a self, clip: &'a Clip) -> Result<&'a [String], String> {
        match (self, clip.domain) {
            (Types::Any(types), _) => Ok(types),
            (Types::Domain { source, .. }, Some(Domain::Source)) => Ok(source),
            (Types::Domain { target, .. }, Some(Domain::Target)) => Ok(target),
            (Types::Domain { .. }, None) => {
                Err("its domain is unknown, but `types` depends on it".into())
            }
            (Types::Attribute(name), _) => match clip.attributes.get(name) {
                Some(value) => Ok(std::slice::from_ref(value)),
                None => Err(format!("it has no attribute `{name}`, which `types` names")),
            },
        }
    }

    /// The lists without a type. `what` is `noise` or `room`, and `such` a type of it.
    pub fn problems(&self, field: &str, what: &str, such: &str) -> Vec<Problem> {
        let lists = match self {
            Types::Any(types) => vec![(field.to_owned(), types)],
            Types::Domain { source, target } => {
                vec![(format!("{field}.source"), source), (format!("{field}.target"), target)]
            }
            Types::Attribute(_) => Vec::new(),
        };
        let empty = lists.into_iter().filter(|(_, types)| types.is_empty());
        empty
            .map(|(field, _)| {
                Problem::new(field, format!("names no type of {what}"))
                    .hint(format!("write at least one, such as `[{such}]`"))
            })
            .collect()
    }

    /// Every type that the setting names; `None` if only the clips know.
    pub fn named(&self) -> Option<Vec<&str>> {
        let mut all: Vec<&str> = match self {
            Types::Any(types) => types.iter().map(String::as_str).collect(),
            Types::Domain { source, target } => {
                source.iter().chain(target).map(String::as_str).collect()
            }
            Types::Attribute(_) => return None,
        };
        all.sort_unstable();
        all.dedup();
        Some(all)
    }
}

impl Serialize for Types {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Types::Any(types) => types.serialize(serializer),
            Types::Domain { source, target } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("source", source)?;
                map.serialize_entry("target", target)?;
                map.end()
            }
            Types::Attribute(name) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("attribute", name)?;
                map.end()
            }
        }
    }
}

// serde's `untagged` would lose the location of a mistake.
impl<'de> Deserialize<'de> for Types {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            source: Option<Vec<String>>,
            target: Option<Vec<String>>,
            attribute: Option<String>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Types;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of noise types, or a map with `source` and `target`, or with `attribute`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Types, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(items)).map(Types::Any)
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Types, A::Error> {
                let written = Written::deserialize(de::value::MapAccessDeserializer::new(entries))?;
                match written {
                    Written { source: None, target: None, attribute: Some(name) } => {
                        Ok(Types::Attribute(name))
                    }
                    Written { source: Some(source), target: Some(target), attribute: None } => {
                        Ok(Types::Domain { source, target })
                    }
                    _ => Err(de::Error::custom(
                        "name the types of `source` and of `target`, or an `attribute` alone",
                    )),
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_form_survives_its_json() {
        for types in [
            json!(["A", "B"]),
            json!({"source": ["A"], "target": ["C"]}),
            json!({"attribute": "f-n"}),
        ] {
            for snr in [json!(-6.5), json!({"n-lv": {"L1": 3.0, "L2": -9.0}})] {
                let written = json!({"types": types, "snr_db": snr});
                let layer: Layer = serde_json::from_value(written.clone()).unwrap();
                assert_eq!(serde_json::to_value(&layer).unwrap(), written);
            }
        }
    }

    #[test]
    fn half_a_form_is_refused_in_words() {
        let types = |v| serde_json::from_value::<Types>(v).unwrap_err().to_string();
        assert_eq!(
            types(json!({"source": ["A"]})),
            "name the types of `source` and of `target`, or an `attribute` alone"
        );
        assert!(types(json!({"sauce": ["A"]})).starts_with("unknown field `sauce`"));
        assert!(types(json!(5)).contains("expected a list of noise types"));
    }
}
