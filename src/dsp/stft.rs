//! The power spectrogram, several frames side by side.

use crate::math;
use std::f64::consts::PI;
use std::sync::Arc;

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use super::{Framing, hann};

/// Frames that are worked on together, side by side in memory: what follows the FFT (mel bands,
/// decibels) then does the same to neighbouring values, which the compiler turns into vector code.
pub const LANES: usize = 8;

/// The plan of a short-time Fourier transform with a periodic Hann window: window, FFT and twiddle
/// factors made once, for any number of clips and threads.
pub struct Stft {
    framing: Framing,
    window: Vec<f32>,
    fft: Arc<dyn Fft<f32>>,
    /// Of even frames: `exp(-2 pi i k / frame) / 2i` for 0 < k < `frame / 4`, real and imaginary parts.
    twiddles: Option<(Vec<f32>, Vec<f32>)>,
}

/// What one thread needs beside the plan.
pub struct StftScratch {
    edge: Vec<f32>,
    points: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
    re: Vec<f32>,
    im: Vec<f32>,
    power: Vec<f32>,
}

impl Stft {
    /// The plan for frames of `framing.frame` samples, which need not be a power of two.
    pub fn new(framing: Framing) -> Self {
        let frame = framing.frame;
        // An even frame of N real samples is N/2 complex ones. That costs half of an FFT of N points
        // and, unlike two frames packed into one, lets no rounding noise of a loud frame into a quiet one.
        let even = frame.is_multiple_of(2);
        let twiddles = even.then(|| {
            let angles = (1..frame.div_ceil(4)).map(|k| 2.0 * PI * k as f64 / frame as f64);
            angles.map(|angle| (-0.5 * math::sin(angle) as f32, -0.5 * math::cos(angle) as f32)).unzip()
        });
        let points = if even { frame / 2 } else { frame };
        Self { framing, window: hann(frame), fft: FftPlanner::new().plan_fft_forward(points), twiddles }
    }

    /// How many bins a spectrum has: `frame / 2 + 1`.
    pub fn bins(&self) -> usize {
        self.framing.frame / 2 + 1
    }

    /// How many frames a clip of `samples` has; 0 if it is too short.
    pub fn frames(&self, samples: usize) -> usize {
        self.framing.count(samples)
    }

    /// Room to work in, for one thread.
    pub fn scratch(&self) -> StftScratch {
        let zero = Complex::new(0.0, 0.0);
        StftScratch {
            edge: vec![0.0; self.framing.frame],
            points: vec![zero; self.fft.len()],
            fft: vec![zero; self.fft.get_inplace_scratch_len()],
            re: vec![0.0; self.fft.len()],
            im: vec![0.0; self.fft.len()],
            power: vec![0.0; self.bins()],
        }
    }

    /// `|X|^2` of the frames `first..first + LANES` of `samples`, (bins, lanes). Lanes beyond the last
    /// frame are left as they are.
    pub fn power(&self, samples: &[f32], first: usize, scratch: &mut StftScratch, out: &mut [[f32; LANES]]) {
        let count = self.frames(samples.len()).saturating_sub(first).min(LANES);
        for lane in 0..count {
            let frame = self.framing.get(samples, first + lane, &mut scratch.edge);
            match &self.twiddles {
                Some((re, im)) => {
                    pack(frame, &self.window, &mut scratch.points);
                    self.fft.process_with_scratch(&mut scratch.points, &mut scratch.fft);
                    split(re, im, scratch);
                }
                None => {
                    for ((point, x), w) in scratch.points.iter_mut().zip(frame).zip(&self.window) {
                        *point = Complex::new(x * w, 0.0);
                    }
                    self.fft.process_with_scratch(&mut scratch.points, &mut scratch.fft);
                    for (power, x) in scratch.power.iter_mut().zip(&scratch.points) {
                        *power = x.norm_sqr();
                    }
                }
            }
            for (bin, power) in out.iter_mut().zip(&scratch.power) {
                bin[lane] = *power;
            }
        }
    }
}

/// N windowed samples as N/2 complex numbers made of neighbours.
fn pack(frame: &[f32], window: &[f32], points: &mut [Complex<f32>]) {
    let pairs = frame.as_chunks::<2>().0.iter().zip(window.as_chunks::<2>().0);
    for (point, (x, w)) in points.iter_mut().zip(pairs) {
        *point = Complex::new(x[0] * w[0], x[1] * w[1]);
    }
}

