//! One-class support vector machine (Schölkopf et al. 2001): a surface around most of the training
//! vectors.
//!
//! The formulation and the scale of the scores are those of LIBSVM and scikit-learn, and so is the
//! solver (see `smo`). On one thread a fit to 3,000 vectors of 128 values takes 0.6 to 0.75 of
//! scikit-learn's time (`nu` 0.5 and 0.1). linfa's solver took 6 to 23 times as long as LIBSVM.

use ndarray::{Array1, Array2, ArrayView2, Axis, array};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kernel::{Gamma, KernelName};
use super::{Detector, DetectorError, Examples, vectors};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::kernel::{Kernel, squares};
use crate::learn::scaling::Scaling;
use crate::learn::smo;

/// The solver's tolerance. Scores are off by about 1e-7 of their scale, and fitting takes hardly
/// longer than with LIBSVM's 1e-3.
const TOLERANCE: f64 = 1e-6;
/// Test vectors per matrix product.
const BLOCK: usize = 64;

/// One-class support vector machine (Schölkopf et al. 2001): how far a clip lies outside a surface
/// around most of the training vectors. The score is minus scikit-learn's `decision_function`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OneClassSvm {
    /// The largest share of training clips outside the surface, and the smallest share of support
    /// vectors.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub nu: f64,
    /// The similarity of two vectors.
    pub kernel: KernelName,
    /// The width of the rbf kernel.
    pub gamma: Gamma,
    /// Whether every dimension is scaled to mean 0 and variance 1 over the training clips (with
    /// `kernel: linear` only to variance 1). Without it the bands that vary most decide.
    pub standardize: bool,
}

impl Default for OneClassSvm {
    fn default() -> Self {
        Self { nu: 0.1, kernel: KernelName::Rbf, gamma: Gamma::Scale, standardize: true }
    }
}

impl Detector for OneClassSvm {
    fn version(&self) -> u32 {
        2
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(self.nu > 0.0 && self.nu <= 1.0) {
            let message = format!("`nu` is {}, not above 0 and at most 1", self.nu);
            problems.push(
                Problem::new("nu", message).hint("a part of the training clips: 0.1 is usual"),
            );
        }
        problems.extend(self.gamma.problem(self.kernel));
        problems
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        12 * rows * dims + smo::memory(rows)
    }

    fn fit(
        &self,
        train: &Examples,
        _: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let x = vectors::train(train)?.mapv(f64::from);
        let (scaling, kernel, x) = self.prepare(x);
        let y = vec![1.0; x.nrows()];
        let programme = smo::Programme { y: &y, p: 0.0, c: 1.0, tolerance: TOLERANCE };
        let mut rows = smo::Rows::new(x.view(), kernel);
        let solution = smo::solve(&mut rows, &programme, start(x.view(), kernel, self.nu), cx)?;
        let scale = x.iter().map(|x| x * x).sum::<f64>() / x.nrows() as f64;
        if kernel == Kernel::Linear && solution.rho <= 1e-4 * scale {
            let message = "the training vectors surround the origin, so no plane separates them from it; write \
                           `kernel: rbf`";
            return Err(DetectorError::Data(message.into()));
        }
        let support: Vec<usize> = (0..x.nrows()).filter(|&t| solution.a[t] > 0.0).collect();
        let weights: Array1<f64> = support.iter().map(|&t| solution.a[t]).collect();
        let support = x.select(Axis(0), &support);
        let mut model = Tensors::default();
        match kernel {
            Kernel::Rbf { gamma } => {
                model.put_f64("gamma", array![gamma]);
                model.put_f64("support", support);
                model.put_f64("weights", weights);
            }
            Kernel::Linear => model.put_f64("normal", support.t().dot(&weights)),
        }
        model.put_f64("offset", array![solution.rho]);
        scaling.put(&mut model);
        Ok(model)
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let scaling = Scaling::get(model)?;
        let queries = scaling.apply(vectors::test(test, scaling.dims())?.mapv(f64::from));
        let offset = model.f64_1("offset")?[0];
        if self.kernel == KernelName::Linear {
            return Ok((offset - queries.dot(&model.f64_1("normal")?)).to_vec());
        }
        let kernel = Kernel::Rbf { gamma: model.f64_1("gamma")?[0] };
        let (support, weights) = (model.f64_2("support")?, model.f64_1("weights")?);
        let support_squares = squares(support);
        let blocks: Vec<ArrayView2<f64>> = queries.axis_chunks_iter(Axis(0), BLOCK).collect();
        let scores = cx.map(&blocks, |block| {
            let mut alike = Array2::zeros((block.nrows(), support.nrows()));
            kernel.fill((*block, &squares(*block)), (support, &support_squares), &mut alike);
            (offset - alike.dot(&weights)).to_vec()
        });
        Ok(scores.concat())
    }
}

