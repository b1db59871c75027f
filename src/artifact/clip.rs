//! One recording and its metadata.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Snapshots;
use super::audio_file::is_ending;
use crate::digest::{Digest, NotADigest};

/// Implements `name`, `Display` and `FromStr` for an enum of unit variants with fixed words.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ }) => {
        impl $type {
            /// The word used in file names and tables.
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $word),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok($type::$variant),)+
                    _ => Err(format!("`{word}` is not one of {}", [$($word),+].join(", "))),
                }
            }
        }
    };
}

/// The side of the domain shift to which a clip belongs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// The conditions of most training clips.
    Source,
    /// Other conditions, with few training clips.
    Target,
}
words!(Domain { Source = "source", Target = "target" });

/// The purpose of a clip.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    Train,
    Test,
}
words!(Split { Train = "train", Test = "test" });

/// The true state of the machine in a clip.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    Normal,
    Anomaly,
}
words!(Label { Normal = "normal", Anomaly = "anomaly" });

/// How several channels become one: librosa's `mono=True` takes the mean, the baselines of 2026
/// take the first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The mean of the channels.
    #[default]
    Mean,
    /// Only the first channel: in data of 2026 the near microphone.
    First,
    /// Only the second channel: in data of 2026 the far microphone.
    Second,
    /// The first channel minus the second.
    Difference,
    /// What is left of the first channel when all is taken away that the second explains: one factor
    /// a frequency for the whole clip, by least squares.
    Cancel,
}
words!(Channel {
    Mean = "mean",
    First = "first",
    Second = "second",
    Difference = "difference",
    Cancel = "cancel"
});

/// The origin of a clip's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audio {
    /// A WAV file at the clip's id under the root of its source, with this content.
    Wav { channel: Channel, sha256: Digest },
    /// A part of the file at `path` under the root of its source, with this content.
    Cut { channel: Channel, sha256: Digest, part: Segment, path: String },
    /// Snapshots that are joined to a clip.
    Snapshots(Snapshots),
    /// A file of another format, with this content. It lies at the clip's id, with this ending in
    /// place of `wav`.
    Encoded { ending: String, channel: Channel, sha256: Digest },
    /// The same samples at another rate in Hz.
    Resampled { rate: u32, audio: Box<Audio> },
    /// A recipe of the `synthetic` source: canonical JSON with everything the generator needs.
    Synthetic(String),
}

/// A part of a recording, in samples of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub start: u64,
    pub frames: u64,
}

impl fmt::Display for Audio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Audio::Wav { channel, sha256 } => write!(f, "wav:{channel}:{}", sha256.hex()),
            Audio::Cut { channel, sha256, part: Segment { start, frames }, path } => {
                write!(f, "cut:{channel}:{}:{start}+{frames}:{path}", sha256.hex())
            }
            Audio::Snapshots(snapshots) => write!(f, "snapshots:{}", snapshots.text()),
            Audio::Encoded { ending, channel, sha256 } => {
                write!(f, "{ending}:{channel}:{}", sha256.hex())
            }
            Audio::Resampled { rate, audio } => write!(f, "resampled:{rate}:{audio}"),
            Audio::Synthetic(recipe) => write!(f, "synthetic:{recipe}"),
        }
    }
}

impl FromStr for Audio {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digest = |sha256: &str| sha256.parse::<Digest>().map_err(|e: NotADigest| e.to_string());
        match text.split_once(':') {
            Some(("synthetic", recipe)) => Ok(Audio::Synthetic(recipe.to_owned())),
            Some(("snapshots", json)) => {
                serde_json::from_str(json).map(Audio::Snapshots).map_err(|e| e.to_string())
            }
            Some(("resampled", rest)) => {
                let (rate, audio) =
                    rest.split_once(':').ok_or_else(|| format!("`{text}` lacks its audio"))?;
                let rate = rate.parse().map_err(|_| format!("`{rate}` is no rate"))?;
                Ok(Audio::Resampled { rate, audio: Box::new(audio.parse()?) })
            }
            Some((ending, rest)) if is_ending(ending) => {
                let (channel, sha256) =
                    rest.split_once(':').ok_or_else(|| format!("`{text}` lacks a digest"))?;
                let (channel, sha256) = (channel.parse()?, digest(sha256)?);
                Ok(match ending {
                    "wav" => Audio::Wav { channel, sha256 },
                    _ => Audio::Encoded { ending: ending.to_owned(), channel, sha256 },
                })
            }
            Some(("cut", rest)) => {
                let words: Vec<&str> = rest.splitn(4, ':').collect();
                let [channel, sha256, part, path] = words[..] else {
                    return Err(format!("`{text}` lacks a part of a file"));
                };
                let number = |text: &str| text.parse::<u64>().ok();
                let (start, frames) = part
                    .split_once('+')
                    .and_then(|(start, frames)| Some((number(start)?, number(frames)?)))
                    .ok_or_else(|| format!("`{part}` is no part of a file"))?;
                Ok(Audio::Cut {
                    channel: channel.parse()?,
                    sha256: digest(sha256)?,
                    part: Segment { start, frames },
                    path: path.to_owned(),
                })
            }
            _ => Err(format!("`{text}` names no audio")),
        }
    }
}

