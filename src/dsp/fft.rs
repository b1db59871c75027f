//! The discrete Fourier transform of several signals side by side, with the same bits on every
//! processor.
//!
//! rustfft takes the widest instructions that it finds and rounds differently with each set of
//! them. Usual frame lengths are products of 2, 3 and 5, so those are transformed here, by plain
//! loops over [`LANES`] signals. The compiler turns them into vector code of any width without
//! changing a single rounding. All other lengths use rustfft's code without vectors.

use std::f64::consts::TAU;
use std::ops::{Add, Mul, Sub};
use std::sync::Arc;

use rustfft::num_complex::Complex;
use rustfft::{FftNum, FftPlannerScalar};

use super::LANES;
use crate::math::{self, Kernel, Lanes, Level};

/// A rustfft transform that does not depend on the processor. Its twiddle factors are the only
/// numbers that still come from the system's C library; a test compares them with ours.
pub fn any_length<T: FftNum>(n: usize, inverse: bool) -> Arc<dyn rustfft::Fft<T>> {
    let mut planner = FftPlannerScalar::new();
    if inverse { planner.plan_fft_inverse(n) } else { planner.plan_fft_forward(n) }
}

/// One number of each of [`LANES`] signals.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(32))]
pub struct Side(pub [f32; LANES]);

impl Add for Side {
    type Output = Side;

    #[inline(always)]
    fn add(self, other: Side) -> Side {
        let mut out = self;
        for lane in 0..LANES {
            out.0[lane] += other.0[lane];
        }
        out
    }
}

impl Sub for Side {
    type Output = Side;

    #[inline(always)]
    fn sub(self, other: Side) -> Side {
        let mut out = self;
        for lane in 0..LANES {
            out.0[lane] -= other.0[lane];
        }
        out
    }
}

impl Mul for Side {
    type Output = Side;

    #[inline(always)]
    fn mul(self, other: Side) -> Side {
        let mut out = self;
        for lane in 0..LANES {
            out.0[lane] *= other.0[lane];
        }
        out
    }
}

impl Mul<f32> for Side {
    type Output = Side;

    #[inline(always)]
    fn mul(self, factor: f32) -> Side {
        let mut out = self;
        for lane in 0..LANES {
            out.0[lane] *= factor;
        }
        out
    }
}

/// One complex number of each signal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    pub re: Side,
    pub im: Side,
}

impl Add for Point {
    type Output = Point;

    #[inline(always)]
    fn add(self, other: Point) -> Point {
        Point { re: self.re + other.re, im: self.im + other.im }
    }
}

impl Sub for Point {
    type Output = Point;

    #[inline(always)]
    fn sub(self, other: Point) -> Point {
        Point { re: self.re - other.re, im: self.im - other.im }
    }
}

impl Mul<f32> for Point {
    type Output = Point;

    #[inline(always)]
    fn mul(self, factor: f32) -> Point {
        Point { re: self.re * factor, im: self.im * factor }
    }
}

impl Point {
    /// self * (re + i im)
    #[inline(always)]
    pub fn turned(self, [re, im]: [f32; 2]) -> Point {
        Point { re: self.re * re - self.im * im, im: self.re * im + self.im * re }
    }

    /// self + i other
    #[inline(always)]
    fn add_i(self, other: Point) -> Point {
        Point { re: self.re - other.im, im: self.im + other.re }
    }

    /// self - i other
    #[inline(always)]
    fn sub_i(self, other: Point) -> Point {
        Point { re: self.re + other.im, im: self.im - other.re }
    }
}

/// The plan of in-place transforms of one length: `X[k]` is the sum of `x[i] exp(-2 pi i k / n)`
/// over i.
pub struct Fft {
    /// The place of input i before the transform.
    places: Vec<u32>,
    way: Way,
}

enum Way {
    Stages(Vec<Stage>),
    Any(Arc<dyn rustfft::Fft<f32>>),
}

/// Combines `radix` transforms of `inner` points each into one of `radix * inner` points.
struct Stage {
    radix: usize,
    inner: usize,
    /// `exp(-2 pi i j k / (radix inner))` for j = 1 .. radix and each k below `inner`.
    twiddles: Vec<[f32; 2]>,
}

