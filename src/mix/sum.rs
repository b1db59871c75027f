//! Mixing on samples: powers, parts of noise, 16 bits.

/// The mean square of the samples; 0 without samples.
pub fn power(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    sum / samples.len().max(1) as f64
}

/// The `length` samples of `noise` that begin at `place` (0..1), with `margin` more samples of it
/// before and after them.
///
/// In a longer noise, `place` is a share of the possible starts. A shorter noise is repeated, from
/// any of its samples on, and so is a noise whose margin is longer. An empty noise gives silence.
pub fn cut(noise: &[f32], length: usize, place: f64, margin: usize) -> Vec<f32> {
    let (n, whole) = (noise.len(), length + 2 * margin);
    if n == 0 {
        return vec![0.0; whole];
    }
    let starts = if n >= length { n - length + 1 } else { n };
    let start = ((place * starts as f64) as usize).min(starts - 1);
    let first = (start + n - margin % n) % n;
    noise[first..].iter().chain(noise.iter().cycle()).take(whole).copied().collect()
}

/// Scales `noise` to the power `wanted` and adds it to `signal`. Returns the gain, or `None` if
/// the noise is silent and so cannot be scaled.
pub fn scale_to(signal: &mut [f32], noise: &[f32], wanted: f64) -> Option<f64> {
    let gain = (wanted / power(noise)).sqrt();
    if !gain.is_finite() {
        return None;
    }
    add(signal, noise, gain);
    Some(gain)
}

/// Adds `gain` times `noise` to `signal`, to the end of the shorter one.
pub fn add(signal: &mut [f32], noise: &[f32], gain: f64) {
    signal
        .iter_mut()
        .zip(noise)
        .for_each(|(x, n)| *x = (f64::from(*x) + gain * f64::from(*n)) as f32);
}

/// The samples, `delay` samples later. The length stays, and silence comes first.
pub fn delayed(samples: &[f32], delay: usize) -> Vec<f32> {
    let silence = std::iter::repeat_n(0.0, delay.min(samples.len()));
    silence.chain(samples.iter().copied()).take(samples.len()).collect()
}

/// Samples in 16 bits, as in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// Steps of 1 / 32768.
    pub samples: Vec<i16>,
    /// Number of samples that did not fit and were clipped.
    pub clipped: usize,
}

/// Rounds to 16 bits after a gain. Values that do not fit are clipped and counted.
pub fn quantise(samples: &[f32], gain: f64) -> Quantised {
    let mut clipped = 0;
    let samples = samples
        .iter()
        .map(|x| {
            let step = (f64::from(*x) * gain * 32768.0).round();
            clipped += usize::from(!(-32768.0..=32767.0).contains(&step));
            // A cast saturates.
            step as i16
        })
        .collect();
    Quantised { samples, clipped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;
    use proptest::prelude::*;

    proptest! {
        /// The resulting ratio is the requested one for any mix.
        #[test]
        fn the_realised_ratio_is_the_asked_one(
            signal in prop::collection::vec(-0.5f32..0.5, 50..400),
            noise in prop::collection::vec(-1.0f32..1.0, 1..600),
            place in 0.0f64..1.0,
            snr in -30.0f64..30.0,
        ) {
            let a = power(&signal);
            let part = cut(&noise, signal.len(), place, 0);
            prop_assume!(a > 1e-6 && power(&part) > 1e-6);
            let mut mixed = vec![0.0; signal.len()];
            scale_to(&mut mixed, &part, a / math::powf(10f64, snr / 10.0)).unwrap();
            let realised = 10.0 * math::log10(a / power(&mixed));
            prop_assert!((realised - snr).abs() < 1e-3, "{realised} for {snr}");
        }
    }

    #[test]
    fn parts_of_longer_and_shorter_noise() {
        let noise = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(cut(&noise, 4, 0.99, 0), noise);
        assert_eq!(cut(&noise, 2, 0.0, 0), [1.0, 2.0]);
        assert_eq!(cut(&noise, 2, 0.999, 0), [3.0, 4.0]);
        assert_eq!(cut(&noise, 6, 0.5, 0), [3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(cut(&noise, 2, 0.5, 1), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(cut(&noise, 1, 0.0, 5), [4.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0]);
        assert_eq!(cut(&[], 2, 0.5, 1), [0.0; 4]);
        assert!(cut(&noise, 0, 0.5, 0).is_empty());
    }

    #[test]
    fn silence_cannot_be_made_loud() {
        assert_eq!(scale_to(&mut [0.0; 3], &[0.0; 3], 1.0), None);
        assert_eq!(scale_to(&mut [], &[], 1.0), None);
        assert_eq!(scale_to(&mut [0.0; 2], &[1.0, -1.0], 0.0), Some(0.0));
    }

    #[test]
    fn delays_keep_the_length() {
        assert_eq!(delayed(&[1.0, 2.0, 3.0], 1), [0.0, 1.0, 2.0]);
        assert_eq!(delayed(&[1.0, 2.0], 5), [0.0, 0.0]);
    }

    #[test]
    fn sixteen_bits_round_and_clip() {
        let q = quantise(&[0.5, -1.0, 1.0, -1.1, 1.0 / 65536.0], 1.0);
        assert_eq!((q.samples, q.clipped), (vec![16384, -32768, 32767, -32768, 1], 2));
        assert_eq!(quantise(&[1.0], 0.5), Quantised { samples: vec![16384], clipped: 0 });
    }
}
