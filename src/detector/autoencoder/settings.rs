//! What an autoencoder is asked for: which frames it predicts, and how its errors become a score.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the network is to give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Predict {
    /// The whole window.
    #[default]
    All,
    /// The frame in its middle, from the others.
    Centre,
}

/// What the score of a clip is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// The mean squared error.
    #[default]
    Mse,
    /// The lesser of the distances of its mean residual under the covariance of each domain.
    SelectiveMahalanobis,
}

/// Frames `from` to `to`, counted from 0. The frame `to` is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameRange {
    /// The first frame.
    #[schemars(range(min = 0, max = 1u32 << 31))]
    pub from: usize,
    /// The first frame after the last one.
    #[schemars(range(min = 0, max = 1u32 << 31))]
    pub to: usize,
}