impl Fft {
    /// The plan for `n` points, at least 1.
    pub fn new(n: usize) -> Fft {
        let (mut radixes, mut rest) = (Vec::new(), n);
        for radix in [4, 2, 3, 5] {
            while rest.is_multiple_of(radix) {
                radixes.push(radix);
                rest /= radix;
            }
        }
        if rest != 1 {
            return Fft { places: (0..n as u32).collect(), way: Way::Any(any_length(n, false)) };
        }
        let mut places = vec![0; n];
        let mut stages = Vec::new();
        let mut inner = 1;
        for &radix in &radixes {
            stages.push(Stage::new(radix, inner));
            inner *= radix;
        }
        for (i, place) in places.iter_mut().enumerate() {
            // The last stage takes every radix-th input for each of its parts. The stages before it
            // do the same within their parts.
            let (mut left, mut size) = (i, n);
            for radix in radixes.iter().rev() {
                size /= radix;
                *place += (left % radix * size) as u32;
                left /= radix;
            }
        }
        Fft { places, way: Way::Stages(stages) }
    }

    /// The place of each input before [`run`](Self::run), which leaves `X[k]` at k.
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// [`run`](Self::run) at the level of this processor, as in `Stft`.
    pub fn transform(&self, points: &mut [Point]) {
        Level::current().min(Level::Avx2).run(Transform { fft: self, points });
    }

    /// Transforms `points`, which must have the planned length.
    #[inline(always)]
    pub fn run(&self, points: &mut [Point]) {
        match &self.way {
            Way::Stages(stages) => {
                for stage in stages {
                    stage.run(points);
                }
            }
            Way::Any(fft) => one_by_one(&**fft, points),
        }
    }
}

struct Transform<'a> {
    fft: &'a Fft,
    points: &'a mut [Point],
}

impl Kernel for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        self.fft.run(self.points);
    }
}

impl Stage {
    fn new(radix: usize, inner: usize) -> Stage {
        let turn = |k: usize, j: usize| -TAU * (j * k) as f64 / (radix * inner) as f64;
        let twiddle = |angle: f64| [math::cos(angle) as f32, math::sin(angle) as f32];
        let twiddles =
            (0..inner).flat_map(|k| (1..radix).map(move |j| twiddle(turn(k, j)))).collect();
        Stage { radix, inner, twiddles }
    }

    #[inline(always)]
    fn run(&self, points: &mut [Point]) {
        match self.radix {
            2 => self.blocks::<2, Two>(points),
            3 => self.blocks::<3, Three>(points),
            4 => self.blocks::<4, Four>(points),
            _ => self.blocks::<5, Five>(points),
        }
    }

    #[inline(always)]
    fn blocks<const R: usize, B: Butterfly<R>>(&self, points: &mut [Point]) {
        if self.inner == 1 {
            for block in points.as_chunks_mut::<R>().0 {
                *block = B::of(*block);
            }
            return;
        }
        for block in points.chunks_exact_mut(R * self.inner) {
            for (k, twiddles) in self.twiddles.chunks_exact(R - 1).enumerate() {
                let mut few = [block[k]; R];
                for j in 1..R {
                    few[j] = block[k + j * self.inner].turned(twiddles[j - 1]);
                }
                few = B::of(few);
                for (j, point) in few.iter().enumerate() {
                    block[k + j * self.inner] = *point;
                }
            }
        }
    }
}

/// The transform of `R` points.
trait Butterfly<const R: usize> {
    /// Must be `#[inline(always)]`, so that it is compiled for the level of its caller. A closure
    /// would not be.
    fn of(points: [Point; R]) -> [Point; R];
}

struct Two;
struct Three;
struct Four;
struct Five;

impl Butterfly<2> for Two {
    #[inline(always)]
    fn of([a, b]: [Point; 2]) -> [Point; 2] {
        [a + b, a - b]
    }
}

impl Butterfly<3> for Three {
    #[inline(always)]
    fn of([a, b, c]: [Point; 3]) -> [Point; 3] {
        // The sine of a third of a turn.
        const SIN: f32 = 0.866_025_4;
        let (sum, difference) = (b + c, (b - c) * SIN);
        let middle = a - sum * 0.5;
        [a + sum, middle.sub_i(difference), middle.add_i(difference)]
    }
}

