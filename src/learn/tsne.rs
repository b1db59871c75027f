//! t-SNE (van der Maaten and Hinton 2008): a map that places neighbouring vectors near each other.
//!
//! Exact, with all pairs of vectors, and with scikit-learn's defaults: perplexity 30, early
//! exaggeration 12, a learning rate of max(vectors / 12 / 4, 50), a start from the two largest
//! principal components. It draws no random numbers.
//!
//! Our own code, because figures must have the same bytes everywhere. linfa-tsne (0.8.1, over
//! bhtsne 0.4.1) takes exponentials and logarithms from the system's library. With an approximation
//! threshold above 0 it builds its tree from a generator that cannot be seeded. A map of 1,000
//! vectors of 128 numbers takes 3.1 s on one thread. scikit-learn takes 15 s for it with all pairs,
//! and 2.9 s with its approximation.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::Error;
use super::eigen::Eigen;
use super::neighbours::{Metric, measure};
use super::product::multiply;
use crate::context::Context;
use crate::math;

/// About how many neighbours a vector has on the map. With few vectors, a third of the others is
/// used.
const PERPLEXITY: f64 = 30.0;
/// The factor of the attraction between neighbours in the first iterations.
const EXAGGERATION: f64 = 12.0;
/// Iterations with exaggeration, and all iterations.
const EARLY: usize = 250;
const ITERATIONS: usize = 1000;
/// The largest error of the perplexity's logarithm.
const TOLERANCE: f64 = 1e-5;
/// Rows of the map per piece of parallel work.
const BLOCK: usize = 64;
/// Sums computed side by side.
const LANES: usize = 8;

/// With fewer vectors there are no neighbourhoods.
pub(crate) const LEAST: usize = 4;

/// The perplexity for a map of so many vectors.
pub(crate) fn perplexity(rows: usize) -> f64 {
    PERPLEXITY.min((rows as f64 - 1.0) / 3.0)
}

/// The place of each row of `x` (rows, dims) on a map around 0, (rows, 2), without a unit. Values
/// must be finite. Takes memory for four numbers per pair of rows.
///
/// Errors: cancelled, or fewer than [`LEAST`] rows.
pub(crate) fn map(x: ArrayView2<f32>, cx: &Context) -> Result<Array2<f64>, Error> {
    let rows = x.nrows();
    if rows < LEAST {
        return Err(Error::TooFew(format!(
            "a map of {rows} vectors has no neighbourhoods: {LEAST} are needed"
        )));
    }
    let affinities = affinities(x, perplexity(rows), cx)?;
    descend(&affinities, start(x), cx)
}

/// The affinity of every pair of rows, (rows, rows): symmetric, with a sum of 1 and a zero diagonal
/// (equations 1 and 2 of the paper).
fn affinities(x: ArrayView2<f32>, perplexity: f64, cx: &Context) -> Result<Array2<f64>, Error> {
    let rows = x.nrows();
    let conditional = measure(x, x, Metric::Euclidean, cx, |_, distances| {
        let squares: Vec<f64> = distances.into_iter().map(math::square).collect();
        squares
    })?;
    let numbered: Vec<(usize, Vec<f64>)> = conditional.into_iter().enumerate().collect();
    let conditional =
        cx.map(&numbered, |(row, squares)| neighbourhood(*row, squares, perplexity)).concat();
    let conditional = Array2::from_shape_vec((rows, rows), conditional).expect("a number a pair");
    let mut joint = &conditional + &conditional.t();
    let sum: f64 = joint.rows().into_iter().map(|row| row.iter().sum::<f64>()).sum();
    joint /= sum;
    Ok(joint)
}

/// The shares of the other rows in the neighbourhood of `row`, from the squared distances to all
/// rows. The width of the neighbourhood is set so that it has the given perplexity.
fn neighbourhood(row: usize, squares: &[f64], perplexity: f64) -> Vec<f64> {
    // The least squared distance is taken off, so that exponentials do not vanish.
    let others = || squares.iter().enumerate().filter(|(other, _)| *other != row);
    let nearest = others().fold(f64::INFINITY, |least, (_, square)| least.min(*square));
    let wanted = math::ln(perplexity);
    let (mut precision, mut low, mut high) = (1.0, 0.0, f64::INFINITY);
    let mut shares = vec![0.0; squares.len()];
    for _ in 0..100 {
        let (mut sum, mut moment) = (0.0, 0.0);
        for (other, square) in others() {
            let above = square - nearest;
            shares[other] = math::exp(-above * precision);
            sum += shares[other];
            moment += above * shares[other];
        }
        let entropy = math::ln(sum) + precision * moment / sum;
        shares.iter_mut().for_each(|share| *share /= sum);
        let off = entropy - wanted;
        if off.abs() <= TOLERANCE {
            break;
        }
        // Too many neighbours: narrow the neighbourhood.
        if off > 0.0 {
            low = precision;
            precision = if high.is_finite() { low.midpoint(high) } else { 2.0 * precision };
        } else {
            high = precision;
            precision = low.midpoint(high);
        }
        // Equal distances have one perplexity at any width.
        if !(precision.is_finite() && precision > 0.0) {
            break;
        }
    }
    shares
}

