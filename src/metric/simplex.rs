//! Minimisation without derivatives: the simplex method of Nelder and Mead (1965).
//!
//! It follows `scipy.optimize.fmin` step by step: the same first simplex, the same coefficients,
//! the same end. For a function without a minimum (a likelihood that grows for ever) it stops where
//! SciPy stops. Published thresholds depend on such points.

/// The size of the first simplex in each direction: a share of the value, or the constant below for
/// a zero.
const FIRST_STEP: f64 = 0.05;
const FIRST_STEP_FROM_ZERO: f64 = 0.00025;
/// The search ends when every corner is this close to the best one, in each coordinate and in
/// value.
const TOLERANCE: f64 = 1e-4;
/// Limit of function calls and of moves, per coordinate.
const CALLS: usize = 200;

/// The lowest point found from `start`. Values may be infinite; NaN never counts as lower.
pub(super) fn minimize<const N: usize>(
    function: impl Fn(&[f64; N]) -> f64,
    start: [f64; N],
) -> [f64; N] {
    let mut search = Search { function, calls: 0, corners: vec![(start, f64::INFINITY)] };
    for i in 0..N {
        let mut corner = start;
        corner[i] =
            if start[i] == 0.0 { FIRST_STEP_FROM_ZERO } else { (1.0 + FIRST_STEP) * start[i] };
        search.corners.push((corner, f64::INFINITY));
    }
    for i in 0..=N {
        search.corners[i].1 = search.value(&search.corners[i].0.clone()).unwrap_or(f64::INFINITY);
    }
    search.sort();
    let mut moves = 1;
    while search.calls < CALLS * N && moves < CALLS * N && !search.has_converged() {
        // `None`: no calls are left, and the corners stay as they are.
        if search.step().is_some() {
            moves += 1;
        }
        search.sort();
    }
    search.corners[0].0
}

struct Search<F, const N: usize> {
    function: F,
    calls: usize,
    /// N + 1 corners, the lowest first.
    corners: Vec<([f64; N], f64)>,
}

impl<F: Fn(&[f64; N]) -> f64, const N: usize> Search<F, N> {
    fn value(&mut self, at: &[f64; N]) -> Option<f64> {
        (self.calls < CALLS * N).then(|| {
            self.calls += 1;
            (self.function)(at)
        })
    }

    /// A stable sort, with NaN last.
    fn sort(&mut self) {
        self.corners.sort_by(|a, b| {
            a.1.partial_cmp(&b.1).unwrap_or_else(|| a.1.is_nan().cmp(&b.1.is_nan()))
        });
    }

    fn has_converged(&self) -> bool {
        let (best, lowest) = &self.corners[0];
        let near = |a: f64, b: f64| (a - b).abs() <= TOLERANCE;
        self.corners[1..].iter().all(|(corner, value)| {
            near(*value, *lowest) && corner.iter().zip(best).all(|(a, b)| near(*a, *b))
        })
    }

    /// Moves the worst corner through the middle of the others, or shrinks the simplex towards the
    /// best one.
    fn step(&mut self) -> Option<()> {
        let (worst, highest) = self.corners[N];
        let middle: [f64; N] = std::array::from_fn(|i| {
            self.corners[..N].iter().fold(0.0, |sum, (c, _)| sum + c[i]) / N as f64
        });
        let along = |of_middle: f64, of_worst: f64| -> [f64; N] {
            std::array::from_fn(|i| of_middle * middle[i] + of_worst * worst[i])
        };
        let reflected = along(2.0, -1.0);
        let value = self.value(&reflected)?;
        if value < self.corners[0].1 {
            let expanded = along(3.0, -2.0);
            let further = self.value(&expanded)?;
            self.corners[N] =
                if further < value { (expanded, further) } else { (reflected, value) };
            return Some(());
        }
        if value < self.corners[N - 1].1 {
            self.corners[N] = (reflected, value);
            return Some(());
        }
        let (contracted, accepted) = if value < highest {
            let outside = along(1.5, -0.5);
            let contracted = self.value(&outside)?;
            ((outside, contracted), contracted <= value)
        } else {
            let inside = along(0.5, 0.5);
            let contracted = self.value(&inside)?;
            ((inside, contracted), contracted < highest)
        };
        if accepted {
            self.corners[N] = contracted;
            return Some(());
        }
        let best = self.corners[0].0;
        for j in 1..=N {
            let corner = self.corners[j].0;
            self.corners[j].0 = std::array::from_fn(|i| best[i] + 0.5 * (corner[i] - best[i]));
            self.corners[j].1 = self.value(&self.corners[j].0.clone())?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;

    #[test]
    fn a_valley_is_followed_to_its_end() {
        let rosenbrock =
            |x: &[f64; 2]| math::square(1.0 - x[0]) + 100.0 * math::square(x[1] - x[0] * x[0]);
        // scipy 1.17.1: fmin(rosen, [-1.2, 1.0]) = [1.0000220217835696, 1.0000422197517715]
        let [x, y] = minimize(rosenbrock, [-1.2, 1.0]);
        assert!(
            (x - 1.000_022_021_783_569_6).abs() < 1e-12
                && (y - 1.000_042_219_751_771_5).abs() < 1e-12,
            "{x} {y}"
        );
    }

    #[test]
    fn a_slope_without_an_end_and_a_wall_do_end() {
        let [x] = minimize(|x: &[f64; 1]| -x[0], [1.0]);
        assert!(x > 1e6, "{x}");
        let [x] = minimize(|x: &[f64; 1]| if x[0] <= 0.0 { f64::INFINITY } else { x[0] }, [1.0]);
        assert!(x > 0.0 && x < 1e-3, "{x}");
        assert_eq!(minimize(|_: &[f64; 1]| f64::NAN, [0.0]), [0.0]);
    }
}
