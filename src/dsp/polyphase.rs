//! Resamples a signal to another rate by a band-limited filter.
//!
//! With L and M the two rates without their common factors, the output is
//! `y[n] = sum over k of h[n M + half - k L] x[k]`, where `half = 10 max(L, M)`. The filter `h` has
//! `2 half + 1` taps: a sinc with its edge at the lower of the two Nyquist frequencies, under a
//! Kaiser window of beta 5, with a gain of L at 0 Hz. Beyond its ends the signal is zero. That is
//! `scipy.signal.resample_poly` with its default window (`firwin` and `upfirdn` of SciPy 1.17). The
//! length is `n L / M`, rounded up.
//!
//! The window holds what is folded back some 54 dB down.
//!

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::sync::{Arc, Mutex, PoisonError};

use crate::math;

/// Raised whenever samples change.
pub const POLYPHASE_VERSION: u32 = 1;

const BETA: f64 = 5.0;
/// Taps of the filter on either side of its middle, in samples of the lower rate.
const REACH: usize = 10;
/// The largest of the two rates without their common factors: it bounds the taps to 32 MB.
const LARGEST: u32 = 200_000;
/// How many times longer a signal may become.
const LONGER: u32 = 64;
/// Partial sums of an output, so that the compiler can keep them in one vector.
const LANES: usize = 8;

/// Resamples `samples` from `from` to `to` samples per second. `None` if the two rates have no
/// ratio of small numbers, or if the signal would become many times longer.
pub fn polyphase(samples: &[f32], from: u32, to: u32) -> Option<Vec<f32>> {
    if from == to {
        return Some(samples.to_vec());
    }
    let (up, down) = ratio(from, to)?;
    let bank = known(up, down);
    let (width, length) = (bank.width, (samples.len() * up).div_ceil(down));
    // Zeros on both sides: no output needs to look at the ends.
    let mut padded = vec![0.0; samples.len() + 2 * width];
    padded[width..][..samples.len()].iter_mut().zip(samples).for_each(|(x, y)| *x = f64::from(*y));
    let of = |n: usize| {
        let place = n * down + bank.half;
        // The newest sample of the sum, in `padded` just before the end of the part.
        let end = place / up + width + 1;
        let taps = &bank.taps[place % up * width..][..width];
        dot(taps, &padded[end - width..end]) as f32
    };
    Some((0..length).map(of).collect())
}

/// How many samples before and after a part of a signal are needed to resample the part as if all of
/// the signal were resampled, and how many resampled samples these are. `None` as of [`polyphase`].
pub fn margin(from: u32, to: u32) -> Option<(usize, usize)> {
    let (up, down) = ratio(from, to)?;
    let steps = (REACH * up.max(down)).div_ceil(up * down);
    Some((steps * down, steps * up))
}

/// L and M.
fn ratio(from: u32, to: u32) -> Option<(usize, usize)> {
    let common = common(from, to);
    let large = common == 0 || from.max(to) / common > LARGEST || to / LONGER >= from;
    (!large).then(|| ((to / common) as usize, (from / common) as usize))
}

fn common(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common(b, a % b) }
}

/// The sum of products, in `LANES` partial sums that are added in order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += a * b;
    }
    sums.iter().sum()
}

/// The filter for a ratio, sorted by phase.
struct Bank {
    /// Taps on either side of the middle.
    half: usize,
    /// Taps of a phase.
    width: usize,
    /// Of each phase the taps, the last one first: the order of the samples.
    taps: Vec<f64>,
}

impl Bank {
    fn new(up: usize, down: usize) -> Self {
        let filter = filter(up, down);
        let half = filter.len() / 2;
        let width = filter.len().div_ceil(up);
        let mut taps = vec![0.0; up * width];
        for (i, tap) in filter.iter().enumerate() {
            taps[i % up * width + width - 1 - i / up] = *tap;
        }
        Self { half, width, taps }
    }
}

/// `firwin(2 * half + 1, 1 / max(up, down), window=("kaiser", 5.0)) * up` of SciPy.
fn filter(up: usize, down: usize) -> Vec<f64> {
    let edge = 1.0 / up.max(down) as f64;
    let half = REACH * up.max(down);
    let whole = bessel(BETA);
    let tap = |i: usize| {
        let m = i as f64 - half as f64;
        let inside = 1.0 - math::square(m / half as f64);
        edge * sinc(edge * m) * bessel(BETA * inside.max(0.0).sqrt()) / whole
    };
    let taps: Vec<f64> = (0..=2 * half).map(tap).collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| tap / sum * up as f64).collect()
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { math::sin(PI * x) / (PI * x) }
}

