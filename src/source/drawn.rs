//! Draws a data set from a pool of recordings: so many clips of each condition, none of them twice.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::Recording;
use crate::artifact::{Clip, Domain, Label, Split};
use crate::diagnose::Problem;
use crate::family::Word;
use crate::seed::Seed;

/// The clips of a data set that are drawn from a pool of recordings. No recording is used twice, and
/// those that are not drawn are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// How many clips of which condition, in the order in which they are drawn.
    pub requests: Vec<Request>,
    /// Another seed draws others.
    #[serde(default)]
    pub seed: u64,
}

/// Clips of one condition that a data set gets, as ToyADMOS2 asks for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Number of clips, of each section.
    #[schemars(range(min = 1), example = 990)]
    pub clips: usize,
    /// Whether they are for training or for testing.
    pub split: Split,
    /// Their domain. Default: the domain that they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
    /// Only normal or only anomalous recordings. Default: normal ones, or such of unknown label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// Only recordings with these values of attributes, such as `{ speed: [1, 2, 3] }` for
    /// `{attr.speed}` in the pattern. Of each value the same number is drawn, if there are enough.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "values")]
    #[schemars(with = "BTreeMap<String, Vec<Word>>")]
    pub r#where: BTreeMap<String, Vec<String>>,
}

/// One value or several, and numbers as their texts.
fn values<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Ok(text.clone()),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        other => Err(serde::de::Error::custom(format!("`{other}` is no value of an attribute"))),
    };
    let written = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
    let read = |(name, value): (String, serde_json::Value)| {
        let values = match &value {
            serde_json::Value::Array(all) => all.iter().map(text).collect::<Result<_, _>>()?,
            one => vec![text(one)?],
        };
        Ok((name, values))
    };
    written.into_iter().map(read).collect()
}

impl Request {
    /// Whether a clip fits.
    fn fits(&self, clip: &Clip) -> bool {
        let label = match self.label {
            None => clip.label != Some(Label::Anomaly),
            label => clip.label == label,
        };
        let has = |(name, values): (&String, &Vec<String>)| {
            clip.attributes.get(name).is_some_and(|value| values.contains(value))
        };
        label && self.r#where.iter().all(has)
    }

    /// The words of a message: `normal clips with speed 1, 2`.
    fn shown(&self) -> String {
        let label = self.label.unwrap_or(Label::Normal);
        let one = |(name, values): (&String, &Vec<String>)| format!("{name} {}", values.join(", "));
        let conditions: Vec<String> = self.r#where.iter().map(one).collect();
        match conditions.is_empty() {
            true => format!("{label} clips"),
            false => format!("{label} clips with {}", conditions.join(" and ")),
        }
    }
}

