//! Anomaly scores of clips, as a CSV `clip,score`.

use std::collections::BTreeMap;

use super::{Artifact, Blob, DecodeError, Kind};

/// One score a clip, by clip id; higher is more anomalous.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores(pub BTreeMap<String, f64>);

impl Artifact for Scores {
    const KIND: Kind = Kind::Csv;

    /// Scores are written in their shortest round-trip form.
    fn encode(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["clip", "score"]).expect("writing to memory");
        for (id, score) in &self.0 {
            writer.write_record([id, &score.to_string()]).expect("writing to memory");
        }
        writer.into_inner().expect("writing to memory")
    }

    fn decode(bytes: Blob) -> Result<Self, DecodeError> {
        // A comparison of two sweeps reads millions of rows: one record serves them all.
        let (mut reader, mut record) =
            (csv::Reader::from_reader(&bytes[..]), csv::StringRecord::new());
        let mut rows = || -> Result<BTreeMap<String, f64>, csv::Error> {
            let mut scores = Vec::new();
            while reader.read_record(&mut record)? {
                let (clip, score): (&str, f64) = record.deserialize(None)?;
                scores.push((clip.to_owned(), score));
            }
            Ok(scores.into_iter().collect())
        };
        Ok(Self(rows().map_err(|e| DecodeError::new("score table", e))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scores_survive_their_bytes(scores in prop::collection::btree_map("[a-z,\"]{1,6}", -1e300..1e300, 0..9)) {
            let scores = Scores(scores);
            prop_assert_eq!(Scores::decode(Blob::new(scores.encode())).unwrap(), scores);
        }
    }
}
