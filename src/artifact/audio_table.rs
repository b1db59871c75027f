//! The audio of a section's clips, as a CSV `clip,audio`.

use std::collections::BTreeMap;

use super::{Artifact, Audio, Blob, DecodeError, Kind};

/// The origin of each clip's samples, by clip id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudioTable(pub BTreeMap<String, Audio>);

impl Artifact for AudioTable {
    const KIND: Kind = Kind::Csv;

    fn encode(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["clip", "audio"]).expect("writing to memory");
        for (id, audio) in &self.0 {
            writer.write_record([id, &audio.to_string()]).expect("writing to memory");
        }
        writer.into_inner().expect("writing to memory")
    }

    fn decode(bytes: Blob) -> Result<Self, DecodeError> {
        let wrong = |why: String| DecodeError::new("audio table", why);
        let mut table = BTreeMap::new();
        for row in csv::Reader::from_reader(&bytes[..]).into_deserialize::<(String, String)>() {
            let (id, audio) = row.map_err(|e| wrong(e.to_string()))?;
            table.insert(id, audio.parse().map_err(wrong)?);
        }
        Ok(Self(table))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Channel, Segment};
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn a_table_survives_its_bytes() {
        let wav = Audio::Wav { channel: Channel::First, sha256: Digest::of(b"x") };
        let recipe = Audio::Synthetic(r#"{"hz":50,"note":"a, b"}"#.into());
        let cut = Audio::Cut {
            channel: Channel::Mean,
            sha256: Digest::of(b"y"),
            part: Segment { start: 160_000, frames: 1600 },
            path: "a:b/c.wav".into(),
        };
        let rows = [("a.wav".into(), wav), ("b.wav".into(), recipe), ("c#10.wav".into(), cut)];
        let table = AudioTable(rows.into());
        assert_eq!(AudioTable::decode(Blob::new(table.encode())).unwrap(), table);
        assert!(AudioTable::decode(Blob::new(b"clip,audio\na.wav,tape:7\n".to_vec())).is_err());
        let part = format!("clip,audio\na.wav,cut:mean:{}:5:a.wav\n", Digest::of(b"y").hex());
        assert!(AudioTable::decode(Blob::new(part.into_bytes())).is_err());
    }
}
