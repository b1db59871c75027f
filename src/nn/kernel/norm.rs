//! Batch normalisation (Ioffe and Szegedy 2015, equations 1 to 4 and the gradients after them)
//! fused with the activation behind it, over `rows x channels`. A row is a pixel of an example, or
//! an example of a dense layer.
//!
//! All of it is bound by memory, so the cost is how often a tensor is read and written. The
//! statistics read it once. The forward pass reads it once and writes it once. The backward pass
//! reads both tensors twice and writes once. It computes the mask of the activation from `z` again
//! instead of storing it.

use super::activation::{Activation, clamp, masked};
use super::rows::{Cut, sum_rows};
use crate::math;
use crate::math::vectorized;
use rayon::prelude::*;

/// Mean and biased variance of each channel.
///
/// Computes a chunk's mean first and then the squares about that mean, both in `f32` while the
/// chunk is in the cache. Chunks are merged in `f64` (Chan, Golub and LeVeque 1983). This reads
/// memory once and does not cancel, however far the mean is from zero.
pub fn moments(z: &[f32], channels: usize, mean: &mut [f32], variance: &mut [f32]) {
    let cut = Cut::new(z.len(), channels);
    assert!(mean.len() == channels && variance.len() == channels);
    let parts: Vec<Moments> =
        z.par_chunks(cut.chunk()).map(|chunk| Moments::of(chunk, cut)).collect();
    let mut whole = Moments::new(channels);
    parts.iter().for_each(|part| whole.merge(part));
    for c in 0..channels {
        mean[c] = whole.mean[c] as f32;
        variance[c] = (whole.squares[c] / whole.rows.max(1.0)) as f32;
    }
}

/// Number of rows, their mean, the sum of squares about it.
struct Moments {
    rows: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn new(channels: usize) -> Moments {
        Moments { rows: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] }
    }

    fn of(chunk: &[f32], cut: Cut) -> Moments {
        let mut part = Moments::new(cut.channels);
        part.rows = (chunk.len() / cut.channels) as f64;
        let mut sums = vec![0.0; cut.wide];
        sum_rows(chunk, &mut sums);
        cut.narrow(&sums, &mut part.mean);
        part.mean.iter_mut().for_each(|mean| *mean /= part.rows);
        let about: Vec<f32> = part.mean.iter().map(|mean| *mean as f32).collect();
        sums.fill(0.0);
        sum_squares(chunk, &cut.widen(&about), &mut sums);
        cut.narrow(&sums, &mut part.squares);
        part
    }

    fn merge(&mut self, other: &Moments) {
        let rows = self.rows + other.rows;
        let (share, cross) = (other.rows / rows, self.rows * other.rows / rows);
        for c in 0..self.mean.len() {
            let apart = other.mean[c] - self.mean[c];
            self.mean[c] += apart * share;
            self.squares[c] += other.squares[c] + apart * apart * cross;
        }
        self.rows = rows;
    }
}

/// y = activation(z * scale + shift), channel by channel.
pub fn normalize(z: &[f32], scale: &[f32], shift: &[f32], activation: Activation, y: &mut [f32]) {
    assert_eq!(z.len(), y.len());
    let cut = Cut::new(z.len(), scale.len());
    let (scale, shift) = (cut.widen(scale), cut.widen(shift));
    let (low, high) = activation.bounds();
    y.par_chunks_mut(cut.chunk())
        .zip(z.par_chunks(cut.chunk()))
        .for_each(|(y, z)| scale_rows(z, &scale, &shift, low, high, y));
}

