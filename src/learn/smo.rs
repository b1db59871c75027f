//! Sequential minimal optimisation: solves the quadratic programmes of support vector machines.
//!
//! Minimises ½·aᵀQa + p·Σa with Q_st = y_s·y_t·k(s, t) and 0 <= a_t <= c, and keeps yᵀa at its
//! value of the start. Moves two variables at a time; second-order information chooses the second
//! (Fan, Chen and Lin 2005, "Working set selection using second order information for training
//! support vector machines", as in LIBSVM). Rows of the kernel matrix are computed on demand: only
//! vectors near the margin ever need theirs.

use ndarray::{Array2, ArrayView2, Axis};

use super::Error;
use super::kernel::{Kernel, squares};
use crate::context::Context;

/// Bytes for stored rows of the kernel matrix. The least recently used rows make place for others.
const CACHE: usize = 256 << 20;
/// Rows computed by one matrix product where many are known to be needed.
const BLOCK: usize = 64;
/// Replaces a curvature that is not positive, as in LIBSVM.
const LEAST_CURVATURE: f64 = 1e-12;

/// The objective, its bounds and the stopping tolerance.
pub(crate) struct Programme<'a> {
    /// 1 or -1 each.
    pub(crate) y: &'a [f64],
    /// The linear term, the same for every variable.
    pub(crate) p: f64,
    /// The upper bound of every variable.
    pub(crate) c: f64,
    /// The search ends when no pair is further from its optimum than this part of the kernel's mean
    /// diagonal. LIBSVM's tolerance is an absolute 1e-3.
    pub(crate) tolerance: f64,
}

/// The minimum. Decision values are Σ y_t·a_t·k(t, ·) - rho.
#[derive(Debug)]
pub(crate) struct Solution {
    pub(crate) a: Vec<f64>,
    pub(crate) rho: f64,
}

/// Memory of a solution beside the vectors, in bytes.
pub(crate) fn memory(rows: usize) -> usize {
    CACHE.min(4 * rows * rows) + 64 * rows + 8 * BLOCK * rows
}

/// Minimises from the start `a`, which must be within the bounds.
pub(crate) fn solve(
    rows: &mut Rows,
    programme: &Programme,
    mut a: Vec<f64>,
    cx: &Context,
) -> Result<Solution, Error> {
    let Programme { y, p, c, tolerance } = *programme;
    let n = y.len();
    let diagonal = match rows.kernel {
        Kernel::Rbf { .. } => vec![1.0; n],
        Kernel::Linear => rows.squares.clone(),
    };
    // Rows are stored in f32; the longest vectors bound all their values.
    if diagonal.iter().any(|square| *square > f64::from(f32::MAX)) {
        let message = "the training vectors are too long for a support vector machine; write `standardize: true`";
        return Err(Error::Data(message.into()));
    }
    let tolerance = tolerance * diagonal.iter().sum::<f64>() / n as f64;
    // The gradient times y.
    let mut slope = vec![0.0; n];
    for (slope, y) in slope.iter_mut().zip(y) {
        *slope = p * y;
    }
    let begun: Vec<usize> = (0..n).filter(|&t| a[t] > 0.0).collect();
    for block in begun.chunks(BLOCK) {
        if cx.cancelled() {
            return Err(Error::Cancelled);
        }
        rows.make(block);
        for &t in block {
            let row = rows.get(t);
            let scale = a[t] * y[t];
            slope.iter_mut().zip(row).for_each(|(slope, k)| *slope += scale * f64::from(*k));
        }
    }
    let can_rise = |a: f64, y: f64| if y > 0.0 { a < c } else { a > 0.0 };
    let can_fall = |a: f64, y: f64| if y > 0.0 { a > 0.0 } else { a < c };
    let last = 10_000_000.max(100 * n);
    for step in 0.. {
        if step % 1024 == 0 && cx.cancelled() {
            return Err(Error::Cancelled);
        }
        if step == last {
            return Err(Error::Data(format!(
                "the support vector machine found no optimum in {last} steps; write \
                 `standardize: true`"
            )));
        }
        // The variable that gains most by moving along y, and the gap between the two sides.
        let (mut first, mut least, mut greatest) = (usize::MAX, f64::INFINITY, f64::NEG_INFINITY);
        for t in 0..n {
            if can_rise(a[t], y[t]) && slope[t] < least {
                (first, least) = (t, slope[t]);
            }
            if can_fall(a[t], y[t]) && slope[t] > greatest {
                greatest = slope[t];
            }
        }
        if greatest - least <= tolerance {
            break;
        }
        // The other variable: the greatest decrease of the two together.
        let row = rows.get(first);
        let (mut second, mut best) = (usize::MAX, 0.0);
        for t in 0..n {
            let gain = slope[t] - least;
            if gain > 0.0 && can_fall(a[t], y[t]) {
                let curvature =
                    (diagonal[first] + diagonal[t] - 2.0 * f64::from(row[t])).max(LEAST_CURVATURE);
                if gain * gain > best * curvature {
                    (second, best) = (t, gain * gain / curvature);
                }
            }
        }
        let curvature = (diagonal[first] + diagonal[second] - 2.0 * f64::from(row[second]))
            .max(LEAST_CURVATURE);
        // Both move along y by the same amount, as far as the bounds allow.
        let room = |t: usize, up: bool| if (y[t] > 0.0) == up { c - a[t] } else { a[t] };
        let (room_first, room_second) = (room(first, true), room(second, false));
        let step = ((slope[second] - least) / curvature).min(room_first).min(room_second);
        // Sets a variable at its bound exactly, so that rounding leaves no rest.
        let moved = |t: usize, up: bool, room: f64| match ((y[t] > 0.0) == up, step == room) {
            (true, true) => c,
            (false, true) => 0.0,
            (true, false) => a[t] + step,
            (false, false) => a[t] - step,
        };
        let (new_first, new_second) =
            (moved(first, true, room_first), moved(second, false, room_second));
        (a[first], a[second]) = (new_first, new_second);
        let (row_first, row_second) = rows.get_two(first, second);
        for ((slope, k), l) in slope.iter_mut().zip(row_first).zip(row_second) {
            *slope += step * f64::from(k - l);
        }
    }
    let rho = offset(&a, y, &slope, c);
    Ok(Solution { a, rho })
}

