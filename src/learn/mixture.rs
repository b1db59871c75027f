//! Mixtures of Gaussians, and the densities of vectors under them.
//!
//! The arithmetic is that of scikit-learn's `GaussianMixture` in f64: precisions by Cholesky
//! factors, log-sum-exp. Densities stay logarithms, so that far anomalies have large scores. linfa
//! 0.8.1 gives them NaN.

use std::f64::consts::TAU;

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::moments::{centre, triangular};
use crate::math;

/// The form of the components' covariances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Each component has its own covariance.
    #[default]
    Full,
    /// Each component has its own variances and no covariances.
    Diagonal,
    /// All components share one full covariance.
    Tied,
}

/// A mixture of Gaussians.
#[derive(Clone, Debug)]
pub(crate) struct Mixture {
    pub(crate) weights: Array1<f64>,
    /// (components, dims).
    pub(crate) means: Array2<f64>,
    pub(crate) precisions: Precisions,
}

/// Upper triangular matrices P with P·Pᵀ the inverse of a covariance, as in scikit-learn's
/// `precisions_cholesky_`.
#[derive(Clone, Debug)]
pub(crate) enum Precisions {
    /// (components, dims, dims).
    Full(Array3<f64>),
    /// Their diagonals, (components, dims).
    Diagonal(Array2<f64>),
    /// (dims, dims).
    Tied(Array2<f64>),
}

impl Mixture {
    /// The log density of each component at each row of `x` (rows, dims), (components, rows).
    pub(crate) fn log_densities(&self, x: ArrayView2<f32>) -> Array2<f64> {
        let (components, dims) = self.means.dim();
        let mut densities = Array2::zeros((components, x.nrows()));
        let (mut z, mut y) = (Array2::zeros(x.dim()), Array2::zeros(x.dim()));
        if let Precisions::Tied(precision) = &self.precisions {
            // Any point near the vectors will do: this uses the first mean.
            centre(x, slice(&self.means, 0), z.view_mut());
            triangular(z.view(), precision.view(), y.view_mut());
        }
        for (c, mut squares) in densities.rows_mut().into_iter().enumerate() {
            let log_det: f64 = match &self.precisions {
                Precisions::Full(precisions) => {
                    let precision = precisions.index_axis(Axis(0), c);
                    centre(x, slice(&self.means, c), z.view_mut());
                    triangular(z.view(), precision, y.view_mut());
                    squares
                        .indexed_iter_mut()
                        .for_each(|(i, s)| *s = sum(slice(&y, i), slice(&y, i), |y, _| y * y));
                    precision.diag().iter().map(|p| math::ln(*p)).sum()
                }
                Precisions::Tied(precision) => {
                    let off = (&self.means.row(c) - &self.means.row(0)).dot(precision).to_vec();
                    let square = |i| sum(slice(&y, i), &off, |y, off| (y - off) * (y - off));
                    squares.indexed_iter_mut().for_each(|(i, s)| *s = square(i));
                    precision.diag().iter().map(|p| math::ln(*p)).sum()
                }
                Precisions::Diagonal(precisions) => {
                    let precision = slice(precisions, c);
                    let square = |x: &[f32]| scaled_distance(x, slice(&self.means, c), precision);
                    let rows = x.rows().into_iter().map(|x| square(x.to_slice().expect("C order")));
                    squares.iter_mut().zip(rows).for_each(|(s, square)| *s = square);
                    precision.iter().map(|p| math::ln(*p)).sum()
                }
            };
            squares.mapv_inplace(|square| log_det - 0.5 * (dims as f64 * math::ln(TAU) + square));
        }
        densities
    }

    /// The log likelihood of each row, from the [`log_densities`](Self::log_densities) of the rows.
    /// Replaces these by the responsibilities of the components.
    pub(crate) fn log_likelihoods(&self, densities: &mut Array2<f64>) -> Vec<f64> {
        let mut largest = vec![f64::NEG_INFINITY; densities.ncols()];
        for (mut densities, weight) in
            densities.rows_mut().into_iter().zip(self.weights.mapv(math::ln))
        {
            densities.iter_mut().zip(&mut largest).for_each(|(density, largest)| {
                *density += weight;
                *largest = largest.max(*density);
            });
        }
        let mut sums = vec![0.0; densities.ncols()];
        for mut densities in densities.rows_mut() {
            densities.iter_mut().zip(largest.iter().zip(&mut sums)).for_each(
                |(density, (largest, sum))| {
                    *density = math::exp(*density - largest);
                    *sum += *density;
                },
            );
        }
        // Not by exponentials of differences to the likelihood: far from all components those are
        // only rounding.
        densities
            .rows_mut()
            .into_iter()
            .for_each(|mut row| row.iter_mut().zip(&sums).for_each(|(d, sum)| *d /= sum));
        largest.iter().zip(&sums).map(|(largest, sum)| largest + math::ln(*sum)).collect()
    }

