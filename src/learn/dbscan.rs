//! DBSCAN (Ester, Kriegel, Sander and Xu 1996): clusters of any form are the places where vectors
//! lie dense, and isolated vectors are noise.
//!
//! Our own code, because linfa-clustering returns labels but not the core points, which the scores
//! need. It also looks for neighbours in a k-d tree, which is 30 times slower than [`nearest`] at a
//! hundred dimensions. The tests compare with it.

use ndarray::{Array2, ArrayView2, Axis};

use super::Error;
use super::neighbours::{Metric, nearest};
use crate::context::Context;

/// The distance from each row of `x` (rows, dims) to its `min_points`-th nearest row; the row
/// itself counts as the first. A row is a core point if that distance is at most the radius.
///
/// Errors: cancelled. Panics if there are fewer rows than `min_points`, or `min_points` is 0.
pub(crate) fn reach(
    x: ArrayView2<f32>,
    min_points: usize,
    metric: Metric,
    cx: &Context,
) -> Result<Vec<f64>, Error> {
    let found = nearest(x, x, min_points, metric, cx)?;
    Ok(found.iter().map(|nearest| nearest[min_points - 1].distance).collect())
}

/// The cluster of each of the core points (rows, dims). Core points within `radius` of each other
/// share a cluster, and so do those that a chain of such points connects. Clusters are numbered
/// from 0, in the order of their first core points.
///
/// A cluster grows by all core points near to its newest ones. So every pair is compared at once,
/// by the matrix product of [`nearest`].
///
/// Errors: cancelled.
pub(crate) fn clusters(
    core: ArrayView2<f32>,
    radius: f64,
    metric: Metric,
    cx: &Context,
) -> Result<Vec<usize>, Error> {
    let mut found = vec![0; core.nrows()];
    let mut left: Vec<usize> = (0..core.nrows()).collect();
    let mut cluster = 0;
    while !left.is_empty() {
        let mut newest = vec![left.remove(0)];
        while !newest.is_empty() {
            newest.iter().for_each(|&row| found[row] = cluster);
            let rows = |rows: &[usize]| -> Array2<f32> { core.select(Axis(0), rows) };
            let nearest = nearest(rows(&newest).view(), rows(&left).view(), 1, metric, cx)?;
            let is_near =
                |place: usize| nearest[place].first().is_some_and(|n| n.distance <= radius);
            let (near, far): (Vec<usize>, Vec<usize>) =
                (0..left.len()).partition(|place| is_near(*place));
            newest = near.into_iter().map(|place| left[place]).collect();
            left = far.into_iter().map(|place| left[place]).collect();
        }
        cluster += 1;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use linfa::traits::Transformer;
    use linfa_clustering::Dbscan;
    use ndarray::array;

    /// Three clouds of different densities in nine dimensions, and a few vectors between them.
    fn clouds() -> Array2<f32> {
        let mut rng = Seed(8).rng();
        let centres = Array2::from_shape_simple_fn((3, 9), || -40.0 + 6.0 * rng.normal());
        Array2::from_shape_fn((240, 9), |(i, j)| {
            let width = if i % 24 == 23 { 6.0 } else { [0.5, 1.0, 1.5][i % 3] };
            (centres[[i % 3, j]] + width * rng.normal()) as f32
        })
    }

    #[test]
    fn core_points_and_their_clusters_are_those_of_linfa() {
        let x = clouds();
        let mut seen = Vec::new();
        for (min_points, radius) in [(3, 1.6), (5, 2.5), (5, 4.0), (10, 4.5), (2, 30.0)] {
            let cx = Context::plain(0);
            let reach = reach(x.view(), min_points, Metric::Euclidean, &cx).unwrap();
            let core: Vec<usize> = (0..240).filter(|&row| reach[row] <= radius).collect();
            let ours =
                clusters(x.select(Axis(0), &core).view(), radius, Metric::Euclidean, &cx).unwrap();
            // linfa calls the radius `tolerance`.
            let theirs =
                Dbscan::params(min_points).tolerance(radius).transform(&x.mapv(f64::from)).unwrap();
            // A point that is no core point belongs to any one of the clusters near to it.
            for (&row, &cluster) in core.iter().zip(&ours) {
                assert_eq!(theirs[row], Some(cluster), "{min_points} {radius} {row}");
            }
            let lonely = |row: usize| theirs[row].is_none();
            assert!((0..240).filter(|&row| lonely(row)).all(|row| !core.contains(&row)));
            seen.push((core.len(), ours.iter().max().map_or(0, |last| last + 1)));
        }
        assert!(seen.iter().any(|(core, clusters)| *clusters == 3 && *core < 240), "{seen:?}");
        assert_eq!(seen.last(), Some(&(240, 1)));
    }

    #[test]
    fn chains_are_one_cluster_and_equal_rows_are_near() {
        let x = array![[0.0], [5.0], [1.0], [2.0], [3.0], [5.0], [9.0]];
        let cx = Context::plain(0);
        assert_eq!(
            reach(x.view(), 2, Metric::Euclidean, &cx).unwrap(),
            [1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 4.0]
        );
        assert_eq!(clusters(x.view(), 1.0, Metric::Euclidean, &cx).unwrap(), [0, 1, 0, 0, 0, 1, 2]);
        assert_eq!(clusters(x.view(), 2.0, Metric::Euclidean, &cx).unwrap(), [0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(clusters(x.view(), 0.0, Metric::Euclidean, &cx).unwrap(), [0, 1, 2, 3, 4, 1, 5]);
        assert!(
            clusters(Array2::zeros((0, 3)).view(), 1.0, Metric::Cosine, &cx).unwrap().is_empty()
        );
    }
}
