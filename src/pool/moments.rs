//! Mean over the frames, sums in f64.

use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::Pool;

/// The mean of each dimension over the frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mean {}

impl Pool for Mean {
    fn version(&self) -> u32 {
        1
    }

    fn pool(&self, frames: ArrayView2<f32>) -> Vec<f32> {
        frames.mapv(f64::from).mean_axis(Axis(0)).expect("at least one frame").mapv(|x| x as f32).to_vec()
    }
}
