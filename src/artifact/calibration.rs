//! The scores of normal training clips, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Artifact, Blob, DecodeError, Kind};

/// Scores of training clips by clip id, or the reason why there are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationScores {
    pub scores: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub missing: String,
}

impl Artifact for CalibrationScores {
    const KIND: Kind = Kind::Json;

    fn encode(&self) -> Vec<u8> {
        let mut text = crate::canon::to_string(self).expect("finite numbers and texts");
        text.push('\n');
        text.into_bytes()
    }

    fn decode(bytes: Blob) -> Result<Self, DecodeError> {
        serde_json::from_slice(&bytes).map_err(|e| DecodeError::new("calibration", e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_survive_their_bytes() {
        let some = CalibrationScores {
            scores: [("a\tb".into(), 0.1 + 0.2)].into(),
            missing: String::new(),
        };
        let none = CalibrationScores { missing: "too few clips".into(), ..Default::default() };
        for scores in [some, none] {
            assert_eq!(CalibrationScores::decode(Blob::new(scores.encode())).unwrap(), scores);
        }
    }
}
