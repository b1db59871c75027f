//! The loops of the generator that take most of its time, compiled for each level of the processor.
//!
//! Each keeps the order of its sums, so that all levels, and any number of oscillators at once,
//! give the same bits. With AVX2 a clip of factory noise takes a quarter less time than in plain
//! loops, a machine about a tenth less.

use crate::math::vectorized;

/// Oscillators and resonances of one vector.
pub const LANES: usize = 4;

/// Sines at fixed steps: y[n] = turn y[n-1] - y[n-2].
#[derive(Clone, Copy, Default)]
pub struct Sines {
    pub turn: [f64; 2 * LANES],
    pub now: [f64; 2 * LANES],
    pub before: [f64; 2 * LANES],
}

impl Sines {
    #[inline(always)]
    fn next(&mut self) -> f64 {
        let Self { turn, now, before } = self;
        let pairs: [f64; LANES] = std::array::from_fn(|i| now[i] + now[i + LANES]);
        let next = std::array::from_fn(|i| turn[i] * now[i] - before[i]);
        (*before, *now) = (*now, next);
        (pairs[0] + pairs[2]) + (pairs[1] + pairs[3])
    }
}

/// Two-pole resonances: y[n] = gain x[n] + a y[n-1] - b y[n-2].
#[derive(Clone, Copy, Default)]
pub struct Resonances {
    pub gain: [f64; LANES],
    pub a: [f64; LANES],
    pub b: [f64; LANES],
    now: [f64; LANES],
    before: [f64; LANES],
}

impl Resonances {
    #[inline(always)]
    fn next(&mut self, x: f64) -> f64 {
        let Self { gain, a, b, now, before } = self;
        let next: [f64; LANES] =
            std::array::from_fn(|i| gain[i] * x + a[i] * now[i] - b[i] * before[i]);
        (*before, *now) = (*now, next);
        (next[0] + next[1]) + (next[2] + next[3])
    }
}

/// Sines that turn a pointer of length 1.
#[derive(Clone, Copy, Default)]
pub struct Pointers {
    pub amplitude: [f64; LANES],
    pub sin: [f64; LANES],
    pub cos: [f64; LANES],
    pub step_sin: [f64; LANES],
    pub step_cos: [f64; LANES],
}

/// Pointers whose lengths change linearly.
#[derive(Clone, Copy, Default)]
pub struct Swells {
    pub length: [f64; 2 * LANES],
    pub slope: [f64; 2 * LANES],
    pub sin: [f64; 2 * LANES],
    pub cos: [f64; 2 * LANES],
    pub step_sin: [f64; 2 * LANES],
    pub step_cos: [f64; 2 * LANES],
}

/// Vibrations that strikes excite: y[n] = gain x[n] + a y[n-1] - b y[n-2].
#[derive(Clone, Copy, Default)]
pub struct Vibrations {
    pub gain: [f64; 2 * LANES],
    pub a: [f64; 2 * LANES],
    pub b: [f64; 2 * LANES],
}

// One step of a recurrence waits for the last, so two vectors at once take hardly longer than one.
vectorized! {
    /// Adds sines.
    pub fn add_sines(out: &mut [f64], sines: &mut Sines) {
        let mut s = *sines;
        for x in out {
            *x += s.next();
        }
        *sines = s;
    }

    /// Adds the first, then the second.
    pub fn add_more_sines(out: &mut [f64], one: &mut Sines, other: &mut Sines) {
        let (mut s, mut t) = (*one, *other);
        for x in out {
            *x = (*x + s.next()) + t.next();
        }
        (*one, *other) = (s, t);
    }

    /// Adds what rings for an input.
    pub fn add_resonances(out: &mut [f64], input: &[f64], of: &mut Resonances) {
        let mut r = *of;
        for (out, x) in out.iter_mut().zip(input) {
            *out += r.next(*x + TINY);
        }
        *of = r;
    }

    /// Adds the first, then the second.
    pub fn add_more_resonances(
        out: &mut [f64],
        input: &[f64],
        one: &mut Resonances,
        other: &mut Resonances,
    ) {
        let (mut r, mut s) = (*one, *other);
        for (out, x) in out.iter_mut().zip(input) {
            *out = (*out + r.next(*x + TINY)) + s.next(*x + TINY);
        }
        (*one, *other) = (r, s);
    }

    /// Adds the sines of pointers, one after the other.
    pub fn add_swells(out: &mut [f64], of: &mut Swells) {
        let Swells { mut length, slope, mut sin, mut cos, step_sin, step_cos } = *of;
        for x in out {
            length = std::array::from_fn(|i| length[i] + slope[i]);
            let y: [f64; 2 * LANES] = std::array::from_fn(|i| length[i] * sin[i]);
            *x = y.iter().fold(*x, |sum, y| sum + y);
            let next = std::array::from_fn(|i| sin[i] * step_cos[i] + cos[i] * step_sin[i]);
            cos = std::array::from_fn(|i| cos[i] * step_cos[i] - sin[i] * step_sin[i]);
            sin = next;
        }
        (of.length, of.sin, of.cos) = (length, sin, cos);
    }

    /// Adds what vibrates after strikes, from rest.
    pub fn add_vibrations(out: &mut [f64], strikes: &[f64], of: &Vibrations) {
        let Vibrations { gain, a, b } = *of;
        let (mut now, mut before) = ([0.0; 2 * LANES], [0.0; 2 * LANES]);
        for (out, x) in out.iter_mut().zip(strikes) {
            let next = std::array::from_fn(|i| gain[i] * x + a[i] * now[i] - b[i] * before[i]);
            (before, now) = (now, next);
            *out += now.iter().fold(0.0, |sum, y| sum + y);
        }
    }

    /// Adds the sines of pointers, one after the other.
    pub fn add_pointers(out: &mut [f64], of: &Pointers) {
        let Pointers { amplitude, mut sin, mut cos, step_sin, step_cos } = *of;
        for x in out {
            let y: [f64; LANES] = std::array::from_fn(|i| amplitude[i] * sin[i]);
            *x = (((*x + y[0]) + y[1]) + y[2]) + y[3];
            let next = std::array::from_fn(|i| sin[i] * step_cos[i] + cos[i] * step_sin[i]);
            cos = std::array::from_fn(|i| cos[i] * step_cos[i] - sin[i] * step_sin[i]);
            sin = next;
        }
    }
}

/// A resonance that rings down into denormal numbers would be many times slower.
const TINY: f64 = 1e-30;
