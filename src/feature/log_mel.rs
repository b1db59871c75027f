//! Log-mel spectrograms as librosa makes them.

use serde::{Deserialize, Serialize};

use super::{Extractor, Feature, FeatureError};

/// Settings of `log_mel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogMel {
    pub frame: usize,
    pub hop: usize,
    pub mels: usize,
}

impl Default for LogMel {
    fn default() -> Self {
        Self { frame: 1024, hop: 512, mels: 128 }
    }
}

impl Feature for LogMel {
    fn version(&self) -> u32 {
        1
    }

    fn extractor(&self, _rate: u32) -> Result<Box<dyn Extractor>, FeatureError> {
        Err(FeatureError::Settings("not yet".into()))
    }

    fn dims(&self) -> usize {
        self.mels
    }

    fn hop(&self) -> usize {
        self.hop
    }
}
