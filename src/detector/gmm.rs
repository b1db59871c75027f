//! Gaussian mixture: how unlikely a vector is under a few normal distributions of the training vectors.

use ndarray::{Axis, s};
use serde::{Deserialize, Serialize};

use super::em::{Em, Fitted};
use super::lloyd::Lloyd;
use super::mixture::{Mixture, Precisions, Shape};
use super::moments::BLOCK;
use super::{Detector, DetectorError, Examples, vectors};
use crate::artifact::{Context, TensorError, Tensors};
use crate::diagnose::Problem;

/// Settings of `gmm`, by default those of scikit-learn but for the number of components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gmm {
    /// Normal distributions. The field takes 1 to 4, chosen by machine; 1 is a Mahalanobis distance, so 2 by default.
    pub components: usize,
    pub covariance: Shape,
    pub score: Score,
    /// Added to all variances.
    pub regularization: f64,
    /// Expectation maximisation ends when it raises the mean log likelihood of a clip by less.
    pub tolerance: f64,
    /// It ends after so many iterations in any case.
    pub max_iterations: usize,
    /// Starts from other clusters, of which the likeliest end is kept.
    pub runs: usize,
}

/// What becomes of the densities of the components.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Minus the log likelihood under the mixture.
    #[default]
    LogLikelihood,
    /// Minus the largest log density of a component, whatever its weight: a component of ten target clips explains
    /// as well as one of 990 source clips.
    BestComponent,
}

impl Default for Gmm {
    fn default() -> Self {
        Self {
            components: 2,
            covariance: Shape::default(),
            score: Score::default(),
            regularization: 1e-6,
            tolerance: 1e-3,
            max_iterations: 100,
            runs: 1,
        }
    }
}

impl Detector for Gmm {
    fn version(&self) -> u32 {
        1
    }

    fn seeded(&self) -> bool {
        true
    }

    fn problems(&self) -> Vec<Problem> {
        let whole = [("components", self.components), ("max_iterations", self.max_iterations), ("runs", self.runs)];
        let whole = whole.iter().filter(|(_, value)| *value == 0).map(|(field, _)| {
            Problem::new(*field, format!("0 {} give no mixture", field.replace('_', " "))).hint("write 1 or more")
        });
        let real = [("regularization", self.regularization), ("tolerance", self.tolerance)];
        let real = real.iter().filter(|(_, value)| !(*value >= 0.0 && value.is_finite())).map(|(field, value)| {
            Problem::new(*field, format!("a {field} of {value} is out of range")).hint("write 0 or more, such as 1e-6")
        });
        whole.chain(real).collect()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        // The vectors; what k-means keeps of each; the covariances of a fit, its parts and their sum.
        let covariance = if self.covariance == Shape::Diagonal { dims } else { dims * dims };
        4 * rows * dims + 96 * rows + 12 * 8 * self.components * covariance
    }

    fn fit(&self, train: &Examples, _: Option<&Tensors>, cx: &Context) -> Result<Tensors, DetectorError> {
        let x = vectors::train(train)?;
        if self.components > x.nrows() {
            let (components, clips) = (self.components, x.nrows());
            let message = format!("`components` is {components}, but there are only {clips} training clips");
            return Err(DetectorError::Data(message));
        }
        let Self { covariance: shape, regularization, tolerance, max_iterations, .. } = *self;
        let em = Em { shape, regularization, tolerance, max_iterations };
        let start = Lloyd { clusters: self.components, ..Lloyd::default() };
        let run = |run: usize| {
            let clusters = start.fit(x.view(), cx.seed.derive(&["gmm", &run.to_string()]), cx)?;
            em.fit(x.view(), &clusters.labels, &clusters.centres, cx)
        };
        let mut best = run(0)?;
        for other in 1..self.runs {
            let fitted = run(other)?;
            if fitted.log_likelihood > best.log_likelihood {
                best = fitted;
            }
        }
        let Fitted { mixture, log_likelihood, iterations, converged } = best;
        let end = if converged { "converged" } else { "not yet converged" };
        (cx.log)(&format!("{iterations} iterations, {end}; mean log likelihood {log_likelihood}"));
        Ok(save(mixture))
    }

    fn score(&self, model: &Tensors, test: &Examples, cx: &Context) -> Result<Vec<f64>, DetectorError> {
        let mixture = self.load(model)?;
        let queries = vectors::test(test, mixture.means.ncols())?;
        let blocks: Vec<usize> = (0..queries.nrows()).step_by(BLOCK).collect();
        let scores = cx.map(&blocks, |&first| {
            let x = queries.slice(s![first..queries.nrows().min(first + BLOCK), ..]);
            let mut densities = mixture.log_densities(x);
            let likelihoods = match self.score {
                Score::LogLikelihood => mixture.log_likelihoods(&mut densities),
                Score::BestComponent => densities.fold_axis(Axis(0), f64::NEG_INFINITY, |a, b| a.max(*b)).to_vec(),
            };
            likelihoods.into_iter().map(|likelihood| -likelihood).collect::<Vec<f64>>()
        });
        Ok(scores.concat())
    }
}

/// The arrays of a mixture, by scikit-learn's names for them.
fn save(mixture: Mixture) -> Tensors {
    let mut model = Tensors::default();
    model.put_f64("weights", mixture.weights);
    model.put_f64("means", mixture.means);
    match mixture.precisions {
        Precisions::Full(precisions) => model.put_f64("precisions_cholesky", precisions),
        Precisions::Diagonal(precisions) => model.put_f64("precisions_cholesky", precisions),
        Precisions::Tied(precision) => model.put_f64("precisions_cholesky", precision),
    }
    model
}

impl Gmm {
    fn load(&self, model: &Tensors) -> Result<Mixture, TensorError> {
        let precisions = match self.covariance {
            Shape::Full => Precisions::Full(model.f64_3("precisions_cholesky")?.to_owned()),
            Shape::Diagonal => Precisions::Diagonal(model.f64_2("precisions_cholesky")?.to_owned()),
            Shape::Tied => Precisions::Tied(model.f64_2("precisions_cholesky")?.to_owned()),
        };
        let (weights, means) = (model.f64_1("weights")?.to_owned(), model.f64_2("means")?.to_owned());
        Ok(Mixture { weights, means, precisions })
    }
}
