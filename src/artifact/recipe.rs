//! The recipe for mixing a section's clips. It has no audio, only names and levels.

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
}

/// The parts of a section, in order of clips and layers, as a CSV of a few hundred bytes per clip.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recipe(pub Vec<Part>);

const HEADER: [&str; 6] = ["clip", "type", "noise", "audio", "place", "power"];

impl Artifact for Recipe {
    const KIND: Kind = Kind::Csv;

    fn encode(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(HEADER).expect("writing to memory");
        for Part { clip, kind, noise, audio, place, power } in &self.0 {
            let row =
                [clip, kind, noise, &audio.to_string(), &place.to_string(), &format!("{power:e}")];
            writer.write_record(row).expect("writing to memory");
        }
        writer.into_inner().expect("writing to memory")
    }

    fn decode(bytes: Blob) -> Result<Self, DecodeError> {
        let wrong = |why: String| DecodeError::new("recipe", why);
        let mut parts = Vec::new();
        type Row = (String, String, String, String, f64, f64);
        for row in csv::Reader::from_reader(&bytes[..]).into_deserialize::<Row>() {
            let (clip, kind, noise, audio, place, power) = row.map_err(|e| wrong(e.to_string()))?;
            parts.push(Part {
                clip,
                kind,
                noise,
                audio: audio.parse().map_err(wrong)?,
                place,
                power,
            });
        }
        Ok(Self(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_survives_its_bytes() {
        let part = Part {
            clip: "fan/a.wav".into(),
            kind: "A".into(),
            noise: "A/0.wav".into(),
            audio: Audio::Synthetic(r#"{"kind":"A","seed":1}"#.into()),
            place: 0.123_456_789_012_345_68,
            power: 1.234_567_890_123_4e-7,
        };
        let recipe = Recipe(vec![part.clone(), Part { clip: "b.wav".into(), ..part }]);
        assert_eq!(Recipe::decode(Blob::new(recipe.encode())).unwrap(), recipe);
        assert!(Recipe::decode(Blob::new(b"clip,type\nx,y\n".to_vec())).is_err());
        assert_eq!(
            Recipe::decode(Blob::new(Recipe::default().encode())).unwrap(),
            Recipe::default()
        );
    }
}
