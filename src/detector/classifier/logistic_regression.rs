//! Multinomial logistic regression, fitted by L-BFGS.
//!
//! linfa-logistic finds the same optimum, but the last bits of its products and exponentials differ
//! between processors. So a test compares with it, and the program does not use it.

use std::collections::VecDeque;

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::DetectorError;
use super::{Classify, above_0, count, log_softmax};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::product::multiply;
use crate::learn::scaling::Scaling;
use crate::math;

/// Enough at `c` of 1. With less regularisation the optimum is flat.
const ITERATIONS: usize = 1000;

/// The largest slope at the optimum, per training clip.
const SLOPE: f64 = 1e-10;

/// Steps that L-BFGS remembers.
const MEMORY: usize = 10;

/// Logistic regression. All dimensions are scaled to mean 0 and variance 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogisticRegression {
    /// The weight of the training loss beside half the squared weights, as scikit-learn's `C`. For
    /// two classes scikit-learn has one set of weights instead of two: its `C` is then twice this.
    #[schemars(range(max = 1e9), extend("exclusiveMinimum" = 0))]
    pub c: f64,
}

impl Default for LogisticRegression {
    fn default() -> Self {
        Self { c: 1.0 }
    }
}

impl Classify for LogisticRegression {
    fn version(&self) -> u32 {
        2
    }

    fn problems(&self) -> Vec<Problem> {
        above_0("c", self.c).into_iter().collect()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        8 * rows * dims
    }

    fn fit(
        &self,
        x: Array2<f64>,
        classes: &[usize],
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        if cx.cancelled() {
            return Err(DetectorError::Cancelled);
        }
        let scaling = Scaling::standard(x.view());
        let problem = Regression {
            x: scaling.apply(x),
            classes,
            count: count(classes),
            penalty: 1.0 / self.c,
        };
        let optimum = problem.minimize(cx)?;
        let dims = problem.x.ncols();
        let mut model = Tensors::default();
        model.put_f64("weights", optimum.slice(s![.., ..dims]).to_owned());
        model.put_f64("offsets", optimum.column(dims).to_owned());
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

/// The sum over clips of -ln p(class), plus penalty / 2 times the squared weights. Offsets are
/// free.
struct Regression<'a> {
    /// (clips, dims).
    x: Array2<f64>,
    classes: &'a [usize],
    count: usize,
    penalty: f64,
}

impl Regression<'_> {
    /// The loss and its gradient at `parameters`, (classes, dims + 1) with the offsets last.
    fn at(&self, parameters: ArrayView2<f64>) -> (f64, Array2<f64>) {
        let dims = self.x.ncols();
        let (weights, offsets) = (parameters.slice(s![.., ..dims]), parameters.column(dims));
        let log_p = log_softmax(multiply(self.x.view(), weights.t()) + offsets);
        let mut loss = 0.5 * self.penalty * weights.iter().map(|w| w * w).sum::<f64>();
        let mut slopes = log_p.mapv(math::exp);
        for (row, &class) in self.classes.iter().enumerate() {
            loss -= log_p[[row, class]];
            slopes[[row, class]] -= 1.0;
        }
        let mut gradient = Array2::zeros(parameters.raw_dim());
        let by_weights = multiply(slopes.t(), self.x.view()) + &weights * self.penalty;
        gradient.slice_mut(s![.., ..dims]).assign(&by_weights);
        gradient.column_mut(dims).assign(&slopes.sum_axis(Axis(0)));
        (loss, gradient)
    }

