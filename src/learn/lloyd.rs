//! The k-means algorithm: greedy k-means++ starts (Arthur and Vassilvitskii 2007), Lloyd's
//! iterations (1982), the best of several runs. It equals scikit-learn's `KMeans` except for the
//! random numbers.

use ndarray::{Array2, ArrayView2};

use super::Error;
use super::centres::{Points, Value, add};
use crate::context::Context;
use crate::math;
use crate::seed::{Rng, Seed};

/// The settings of a search for centres.
#[derive(Clone, Debug)]
pub(crate) struct Lloyd {
    pub(crate) clusters: usize,
    /// Number of starts. The result with the least inertia is kept.
    pub(crate) runs: usize,
    /// The iterations end when the sum of the squared moves of the centres is at most this part of
    /// the mean variance.
    pub(crate) tolerance: f64,
    pub(crate) max_iterations: usize,
}

impl Default for Lloyd {
    fn default() -> Self {
        Self { clusters: 16, runs: 1, tolerance: 1e-4, max_iterations: 300 }
    }
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clusters {
    /// (clusters, dims).
    pub(crate) centres: Array2<f64>,
    /// The nearest centre of each row; the first of equally near ones.
    pub(crate) labels: Vec<usize>,
    /// The sum of the squared distances of the rows to their centres.
    pub(crate) inertia: f64,
    /// The iterations of the run that was kept.
    pub(crate) iterations: usize,
}

impl Lloyd {
    /// Finds centres of `x` (rows, dims), whose values must be finite. Random draws use `seed`.
    ///
    /// If there are fewer distinct rows than clusters, some centres are the same. Errors: more
    /// clusters than rows. Panics when `clusters` or `runs` is 0.
    pub(crate) fn fit<T: Value>(
        &self,
        x: ArrayView2<T>,
        seed: Seed,
        cx: &Context,
    ) -> Result<Clusters, Error> {
        assert!(self.clusters > 0 && self.runs > 0, "{self:?}");
        if self.clusters > x.nrows() {
            let message =
                format!("{} vectors cannot be put into {} clusters", x.nrows(), self.clusters);
            return Err(Error::TooFew(message));
        }
        let points = Points::new(x, cx);
        let run = |run: usize| {
            let mut rng = seed.derive(&[&run.to_string()]).rng();
            let starts = starts(&points, self.clusters, &mut rng, cx)?;
            self.iterate(&points, starts, cx)
        };
        let mut best = run(0)?;
        for other in 1..self.runs {
            let found = run(other)?;
            if found.inertia < best.inertia {
                best = found;
            }
        }
        Ok(best)
    }

