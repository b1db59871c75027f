//! The power spectrogram, several frames side by side.

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
    /// Of even frames: `exp(-2 pi i k / frame) / 2i`. Empty for odd ones.
    twiddles: Vec<Complex<f32>>,
}

/// What one thread needs beside the plan.
pub struct StftScratch {
    edge: Vec<f32>,
    points: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
}

impl Stft {
    /// The plan for frames of `framing.frame` samples, which need not be a power of two.
    pub fn new(framing: Framing) -> Self {
        let frame = framing.frame;
        // An even frame of N real samples is N/2 complex ones. That costs half of an FFT of N points
        // and, unlike two frames packed into one, lets no rounding noise of a loud frame into a quiet one.
        let even = frame.is_multiple_of(2);
        let points = if even { frame / 2 } else { frame };
        let twiddles = (0..if even { points / 2 + 1 } else { 0 }).map(|k| {
            let angle = 2.0 * PI * k as f64 / frame as f64;
            Complex::new(-0.5 * angle.sin() as f32, -0.5 * angle.cos() as f32)
        });
        Self {
            framing,
            window: hann(frame),
            fft: FftPlanner::new().plan_fft_forward(points),
            twiddles: twiddles.collect(),
        }
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
        }
    }

    /// `|X|^2` of the frames `first..first + LANES` of `samples`, (bins, lanes). Lanes beyond the last
    /// frame are left as they are.
    pub fn power(&self, samples: &[f32], first: usize, scratch: &mut StftScratch, out: &mut [[f32; LANES]]) {
        let count = self.frames(samples.len()).saturating_sub(first).min(LANES);
        for lane in 0..count {
            let frame = self.framing.get(samples, first + lane, &mut scratch.edge);
            if self.twiddles.is_empty() {
                for ((point, x), w) in scratch.points.iter_mut().zip(frame).zip(&self.window) {
                    *point = Complex::new(x * w, 0.0);
                }
            } else {
                let pairs = frame.as_chunks::<2>().0.iter().zip(self.window.as_chunks::<2>().0);
                for (point, (x, w)) in scratch.points.iter_mut().zip(pairs) {
                    *point = Complex::new(x[0] * w[0], x[1] * w[1]);
                }
            }
            self.fft.process_with_scratch(&mut scratch.points, &mut scratch.fft);
            if self.twiddles.is_empty() {
                for (bin, x) in out.iter_mut().zip(&scratch.points) {
                    bin[lane] = x.norm_sqr();
                }
            } else {
                self.split(&scratch.points, lane, out);
            }
        }
    }

    /// The spectrum of N real samples from that of the N/2 complex ones made of neighbours: with the
    /// spectra E of the even and O of the odd samples, `X[k] = E[k] + W^k O[k]` and
    /// `X[N/2 - k] = conj(E[k] - W^k O[k])`.
    fn split(&self, points: &[Complex<f32>], lane: usize, out: &mut [[f32; LANES]]) {
        let half = points.len();
        let (sum, difference) = (points[0].re + points[0].im, points[0].re - points[0].im);
        out[0][lane] = sum * sum;
        out[half][lane] = difference * difference;
        for k in 1..=half / 2 {
            let (a, b) = (points[k], points[half - k].conj());
            let even = (a + b) * 0.5;
            let odd = (a - b) * self.twiddles[k];
            out[k][lane] = (even + odd).norm_sqr();
            out[half - k][lane] = (even - odd).norm_sqr();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::Padding;

    /// `|X|^2` by the definition, in f64.
    fn definition(frame: &[f32]) -> Vec<f64> {
        let n = frame.len();
        let window = |i: usize| 0.5 - 0.5 * (2.0 * PI * i as f64 / n as f64).cos();
        let bin = |k: usize| {
            let angle = |i: usize| 2.0 * PI * (k * i % n) as f64 / n as f64;
            let (mut re, mut im) = (0.0, 0.0);
            for (i, &x) in frame.iter().enumerate() {
                re += f64::from(x) * window(i) * angle(i).cos();
                im += f64::from(x) * window(i) * angle(i).sin();
            }
            re * re + im * im
        };
        (0..n / 2 + 1).map(bin).collect()
    }

    #[test]
    fn spectra_of_even_and_odd_frames_are_those_of_the_definition() {
        let samples: Vec<f32> = (0..700).map(|i| ((i * i) as f32 * 0.013).sin() + 0.2).collect();
        for frame in [2, 3, 6, 15, 64, 100, 250] {
            let stft = Stft::new(Framing { frame, hop: 41, center: false, padding: Padding::Zero });
            let mut out = vec![[0.0; LANES]; stft.bins()];
            stft.power(&samples, 2, &mut stft.scratch(), &mut out);
            for lane in 0..LANES {
                let start = (2 + lane) * 41;
                let exact = definition(&samples[start..start + frame]);
                let scale = exact.iter().fold(1e-3, |a: f64, &b| a.max(b));
                for (k, exact) in exact.iter().enumerate() {
                    let error = (f64::from(out[k][lane]) - exact).abs();
                    assert!(error < 1e-5 * scale, "frame {frame}, bin {k}: {} {exact}", out[k][lane]);
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