    /// The optimal parameters, by L-BFGS (Nocedal and Wright 2006, algorithm 7.5). Steps are halved
    /// until they descend enough (their equation 3.4).
    fn minimize(&self, cx: &Context) -> Result<Array2<f64>, DetectorError> {
        let shape = (self.count, self.x.ncols() + 1);
        let flat = |matrix: Array2<f64>| Array1::from_iter(matrix);
        let at = |parameters: &Array1<f64>| {
            let (loss, gradient) =
                self.at(parameters.view().into_shape_with_order(shape).expect("its size"));
            (loss, flat(gradient))
        };
        let mut here = Array1::<f64>::zeros(shape.0 * shape.1);
        let (mut loss, mut gradient) = at(&here);
        // Moves, changes of the gradient over them, and 1 over the product of both.
        let mut steps: VecDeque<(Array1<f64>, Array1<f64>, f64)> = VecDeque::new();
        for _ in 0..ITERATIONS {
            if cx.cancelled() {
                return Err(DetectorError::Cancelled);
            }
            if gradient.iter().all(|slope| slope.abs() <= SLOPE * self.x.nrows() as f64) {
                break;
            }
            let mut direction = -&gradient;
            let mut shares = Vec::new();
            for (moved, change, inverse) in steps.iter().rev() {
                let share = inverse * moved.dot(&direction);
                direction.scaled_add(-share, change);
                shares.push(share);
            }
            match steps.back() {
                Some((_, change, inverse)) => direction /= inverse * change.dot(change),
                None => direction /= gradient.dot(&gradient).sqrt(),
            }
            for ((moved, change, inverse), share) in steps.iter().zip(shares.iter().rev()) {
                direction.scaled_add(share - inverse * change.dot(&direction), moved);
            }
            let slope = gradient.dot(&direction);
            let mut length = 1.0;
            let found = loop {
                let there = &here + &(&direction * length);
                let (found, slopes) = at(&there);
                if found <= loss + 1e-4 * length * slope {
                    break Some((there, found, slopes));
                }
                length *= 0.5;
                if length < 1e-12 {
                    // Only rounding is left.
                    break None;
                }
            };
            let Some((there, found, slopes)) = found else { break };
            let (moved, change) = (&there - &here, &slopes - &gradient);
            let product = moved.dot(&change);
            if product > 0.0 {
                steps.push_back((moved, change, 1.0 / product));
            }
            if steps.len() > MEMORY {
                steps.pop_front();
            }
            (here, loss, gradient) = (there, found, slopes);
        }
        Ok(here.into_shape_with_order(shape).expect("its size"))
    }
}

#[cfg(test)]
mod tests {
    use linfa::DatasetBase;
    use linfa::traits::Fit;
    use linfa_logistic::MultiLogisticRegression;

    use super::*;
    use crate::seed::Seed;

    /// Three overlapping classes, (120, 5).
    fn clouds() -> (Array2<f64>, Vec<usize>) {
        let mut rng = Seed(7).rng();
        let classes: Vec<usize> = (0..120).map(|i| i % 3).collect();
        let x = Array2::from_shape_fn((120, 5), |(i, j)| {
            rng.normal() + if classes[i] == j { 1.5 } else { 0.0 }
        });
        (x, classes)
    }

    #[test]
    fn the_optimum_is_flat_and_is_linfa_s() {
        let (x, classes) = clouds();
        let regression = Regression { x: x.clone(), classes: &classes, count: 3, penalty: 0.5 };
        let found = regression.minimize(&Context::plain(1)).unwrap();
        let (loss, gradient) = regression.at(found.view());
        assert!(gradient.iter().all(|slope| slope.abs() < 1e-7), "{gradient}");
        let data = DatasetBase::new(x, Array1::from(classes.clone()));
        let settings = MultiLogisticRegression::default()
            .alpha(0.5)
            .max_iterations(1000)
            .gradient_tolerance(1e-9);
        let other = settings.fit(&data).unwrap();
        for (ours, theirs) in found.slice(s![.., ..5]).iter().zip(other.params().t()) {
            assert!((ours - theirs).abs() < 1e-4, "{ours} {theirs}");
        }
        let mut theirs = found.clone();
        theirs.slice_mut(s![.., ..5]).assign(&other.params().t());
        theirs.column_mut(5).assign(other.intercept());
        assert!(loss <= regression.at(theirs.view()).0 + 1e-9);
    }
}
