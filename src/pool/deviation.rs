//! Pools for vectors of pre-trained networks: frames far from the mean of the clip weigh more, and
//! large values weigh more.
//!
//! Formulas: Wilkinghoff, Yadav and Tan, "Temporal Pooling Strategies for Training-Free Anomalous
//! Sound Detection with Self-Supervised Audio Embeddings", arXiv 2603.04605, sections III-D to
//! III-F. All sums are in f64.

use ndarray::{ArrayView2, Axis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Pool;
use crate::diagnose::Problem;
use crate::math;

/// More than any network has, and far from overflow.
const MOST_POWER: f64 = 100.0;
const MOST_BANDS: usize = 10_000;

/// Relative deviation pooling: a weighted mean over the frames. The weight of a frame is
/// (1 + d)^gamma, where d is its distance to the mean of the clip relative to the largest such
/// distance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rdp {
    /// The emphasis on frames far from the mean. 0 gives the mean over the frames.
    #[schemars(range(min = 0, max = MOST_POWER))]
    pub gamma: f64,
    /// The number of equal parts of a frame, such as the bands of a grid of time and band. Each
    /// has weights of its own.
    #[schemars(range(min = 1, max = MOST_BANDS))]
    pub bands: usize,
}

/// Generalised mean: the p-th root of the mean of the p-th powers, for each dimension. Negative
/// values count as 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gem {
    /// The emphasis on large values. 1 gives the mean over the frames; a large number approaches
    /// the maximum.
    #[schemars(range(max = MOST_POWER), extend("exclusiveMinimum" = 0))]
    pub p: f64,
}

/// The generalised mean with the weights of relative deviation pooling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RdpGem {
    /// The emphasis on frames far from the mean, as in `rdp`.
    #[schemars(range(min = 0, max = MOST_POWER))]
    pub gamma: f64,
    /// The emphasis on large values, as in `gem`.
    #[schemars(range(max = MOST_POWER), extend("exclusiveMinimum" = 0))]
    pub p: f64,
    /// The number of equal parts of a frame, as in `rdp`.
    #[schemars(range(min = 1, max = MOST_BANDS))]
    pub bands: usize,
}

// The best settings over all networks of the paper (table III, last column).
impl Default for Rdp {
    fn default() -> Self {
        Self { gamma: 10.0, bands: 1 }
    }
}

impl Default for Gem {
    fn default() -> Self {
        Self { p: 6.0 }
    }
}

impl Default for RdpGem {
    fn default() -> Self {
        Self { gamma: 9.0, p: 3.0, bands: 1 }
    }
}

impl Pool for Rdp {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        gamma_problem(self.gamma).into_iter().chain(bands_problem(self.bands)).collect()
    }

    fn misfit(&self, dims: usize) -> Option<String> {
        uneven(self.bands, dims)
    }

    fn pool(&self, frames: ArrayView2<f32>) -> Vec<f32> {
        by_band(frames, self.bands, |band| weighted_mean(band, &weights(band, self.gamma)))
    }
}

impl Pool for Gem {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        power_problem(self.p).into_iter().collect()
    }

    fn pool(&self, frames: ArrayView2<f32>) -> Vec<f32> {
        let equal = vec![1.0 / frames.nrows() as f64; frames.nrows()];
        power_mean(frames, &equal, self.p)
    }
}

impl Pool for RdpGem {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let powers = gamma_problem(self.gamma).into_iter().chain(power_problem(self.p));
        powers.chain(bands_problem(self.bands)).collect()
    }

    fn misfit(&self, dims: usize) -> Option<String> {
        uneven(self.bands, dims)
    }

    fn pool(&self, frames: ArrayView2<f32>) -> Vec<f32> {
        by_band(frames, self.bands, |band| power_mean(band, &weights(band, self.gamma), self.p))
    }
}