    /// The log likelihood of some rows, and the responsibility of each component for each row,
    /// (components, rows).
    pub(crate) fn expect(&self, x: ArrayView2<f32>) -> (f64, Array2<f64>) {
        let mut densities = self.log_densities(x);
        (self.log_likelihoods(&mut densities).iter().sum(), densities)
    }
}

/// The sum of `f` over pairs, in eight lanes with an order that does not depend on the compiler.
fn sum(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            lanes[i] += f(a[i], b[i]);
        }
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| f(*a, *b)).sum::<f64>()
}

/// The squared length of (x - mean) · scale, element by element, in lanes like [`sum`].
fn scaled_distance(x: &[f32], mean: &[f64], scale: &[f64]) -> f64 {
    let (xs, x_rest) = x.as_chunks::<8>();
    let ((means, mean_rest), (scales, scale_rest)) =
        (mean.as_chunks::<8>(), scale.as_chunks::<8>());
    let one = |x: f32, mean: f64, scale: f64| math::square((f64::from(x) - mean) * scale);
    let mut lanes = [0.0; 8];
    for ((x, mean), scale) in xs.iter().zip(means).zip(scales) {
        for i in 0..8 {
            lanes[i] += one(x[i], mean[i], scale[i]);
        }
    }
    let rest = x_rest
        .iter()
        .zip(mean_rest)
        .zip(scale_rest)
        .map(|((x, mean), scale)| one(*x, *mean, *scale));
    lanes.iter().sum::<f64>() + rest.sum::<f64>()
}

/// A row of a matrix in C order.
pub(crate) fn slice(matrix: &Array2<f64>, row: usize) -> &[f64] {
    matrix.row(row).to_slice().expect("C order")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Two components with the same covariance [[4, 0], [0, 1]].
    fn mixture(shape: Shape) -> Mixture {
        let precision = array![[0.5, 0.0], [0.0, 1.0]];
        let precisions = match shape {
            Shape::Full => Precisions::Full(ndarray::stack![Axis(0), precision, precision]),
            Shape::Diagonal => Precisions::Diagonal(array![[0.5, 1.0], [0.5, 1.0]]),
            Shape::Tied => Precisions::Tied(precision),
        };
        Mixture { weights: array![0.75, 0.25], means: array![[0.0, 0.0], [2.0, 1.0]], precisions }
    }

    #[test]
    fn densities_are_those_of_the_definition() {
        for shape in [Shape::Full, Shape::Diagonal, Shape::Tied] {
            let mixture = mixture(shape);
            let mut densities = mixture.log_densities(array![[2.0, 0.0]].view());
            // Both are one deviation from the mean: N = exp(-1/2) / (2π·√det).
            let density = math::exp(-0.5f64) / (TAU * 2.0);
            assert!(
                densities.iter().all(|d| (d - math::ln(density)).abs() < 1e-15),
                "{shape:?}: {densities}"
            );
            assert!((mixture.log_likelihoods(&mut densities)[0] - math::ln(density)).abs() < 1e-15);
            let (_, responsibilities) = mixture.expect(array![[2.0, 0.0]].view());
            assert!((responsibilities - array![[0.75], [0.25]]).iter().all(|d| d.abs() < 1e-15));
        }
    }

    #[test]
    fn far_anomalies_have_scores() {
        let x = array![[f32::MAX, f32::MIN], [1e9, 0.0], [40.0, -40.0]];
        for shape in [Shape::Full, Shape::Diagonal, Shape::Tied] {
            let mixture = mixture(shape);
            let likelihoods = mixture.log_likelihoods(&mut mixture.log_densities(x.view()));
            assert!(
                likelihoods.iter().all(|l| l.is_finite()) && likelihoods.is_sorted(),
                "{shape:?}: {likelihoods:?}"
            );
            let (_, responsibilities) = mixture.expect(x.view());
            assert!(responsibilities.columns().into_iter().all(|r| (r.sum() - 1.0).abs() < 1e-12));
        }
    }
}
