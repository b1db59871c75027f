//! k-means: the distance to the nearest of a few centres.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::{KMeans, KMeansInit};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, Examples, vectors};
use crate::artifact::{Context, Tensors};
use crate::diagnose::Problem;
use crate::seed::Rng;

/// Settings of `kmeans`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kmeans {
    /// Number of centres.
    pub clusters: usize,
    /// Starts from other centres, of which the best end is kept.
    pub runs: usize,
}

impl Default for Kmeans {
    fn default() -> Self {
        Self { clusters: 16, runs: 3 }
    }
}

impl Detector for Kmeans {
    fn version(&self) -> u32 {
        1
    }

    fn seeded(&self) -> bool {
        true
    }

    fn problems(&self) -> Vec<Problem> {
        let zero = |field: &str, value: usize| {
            (value == 0).then(|| Problem::new(field, format!("0 {field} give no centres")).hint("write 1 or more"))
        };
        zero("clusters", self.clusters).into_iter().chain(zero("runs", self.runs)).collect()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        12 * rows * dims + 32 * rows
    }

    fn fit(&self, train: &Examples, _: Option<&Tensors>, cx: &Context) -> Result<Tensors, DetectorError> {
        let x = vectors::train(train)?.mapv(f64::from);
        if self.clusters > x.nrows() {
            let (clusters, clips) = (self.clusters, x.nrows());
            let message = format!("`clusters` is {clusters}, but there are only {clips} training clips");
            return Err(DetectorError::Data(message));
        }
        let mut best: Option<(f64, Array2<f64>)> = None;
        for run in 0..self.runs {
            if cx.cancelled() {
                return Err(DetectorError::Cancelled);
            }
            let mut rng = cx.seed.derive(&["kmeans", &run.to_string()]).rng();
            let centres = lloyd(&x, starts(x.view(), self.clusters, &mut rng))?;
            let inertia: f64 = x.rows().into_iter().map(|row| nearest(centres.view(), row)).sum();
            if best.as_ref().is_none_or(|(least, _)| inertia < *least) {
                best = Some((inertia, centres));
            }
        }
        let (_, centres) = best.ok_or_else(|| DetectorError::Data("`runs` is 0".into()))?;
        let mut model = Tensors::default();
        model.put_f64("centres", centres);
        Ok(model)
    }

    fn score(&self, model: &Tensors, test: &Examples, cx: &Context) -> Result<Vec<f64>, DetectorError> {
        let centres = model.f64_2("centres")?;
        let queries = vectors::test(test, centres.ncols())?.mapv(f64::from);
        let rows: Vec<_> = queries.rows().into_iter().collect();
        Ok(cx.map(&rows, |row| nearest(centres, *row).sqrt()))
    }
}

/// Centres to start from, chosen as k-means++ does (Arthur and Vassilvitskii 2007): each next one is a row drawn with
/// the square of its distance to the centres so far. Ours, not linfa's, because the draws must come from our generator.
fn starts(x: ArrayView2<f64>, clusters: usize, rng: &mut Rng) -> Array2<f64> {
    let mut chosen = vec![rng.below(x.nrows())];
    let mut distances = vec![f64::INFINITY; x.nrows()];
    while chosen.len() < clusters {
        let last = x.row(chosen[chosen.len() - 1]);
        for (distance, row) in distances.iter_mut().zip(x.rows()) {
            *distance = distance.min(squared_distance(last, row));
        }
        let mut left = rng.uniform() * distances.iter().sum::<f64>();
        let drawn = distances.iter().position(|d| {
            left -= d;
            left < 0.0
        });
        // Nothing is drawn when fewer rows differ than there are clusters: then the centres already hold them all.
        chosen.push(drawn.unwrap_or(0));
    }
    x.select(Axis(0), &chosen)
}

/// Centres of `clusters` groups of rows, (clusters, dims): the best of 3 runs.
pub(crate) fn centres(rows: ArrayView2<f32>, clusters: usize, cx: &Context) -> Result<Array2<f64>, DetectorError> {
    let train = Examples { clips: Vec::new(), features: rows.axis_chunks_iter(Axis(0), 1).collect() };
    let model = Kmeans { clusters, ..Kmeans::default() }.fit(&train, None, cx)?;
    Ok(model.f64_2("centres")?.to_owned())
}

/// linfa's iterations from given centres. They use the ambient rayon pool, each row on its own, so that
/// the number of threads changes nothing.
fn lloyd(x: &Array2<f64>, starts: Array2<f64>) -> Result<Array2<f64>, DetectorError> {
    // scikit-learn's end: the centres together move by less than 1e-4 of the mean variance, squared.
    let tolerance = (1e-4 * x.var_axis(Axis(0), 0.0).mean().unwrap_or(0.0)).sqrt().max(f64::MIN_POSITIVE);
    let params = KMeans::params(starts.nrows()).n_runs(1).tolerance(tolerance);
    let fitted = params.init_method(KMeansInit::Precomputed(starts)).fit(&DatasetBase::from(x.view()));
    fitted.map(|model| model.centroids().clone()).map_err(|e| DetectorError::Data(e.to_string()))
}

/// The squared distance to the nearest centre.
fn nearest(centres: ArrayView2<f64>, row: ArrayView1<f64>) -> f64 {
    centres.rows().into_iter().map(|centre| squared_distance(centre, row)).fold(f64::INFINITY, f64::min)
}

fn squared_distance(a: ArrayView1<f64>, b: ArrayView1<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn examples(vectors: &Array2<f32>) -> Examples<'_> {
        Examples { clips: Vec::new(), features: vectors.axis_chunks_iter(Axis(0), 1).collect() }
    }

    /// Three groups of 20 around (0, 0), (10, 0), (0, 10).
    fn groups() -> Array2<f32> {
        let mut rng = Seed(9).rng();
        Array2::from_shape_fn((60, 2), |(i, j)| (rng.normal() * 0.1) as f32 + if i % 3 == j + 1 { 10.0 } else { 0.0 })
    }

    #[test]
    fn centres_are_found_and_scores_are_distances_to_them() {
        let kmeans = Kmeans { clusters: 3, runs: 3 };
        let model = kmeans.fit(&examples(&groups()), None, &Context::plain(1)).unwrap();
        let queries = ndarray::array![[10.0, 5.0], [0.0, 0.0]];
        let scores = kmeans.score(&model, &examples(&queries), &Context::plain(1)).unwrap();
        assert!((scores[0] - 5.0).abs() < 0.2 && scores[1] < 0.2, "{scores:?}");
    }

    #[test]
    fn threads_change_nothing_and_seeds_do() {
        let mut rng = Seed(10).rng();
        let x = Array2::from_shape_simple_fn((400, 12), || rng.normal() as f32);
        let fit = |threads: usize, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let cx = Context { threads, ..Context::plain(seed) };
            pool.install(|| Kmeans::default().fit(&examples(&x), None, &cx)).unwrap()
        };
        assert_eq!(fit(1, 1), fit(2, 1));
        assert_eq!(fit(1, 1), fit(4, 1));
        assert_ne!(fit(1, 1), fit(1, 2));
    }

    #[test]
    fn fewer_clips_than_clusters_are_refused_and_equal_clips_are_not() {
        let fit = |rows| Kmeans::default().fit(&examples(&Array2::ones((rows, 3))), None, &Context::plain(0));
        assert_eq!(fit(5).unwrap_err().to_string(), "`clusters` is 16, but there are only 5 training clips");
        let model = fit(20).unwrap();
        assert!(model.f64_2("centres").unwrap().iter().all(|&x| x == 1.0));
    }
}
