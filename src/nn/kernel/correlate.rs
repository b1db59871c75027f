//! The loop of the depthwise convolution's gradient by the weights.

use super::gather::{load, load_within, store};
use super::sight::{Line, Sight};
use pulp::{Simd, WithSimd};

/// dw += sum over the destinations of an example of dy * x, for every tap.
pub struct Correlate<'a> {
    pub sight: &'a Sight,
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub dw: &'a mut [f32],
}

impl WithSimd for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.sight.source_step {
            1 => self.run::<S, 1>(simd),
            _ => self.run::<S, 0>(simd),
        }
    }
}

impl Correlate<'_> {
    #[inline(always)]
    fn run<S: Simd, const STEP: usize>(mut self, simd: S) {
        let channels = self.sight.channels;
        let whole = channels / S::F32_LANES * S::F32_LANES;
        for (row, lines) in self.sight.lines.iter().enumerate() {
            for line in lines {
                let dy = row * self.sight.row + line.first;
                for channel in (0..whole).step_by(S::F32_LANES) {
                    self.block::<S, STEP>(simd, line, dy, channel, S::F32_LANES);
                }
                if whole < channels {
                    self.block::<S, STEP>(simd, line, dy, whole, channels - whole);
                }
            }
        }
    }

    /// All taps of some channels: nine at a time, as many as a kernel of 3 x 3 has, then three, then one. Loops
    /// and not closures, which are compiled by themselves and then without the registers' width.
    #[inline(always)]
    fn block<S: Simd, const STEP: usize>(&mut self, simd: S, line: &Line, dy: usize, channel: usize, lanes: usize) {
        if line.wide == 3 {
            let (rows, _) = line.taps.as_chunks::<3>();
            let (threes, ones) = rows.as_chunks::<3>();
            for rows in threes {
                self.sum::<S, STEP, 3, 3>(simd, rows, line.count, dy, channel, lanes);
            }
            for row in ones {
                self.sum::<S, STEP, 1, 3>(simd, &[*row], line.count, dy, channel, lanes);
            }
        } else {
            for tap in &line.taps {
                self.sum::<S, STEP, 1, 1>(simd, &[[*tap]], line.count, dy, channel, lanes);
            }
        }
    }

    /// `R` rows of `T` neighbouring taps.
    #[inline(always)]
    fn sum<S: Simd, const STEP: usize, const R: usize, const T: usize>(
        &mut self,
        simd: S,
        taps: &[[(usize, usize); T]; R],
        count: usize,
        dy: usize,
        channel: usize,
        lanes: usize,
    ) {
        let mut sums = [[simd.splat_f32s(0.0); T]; R];
        let mut at = 0;
        while at + 4 <= count {
            self.add::<S, STEP, 4, R, T>(simd, taps, at, dy, channel, lanes, &mut sums);
            at += 4;
        }
        while at < count {
            self.add::<S, STEP, 1, R, T>(simd, taps, at, dy, channel, lanes, &mut sums);
            at += 1;
        }
        for (sums, taps) in sums.iter().zip(taps) {
            for (sum, (weight, _)) in sums.iter().zip(taps) {
                let sum = simd.add_f32s(*sum, load(simd, self.dw, weight + channel, lanes));
                store(simd, self.dw, weight + channel, lanes, sum);
            }
        }
    }

    /// The share of `N` destinations.
    #[allow(clippy::too_many_arguments)]
    #[inline(always)]
    fn add<S: Simd, const STEP: usize, const N: usize, const R: usize, const T: usize>(
        &self,
        simd: S,
        taps: &[[(usize, usize); T]; R],
        at: usize,
        first: usize,
        channel: usize,
        lanes: usize,
        sums: &mut [[S::f32s; T]; R],
    ) {
        let step = if STEP > 0 { STEP } else { self.sight.source_step };
        let channels = self.sight.channels;
        let mut dy = [simd.splat_f32s(0.0); N];
        for (i, dy) in dy.iter_mut().enumerate() {
            let place = first + (at + i) * channels + channel;
            *dy = load(simd, self.dy, place, lanes);
        }
        for (sums, taps) in sums.iter_mut().zip(taps) {
            let from = taps[0].1 + at * step * channels + channel;
            let sources = &self.x[from..][..((N - 1) * step + T - 1) * channels + lanes];
            for (i, dy) in dy.iter().enumerate() {
                for (k, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: i < N and k < T, and `sources` was cut to reach that far.
                    let x = unsafe { load_within(simd, sources, (i * step + k) * channels, lanes) };
                    *sum = simd.mul_add_e_f32s(*dy, x, *sum);
                }
            }
        }
    }
}
