//! The mean powers of a section's clips, as a CSV `clip,power`.

use std::collections::BTreeMap;

use super::{Artifact, Blob, DecodeError, Kind};

/// Mean square of the samples of each clip, by clip id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Levels(pub BTreeMap<String, f64>);

impl Levels {
    /// The mean over the clips, each counted once; 0 without clips.
    pub fn mean(&self) -> f64 {
        self.0.values().sum::<f64>() / self.0.len().max(1) as f64
    }
}

impl Artifact for Levels {
    const KIND: Kind = Kind::Csv;

    fn encode(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["clip", "power"]).expect("writing to memory");
        for (clip, power) in &self.0 {
            writer.write_record([clip.as_str(), &format!("{power:e}")]).expect("writing to memory");
        }
        writer.into_inner().expect("writing to memory")
    }

    fn decode(bytes: Blob) -> Result<Self, DecodeError> {
        let rows = csv::Reader::from_reader(&bytes[..]).into_deserialize::<(String, f64)>();
        let levels: Result<BTreeMap<String, f64>, _> = rows.collect();
        levels.map(Self).map_err(|e| DecodeError::new("table of levels", e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_survive_their_bytes() {
        let levels = Levels([("a.wav".to_owned(), 1.0 / 3.0), ("b.wav".to_owned(), 2e-9)].into());
        assert_eq!(Levels::decode(Blob::new(levels.encode())).unwrap(), levels);
        assert!((levels.mean() - (1.0 / 3.0 + 2e-9) / 2.0).abs() < 1e-18);
        assert_eq!(Levels::default().mean(), 0.0);
        assert!(Levels::decode(Blob::new(b"clip,power\nx,loud\n".to_vec())).is_err());
    }
}
