//! A vote of the nearest training clips: the number of them in each class.
//!
//! smartcore's `KNNClassifier` casts the same votes. But its index would have to be built for every
//! scoring, and it is many times slower than [`neighbours`].

use ndarray::{Array2, ArrayView1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Classify, DetectorError};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::neighbours::{self, MOST_NEIGHBOURS, Metric, Neighbour};
use crate::learn::scaling::Scaling;
use crate::math;

/// k nearest neighbours vote for their classes.
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

impl Classify for NearestNeighbours {
    fn version(&self) -> u32 {
        3
    }

    fn problems(&self) -> Vec<Problem> {
        let none = (self.k == 0)
            .then(|| Problem::new("k", "0 neighbours cast no vote").hint("10 is usual"));
        none.or_else(|| Problem::outside("k", self.k, 1, MOST_NEIGHBOURS)).into_iter().collect()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        // The scaled vectors in f64 and f32, and the vectors of the query.
        20 * rows * dims
    }

    fn fit(
        &self,
        x: Array2<f64>,
        classes: &[usize],
        _: &Context,
    ) -> Result<Tensors, DetectorError> {
        if self.k > x.nrows() {
            let message =
                format!("`k` is {}, but there are only {} training clips", self.k, x.nrows());
            return Err(DetectorError::TooFew(message));
        }
        let scaling = Scaling::standard(x.view());
        let mut model = Tensors::default();
        model.put_f32("bank", narrow(scaling.apply(x)));
        model.put_f64("classes", classes.iter().map(|class| *class as f64).collect());
        scaling.put(&mut model);
        Ok(model)
    }

    fn dims(&self, model: &Tensors) -> Result<usize, DetectorError> {
        Ok(Scaling::get(model)?.dims())
    }

    /// (votes + 1) / (k + classes): a clip without a vote is unlikely, not impossible.
    fn log_probabilities(
        &self,
        model: &Tensors,
        x: Array2<f64>,
        cx: &Context,
    ) -> Result<Array2<f64>, DetectorError> {
        let (bank, classes) = (model.f32_2("bank")?, model.f64_1("classes")?);
        if self.k > bank.nrows() || classes.len() != bank.nrows() {
            let rows = bank.nrows();
            return Err(DetectorError::Data(format!(
                "a model of {rows} vectors does not fit `k` {}",
                self.k
            )));
        }
        let x = narrow(Scaling::get(model)?.apply(x));
        let found = neighbours::nearest(bank, x.view(), self.k, Metric::Euclidean, cx)?;
        let count = classes.iter().fold(0, |most, class| most.max(*class as usize + 1));
        let mut values = Array2::ones((found.len(), count));
        for (nearest, mut votes) in found.iter().zip(values.rows_mut()) {
            nearest.iter().for_each(|neighbour| votes[class_of(classes, neighbour)] += 1.0);
        }
        let all = (self.k + count) as f64;
        Ok(values.mapv(|votes: f64| math::ln(votes / all)))
    }
}

fn class_of(classes: ArrayView1<f64>, neighbour: &Neighbour) -> usize {
    classes[neighbour.row] as usize
}

