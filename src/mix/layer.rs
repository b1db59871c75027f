//! A layer of noise for the clips of a section: types of noise, and signal-to-noise ratios.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::artifact::{Clip, Domain};

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
    /// The name of the attribute whose value is the type of noise.
    #[schemars(rename = "attribute")]
    _attribute: String,
}

/// The signal-to-noise ratio in dB: one number, or a number for each value of an attribute, written
/// `{ n-lv: { L1: 3, L2: -9 } }`.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub enum Snr {
    /// The same ratio for every clip.
    Db(#[schemars(range(min = -100, max = 100))] f64),
    #[schemars(with = "BTreeMap<String, BTreeMap<String, f64>>")]
    Attribute { name: String, levels: BTreeMap<String, f64> },
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
                Err("its domain is unknown, but the noise depends on it".into())
            }
            (Types::Attribute(name), _) => match clip.attributes.get(name) {
                Some(value) => Ok(std::slice::from_ref(value)),
                None => Err(format!("it has no attribute `{name}`, which says its noise")),
            },
        }
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

impl Snr {
    /// The ratio for `clip`, in dB. Errors: the clip lacks the attribute, or its value has no
    /// level.
    pub fn of(&self, clip: &Clip) -> Result<f64, String> {
        let (name, levels) = match self {
            Snr::Db(db) => return Ok(*db),
            Snr::Attribute { name, levels } => (name, levels),
        };
        let value = clip.attributes.get(name);
        let value = value
            .ok_or_else(|| format!("it has no attribute `{name}`, which says its noise level"))?;
        let known = || levels.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        levels.get(value).copied().ok_or_else(|| {
            format!("its `{name}` is `{value}`, but levels are given only for {}", known())
        })
    }

    /// Every ratio in the setting.
    pub fn numbers(&self) -> Vec<f64> {
        match self {
            Snr::Db(db) => vec![*db],
            Snr::Attribute { levels, .. } => levels.values().copied().collect(),
        }
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

impl Serialize for Snr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Snr::Db(db) => serializer.serialize_f64(*db),
            Snr::Attribute { name, levels } => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(name, levels)?;
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

impl<'de> Deserialize<'de> for Snr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Snr;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number of dB, or a map from an attribute to the dB of its values")
            }

            fn visit_f64<E>(self, db: f64) -> Result<Snr, E> {
                Ok(Snr::Db(db))
            }

            fn visit_i64<E>(self, db: i64) -> Result<Snr, E> {
                Ok(Snr::Db(db as f64))
            }

            fn visit_u64<E>(self, db: u64) -> Result<Snr, E> {
                Ok(Snr::Db(db as f64))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Snr, A::Error> {
                let first = entries.next_entry::<String, BTreeMap<String, f64>>()?;
                match (first, entries.next_key::<String>()?) {
                    (Some((name, levels)), None) => Ok(Snr::Attribute { name, levels }),
                    _ => Err(de::Error::custom("levels of noise depend on one attribute")),
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
        let whole: Snr = serde_json::from_value(json!(-6)).unwrap();
        assert_eq!(whole, Snr::Db(-6.0));
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
        let snr = |v| serde_json::from_value::<Snr>(v).unwrap_err().to_string();
        assert_eq!(
            snr(json!({"a": {"x": 1.0}, "b": {"y": 2.0}})),
            "levels of noise depend on one attribute"
        );
        assert!(snr(json!("loud")).contains("expected a number of dB"));
    }
}
