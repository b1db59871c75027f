//! The loop of the depthwise convolution and of its gradient with respect to the input, with its
//! loads and stores.

use super::sight::{Line, Sight};
use crate::math::{Kernel, Lanes, Vector};

/// For some rows of an example: to = sum over taps of w * from.
pub struct Gather<'a> {
    pub sight: &'a Sight,
    pub lines: &'a [Vec<Line>],
    pub from: &'a [f32],
    pub w: &'a [f32],
    pub to: &'a mut [f32],
    pub accumulate: bool,
}

impl Kernel for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        match self.sight.source_step {
            1 => self.lines::<L::F32, 1>(),
            _ => self.lines::<L::F32, 0>(),
        }
    }
}

// `STEP` is the line's source step, or 0 for any step. With a known step the compiler sees which
// sources neighbouring destinations share, and loads them once.
impl Gather<'_> {
    #[inline(always)]
    fn lines<V: Vector<Element = f32>, const STEP: usize>(mut self) {
        for (row, lines) in self.lines.iter().enumerate() {
            for line in lines {
                let to = row * self.sight.row + line.first;
                let mut at = 0;
                while at + 8 <= line.count {
                    self.tile::<V, STEP, 8>(line, to, at);
                    at += 8;
                }
                while at + 2 <= line.count {
                    self.tile::<V, STEP, 2>(line, to, at);
                    at += 2;
                }
                if at < line.count {
                    self.tile::<V, STEP, 1>(line, to, at);
                }
            }
        }
    }

    /// `N` destinations of the line from `at` on, all channels.
    #[inline(always)]
    fn tile<V: Vector<Element = f32>, const STEP: usize, const N: usize>(
        &mut self,
        line: &Line,
        to: usize,
        at: usize,
    ) {
        let channels = self.sight.channels;
        let whole = channels / V::LANES * V::LANES;
        for channel in (0..whole).step_by(V::LANES) {
            self.block::<V, STEP, N>(line, to, at, channel, V::LANES);
        }
        if whole < channels {
            self.block::<V, STEP, N>(line, to, at, whole, channels - whole);
        }
    }

    #[inline(always)]
    fn block<V: Vector<Element = f32>, const STEP: usize, const N: usize>(
        &mut self,

        line: &Line,
        to: usize,
        at: usize,
        channel: usize,
        lanes: usize,
    ) {
        let stride = self.sight.step * self.sight.channels;
        let to = to + at * stride + channel;
        let mut sums = [V::splat(0.0); N];
        if self.accumulate {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = load::<V>(self.to, to + i * stride, lanes);
            }
        }
        let from = at * self.sight.source_step * self.sight.channels + channel;
        for row in line.taps.chunks(line.wide) {
            let (threes, rest) = row.as_chunks::<3>();
            let (twos, ones) = rest.as_chunks::<2>();
            for taps in threes {
                self.add::<V, STEP, N, 3>(taps, channel, from, lanes, &mut sums);
            }
            for taps in twos {
                self.add::<V, STEP, N, 2>(taps, channel, from, lanes, &mut sums);
            }
            for tap in ones {
                self.add::<V, STEP, N, 1>(&[*tap], channel, from, lanes, &mut sums);
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            store(self.to, to + i * stride, lanes, sum);
        }
    }

    /// `T` neighbouring taps of `N` destinations.
    #[inline(always)]
    fn add<V: Vector<Element = f32>, const STEP: usize, const N: usize, const T: usize>(
        &self,

        taps: &[(usize, usize); T],
        channel: usize,
        from: usize,
        lanes: usize,
        sums: &mut [V; N],
    ) {
        let step = if STEP > 0 { STEP } else { self.sight.source_step };
        let channels = self.sight.channels;
        let sources = &self.from[taps[0].1 + from..][..((N - 1) * step + T - 1) * channels + lanes];
        let mut weights = [V::splat(0.0); T];
        for (weight, tap) in weights.iter_mut().zip(taps) {
            *weight = load::<V>(self.w, tap.0 + channel, lanes);
        }
        for (i, sum) in sums.iter_mut().enumerate() {
            for (k, weight) in weights.iter().enumerate() {
                // SAFETY: i < N and k < T, and `sources` was cut to reach that far.
                let source = unsafe { load_within::<V>(sources, (i * step + k) * channels, lanes) };
                *sum = weight.mul_add(source, *sum);
            }
        }
    }
}

/// The `lanes` numbers from `at` on. They may fill only part of a register.
#[inline(always)]
pub fn load<V: Vector<Element = f32>>(from: &[f32], at: usize, lanes: usize) -> V {
    assert!(at + lanes <= from.len());
    // SAFETY: as just checked.
    unsafe { load_within(from, at, lanes) }
}

/// [`load`] without a check of the length of `from`. With a check for every load, the loops spend
/// as much time on the checks as on the products.
///
/// # Safety
/// `from` must hold `at + lanes` numbers.
#[inline(always)]
pub unsafe fn load_within<V: Vector<Element = f32>>(from: &[f32], at: usize, lanes: usize) -> V {
    debug_assert!(at + lanes <= from.len());
    // SAFETY: the caller's promise.
    unsafe {
        let from = from.as_ptr().add(at);
        if lanes == V::LANES { V::load(from) } else { V::load_some(from, lanes) }
    }
}

#[inline(always)]
pub fn store<V: Vector<Element = f32>>(to: &mut [f32], at: usize, lanes: usize, what: V) {
    let to = &mut to[at..at + lanes];
    // SAFETY: `to` holds `lanes` numbers.
    unsafe {
        if lanes == V::LANES {
            what.store(to.as_mut_ptr())
        } else {
            what.store_some(to.as_mut_ptr(), lanes)
        }
    }
}