/// The vectors of equal parts of the frames, joined. The number of dimensions is a multiple of
/// `bands`, see [`Pool::misfit`].
fn by_band(
    frames: ArrayView2<f32>,
    bands: usize,
    pool: impl Fn(ArrayView2<f32>) -> Vec<f32>,
) -> Vec<f32> {
    let width = (frames.ncols() / bands.max(1)).max(1);
    frames.axis_chunks_iter(Axis(1), width).flat_map(pool).collect()
}

/// The weight of each frame; their sum is one.
fn weights(frames: ArrayView2<f32>, gamma: f64) -> Vec<f64> {
    let means = weighted_sums(frames, &vec![1.0 / frames.nrows() as f64; frames.nrows()]);
    let deviation = |frame: ndarray::ArrayView1<f32>| {
        let squares = frame.iter().zip(&means).map(|(x, mean)| math::square(f64::from(*x) - mean));
        squares.sum::<f64>().sqrt()
    };
    let deviations: Vec<f64> = frames.rows().into_iter().map(deviation).collect();
    let largest = deviations.iter().copied().fold(0.0, f64::max);
    // Frames that are all the same weigh the same.
    let relative = |d: &f64| if largest > 0.0 { d / largest } else { 0.0 };
    let weights: Vec<f64> = deviations.iter().map(|d| power(1.0 + relative(d), gamma)).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

fn weighted_sums(frames: ArrayView2<f32>, weights: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; frames.ncols()];
    for (frame, weight) in frames.rows().into_iter().zip(weights) {
        sums.iter_mut().zip(frame).for_each(|(sum, x)| *sum += weight * f64::from(*x));
    }
    sums
}

fn weighted_mean(frames: ArrayView2<f32>, weights: &[f64]) -> Vec<f32> {
    weighted_sums(frames, weights).into_iter().map(|x| x as f32).collect()
}

/// (sum of w·max(0, x)^p)^(1/p) of each dimension. Values are divided by the largest first, so no
/// power overflows or vanishes.
fn power_mean(frames: ArrayView2<f32>, weights: &[f64], p: f64) -> Vec<f32> {
    let mut largest = vec![0.0f32; frames.ncols()];
    for frame in frames.rows() {
        largest.iter_mut().zip(frame).for_each(|(most, x)| *most = most.max(*x));
    }
    let mut sums = vec![0.0; frames.ncols()];
    for (frame, weight) in frames.rows().into_iter().zip(weights) {
        for ((sum, x), most) in sums.iter_mut().zip(frame).zip(&largest) {
            if *x > 0.0 {
                *sum += weight * power(f64::from(*x) / f64::from(*most), p);
            }
        }
    }
    let root = |(sum, most): (f64, &f32)| match sum > 0.0 {
        true => (f64::from(*most) * math::powf(sum, 1.0 / p)) as f32,
        false => 0.0,
    };
    sums.into_iter().zip(&largest).map(root).collect()
}

/// `x` to the power of `p`. Whole powers are products, which take a tenth of the time.
fn power(x: f64, p: f64) -> f64 {
    if p.fract() == 0.0 { math::powi(x, p as i32) } else { math::powf(x, p) }
}

fn uneven(bands: usize, dims: usize) -> Option<String> {
    let message =
        || format!("`bands` is {bands}, and frames have {dims} values, no multiple of it");
    (bands == 0 || !dims.is_multiple_of(bands)).then(message)
}

fn gamma_problem(gamma: f64) -> Option<Problem> {
    if (0.0..=MOST_POWER).contains(&gamma) {
        return None;
    }
    let message = format!("a gamma of {gamma} is not between 0 and {MOST_POWER}");
    Some(Problem::new("gamma", message).hint("0 is the mean over the frames; 4 to 20 is usual"))
}

fn power_problem(p: f64) -> Option<Problem> {
    if p > 0.0 && p <= MOST_POWER {
        return None;
    }
    let message = format!("a power of {p} is not above 0 and at most {MOST_POWER}");
    Some(Problem::new("p", message).hint("1 is the mean over the frames; 3 to 10 is usual"))
}

