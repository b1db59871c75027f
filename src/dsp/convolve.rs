//! Convolves a signal with a response, block by block, by way of spectra.

use super::LANES;
use super::fft::{Fft, Point};

/// Raised when the bytes change.
pub const CONVOLVE_VERSION: u32 = 1;

/// The first `signal.len()` samples of the convolution of `signal` with `response`: sample n is the
/// sum of `response[k] signal[n - k]` over k. The response begins at the first sample; what rings on
/// after the last one is cut off. An empty response gives silence.
pub fn convolve(signal: &[f32], response: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; signal.len()];
    let response = &response[..response.len().min(signal.len())];
    if response.is_empty() {
        return out;
    }
    let (length, step) = blocks(signal.len(), response.len());
    let fft = Fft::new(length);
    let spectrum = {
        let mut points = vec![Point::default(); length];
        for (x, place) in response.iter().zip(fft.places()) {
            points[*place as usize].re.0 = [*x; LANES];
        }
        fft.transform(&mut points);
        points
    };
    let (mut points, mut products) = (vec![Point::default(); length], spectrum.clone());
    for (group, some) in signal.chunks(LANES * step).enumerate() {
        points.fill(Point::default());
        for (lane, block) in some.chunks(step).enumerate() {
            for (x, place) in block.iter().zip(fft.places()) {
                points[*place as usize].re.0[lane] = *x;
            }
        }
        fft.transform(&mut points);
        for ((x, h), place) in points.iter().zip(&spectrum).zip(fft.places()) {
            let re = x.re * h.re - x.im * h.im;
            let im = x.re * h.im + x.im * h.re;
            // The forward transform of (im, re) is the inverse one of (re, im), with its parts
            // exchanged.
            products[*place as usize] = Point { re: im, im: re };
        }
        fft.transform(&mut products);
        for lane in 0..some.len().div_ceil(step) {
            let start = (group * LANES + lane) * step;
            for (sample, point) in out[start..].iter_mut().zip(&products) {
                *sample += point.im.0[lane] / length as f32;
            }
        }
    }
    out
}

/// The length of the transforms, and the samples of a block: those that cost least. Blocks lie side by
/// side in the lanes of a transform, and what rings on behind a block fills the rest of its transform.
fn blocks(signal: usize, response: usize) -> (usize, usize) {
    let step = |length: usize| length - response + 1;
    let cost = |length: &usize| (2 * signal.div_ceil(LANES * step(*length)) + 1) * length;
    let shortest = response.next_power_of_two().max(256);
    let lengths = (0..6).map(|doubled| shortest << doubled);
    let length = lengths.min_by_key(cost).expect("there are several");
    (length, step(length))
}

#[cfg(test)]
mod tests {
    use super::super::testing::noise;
    use super::*;
    use crate::math::at_every_level;

    /// By the definition, in f64.
    fn definition(signal: &[f32], response: &[f32]) -> Vec<f64> {
        let of = |n: usize, k: usize| f64::from(response[k]) * f64::from(signal[n - k]);
        (0..signal.len()).map(|n| (0..=n.min(response.len() - 1)).map(|k| of(n, k)).sum()).collect()
    }

    #[test]
    fn it_is_the_sum_of_the_definition() {
        for (length, taps) in [(1, 1), (5, 9), (1000, 1), (20_000, 300), (3000, 3000), (9000, 800)]
        {
            let (signal, response) = (noise(3, length), noise(4, taps));
            let exact = definition(&signal, &response);
            let scale = exact.iter().fold(0.0, |a: f64, x| a.max(x.abs()));
            let off = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs();
            let off = convolve(&signal, &response).iter().zip(&exact).map(off).fold(0.0, f64::max);
            assert!(off < 1e-6 * scale, "{length} {taps}: {off:e} of {scale:e}");
        }
        assert_eq!(convolve(&[1.0, 2.0], &[]), [0.0, 0.0]);
        assert!(convolve(&[], &[1.0]).is_empty());
    }

    #[test]
    fn it_is_the_same_bits_at_every_level() {
        let (signal, response) = (noise(3, 9000), noise(4, 700));
        let bits = || convolve(&signal, &response).iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let runs = at_every_level(bits);
        assert!(runs.iter().all(|(_, bits)| *bits == runs[0].1));
    }
}