    fn iterate<T: Value>(
        &self,
        points: &Points<T>,
        mut centres: Array2<f64>,
        cx: &Context,
    ) -> Result<Clusters, Error> {
        let mut labels = Vec::new();
        let mut iterations = 0;
        let mut settled = false;
        while !settled && iterations < self.max_iterations {
            iterations += 1;
            let before = std::mem::take(&mut labels);
            let moved;
            (labels, moved) = step(points, &centres, cx)?;
            let moves: f64 =
                moved.iter().zip(&centres).map(|(to, from)| math::square(to - from)).sum();
            centres = moved;
            settled = labels == before;
            if moves <= self.tolerance * points.variance {
                break;
            }
        }
        if !settled {
            labels = points.labels(&centres, cx)?;
        }
        let distances =
            points.map_rows(cx, |row| points.distance(row, slice(&centres, labels[row])));
        Ok(Clusters { centres, labels, inertia: distances.iter().sum(), iterations })
    }
}

/// The centres of `clusters` groups of `rows` (rows, dims), (clusters, dims): the best of three
/// runs, with the context's seed.
///
/// Errors: more clusters than rows.
pub(crate) fn centres(
    rows: ArrayView2<f32>,
    clusters: usize,
    cx: &Context,
) -> Result<Array2<f64>, Error> {
    let lloyd = Lloyd { clusters, runs: 3, ..Lloyd::default() };
    let found = lloyd.fit(rows, cx.seed.derive(&["kmeans"]), cx)?;
    (cx.log)(&format!("{} iterations, inertia {:e}", found.iterations, found.inertia));
    Ok(found.centres)
}

/// Chooses the first centres. For each next one, a few rows are drawn with a probability
/// proportional to the square of their distance to the centres so far. The row that leaves the
/// least inertia is taken.
fn starts<T: Value>(
    points: &Points<T>,
    clusters: usize,
    rng: &mut Rng,
    cx: &Context,
) -> Result<Array2<f64>, Error> {
    let trials = 2 + math::ln(clusters as f64) as usize;
    let mut chosen = vec![rng.below(points.len())];
    let mut left = vec![f64::INFINITY; points.len()];
    left = lefts(points, &chosen, &left, cx)?.swap_remove(0).1;
    while chosen.len() < clusters {
        let total: f64 = left.iter().sum();
        let mut draws: Vec<f64> = (0..trials).map(|_| rng.uniform() * total).collect();
        let candidates = drawn(&left, &mut draws);
        let mut lefts = lefts(points, &candidates, &left, cx)?;
        let best = (1..trials).fold(0, |best, i| if lefts[i].0 < lefts[best].0 { i } else { best });
        chosen.push(candidates[best]);
        left = lefts.swap_remove(best).1;
    }
    Ok(points.select(&chosen))
}

/// The rows at which the running sum of `weights` passes each of `draws`.
fn drawn(weights: &[f64], draws: &mut [f64]) -> Vec<usize> {
    draws.sort_unstable_by(f64::total_cmp);
    let (mut sum, mut rows) = (0.0, Vec::new());
    for (row, weight) in weights.iter().enumerate() {
        sum += weight;
        while rows.len() < draws.len() && draws[rows.len()] < sum {
            rows.push(row);
        }
    }
    // No sum passes a draw if the centres so far already equal all rows.
    rows.resize(draws.len(), 0);
    rows
}

/// For each candidate: the inertia if it became a centre, and then the squared distance of each row
/// to its nearest centre. `left` has the distances to the centres so far.
fn lefts<T: Value>(
    points: &Points<T>,
    candidates: &[usize],
    left: &[f64],
    cx: &Context,
) -> Result<Vec<(f64, Vec<f64>)>, Error> {
    let centres = points.select(candidates);
    let screen = points.screen(&centres);
    let blocks = cx.map(&points.blocks, |block| {
        let mut distances = points.block_distances(block, &screen);
        for distances in &mut distances {
            distances
                .iter_mut()
                .zip(&left[block.clone()])
                .for_each(|(new, old)| *new = new.min(*old));
        }
        distances
    });
    if cx.cancelled() {
        return Err(Error::Cancelled);
    }
    let of = |c: usize| {
        let all: Vec<f64> = blocks.iter().flat_map(|block| &block[c]).copied().collect();
        (all.iter().sum(), all)
    };
    Ok((0..candidates.len()).map(of).collect())
}

/// The nearest centre of every row, and the mean of the rows of each centre.
fn step<T: Value>(
    points: &Points<T>,
    centres: &Array2<f64>,
    cx: &Context,
) -> Result<(Vec<usize>, Array2<f64>), Error> {
    let screen = points.screen(centres);
    let blocks = cx.map(&points.blocks, |block| {
        let labels = points.block_labels(block, &screen);
        let mut sums = Array2::zeros(centres.dim());
        for (row, &label) in block.clone().zip(&labels) {
            add(sums.row_mut(label).into_slice().expect("C order"), points.row(row));
        }
        (labels, sums)
    });
    if cx.cancelled() {
        return Err(Error::Cancelled);
    }
    let mut sums = Array2::zeros(centres.dim());
    let mut labels = Vec::with_capacity(points.len());
    for (block_labels, block_sums) in blocks {
        sums += &block_sums;
        labels.extend(block_labels);
    }
    let mut counts = vec![0usize; centres.nrows()];
    labels.iter().for_each(|&label| counts[label] += 1);
    fill_empty(points, centres, &labels, &mut sums, &mut counts, cx);
    for (c, mut sum) in sums.rows_mut().into_iter().enumerate() {
        match counts[c] {
            0 => sum.assign(&centres.row(c)),
            count => sum /= count as f64,
        }
    }
    Ok((labels, sums))
}

/// Moves each centre without rows to the row farthest from its own centre.
fn fill_empty<T: Value>(
    points: &Points<T>,
    centres: &Array2<f64>,
    labels: &[usize],
    sums: &mut Array2<f64>,
    counts: &mut [usize],
    cx: &Context,
) {
    let empty: Vec<usize> = (0..counts.len()).filter(|&c| counts[c] == 0).collect();
    if empty.is_empty() {
        return;
    }
    let distances = points.map_rows(cx, |row| points.distance(row, slice(centres, labels[row])));
    let mut rows: Vec<usize> = (0..points.len()).filter(|&row| distances[row] > 0.0).collect();
    rows.sort_by(|&a, &b| distances[b].total_cmp(&distances[a]).then(a.cmp(&b)));
    for (&c, &row) in empty.iter().zip(&rows) {
        let x: Vec<f64> = points.row(row).iter().map(|x| (*x).into()).collect();
        sums.row_mut(labels[row]).iter_mut().zip(&x).for_each(|(sum, x)| *sum -= x);
        sums.row_mut(c).assign(&ndarray::ArrayView1::from(&x));
        counts[labels[row]] -= 1;
        counts[c] = 1;
    }
}

fn slice(centres: &Array2<f64>, c: usize) -> &[f64] {
    centres.row(c).to_slice().expect("C order")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups of `count` vectors of 9 values around far points.
    fn groups(groups: usize, count: usize) -> Array2<f32> {
        let mut rng = Seed(9).rng();
        let centres = Array2::from_shape_simple_fn((groups, 9), || -40.0 + 8.0 * rng.normal());
        Array2::from_shape_fn((groups * count, 9), |(i, j)| {
            (centres[[i % groups, j]] + 0.1 * rng.normal()) as f32
        })
    }

    fn fit<T: Value>(x: &Array2<T>, lloyd: Lloyd, cx: &Context) -> Clusters {
        lloyd.fit(x.view(), Seed(1), cx).unwrap()
    }

    #[test]
    fn groups_are_found_and_centres_are_their_means() {
        let x = groups(7, 400);
        let found = fit(&x, Lloyd { clusters: 7, runs: 3, ..Lloyd::default() }, &Context::plain(0));
        assert!((0..2800).all(|row| found.labels[row] == found.labels[row % 7]));
        for group in 0..7 {
            let mean = x
                .slice(ndarray::s![group..;7, ..])
                .mapv(f64::from)
                .mean_axis(ndarray::Axis(0))
                .unwrap();
            assert!(
                (mean - found.centres.row(found.labels[group])).iter().all(|d| d.abs() < 1e-11)
            );
        }
        // Nine dims with a variance of 0.01 each.
        assert!((found.inertia / (2800.0 * 0.09) - 1.0).abs() < 0.05, "{}", found.inertia);
        assert_eq!(
            found,
            fit(
                &x.mapv(f64::from),
                Lloyd { clusters: 7, runs: 3, ..Lloyd::default() },
                &Context::plain(0)
            )
        );
    }

    #[test]
    fn at_the_end_labels_and_centres_agree() {
        let mut rng = Seed(2).rng();
        let x = Array2::from_shape_simple_fn((1500, 6), || rng.normal());
        let lloyd = Lloyd { clusters: 12, tolerance: 0.0, ..Lloyd::default() };
        let found = fit(&x, lloyd.clone(), &Context::plain(0));
        assert!(found.iterations < 300);
        for c in 0..12 {
            let rows: Vec<usize> = (0..1500).filter(|&row| found.labels[row] == c).collect();
            let mean = x.select(ndarray::Axis(0), &rows).mean_axis(ndarray::Axis(0)).unwrap();
            assert!((mean - found.centres.row(c)).iter().all(|d| d.abs() < 1e-12));
        }
        let more = fit(&x, Lloyd { runs: 8, ..lloyd.clone() }, &Context::plain(0));
        assert!(more.inertia < found.inertia);
        let less = fit(&x, Lloyd { max_iterations: 1, ..lloyd }, &Context::plain(0));
        assert!(less.inertia > found.inertia && less.iterations == 1);
    }

    #[test]
    fn clusters_that_lost_all_rows_get_the_farthest() {
        let x = ndarray::array![[0.0], [1.0], [10.0], [11.0], [100.0]];
        let points = Points::new(x.view(), &Context::plain(0));
        // All rows are nearest to the first centre.
        let (labels, centres) =
            step(&points, &ndarray::array![[5.0], [1e6], [-1e6]], &Context::plain(0)).unwrap();
        assert_eq!(labels, [0; 5]);
        assert_eq!(centres, ndarray::array![[11.0 / 3.0], [100.0], [11.0]]);
        // As many clusters as rows: each row is a centre, in any order.
        let found = fit(&x, Lloyd { clusters: 5, ..Lloyd::default() }, &Context::plain(0));
        assert_eq!(found.inertia, 0.0);
        // Fewer distinct rows than clusters.
        let found = fit(&Array2::<f32>::ones((20, 3)), Lloyd::default(), &Context::plain(0));
        assert!(found.centres.iter().all(|x| *x == 1.0) && found.inertia == 0.0);
        let few = Lloyd::default()
            .fit(Array2::<f32>::ones((5, 3)).view(), Seed(0), &Context::plain(0))
            .unwrap_err();
        assert_eq!(few.to_string(), "5 vectors cannot be put into 16 clusters");
    }

    #[test]
    fn starts_are_drawn_by_weight() {
        assert_eq!(drawn(&[1.0, 0.0, 2.0, 1.0], &mut [3.5, 0.5, 1.0, 0.0]), [0, 0, 2, 3]);
        assert_eq!(drawn(&[0.0, 0.0], &mut [0.0, 0.0]), [0, 0]);
        // Greedy k-means++ rarely misses a far group.
        let (x, cx) = (groups(5, 50), Context::plain(0));
        let points = Points::new(x.view(), &cx);
        let missed = (0..100).filter(|&seed| {
            let starts = starts(&points, 5, &mut Seed(seed).rng(), &cx).unwrap();
            let mut labels = points.labels(&starts, &cx).unwrap();
            labels.truncate(5);
            labels.sort_unstable();
            labels != [0, 1, 2, 3, 4]
        });
        assert_eq!(missed.count(), 0);
    }

    #[test]
    fn the_end_is_no_worse_than_that_of_linfa_from_the_same_start() {
        use linfa::DatasetBase;
        use linfa::traits::Fit;
        use linfa_clustering::{KMeans, KMeansInit};

        let mut rng = Seed(11).rng();
        let x = Array2::from_shape_simple_fn((500, 5), || rng.normal());
        let cx = Context::plain(0);
        let points = Points::new(x.view(), &cx);
        let inertia = |centres: &Array2<f64>| -> f64 {
            let labels = points.labels(centres, &cx).unwrap();
            points
                .map_rows(&cx, |row| points.distance(row, slice(centres, labels[row])))
                .iter()
                .sum()
        };
        let lloyd = Lloyd { clusters: 6, tolerance: 0.0, ..Lloyd::default() };
        let (mut sums, data) = ([0.0; 2], DatasetBase::from(x.clone()));
        for seed in 0..20 {
            let starts = starts(&points, 6, &mut Seed(seed).rng(), &cx).unwrap();
            let ours = lloyd.iterate(&points, starts.clone(), &cx).unwrap();
            let settings = KMeans::params(6).init_method(KMeansInit::Precomputed(starts)).n_runs(1);
            let theirs = settings.tolerance(1e-9).max_n_iterations(100_000).fit(&data).unwrap();
            // Neither linfa's result nor ours can be improved further.
            let further = lloyd.iterate(&points, theirs.centroids().clone(), &cx).unwrap();
            assert!(further.inertia <= inertia(theirs.centroids()) * (1.0 + 1e-12), "seed {seed}");
            assert!((ours.inertia / inertia(&ours.centres) - 1.0).abs() < 1e-12, "seed {seed}");
            sums[0] += ours.inertia;
            sums[1] += inertia(theirs.centroids());
        }
        // linfa counts the old centre as one more vector of its cluster, and so may end elsewhere.
        assert!(sums[0] <= sums[1] * (1.0 + 1e-12), "{sums:?}");
    }
}
