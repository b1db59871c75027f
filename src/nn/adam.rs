//! Adam (Kingma and Ba 2015) as in Keras: epsilon is added to the root of the uncorrected second
//! moment.

use super::kernel::CHUNK;
use crate::math;
use crate::math::vectorized;
use rayon::prelude::*;

const BETA: [f64; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-7;

/// The moments of a slice of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    pub first: Vec<f32>,
    pub second: Vec<f32>,
}

impl Adam {
    /// Zero moments for `len` weights.
    pub fn new(len: usize) -> Self {
        Self { first: vec![0.0; len], second: vec![0.0; len] }
    }

    /// Moves `weights` against `gradient`. Steps are counted from `time` 1.
    pub fn step(&mut self, rate: f64, time: u32, weights: &mut [f32], gradient: &[f32]) {
        let power = |beta: f64| 1.0 - math::powi(beta, time as i32);
        let rate = (rate * power(BETA[1]).sqrt() / power(BETA[0])) as f32;
        let [follow_1, follow_2] = BETA.map(|beta| (1.0 - beta) as f32);
        let moments = self.first.par_chunks_mut(CHUNK).zip(self.second.par_chunks_mut(CHUNK));
        (weights.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).zip(moments))
            .for_each(|((w, g), (m, v))| update(w, g, m, v, [rate, follow_1, follow_2]));
    }
}

vectorized! {
    fn update(weights: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], factors: [f32; 3]) {
        let [rate, follow_1, follow_2] = factors;
        for (((w, &g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
            *m += (g - *m) * follow_1;
            *v += (g * g - *v) * follow_2;
            *w -= rate * *m / (v.sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_is_the_rate_and_the_second_the_formula() {
        let (mut adam, mut w) = (Adam::new(2), [1.0f32, -1.0]);
        adam.step(1e-2, 1, &mut w, &[0.5, -20.0]);
        assert!((w[0] - 0.99).abs() < 1e-6 && (w[1] + 0.99).abs() < 1e-6, "{w:?}");
        adam.step(1e-2, 2, &mut w, &[-0.5, -20.0]);
        let (m, v) = (0.9 * 0.05 - 0.1 * 0.5, 0.001 * 0.25 * (1.0 + 0.999));
        let rate = 1e-2 * (1.0 - math::square(0.999f64)).sqrt() / (1.0 - math::square(0.9f64));
        let expected = 0.99 - rate * m / (f64::sqrt(v) + 1e-7);
        assert!((f64::from(w[0]) - expected).abs() < 1e-6, "{w:?} {expected}");
    }
}
