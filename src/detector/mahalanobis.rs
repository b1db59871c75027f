//! Mahalanobis distance to the mean of the training vectors, or to the mean of the nearer domain.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, Examples, vectors};
use crate::artifact::{Domain, Tensors};
use crate::context::Context;
use crate::learn::cholesky;
use crate::learn::product::multiply;
use crate::math;

/// Squared Mahalanobis distance to the mean of the training vectors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mahalanobis {
    /// How the covariance of the training vectors is estimated.
    pub covariance: Covariance,
    /// Whether source and target clips each get a mean and a covariance. The score is then the
    /// distance to the nearer domain, as in the DCASE baselines since 2023. Clips without a domain
    /// count as source.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("default" = false))]
    pub selective: bool,
}

/// How the covariance of the training vectors is estimated. All estimates divide by the number of
/// clips.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    /// Shrunk towards a multiple of the identity, as far as the data require (Ledoit and Wolf
    /// 2004). Works with fewer clips than dimensions.
    #[default]
    LedoitWolf,
    /// Without shrinkage. Needs more clips than dimensions.
    Empirical,
    /// Variances only.
    Diagonal,
}

impl Detector for Mahalanobis {
    // 2: another order of sums.
    fn version(&self) -> u32 {
        3
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        // The vectors as f32, centred as f64, and the covariance with its factor.
        12 * rows * dims + 3 * 8 * dims * dims
    }

    fn fit(
        &self,
        train: &Examples,
        _: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let x = vectors::train(train)?.mapv(f64::from);
        let mut model = Tensors::default();
        let mut put = |prefix: &str, (mean, factor)| {
            model.put_f64(&format!("{prefix}mean"), mean);
            model.put_f64(&format!("{prefix}cholesky"), factor);
        };
        if !self.selective {
            put("", self.estimate(x, "training clips")?);
            return Ok(model);
        }
        for domain in [Domain::Source, Domain::Target] {
            let of_domain = |row: &usize| {
                train.clips.get(*row).and_then(|c| c.domain).unwrap_or(Domain::Source) == domain
            };
            let rows: Vec<usize> = (0..x.nrows()).filter(of_domain).collect();
            if rows.is_empty() {
                (cx.log)(&format!(
                    "no training clip is of the {domain} domain: scores are distances to the other domain alone"
                ));
                continue;
            }
            let what = format!("training clips of the {domain} domain");
            put(&format!("{domain}."), self.estimate(x.select(Axis(0), &rows), &what)?);
        }
        Ok(model)
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let normal = |prefix: &str| -> Result<Normal, DetectorError> {
            let factor = model.f64_2(&format!("{prefix}cholesky"))?;
            Ok(Normal { mean: model.f64_1(&format!("{prefix}mean"))?, factor })
        };
        let normals = match self.selective {
            false => vec![normal("")?],
            true => {
                let fitted = |domain: &&str| model.0.contains_key(&format!("{domain}mean"));
                ["source.", "target."]
                    .into_iter()
                    .filter(fitted)
                    .map(normal)
                    .collect::<Result<_, _>>()?
            }
        };
        let dims = normals.first().map_or(0, |normal| normal.mean.len());
        let queries = vectors::test(test, dims)?;
        let rows: Vec<_> = queries.rows().into_iter().collect();
        Ok(cx.map(&rows, |row| {
            normals.iter().map(|n| n.distance(*row)).fold(f64::INFINITY, f64::min)
        }))
    }
}

/// A fitted mean and the factor of a covariance.
struct Normal<'a> {
    mean: ArrayView1<'a, f64>,
    factor: ArrayView2<'a, f64>,
}

impl Normal<'_> {
    /// The squared distance.
    fn distance(&self, row: ArrayView1<f32>) -> f64 {
        let mut centred: Vec<f64> =
            row.iter().zip(self.mean).map(|(x, mean)| f64::from(*x) - mean).collect();
        cholesky::squared_norm(self.factor, &mut centred)
    }
}

