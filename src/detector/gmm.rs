//! Gaussian mixture: how unlikely a vector is under a mixture of Gaussians fitted to the training
//! vectors.

use ndarray::{Axis, s};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, Examples, vectors};
use crate::artifact::{TensorError, Tensors};
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::em::{Em, Fitted};
use crate::learn::lloyd::Lloyd;
use crate::learn::mixture::{Mixture, Precisions, Shape};
use crate::learn::moments::BLOCK;

/// Gaussian mixture: how unlikely a clip is under a mixture of Gaussians. The defaults are those of
/// scikit-learn, except for the number of components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gmm {
    /// The number of components. Published systems use 1 to 4; 1 gives a Mahalanobis distance.
    #[schemars(range(min = 1, max = 1024))]
    pub components: usize,
    /// The form of the covariances.
    pub covariance: Shape,
    /// How the densities of the components become the score.
    pub score: Score,
    /// Added to all variances, in the squared unit of the features.
    #[schemars(range(min = 0, max = 1e6))]
    pub regularization: f64,
    /// The fit ends when an iteration raises the mean log likelihood of a clip by less than this.
    #[schemars(range(min = 0, max = 1e6))]
    pub tolerance: f64,
    /// The most iterations of expectation maximisation.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_iterations: usize,
    /// The number of starts. The likeliest result is kept.
    #[schemars(range(min = 1, max = 10_000))]
    pub runs: usize,
}

/// How the densities of the components become the score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Minus the log likelihood under the mixture.
    #[default]
    LogLikelihood,
    /// Minus the largest log density of a component, without its weight. So a component of ten
    /// target clips counts as much as one of 990 source clips.
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
        2
    }

    fn seeded(&self) -> bool {
        true
    }

    fn problems(&self) -> Vec<Problem> {
        let whole = [
            ("components", self.components),
            ("max_iterations", self.max_iterations),
            ("runs", self.runs),
        ];
        let whole = whole.iter().filter(|(_, value)| *value == 0).map(|(field, _)| {
            Problem::new(*field, format!("0 {} give no mixture", field.replace('_', " ")))
                .hint("write 1 or more")
        });
        let real = [("regularization", self.regularization), ("tolerance", self.tolerance)];
        let real = real.iter().filter(|(_, value)| !(*value >= 0.0 && value.is_finite())).map(
            |(field, value)| {
                Problem::new(*field, format!("a {field} of {value} is out of range"))
                    .hint("write 0 or more, such as 1e-6")
            },
        );
        let most = [
            ("components", self.components, 1024),
            ("max_iterations", self.max_iterations, 100_000),
            ("runs", self.runs, 10_000),
        ];
        let most = most
            .into_iter()
            .filter_map(|(field, value, most)| Problem::outside(field, value.max(1), 1, most));
        let large = [("regularization", self.regularization), ("tolerance", self.tolerance)];
        let large = large.into_iter().filter(|(_, value)| value.is_finite());
        let large = large.filter_map(|(field, value)| Problem::beyond(field, value, 1e6));
        whole.chain(real).chain(most).chain(large).collect()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        // The vectors; the memory of k-means per vector; the covariances of a fit, its parts and
        // their sum.
        let covariance = if self.covariance == Shape::Diagonal { dims } else { dims * dims };
        4 * rows * dims + 96 * rows + 12 * 8 * self.components * covariance
    }

    fn fit(
        &self,
        train: &Examples,
        _: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let x = vectors::train(train)?;
        if self.components > x.nrows() {
            let (components, clips) = (self.components, x.nrows());
            let message =
                format!("`components` is {components}, but there are only {clips} training clips");
            return Err(DetectorError::TooFew(message));
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

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let mixture = self.load(model)?;
        let queries = vectors::test(test, mixture.means.ncols())?;
        let blocks: Vec<usize> = (0..queries.nrows()).step_by(BLOCK).collect();
        let scores = cx.map(&blocks, |&first| {
            let x = queries.slice(s![first..queries.nrows().min(first + BLOCK), ..]);
            let mut densities = mixture.log_densities(x);
            let likelihoods = match self.score {
                Score::LogLikelihood => mixture.log_likelihoods(&mut densities),
                Score::BestComponent => {
                    densities.fold_axis(Axis(0), f64::NEG_INFINITY, |a, b| a.max(*b)).to_vec()
                }
            };
            likelihoods.into_iter().map(|likelihood| -likelihood).collect::<Vec<f64>>()
        });
        Ok(scores.concat())
    }
}

