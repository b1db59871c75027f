//! Mahalanobis distance to the mean of the training vectors.

use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, Examples, cholesky, vectors};
use crate::artifact::{Context, Tensors};

/// Settings of `mahalanobis`.
///
/// The score is the squared distance, as scikit-learn's `mahalanobis` methods give it: the same ranks as the
/// distance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mahalanobis {
    pub covariance: Covariance,
}

/// How the covariance of the training vectors is estimated; all divide by the number of clips.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    /// Shrunk towards a multiple of the identity as far as the data ask for (Ledoit and Wolf 2004): works with
    /// fewer clips than dimensions.
    #[default]
    LedoitWolf,
    /// As it is; needs more clips than dimensions.
    Empirical,
    /// Variances only.
    Diagonal,
}

impl Detector for Mahalanobis {
    fn version(&self) -> u32 {
        1
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        // The vectors as f32 and, centred, as f64; the covariance and its factor.
        12 * rows * dims + 3 * 8 * dims * dims
    }

    fn fit(&self, train: &Examples, _: Option<&Tensors>, _: &Context) -> Result<Tensors, DetectorError> {
        let mut x = vectors::train(train)?.mapv(f64::from);
        let (clips, dims) = x.dim();
        if self.covariance == Covariance::Empirical && clips <= dims {
            return Err(DetectorError::Data(format!(
                "{clips} training clips in {dims} dimensions have no invertible empirical covariance; write \
                 `covariance: ledoit_wolf`, or pool to fewer dimensions"
            )));
        }
        let mean = x.mean_axis(Axis(0)).expect("at least one clip");
        x -= &mean;
        let covariance = match self.covariance {
            Covariance::LedoitWolf => ledoit_wolf(&x),
            Covariance::Empirical => empirical(&x),
            Covariance::Diagonal => Array2::from_diag(&variances(&x)),
        };
        let factor = cholesky::factor(covariance).map_err(|at| self.singular(at, clips))?;
        let mut model = Tensors::default();
        model.put_f64("mean", mean);
        model.put_f64("cholesky", factor);
        Ok(model)
    }

    fn score(&self, model: &Tensors, test: &Examples, cx: &Context) -> Result<Vec<f64>, DetectorError> {
        let (mean, factor) = (model.f64_1("mean")?, model.f64_2("cholesky")?);
        let queries = vectors::test(test, mean.len())?;
        let rows: Vec<_> = queries.rows().into_iter().collect();
        Ok(cx.map(&rows, |row| {
            let mut centred: Vec<f64> = row.iter().zip(mean).map(|(x, mean)| f64::from(*x) - mean).collect();
            cholesky::squared_norm(factor, &mut centred)
        }))
    }
}

impl Mahalanobis {
    fn singular(&self, dimension: usize, clips: usize) -> DetectorError {
        let hint = match self.covariance {
            Covariance::LedoitWolf => "all training vectors are the same",
            _ => "some are constant or follow from others; write `covariance: ledoit_wolf`",
        };
        DetectorError::Data(format!(
            "the covariance of the {clips} training clips is not positive definite at dimension {dimension}: {hint}"
        ))
    }
}

/// Population variances of centred vectors.
fn variances(x: &Array2<f64>) -> Array1<f64> {
    x.mapv(|x| x * x).sum_axis(Axis(0)) / x.nrows() as f64
}

/// Population covariance of centred vectors.
fn empirical(x: &Array2<f64>) -> Array2<f64> {
    x.t().dot(x) / x.nrows() as f64
}

/// The estimate of Ledoit and Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices",
/// of centred vectors, in the terms of scikit-learn: (1 - shrinkage)·S + shrinkage·mu·I, mu = tr(S)/dims.
fn ledoit_wolf(x: &Array2<f64>) -> Array2<f64> {
    let (n, dims) = (x.nrows() as f64, x.ncols() as f64);
    let mut covariance = empirical(x);
    let mu = variances(x).sum() / dims;
    // The sum over all pairs of dimensions of the squared products, which is one square a vector.
    let beta_sum: f64 = x.rows().into_iter().map(|row| row.iter().map(|x| x * x).sum::<f64>().powi(2)).sum();
    let delta_sum = covariance.iter().map(|c| c * c).sum::<f64>();
    let delta = (delta_sum - dims * mu * mu) / dims;
    let beta = ((beta_sum / n - delta_sum) / (dims * n)).min(delta);
    // With one dimension, or all variances equal and nothing correlated, there is nothing to shrink.
    let shrinkage = if x.ncols() == 1 || beta <= 0.0 { 0.0 } else { beta / delta };
    covariance *= 1.0 - shrinkage;
    covariance.diag_mut().mapv_inplace(|c| c + shrinkage * mu);
    covariance
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn fit(covariance: Covariance, vectors: &Array2<f32>) -> Result<Tensors, String> {
        let train = Examples { clips: Vec::new(), features: vectors.axis_chunks_iter(Axis(0), 1).collect() };
        let fitted = Mahalanobis { covariance }.fit(&train, None, &Context::plain(0));
        fitted.map_err(|e| e.to_string())
    }

    fn random(rows: usize, dims: usize) -> Array2<f32> {
        let mut rng = Seed(3).rng();
        Array2::from_shape_simple_fn((rows, dims), || rng.normal() as f32)
    }

    #[test]
    fn the_mean_square_over_training_clips_is_the_dimension() {
        // An identity of the population covariance: the mean of xᵀS⁻¹x over the sample is tr(S⁻¹S).
        let x = random(50, 6);
        let model = fit(Covariance::Empirical, &x).unwrap();
        let test = Examples { clips: Vec::new(), features: x.axis_chunks_iter(Axis(0), 1).collect() };
        let detector = Mahalanobis { covariance: Covariance::Empirical };
        let scores = detector.score(&model, &test, &Context::plain(0)).unwrap();
        assert!((scores.iter().sum::<f64>() / 50.0 - 6.0).abs() < 1e-9);
    }

    #[test]
    fn covariances_without_an_inverse_say_what_to_do() {
        let few = fit(Covariance::Empirical, &random(5, 8)).unwrap_err();
        assert!(few.starts_with("5 training clips in 8 dimensions") && few.contains("ledoit_wolf"), "{few}");
        assert!(fit(Covariance::LedoitWolf, &random(5, 8)).is_ok());
        let mut constant = random(20, 4);
        constant.column_mut(2).fill(7.0);
        let singular = fit(Covariance::Diagonal, &constant).unwrap_err();
        assert!(singular.contains("at dimension 2") && singular.contains("ledoit_wolf"), "{singular}");
        let same = fit(Covariance::LedoitWolf, &Array2::ones((20, 4))).unwrap_err();
        assert!(same.ends_with("all training vectors are the same"), "{same}");
    }
}
