//! For tests: `tests/data/cnn_parts.json`, which `tests/data/make_cnn_parts.py` made with PyTorch
//! and numpy.

use serde_json::Value;

/// The whole file.
pub fn parts() -> Value {
    serde_json::from_str(include_str!("../../tests/data/cnn_parts.json")).expect("it is JSON")
}

/// The numbers of a list.
pub fn floats(value: &Value) -> Vec<f32> {
    let all = value.as_array().expect("a list").iter();
    all.map(|x| x.as_f64().expect("a number") as f32).collect()
}

/// A number.
pub fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// Holds numbers to those of a list.
pub fn assert_near(found: &[f32], expected: &Value, tolerance: f32) {
    let expected = floats(expected);
    assert_eq!(found.len(), expected.len());
    for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{i}: {a} {b}");
    }
}