/// One recording of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// Path relative to the root of the source, with `/`; unique in a data set.
    pub id: String,
    /// Machine type, such as `bearing`.
    pub machine: String,
    /// Section (`00`) or, before 2021, machine id (`id_00`).
    pub section: String,
    /// `None` if the data set has no domains (2020, raw MIMII).
    pub domain: Option<Domain>,
    pub split: Split,
    /// `None` if the truth is unknown (evaluation sets).
    pub label: Option<Label>,
    /// Domain-shift attributes by name, such as `vel` -> `12`. A bare token maps to an empty text.
    pub attributes: BTreeMap<String, String>,
}

/// Separates the ids of the parents in the id of an augmented clip, and comes before its number. It
/// does not occur in file names.
const BETWEEN: char = '\t';

/// Separates the name of a recording from the second at which a part of it starts.
const PART: char = '#';

impl Clip {
    /// The part of this recording that starts at this second: of `fan/a.wav`, it is
    /// `fan/a#00020.000.wav`.
    pub fn part(&self, second: f64) -> Self {
        let (stem, ending) = self.id.rsplit_once('.').unwrap_or((&self.id, "wav"));
        Self { id: format!("{stem}{PART}{second:09.3}.{ending}"), ..self.clone() }
    }

    /// What all parts of a recording have in common and no other clip has. Of a whole recording, it
    /// is the id.
    pub fn recording(&self) -> &str {
        let digits = |text: Option<&str>, least: usize| {
            text.is_some_and(|t| t.len() >= least && t.bytes().all(|b| b.is_ascii_digit()))
        };
        let is_part = |rest: &str| {
            let mut words = rest.split('.');
            digits(words.next(), 5) && digits(words.next(), 3) && words.count() == 1
        };
        match self.id.rsplit_once(PART) {
            Some((stem, rest)) if is_part(rest) => stem,
            _ => &self.id,
        }
    }

    /// Augmented clip number `i` of these parents. It gets the attributes of the first parent. With
    /// one parent it is a copy of it.
    pub fn between(parents: &[&Clip], i: usize) -> Self {
        let ids: Vec<&str> = parents.iter().map(|clip| clip.id.as_str()).collect();
        let id = format!("{}{BETWEEN}{i}", ids.join(&BETWEEN.to_string()));
        Self { id, ..parents[0].clone() }
    }

    /// The id of the first parent of the clip with this id.
    pub fn first_parent(id: &str) -> &str {
        id.split(BETWEEN).next().unwrap_or(id)
    }

    /// The ids of the clips that it was made from; a recording gives only its own id.
    pub fn parents(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.id.split(BETWEEN).collect();
        if ids.len() > 1 {
            ids.pop();
        }
        ids
    }

    /// Whether it was made from other clips and is not a recording.
    pub fn is_made(&self) -> bool {
        self.id.contains(BETWEEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_know_what_they_were_made_of() {
        let clip = |id: &str| Clip {
            id: id.into(),
            machine: "fan".into(),
            section: "00".into(),
            domain: None,
            split: Split::Train,
            label: None,
            attributes: BTreeMap::new(),
        };
        let (a, b) = (clip("a#1.wav"), clip("b.wav"));
        let made = Clip::between(&[&a, &b], 7);
        assert_eq!((made.parents(), made.is_made()), (vec!["a#1.wav", "b.wav"], true));
        assert_eq!((a.parents(), a.is_made()), (vec!["a#1.wav"], false));
        assert_ne!(made.id, Clip::between(&[&a, &b], 8).id);
    }

    #[test]
    fn parts_know_their_recording() {
        let clip = |id: &str| Clip {
            id: id.into(),
            machine: "fan".into(),
            section: "00".into(),
            domain: None,
            split: Split::Train,
            label: None,
            attributes: BTreeMap::new(),
        };
        let whole = clip("fan/a.b#1.wav");
        let parts = [0.0, 0.0125, 20.0, 360_000.0].map(|second| whole.part(second));
        let ids: Vec<&str> = parts.iter().map(|part| part.id.as_str()).collect();
        let expected = [
            "fan/a.b#1#00000.000.wav",
            "fan/a.b#1#00000.013.wav",
            "fan/a.b#1#00020.000.wav",
            "fan/a.b#1#360000.000.wav",
        ];
        assert_eq!(ids, expected);
        assert!(parts.iter().all(|part| part.recording() == "fan/a.b#1"));
        for id in ["fan/a.wav", "fan/a#1.wav", "a#00020.0.wav", "a#0002x.000.wav", "a#00020.000"] {
            assert_eq!(clip(id).recording(), id);
        }
    }
}
