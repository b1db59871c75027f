//! Pools that sort the frames of each band from the loudest down.

use ndarray::{ArrayView2, Axis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Pool;
use crate::diagnose::Problem;

/// The maximum of each dimension over the frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Max {}

/// Global weighted ranking pooling: the values of each dimension are sorted from the largest down
/// and averaged with weights `decay`^rank that sum to one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gwrp {
    /// Weight of each rank relative to the rank above it. 1 gives the mean over the frames, 0 the
    /// maximum.
    #[schemars(range(min = 0, max = 1))]
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
        let problem =
            Problem::new("decay", format!("a decay of {} is not between 0 and 1", self.decay));
        vec![
            problem.hint(
                "1 is the mean over the frames, 0 their maximum; 0.9 to 1 suits steady machines",
            ),
        ]
    }

    fn pool(&self, frames: ArrayView2<f32>) -> Vec<f32> {
        let (weights, pairs) = (weights(self.decay, frames.nrows()), network(frames.nrows()));
        let mut pooled = Vec::with_capacity(frames.ncols());
        let mut bands = vec![[0.0; BANDS]; frames.nrows()];
        for columns in frames.axis_chunks_iter(Axis(1), BANDS) {
            for (band, row) in bands.iter_mut().zip(columns.rows()) {
                band.iter_mut().zip(row).for_each(|(to, x)| *to = *x);
            }
            sort_descending(&mut bands, &pairs);
            let mut sums = [0.0; BANDS];
            for (band, weight) in bands.iter().zip(&weights) {
                sums.iter_mut().zip(band).for_each(|(sum, x)| *sum += weight * f64::from(*x));
            }
            pooled.extend(sums[..columns.ncols()].iter().map(|x| *x as f32));
        }
        pooled
    }
}

/// Bands sorted side by side: one cache line per frame.
const BANDS: usize = 16;

/// The comparisons of Batcher's merge exchange (Knuth, volume 3, algorithm 5.2.2M) for `n` values.
/// They do not depend on the values, so the same ones sort many bands at once, in vector registers,
/// without branches. That takes less than half the time of sorting one band after the other.
fn network(n: usize) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let top = n.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            pairs.extend((0..n.saturating_sub(d)).filter(|i| i & p == r).map(|i| (i, i + d)));
            if q == p {
                break;
            }
            (d, q, r) = (q - p, q / 2, p);
        }
        p /= 2;
    }
    pairs
}

/// Sorts each of the bands from the largest value down.
fn sort_descending(bands: &mut [[f32; BANDS]], pairs: &[(usize, usize)]) {
    for &(i, j) in pairs {
        let (a, b) = (bands[i], bands[j]);
        for band in 0..BANDS {
            bands[i][band] = if a[band] > b[band] { a[band] } else { b[band] };
            bands[j][band] = if a[band] > b[band] { b[band] } else { a[band] };
        }
    }
}

/// decay^rank, normalised to a sum of one.
fn weights(decay: f64, frames: usize) -> Vec<f64> {
    let mut weights: Vec<f64> =
        std::iter::successors(Some(1.0), |w| Some(w * decay)).take(frames).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    weights
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
        assert!(
            Gwrp { decay: 0.0 }.problems().is_empty() && Gwrp { decay: 1.0 }.problems().is_empty()
        );
        for decay in [-0.1, 1.01, f64::NAN] {
            assert_eq!(Gwrp { decay }.problems()[0].field, "decay");
        }
    }

    fn matrices() -> impl Strategy<Value = Array2<f32>> {
        (1usize..40, 1usize..35).prop_flat_map(|(rows, dims)| {
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
        fn every_band_is_sorted_on_its_own(rows in 0usize..80, values in prop::collection::vec(-9.0f32..9.0, 80 * BANDS)) {
            let mut bands: Vec<[f32; BANDS]> = values.as_chunks().0[..rows].to_vec();
            let mut expected = bands.clone();
            for band in 0..BANDS {
                let mut column: Vec<f32> = bands.iter().map(|b| b[band]).collect();
                column.sort_by(|a, b| b.total_cmp(a));
                expected.iter_mut().zip(column).for_each(|(b, x)| b[band] = x);
            }
            sort_descending(&mut bands, &network(rows));
            prop_assert_eq!(bands, expected);
        }
    }
}
