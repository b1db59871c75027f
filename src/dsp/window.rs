//! The window of the short-time Fourier transform.

use std::f64::consts::PI;

use crate::math;

/// The periodic Hann window of `length`, `0.5 - 0.5 cos(2 pi i / length)`.
///
/// Periodic, as in librosa and scipy for spectra. The symmetric window (`length - 1` in the
/// denominator), which some crates use, is 0.1 dB off.
pub fn hann(length: usize) -> Vec<f32> {
    (0..length)
        .map(|i| (0.5 - 0.5 * math::cos(2.0 * PI * i as f64 / length as f64)) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_periodic() {
        assert_eq!(hann(4), [0.0, 0.5, 1.0, 0.5]);
        let window = hann(1024);
        assert_eq!(window[512], 1.0);
        assert_eq!(window[1], window[1023]);
        // Shifted by half its length and added, a periodic Hann window is flat.
        assert!((0..512).all(|i| (window[i] + window[i + 512] - 1.0).abs() < 1e-6));
    }
}
