//! A vote of the nearest training clips: how many of them are of each class. smartcore's.

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smartcore::algorithm::neighbour::KNNAlgorithmName;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::metrics::distance::euclidian::Euclidian;
use smartcore::neighbors::knn_classifier::{KNNClassifier, KNNClassifierParameters};

use super::{Classify, DetectorError, count};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::neighbours::MOST_NEIGHBOURS;
use crate::learn::scaling::Scaling;
use crate::math;

/// k nearest neighbours that vote for their classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NearestNeighbours {
    /// The number of training clips that vote.
    #[schemars(range(min = 1, max = MOST_NEIGHBOURS))]
    pub k: usize,
}

impl Default for NearestNeighbours {
    fn default() -> Self {
        Self { k: 10 }
    }
}

type Voters = KNNClassifier<f64, i64, DenseMatrix<f64>, Vec<i64>, Euclidian<f64>>;

impl Classify for NearestNeighbours {
    fn problems(&self) -> Vec<Problem> {
        let none = (self.k == 0).then(|| Problem::new("k", "0 neighbours cast no vote").hint("10 is usual"));
        none.or_else(|| Problem::outside("k", self.k, 1, MOST_NEIGHBOURS)).into_iter().collect()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        4 * 8 * rows * dims
    }

    fn fit(&self, x: Array2<f64>, classes: &[usize], _: &Context) -> Result<Tensors, DetectorError> {
        if self.k > x.nrows() {
            let message = format!("`k` is {}, but there are only {} training clips", self.k, x.nrows());
            return Err(DetectorError::TooFew(message));
        }
        let scaling = Scaling::standard(x.view());
        let mut model = Tensors::default();
        model.put_f64("bank", scaling.apply(x));
        model.put_f64("classes", classes.iter().map(|class| *class as f64).collect());
        scaling.put(&mut model);
        Ok(model)
    }

    fn dims(&self, model: &Tensors) -> Result<usize, DetectorError> {
        Ok(Scaling::get(model)?.dims())
    }

    /// (votes + 1) / (k + classes): a clip without a vote is unlikely, not impossible.
    fn log_probabilities(&self, model: &Tensors, x: Array2<f64>, _: &Context) -> Result<Array2<f64>, DetectorError> {
        let x = Scaling::get(model)?.apply(x);
        let classes: Vec<i64> = model.f64_1("classes")?.iter().map(|class| *class as i64).collect();
        let count = count(&classes.iter().map(|class| *class as usize).collect::<Vec<_>>());
        let failed = |e: smartcore::error::Failed| DetectorError::Data(e.to_string());
        let settings = KNNClassifierParameters::default().with_k(self.k).with_algorithm(KNNAlgorithmName::LinearSearch);
        // Fitting is keeping the clips, so that the model needs no form of smartcore's.
        let voters = Voters::fit(&dense(model.f64_2("bank")?.to_owned())?, &classes, settings).map_err(failed)?;
        let votes = voters.predict_proba(&dense(x)?).map_err(failed)?;
        let k = self.k as f64;
        Ok(Array2::from_shape_fn((votes.len(), count), |(i, c)| math::ln((votes[i][c] * k + 1.0) / (k + count as f64))))
    }
}

/// As smartcore has it: its bindings are of another ndarray.
fn dense(x: Array2<f64>) -> Result<DenseMatrix<f64>, DetectorError> {
    let (rows, dims) = x.dim();
    let values = x.into_iter().collect();
    DenseMatrix::new(rows, dims, values, false).map_err(|e| DetectorError::Data(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_vote_for_their_class() {
        // Ten clips at 0 and ten at 10; one of the second class lies with the first.
        let x = Array2::from_shape_fn((20, 2), |(i, j)| (i / 10 * 10) as f64 + 0.01 * (i * 2 + j) as f64);
        let classes: Vec<usize> = (0..20).map(|i| usize::from(i >= 9)).collect();
        let voters = NearestNeighbours { k: 10 };
        let model = voters.fit(x, &classes, &Context::plain(0)).unwrap();
        let p =
            voters.log_probabilities(&model, ndarray::array![[0.0, 0.0], [10.0, 10.0]], &Context::plain(0)).unwrap();
        let expected = [[10.0 / 12.0, 2.0 / 12.0], [1.0 / 12.0, 11.0 / 12.0]];
        for (ours, theirs) in p.iter().zip(expected.iter().flatten()) {
            assert!((math::exp(*ours) - theirs).abs() < 1e-12, "{p}");
        }
        let told = NearestNeighbours { k: 30 }.fit(Array2::zeros((20, 2)), &classes, &Context::plain(0)).unwrap_err();
        assert_eq!(told.to_string(), "`k` is 30, but there are only 20 training clips");
    }
}
