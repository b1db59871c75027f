//! What sounds are made of: tones, noise, impulses, resonances and gates.
//!
//! Only `+ - * /`, `sqrt` and one `sin_cos` per oscillator where possible, so that a clip has the same samples
//! wherever it is rendered.

use std::f64::consts::TAU;

use crate::seed::Rng;

/// Uniform in low..high.
pub fn within(rng: &mut Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.uniform()
}

/// A clip being made, and its random numbers.
pub struct Sound {
    pub rate: f64,
    pub samples: Vec<f64>,
    pub rng: Rng,
}

impl Sound {
    /// Silence of this length.
    pub fn new(rate: f64, samples: usize, rng: Rng) -> Self {
        Self { rate, samples: vec![0.0; samples], rng }
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

    /// Adds a sine with a random phase; nothing above 0.45 of the rate, which would alias.
    pub fn tone(&mut self, hz: f64, amplitude: f64) {
        let phase = self.rng.uniform();
        if !(0.0..0.45 * self.rate).contains(&hz) {
            return;
        }
        let (step_sin, step_cos) = (TAU * hz / self.rate).sin_cos();
        let (mut sin, mut cos) = (TAU * phase).sin_cos();
        for x in &mut self.samples {
            *x += amplitude * sin;
            (sin, cos) = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
        }
    }

    /// Noise of variance 1 through the low-pass y[n] = colour y[n-1] + x[n].
    pub fn noise(&mut self, colour: f64) -> Vec<f64> {
        let gain = (1.0 - colour * colour).sqrt();
        let mut y = 0.0;
        (0..self.samples.len())
            .map(|_| {
                // Three uniforms are near enough to normal, and need no logarithm.
                let x = 2.0 * (self.rng.uniform() + self.rng.uniform() + self.rng.uniform() - 1.5);
                y = colour * y + gain * x;
                y
            })
            .collect()
    }

    /// Impulses `hz` times a second, with jitter of the time (in periods) and of the height (about 1).
    pub fn impulses(&mut self, hz: f64, time_jitter: f64, height_jitter: f64) -> Vec<f64> {
        let mut out = vec![0.0; self.samples.len()];
        let period = self.rate / hz;
        let mut next = self.rng.uniform() * period;
        while next < out.len() as f64 {
            let at = next + self.between(-time_jitter, time_jitter) * period;
            let height = 1.0 + self.between(-height_jitter, height_jitter);
            if let Some(x) = out.get_mut(at.max(0.0) as usize) {
                *x += height;
            }
            next += period;
        }
        out
    }

    /// A two-pole resonance at `hz` (kept below 0.4 of the rate) of the given bandwidth in Hz. White noise
    /// keeps its variance.
    pub fn resonate(&self, input: &[f64], hz: f64, bandwidth: f64) -> Vec<f64> {
        let angle = TAU * hz.min(0.4 * self.rate) / self.rate;
        let radius = (1.0 - TAU / 2.0 * bandwidth / self.rate).max(0.1);
        let (a, b) = (2.0 * radius * angle.cos(), radius * radius);
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

    /// `input` let through for the share `open` of each of `hz` periods a second, with soft edges.
    pub fn gated(&mut self, input: &[f64], hz: f64, open: f64) -> Vec<f64> {
        let start = self.rng.uniform();
        let gate = |i: usize| {
            let place = (start + hz * i as f64 / self.rate).fract() / open;
            if place < 1.0 { 4.0 * place * (1.0 - place) } else { 0.0 }
        };
        input.iter().enumerate().map(|(i, x)| x * gate(i)).collect()
    }
}

/// A damped vibration: what a strike of size 1 sets off rings as a sine of amplitude `gain`.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    pub hz: f64,
    /// Width of the resonance at -3 dB in Hz; the sound decays by 1/e in 1 / (pi bandwidth) seconds.
    pub bandwidth: f64,
    pub gain: f64,
}

impl Sound {
    /// The sum of what modes answer to strikes. Modes above 0.45 of the rate stay silent.
    ///
    /// Eight at a time, so that the compiler can vectorise; a mode is the usual two-pole recurrence, scaled by
    /// sin(angle) so that a unit impulse rings at amplitude 1 at every rate.
    pub fn ring(&self, strikes: &[f64], modes: &[Mode]) -> Vec<f64> {
        const LANES: usize = 8;
        let mut out = vec![0.0; strikes.len()];
        for modes in modes.chunks(LANES) {
            let (mut a, mut b, mut gain) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
            for (lane, mode) in modes.iter().enumerate().filter(|(_, mode)| mode.hz < 0.45 * self.rate) {
                let angle = TAU * mode.hz / self.rate;
                let radius = (-TAU / 2.0 * mode.bandwidth / self.rate).exp();
                (a[lane], b[lane]) = (2.0 * radius * angle.cos(), radius * radius);
                gain[lane] = mode.gain * angle.sin();
            }
            let (mut y1, mut y2) = ([0.0; LANES], [0.0; LANES]);
            for (out, x) in out.iter_mut().zip(strikes) {
                let mut sum = 0.0;
                for lane in 0..LANES {
                    let y = gain[lane] * x + a[lane] * y1[lane] - b[lane] * y2[lane];
                    y2[lane] = y1[lane];
                    y1[lane] = y;
                    sum += y;
                }
                *out += sum;
            }
        }
        out
    }
}

/// Adds a strike of this size at a time in samples: a half sine that lasts as long as the bodies touch.
///
/// A short contact excites all frequencies alike, a long (soft) one hardly those above 1 / contact.
pub fn strike(out: &mut [f64], at: f64, size: f64, contact: f64) {
    let width = contact.max(1.0);
    let (first, count) = (at.floor(), width.ceil() as usize);
    let shape = |i: usize| (TAU / 2.0 * (i as f64 + 0.5) / count as f64).sin();
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
