//! The recipe for mixing a section's clips. It has no audio, only names and levels.

use serde::{Deserialize, Serialize};

use super::{Artifact, Audio, Blob, DecodeError, Kind};

/// One noise for one clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub clip: String,
    /// Type of the noise, such as `A`.
    pub kind: String,
    /// Id of the noise clip, and the origin of its samples.
    pub noise: String,
    pub audio: Audio,
    /// The part of the noise clip: 0..1, as a share of the possible starts.
    pub place: f64,
    /// Mean square of the part after scaling. A gain would depend on the power of this part of the
    /// noise, which is known only after reading it.
    pub power: f64,
    pub more: More,
}

/// What else was drawn. Each has a column of its own, which only recipes have that need it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct More {
    /// The signal-to-noise ratio in dB, if it was drawn.
    pub snr_db: Option<f64>,
    /// The response of the clip; the same in all parts of a clip.
    pub response: Option<Echo>,
    /// The response of the noise.
    pub noise_response: Option<Echo>,
    /// The ways to two microphones; the same in all parts of a clip, except for responses.
    pub ways: Option<Ways>,
}

/// An impulse response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Echo {
    Decay(Decay),
    /// Id of a recorded response, and the origin of its samples.
    File(String, #[serde(with = "as_text")] Audio),
}

/// A generated impulse response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decay {
    /// Seconds.
    pub rt60: f64,
    /// Energy of the direct sound over that of the reverberation in dB.
    pub direct_db: f64,
    pub seed: u64,
}

/// The ways to two microphones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ways {
    /// From the machine to the far microphone, relative to the near one.
    pub far: Path,
    /// From the noise to the near microphone, relative to the far one.
    pub near: Path,
}

/// A way to a microphone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Path {
    pub gain_db: f64,
    pub delay_ms: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Echo>,
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Audio;

    pub fn serialize<S: Serializer>(audio: &Audio, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(audio)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Audio, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The parts of a section, in order of clips and layers, as a CSV of a few hundred bytes per clip.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recipe(pub Vec<Part>);

const HEADER: [&str; 6] = ["clip", "type", "noise", "audio", "place", "power"];
/// Columns that a recipe has only if it needs them; empty, or JSON.
const MORE: [&str; 4] = ["snr_db", "response", "noise_response", "microphones"];

fn text<T: Serialize>(value: &Option<T>) -> String {
    value.as_ref().map_or(String::new(), |v| serde_json::to_string(v).expect("it is JSON"))
}

fn value<T: for<'de> Deserialize<'de>>(text: Option<&str>) -> Result<Option<T>, DecodeError> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| serde_json::from_str(text).map_err(|e| DecodeError::new("recipe", e)))
        .transpose()
}

impl More {
    fn texts(&self) -> [String; 4] {
        let Self { snr_db, response, noise_response, ways } = self;
        [text(snr_db), text(response), text(noise_response), text(ways)]
    }
}

impl Artifact for Recipe {
    const KIND: Kind = Kind::Csv;

    fn encode(&self) -> Vec<u8> {
        let texts: Vec<[String; 4]> = self.0.iter().map(|part| part.more.texts()).collect();
        let needed = [0, 1, 2, 3].map(|column: usize| texts.iter().any(|t| !t[column].is_empty()));
        let chosen = |all: [String; 4]| all.into_iter().zip(needed).filter(|(_, yes)| *yes);
        let mut writer = csv::Writer::from_writer(Vec::new());
        let more = chosen(MORE.map(str::to_owned)).map(|(name, _)| name);
        let header: Vec<String> = HEADER.map(str::to_owned).into_iter().chain(more).collect();
        writer.write_record(header).expect("writing to memory");
        for (part, texts) in self.0.iter().zip(texts) {
            let Part { clip, kind, noise, audio, place, power, .. } = part;
            let row =
                [clip, kind, noise, &audio.to_string(), &place.to_string(), &format!("{power:e}")]
                    .map(String::clone);
            let more = chosen(texts).map(|(text, _)| text);
            writer.write_record(row.into_iter().chain(more)).expect("writing to memory");
        }
        writer.into_inner().expect("writing to memory")
    }

    fn decode(bytes: Blob) -> Result<Self, DecodeError> {
        let wrong = |why: String| DecodeError::new("recipe", why);
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        let header = reader.headers().map_err(|e| wrong(e.to_string()))?.clone();
        if !header.iter().take(HEADER.len()).eq(HEADER) {
            return Err(wrong("its columns are others".into()));
        }
        let place = MORE.map(|name| header.iter().position(|column| column == name));
        let mut parts = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|e| wrong(e.to_string()))?;
            let own = |i: usize| row[i].to_owned();
            let number = |i: usize| row[i].parse().map_err(|_| wrong(format!("`{}`", &row[i])));
            let more = |column: usize| place[column].and_then(|i| row.get(i));
            parts.push(Part {
                clip: own(0),
                kind: own(1),
                noise: own(2),
                audio: row[3].parse().map_err(wrong)?,
                place: number(4)?,
                power: number(5)?,
                more: More {
                    snr_db: value(more(0))?,
                    response: value(more(1))?,
                    noise_response: value(more(2))?,
                    ways: value(more(3))?,
                },
            });
        }
        Ok(Self(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Channel;
    use crate::digest::Digest;

    fn part() -> Part {
        Part {
            clip: "fan/a.wav".into(),
            kind: "A".into(),
            noise: "A/0.wav".into(),
            audio: Audio::Synthetic(r#"{"kind":"A","seed":1}"#.into()),
            place: 0.123_456_789_012_345_68,
            power: 1.234_567_890_123_4e-7,
            more: More::default(),
        }
    }

    #[test]
    fn a_recipe_survives_its_bytes() {
        let recipe = Recipe(vec![part(), Part { clip: "b.wav".into(), ..part() }]);
        let bytes = recipe.encode();
        assert!(bytes.starts_with(b"clip,type,noise,audio,place,power\n"));
        assert_eq!(Recipe::decode(Blob::new(bytes)).unwrap(), recipe);
        assert!(Recipe::decode(Blob::new(b"clip,type\nx,y\n".to_vec())).is_err());
        assert_eq!(
            Recipe::decode(Blob::new(Recipe::default().encode())).unwrap(),
            Recipe::default()
        );
    }

    #[test]
    fn what_else_was_drawn_survives_too() {
        let echo = Echo::Decay(Decay { rt60: 0.4, direct_db: 3.0, seed: u64::MAX });
        let audio = Audio::Wav { channel: Channel::First, sha256: Digest::of(b"x") };
        let file = Echo::File("hall,1 \"x\".wav".into(), audio);
        let path = Path { gain_db: -12.0, delay_ms: 3.0, response: Some(echo.clone()) };
        let ways = Ways { near: Path { response: None, ..path.clone() }, far: path };
        let more = [
            More { snr_db: Some(0.1), ..More::default() },
            More { response: Some(echo), noise_response: Some(file), ..More::default() },
            More { ways: Some(ways), ..More::default() },
        ];
        let parts = more.into_iter().map(|more| Part { more, ..part() });
        let recipe = Recipe(parts.collect());
        assert_eq!(Recipe::decode(Blob::new(recipe.encode())).unwrap(), recipe);
        let drawn = Recipe(recipe.0[..1].to_vec()).encode();
        assert!(drawn.starts_with(b"clip,type,noise,audio,place,power,snr_db\n"));
    }
}
