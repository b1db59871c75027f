//! The building blocks of sounds: tones, noise, impulses, resonances and gates.
//!
//! They use only `+ - * /`, `sqrt` and, where possible, one `sin_cos` per oscillator, so that a
//! clip has the same samples on every machine.

use std::f64::consts::TAU;

use super::loops::{self, LANES, Pointers, Resonances, Sines, Vibrations};
use crate::math;
use crate::seed::Rng;

/// Samples between two values of a course. Short beside any change of a machine's speed or level.
pub const BLOCK: usize = 256;

/// Uniform in low..high.
pub fn within(rng: &mut Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.uniform()
}

/// A clip in the making, with its random numbers.
pub struct Sound {
    pub rate: f64,
    pub samples: Vec<f64>,
    pub rng: Rng,
    /// Buffers of parts that are already mixed in. Fresh memory costs as much as the sound that
    /// fills it.
    spare: Vec<Vec<f64>>,
}

impl Sound {
    /// Silence of this length.
    pub fn new(rate: f64, samples: usize, rng: Rng) -> Self {
        Self { rate, samples: vec![0.0; samples], rng, spare: Vec::new() }
    }

    /// The samples times a gain.
    pub fn finish(self, gain: f64) -> Vec<f32> {
        self.samples.iter().map(|x| (gain * x) as f32).collect()
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        within(&mut self.rng, low, high)
    }

    pub fn add(&mut self, other: &[f64], gain: f64) {
        self.samples.iter_mut().zip(other).for_each(|(x, y)| *x += gain * y);
    }

    /// Adds a sine with a random phase. A sine above 0.45 of the rate would alias and is left out.
    pub fn tone(&mut self, hz: f64, amplitude: f64) {
        let phase = self.rng.uniform();
        self.tones(&[(hz, amplitude, phase)]);
    }

    /// Adds sines, each `(hz, amplitude, phase)` with its phase in turns. Those above 0.45 of the
    /// rate are left out.
    pub fn tones(&mut self, tones: &[(f64, f64, f64)]) {
        let highest = 0.45 * self.rate;
        let heard: Vec<_> = tones.iter().filter(|tone| (0.0..highest).contains(&tone.0)).collect();
        for group in heard.chunks(LANES) {
            let mut pointers = Pointers::default();
            for (lane, &&(hz, amplitude, phase)) in group.iter().enumerate() {
                pointers.amplitude[lane] = amplitude;
                (pointers.step_sin[lane], pointers.step_cos[lane]) =
                    math::sin_cos(TAU * hz / self.rate);
                (pointers.sin[lane], pointers.cos[lane]) = math::sin_cos(TAU * phase);
            }
            loops::add_pointers(&mut self.samples, &pointers);
        }
    }

    /// Noise of variance 1 through the low-pass y[n] = colour y[n-1] + x[n].
    pub fn noise(&mut self, colour: f64) -> Vec<f64> {
        let gain = (1.0 - colour * colour).sqrt();
        let mut y = 0.0;
        (0..self.samples.len())
            .map(|_| {
                // The sum of three uniforms is near enough to normal, and needs no logarithm.
                let x = 2.0 * (self.rng.uniform() + self.rng.uniform() + self.rng.uniform() - 1.5);
                y = colour * y + gain * x;
                y
            })
            .collect()
    }

    /// A two-pole resonance at `hz` (kept below 0.4 of the rate) of the given bandwidth in Hz.
    /// White noise keeps its variance.
    pub fn resonate(&self, input: &[f64], hz: f64, bandwidth: f64) -> Vec<f64> {
        let angle = TAU * hz.min(0.4 * self.rate) / self.rate;
        let radius = (1.0 - TAU / 2.0 * bandwidth / self.rate).max(0.1);
        let (a, b) = (2.0 * radius * math::cos(angle), radius * radius);
        // Variance of the output for white input: a standard result for two poles.
        let variance = (1.0 + b) / ((1.0 - b) * ((1.0 + b) * (1.0 + b) - a * a));
        let gain = 1.0 / variance.sqrt();
        let (mut y1, mut y2) = (0.0, 0.0);
        input
            .iter()
            .map(|x| {
                let y = gain * x + a * y1 - b * y2;
                (y2, y1) = (y1, y);
                y
            })
            .collect()
    }

    /// Adds a part, and frees its buffer for another one.
    pub fn pour(&mut self, part: Vec<f64>, gain: f64) {
        self.add(&part, gain);
        self.spare.push(part);
    }

    /// Frees the buffer of a part.
    pub fn free(&mut self, part: Vec<f64>) {
        self.spare.push(part);
    }

    /// Silence with the length of the clip.
    pub fn silence(&mut self) -> Vec<f64> {
        let mut buffer = self.blank();
        buffer.fill(0.0);
        buffer
    }

