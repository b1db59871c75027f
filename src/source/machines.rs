//! The sounds of the generator, each from the simplest physics that has the right kind of spectrum.
//!
//! Only `+ - * /`, `sqrt` and one `sin_cos` per oscillator are used, so that a recipe gives the same
//! samples wherever it is rendered.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::seed::{Rng, Seed};

/// The machines of the generator.
pub(super) const KINDS: [&str; 5] = ["bearing", "fan", "gearbox", "slider", "valve"];

/// Everything that decides the samples of a clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    pub machine: String,
    /// Samples a second.
    pub rate: u32,
    pub samples: u32,
    /// Speed, in turns or strokes; each machine has a scale of its own.
    pub speed: f64,
    /// Amplitude of the background noise; the machine's own sound is about 1.
    pub noise_level: f64,
    /// Coefficient of the one-pole low-pass that colours the background noise: 0 is white.
    pub noise_colour: f64,
    /// Size of the fault; 0: none.
    pub fault: f64,
    /// Seed of what belongs to the machine: blades, teeth, resonances.
    pub unit: u64,
    /// Seed of what belongs to the clip.
    pub seed: u64,
}

/// Full scale is 1; machines are heard at about this amplitude.
const LEVEL: f64 = 0.05;

/// The samples of a recipe, or `None` if there is no such machine.
pub(super) fn render(recipe: &Recipe) -> Option<Vec<f64>> {
    let mut sound = Sound {
        rate: f64::from(recipe.rate),
        samples: vec![0.0; recipe.samples as usize],
        rng: Seed(recipe.seed).derive(&["sound"]).rng(),
    };
    let mut unit = Seed(recipe.unit).rng();
    // No machine holds its speed to the last digit, and no clip is recorded at quite the same level.
    let speed = recipe.speed * sound.between(0.985, 1.015);
    match recipe.machine.as_str() {
        "bearing" => bearing(&mut sound, &mut unit, speed, recipe.fault),
        "fan" => fan(&mut sound, &mut unit, speed, recipe.fault),
        "gearbox" => gearbox(&mut sound, &mut unit, speed, recipe.fault),
        "slider" => slider(&mut sound, &mut unit, speed, recipe.fault),
        "valve" => valve(&mut sound, &mut unit, speed, recipe.fault),
        _ => return None,
    }
    let gain = LEVEL * sound.between(0.85, 1.15);
    let background = recipe.noise_level * sound.between(0.85, 1.15);
    let noise = sound.noise(recipe.noise_colour);
    Some(sound.samples.iter().zip(noise).map(|(x, n)| gain * x + LEVEL * background * n).collect())
}

/// Rolling noise through the resonance of the housing. Fault: a pit in the outer race, struck by each
/// ball, rings the same resonance.
fn bearing(sound: &mut Sound, unit: &mut Rng, speed: f64, fault: f64) {
    let shaft = 2.5 * speed;
    let resonance = within(unit, 2200.0, 3400.0);
    let balls = 7.0 + unit.below(4) as f64;
    let rolling = sound.noise(0.3);
    let rolling = sound.resonate(&rolling, resonance, 250.0);
    let roughness = 0.25 * (speed / 12.0) * sound.between(0.85, 1.15);
    sound.add(&rolling, roughness);
    for harmonic in 1..=3 {
        let amplitude = 0.3 / f64::from(harmonic) * sound.between(0.8, 1.2);
        sound.tone(f64::from(harmonic) * shaft, amplitude);
    }
    // Outer-race frequency for a ball of a fifth of the pitch diameter.
    let strikes = sound.impulses(0.4 * balls * shaft, 0.02, 0.3);
    let ringing = sound.resonate(&strikes, resonance, 400.0);
    sound.add(&ringing, 6.0 * fault);
}

/// Tones of the blades passing, and turbulence. Fault: one heavy blade, which shakes the shaft and rubs
/// once a turn.
fn fan(sound: &mut Sound, unit: &mut Rng, speed: f64, fault: f64) {
    let shaft = 2.0 * speed;
    let blades = 5.0 + unit.below(4) as f64;
    for harmonic in 1..=12 {
        let strength = within(unit, 0.4, 1.0) / f64::from(harmonic);
        let amplitude = 0.6 * strength * sound.between(0.8, 1.2);
        sound.tone(f64::from(harmonic) * blades * shaft, amplitude);
    }
    let turbulence = sound.noise(0.85);
    let amount = 0.5 * (speed / 12.0) * sound.between(0.85, 1.15);
    sound.add(&turbulence, amount);
    for harmonic in 1..=3 {
        sound.tone(f64::from(harmonic) * shaft, 0.3 * fault / f64::from(harmonic));
    }
    let contact = sound.noise(0.0);
    let contact = sound.resonate(&contact, within(unit, 1500.0, 2500.0), 500.0);
    let rub = sound.gated(&contact, shaft, 0.15);
    sound.add(&rub, 0.9 * fault);
}

