//! Linear discriminant analysis: normal distributions with one covariance and a mean for every
//! class.

use ndarray::{Array1, Array2, Axis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::DetectorError;
use super::super::mahalanobis::Covariance;
use super::{Classify, count, log_softmax};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::cholesky;
use crate::learn::product::multiply;
use crate::learn::scaling::Scaling;
use crate::math;

/// Linear discriminant analysis. The prior of a class is its share of the training clips.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lda {
    /// How the covariance of the vectors about their class means is estimated. All dimensions are
    /// scaled to variance 1 first.
    pub covariance: Covariance,
}

impl Classify for Lda {
    fn version(&self) -> u32 {
        2
    }

    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    fn memory(&self, _: usize, dims: usize) -> usize {
        3 * 8 * dims * dims
    }

    fn fit(
        &self,
        x: Array2<f64>,
        classes: &[usize],
        _: &Context,
    ) -> Result<Tensors, DetectorError> {
        let scaling = Scaling::standard(x.view());
        let mut x = scaling.apply(x);
        let mut means = Array2::<f64>::zeros((count(classes), x.ncols()));
        let mut clips = Array1::<f64>::zeros(means.nrows());
        for (row, &class) in x.rows().into_iter().zip(classes) {
            means.row_mut(class).scaled_add(1.0, &row);
            clips[class] += 1.0;
        }
        means /= &clips.view().insert_axis(Axis(1));
        for (mut row, &class) in x.rows_mut().into_iter().zip(classes) {
            row -= &means.row(class);
        }
        let factor = cholesky::factor(self.covariance.of(&x))
            .map_err(|at| self.singular(at, classes.len()))?;
        // log p = m·S⁻¹x - m·S⁻¹m / 2 + log prior, up to a constant that all classes share.
        let mut weights = means.clone();
        weights.rows_mut().into_iter().for_each(|mut row| {
            cholesky::solve(factor.view(), row.as_slice_mut().expect("C order"))
        });
        let squares = (&weights * &means).sum_axis(Axis(1));
        let offsets = clips.mapv(|n| math::ln(n / classes.len() as f64)) - squares / 2.0;
        let mut model = Tensors::default();
        model.put_f64("weights", weights);
        model.put_f64("offsets", offsets);
        scaling.put(&mut model);
        Ok(model)
    }

    fn dims(&self, model: &Tensors) -> Result<usize, DetectorError> {
        Ok(Scaling::get(model)?.dims())
    }

    fn log_probabilities(
        &self,
        model: &Tensors,
        x: Array2<f64>,
        _: &Context,
    ) -> Result<Array2<f64>, DetectorError> {
        let x = Scaling::get(model)?.apply(x);
        Ok(log_softmax(multiply(x.view(), model.f64_2("weights")?.t()) + model.f64_1("offsets")?))
    }
}

impl Lda {
    fn singular(&self, dimension: usize, clips: usize) -> DetectorError {
        let hint = match self.covariance {
            Covariance::LedoitWolf => "the clips of every class are the same",
            _ => {
                "too few clips, or some dimensions are constant or follow from others; write `covariance: ledoit_wolf`"
            }
        };
        DetectorError::TooFew(format!(
            "the covariance of the {clips} training clips within their classes is not positive definite at dimension \
             {dimension}: {hint}"
        ))
    }
}
