//! The loop for the gradient of the depthwise convolution with respect to the weights.

use super::gather::{load, load_within, store};
use super::sight::{Line, Sight};
use crate::math::{Kernel, Lanes, Vector};

/// For every tap: dw += sum over the destinations of an example of dy * x.
pub struct Correlate<'a> {
    pub sight: &'a Sight,
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub dw: &'a mut [f32],
}

impl Kernel for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        match self.sight.source_step {
            1 => self.lines::<L::F32, 1>(),
            _ => self.lines::<L::F32, 0>(),
        }
    }
}

impl Correlate<'_> {
    #[inline(always)]
    fn lines<V: Vector<Element = f32>, const STEP: usize>(mut self) {
        let channels = self.sight.channels;
        let whole = channels / V::LANES * V::LANES;
        for (row, lines) in self.sight.lines.iter().enumerate() {
            for line in lines {
                let dy = row * self.sight.row + line.first;
                for channel in (0..whole).step_by(V::LANES) {
                    self.block::<V, STEP>(line, dy, channel, V::LANES);
                }
                if whole < channels {
                    self.block::<V, STEP>(line, dy, whole, channels - whole);
                }
            }
        }
    }

    /// All taps of some channels: nine at a time (a 3 x 3 kernel), then three, then one. These are
    /// loops because closures would be compiled by themselves, without the wide registers.
    #[inline(always)]
    fn block<V: Vector<Element = f32>, const STEP: usize>(
        &mut self,
        line: &Line,
        dy: usize,
        channel: usize,
        lanes: usize,
    ) {
        if line.wide == 3 {
            let (rows, _) = line.taps.as_chunks::<3>();
            let (threes, ones) = rows.as_chunks::<3>();
            for rows in threes {
                self.sum::<V, STEP, 3, 3>(rows, line.count, dy, channel, lanes);
            }
            for row in ones {
                self.sum::<V, STEP, 1, 3>(&[*row], line.count, dy, channel, lanes);
            }
        } else {
            for tap in &line.taps {
                self.sum::<V, STEP, 1, 1>(&[[*tap]], line.count, dy, channel, lanes);
            }
        }
    }

    /// `R` rows of `T` neighbouring taps.
    #[inline(always)]
    fn sum<V: Vector<Element = f32>, const STEP: usize, const R: usize, const T: usize>(
        &mut self,

        taps: &[[(usize, usize); T]; R],
        count: usize,
        dy: usize,
        channel: usize,
        lanes: usize,
    ) {
        let mut sums = [[V::splat(0.0); T]; R];
        let mut at = 0;
        while at + 4 <= count {
            self.add::<V, STEP, 4, R, T>(taps, at, dy, channel, lanes, &mut sums);
            at += 4;
        }
        while at < count {
            self.add::<V, STEP, 1, R, T>(taps, at, dy, channel, lanes, &mut sums);
            at += 1;
        }
        for (sums, taps) in sums.iter().zip(taps) {
            for (sum, (weight, _)) in sums.iter().zip(taps) {
                let sum = sum.add(load::<V>(self.dw, weight + channel, lanes));
                store(self.dw, weight + channel, lanes, sum);
            }
        }
    }

    /// Adds the share of `N` destinations.
    #[inline(always)]
    fn add<
        V: Vector<Element = f32>,
        const STEP: usize,
        const N: usize,
        const R: usize,
        const T: usize,
    >(
        &self,

        taps: &[[(usize, usize); T]; R],
        at: usize,
        first: usize,
        channel: usize,
        lanes: usize,
        sums: &mut [[V; T]; R],
    ) {
        let step = if STEP > 0 { STEP } else { self.sight.source_step };
        let channels = self.sight.channels;
        let mut dy = [V::splat(0.0); N];
        for (i, dy) in dy.iter_mut().enumerate() {
            let place = first + (at + i) * channels + channel;
            *dy = load::<V>(self.dy, place, lanes);
        }
        for (sums, taps) in sums.iter_mut().zip(taps) {
            let from = taps[0].1 + at * step * channels + channel;
            let sources = &self.x[from..][..((N - 1) * step + T - 1) * channels + lanes];
            for (i, dy) in dy.iter().enumerate() {
                for (k, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: i < N and k < T, and `sources` was cut to reach that far.
                    let x = unsafe { load_within::<V>(sources, (i * step + k) * channels, lanes) };
                    *sum = dy.mul_add(x, *sum);
                }
            }
        }
    }
}