/// The tone of meshing teeth and its harmonics, with sidebands one turn apart. Fault: a worn tooth raises
/// the sidebands and knocks once a turn.
fn gearbox(sound: &mut Sound, unit: &mut Rng, speed: f64, fault: f64) {
    let shaft = 1.5 * speed;
    let mesh = shaft * (22.0 + unit.below(9) as f64);
    for harmonic in 1..=4 {
        let order = f64::from(harmonic);
        let amplitude = within(unit, 0.5, 1.0) / order * sound.between(0.8, 1.2);
        sound.tone(order * mesh, amplitude);
        for side in [-2.0, -1.0, 1.0, 2.0] {
            let sideband = amplitude * (0.15 + 0.25 * fault) * sound.between(0.7, 1.3);
            sound.tone(order * mesh + side * shaft, sideband);
        }
    }
    let knocks = sound.impulses(shaft, 0.01, 0.2);
    let ringing = sound.resonate(&knocks, within(unit, 2500.0, 4000.0), 300.0);
    sound.add(&ringing, 8.0 * fault);
}

/// Strokes to and fro: the motor's tone rises and falls with the carriage's speed. Fault: a dry
/// rail scratches once a stroke.
fn slider(sound: &mut Sound, unit: &mut Rng, speed: f64, fault: f64) {
    let strokes = speed / 8.0;
    let (low, high) = (25.0 * speed, 25.0 * speed + within(unit, 400.0, 700.0) * speed / 12.0);
    let amplitude = 0.8 * sound.between(0.8, 1.2);
    let start = sound.rng.uniform();
    let mut phase = 0.0;
    for i in 0..sound.samples.len() {
        let place = (start + strokes * i as f64 / sound.rate).fract();
        // A parabola: still at the ends of the stroke, fastest in its middle.
        let swing = 4.0 * place * (1.0 - place);
        phase = (phase + (low + (high - low) * swing) / sound.rate).fract();
        sound.samples[i] += amplitude * swing * ((TAU * phase).sin() + 0.4 * (2.0 * TAU * phase).sin());
    }
    let rail = sound.noise(0.5);
    let friction = 0.25 * sound.between(0.8, 1.2);
    sound.add(&rail, friction);
    let scratch = sound.noise(0.0);
    let scratch = sound.resonate(&scratch, within(unit, 3000.0, 4500.0), 900.0);
    let scratch = sound.gated(&scratch, strokes, 0.35);
    sound.add(&scratch, 0.9 * fault);
}

/// Clicks at regular times that ring the body. Fault: a leak hisses once a beat, and the seat no
/// longer strikes hard.
fn valve(sound: &mut Sound, unit: &mut Rng, speed: f64, fault: f64) {
    let beat = speed / 3.0;
    let body = within(unit, 900.0, 1400.0);
    let seat = within(unit, 2400.0, 3600.0);
    let strikes = sound.impulses(beat, 0.03, 0.2);
    let opening = sound.resonate(&strikes, body, 120.0);
    let closing = sound.resonate(&strikes, seat, 200.0);
    sound.add(&opening, 6.0);
    sound.add(&closing, 5.0 / (1.0 + fault));
    let gas = sound.noise(0.0);
    let hiss = sound.resonate(&gas, within(unit, 5000.0, 6500.0), 1500.0);
    let hiss = sound.gated(&hiss, beat, 0.3);
    sound.add(&hiss, 1.1 * fault);
}

/// Uniform in low..high.
fn within(rng: &mut Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.uniform()
}

/// A clip being made, and its random numbers.
struct Sound {
    rate: f64,
    samples: Vec<f64>,
    rng: Rng,
}

impl Sound {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        within(&mut self.rng, low, high)
    }

    fn add(&mut self, other: &[f64], gain: f64) {
        self.samples.iter_mut().zip(other).for_each(|(x, y)| *x += gain * y);
    }

    /// Adds a sine with a random phase; nothing above 0.45 of the rate, which would alias.
    fn tone(&mut self, hz: f64, amplitude: f64) {
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
    fn noise(&mut self, colour: f64) -> Vec<f64> {
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
    fn impulses(&mut self, hz: f64, time_jitter: f64, height_jitter: f64) -> Vec<f64> {
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
    fn resonate(&self, input: &[f64], hz: f64, bandwidth: f64) -> Vec<f64> {
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
    fn gated(&mut self, input: &[f64], hz: f64, open: f64) -> Vec<f64> {
        let start = self.rng.uniform();
        let gate = |i: usize| {
            let place = (start + hz * i as f64 / self.rate).fract() / open;
            if place < 1.0 { 4.0 * place * (1.0 - place) } else { 0.0 }
        };
        input.iter().enumerate().map(|(i, x)| x * gate(i)).collect()
    }
}
