//! Support vector classification, one class against the rest.
//!
//! A machine for every class gives a decision value, 1 and -1 at its margins. A softmax turns the
//! values of all classes into probabilities. LIBSVM instead fits a sigmoid to values of held-out
//! clips (Platt 1999). That uses random numbers, costs five more fits, and keeps the order of the
//! values, which alone matters for ranking clips.

use ndarray::{Array1, Array2, ArrayView2, Axis, array};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::DetectorError;
use super::super::kernel::{Gamma, KernelName};
use super::{Classify, above_0, count, log_softmax};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::kernel::{Kernel, squares};
use crate::learn::product::multiply;
use crate::learn::scaling::Scaling;
use crate::learn::smo;

/// Clips per matrix product.
const BLOCK: usize = 64;

/// Support vector classifier. All dimensions are scaled to mean 0 and variance 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Svc {
    /// The largest weight of a training clip, as scikit-learn's `C`.
    #[schemars(range(max = 1e9), extend("exclusiveMinimum" = 0))]
    pub c: f64,
    /// The similarity of two vectors.
    pub kernel: KernelName,
    /// The width of the rbf kernel.
    pub gamma: Gamma,
}

impl Default for Svc {
    fn default() -> Self {
        Self { c: 1.0, kernel: KernelName::Rbf, gamma: Gamma::Scale }
    }
}

impl Classify for Svc {
    fn version(&self) -> u32 {
        2
    }

    fn problems(&self) -> Vec<Problem> {
        above_0("c", self.c).into_iter().chain(self.gamma.problem(self.kernel)).collect()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        8 * rows * dims + smo::memory(rows)
    }

    fn fit(
        &self,
        x: Array2<f64>,
        classes: &[usize],
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let scaling = Scaling::standard(x.view());
        let x = scaling.apply(x);
        let kernel = self.kernel.kernel(self.gamma, x.view());
        // The classes share the rows of the kernel matrix.
        let mut rows = smo::Rows::new(x.view(), kernel);
        let mut weights = Array2::zeros((x.nrows(), count(classes)));
        let mut offsets = Array1::zeros(weights.ncols());
        for class in 0..weights.ncols() {
            let y: Vec<f64> =
                classes.iter().map(|&c| if c == class { 1.0 } else { -1.0 }).collect();
            let programme = smo::Programme { y: &y, p: -1.0, c: self.c, tolerance: 1e-5 };
            let solution = smo::solve(&mut rows, &programme, vec![0.0; y.len()], cx)?;
            let signed: Array1<f64> = solution.a.iter().zip(&y).map(|(a, y)| a * y).collect();
            weights.column_mut(class).assign(&signed);
            offsets[class] = -solution.rho;
        }
        let mut model = Tensors::default();
        match kernel {
            Kernel::Linear => model.put_f64("weights", multiply(weights.t(), x.view())),
            Kernel::Rbf { gamma } => {
                let supports = |row: &usize| weights.row(*row).iter().any(|weight| *weight != 0.0);
                let support: Vec<usize> = (0..x.nrows()).filter(supports).collect();
                model.put_f64("gamma", array![gamma]);
                model.put_f64("support", x.select(Axis(0), &support));
                model.put_f64("weights", weights.select(Axis(0), &support));
            }
        }
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
        cx: &Context,
    ) -> Result<Array2<f64>, DetectorError> {
        let x = Scaling::get(model)?.apply(x);
        let (weights, offsets) = (model.f64_2("weights")?, model.f64_1("offsets")?);
        if self.kernel == KernelName::Linear {
            return Ok(log_softmax(multiply(x.view(), weights.t()) + offsets));
        }
        let kernel = Kernel::Rbf { gamma: model.f64_1("gamma")?[0] };
        let support = model.f64_2("support")?;
        let support_squares = squares(support);
        let blocks: Vec<ArrayView2<f64>> = x.axis_chunks_iter(Axis(0), BLOCK).collect();
        let decisions = cx.map(&blocks, |block| {
            let mut alike = Array2::zeros((block.nrows(), support.nrows()));
            kernel.fill((*block, &squares(*block)), (support, &support_squares), &mut alike);
            multiply(alike.view(), weights.view()) + offsets
        });
        let views: Vec<ArrayView2<f64>> = decisions.iter().map(|d| d.view()).collect();
        let all = match views.is_empty() {
            true => Array2::zeros((0, offsets.len())),
            false => ndarray::concatenate(Axis(0), &views).expect("blocks of one width"),
        };
        Ok(log_softmax(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use smartcore::linalg::basic::matrix::DenseMatrix;
    use smartcore::svm::Kernels;
    use smartcore::svm::svc::{SVC, SVCParameters};

    #[test]
    fn decisions_are_those_of_smartcore() {
        let mut rng = Seed(12).rng();
        let classes: Vec<usize> = (0..90).map(|i| i % 2).collect();
        let mut x = Array2::from_shape_simple_fn((90, 4), || -40.0 + 6.0 * rng.normal());
        x.rows_mut()
            .into_iter()
            .zip(&classes)
            .for_each(|(mut row, class)| row[0] += 9.0 * *class as f64);
        let scaled = Scaling::standard(x.view()).apply(x.clone());
        let dense = DenseMatrix::new(90, 4, scaled.into_iter().collect(), false).unwrap();
        let labels: Vec<i32> = classes.iter().map(|class| 2 * *class as i32 - 1).collect();
        for (name, kernel) in [
            (KernelName::Linear, Kernels::linear()),
            (KernelName::Rbf, Kernels::rbf().with_gamma(0.3)),
        ] {
            let gamma = if name == KernelName::Rbf { Gamma::Value(0.3) } else { Gamma::Scale };
            let svc = Svc { c: 2.0, kernel: name, gamma };
            let model = svc.fit(x.clone(), &classes, &Context::plain(0)).unwrap();
            let ours = svc.log_probabilities(&model, x.clone(), &Context::plain(0)).unwrap();
            // Many epochs, because its solver is approximate.
            let settings = SVCParameters::default()
                .with_c(2.0)
                .with_tol(1e-7)
                .with_epoch(50)
                .with_seed(Some(1));
            let settings = settings.with_kernel(kernel);
            let theirs = SVC::fit(&dense, &labels, &settings).unwrap();
            for (i, decision) in theirs.decision_function(&dense).unwrap().into_iter().enumerate() {
                // The other class has minus the value, so the logarithms differ by twice the value.
                let own = (ours[[i, 1]] - ours[[i, 0]]) / 2.0;
                assert!(
                    (own - decision).abs() < 1e-3,
                    "{name:?}, clip {i}: {own} against {decision}"
                );
            }
        }
    }
}