impl Butterfly<4> for Four {
    #[inline(always)]
    fn of([a, b, c, d]: [Point; 4]) -> [Point; 4] {
        let (even, odd) = ([a + c, a - c], [b + d, b - d]);
        [even[0] + odd[0], even[1].sub_i(odd[1]), even[0] - odd[0], even[1].add_i(odd[1])]
    }
}

impl Butterfly<5> for Five {
    #[inline(always)]
    fn of([a, b, c, d, e]: [Point; 5]) -> [Point; 5] {
        // The cosines of a fifth and of two fifths of a turn.
        const COS: [f32; 2] = [0.309_017, -0.809_017];
        const SIN: [f32; 2] = [0.951_056_5, 0.587_785_25];
        let (near, far) = ((b + e, b - e), (c + d, c - d));
        let one = (a + near.0 * COS[0] + far.0 * COS[1], near.1 * SIN[0] + far.1 * SIN[1]);
        let two = (a + near.0 * COS[1] + far.0 * COS[0], near.1 * SIN[1] - far.1 * SIN[0]);
        [
            a + near.0 + far.0,
            one.0.sub_i(one.1),
            two.0.sub_i(two.1),
            two.0.add_i(two.1),
            one.0.add_i(one.1),
        ]
    }
}

/// Transforms each signal by itself.
#[inline(never)]
fn one_by_one(fft: &dyn rustfft::Fft<f32>, points: &mut [Point]) {
    let mut signal = vec![Complex::default(); points.len()];
    let mut scratch = vec![Complex::default(); fft.get_inplace_scratch_len()];
    for lane in 0..LANES {
        for (to, point) in signal.iter_mut().zip(&*points) {
            *to = Complex::new(point.re.0[lane], point.im.0[lane]);
        }
        fft.process_with_scratch(&mut signal, &mut scratch);
        for (point, from) in points.iter_mut().zip(&signal) {
            (point.re.0[lane], point.im.0[lane]) = (from.re, from.im);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transforms_are_those_of_f64() {
        for n in [1, 2, 3, 4, 5, 6, 7, 15, 16, 30, 60, 101, 125, 200, 202, 360, 512, 800] {
            let fft = Fft::new(n);
            let input = |i: usize, lane: usize| ((i * 37 + lane * 11) % 23) as f32 - 9.5;
            let mut points = vec![Point::default(); n];
            for (i, place) in fft.places().iter().enumerate() {
                for lane in 0..LANES {
                    let point = &mut points[*place as usize];
                    (point.re.0[lane], point.im.0[lane]) = (input(i, lane), input(3 * i, lane));
                }
            }
            fft.run(&mut points);
            for lane in 0..LANES {
                let complex = |i: usize| {
                    Complex::new(f64::from(input(i, lane)), f64::from(input(3 * i, lane)))
                };
                let mut exact: Vec<_> = (0..n).map(complex).collect();
                any_length(n, false).process(&mut exact);
                let norm = exact.iter().map(|x| x.norm_sqr()).sum::<f64>();
                let off = exact.iter().zip(&points).map(|(exact, point)| {
                    (exact - Complex::new(f64::from(point.re.0[lane]), f64::from(point.im.0[lane])))
                        .norm_sqr()
                });
                let error = (off.sum::<f64>() / norm).sqrt();
                assert!(error < 3e-7, "{n} points: {error:e}");
            }
        }
    }

    /// rustfft asks the C library. Its answers, rounded to f32, must equal ours for clips of 10 s
    /// at the usual rates and for all parts of their transforms. A C library with other answers
    /// would show here.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "these are what rustfft calls")]
    fn twiddles_of_rustfft_are_the_same_from_the_c_library_and_from_ours() {
        let lengths = [80_000, 160_000, 441_000].into_iter();
        let divisors = lengths.flat_map(|n| (1..=n).filter(move |d| n % d == 0));
        for n in divisors.collect::<std::collections::BTreeSet<_>>() {
            // As in rustfft 6.4: `compute_twiddle` in twiddles.rs.
            let constant = -2.0 * std::f64::consts::PI / n as f64;
            for k in 0..n {
                let angle = constant * k as f64;
                let theirs = [angle.cos() as f32, angle.sin() as f32];
                let ours = [math::cos(angle) as f32, math::sin(angle) as f32];
                assert!(
                    theirs.map(f32::to_bits) == ours.map(f32::to_bits),
                    "{k} of {n}: {theirs:?}, not {ours:?}"
                );
            }
        }
    }
}
