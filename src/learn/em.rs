//! The fit of a mixture of Gaussians by expectation maximisation (Dempster, Laird and Rubin 1977).
//!
//! The steps are those of scikit-learn's `GaussianMixture`, so the same start gives the same
//! mixture. linfa 0.8.1 takes twice scikit-learn's time. This code takes 0.33 of scikit-learn's
//! time for an iteration of 4 full covariances at 3,000 vectors of 128 values and 0.16 at 200,000;
//! for diagonal ones 0.6 and 0.23 (one thread each, CPU time).
//!
//! One pass over the vectors does both steps of an iteration. Its sums are about the means of the
//! iteration before, which are near the new ones, so nothing cancels. No copy of the data's size is
//! kept.

use std::ops::Range;

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, s};

use super::mixture::{Mixture, Precisions, Shape, slice};
use super::moments::{Moments, add_squared, parts, subtract_outer};
use super::{Error, cholesky};
use crate::context::Context;
use crate::math;

/// The settings of a fit.
pub(crate) struct Em {
    pub(crate) shape: Shape,
    /// Added to all variances.
    pub(crate) regularization: f64,
    /// The fit ends when an iteration raises the mean log likelihood of a vector by less than this.
    pub(crate) tolerance: f64,
    pub(crate) max_iterations: usize,
}

/// The result of a fit.
pub(crate) struct Fitted {
    pub(crate) mixture: Mixture,
    /// The mean log likelihood of a vector, before the last step.
    pub(crate) log_likelihood: f64,
    pub(crate) iterations: usize,
    pub(crate) converged: bool,
}

impl Em {
    /// Fits a mixture to `x` (rows, dims). Starts from clusters: `labels` holds the row of
    /// `centres` for each row of `x`.
    ///
    /// Errors: a covariance that is not positive definite.
    pub(crate) fn fit(
        &self,
        x: ArrayView2<f32>,
        labels: &[usize],
        centres: &Array2<f64>,
        cx: &Context,
    ) -> Result<Fitted, Error> {
        let x = x.as_standard_layout();
        let x = x.view();
        let certain = |rows: Range<usize>| {
            let mut of = Array2::zeros((centres.nrows(), rows.len()));
            labels[rows].iter().enumerate().for_each(|(i, &label)| of[[label, i]] = 1.0);
            (0.0, of)
        };
        let sums = self.sums(x, centres, certain, cx)?;
        let rows: Vec<&[f32]> =
            x.rows().into_iter().map(|row| row.to_slice().expect("C order")).collect();
        let scatter = if self.shape == Shape::Tied { Some(Moments::of(&rows, cx)?) } else { None };
        let mut mixture = self.maximise(sums, centres, scatter.as_ref())?;
        let (mut log_likelihood, mut iterations, mut converged) = (f64::NEG_INFINITY, 0, false);
        while !converged && iterations < self.max_iterations {
            let sums =
                self.sums(x, &mixture.means, |rows| mixture.expect(x.slice(s![rows, ..])), cx)?;
            let before =
                std::mem::replace(&mut log_likelihood, sums.log_likelihood / x.nrows() as f64);
            mixture = self.maximise(sums, &mixture.means, scatter.as_ref())?;
            iterations += 1;
            converged = (log_likelihood - before).abs() < self.tolerance;
        }
        Ok(Fitted { mixture, log_likelihood, iterations, converged })
    }

    /// Sums over all rows, for the next mixture. `expect` returns the log likelihood of some rows
    /// and the responsibilities of the components for them, (components, rows).
    fn sums(
        &self,
        x: ArrayView2<f32>,
        means: &Array2<f64>,
        expect: impl Fn(Range<usize>) -> (f64, Array2<f64>) + Sync + Send,
        cx: &Context,
    ) -> Result<Sums, Error> {
        let parts = cx.map(&parts(x.nrows()), |blocks| {
            let mut sums = Sums::zeros(self.shape, means.dim());
            for block in blocks.iter().filter(|_| !cx.cancelled()) {
                let (log_likelihood, responsibilities) = expect(block.clone());
                sums.log_likelihood += log_likelihood;
                sums.add(x.slice(s![block.clone(), ..]), means, responsibilities.view());
            }
            sums
        });
        let total = parts.into_iter().reduce(Sums::plus).expect("at least one row");
        if cx.cancelled() { Err(Error::Cancelled) } else { Ok(total) }
    }

    /// The mixture with the greatest likelihood, from sums about the means `about`.
    fn maximise(
        &self,
        sums: Sums,
        about: &Array2<f64>,
        scatter: Option<&Moments>,
    ) -> Result<Mixture, Error> {
        let (components, dims) = about.dim();
        // Avoids division by zero for a component without rows, like scikit-learn.
        let counts = sums.counts.mapv(|count| count + 10.0 * f64::EPSILON);
        let moves = &sums.first / &counts.view().insert_axis(Axis(1));
        let means = about + &moves;
        let precision = |component: usize, mut covariance: Array2<f64>| {
            covariance.diag_mut().mapv_inplace(|c| c + self.regularization);
            let factor = cholesky::factor(covariance);
            factor
                .map(inverse_transposed)
                .map_err(|at| self.singular(component, at, components, counts[component]))
        };
        // Corrects the covariance: the sums are about the old mean, the covariance is about the new
        // one.
        let twice = |c: usize| 2.0 - sums.counts[c] / counts[c];
        let precisions = match (self.shape, scatter) {
            (Shape::Diagonal, _) => {
                let mut precisions = Array2::zeros((components, dims));
                for (c, mut precision) in precisions.rows_mut().into_iter().enumerate() {
                    for (i, p) in precision.iter_mut().enumerate() {
                        let variance = sums.second[[c, 0, i]] / counts[c]
                            - twice(c) * math::square(moves[[c, i]]);
                        let variance = variance.max(0.0) + self.regularization;
                        if variance <= 0.0 {
                            return Err(self.singular(c, i, components, counts[c]));
                        }
                        *p = 1.0 / variance.sqrt();
                    }
                }
                Precisions::Diagonal(precisions)
            }
            (Shape::Tied, Some(Moments { mean, scatter })) => {
                let mut covariance = scatter.clone();
                for (count, component) in counts.iter().zip(means.rows()) {
                    subtract_outer(&mut covariance, *count, &(&component - mean));
                }
                covariance /= counts.sum();
                Precisions::Tied(precision(0, covariance)?)
            }
            _ => {
                let mut precisions = sums.second;
                for (c, mut matrix) in precisions.outer_iter_mut().enumerate() {
                    let mut covariance = &matrix / counts[c];
                    subtract_outer(&mut covariance, twice(c), &moves.row(c).to_owned());
                    matrix.assign(&precision(c, covariance)?);
                }
                Precisions::Full(precisions)
            }
        };
        Ok(Mixture { weights: &counts / counts.sum(), means, precisions })
    }

