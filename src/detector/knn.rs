//! k nearest neighbours: how far the nearest training vectors are.

use std::collections::BTreeSet;

use ndarray::{Array1, ArrayView1, ArrayView2, Axis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, Examples, vectors};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::neighbours::{self, MOST_NEIGHBOURS, Metric, Neighbour};

/// k nearest neighbours: the score is the distance to the nearest training vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Knn {
    /// The number of nearest training vectors.
    #[schemars(range(min = 1, max = MOST_NEIGHBOURS))]
    pub k: usize,
    /// The distance between two vectors.
    pub metric: Metric,
    /// How the k distances become the score.
    pub reduce: Reduce,
    /// The number of neighbours of a training vector whose mean distance divides the distances to
    /// it. Set by `generalization`.
    #[serde(skip)]
    pub density: Option<usize>,
}

/// How the k distances become the score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// Their mean, as usual in the field.
    #[default]
    Mean,
    /// The distance to the k-th (Ramaswamy et al. 2000).
    Kth,
}

impl Default for Knn {
    fn default() -> Self {
        Self { k: 1, metric: Metric::default(), reduce: Reduce::default(), density: None }
    }
}

impl Knn {
    fn enough(&self, clips: usize) -> Result<(), DetectorError> {
        if self.k <= clips {
            return Ok(());
        }
        Err(DetectorError::TooFew(format!(
            "`k` is {}, but there are only {clips} training clips",
            self.k
        )))
    }
}

impl Detector for Knn {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        if self.k > 0 {
            return Problem::outside("k", self.k, 1, MOST_NEIGHBOURS).into_iter().collect();
        }
        vec![Problem::new("k", "0 neighbours give no distance").hint("write 1 or more")]
    }

    fn fit(
        &self,
        train: &Examples,
        _: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let bank = vectors::train(train)?;
        self.enough(bank.nrows())?;
        let mut model = Tensors::default();
        let mut bank = bank;
        if let Some(neighbours) = self.density {
            // Copies of a clip say nothing about its local density.
            let mut seen = BTreeSet::new();
            let bits = |row: ArrayView1<f32>| row.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
            let distinct: Vec<usize> =
                (0..bank.nrows()).filter(|&i| seen.insert(bits(bank.row(i)))).collect();
            bank = bank.select(Axis(0), &distinct);
            self.enough(bank.nrows())?;
            model.put_f64("density", densities(bank.view(), neighbours, self.metric, cx)?);
        }
        model.put_f32("bank", bank);
        Ok(model)
    }

    fn with_local_density(&self, neighbours: usize) -> Option<Box<dyn Detector>> {
        Some(Box::new(Self { density: Some(neighbours), ..self.clone() }))
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let bank = model.f32_2("bank")?;
        if self.k > bank.nrows() {
            let rows = bank.nrows();
            return Err(DetectorError::Data(format!(
                "`k` is {}, but the model holds only {rows} vectors",
                self.k
            )));
        }
        let queries = vectors::test(test, bank.ncols())?;
        let reduce = |distances: &[f64]| match self.reduce {
            Reduce::Mean => distances.iter().sum::<f64>() / self.k as f64,
            Reduce::Kth => distances[self.k - 1],
        };
        let Ok(density) = model.f64_1("density") else {
            let found = neighbours::nearest(bank, queries.view(), self.k, self.metric, cx)?;
            let distances =
                |nearest: &Vec<Neighbour>| nearest.iter().map(|n| n.distance).collect::<Vec<_>>();
            return Ok(found.iter().map(|nearest| reduce(&distances(nearest))).collect());
        };
        // After the division, no bound on the products says which row is nearest. So all are
        // measured.
        let measured =
            neighbours::measure(bank, queries.view(), self.metric, cx, |mut distances| {
                distances
                    .iter_mut()
                    .zip(density)
                    .for_each(|(distance, density)| *distance /= density);
                distances.sort_by(f64::total_cmp);
                reduce(&distances[..self.k])
            });
        Ok(measured?)
    }
}

/// The mean distance of each row to its nearest other rows, (rows): the local density (Wilkinghoff
/// et al. 2025). Rows that coincide with all of those get the smallest density of the others.
fn densities(
    bank: ArrayView2<f32>,
    neighbours: usize,
    metric: Metric,
    cx: &Context,
) -> Result<Array1<f64>, DetectorError> {
    if bank.nrows() < 2 {
        let message = "one training clip has no neighbours, so no local density".to_owned();
        return Err(DetectorError::TooFew(message));
    }
    let count = (neighbours + 1).min(bank.nrows());
    let found = neighbours::nearest(bank, bank, count, metric, cx)?;
    let mean = |(row, found): (usize, &Vec<Neighbour>)| {
        let others = found.iter().filter(|n| n.row != row).take(count - 1);
        others.map(|n| n.distance).sum::<f64>() / (count - 1) as f64
    };
    let mut densities: Array1<f64> = found.iter().enumerate().map(mean).collect();
    let least = densities.iter().copied().filter(|d| *d > 0.0).fold(f64::INFINITY, f64::min);
    let least = if least.is_finite() { least } else { 1.0 };
    densities.mapv_inplace(|d| if d > 0.0 { d } else { least });
    Ok(densities)
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
    fn distances_are_divided_by_those_among_the_neighbours() {
        // Means of the distances to the two nearest others.
        let bank = array![[0.0], [1.0], [2.0], [100.0], [110.0], [130.0]];
        let densities = [1.5, 1.0, 1.5, 20.0, 15.0, 25.0];
        let score = |knn: Knn, at: f32| {
            let detector = knn.with_local_density(2).unwrap();
            let model = detector.fit(&examples(&bank), None, &Context::plain(0)).unwrap();
            assert_eq!(model.f64_1("density").unwrap().to_vec(), densities);
            detector.score(&model, &examples(&array![[at]]), &Context::plain(0)).unwrap()[0]
        };
        // From 40: 38/1.5 to the third, 60/20 to the fourth, 70/15 to the fifth, 90/25 to the
        // sixth.
        assert_eq!(score(Knn::default(), 40.0), 3.0);
        assert_eq!(score(Knn { k: 2, ..Knn::default() }, 40.0), (3.0 + 3.6) / 2.0);
        assert_eq!(score(Knn { k: 3, reduce: Reduce::Kth, ..Knn::default() }, 40.0), 70.0 / 15.0);
    }

    #[test]
    fn more_neighbours_than_clips_are_refused() {
        let bank = array![[0.0, 0.0], [3.0, 4.0]];
        let error = Knn { k: 5, ..Knn::default() }
            .fit(&examples(&bank), None, &Context::plain(0))
            .unwrap_err();
        assert_eq!(error.to_string(), "`k` is 5, but there are only 2 training clips");
        assert_eq!(Knn { k: 0, ..Knn::default() }.problems()[0].field, "k");
    }
}
