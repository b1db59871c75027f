//! Mixtures of Gaussians, and the densities of vectors under them.
//!
//! The arithmetic is that of scikit-learn's `GaussianMixture` in f64: precisions by Cholesky factors, log-sum-exp.
//! Products of likelihoods are never left the logarithm, so that far anomalies have large scores, not NaN as with linfa
//! 0.8.1.

use std::f64::consts::TAU;

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::moments::{centre, triangular};

/// What the covariances of the components may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Any, one a component.
    #[default]
    Full,
    /// Variances only, of each component its own.
    Diagonal,
    /// Any, one for all components.
    Tied,
}

/// A mixture of Gaussians.
#[derive(Clone, Debug)]
pub(super) struct Mixture {
    pub(super) weights: Array1<f64>,
    /// (components, dims).
    pub(super) means: Array2<f64>,
    pub(super) precisions: Precisions,
}

/// Upper triangular matrices P with P·Pᵀ the inverse of a covariance, as in scikit-learn's `precisions_cholesky_`.
#[derive(Clone, Debug)]
pub(super) enum Precisions {
    /// (components, dims, dims).
    Full(Array3<f64>),
    /// Their diagonals, (components, dims).
    Diagonal(Array2<f64>),
    /// (dims, dims).
    Tied(Array2<f64>),
}

impl Mixture {
    /// The log density of each component at each row of `x` (rows, dims), (components, rows).
    pub(super) fn log_densities(&self, x: ArrayView2<f32>) -> Array2<f64> {
        let (components, dims) = self.means.dim();
        let mut densities = Array2::zeros((components, x.nrows()));
        let (mut z, mut y) = (Array2::zeros(x.dim()), Array2::zeros(x.dim()));
        if let Precisions::Tied(precision) = &self.precisions {
            // About any point near the vectors: here the first mean.
            centre(x, slice(&self.means, 0), z.view_mut());
            triangular(z.view(), precision.view(), y.view_mut());
        }
        for (c, mut squares) in densities.rows_mut().into_iter().enumerate() {
            let log_det: f64 = match &self.precisions {
                Precisions::Full(precisions) => {
                    let precision = precisions.index_axis(Axis(0), c);
                    centre(x, slice(&self.means, c), z.view_mut());
                    triangular(z.view(), precision, y.view_mut());
                    squares.indexed_iter_mut().for_each(|(i, s)| *s = sum(slice(&y, i), slice(&y, i), |y, _| y * y));
                    precision.diag().iter().map(|p| p.ln()).sum()
                }
                Precisions::Tied(precision) => {
                    let off = (&self.means.row(c) - &self.means.row(0)).dot(precision).to_vec();
                    let square = |i| sum(slice(&y, i), &off, |y, off| (y - off) * (y - off));
                    squares.indexed_iter_mut().for_each(|(i, s)| *s = square(i));
                    precision.diag().iter().map(|p| p.ln()).sum()
                }
                Precisions::Diagonal(precisions) => {
                    let precision = slice(precisions, c);
                    centre(x, slice(&self.means, c), z.view_mut());
                    let square = |i| sum(slice(&z, i), precision, |z, p| (z * p) * (z * p));
                    squares.indexed_iter_mut().for_each(|(i, s)| *s = square(i));
                    precision.iter().map(|p| p.ln()).sum()
                }
            };
            squares.mapv_inplace(|square| log_det - 0.5 * (dims as f64 * TAU.ln() + square));
        }
        densities
    }

    /// The log likelihood of each row of `x` (rows, dims), from the [`log_densities`](Self::log_densities) of its rows,
    /// which become those weighted by how often the component is.
    pub(super) fn log_likelihoods(&self, densities: &mut Array2<f64>) -> Vec<f64> {
        for (mut densities, weight) in densities.rows_mut().into_iter().zip(&self.weights) {
            densities.mapv_inplace(|density| density + weight.ln());
        }
        let log_sum_exp = |column: ArrayView1<f64>| {
            let largest = column.fold(f64::NEG_INFINITY, |a, b| a.max(*b));
            largest + column.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
        };
        densities.columns().into_iter().map(log_sum_exp).collect()
    }

    /// The log likelihood of some rows, and the responsibility of each component for each, (components, rows).
    pub(super) fn expect(&self, x: ArrayView2<f32>) -> (f64, Array2<f64>) {
        let mut densities = self.log_densities(x);
        let likelihoods = self.log_likelihoods(&mut densities);
        for mut densities in densities.rows_mut() {
            densities.iter_mut().zip(&likelihoods).for_each(|(d, likelihood)| *d = (*d - likelihood).exp());
        }
        (likelihoods.iter().sum(), densities)
    }
}

/// The sum of `f` over pairs, in eight lanes whose order does not depend on the compiler.
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

/// A row of a matrix in C order.
pub(super) fn slice(matrix: &Array2<f64>, row: usize) -> &[f64] {
    matrix.row(row).to_slice().expect("C order")
}
