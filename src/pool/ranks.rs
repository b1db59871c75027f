//! Pools that look at the frames of a band from the loudest down.

use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::Pool;
use crate::diagnose::Problem;

/// The maximum of each dimension over the frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Max {}

/// Global weighted ranking pooling: the values of each dimension, sorted descending over the frames, are
/// averaged with weights `decay`^rank that sum to one. 1 is the mean, 0 the maximum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gwrp {
    /// Weight of each rank relative to the one above it, from 0 to 1.
    pub decay: f64,
}

impl Default for Gwrp {
    fn default() -> Self {
        Self { decay: 0.98 }
    }
}

impl Pool for Max {
    fn version(&self) -> u32 {
        1
    }

    fn pool(&self, frames: ArrayView2<f32>) -> Vec<f32> {
        let mut largest = frames.row(0).to_vec();
        for frame in frames.rows() {
            largest.iter_mut().zip(frame).for_each(|(max, x)| *max = max.max(*x));
        }
        largest
    }
}

impl Pool for Gwrp {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        if (0.0..=1.0).contains(&self.decay) {
            return Vec::new();
        }
        let problem = Problem::new("decay", format!("a decay of {} is not between 0 and 1", self.decay));
        vec![problem.hint("1 is the mean over the frames, 0 their maximum; 0.9 to 1 suits steady machines")]
    }

    fn pool(&self, frames: ArrayView2<f32>) -> Vec<f32> {
        let weights = weights(self.decay, frames.nrows());
        // One band after the other in a buffer of its own: sorting strided memory misses the cache each time.
        let mut band = vec![0; frames.nrows()];
        let mut pooled = Vec::with_capacity(frames.ncols());
        for column in frames.axis_iter(Axis(1)) {
            band.iter_mut().zip(column).for_each(|(key, x)| *key = descending(*x));
            band.sort_unstable();
            let sum: f64 = band.iter().zip(&weights).map(|(key, w)| w * f64::from(value(*key))).sum();
            pooled.push(sum as f32);
        }
        pooled
    }
}

/// decay^rank, normalised to sum one.
fn weights(decay: f64, frames: usize) -> Vec<f64> {
    let mut weights: Vec<f64> = std::iter::successors(Some(1.0), |w| Some(w * decay)).take(frames).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    weights
}

/// An integer that is smaller the larger `x` is: integers sort about twice as fast as floats by total order.
fn descending(x: f32) -> u32 {
    let bits = x.to_bits();
    !(bits ^ ((bits as i32 >> 31) as u32 | 0x8000_0000))
}

/// The float whose key is `key`.
fn value(key: u32) -> f32 {
    let bits = !key;
    f32::from_bits(bits ^ ((!bits as i32 >> 31) as u32 | 0x8000_0000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    #[test]
    fn the_loudest_frames_weigh_most() {
        let frames = array![[1.0, -3.0], [4.0, -1.0], [2.0, -2.0]];
        assert_eq!(Max {}.pool(frames.view()), [4.0, -1.0]);
        // Weights 4/7, 2/7, 1/7.
        let expected = [(16.0 + 4.0 + 1.0) / 7.0, -(4.0 + 4.0 + 3.0) / 7.0];
        assert_eq!(Gwrp { decay: 0.5 }.pool(frames.view()), expected.map(|x: f64| x as f32));
    }

    #[test]
    fn decays_out_of_range_are_problems() {
        assert!(Gwrp { decay: 0.0 }.problems().is_empty() && Gwrp { decay: 1.0 }.problems().is_empty());
        for decay in [-0.1, 1.01, f64::NAN] {
            assert_eq!(Gwrp { decay }.problems()[0].field, "decay");
        }
    }

    fn matrices() -> impl Strategy<Value = Array2<f32>> {
        (1usize..40, 1usize..5).prop_flat_map(|(rows, dims)| {
            prop::collection::vec(-90.0f32..90.0, rows * dims)
                .prop_map(move |v| Array2::from_shape_vec((rows, dims), v).unwrap())
        })
    }

    proptest! {
        #[test]
        fn the_ends_of_the_decay_are_mean_and_maximum(frames in matrices()) {
            prop_assert_eq!(Gwrp { decay: 0.0 }.pool(frames.view()), Max {}.pool(frames.view()));
            let mean = super::super::moments::Mean {}.pool(frames.view());
            for (a, b) in (Gwrp { decay: 1.0 }).pool(frames.view()).iter().zip(&mean) {
                prop_assert!((a - b).abs() <= 1e-4, "{} {}", a, b);
            }
        }

        #[test]
        fn keys_order_floats_and_give_them_back(a in any::<f32>(), b in any::<f32>()) {
            prop_assert_eq!(descending(a).cmp(&descending(b)), b.total_cmp(&a));
            prop_assert_eq!(value(descending(a)).to_bits(), a.to_bits());
        }
    }
}
