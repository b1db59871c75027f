//! The power spectrogram, several frames side by side.

use std::f64::consts::PI;

use super::fft::{Fft, Point, Side};
use super::{Framing, hann};
use crate::math::{self, Kernel, Lanes, Level, Vector, transpose};

/// Frames that are processed together, side by side in memory. The FFT, mel bands and decibels
/// treat neighbouring values alike, so the compiler vectorizes them.
pub const LANES: usize = 8;

/// The plan of a short-time Fourier transform with a periodic Hann window. Window, FFT and twiddle
/// factors are made once, for any number of clips and threads.
pub struct Stft {
    framing: Framing,
    window: Vec<f32>,
    fft: Fft,
    /// For even frames: `exp(-2 pi i k / frame) / 2i` for 0 < k < `frame / 4`.
    twiddles: Option<Vec<[f32; 2]>>,
}

/// The buffers of one thread.
pub struct StftScratch {
    /// One frame per lane, for frames that reach over an end of the clip.
    edges: Vec<f32>,
    points: Vec<Point>,
}

impl Stft {
    /// Plans for frames of `framing.frame` samples, which need not be a power of two.
    pub fn new(framing: Framing) -> Self {
        let frame = framing.frame;
        // An even frame of N real samples is treated as N/2 complex ones, which costs half of an
        // FFT of N points. Packing two frames into one would cost the same, but it would let
        // rounding noise of a loud frame into a quiet one.
        let even = frame.is_multiple_of(2);
        let twiddles = even.then(|| {
            let angles = (1..frame.div_ceil(4)).map(|k| 2.0 * PI * k as f64 / frame as f64);
            angles
                .map(|angle| [-0.5 * math::sin(angle) as f32, -0.5 * math::cos(angle) as f32])
                .collect()
        });
        let points = if even { frame / 2 } else { frame };
        Self { framing, window: hann(frame), fft: Fft::new(points), twiddles }
    }

    /// The number of bins of a spectrum: `frame / 2 + 1`.
    pub fn bins(&self) -> usize {
        self.framing.frame / 2 + 1
    }

    /// The number of frames of a clip of `samples` samples; 0 if it is too short.
    pub fn frames(&self, samples: usize) -> usize {
        self.framing.count(samples)
    }

    /// New buffers for one thread.
    pub fn scratch(&self) -> StftScratch {
        StftScratch {
            edges: vec![0.0; LANES * self.framing.frame],
            points: vec![Point::default(); self.fft.places().len()],
        }
    }

    /// `|X|^2` of the frames `first..first + LANES` of `samples`, (bins, lanes). Lanes beyond the
    /// last frame are 0.
    pub fn power(
        &self,
        samples: &[f32],
        first: usize,
        scratch: &mut StftScratch,
        out: &mut [[f32; LANES]],
    ) {
        let (frame, hop) = (self.framing.frame, self.framing.hop);
        let StftScratch { edges, points } = scratch;
        let (rows, step) = match self.framing.inside(samples, first, LANES) {
            Some(rows) => (rows, hop),
            None => {
                let count = self.frames(samples.len()).saturating_sub(first);
                for (lane, edge) in edges.chunks_exact_mut(frame).enumerate() {
                    match lane < count {
                        true => self.framing.write(samples, first + lane, edge),
                        false => edge.fill(0.0),
                    }
                }
                (&**edges, frame)
            }
        };
        // Eight lanes are 256 bits. With wider registers the compiler makes slower code.
        let level = Level::current().min(Level::Avx2);
        level.run(Powers { stft: self, rows, step, points, out: &mut out[..frame / 2 + 1] });
    }
}

struct Powers<'a> {
    stft: &'a Stft,
    /// The frames, `step` apart.
    rows: &'a [f32],
    step: usize,
    points: &'a mut [Point],
    out: &'a mut [[f32; LANES]],
}

impl Kernel for Powers<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Stft { window, fft, twiddles, .. } = self.stft;
        match twiddles {
            Some(twiddles) => {
                pack::<L>(self.rows, self.step, window, fft.places(), self.points);
                fft.run(self.points);
                split(twiddles, self.points, self.out);
            }
            None => {
                for (i, (place, w)) in fft.places().iter().zip(window).enumerate() {
                    self.points[*place as usize] =
                        Point { re: side(self.rows, self.step, i) * *w, im: Side::default() };
                }
                fft.run(self.points);
                for (out, point) in self.out.iter_mut().zip(&*self.points) {
                    *out = square(*point);
                }
            }
        }
    }
}