/// The gradient through activation and normalisation by the batch's own statistics. `dy_to_dz`
/// holds the gradient with respect to y and receives the one with respect to z. `dgamma` and
/// `dbeta` are overwritten.
///
/// With d the gradient with respect to the normalised value before the activation and h = (z -
/// mean) * inverse_deviation: dz = gamma * inverse_deviation * (d - mean(d) - h * mean(d h)).
#[expect(clippy::too_many_arguments, reason = "the sizes of a kernel are its arguments")]
pub fn backward(
    dy_to_dz: &mut [f32],
    z: &[f32],
    mean: &[f32],
    inverse_deviation: &[f32],
    gamma: &[f32],
    beta: &[f32],
    activation: Activation,
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) {
    assert_eq!(z.len(), dy_to_dz.len());
    let channels = mean.len();
    assert!(dgamma.len() == channels && dbeta.len() == channels && beta.len() == channels);
    let cut = Cut::new(z.len(), channels);
    let per_channel =
        |of: &dyn Fn(usize) -> f32| cut.widen(&(0..channels).map(of).collect::<Vec<f32>>());
    let scale = per_channel(&|c| gamma[c] * inverse_deviation[c]);
    let shift = per_channel(&|c| beta[c] - mean[c] * (gamma[c] * inverse_deviation[c]));
    let centre = cut.widen(mean);
    let (low, high) = activation.bounds();

    let parts: Vec<[Vec<f64>; 2]> = dy_to_dz
        .par_chunks(cut.chunk())
        .zip(z.par_chunks(cut.chunk()))
        .map(|(d, z)| {
            let mut part = [vec![0.0; channels], vec![0.0; channels]];
            let (mut plain, mut crossed) = (vec![0.0; cut.wide], vec![0.0; cut.wide]);
            sum_gradients(d, z, &scale, &shift, &centre, low, high, &mut plain, &mut crossed);
            cut.narrow(&plain, &mut part[0]);
            cut.narrow(&crossed, &mut part[1]);
            part
        })
        .collect();
    let mut sums = [vec![0.0; channels], vec![0.0; channels]];
    for part in &parts {
        for (sums, part) in sums.iter_mut().zip(part) {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
    }
    for c in 0..channels {
        dbeta[c] = sums[0][c] as f32;
        dgamma[c] = (sums[1][c] * f64::from(inverse_deviation[c])) as f32;
    }

    // dz = scale * d - (level + slope * (z - mean)).
    let rows = (z.len() / channels) as f64;
    let factor = |c: usize| f64::from(gamma[c]) * f64::from(inverse_deviation[c]) / rows;
    let level = per_channel(&|c| (factor(c) * sums[0][c]) as f32);
    let slope = per_channel(&|c| {
        (factor(c) * math::square(f64::from(inverse_deviation[c])) * sums[1][c]) as f32
    });
    dy_to_dz.par_chunks_mut(cut.chunk()).zip(z.par_chunks(cut.chunk())).for_each(|(d, z)| {
        centre_gradients(d, z, &scale, &shift, &centre, &level, &slope, low, high)
    });
}

// The loops. A last wide row may be cut short: zip stops there. Every slice is cut to the row's
// length first; otherwise the compiler keeps a bounds check for each of them.
vectorized! {
    fn sum_squares(z: &[f32], about: &[f32], sums: &mut [f32]) {
        for z in z.chunks(sums.len()) {
            for ((sum, z), about) in sums.iter_mut().zip(z).zip(about) {
                *sum += (z - about) * (z - about);
            }
        }
    }

    fn scale_rows(z: &[f32], scale: &[f32], shift: &[f32], low: f32, high: f32, y: &mut [f32]) {
        for (y, z) in y.chunks_mut(scale.len()).zip(z.chunks(scale.len())) {
            for (((y, z), scale), shift) in y.iter_mut().zip(z).zip(scale).zip(shift) {
                *y = clamp(z * scale + shift, low, high);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is a slice that the loop runs along, or a bound")]
    fn sum_gradients(
        d: &[f32], z: &[f32], scale: &[f32], shift: &[f32], centre: &[f32], low: f32, high: f32,
        plain: &mut [f32], crossed: &mut [f32],
    ) {
        let wide = plain.len();
        let (scale, shift, centre, crossed) =
            (&scale[..wide], &shift[..wide], &centre[..wide], &mut crossed[..wide]);
        for (d, z) in d.chunks(wide).zip(z.chunks(wide)) {
            let z = &z[..d.len()];
            for i in 0..d.len() {
                let d = masked(d[i], z[i] * scale[i] + shift[i], low, high);
                plain[i] += d;
                crossed[i] += d * (z[i] - centre[i]);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is a slice that the loop runs along, or a bound")]
    fn centre_gradients(
        d: &mut [f32], z: &[f32], scale: &[f32], shift: &[f32], centre: &[f32], level: &[f32], slope: &[f32],
        low: f32, high: f32,
    ) {
        let wide = scale.len();
        let (shift, centre, level, slope) = (&shift[..wide], &centre[..wide], &level[..wide], &slope[..wide]);
        for (d, z) in d.chunks_mut(wide).zip(z.chunks(wide)) {
            let z = &z[..d.len()];
            for i in 0..d.len() {
                let passed = masked(d[i], z[i] * scale[i] + shift[i], low, high);
                d[i] = scale[i] * passed - (level[i] + slope[i] * (z[i] - centre[i]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::bias_gradient;
    use super::super::testing::{assert_close, draws, same_bits};
    use super::*;

    const KINDS: [Activation; 3] = [Activation::Identity, Activation::Relu, Activation::Relu6];
    /// Rows and channels. The first shapes fill several chunks and end with a short wide row.
    const SHAPES: [(usize, usize); 5] = [(9001, 16), (3001, 48), (257, 640), (2, 3), (801, 101)];

    fn column(z: &[f32], channels: usize, c: usize) -> Vec<f64> {
        z.iter().skip(c).step_by(channels).map(|z| f64::from(*z)).collect()
    }

    #[test]
    fn moments_agree_with_the_definition_far_from_zero() {
        for (rows, channels) in SHAPES {
            let z: Vec<f32> = draws(rows * channels, 0.1).iter().map(|z| 300.0 + z).collect();
            let got = same_bits(|| {
                let (mut mean, mut variance) = (vec![0.0; channels], vec![0.0; channels]);
                moments(&z, channels, &mut mean, &mut variance);
                [mean, variance].concat()
            });
            for c in 0..channels {
                let column = column(&z, channels, c);
                let mean = column.iter().sum::<f64>() / rows as f64;
                let variance =
                    column.iter().map(|z| math::square(z - mean)).sum::<f64>() / rows as f64;
                assert_close(&[got[c]], &[mean], 1e-6);
                assert!((f64::from(got[channels + c]) / variance - 1.0).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn normalizes_and_activates() {
        let z = draws(5000 * 24, 0.2);
        let (scale, shift) = (draws(24, 0.3), draws(24, 0.4));
        for kind in KINDS {
            let scale: Vec<f32> = scale.iter().map(|s| 20.0 * s).collect();
            let y = same_bits(|| {
                let mut y = vec![f32::NAN; z.len()];
                normalize(&z, &scale, &shift, kind, &mut y);
                y
            });
            let (low, high) = kind.bounds();
            let want: Vec<f64> = (0..z.len())
                .map(|i| f64::from(z[i]) * f64::from(scale[i % 24]) + f64::from(shift[i % 24]))
                .map(|a| a.clamp(f64::from(low), f64::from(high)))
                .collect();
            assert_close(&y, &want, 1e-5);
        }
        let mut y = [0.0];
        normalize(&[f32::NAN], &[1.0], &[0.0], Activation::Relu6, &mut y);
        assert!(y[0].is_nan());
    }

    /// The loss sum(r * y), as a function of everything, in `f64`.
    fn loss(z: &[f64], gamma: &[f64], beta: &[f64], kind: Activation, r: &[f32]) -> f64 {
        let channels = gamma.len();
        let rows = (z.len() / channels) as f64;
        let (low, high) = kind.bounds();
        let mut sum = 0.0;
        for c in 0..channels {
            let column = || z.iter().skip(c).step_by(channels);
            let mean = column().sum::<f64>() / rows;
            let variance = column().map(|z| math::square(z - mean)).sum::<f64>() / rows;
            for (z, r) in column().zip(r.iter().skip(c).step_by(channels)) {
                let a = gamma[c] * (z - mean) / (variance + 1e-3).sqrt() + beta[c];
                sum += f64::from(*r) * a.clamp(f64::from(low), f64::from(high));
            }
        }
        sum
    }

    #[test]
    fn gradients_agree_with_differences() {
        let (rows, channels) = (37, 5);
        let wide = |draws: Vec<f32>| draws.iter().map(|d| f64::from(*d)).collect::<Vec<f64>>();
        for kind in KINDS {
            let z = draws(rows * channels, 0.5);
            let r = draws(rows * channels, 0.6);
            let gamma: Vec<f32> = draws(channels, 0.7).iter().map(|g| 4.0 + g).collect();
            let beta: Vec<f32> = draws(channels, 0.8).iter().map(|b| 2.0 + b).collect();
            let (mut mean, mut variance) = (vec![0.0; channels], vec![0.0; channels]);
            moments(&z, channels, &mut mean, &mut variance);
            let inverse: Vec<f32> = variance.iter().map(|v| 1.0 / (v + 1e-3).sqrt()).collect();
            let (mut dz, mut dgamma, mut dbeta) =
                (r.clone(), vec![0.0; channels], vec![0.0; channels]);
            backward(&mut dz, &z, &mean, &inverse, &gamma, &beta, kind, &mut dgamma, &mut dbeta);

            let (z, gamma, beta) = (wide(z), wide(gamma), wide(beta));
            let step = 1e-6;
            let slope = |of: &dyn Fn(f64) -> f64| (of(step) - of(-step)) / (2.0 * step);
            let moved = |of: &[f64], at: usize, by: f64| {
                let mut of = of.to_vec();
                of[at] += by;
                of
            };
            let want: Vec<f64> = (0..z.len())
                .map(|i| slope(&|by| loss(&moved(&z, i, by), &gamma, &beta, kind, &r)))
                .collect();
            assert_close(&dz, &want, 1e-4);
            for c in 0..channels {
                let by_gamma = slope(&|by| loss(&z, &moved(&gamma, c, by), &beta, kind, &r));
                let by_beta = slope(&|by| loss(&z, &gamma, &moved(&beta, c, by), kind, &r));
                assert_close(&[dgamma[c], dbeta[c]], &[by_gamma, by_beta], 1e-4);
            }
        }
    }

    #[test]
    fn large_gradients_have_the_same_bits_on_any_threads() {
        for (rows, channels) in SHAPES {
            let z = draws(rows * channels, 0.15);
            let ones = vec![1.0; channels];
            let zeros = vec![0.0; channels];
            let all = same_bits(|| {
                let mut dz = draws(z.len(), 0.25);
                let (mut dgamma, mut dbeta, mut dbias) = (ones.clone(), ones.clone(), ones.clone());
                let kind = Activation::Relu;
                backward(&mut dz, &z, &zeros, &ones, &ones, &zeros, kind, &mut dgamma, &mut dbeta);
                bias_gradient(&dz, &mut dbias);
                [dz, dgamma, dbeta, dbias].concat()
            });
            let (rest, dbias) = all.split_at(all.len() - channels);
            let dbeta = &rest[rest.len() - channels..];
            let d = draws(z.len(), 0.25);
            for c in 0..channels {
                let passed = |i: usize| {
                    if z[i * channels + c] > 0.0 { f64::from(d[i * channels + c]) } else { 0.0 }
                };
                assert_close(&[dbeta[c]], &[(0..rows).map(passed).sum()], 1e-4);
                assert_close(
                    &[dbias[c]],
                    &[column(&all[..z.len()], channels, c).iter().sum()],
                    1e-3,
                );
            }
        }
    }
}
