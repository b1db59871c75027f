//! Mahalanobis distance to the mean of the training vectors, or to the mean of the nearer domain.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, Examples, vectors};
use crate::artifact::{Domain, Tensors};
use crate::context::Context;
use crate::diagnose::Problem;
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
    /// The training clips whose mean is the centre. Few target clips give a mean, where they give
    /// no covariance.
    #[serde(skip_serializing_if = "Of::is_all")]
    #[schemars(extend("default" = "all"))]
    pub centre: Of,
    /// The training clips whose covariance measures distances.
    #[serde(skip_serializing_if = "Of::is_all")]
    #[schemars(extend("default" = "all"))]
    pub spread: Of,
}

/// The training clips that an estimate is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// All; with `selective` those of each domain.
    #[default]
    All,
    /// Source clips, and clips without a domain.
    Source,
    /// Target clips.
    Target,
}

impl Of {
    fn is_all(&self) -> bool {
        *self == Self::All
    }

    fn domain(self) -> Option<Domain> {
        match self {
            Self::All => None,
            Self::Source => Some(Domain::Source),
            Self::Target => Some(Domain::Target),
        }
    }
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

    fn problems(&self) -> Vec<Problem> {
        let message = || "with `selective`, each domain has a centre of its own".to_owned();
        let hint = "leave out `centre`, or `selective`";
        let both = self.selective && !self.centre.is_all();
        both.then(|| Problem::new("centre", message()).hint(hint)).into_iter().collect()
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
        // The clips of a domain, and how messages call them.
        let of = |domain: Option<Domain>| {
            let Some(domain) = domain else { return (x.clone(), "training clips".to_owned()) };
            let of_domain = |row: &usize| {
                train.clips.get(*row).and_then(|c| c.domain).unwrap_or(Domain::Source) == domain
            };
            let rows: Vec<usize> = (0..x.nrows()).filter(of_domain).collect();
            (x.select(Axis(0), &rows), format!("training clips of the {domain} domain"))
        };
        let estimate = |centre: Option<Domain>, spread: Option<Domain>| {
            let (clips, what) = of(spread);
            let (mean, factor) = self.estimate(clips, &what)?;
            if centre == spread {
                return Ok::<_, DetectorError>((mean, factor));
            }
            let (clips, what) = of(centre);
            let none = || DetectorError::TooFew(format!("there are no {what} for a centre"));
            Ok((clips.mean_axis(Axis(0)).ok_or_else(none)?, factor))
        };
        if !self.selective {
            put("", estimate(self.centre.domain(), self.spread.domain())?);
            return Ok(model);
        }
        for domain in [Domain::Source, Domain::Target] {
            if of(Some(domain)).0.is_empty() {
                (cx.log)(&format!(
                    "no training clip is of the {domain} domain: scores are distances to the other domain alone"
                ));
                continue;
            }
            let spread = self.spread.domain().unwrap_or(domain);
            put(&format!("{domain}."), estimate(Some(domain), Some(spread))?);
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
        if clips == 0 {
            return fail(format!("there are no {what} for a covariance"));
        }
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
mod tests;