/// The slope at the margin: the mean over variables between their bounds, or else the middle of the
/// others.
fn offset(a: &[f64], y: &[f64], slope: &[f64], c: f64) -> f64 {
    let (mut sum, mut free, mut low, mut high) = (0.0, 0, f64::NEG_INFINITY, f64::INFINITY);
    for ((&a, &y), &slope) in a.iter().zip(y).zip(slope) {
        if a > 0.0 && a < c {
            (sum, free) = (sum + slope, free + 1);
        } else if (a > 0.0) == (y > 0.0) {
            low = low.max(slope);
        } else {
            high = high.min(slope);
        }
    }
    match (free, low.is_finite(), high.is_finite()) {
        (1.., _, _) => sum / f64::from(free),
        (_, true, true) => (low + high) / 2.0,
        (_, true, false) => low,
        _ => high,
    }
}

/// Rows of the kernel matrix, computed on demand.
pub(crate) struct Rows<'a> {
    x: ArrayView2<'a, f64>,
    kernel: Kernel,
    squares: Vec<f64>,
    /// In f32, as in LIBSVM: half the memory, and still more digits than the tolerance.
    kept: Vec<Vec<f32>>,
    used: Vec<u64>,
    time: u64,
    number: usize,
    most: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(x: ArrayView2<'a, f64>, kernel: Kernel) -> Self {
        let n = x.nrows();
        let most = (CACHE / (4 * n)).max(2 * BLOCK);
        Self {
            x,
            kernel,
            squares: squares(x),
            kept: vec![Vec::new(); n],
            used: vec![0; n],
            time: 0,
            number: 0,
            most,
        }
    }

    /// Computes the missing ones of the rows `wanted`, at most [`BLOCK`].
    fn make(&mut self, wanted: &[usize]) {
        self.time += 1;
        wanted.iter().for_each(|&t| self.used[t] = self.time);
        let missing: Vec<usize> =
            wanted.iter().copied().filter(|&t| self.kept[t].is_empty()).collect();
        if missing.is_empty() {
            return;
        }
        while self.number + missing.len() > self.most {
            let oldest = (0..self.kept.len())
                .filter(|&t| !self.kept[t].is_empty())
                .min_by_key(|&t| self.used[t]);
            self.kept[oldest.expect("more are kept than there may be")] = Vec::new();
            self.number -= 1;
        }
        let (some, some_squares) =
            (self.x.select(Axis(0), &missing), missing.iter().map(|&t| self.squares[t]));
        let mut made = Array2::zeros((missing.len(), self.x.nrows()));
        let some_squares: Vec<f64> = some_squares.collect();
        self.kernel.fill((some.view(), &some_squares), (self.x, &self.squares), &mut made);
        for (&t, row) in missing.iter().zip(made.rows()) {
            self.kept[t] = row.iter().map(|&k| k as f32).collect();
        }
        self.number += missing.len();
    }

    fn get(&mut self, t: usize) -> &[f32] {
        self.make(&[t]);
        &self.kept[t]
    }

    fn get_two(&mut self, s: usize, t: usize) -> (&[f32], &[f32]) {
        self.make(&[s, t]);
        (&self.kept[s], &self.kept[t])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use ndarray::Array2;

    /// Vectors with labels that no side can have without mistakes.
    fn data(rows: usize, dims: usize) -> (Array2<f64>, Vec<f64>) {
        let mut rng = Seed(4).rng();
        let x = Array2::from_shape_simple_fn((rows, dims), || rng.normal());
        let y = x
            .rows()
            .into_iter()
            .map(|row| if row[0] + 0.5 * rng.normal() > 0.0 { 1.0 } else { -1.0 });
        let y = y.collect();
        (x, y)
    }

    fn check(kernel: Kernel, one_class: bool, most: usize) -> Solution {
        let (x, labels) = data(200, 5);
        let y = if one_class { vec![1.0; 200] } else { labels };
        let (p, c) = if one_class { (0.0, 1.0) } else { (-1.0, 2.0) };
        let a = (0..200).map(|t| if one_class && t < 30 { 1.0 } else { 0.0 }).collect();
        let mut rows = Rows { most, ..Rows::new(x.view(), kernel) };
        let programme = Programme { y: &y, p, c, tolerance: 1e-4 };
        let solution = solve(&mut rows, &programme, a, &Context::plain(0)).unwrap();

        let squares = squares(x.view());
        let mut alike = Array2::zeros((200, 200));
        kernel.fill((x.view(), &squares), (x.view(), &squares), &mut alike);
        let signed: ndarray::Array1<f64> = solution.a.iter().zip(&y).map(|(a, y)| a * y).collect();
        assert!((signed.sum() - if one_class { 30.0 } else { 0.0 }).abs() < 1e-9);
        for (t, decision) in alike.dot(&signed).iter().enumerate() {
            // How far the gradient points out of the bounds (Karush, Kuhn and Tucker).
            let gradient = y[t] * (decision - solution.rho) + p;
            let wrong = match solution.a[t] {
                0.0 => -gradient,
                a if a == c => gradient,
                a => {
                    assert!(a > 0.0 && a < c);
                    gradient.abs()
                }
            };
            assert!(
                wrong < 1e-4 * if kernel == Kernel::Linear { 6.0 } else { 1.0 } + 2e-5,
                "{t}: {gradient} at {}",
                solution.a[t]
            );
        }
        solution
    }

    #[test]
    fn solutions_are_optimal() {
        for kernel in [Kernel::Linear, Kernel::Rbf { gamma: 0.2 }] {
            check(kernel, true, 1000);
            check(kernel, false, 1000);
        }
    }

    #[test]
    fn rows_that_were_thrown_away_are_made_again() {
        let (all, few) = (
            check(Kernel::Rbf { gamma: 0.2 }, false, 1000),
            check(Kernel::Rbf { gamma: 0.2 }, false, 2 * BLOCK),
        );
        assert!((all.rho - few.rho).abs() < 1e-4);
    }

    #[test]
    fn vectors_too_long_for_the_rows_are_refused() {
        let x = ndarray::array![[1e30], [2e30]];
        let programme = Programme { y: &[1.0; 2], p: 0.0, c: 1.0, tolerance: 1.0 };
        let mut rows = Rows::new(x.view(), Kernel::Linear);
        let error = solve(&mut rows, &programme, vec![1.0, 0.0], &Context::plain(0))
            .unwrap_err()
            .to_string();
        assert!(error.contains("standardize"), "{error}");
    }
}