/// The modified Bessel function of the first kind of order 0, by its power series. Up to 5 the
/// terms after the 25th are below 1e-20.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..=25 {
        term *= math::square(x / 2.0 / f64::from(k));
        sum += term;
    }
    sum
}

/// The filters of the last few ratios: the clips of a data set have few rates.
fn known(up: usize, down: usize) -> Arc<Bank> {
    static KNOWN: Mutex<BTreeMap<(usize, usize), Arc<Bank>>> = Mutex::new(BTreeMap::new());
    const MOST: usize = 8;
    let lock = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bank) = lock().get(&(up, down)) {
        return bank.clone();
    }
    let bank = Arc::new(Bank::new(up, down));
    let mut known = lock();
    if known.len() >= MOST {
        known.clear();
    }
    known.insert((up, down), bank.clone());
    bank
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    #[derive(serde::Deserialize)]
    struct Case {
        from: u32,
        to: u32,
        samples: usize,
        output: Vec<f64>,
    }

    /// The signal of `tests/data/make_resampling.py`.
    fn signal(samples: usize) -> Vec<f32> {
        (0..samples).map(|i| (((i * i + 7 * i) % 101) as f32 - 50.0) / 128.0).collect()
    }

    #[test]
    fn a_part_with_its_margin_is_a_part_of_the_whole() {
        let whole = signal(40_000);
        for (from, to) in [(44_100, 16_000), (8000, 16_000), (16_000, 11_025), (7, 7)] {
            let (margin, resampled) = margin(from, to).unwrap();
            // A part begins where a sample of either rate is.
            let (up, down) = ratio(from, to).unwrap();
            let (start, length) = (12 * down, 25 * down);
            let part = &whole[start - margin..start + length + margin];
            let whole = polyphase(&whole, from, to).unwrap();
            let part = polyphase(part, from, to).unwrap();
            assert_eq!(part[resampled.min(12 * up)..][..25 * up], whole[12 * up..37 * up]);
        }
        assert_eq!(margin(4_294_967_291, 16_000), None);
    }

    #[test]
    fn it_is_scipy_s_resample_poly() {
        let text = include_str!("../../tests/data/resampling.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert!(cases.len() >= 6);
        for Case { from, to, samples, output } in cases {
            let ours = polyphase(&signal(samples), from, to).unwrap();
            assert_eq!(ours.len(), output.len(), "{from} -> {to}");
            let off = ours.iter().zip(&output).map(|(a, b)| (f64::from(*a) - b).abs());
            let most = off.fold(0.0, f64::max);
            // f32 has steps of 6e-8 there.
            assert!(most < 1e-6, "{from} -> {to}: {most:e}");
        }
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_what_the_lower_rate_cannot_hold_is_gone() {
        let tone = |hz: f64, rate: u32| -> Vec<f32> {
            let turn = TAU * hz / f64::from(rate);
            (0..rate as usize / 4).map(|i| math::sin(turn * i as f64) as f32).collect()
        };
        for (from, to) in [(48_000, 16_000), (44_100, 16_000), (16_000, 44_100), (8000, 16_000)] {
            let (ours, expected) =
                (polyphase(&tone(440.0, from), from, to).unwrap(), tone(440.0, to));
            assert!(ours.len().abs_diff(expected.len()) <= 1);
            let inner = 400..expected.len() - 400;
            let off = ours[inner.clone()].iter().zip(&expected[inner]).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) < 5e-3, "{from} -> {to}");
        }
        let high = polyphase(&tone(12_000.0, 48_000), 48_000, 16_000).unwrap();
        assert!(high[200..high.len() - 200].iter().all(|x| x.abs() < 4e-3));
    }

    #[test]
    fn odd_ratios_and_short_signals_are_no_trouble() {
        assert_eq!(polyphase(&[1.0, 2.0], 7, 7).unwrap(), [1.0, 2.0]);
        assert!(polyphase(&[], 48_000, 16_000).unwrap().is_empty());
        for samples in 1..40 {
            let ours = polyphase(&signal(samples), 44_100, 16_000).unwrap();
            assert_eq!(ours.len(), (samples * 160).div_ceil(441));
        }
        assert_eq!(polyphase(&[1.0; 3], 1000, 64_000), None);
        assert_eq!(polyphase(&[1.0; 3], 0, 16_000), None);
        assert_eq!(polyphase(&[1.0; 3], 4_294_967_291, 16_000), None);
        assert_eq!(polyphase(&[1.0; 3], 15_999, 16_000).unwrap().len(), 4);
    }
}