/// The arrays of a mixture, under scikit-learn's names.
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
        let (weights, means) =
            (model.f64_1("weights")?.to_owned(), model.f64_2("means")?.to_owned());
        Ok(Mixture { weights, means, precisions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;
    use crate::seed::Seed;
    use ndarray::{Array2, array};

    fn examples(vectors: &Array2<f32>) -> Examples<'_> {
        Examples { clips: Vec::new(), features: vectors.axis_chunks_iter(Axis(0), 1).collect() }
    }

    /// 95 vectors around (0, 0) and 5 around (20, 0).
    fn groups() -> Array2<f32> {
        let mut rng = Seed(9).rng();
        let far = |i: usize, j: usize| if j == 0 && i.is_multiple_of(20) { 20.0 } else { 0.0 };
        Array2::from_shape_fn((100, 2), |(i, j)| (far(i, j) + rng.normal()) as f32)
    }

    fn scores(gmm: &Gmm, train: &Array2<f32>, test: &Array2<f32>) -> Result<Vec<f64>, String> {
        let model =
            gmm.fit(&examples(train), None, &Context::plain(0)).map_err(|e| e.to_string())?;
        gmm.score(&model, &examples(test), &Context::plain(0)).map_err(|e| e.to_string())
    }

    #[test]
    fn the_best_component_knows_no_weights() {
        let test = array![[0.0, 0.0], [20.0, 0.0], [10.0, 0.0]];
        let tied = Gmm { covariance: Shape::Tied, ..Gmm::default() };
        let weighted = scores(&tied, &groups(), &test).unwrap();
        let best = scores(&Gmm { score: Score::BestComponent, ..tied }, &groups(), &test).unwrap();
        // There are 19 times as many clips around the first point.
        assert!((weighted[1] - weighted[0] - math::ln(19f64)).abs() < 1.0, "{weighted:?}");
        assert!((best[1] - best[0]).abs() < 1.0 && best[2] > best[0] + 10.0, "{best:?}");
    }

    #[test]
    fn fewer_clips_than_dimensions_are_carried_and_fewer_than_components_are_refused() {
        let mut rng = Seed(3).rng();
        let x = Array2::from_shape_simple_fn((10, 64), || rng.normal() as f32);
        for covariance in [Shape::Full, Shape::Diagonal, Shape::Tied] {
            let gmm = Gmm { covariance, ..Gmm::default() };
            let mut far = x.clone();
            far.row_mut(0).fill(f32::MAX);
            assert!(
                scores(&gmm, &x, &far).unwrap().iter().all(|s| s.is_finite()),
                "{covariance:?}"
            );
            // Also if all clips are the same.
            assert!(
                scores(&gmm, &Array2::ones((5, 8)), &Array2::zeros((1, 8))).unwrap()[0].is_finite()
            );
        }
        let many = scores(&Gmm { components: 11, ..Gmm::default() }, &x, &x).unwrap_err();
        assert_eq!(many, "`components` is 11, but there are only 10 training clips");
    }

    #[test]
    fn settings_out_of_range_are_told_all_at_once() {
        let wrong = Gmm {
            components: 0,
            regularization: -1e-6,
            tolerance: f64::NAN,
            max_iterations: 0,
            runs: 0,
            ..Gmm::default()
        };
        let fields: Vec<String> = wrong.problems().into_iter().map(|p| p.field).collect();
        assert_eq!(fields, ["components", "max_iterations", "runs", "regularization", "tolerance"]);
        assert!(Gmm::default().problems().is_empty());
    }
}