    /// A buffer with the length of the clip, and arbitrary content.
    fn blank(&mut self) -> Vec<f64> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.resize(self.samples.len(), 0.0);
        buffer
    }

    /// White noise of variance 1. One draw gives four 16-bit pieces, whose sum is near enough to
    /// normal.
    pub fn white(&mut self) -> Vec<f64> {
        let deviation = 65536.0 / 3f64.sqrt();
        let mut noise = self.blank();
        for x in &mut noise {
            let bits = self.rng.next_u64();
            let sum =
                (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
            // At most 18 bits. From 64 bits the conversion would take several instructions.
            *x = (f64::from(sum as u32) - 131_070.0) / deviation;
        }
        noise
    }

    /// Noise of variance 1 that falls by 20 dB a decade above `hz`: [`Sound::white`] through one
    /// pole.
    pub fn dark(&mut self, hz: f64) -> Vec<f64> {
        let mut noise = self.white();
        let keep = 1.0 / (1.0 + TAU * hz / self.rate);
        let gain = (1.0 - keep * keep).sqrt();
        let mut y = 0.0;
        for x in &mut noise {
            y = keep * y + gain * *x;
            *x = y;
        }
        noise
    }

    /// Low-passes `signal` with one pole, its corner at `hz`. Frequencies far below keep their
    /// level.
    pub fn below(&self, signal: &mut [f64], hz: f64) {
        let keep = 1.0 / (1.0 + TAU * hz / self.rate);
        let mut y = 0.0;
        for x in signal {
            y = keep * y + (1.0 - keep) * *x;
            *x = y;
        }
    }

    /// The sum of resonances of one input, each `(hz, bandwidth, gain)`. A single one with gain 1
    /// has the gain of [`Sound::resonate`]: white noise keeps its variance, and an impulse of
    /// height h gets the energy h^2. Those above 0.4 of the rate are left out.
    pub fn body(&mut self, input: &[f64], modes: &[(f64, f64, f64)]) -> Vec<f64> {
        let mut out = self.blank();
        let heard: Vec<_> = modes.iter().filter(|mode| mode.0 < 0.4 * self.rate).collect();
        let mut groups: Vec<Resonances> = heard.chunks(LANES).map(|g| self.resonances(g)).collect();
        for (out, input) in out.chunks_mut(BLOCK).zip(input.chunks(BLOCK)) {
            out.fill(0.0);
            for pair in groups.chunks_mut(2) {
                match pair {
                    [one, other] => loops::add_more_resonances(out, input, one, other),
                    rest => rest.iter_mut().for_each(|one| loops::add_resonances(out, input, one)),
                }
            }
        }
        out
    }

    /// Up to [`LANES`] resonances of [`Sound::body`].
    fn resonances(&self, modes: &[&(f64, f64, f64)]) -> Resonances {
        let mut of = Resonances::default();
        for (lane, &&(hz, bandwidth, level)) in modes.iter().enumerate() {
            let radius = (1.0 - TAU / 2.0 * bandwidth / self.rate).max(0.1);
            let (a, b) = (2.0 * radius * math::cos(TAU * hz / self.rate), radius * radius);
            let variance = (1.0 + b) / ((1.0 - b) * ((1.0 + b) * (1.0 + b) - a * a));
            (of.a[lane], of.b[lane]) = (a, b);
            of.gain[lane] = level / variance.sqrt();
        }
        of
    }

    /// A slow random course about `mean`, one value every [`BLOCK`] samples: AR(1) with this time
    /// constant in seconds. `spread` is its standard deviation as a share of the mean; values stay
    /// within three deviations.
    pub fn drift(&mut self, mean: f64, seconds: f64, spread: f64) -> Vec<f64> {
        let keep = 1.0 / (1.0 + BLOCK as f64 / (self.rate * seconds));
        let gain = (1.0 - keep * keep).sqrt();
        let mut draw =
            || 2.0 * (self.rng.uniform() + self.rng.uniform() + self.rng.uniform() - 1.5);
        let mut y = draw();
        (0..self.samples.len() / BLOCK + 2)
            .map(|_| {
                let value = mean * (1.0 + spread * y.clamp(-3.0, 3.0));
                y = keep * y + gain * draw();
                value
            })
            .collect()
    }

    /// Multiplies by a course from [`Sound::drift`], linearly from value to value.
    pub fn follow(input: &mut [f64], course: &[f64]) {
        for (block, ends) in input.chunks_mut(BLOCK).zip(course.windows(2)) {
            let slope = (ends[1] - ends[0]) / BLOCK as f64;
            block.iter_mut().enumerate().for_each(|(i, x)| *x *= ends[0] + slope * i as f64);
        }
    }

    /// Sines of random phase that share one course of frequency in Hz, like the orders of a shaft:
    /// each is `(order, amplitude)`. Orders above 0.45 of the rate or 60 dB below 1 are left out.
    pub fn orders(&mut self, course: &[f64], lines: &[(f64, f64)]) -> Vec<f64> {
        let mut out = self.blank();
        let highest = course.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
        let mut heard: Vec<(f64, f64, f64)> = Vec::new();
        for &(order, amplitude) in lines {
            let phase = self.rng.uniform();
            if order * highest < 0.45 * self.rate && amplitude.abs() >= 1e-3 {
                heard.push((order, amplitude, phase));
            }
        }
        for (block, hz) in out.chunks_mut(BLOCK).zip(course) {
            block.fill(0.0);
            for pair in heard.chunks_mut(4 * LANES) {
                let mut groups = pair.chunks_mut(2 * LANES).map(|some| self.sines(some, *hz));
                match (groups.next(), groups.next()) {
                    (Some(mut one), Some(mut other)) => {
                        loops::add_more_sines(block, &mut one, &mut other);
                    }
                    (Some(mut one), _) => loops::add_sines(block, &mut one),
                    _ => {}
                }
            }
        }
        out
    }

    /// Up to 2 [`LANES`] orders of a shaft of `hz` in a block: each `(order, amplitude, phase)`.
    /// Turns the phases on to the next block.
    fn sines(&self, orders: &mut [(f64, f64, f64)], hz: f64) -> Sines {
        let mut sines = Sines::default();
        for (lane, (order, amplitude, phase)) in orders.iter_mut().enumerate() {
            let step = *order * hz / self.rate;
            let (sin, cos) = math::sin_cos(TAU * *phase);
            let (step_sin, step_cos) = math::sin_cos(TAU * step);
            sines.turn[lane] = 2.0 * step_cos;
            sines.now[lane] = *amplitude * sin;
            sines.before[lane] = *amplitude * (sin * step_cos - cos * step_sin);
            *phase = (*phase + step * BLOCK as f64).fract();
        }
        sines
    }

    /// A soft hump of height 1 in each period of a course in Hz. It lasts for the share `open` of
    /// the period.
    pub fn humps(&mut self, course: &[f64], open: f64) -> Vec<f64> {
        let mut place = self.rng.uniform();
        let mut out = self.silence();
        for (block, hz) in out.chunks_mut(BLOCK).zip(course) {
            let step = hz / self.rate;
            for x in block {
                let within = place / open;
                if within < 1.0 {
                    *x = 4.0 * within * (1.0 - within);
                }
                place += step;
                if place >= 1.0 {
                    place -= 1.0;
                }
            }
        }
        out
    }

    /// Adds an impulse at a time in seconds, if the clip is that long. [`Sound::body`] turns it
    /// into an energy of `level^2` seconds at any rate.
    pub fn strike(&self, impulses: &mut [f64], seconds: f64, level: f64) {
        if let Some(x) = impulses.get_mut((seconds * self.rate) as usize) {
            *x += level * self.rate.sqrt();
        }
    }
}