/// Scaled vectors for the neighbour search: in f32, and finite.
fn narrow(x: Array2<f64>) -> Array2<f32> {
    x.mapv(|x| (x as f32).clamp(f32::MIN, f32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_vote_for_their_class() {
        // Ten clips at 0 and ten at 10. One clip of the second class lies with the first.
        let x = Array2::from_shape_fn((20, 2), |(i, j)| {
            (i / 10 * 10) as f64 + 0.01 * (i * 2 + j) as f64
        });
        let classes: Vec<usize> = (0..20).map(|i| usize::from(i >= 9)).collect();
        let voters = NearestNeighbours { k: 10 };
        let model = voters.fit(x, &classes, &Context::plain(0)).unwrap();
        let p = voters
            .log_probabilities(
                &model,
                ndarray::array![[0.0, 0.0], [10.0, 10.0]],
                &Context::plain(0),
            )
            .unwrap();
        let expected = [[10.0 / 12.0, 2.0 / 12.0], [1.0 / 12.0, 11.0 / 12.0]];
        for (ours, theirs) in p.iter().zip(expected.iter().flatten()) {
            assert!((math::exp(*ours) - theirs).abs() < 1e-12, "{p}");
        }
        let told = NearestNeighbours { k: 30 }
            .fit(Array2::zeros((20, 2)), &classes, &Context::plain(0))
            .unwrap_err();
        assert_eq!(told.to_string(), "`k` is 30, but there are only 20 training clips");
    }

    /// The votes of the `k` nearest in f64; of equally near ones the earlier counts.
    fn by_brute_force(
        bank: &Array2<f32>,
        classes: &[usize],
        x: &Array2<f32>,
        k: usize,
    ) -> Vec<Vec<f64>> {
        let votes = |query: ArrayView1<f32>| {
            let square = |row: ArrayView1<f32>| -> f64 {
                row.iter()
                    .zip(query)
                    .map(|(a, b)| math::square(f64::from(*a) - f64::from(*b)))
                    .sum()
            };
            let mut order: Vec<(f64, usize)> =
                bank.rows().into_iter().map(square).zip(0..).collect();
            order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let mut votes = vec![0.0; 3];
            order[..k].iter().for_each(|(_, row)| votes[classes[*row]] += 1.0);
            votes
        };
        x.rows().into_iter().map(votes).collect()
    }

    #[test]
    fn probabilities_are_those_of_a_brute_force_and_of_smartcore() {
        use smartcore::algorithm::neighbour::KNNAlgorithmName;
        use smartcore::linalg::basic::matrix::DenseMatrix;
        use smartcore::neighbors::knn_classifier::{KNNClassifier, KNNClassifierParameters};

        let mut rng = crate::seed::Seed(6).rng();
        let train = Array2::from_shape_simple_fn((300, 24), || -40.0 + 8.0 * rng.normal());
        let test = Array2::from_shape_simple_fn((70, 24), || -40.0 + 8.0 * rng.normal());
        let classes: Vec<usize> = (0..300).map(|i| i * i % 3).collect();
        let labels: Vec<u32> = classes.iter().map(|class| *class as u32).collect();
        // Only classes 0 and 1 are present.
        let count = 2;
        for k in [1, 7, 40] {
            let voters = NearestNeighbours { k };
            let model = voters.fit(train.clone(), &classes, &Context::plain(0)).unwrap();
            let ours = voters.log_probabilities(&model, test.clone(), &Context::plain(0)).unwrap();
            let scaling = Scaling::standard(train.view());
            let (bank, queries) =
                (narrow(scaling.apply(train.clone())), narrow(scaling.apply(test.clone())));
            let votes = by_brute_force(&bank, &classes, &queries, k);
            let dense = |x: &Array2<f32>| {
                let values = x.iter().map(|x| f64::from(*x)).collect();
                DenseMatrix::new(x.nrows(), x.ncols(), values, false).unwrap()
            };
            let settings = KNNClassifierParameters::default()
                .with_k(k)
                .with_algorithm(KNNAlgorithmName::LinearSearch);
            let theirs = KNNClassifier::fit(&dense(&bank), &labels, settings).unwrap();
            let theirs = theirs.predict_proba(&dense(&queries)).unwrap();
            for (i, row) in ours.rows().into_iter().enumerate() {
                for class in 0..count {
                    let expected = math::ln((votes[i][class] + 1.0) / (k + count) as f64);
                    assert_eq!(row[class], expected, "k {k}, clip {i}");
                    assert!(
                        (theirs[i][class] * k as f64 - votes[i][class]).abs() < 1e-9,
                        "k {k}, clip {i}"
                    );
                }
            }
        }
    }
}
