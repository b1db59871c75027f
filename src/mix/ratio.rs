//! The signal-to-noise ratio of each clip.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::bounds::{DECIBELS, decibels};
use super::drawn::form::{Inner, Part, misspelt_part, parts, placed, read};
use super::drawn::{Drawn, Placed};
use crate::artifact::Clip;
use crate::diagnose::Problem;
use crate::seed::Seed;

/// The signal-to-noise ratio in dB: one number; a number drawn for each clip, written `{ uniform:
/// [-6, 6] }` or `{ choose: [-6, 0, 6] }`; one of these for each domain, written `{ source: 0,
/// target: { uniform: [-12, -6] } }`; or a number for each value of an attribute, written `{ n-lv: {
/// L1: 3, L2: -9 } }`.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub enum Snr {
    /// The same ratio for every clip.
    Db(#[schemars(range(min = -100, max = 100))] f64),
    Drawn(#[schemars(schema_with = "decibels::<Placed>")] Placed),
    #[schemars(with = "BTreeMap<String, BTreeMap<String, f64>>")]
    Attribute {
        name: String,
        levels: BTreeMap<String, f64>,
    },
}

impl Snr {
    /// The ratio for `clip`, in dB; `seed` is the clip's own. Errors: the clip lacks the attribute,
    /// or its value has no level, or its domain is unknown.
    pub fn of(&self, clip: &Clip, seed: Seed) -> Result<f64, String> {
        let (name, levels) = match self {
            Snr::Db(db) => return Ok(*db),
            Snr::Drawn(placed) => return placed.of(clip, seed),
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

    /// The same ratios, with `more` dB added to each.
    pub fn plus(mut self, more: f64) -> Self {
        match &mut self {
            Snr::Db(db) => *db += more,
            Snr::Drawn(placed) => placed.add(more),
            Snr::Attribute { levels, .. } => levels.values_mut().for_each(|db| *db += more),
        }
        self
    }

    /// What is out of range, or cannot be drawn.
    pub fn problems(&self, field: &str) -> Vec<Problem> {
        let range = DECIBELS;
        match self {
            Snr::Db(db) => Placed::All(Drawn::Number(*db)).problems(field, range, "dB"),
            Snr::Drawn(placed) => placed.problems(field, range, "dB"),
            Snr::Attribute { levels, .. } => {
                let one = |db: &f64| Placed::All(Drawn::Number(*db)).problems(field, range, "dB");
                levels.values().flat_map(one).collect()
            }
        }
    }
}

impl Serialize for Snr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Snr::Db(db) => serializer.serialize_f64(*db),
            Snr::Drawn(placed) => placed.serialize(serializer),
            Snr::Attribute { name, levels } => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(name, levels)?;
                map.end()
            }
        }
    }
}

read!(
    Snr,
    "a number of dB, `{ uniform: [LOW, HIGH] }`, `{ choose: [..] }`, `{ source: .., target: .. }`, or a map \
            from an attribute to the dB of its values",
    Snr::Db,
    map | map
        | parts(map).and_then(|mut parts| {
            let number = |(value, inner): (String, Inner)| match inner {
                Inner::Number(db) => Some((value, db)),
                Inner::List(_) => None,
            };
            if parts.len() == 1
                && let Some(Part::Map(_)) = parts.values().next()
            {
                let Some((name, Part::Map(levels))) = parts.pop_first() else {
                    unreachable!("it has one")
                };
                let levels: Option<BTreeMap<String, f64>> =
                    levels.into_iter().map(number).collect();
                let several = || match &name[..] {
                    "source" => de::Error::custom("`target` is missing beside `source`"),
                    "target" => de::Error::custom("`source` is missing beside `target`"),
                    _ => de::Error::custom("each value of the attribute has one number of dB"),
                };
                let levels = levels.ok_or_else(several)?;
                return Ok(Snr::Attribute { name, levels });
            }
            let of_domains = parts.contains_key("source") && parts.contains_key("target");
            if !of_domains && parts.len() > 1 {
                if let Some(why) = misspelt_part(&parts) {
                    return Err(de::Error::custom(why));
                }
                let given: Vec<String> = parts.keys().map(|key| format!("`{key}`")).collect();
                return Err(de::Error::custom(format!(
                    "{} do not belong together: write `uniform` or `choose` alone, `source` and `target`, or one \
                     attribute",
                    given.join(" and ")
                )));
            }
            placed(parts).map(Snr::Drawn).map_err(de::Error::custom)
        })
);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_form_survives_its_json() {
        for snr in [
            json!(-6.5),
            json!({"n-lv": {"L1": 3.0, "L2": -9.0}}),
            json!({"uniform": [-6.0, 6.0]}),
            json!({"choose": [-6.0, 0.0]}),
            json!({"source": 3.0, "target": {"uniform": [-9.0, -6.0]}}),
            // Attributes of these names are no other forms.
            json!({"uniform": {"L1": 3.0}}),
            json!({"source": {"L1": 3.0}}),
        ] {
            let read: Snr = serde_json::from_value(snr.clone()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), snr);
        }
        assert_eq!(serde_json::from_value::<Snr>(json!(-6)).unwrap(), Snr::Db(-6.0));
        let shifted: Snr =
            serde_json::from_value(json!({"source": 3, "target": {"choose": [1, 2]}})).unwrap();
        assert_eq!(
            json!(shifted.plus(1.0)),
            json!({"source": 4.0, "target": {"choose": [2.0, 3.0]}})
        );
    }

    #[test]
    fn half_a_form_is_refused_in_words() {
        let snr = |v| serde_json::from_value::<Snr>(v).unwrap_err().to_string();
        assert_eq!(
            snr(json!({"a": {"x": 1.0}, "b": {"y": 2.0}})),
            "`a` and `b` do not belong together: write `uniform` or `choose` alone, `source` and `target`, or one attribute"
        );
        assert_eq!(
            snr(json!({"sourse": 1.0, "target": {"uniform": [2.0, 3.0]}})),
            "there is no `sourse`; did you mean `source`?"
        );
        assert!(snr(json!("loud")).contains("expected a number of dB"));
        assert!(snr(json!({"n-lv": {"L1": "loud"}})).contains("expected a number"));
        assert_eq!(
            snr(json!({"source": {"uniform": [-6.0, 6.0]}})),
            "`target` is missing beside `source`"
        );
        assert_eq!(
            snr(json!({"n-lv": {"L1": [1.0]}})),
            "each value of the attribute has one number of dB"
        );
    }
}
