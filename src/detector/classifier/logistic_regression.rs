//! Multinomial logistic regression, by linfa.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::MultiLogisticRegression;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::super::DetectorError;
use super::super::product::multiply;
use super::super::scaling::Scaling;
use super::{Classify, above_0, log_softmax};
use crate::artifact::{Context, Tensors};
use crate::diagnose::Problem;

/// More are never needed at `c` of 1; with less regularisation the optimum is flat.
const ITERATIONS: u64 = 1000;

/// Settings of `logistic_regression`. All dimensions are brought to mean 0 and variance 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogisticRegression {
    /// How much the loss of the training clips counts beside half the squared weights, as scikit-learn's `C`.
    pub c: f64,
}

impl Default for LogisticRegression {
    fn default() -> Self {
        Self { c: 1.0 }
    }
}

impl Classify for LogisticRegression {
    fn problems(&self) -> Vec<Problem> {
        above_0("c", self.c).into_iter().collect()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        8 * rows * dims
    }

    fn fit(&self, x: Array2<f64>, classes: &[usize], cx: &Context) -> Result<Tensors, DetectorError> {
        if cx.cancelled() {
            return Err(DetectorError::Cancelled);
        }
        let scaling = Scaling::standard(x.view());
        let data = DatasetBase::new(scaling.apply(x), Array1::from(classes.to_vec()));
        let regression = MultiLogisticRegression::default().alpha(1.0 / self.c).max_iterations(ITERATIONS);
        let fitted = regression.fit(&data).map_err(|e| DetectorError::Data(e.to_string()))?;
        let mut model = Tensors::default();
        model.put_f64("weights", fitted.params().t().as_standard_layout().into_owned());
        model.put_f64("offsets", fitted.intercept().clone());
        scaling.put(&mut model);
        Ok(model)
    }

    fn dims(&self, model: &Tensors) -> Result<usize, DetectorError> {
        Ok(Scaling::get(model)?.dims())
    }

    fn log_probabilities(&self, model: &Tensors, x: Array2<f64>, _: &Context) -> Result<Array2<f64>, DetectorError> {
        let x = Scaling::get(model)?.apply(x);
        Ok(log_softmax(multiply(x.view(), model.f64_2("weights")?.t()) + model.f64_1("offsets")?))
    }
}