fn bands_problem(bands: usize) -> Option<Problem> {
    Problem::outside("bands", bands, 1, MOST_BANDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn frames_far_from_the_mean_weigh_more() {
        // The mean is (2, 2). Distances: 2√2, 0, 2√2 of largest 2√2.
        let frames = array![[0.0, 0.0], [2.0, 2.0], [4.0, 4.0]];
        assert_eq!(Rdp { gamma: 3.0, bands: 1 }.pool(frames.view()), [2.0, 2.0]);
        // Mean 3; distances 3, 2, 5 of 5; weights 1.6, 1.4, 2 of 5.
        let frames = array![[0.0], [1.0], [8.0]];
        assert_eq!(Rdp { gamma: 1.0, bands: 1 }.pool(frames.view()), [(1.4 + 16.0) / 5.0]);
        assert_eq!(Rdp { gamma: 0.0, bands: 1 }.pool(frames.view()), [3.0]);
        // Frames that are all the same.
        assert_eq!(Rdp::default().pool(array![[7.0, 1.0], [7.0, 1.0]].view()), [7.0, 1.0]);
    }

    #[test]
    fn large_values_weigh_more() {
        let frames = array![[3.0, -3.0, 0.0], [4.0, 1.0, 0.0]];
        let root = |x: f64| (x / 2.0).sqrt() as f32;
        assert_eq!(Gem { p: 2.0 }.pool(frames.view()), [root(25.0), root(1.0), 0.0]);
        assert_eq!(Gem { p: 1.0 }.pool(frames.view()), [3.5, 0.5, 0.0]);
        // 80^100 overflows f32, and 1e-30^50 vanishes in f64.
        let extreme = Gem { p: 100.0 }.pool(array![[80.0, 1e-30], [80.0, 1e-30]].view());
        assert!((extreme[0] - 80.0).abs() < 1e-4 && (extreme[1] / 1e-30 - 1.0).abs() < 1e-4);
        // Weights 1.6, 1.4 and 2 of 5, powers 0, 1, 64.
        let both = RdpGem { gamma: 1.0, p: 2.0, bands: 1 };
        let expected = ((1.4 + 128.0) / 5.0f64).sqrt() as f32;
        assert!((both.pool(array![[0.0], [1.0], [8.0]].view())[0] - expected).abs() < 1e-6);
    }

    #[test]
    fn each_band_has_weights_of_its_own() {
        let frames = array![[0.0, 9.0, 5.0, 5.0], [1.0, 9.0, 5.0, 5.0], [8.0, 9.0, 5.0, 6.5]];
        let halves = [frames.slice(ndarray::s![.., ..2]), frames.slice(ndarray::s![.., 2..])];
        for gamma in [1.0, 2.5] {
            let apart = halves.iter().flat_map(|half| Rdp { gamma, bands: 1 }.pool(half.view()));
            let expected: Vec<f32> = apart.collect();
            assert_eq!(Rdp { gamma, bands: 2 }.pool(frames.view()), expected);
            assert_ne!(Rdp { gamma, bands: 1 }.pool(frames.view()), expected);
        }
        let uneven = Rdp { gamma: 1.0, bands: 3 }.misfit(4).unwrap();
        assert_eq!(uneven, "`bands` is 3, and frames have 4 values, no multiple of it");
        assert_eq!(RdpGem { bands: 2, ..RdpGem::default() }.misfit(4), None);
    }

    #[test]
    fn settings_out_of_range_are_problems() {
        let fields = |problems: Vec<Problem>| -> Vec<String> {
            problems.into_iter().map(|problem| problem.field).collect()
        };
        assert_eq!(fields(Rdp { gamma: -1.0, bands: 0 }.problems()), ["gamma", "bands"]);
        assert_eq!(fields(Gem { p: 0.0 }.problems()), ["p"]);
        let both = RdpGem { gamma: f64::NAN, p: 101.0, bands: 1 };
        assert_eq!(fields(both.problems()), ["gamma", "p"]);
    }
}