/// Sample i of each frame.
#[inline(always)]
fn side(rows: &[f32], step: usize, i: usize) -> Side {
    let mut side = Side::default();
    for (lane, x) in side.0.iter_mut().enumerate() {
        *x = rows[lane * step + i];
    }
    side
}

/// Packs N windowed samples into N/2 complex numbers, each made of two neighbours, in the order
/// that the FFT wants.
#[inline(always)]
fn pack<L: Lanes>(rows: &[f32], step: usize, window: &[f32], places: &[u32], points: &mut [Point]) {
    let square = L::F32::SQUARE;
    let (blocks, _) = window.as_chunks::<LANES>();
    for (block, w) in blocks.iter().enumerate() {
        let mut columns = [[0.0; LANES]; LANES];
        for lane in (0..LANES).step_by(square) {
            for i in (0..LANES).step_by(square) {
                let to = &mut columns.as_flattened_mut()[i * LANES + lane..];
                transpose::<L::F32>(&rows[lane * step + LANES * block + i..], step, to, LANES);
            }
        }
        for i in 0..LANES / 2 {
            let (re, im) =
                (Side(columns[2 * i]) * w[2 * i], Side(columns[2 * i + 1]) * w[2 * i + 1]);
            points[places[LANES / 2 * block + i] as usize] = Point { re, im };
        }
    }
    for i in LANES / 2 * blocks.len()..places.len() {
        let side = |i: usize| side(rows, step, i) * window[i];
        points[places[i] as usize] = Point { re: side(2 * i), im: side(2 * i + 1) };
    }
}

#[inline(always)]
fn square(point: Point) -> [f32; LANES] {
    let mut out = [0.0; LANES];
    for (lane, out) in out.iter_mut().enumerate() {
        *out = point.re.0[lane] * point.re.0[lane] + point.im.0[lane] * point.im.0[lane];
    }
    out
}

/// The power spectrum of N real samples, from the spectrum of the N/2 complex numbers that hold
/// them. With the spectra E of the even and O of the odd samples and `W = exp(-2 pi i / N)`: `X[k]
/// = E[k] + W^k O[k]` and `X[N/2 - k] = conj(E[k] - W^k O[k])`.
#[inline(always)]
fn split(twiddles: &[[f32; 2]], points: &[Point], power: &mut [[f32; LANES]]) {
    let half = points.len();
    let (Point { re, im }, nothing) = (points[0], Side::default());
    power[0] = square(Point { re: re + im, im: nothing });
    power[half] = square(Point { re: re - im, im: nothing });
    // If N/2 is even, its middle pairs with itself: there E = re, O = im and W = -i.
    if half.is_multiple_of(2) {
        power[half / 2] = square(points[half / 2]);
    }
    for (k, w) in (1..).zip(twiddles) {
        let (a, b) = (points[k], points[half - k]);
        let even = Point { re: (a.re + b.re) * 0.5, im: (a.im - b.im) * 0.5 };
        let odd = Point { re: a.re - b.re, im: a.im + b.im }.turned(*w);
        power[k] = square(even + odd);
        power[half - k] = square(even - odd);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::Padding;
    use crate::math::at_every_level;

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
    fn lanes_beyond_the_last_frame_are_silent() {
        let stft = Stft::new(Framing { frame: 8, hop: 4, center: false, padding: Padding::Zero });
        let mut out = vec![[-1.0; LANES]; stft.bins()];
        stft.power(&[0.5; 16], 1, &mut stft.scratch(), &mut out);
        assert!(
            out.iter().all(|bin| bin[2..] == [0.0; 6]) && out[0][..2] == [4.0; 2],
            "{:?}",
            out[0]
        );
    }

    #[test]
    fn spectra_are_the_same_bits_at_every_level() {
        let samples: Vec<f32> =
            (0..9000).map(|i| math::sin((i * i % 10_007) as f32 * 0.013)).collect();
        for frame in [3, 16, 100, 202, 400, 1024] {
            let stft = Stft::new(Framing {
                frame,
                hop: frame / 3,
                center: true,
                padding: Padding::Reflect,
            });
            let spectra = |first: usize| {
                let mut out = vec![[0.0; LANES]; stft.bins()];
                stft.power(&samples, first, &mut stft.scratch(), &mut out);
                out.as_flattened().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            };
            let runs = at_every_level(|| {
                [spectra(0), spectra(9), spectra(stft.frames(samples.len()) - 3)]
            });
            assert!(runs.iter().all(|(_, bits)| *bits == runs[0].1), "frame {frame}");
        }
    }
}