impl Mahalanobis {
    /// The mean of the vectors, and the factor of their covariance. Messages call the vectors
    /// `what`.
    fn estimate(
        &self,
        mut x: Array2<f64>,
        what: &str,
    ) -> Result<(Array1<f64>, Array2<f64>), DetectorError> {
        let (clips, dims) = x.dim();
        let fail = |why: String| Err(DetectorError::TooFew(why));
        if self.covariance == Covariance::Empirical && clips <= dims {
            return fail(format!(
                "{clips} {what} in {dims} dimensions have no invertible empirical covariance; write \
                 `covariance: ledoit_wolf`, or pool to fewer dimensions"
            ));
        }
        let mean = x.mean_axis(Axis(0)).expect("at least one clip");
        x -= &mean;
        let hint = match self.covariance {
            // Two vectors vary in one direction only, and their estimate does not shrink.
            Covariance::LedoitWolf if clips <= 2 && self.selective => {
                "too few for one; leave out `selective`"
            }
            Covariance::LedoitWolf if clips <= 2 => "too few for one",
            Covariance::LedoitWolf => "all training vectors are the same",
            _ => "some are constant or follow from others; write `covariance: ledoit_wolf`",
        };
        match cholesky::factor(self.covariance.of(&x)) {
            Ok(factor) => Ok((mean, factor)),
            Err(at) => fail(format!(
                "the covariance of the {clips} {what} is not positive definite at dimension {at}: {hint}"
            )),
        }
    }
}

impl Covariance {
    /// The covariance of centred vectors.
    pub(super) fn of(self, x: &Array2<f64>) -> Array2<f64> {
        match self {
            Covariance::LedoitWolf => ledoit_wolf(x),
            Covariance::Empirical => empirical(x),
            Covariance::Diagonal => Array2::from_diag(&variances(x)),
        }
    }
}

/// Population variances of centred vectors.
fn variances(x: &Array2<f64>) -> Array1<f64> {
    x.mapv(|x| x * x).sum_axis(Axis(0)) / x.nrows() as f64
}

/// Population covariance of centred vectors.
fn empirical(x: &Array2<f64>) -> Array2<f64> {
    multiply(x.t(), x.view()) / x.nrows() as f64
}