/// The two largest principal components, (rows, 2), with a deviation of 1e-4 along the first.
fn start(x: ArrayView2<f32>) -> Array2<f64> {
    let mut x = x.mapv(f64::from);
    x -= &x.mean_axis(Axis(0)).expect("at least one row");
    let (rows, dims) = x.dim();
    let mut map = Array2::zeros((rows, 2));
    let count = 2.min(dims);
    // The eigenvectors of the smaller of the two Gram matrices give the same components.
    let components = if rows <= dims {
        let eigen = Eigen::of(multiply(x.view(), x.t()));
        let lengths: Array1<f64> =
            eigen.values[..count].iter().map(|value| value.max(0.0).sqrt()).collect();
        eigen.vectors(count).t().to_owned() * &lengths
    } else {
        let eigen = Eigen::of(multiply(x.t(), x.view()));
        multiply(x.view(), eigen.vectors(count).t())
    };
    for (mut column, component) in map.columns_mut().into_iter().zip(components.columns()) {
        column.assign(&component);
    }
    let deviation = (map.column(0).iter().map(|y| y * y).sum::<f64>() / rows as f64).sqrt();
    if deviation > 0.0 {
        map *= 1e-4 / deviation;
    }
    map
}

/// Moves the points of a map so that their own affinities, from Student's distribution, approach
/// the given ones. Gradient descent with momentum and with a gain for every coordinate, as in
/// section 3.4 of the paper.
fn descend(
    affinities: &Array2<f64>,
    start: Array2<f64>,
    cx: &Context,
) -> Result<Array2<f64>, Error> {
    let rows = start.nrows();
    let rate = (rows as f64 / EXAGGERATION / 4.0).max(50.0);
    let mut points: [Vec<f64>; 2] = [0, 1].map(|axis| start.column(axis).to_vec());
    let mut moves = [vec![0.0; rows], vec![0.0; rows]];
    let mut gains = [vec![1.0; rows], vec![1.0; rows]];
    for iteration in 0..ITERATIONS {
        if cx.cancelled() {
            return Err(Error::Cancelled);
        }
        let (exaggeration, momentum) =
            if iteration < EARLY { (EXAGGERATION, 0.5) } else { (1.0, 0.8) };
        let gradient = gradient(affinities, &points, exaggeration, cx);
        for axis in 0..2 {
            for (row, gradient) in gradient.iter().enumerate() {
                let (slope, gain, moved) =
                    (gradient[axis], &mut gains[axis][row], &mut moves[axis][row]);
                let changed: f64 = if slope * *moved < 0.0 { *gain + 0.2 } else { *gain * 0.8 };
                *gain = changed.max(0.01);
                *moved = momentum * *moved - rate * *gain * slope;
                points[axis][row] += *moved;
            }
        }
    }
    let mut map = Array2::zeros((rows, 2));
    for (mut column, points) in map.columns_mut().into_iter().zip(&points) {
        let mean = points.iter().sum::<f64>() / rows as f64;
        column.iter_mut().zip(points).for_each(|(to, from)| *to = from - mean);
    }
    Ok(map)
}

/// The contributions of all rows to one row.
#[derive(Clone, Copy, Default)]
struct Forces {
    /// The sum of 1 / (1 + d²), including the row itself.
    sum: f64,
    attraction: [f64; 2],
    repulsion: [f64; 2],
}

/// The gradient of every row (equation 5 of the paper).
fn gradient(
    affinities: &Array2<f64>,
    points: &[Vec<f64>; 2],
    exaggeration: f64,
    cx: &Context,
) -> Vec<[f64; 2]> {
    let numbered: Vec<(usize, ArrayView2<f64>)> =
        (0..).step_by(BLOCK).zip(affinities.axis_chunks_iter(Axis(0), BLOCK)).collect();
    let forces = cx.map(&numbered, |(first, block)| {
        let rows = block.rows().into_iter().enumerate();
        rows.map(|(i, row)| forces(row.to_slice().expect("C order"), points, first + i))
            .collect::<Vec<Forces>>()
    });
    let forces = forces.concat();
    // Without each row's own contribution.
    let sum = forces.iter().map(|f| f.sum - 1.0).sum::<f64>();
    let of = |f: &Forces, axis: usize| {
        4.0 * (exaggeration * f.attraction[axis] - f.repulsion[axis] / sum)
    };
    forces.iter().map(|f| [of(f, 0), of(f, 1)]).collect()
}

fn forces(affinities: &[f64], [x, y]: &[Vec<f64>; 2], row: usize) -> Forces {
    let here = [x[row], y[row]];
    // Sum, attraction along x and y, repulsion along x and y.
    let mut lanes = [[0.0; LANES]; 5];
    let ((ps, p_rest), (xs, x_rest), (ys, y_rest)) =
        (affinities.as_chunks::<LANES>(), x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut add = |lane: usize, p: f64, x: f64, y: f64| {
        let (dx, dy) = (here[0] - x, here[1] - y);
        let near = 1.0 / (1.0 + dx * dx + dy * dy);
        let (pull, push) = (p * near, near * near);
        lanes[0][lane] += near;
        lanes[1][lane] += pull * dx;
        lanes[2][lane] += pull * dy;
        lanes[3][lane] += push * dx;
        lanes[4][lane] += push * dy;
    };
    for ((p, x), y) in ps.iter().zip(xs).zip(ys) {
        for lane in 0..LANES {
            add(lane, p[lane], x[lane], y[lane]);
        }
    }
    for (lane, ((p, x), y)) in p_rest.iter().zip(x_rest).zip(y_rest).enumerate() {
        add(lane, *p, *x, *y);
    }
    let [sum, pull_x, pull_y, push_x, push_y] = lanes.map(|lanes| lanes.iter().sum());
    Forces { sum, attraction: [pull_x, pull_y], repulsion: [push_x, push_y] }
}

#[cfg(test)]
mod tests;