    fn singular(&self, component: usize, dimension: usize, components: usize, count: f64) -> Error {
        let whose = match self.shape {
            Shape::Tied => "the covariance of all components".to_owned(),
            _ => {
                format!(
                    "the covariance of component {component} of {components}, which has {count:.1} training clips,"
                )
            }
        };
        let diagonal =
            if self.shape == Shape::Diagonal { "" } else { ", or `covariance: diagonal`" };
        Error::TooFew(format!(
            "{whose} is not positive definite at dimension {dimension}: write fewer `components` or a `regularization` \
             above {:e}{diagonal}",
            self.regularization
        ))
    }
}

/// Sums over rows, weighted by responsibility, about one point for each component.
struct Sums {
    shape: Shape,
    log_likelihood: f64,
    counts: Array1<f64>,
    /// (components, dims).
    first: Array2<f64>,
    /// Full: the lower halves of (components, dims, dims). Diagonal: (components, 1, dims). Tied:
    /// empty.
    second: Array3<f64>,
}

impl Sums {
    fn zeros(shape: Shape, (components, dims): (usize, usize)) -> Self {
        let second = match shape {
            Shape::Full => (components, dims, dims),
            Shape::Diagonal => (components, 1, dims),
            Shape::Tied => (components, 0, dims),
        };
        let (counts, first) = (Array1::zeros(components), Array2::zeros((components, dims)));
        Self { shape, log_likelihood: 0.0, counts, first, second: Array3::zeros(second) }
    }

    fn plus(mut self, other: Self) -> Self {
        self.log_likelihood += other.log_likelihood;
        self.counts += &other.counts;
        self.first += &other.first;
        self.second += &other.second;
        self
    }

    /// Adds the rows of a block.
    fn add(&mut self, x: ArrayView2<f32>, about: &Array2<f64>, responsibilities: ArrayView2<f64>) {
        let dims = x.ncols();
        let mut scaled = Vec::with_capacity(if self.shape == Shape::Full { x.len() } else { 0 });
        for (c, responsibilities) in responsibilities.rows().into_iter().enumerate() {
            self.counts[c] += responsibilities.sum();
            let first = self.first.row_mut(c).into_slice().expect("C order");
            let mut second = self.second.index_axis_mut(Axis(0), c);
            scaled.clear();
            for (x, &responsibility) in x.rows().into_iter().zip(responsibilities) {
                // A smaller one changes no bit of a sum unless the vector is 10¹² standard
                // deviations away.
                if responsibility < 1e-40 {
                    continue;
                }
                let z = x.to_slice().expect("C order").iter().zip(slice(about, c));
                let z = z.map(|(x, about)| f64::from(*x) - about);
                match self.shape {
                    Shape::Full => {
                        let root = responsibility.sqrt();
                        scaled.extend(z.map(|z| root * z));
                        let row = &scaled[scaled.len() - dims..];
                        first.iter_mut().zip(row).for_each(|(first, z)| *first += root * z);
                    }
                    Shape::Diagonal => {
                        let second = second.as_slice_mut().expect("C order");
                        for (z, (first, second)) in z.zip(first.iter_mut().zip(second)) {
                            *first += responsibility * z;
                            *second += responsibility * z * z;
                        }
                    }
                    Shape::Tied => {
                        first.iter_mut().zip(z).for_each(|(first, z)| *first += responsibility * z)
                    }
                }
            }
            if self.shape == Shape::Full {
                let z =
                    ArrayView2::from_shape((scaled.len() / dims, dims), &scaled).expect("its size");
                add_squared(z, second);
            }
        }
    }
}

/// The transposed inverse of a lower triangular matrix.
fn inverse_transposed(factor: Array2<f64>) -> Array2<f64> {
    let dims = factor.nrows();
    let mut inverse = vec![0.0; dims * dims];
    for i in 0..dims {
        let (known, row) = inverse.split_at_mut(i * dims);
        let row = &mut row[..=i];
        for (j, known) in known.chunks_exact(dims).enumerate() {
            let by = factor[[i, j]];
            row.iter_mut().zip(&known[..=j]).for_each(|(x, known)| *x -= by * known);
        }
        row[i] = 1.0;
        row.iter_mut().for_each(|x| *x /= factor[[i, i]]);
    }
    let inverse = Array2::from_shape_vec((dims, dims), inverse).expect("its size");
    inverse.reversed_axes().as_standard_layout().into_owned()
}

#[cfg(test)]
mod tests;
