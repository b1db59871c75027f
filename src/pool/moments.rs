//! Mean and standard deviation over the frames, with sums in f64.

use ndarray::ArrayView2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Pool;
use crate::math;

/// The mean of each dimension over the frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mean {}

/// The population standard deviation (division by the number of frames) of each dimension.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Std {}

impl Pool for Mean {
    fn version(&self) -> u32 {
        1
    }

    fn pool(&self, frames: ArrayView2<f32>) -> Vec<f32> {
        means(frames).into_iter().map(|x| x as f32).collect()
    }
}

impl Pool for Std {
    fn version(&self) -> u32 {
        1
    }

    fn pool(&self, frames: ArrayView2<f32>) -> Vec<f32> {
        let means = means(frames);
        let mut squares = vec![0.0; means.len()];
        for frame in frames.rows() {
            for ((square, x), mean) in squares.iter_mut().zip(frame).zip(&means) {
                *square += math::square(f64::from(*x) - mean);
            }
        }
        squares.into_iter().map(|s| (s / frames.nrows() as f64).sqrt() as f32).collect()
    }
}

fn means(frames: ArrayView2<f32>) -> Vec<f64> {
    let mut sums = vec![0.0; frames.ncols()];
    for frame in frames.rows() {
        sums.iter_mut().zip(frame).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    sums.iter_mut().for_each(|sum| *sum /= frames.nrows() as f64);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn moments_are_taken_over_frames() {
        let frames = array![[1.0, 10.0], [3.0, 10.0], [5.0, 10.0], [7.0, 10.0]];
        assert_eq!(Mean {}.pool(frames.view()), [4.0, 10.0]);
        assert_eq!(Std {}.pool(frames.view()), [5.0f32.sqrt(), 0.0]);
    }

    #[test]
    fn large_offsets_do_not_eat_the_deviation() {
        let frames = array![[10_000.0], [10_000.5]];
        assert_eq!(Std {}.pool(frames.view()), [0.25]);
    }
}
