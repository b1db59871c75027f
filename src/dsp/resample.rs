//! Resamples a signal by way of its spectrum.

use rustfft::num_complex::Complex;

use super::fft::any_length;

/// Resamples `samples` from `from` to `to` samples per second.
///
/// The spectrum is cut or filled with zeros, like `scipy.signal.resample`. That is exact for
/// frequencies that both rates can hold. It treats the signal as periodic, which does no harm to
/// noise. The length is `n * to / from`, rounded, at least 1.
pub fn resample(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    let n = samples.len();
    if from == to || n == 0 {
        return samples.to_vec();
    }
    let m = ((n as f64 * f64::from(to) / f64::from(from)).round() as usize).max(1);
    let mut spectrum: Vec<Complex<f64>> =
        samples.iter().map(|x| Complex::from(f64::from(*x))).collect();
    any_length(n, false).process(&mut spectrum);
    let kept = n.min(m);
    let mut other = vec![Complex::default(); m];
    let half = kept / 2 + 1;
    other[..half].copy_from_slice(&spectrum[..half]);
    for k in 1..kept.div_ceil(2) {
        other[m - k] = spectrum[n - k];
    }
    if kept.is_multiple_of(2) && n != m {
        // The bin at half the lower rate stands for both its frequencies. It is halved when it is
        // split into two bins, and joined with its mirror when two bins become one.
        let edge = kept / 2;
        if m > n {
            other[edge] *= 0.5;
            other[m - edge] = other[edge].conj();
        } else {
            other[edge] = spectrum[edge] + spectrum[n - edge];
        }
    }
    any_length(m, true).process(&mut other);
    other.iter().map(|x| (x.re / n as f64) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;
    use std::f64::consts::TAU;

    const SCIPY_3: &[f32] = &[0.41666, 0.66666, 0.66666];
    const SCIPY_4: &[f32] = &[0.58333, 0.41666, 0.91666, 0.41666];
    const SCIPY_9: &[f32] =
        &[1.00000, 2.55058, 0.97930, -1.00000, -0.82516, 2.14374, 3.00000, -0.60041, -1.99804];
    const SCIPY_5_8: &[f32] =
        &[1.00000, 1.75141, 1.64674, -0.58816, -1.35967, 1.11962, 3.11293, 2.11712];

    fn tone(hz: f64, rate: u32, n: usize) -> Vec<f32> {
        (0..n).map(|i| math::sin(TAU * hz * i as f64 / f64::from(rate)) as f32).collect()
    }

    #[test]
    fn a_tone_that_both_rates_hold_stays_that_tone() {
        for (from, to) in [(8000, 16_000), (16_000, 8000), (44_100, 16_000), (8000, 11_025)] {
            // A tenth of a second of a multiple of 10 Hz is periodic.
            let out = resample(&tone(440.0, from, from as usize / 10), from, to);
            let expected = tone(440.0, to, out.len());
            assert!((out.len() as i64 - i64::from(to) / 10).abs() <= 1);
            let off = out.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // 11025 / 10 is no whole number of samples.
            assert!(off < if to == 11_025 { 0.2 } else { 1e-5 }, "{from} -> {to}: {off}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        let out = resample(&tone(6000.0, 16_000, 1600), 16_000, 8000);
        assert!(out.iter().all(|x| x.abs() < 1e-5));
    }

    #[test]
    fn it_is_scipy_s_resample() {
        // scipy.signal.resample([1, 2, -1, 0.5, 3, -2], n): scipy 1.17.1.
        let x = [1.0, 2.0, -1.0, 0.5, 3.0, -2.0];
        let close = |a: &[f32], b: &[f32]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
        };
        assert!(close(&resample(&x, 6, 3), SCIPY_3), "{:?}", resample(&x, 6, 3));
        assert!(close(&resample(&x, 6, 4), SCIPY_4), "{:?}", resample(&x, 6, 4));
        assert!(close(&resample(&x, 6, 9), SCIPY_9), "{:?}", resample(&x, 6, 9));
        assert!(close(&resample(&x[..5], 5, 8), SCIPY_5_8), "{:?}", resample(&x[..5], 5, 8));
        assert_eq!(resample(&x, 7, 7), x);
        assert!(resample(&[], 7, 3).is_empty());
    }
}