/// The estimate of Ledoit and Wolf (2004), "A well-conditioned estimator for large-dimensional
/// covariance matrices", for centred vectors. In scikit-learn's terms: (1 - shrinkage)·S +
/// shrinkage·mu·I, mu = tr(S)/dims.
fn ledoit_wolf(x: &Array2<f64>) -> Array2<f64> {
    let (n, dims) = (x.nrows() as f64, x.ncols() as f64);
    let mut covariance = empirical(x);
    let mu = variances(x).sum() / dims;
    // The sum over all pairs of dimensions of the squared products equals one square per vector.
    let beta_sum: f64 = x.rows().into_iter().map(|row| math::square(row.dot(&row))).sum();
    let delta_sum = covariance.iter().map(|c| c * c).sum::<f64>();
    let delta = (delta_sum - dims * mu * mu) / dims;
    let beta = ((beta_sum / n - delta_sum) / (dims * n)).min(delta);
    // With one dimension, or equal variances and no correlation, there is nothing to shrink.
    let shrinkage = if x.ncols() == 1 || beta <= 0.0 { 0.0 } else { beta / delta };
    covariance *= 1.0 - shrinkage;
    covariance.diag_mut().mapv_inplace(|c| c + shrinkage * mu);
    covariance
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Clip, Split};
    use crate::seed::Seed;

    fn fit(covariance: Covariance, vectors: &Array2<f32>) -> Result<Tensors, String> {
        let train = Examples {
            clips: Vec::new(),
            features: vectors.axis_chunks_iter(Axis(0), 1).collect(),
        };
        let fitted =
            Mahalanobis { covariance, selective: false }.fit(&train, None, &Context::plain(0));
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
        let test =
            Examples { clips: Vec::new(), features: x.axis_chunks_iter(Axis(0), 1).collect() };
        let detector = Mahalanobis { covariance: Covariance::Empirical, selective: false };
        let scores = detector.score(&model, &test, &Context::plain(0)).unwrap();
        assert!((scores.iter().sum::<f64>() / 50.0 - 6.0).abs() < 1e-9);
    }

    #[test]
    fn covariances_without_an_inverse_say_what_to_do() {
        let few = fit(Covariance::Empirical, &random(5, 8)).unwrap_err();
        assert!(
            few.starts_with("5 training clips in 8 dimensions") && few.contains("ledoit_wolf"),
            "{few}"
        );
        assert!(fit(Covariance::LedoitWolf, &random(5, 8)).is_ok());
        let mut constant = random(20, 4);
        constant.column_mut(2).fill(7.0);
        let singular = fit(Covariance::Diagonal, &constant).unwrap_err();
        assert!(
            singular.contains("at dimension 2") && singular.contains("ledoit_wolf"),
            "{singular}"
        );
        let same = fit(Covariance::LedoitWolf, &Array2::ones((20, 4))).unwrap_err();
        assert!(same.ends_with("all training vectors are the same"), "{same}");
    }

    fn clip(domain: Option<Domain>) -> Clip {
        Clip {
            id: "fan/train/0.wav".into(),
            machine: "fan".into(),
            section: "00".into(),
            domain,
            split: Split::Train,
            label: None,
            attributes: Default::default(),
        }
    }

    #[test]
    fn selective_scores_are_the_lesser_of_two_models() {
        let (x, y) = (random(40, 6), random(30, 6) * 2.0 + 1.0);
        let both = ndarray::concatenate(Axis(0), &[x.view(), y.view()]).unwrap();
        let clips = [clip(None), clip(Some(Domain::Source)), clip(Some(Domain::Target))];
        let of = |row: usize| if row < 40 { &clips[row % 2] } else { &clips[2] };
        for covariance in [Covariance::LedoitWolf, Covariance::Diagonal, Covariance::Empirical] {
            let selective = Mahalanobis { covariance, selective: true };
            let train = Examples {
                clips: (0..70).map(of).collect(),
                features: both.axis_chunks_iter(Axis(0), 1).collect(),
            };
            let model = selective.fit(&train, None, &Context::plain(0)).unwrap();
            let scores = selective.score(&model, &train, &Context::plain(0)).unwrap();
            let plain = Mahalanobis { covariance, selective: false };
            let one =
                |x| plain.score(&fit(covariance, x).unwrap(), &train, &Context::plain(0)).unwrap();
            let lesser: Vec<f64> =
                one(&x).into_iter().zip(one(&y)).map(|(a, b)| a.min(b)).collect();
            assert_eq!(scores, lesser);
            // Without domains it equals the plain one.
            let alone = Examples { clips: Vec::new(), ..train.clone() };
            let model = selective.fit(&alone, None, &Context::plain(0)).unwrap();
            assert_eq!(selective.score(&model, &train, &Context::plain(0)).unwrap(), one(&both));
        }
    }

    #[test]
    fn a_domain_of_too_few_clips_is_named() {
        let x = random(20, 6);
        let (source, target) = (clip(Some(Domain::Source)), clip(Some(Domain::Target)));
        let fit = |covariance, targets: usize| {
            let train = Examples {
                clips: (0..20).map(|i| if i < targets { &target } else { &source }).collect(),
                features: x.axis_chunks_iter(Axis(0), 1).collect(),
            };
            Mahalanobis { covariance, selective: true }
                .fit(&train, None, &Context::plain(0))
                .map_err(|e| e.to_string())
        };
        let few = fit(Covariance::Empirical, 4).unwrap_err();
        assert!(few.starts_with("4 training clips of the target domain in 6 dimensions"), "{few}");
        assert!(fit(Covariance::LedoitWolf, 2).unwrap_err().contains("leave out `selective`"));
        assert!(fit(Covariance::LedoitWolf, 3).is_ok());
    }
}
