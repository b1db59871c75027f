//! The loop of the depthwise convolution and of its gradient by the input, and how it loads and stores.

use super::sight::{Line, Sight};
use pulp::{Simd, WithSimd};

/// to = sum over taps of w * from, for some rows of an example.
pub struct Gather<'a> {
    pub sight: &'a Sight,
    pub lines: &'a [Vec<Line>],
    pub from: &'a [f32],
    pub w: &'a [f32],
    pub to: &'a mut [f32],
    pub accumulate: bool,
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.sight.source_step {
            1 => self.run::<S, 1>(simd),
            _ => self.run::<S, 0>(simd),
        }
    }
}

// `STEP` is the line's source step, or 0 for any: where it is known, the compiler sees which sources neighbouring
// destinations share and loads them once.
impl Gather<'_> {
    #[inline(always)]
    fn run<S: Simd, const STEP: usize>(mut self, simd: S) {
        for (row, lines) in self.lines.iter().enumerate() {
            for line in lines {
                let to = row * self.sight.row + line.first;
                let mut at = 0;
                while at + 8 <= line.count {
                    self.tile::<S, STEP, 8>(simd, line, to, at);
                    at += 8;
                }
                while at + 2 <= line.count {
                    self.tile::<S, STEP, 2>(simd, line, to, at);
                    at += 2;
                }
                if at < line.count {
                    self.tile::<S, STEP, 1>(simd, line, to, at);
                }
            }
        }
    }

    /// `N` destinations from the line's `at`-th on, all channels.
    #[inline(always)]
    fn tile<S: Simd, const STEP: usize, const N: usize>(&mut self, simd: S, line: &Line, to: usize, at: usize) {
        let channels = self.sight.channels;
        let whole = channels / S::F32_LANES * S::F32_LANES;
        for channel in (0..whole).step_by(S::F32_LANES) {
            self.block::<S, STEP, N>(simd, line, to, at, channel, S::F32_LANES);
        }
        if whole < channels {
            self.block::<S, STEP, N>(simd, line, to, at, whole, channels - whole);
        }
    }

    #[inline(always)]
    fn block<S: Simd, const STEP: usize, const N: usize>(
        &mut self,
        simd: S,
        line: &Line,
        to: usize,
        at: usize,
        channel: usize,
        lanes: usize,
    ) {
        let stride = self.sight.step * self.sight.channels;
        let to = to + at * stride + channel;
        let mut sums = [simd.splat_f32s(0.0); N];
        if self.accumulate {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = load(simd, self.to, to + i * stride, lanes);
            }
        }
        let from = at * self.sight.source_step * self.sight.channels + channel;
        for row in line.taps.chunks(line.wide) {
            let (threes, rest) = row.as_chunks::<3>();
            let (twos, ones) = rest.as_chunks::<2>();
            for taps in threes {
                self.add::<S, STEP, N, 3>(simd, taps, channel, from, lanes, &mut sums);
            }
            for taps in twos {
                self.add::<S, STEP, N, 2>(simd, taps, channel, from, lanes, &mut sums);
            }
            for tap in ones {
                self.add::<S, STEP, N, 1>(simd, &[*tap], channel, from, lanes, &mut sums);
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            store(simd, self.to, to + i * stride, lanes, sum);
        }
    }

    /// `T` neighbouring taps of `N` destinations.
    #[inline(always)]
    fn add<S: Simd, const STEP: usize, const N: usize, const T: usize>(
        &self,
        simd: S,
        taps: &[(usize, usize); T],
        channel: usize,
        from: usize,
        lanes: usize,
        sums: &mut [S::f32s; N],
    ) {
        let step = if STEP > 0 { STEP } else { self.sight.source_step };
        let channels = self.sight.channels;
        let sources = &self.from[taps[0].1 + from..][..((N - 1) * step + T - 1) * channels + lanes];
        let mut weights = [simd.splat_f32s(0.0); T];
        for (weight, tap) in weights.iter_mut().zip(taps) {
            *weight = load(simd, self.w, tap.0 + channel, lanes);
        }
        for (i, sum) in sums.iter_mut().enumerate() {
            for (k, weight) in weights.iter().enumerate() {
                // SAFETY: i < N and k < T, and `sources` was cut to reach that far.
                let source = unsafe { load_within(simd, sources, (i * step + k) * channels, lanes) };
                *sum = simd.mul_add_e_f32s(*weight, source, *sum);
            }
        }
    }
}

/// The `lanes` numbers from `at` on; a register may be filled in part only.
#[inline(always)]
pub fn load<S: Simd>(simd: S, from: &[f32], at: usize, lanes: usize) -> S::f32s {
    if lanes == S::F32_LANES {
        S::as_simd_f32s(&from[at..at + S::F32_LANES]).0[0]
    } else {
        simd.partial_load_f32s(&from[at..at + lanes])
    }
}

/// [`load`] without looking whether `from` goes so far: with a test for every load, the loops spend as long on the
/// tests as on the products.
///
/// # Safety
/// `from` must hold `at + lanes` numbers.
#[inline(always)]
pub unsafe fn load_within<S: Simd>(simd: S, from: &[f32], at: usize, lanes: usize) -> S::f32s {
    debug_assert!(at + lanes <= from.len());
    // SAFETY: the caller's promise.
    load(simd, unsafe { from.get_unchecked(at..at + lanes) }, 0, lanes)
}

#[inline(always)]
pub fn store<S: Simd>(simd: S, to: &mut [f32], at: usize, lanes: usize, what: S::f32s) {
    if lanes == S::F32_LANES {
        S::as_mut_simd_f32s(&mut to[at..at + S::F32_LANES]).0[0] = what;
    } else {
        simd.partial_store_f32s(&mut to[at..at + lanes], what);
    }
}
