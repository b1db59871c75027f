//! The frames that an autoencoder predicts, and the score that it makes of its errors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The frames that the network predicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Predict {
    /// The whole window.
    #[default]
    All,
    /// The middle frame, from the others.
    Centre,
}

/// How the errors become the score of a clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// The mean squared error.
    #[default]
    Mse,
    /// The smaller distance of its mean residual under the covariances of the two domains.
    SelectiveMahalanobis,
}

/// Frames `from` to `to`, counted from 0. Frame `to` is not used.
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