/// A damped vibration: a strike of size 1 makes it ring as a sine of amplitude `gain`.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    pub hz: f64,
    /// Width of the resonance at -3 dB in Hz; the sound decays by 1/e in 1 / (pi bandwidth)
    /// seconds.
    pub bandwidth: f64,
    pub gain: f64,
}

impl Sound {
    /// The summed response of the modes to strikes. Modes above 0.45 of the rate stay silent.
    ///
    /// A mode is the usual two-pole recurrence, scaled by sin(angle) so that a unit impulse rings
    /// at amplitude 1 at every rate.
    pub fn ring(&self, strikes: &[f64], modes: &[Mode]) -> Vec<f64> {
        let mut out = vec![0.0; strikes.len()];
        for modes in modes.chunks(2 * LANES) {
            let mut of = Vibrations::default();
            for (lane, mode) in
                modes.iter().enumerate().filter(|(_, mode)| mode.hz < 0.45 * self.rate)
            {
                let angle = TAU * mode.hz / self.rate;
                let radius = math::exp(-TAU / 2.0 * mode.bandwidth / self.rate);
                (of.a[lane], of.b[lane]) = (2.0 * radius * math::cos(angle), radius * radius);
                of.gain[lane] = mode.gain * math::sin(angle);
            }
            loops::add_vibrations(&mut out, strikes, &of);
        }
        out
    }
}

/// Adds a strike of this size at a time in samples: a half sine that lasts as long as the bodies
/// touch.
///
/// A short contact excites all frequencies alike. A long (soft) one hardly excites those above 1 /
/// contact.
pub fn strike(out: &mut [f64], at: f64, size: f64, contact: f64) {
    let width = contact.max(1.0);
    let (first, count) = (at.floor(), width.ceil() as usize);
    let shape = |i: usize| math::sin(TAU / 2.0 * (i as f64 + 0.5) / count as f64);
    let sum: f64 = (0..count).map(shape).sum();
    for i in 0..count {
        let place = first + i as f64;
        if place >= 0.0
            && let Some(x) = out.get_mut(place as usize)
        {
            *x += size * shape(i) / sum;
        }
    }
}