impl Draw {
    /// Settings that no recordings can meet. `attributes` are those of the pattern.
    pub fn problems(&self, attributes: &BTreeSet<String>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.requests.is_empty() {
            let hint = "write `requests: [ { clips: 100, split: train } ]`";
            problems.push(Problem::new("draw.requests", "nothing is drawn").hint(hint));
        }
        for (i, request) in self.requests.iter().enumerate() {
            let field = format!("draw.requests[{i}]");
            problems.extend(Problem::outside(
                &format!("{field}.clips"),
                request.clips,
                1,
                1_000_000,
            ));
            for (name, values) in &request.r#where {
                let field = format!("{field}.where.{name}");
                if !attributes.contains(name) {
                    let message = format!("no recording has the attribute `{name}`");
                    let hint = format!("add `{{attr.{name}}}` to the pattern");
                    problems.push(Problem::new(&field, message).hint(hint));
                } else if values.is_empty() {
                    let problem = Problem::new(&field, "names no value");
                    problems.push(problem.hint("write at least one"));
                }
            }
        }
        problems
    }

    /// The clips of a section that were drawn, in the order of their paths. Requests are met in their
    /// order; within one, the seed and the name of a recording say which ones are taken.
    ///
    /// Errors: fewer recordings are left than a request asks for.
    pub fn draw(&self, recordings: Vec<Recording>) -> Result<Vec<Recording>, String> {
        let seed = Seed(self.seed);
        let mut left: Vec<(u64, Recording)> = recordings
            .into_iter()
            .map(|recording| {
                let Clip { machine, section, id, .. } = &recording.clip;
                (seed.derive(&["draw", machine, section, id]).0, recording)
            })
            .collect();
        left.sort_by(|a, b| (a.0, &a.1.clip.id).cmp(&(b.0, &b.1.clip.id)));
        let mut drawn = Vec::new();
        for request in &self.requests {
            // The values take turns: the first of each, then the second of each.
            let mut seen: BTreeMap<Vec<String>, usize> = BTreeMap::new();
            let mut fitting: Vec<(usize, usize)> = Vec::new();
            for (i, (_, recording)) in left.iter().enumerate() {
                let clip = &recording.clip;
                if request.fits(clip) {
                    let values = request.r#where.keys().map(|name| clip.attributes[name].clone());
                    let turn = seen.entry(values.collect()).or_default();
                    fitting.push((*turn, i));
                    *turn += 1;
                }
            }
            if fitting.len() < request.clips {
                return Err(format!(
                    "`draw` asks for {} {}, but {} are left",
                    request.clips,
                    request.shown(),
                    fitting.len()
                ));
            }
            fitting.sort_unstable();
            let chosen: BTreeSet<usize> =
                fitting.into_iter().take(request.clips).map(|(_, i)| i).collect();
            for i in chosen.into_iter().rev() {
                let (_, mut recording) = left.remove(i);
                recording.clip.split = request.split;
                recording.clip.domain = request.domain.or(recording.clip.domain);
                drawn.push(recording);
            }
        }
        drawn.sort_by(|a, b| a.clip.id.cmp(&b.clip.id));
        Ok(drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Audio, Channel};
    use crate::digest::Digest;
    use serde_json::json;

    fn pool() -> Vec<Recording> {
        let one = |i: usize| Recording {
            clip: Clip {
                id: format!("{i:03}.wav"),
                machine: "fan".into(),
                section: "00".into(),
                domain: None,
                split: Split::Train,
                label: Some(if i.is_multiple_of(5) { Label::Anomaly } else { Label::Normal }),
                attributes: [("speed".to_owned(), (i % 3).to_string())].into(),
            },
            audio: Audio::Wav { channel: Channel::Mean, sha256: Digest::of(b"") },
        };
        (0..90).map(one).collect()
    }

    fn requests(value: serde_json::Value) -> Draw {
        serde_json::from_value(json!({ "requests": value })).unwrap()
    }

    #[test]
    fn each_condition_gets_its_clips_and_no_recording_is_used_twice() {
        let asked = requests(json!([
            {"clips": 20, "split": "train", "domain": "source", "where": {"speed": [0, 1]}},
            {"clips": 4, "split": "train", "domain": "target", "where": {"speed": "2"}},
            {"clips": 10, "split": "test", "domain": "source", "where": {"speed": [0, 1]}},
            {"clips": 9, "split": "test", "domain": "source", "label": "anomaly", "where": {"speed": [0, 1]}},
            {"clips": 6, "split": "test", "domain": "target", "label": "anomaly", "where": {"speed": [2]}}
        ]));
        let drawn = asked.draw(pool()).unwrap();
        let count =
            |wanted: &dyn Fn(&Clip) -> bool| drawn.iter().filter(|r| wanted(&r.clip)).count();
        let of = |split: Split, domain: Domain, label: Label| {
            count(&|c: &Clip| (c.split, c.domain, c.label) == (split, Some(domain), Some(label)))
        };
        use {Domain::*, Label::*, Split::*};
        assert_eq!((of(Train, Source, Normal), of(Train, Target, Normal)), (20, 4));
        assert_eq!((of(Test, Source, Normal), of(Test, Source, Anomaly)), (10, 9));
        assert_eq!((of(Test, Target, Anomaly), drawn.len()), (6, 49));
        let ids: BTreeSet<&str> = drawn.iter().map(|r| r.clip.id.as_str()).collect();
        assert_eq!(ids.len(), 49);
        for speed in ["0", "1"] {
            let even = count(&|c: &Clip| {
                c.split == Train && c.domain == Some(Source) && c.attributes["speed"] == speed
            });
            assert_eq!(even, 10, "values take turns");
        }
        let mut reversed = pool();
        reversed.reverse();
        assert_eq!(asked.draw(reversed).unwrap(), drawn);
        assert_ne!(Draw { seed: 1, ..asked }.draw(pool()).unwrap(), drawn);
    }

    #[test]
    fn too_few_recordings_are_told() {
        let asked = requests(json!([
            {"clips": 20, "split": "train", "where": {"speed": 2}},
            {"clips": 5, "split": "test", "where": {"speed": 2}}
        ]));
        assert_eq!(
            asked.draw(pool()).unwrap_err(),
            "`draw` asks for 5 normal clips with speed 2, but 4 are left"
        );
        let asked = json!([{"clips": 0, "split": "test", "where": {"sped": 2, "speed": []}}]);
        let told = requests(asked).problems(&["speed".to_owned()].into());
        let told: Vec<String> = told
            .into_iter()
            .map(|problem| format!("{}: {}", problem.field, problem.message))
            .collect();
        assert_eq!(
            told,
            [
                "draw.requests[0].clips: `clips` is 0, outside 1..1000000",
                "draw.requests[0].where.sped: no recording has the attribute `sped`",
                "draw.requests[0].where.speed: names no value"
            ]
        );
    }
}