impl OneClassSvm {
    /// The vectors in the form that the kernel takes.
    fn prepare(&self, x: Array2<f64>) -> (Scaling, Kernel, Array2<f64>) {
        // Centring does not change distances, and keeps their digits.
        let scaling = match (self.kernel, self.standardize) {
            (KernelName::Rbf, true) => Scaling::standard(x.view()),
            (KernelName::Rbf, false) => Scaling::centred(x.view()),
            (KernelName::Linear, true) => Scaling::variance(x.view()),
            (KernelName::Linear, false) => Scaling::none(x.ncols()),
        };
        let raw = self.kernel.kernel(self.gamma, x.view());
        let x = scaling.apply(x);
        let kernel = if self.standardize { self.kernel.kernel(self.gamma, x.view()) } else { raw };
        (scaling, kernel, x)
    }
}

/// The first multipliers, with the sum nu·clips: 1 for the vectors least like the mean, where the
/// support vectors will be. LIBSVM uses the first vectors instead, and then needs many more rows of
/// the kernel matrix.
fn start(x: ArrayView2<f64>, kernel: Kernel, nu: f64) -> Vec<f64> {
    let mean = x.mean_axis(Axis(0)).expect("at least one clip");
    let alike = |row: ndarray::ArrayView1<f64>| match kernel {
        Kernel::Rbf { .. } => -row.iter().zip(&mean).map(|(x, m)| (x - m) * (x - m)).sum::<f64>(),
        Kernel::Linear => row.dot(&mean),
    };
    let alike: Vec<f64> = x.rows().into_iter().map(alike).collect();
    let mut order: Vec<usize> = (0..alike.len()).collect();
    order.sort_by(|&s, &t| alike[s].total_cmp(&alike[t]));
    let mut left = nu * alike.len() as f64;
    let mut a = vec![0.0; alike.len()];
    for t in order {
        a[t] = left.clamp(0.0, 1.0);
        left -= a[t];
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn examples(vectors: &Array2<f32>) -> Examples<'_> {
        Examples { clips: Vec::new(), features: vectors.axis_chunks_iter(Axis(0), 1).collect() }
    }

    fn random(seed: u64, rows: usize) -> Array2<f32> {
        let mut rng = Seed(seed).rng();
        Array2::from_shape_simple_fn((rows, 6), || (-40.0 + 8.0 * rng.normal()) as f32)
    }

    #[test]
    fn nu_is_the_part_left_outside_at_most_and_supporting_at_least() {
        let x = random(1, 200);
        for kernel in [KernelName::Rbf, KernelName::Linear] {
            for (nu, standardize) in [(0.1, true), (0.5, true), (0.1, false)] {
                let svm = OneClassSvm { nu, kernel, standardize, ..OneClassSvm::default() };
                let model = svm.fit(&examples(&x), None, &Context::plain(0)).unwrap();
                let scores = svm.score(&model, &examples(&x), &Context::plain(0)).unwrap();
                // Vectors on the surface are off it by the solver's tolerance.
                let size = scores.iter().map(|s| s.abs()).fold(0.0, f64::max);
                let outside = scores.iter().filter(|s| **s > 1e-3 * size).count() as f64;
                let supporting = scores.iter().filter(|s| **s > -1e-3 * size).count() as f64;
                assert!(
                    outside <= nu * 200.0 && supporting >= nu * 200.0,
                    "{kernel:?} {nu}: {outside}, {supporting}"
                );
            }
        }
    }

    #[test]
    fn far_vectors_score_higher_and_threads_change_nothing() {
        let (x, svm) = (random(2, 300), OneClassSvm::default());
        let model = svm.fit(&examples(&x), None, &Context::plain(0)).unwrap();
        let mut queries = random(3, 150);
        queries.row_mut(149).fill(0.0);
        let score = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let cx = Context { threads, ..Context::plain(0) };
            pool.install(|| svm.score(&model, &examples(&queries), &cx)).unwrap()
        };
        let scores = score(1);
        assert!(scores[..149].iter().all(|s| *s < scores[149]));
        assert_eq!(scores, score(3));
    }

    #[test]
    fn one_clip_and_equal_clips_have_a_surface() {
        for rows in [1, 20] {
            for kernel in [KernelName::Rbf, KernelName::Linear] {
                let svm = OneClassSvm { kernel, ..OneClassSvm::default() };
                let model =
                    svm.fit(&examples(&Array2::ones((rows, 6))), None, &Context::plain(0)).unwrap();
                let scores =
                    svm.score(&model, &examples(&random(4, 2)), &Context::plain(0)).unwrap();
                assert!(scores.iter().all(|s| s.is_finite()), "{scores:?}");
            }
        }
    }

    #[test]
    fn vectors_round_the_origin_have_no_plane() {
        let x = random(5, 100) + 40.0;
        let svm = OneClassSvm { kernel: KernelName::Linear, ..OneClassSvm::default() };
        let error = svm.fit(&examples(&x), None, &Context::plain(0)).unwrap_err().to_string();
        assert!(error.contains("round the origin") && error.ends_with("`kernel: rbf`"), "{error}");
    }

    #[test]
    fn settings_out_of_range_are_told() {
        let svm = OneClassSvm { nu: 0.0, gamma: Gamma::Value(-1.0), ..OneClassSvm::default() };
        let fields: Vec<String> = svm.problems().into_iter().map(|p| p.field).collect();
        assert_eq!(fields, ["nu", "gamma"]);
        assert!(OneClassSvm { nu: 1.0, ..OneClassSvm::default() }.problems().is_empty());
    }
}