/// The power spectrum of N real samples from the spectrum of the N/2 complex ones they were packed in:
/// with the spectra E of the even and O of the odd samples and `W = exp(-2 pi i / N)`,
/// `X[k] = E[k] + W^k O[k]` and `X[N/2 - k] = conj(E[k] - W^k O[k])`.
///
/// Real and imaginary parts are taken apart first, which lets the compiler make vector code of both loops.
fn split(twiddle_re: &[f32], twiddle_im: &[f32], scratch: &mut StftScratch) {
    let StftScratch { points, re, im, power, .. } = scratch;
    for ((point, re), im) in points.iter().zip(re.iter_mut()).zip(im.iter_mut()) {
        (*re, *im) = (point.re, point.im);
    }
    let (half, pairs) = (points.len(), twiddle_re.len());
    let (sum, difference) = (re[0] + im[0], re[0] - im[0]);
    (power[0], power[half]) = (sum * sum, difference * difference);
    // The middle of an even N/2 pairs with itself: there E = re, O = im and W = -i.
    power[half / 2] = re[half / 2] * re[half / 2] + im[half / 2] * im[half / 2];
    let (low, high) = power.split_at_mut(half - pairs);
    let front = (&re[1..=pairs], &im[1..=pairs]);
    let back = (&re[half - pairs..], &im[half - pairs..]);
    pair_powers(front, back, (twiddle_re, twiddle_im), &mut low[1..=pairs], &mut high[..pairs]);
}

/// Powers of the bins k = 1, 2, ... into `low` and of N/2 - k into `high`, which ends with the first of them.
#[inline(never)]
fn pair_powers(
    (a_re, a_im): (&[f32], &[f32]),
    (b_re, b_im): (&[f32], &[f32]),
    (w_re, w_im): (&[f32], &[f32]),
    low: &mut [f32],
    high: &mut [f32],
) {
    let n = low.len();
    let (a_re, a_im, b_re, b_im) = (&a_re[..n], &a_im[..n], &b_re[..n], &b_im[..n]);
    let (w_re, w_im, high) = (&w_re[..n], &w_im[..n], &mut high[..n]);
    for k in 0..n {
        let j = n - 1 - k;
        let (even_re, even_im) = (0.5 * (a_re[k] + b_re[j]), 0.5 * (a_im[k] - b_im[j]));
        let (odd_re, odd_im) = (a_re[k] - b_re[j], a_im[k] + b_im[j]);
        let (re, im) = (odd_re * w_re[k] - odd_im * w_im[k], odd_re * w_im[k] + odd_im * w_re[k]);
        low[k] = (even_re + re) * (even_re + re) + (even_im + im) * (even_im + im);
        high[j] = (even_re - re) * (even_re - re) + (even_im - im) * (even_im - im);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::Padding;

    /// `|X|^2` by the definition, in f64.
    fn definition(frame: &[f32]) -> Vec<f64> {
        let n = frame.len();
        let window = |i: usize| 0.5 - 0.5 * math::cos(2.0 * PI * i as f64 / n as f64);
        let bin = |k: usize| {
            let angle = |i: usize| 2.0 * PI * (k * i % n) as f64 / n as f64;
            let (mut re, mut im) = (0.0, 0.0);
            for (i, &x) in frame.iter().enumerate() {
                re += f64::from(x) * window(i) * math::cos(angle(i));
                im += f64::from(x) * window(i) * math::sin(angle(i));
            }
            re * re + im * im
        };
        (0..n / 2 + 1).map(bin).collect()
    }

    #[test]
    fn spectra_of_even_and_odd_frames_are_those_of_the_definition() {
        let samples: Vec<f32> = (0..700).map(|i| math::sin((i * i) as f32 * 0.013) + 0.2).collect();
        for frame in [2, 3, 6, 15, 64, 100, 250] {
            let stft = Stft::new(Framing { frame, hop: 41, center: false, padding: Padding::Zero });
            let mut out = vec![[0.0; LANES]; stft.bins()];
            stft.power(&samples, 2, &mut stft.scratch(), &mut out);
            for lane in 0..LANES {
                let start = (2 + lane) * 41;
                let exact = definition(&samples[start..start + frame]);
                let scale = exact.iter().fold(1e-3, |a: f64, &b| a.max(b));
                for (k, (exact, bin)) in exact.iter().zip(&out).enumerate() {
                    let error = (f64::from(bin[lane]) - exact).abs();
                    assert!(error < 1e-5 * scale, "frame {frame}, bin {k}: {} {exact}", bin[lane]);
                }
            }
        }
    }

    #[test]
    fn lanes_beyond_the_last_frame_are_left_alone() {
        let stft = Stft::new(Framing { frame: 8, hop: 4, center: false, padding: Padding::Zero });
        let mut out = vec![[-1.0; LANES]; stft.bins()];
        stft.power(&[0.5; 16], 1, &mut stft.scratch(), &mut out);
        assert!(out.iter().all(|bin| bin[..2].iter().all(|&x| x >= 0.0) && bin[2..] == [-1.0; 6]));
    }
}
