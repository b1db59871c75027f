//! Shared by the tests of features: a signal, and a comparison with stored values.

use ndarray::{Array2, s};

/// The samples of tests/data/log_mel.py: 1,500 multiples of 1/128.
pub fn samples() -> Vec<f32> {
    (0..1500).map(|i| ((i * i + 7 * i) % 101 - 50) as f32 / 128.0).collect()
}

/// Compares the shape, the first five values of the first row and the last five of the last row,
/// within 0.001 dB.
pub fn assert_ends(matrix: &Array2<f32>, shape: (usize, usize), first: [f32; 5], last: [f32; 5]) {
    assert_eq!(matrix.dim(), shape);
    let ends = [(matrix.slice(s![0, ..5]), first), (matrix.slice(s![-1, -5..]), last)];
    for (ours, theirs) in ends {
        assert!(
            ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-3),
            "{ours} is not {theirs:?}"
        );
    }
}
