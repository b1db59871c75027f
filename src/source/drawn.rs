//! Draws a data set from a pool of recordings: so many clips of each condition, none of them twice.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::Recording;
use crate::artifact::{Audio, Clip, Domain, Label, Split};
use crate::diagnose::{Problem, suggest};
use crate::digest::Digest;
use crate::family::Word;
use crate::seed::Seed;

/// Raised when the same settings draw other clips. 2: a domain that a path gives is a condition.
const VERSION: u32 = 2;

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
    /// Only recordings of this domain. Recordings whose domain is unknown get it. Default: any domain.
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
        let domain = self.domain.is_none() || clip.domain.is_none() || clip.domain == self.domain;
        let has = |(name, values): (&String, &Vec<String>)| {
            clip.attributes.get(name).is_some_and(|value| values.contains(value))
        };
        label && domain && self.r#where.iter().all(has)
    }

    /// The words of a message: `normal clips of the source domain with speed 1, 2`.
    fn shown(&self) -> String {
        let label = self.label.unwrap_or(Label::Normal);
        let one = |(name, values): (&String, &Vec<String>)| format!("{name} {}", values.join(", "));
        let conditions: Vec<String> = self.r#where.iter().map(one).collect();
        let domain = self.domain.map_or(String::new(), |domain| format!(" of the {domain} domain"));
        match conditions.is_empty() {
            true => format!("{label} clips{domain}"),
            false => format!("{label} clips{domain} with {}", conditions.join(" and ")),
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

    /// What a key has of it.
    pub fn keyed(&self) -> serde_json::Value {
        serde_json::json!({ "version": VERSION, "requests": self.requests, "seed": self.seed })
    }

    /// That a request asks for a value of an attribute which no recording has, and a hint. `known` are
    /// the attributes of all recordings with their values.
    pub fn unknown(&self, known: &BTreeSet<(String, String)>) -> Option<(String, String)> {
        for (i, request) in self.requests.iter().enumerate() {
            for (name, values) in &request.r#where {
                let known =
                    known.iter().filter(|(of, _)| of == name).map(|(_, value)| value.as_str());
                let Some(value) =
                    values.iter().find(|value| !known.clone().any(|known| known == *value))
                else {
                    continue;
                };
                let setting = format!("draw.requests[{i}].where.{name}");
                let message = format!("`{setting}` asks for `{value}`, which no recording has");
                return Some((message, suggest(value, known)));
            }
        }
        None
    }

    /// The clips of a section that were drawn, in the order of their paths. Requests are met in their
    /// order; within one, the seed and the name of a recording say which ones are taken.
    ///
    /// Errors: fewer recordings are left than a request asks for; two of those that were drawn are
    /// copies of one recording.
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
        match copies(&drawn) {
            None => Ok(drawn),
            Some((one, other)) => Err(format!(
                "`draw` took `{one}` and `{other}`, which are copies of one recording: leave one of them out of the pool"
            )),
        }
    }
}

/// The ids of two recordings with the same content. While a spec is only checked, the content is not
/// known: all have the digest of nothing.
fn copies(drawn: &[Recording]) -> Option<(&str, &str)> {
    let mut seen: BTreeMap<Digest, &str> = BTreeMap::new();
    drawn.iter().find_map(|Recording { clip, audio }| {
        let (Audio::Wav { sha256, .. } | Audio::Encoded { sha256, .. }) = audio.recorded() else {
            return None;
        };
        let known = *sha256 != Digest::of(b"");
        seen.insert(*sha256, &clip.id).filter(|_| known).map(|one| (one, clip.id.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Channel;
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
    fn a_domain_that_a_path_gives_is_a_condition() {
        let mut pool = pool();
        for (i, recording) in pool.iter_mut().enumerate() {
            recording.clip.domain = [Some(Domain::Source), Some(Domain::Target), None][i % 3];
        }
        let known: BTreeMap<String, Option<Domain>> =
            pool.iter().map(|r| (r.clip.id.clone(), r.clip.domain)).collect();
        let asked = requests(json!([
            {"clips": 30, "split": "train", "domain": "source"},
            {"clips": 24, "split": "test", "domain": "target"}
        ]));
        let drawn = asked.draw(pool.clone()).unwrap();
        for Recording { clip, .. } in &drawn {
            let wanted = if clip.split == Split::Train { Domain::Source } else { Domain::Target };
            assert_eq!(clip.domain, Some(wanted));
            assert!(known[&clip.id].is_none_or(|own| own == wanted), "{}", clip.id);
        }
        let told =
            requests(json!([{"clips": 49, "split": "train", "domain": "source"}])).draw(pool);
        let words = "`draw` asks for 49 normal clips of the source domain, but 48 are left";
        assert_eq!(told.unwrap_err(), words);
    }

    #[test]
    fn copies_of_a_recording_and_unknown_values_are_told() {
        let mut pool = pool();
        for (i, recording) in pool.iter_mut().enumerate() {
            let sha256 = Digest::of(&[(i % 70) as u8]);
            recording.audio = Audio::Wav { channel: Channel::Mean, sha256 };
        }
        let all = requests(json!([{"clips": 72, "split": "train"}]));
        assert_eq!(
            all.draw(pool).unwrap_err(),
            "`draw` took `001.wav` and `071.wav`, which are copies of one recording: leave one of them out of the pool"
        );
        let known = ["01", "02"].map(|value| ("speed".to_owned(), value.to_owned())).into();
        let asked = |speed: serde_json::Value| {
            requests(json!([{"clips": 1, "split": "train", "where": {"speed": speed}}]))
        };
        assert_eq!(asked(json!(["01", "02"])).unknown(&known), None);
        let message = "`draw.requests[0].where.speed` asks for `2`, which no recording has";
        let told = (message.to_owned(), "did you mean `02`?".to_owned());
        assert_eq!(asked(json!(["01", 2])).unknown(&known), Some(told));
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
