//! Gaussian naive Bayes: in each class every dimension has its own normal distribution.
//!
//! smartcore estimates the means and variances. Its plain loops over the clips give the same bits
//! on every processor. It computes variances as the mean of squares minus the square of the mean,
//! which cancels if a mean is large. So dimensions are scaled to mean 0 and variance 1 first.
//! smartcore's `predict` uses the system's logarithms and has no smoothing, so scores are computed
//! here.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::naive_bayes::gaussian::GaussianNB;

use super::super::DetectorError;
use super::{Classify, log_softmax};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::{Problem, number};
use crate::learn::scaling::Scaling;
use crate::math;

/// Gaussian naive Bayes: in each class the dimensions are normal and independent of each other. The
/// prior of a class is its share of the training clips. All dimensions are scaled to mean 0 and
/// variance 1 first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NaiveBayes {
    /// This share of the largest variance of a dimension is added to all variances, as
    /// scikit-learn's `var_smoothing`.
    #[schemars(range(min = 1e-15, max = 1))]
    pub var_smoothing: f64,
}

/// With less smoothing, the rounding error of a zero variance would decide.
const LEAST: f64 = 1e-15;

impl Default for NaiveBayes {
    fn default() -> Self {
        Self { var_smoothing: 1e-9 }
    }
}

impl Classify for NaiveBayes {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        if (LEAST..=1.0).contains(&self.var_smoothing) {
            return Vec::new();
        }
        let message =
            format!("`var_smoothing` is {}, outside 1e-15..1", number(self.var_smoothing));
        vec![Problem::new("var_smoothing", message).hint("1e-9 is usual")]
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        // The scaled vectors, smartcore's copy of them and its copy by classes.
        3 * 8 * rows * dims
    }

    fn fit(
        &self,
        x: Array2<f64>,
        classes: &[usize],
        _: &Context,
    ) -> Result<Tensors, DetectorError> {
        let scaling = Scaling::standard(x.view());
        let x = scaling.apply(x);
        let largest = x.var_axis(Axis(0), 0.0).fold(0.0, |a: f64, b| a.max(*b));
        if largest == 0.0 {
            return Err(DetectorError::TooFew(format!(
                "all {} training clips are the same vector",
                x.nrows()
            )));
        }
        let failed = |error: &dyn std::fmt::Display| DetectorError::Data(error.to_string());
        let labels: Vec<u32> = classes.iter().map(|&class| class as u32).collect();
        let (clips, dims) = x.dim();
        let x = DenseMatrix::new(clips, dims, x.into_iter().collect(), false)
            .map_err(|e| failed(&e))?;
        // Classes are numbered from 0 and each has a clip, so smartcore uses the same order.
        let fitted = GaussianNB::fit(&x, &labels, Default::default()).map_err(|e| failed(&e))?;
        let table = |rows: &[Vec<f64>]| {
            Array2::from_shape_vec((rows.len(), dims), rows.concat())
                .expect("a value a class and dimension")
        };
        let smoothing = self.var_smoothing * largest;
        let mut model = Tensors::default();
        model.put_f64("means", table(fitted.theta()));
        model.put_f64(
            "variances",
            table(fitted.var()).mapv(|variance| variance.max(0.0) + smoothing),
        );
        model.put_f64("priors", Array1::from(fitted.class_priors().clone()));
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
        cx: &Context,
    ) -> Result<Array2<f64>, DetectorError> {
        let x = Scaling::get(model)?.apply(x);
        let (means, variances, priors) =
            (model.f64_2("means")?, model.f64_2("variances")?, model.f64_1("priors")?);
        let sums_of_logs = variances.mapv(math::ln).sum_axis(Axis(1));
        // log prior - Σ ln σ² / 2 - Σ (x - µ)² / 2σ², up to a constant that all classes share.
        let offsets = priors.mapv(math::ln) - sums_of_logs / 2.0;
        let rows: Vec<ArrayView2<f64>> = x.axis_chunks_iter(Axis(0), 1).collect();
        let values = cx.map(&rows, |row| {
            let distance = |class: usize| {
                let terms = row.iter().zip(means.row(class)).zip(variances.row(class));
                terms.map(|((x, mean), variance)| math::square(x - mean) / variance).sum::<f64>()
            };
            (0..means.nrows())
                .map(|class| offsets[class] - distance(class) / 2.0)
                .collect::<Vec<f64>>()
        });
        let values = Array2::from_shape_vec((rows.len(), means.nrows()), values.concat())
            .expect("a value a class");
        Ok(log_softmax(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn probabilities_are_those_of_the_formula() {
        // Means 1 and 11 with variance 1, priors 1/3 and 2/3. The second dimension is constant.
        let x = array![[0.0, 5.0], [2.0, 5.0], [10.0, 5.0], [12.0, 5.0], [10.0, 5.0], [12.0, 5.0]];
        let bayes = NaiveBayes { var_smoothing: 1e-15 };
        let model = bayes.fit(x, &[0, 0, 1, 1, 1, 1], &Context::plain(0)).unwrap();
        let found = bayes
            .log_probabilities(&model, array![[6.0, 5.0], [5.0, 5.0]], &Context::plain(0))
            .unwrap();
        // Densities are equal at 6; at 5 they are exp(-8) and exp(-18).
        let at_5 = 1.0 / (1.0 + 2.0 * math::exp(-10.0));
        let expected = [[1.0 / 3.0, 2.0 / 3.0], [at_5, 1.0 - at_5]];
        for (ours, theirs) in found.iter().zip(expected.iter().flatten()) {
            assert!((math::exp(*ours) / theirs - 1.0).abs() < 1e-9, "{found}");
        }
    }

    #[test]
    fn vectors_that_are_all_the_same_are_refused() {
        let told = NaiveBayes::default()
            .fit(Array2::ones((4, 2)), &[0, 0, 1, 1], &Context::plain(0))
            .unwrap_err();
        assert_eq!(told.to_string(), "all 4 training clips are the same vector");
    }
}
