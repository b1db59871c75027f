//! k nearest neighbours: how far the nearest training vectors are.

use serde::{Deserialize, Serialize};

use super::neighbours::{self, Metric};
use super::{Detector, DetectorError, Examples, vectors};
use crate::artifact::{Context, Tensors};
use crate::diagnose::Problem;

/// Settings of `knn`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Knn {
    /// Neighbours looked at.
    pub k: usize,
    pub metric: Metric,
    pub reduce: Reduce,
}

/// What becomes of the k distances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// Their mean, as the field does.
    #[default]
    Mean,
    /// The distance to the k-th (Ramaswamy et al. 2000).
    Kth,
}

impl Default for Knn {
    fn default() -> Self {
        Self { k: 1, metric: Metric::default(), reduce: Reduce::default() }
    }
}

impl Detector for Knn {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        if self.k > 0 {
            return Vec::new();
        }
        vec![Problem::new("k", "0 neighbours give no distance").hint("write 1 or more")]
    }

    fn fit(&self, train: &Examples, _: Option<&Tensors>, _: &Context) -> Result<Tensors, DetectorError> {
        let bank = vectors::train(train)?;
        if self.k > bank.nrows() {
            let (k, clips) = (self.k, bank.nrows());
            return Err(DetectorError::Data(format!("`k` is {k}, but there are only {clips} training clips")));
        }
        let mut model = Tensors::default();
        model.put_f32("bank", bank);
        Ok(model)
    }

    fn score(&self, model: &Tensors, test: &Examples, cx: &Context) -> Result<Vec<f64>, DetectorError> {
        let bank = model.f32_2("bank")?;
        if self.k > bank.nrows() {
            let rows = bank.nrows();
            return Err(DetectorError::Data(format!("`k` is {}, but the model holds only {rows} vectors", self.k)));
        }
        let queries = vectors::test(test, bank.ncols())?;
        let found = neighbours::nearest(bank, queries.view(), self.k, self.metric, cx)?;
        let score = |nearest: &Vec<neighbours::Neighbour>| match self.reduce {
            Reduce::Mean => nearest.iter().map(|n| n.distance).sum::<f64>() / self.k as f64,
            Reduce::Kth => nearest[self.k - 1].distance,
        };
        Ok(found.iter().map(score).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn examples<'a>(vectors: &'a ndarray::Array2<f32>) -> Examples<'a> {
        let rows = vectors.axis_chunks_iter(ndarray::Axis(0), 1).collect();
        Examples { clips: Vec::new(), features: rows }
    }

    #[test]
    fn distances_are_reduced_as_asked() {
        let (bank, query) = (array![[0.0, 0.0], [3.0, 4.0], [0.0, 10.0]], array![[0.0, 0.0]]);
        let score = |knn: Knn| {
            let model = knn.fit(&examples(&bank), None, &Context::plain(0)).unwrap();
            knn.score(&model, &examples(&query), &Context::plain(0)).unwrap()[0]
        };
        assert_eq!(score(Knn::default()), 0.0);
        assert_eq!(score(Knn { k: 3, ..Knn::default() }), 5.0);
        assert_eq!(score(Knn { k: 3, reduce: Reduce::Kth, ..Knn::default() }), 10.0);
        assert_eq!(score(Knn { metric: Metric::Cosine, ..Knn::default() }), 1.0);
    }

    #[test]
    fn more_neighbours_than_clips_are_refused() {
        let bank = array![[0.0, 0.0], [3.0, 4.0]];
        let error = Knn { k: 5, ..Knn::default() }.fit(&examples(&bank), None, &Context::plain(0)).unwrap_err();
        assert_eq!(error.to_string(), "`k` is 5, but there are only 2 training clips");
        assert_eq!(Knn { k: 0, ..Knn::default() }.problems()[0].field, "k");
    }
}
