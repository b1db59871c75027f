//! For tests: numbers that look random and are the same in every language, and comparison with
//! reference values for tensors of them (`tests/data/formula.py`).

use serde_json::Value;

use crate::math;

/// The numbers of tensor `k`.
pub fn unit(k: u32, count: usize) -> Vec<f64> {
    let number = |i: usize| {
        let mut h =
            (i as u32).wrapping_mul(2_654_435_761).wrapping_add((k + 1).wrapping_mul(40_503));
        for _ in 0..2 {
            h ^= h >> 16;
            h = h.wrapping_mul(73_244_475);
        }
        f64::from(h ^ (h >> 16)) / 4_294_967_296.0
    };
    (0..count).map(number).collect()
}

/// Clip `clip` in dB, frame by frame.
pub fn log_mel(clip: u32, frames: usize, bands: usize) -> Vec<f32> {
    let (u, v) = (unit(1000 + clip, frames * bands), unit(2000 + clip, bands));
    (0..frames * bands).map(|i| (-60.0 + 40.0 * u[i] + 20.0 * v[i % bands]) as f32).collect()
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Compares values at given places, and the mean square, relative to its root.
pub fn compare(found: &[f32], expected: &Value, tolerance: f64) {
    let name = &expected["name"];
    let mean_square =
        found.iter().map(|&x| math::square(f64::from(x))).sum::<f64>() / found.len() as f64;
    let stated = expected["mean_square"].as_f64().unwrap();
    // Some gradients are zero up to rounding, because the next normalisation cancels a shift.
    let size = stated.sqrt().max(1e-4);
    assert!(
        (mean_square.sqrt() - stated.sqrt()).abs() < tolerance * size,
        "{name}: {mean_square} {stated}"
    );
    for (at, value) in numbers(&expected["at"]).into_iter().zip(numbers(&expected["values"])) {
        let found = f64::from(found[at as usize]);
        assert!((found - value).abs() < 10.0 * tolerance * size, "{name} [{at}]: {found} {value}");
    }
}
