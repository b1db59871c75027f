//! The parts of rotating machines: vibration that repeats with an angle, slow drift of speed, and a
//! housing that rings.
//!
//! Teeth, balls and magnet poles pass at fixed angles. So their vibration is stored as one turn of
//! samples ([`Wheel`]) and read at the shaft's present speed. Unequal teeth then give sidebands one
//! turn apart, like real gears (Randall 2011, "Vibration-based condition monitoring", chapter 2),
//! and all lines of a shaft stay locked to each other while the speed wanders. Speeds and gains
//! change [`TICKS`] times a second; samples in between lie on straight lines. Noise and blows are
//! scaled to the rate ([`Scale`]), so that a machine sounds alike at each rate.

use std::f64::consts::{PI, TAU};

use super::sound::within;
use crate::math;
use crate::seed::Rng;

/// Changes of speed and gain per second.
pub const TICKS: f64 = 500.0;
/// Contact forces are white up to this frequency, Hz.
const CORNER: f64 = 1300.0;
/// Samples per tooth in the stored turn of a wheel.
const PITCH: usize = 256;

/// White noise of about unit variance from one draw: the sum of four 16-bit uniforms.
pub fn white(rng: &mut Rng) -> f64 {
    let x = rng.next_u64();
    let sum = (x & 0xffff) + (x >> 16 & 0xffff) + (x >> 32 & 0xffff) + (x >> 48);
    // Mean 4 * 65535 / 2, variance 4 * 65536^2 / 12.
    (f64::from(sum as u32) - 131_070.0) * (3f64.sqrt() / 65_536.0)
}

/// A random factor, about even in decibels near 1: uniform in 1/(1+spread)..1+spread.
pub fn about(rng: &mut Rng, spread: f64) -> f64 {
    let x = within(rng, -spread, spread);
    if x < 0.0 { 1.0 / (1.0 - x) } else { 1.0 + x }
}

/// The lengths and gains that depend on the sampling rate alone.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Samples per tick.
    pub tick: usize,
    /// Seconds per tick.
    pub seconds: f64,
    /// Feedback of a one-pole low-pass at [`CORNER`]. It colours friction and lets blows die away.
    pub keep: f64,
    /// Gain of white noise for a density independent of the rate.
    pub white: f64,
    /// Gain of white noise into that low-pass for a density independent of the rate. The variance
    /// is 1 at 16 kHz.
    pub noise: f64,
    /// Height of a blow into that low-pass for an impulse independent of the rate.
    pub strike: f64,
}

impl Scale {
    pub fn new(rate: f64) -> Self {
        let tick = ((rate / TICKS).round() as usize).max(1);
        let ratio = rate / 16_000.0;
        let keep = math::exp(-TAU * CORNER / rate);
        let share = 2.0 * (1.0 - keep);
        Self {
            tick,
            seconds: tick as f64 / rate,
            keep,
            white: ratio.sqrt(),
            noise: share * ratio.sqrt(),
            strike: share * ratio,
        }
    }
}

/// A stationary random walk about 0 (AR(1), Ornstein-Uhlenbeck sampled once a tick).
pub struct Drift {
    keep: f64,
    push: f64,
    pub value: f64,
}

impl Drift {
    /// A walk with standard deviation `deviation` and a correlation time in seconds.
    pub fn new(rng: &mut Rng, deviation: f64, seconds: f64, scale: &Scale) -> Self {
        let keep = math::exp(-scale.seconds / seconds);
        Self { keep, push: deviation * (1.0 - keep * keep).sqrt(), value: deviation * white(rng) }
    }

    pub fn step(&mut self, rng: &mut Rng) -> f64 {
        self.value = self.keep * self.value + self.push * white(rng);
        self.value
    }
}

/// A gate that opens once a turn, each time with another height: the effect of one place of a wheel
/// when it passes.
pub struct Bump {
    place: f64,
    width: f64,
    spread: f64,
    height: f64,
}

impl Bump {
    /// A gate that is open for the share `width` of a turn. `place` (0..1) is the part of a turn
    /// since it opened; heights are [`about`] 1.
    pub fn new(rng: &mut Rng, place: f64, width: f64, spread: f64) -> Self {
        Self { place, width, spread, height: about(rng, spread) }
    }

    /// The gate's present height (a parabola, nearly half a sine). Then moves on by `step` turns.
    pub fn next(&mut self, step: f64, rng: &mut Rng) -> f64 {
        let place = self.place / self.width;
        self.place += step;
        if self.place >= 1.0 {
            self.place -= 1.0;
            self.height = about(rng, self.spread);
        }
        if place < 1.0 { 4.0 * self.height * place * (1.0 - place) } else { 0.0 }
    }
}

/// One turn of a vibration whose shape repeats at each tooth (ball, pole).
pub struct Wheel {
    /// One turn; its first sample is repeated at the end.
    turn: Vec<f64>,
}

impl Wheel {
    /// `harmonics[k]` is the amplitude of order k + 1 of the teeth; their phases are random. Each
    /// tooth has a gain and a shift in pitches: its errors of form and of place. The caller omits
    /// orders above the band at the highest speed ([`orders`]).
    pub fn new(rng: &mut Rng, harmonics: &[f64], gains: &[f64], shifts: &[f64]) -> Self {
        let mut shape = vec![0.0; 2 * PITCH + 1];
        for (k, amplitude) in harmonics.iter().enumerate() {
            let phase = TAU * rng.uniform();
            let (step_sin, step_cos) = math::sin_cos(TAU * (k + 1) as f64 / (2 * PITCH) as f64);
            let (mut sin, mut cos) = math::sin_cos(phase);
            for x in &mut shape {
                *x += amplitude * sin;
                (sin, cos) = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
            }
        }
        let teeth = gains.len();
        let mut turn: Vec<f64> = (0..teeth * PITCH)
            .map(|i| {
                let (tooth, place) = (i / PITCH, (i % PITCH) as f64 / PITCH as f64);
                let ease = place * place * (3.0 - 2.0 * place);
                let mix = |of: &[f64]| of[tooth] + (of[(tooth + 1) % teeth] - of[tooth]) * ease;
                mix(gains) * read(&shape, (place + mix(shifts)).rem_euclid(1.0))
            })
            .collect();
        turn.push(turn[0]);
        Self { turn }
    }

    /// Adds the vibration to `out` from the angle `at` (turns, 0..1) with `step` (below 1) turns
    /// per sample. The gain goes linearly from `from` to `to`.
    pub fn add(&self, out: &mut [f64], at: f64, step: f64, from: f64, to: f64) {
        let slope = (to - from) / out.len() as f64;
        let (mut at, mut gain) = (at, from);
        for x in out {
            *x += gain * read(&self.turn, at);
            gain += slope;
            at += step;
            if at >= 1.0 {
                at -= 1.0;
            }
        }
    }
}

/// The value of a periodic table at a place in 0..1, linearly interpolated.
fn read(table: &[f64], at: f64) -> f64 {
    let place = at * (table.len() - 1) as f64;
    // A place that rounds to 1 belongs to the last interval.
    let i = (place as usize).min(table.len() - 2);
    table[i] + (table[i + 1] - table[i]) * (place - i as f64)
}

/// The number of harmonics of `hz`, at most `most`, below 0.45 of the rate. The rest is room for
/// sidebands.
pub fn orders(hz: f64, rate: f64, most: usize) -> usize {
    ((0.42 * rate / hz) as usize).min(most)
}

/// A mode of a housing: Hz, bandwidth in Hz, gain at the peak.
pub type Mode = (f64, f64, f64);

/// Parallel two-pole resonances with zeros at 0 and at half the rate, each with a stated peak gain.
pub struct Modes<const N: usize> {
    gain: [f64; N],
    a: [f64; N],
    b: [f64; N],
    y1: [f64; N],
    y2: [f64; N],
    x: [f64; 2],
}

impl<const N: usize> Modes<N> {
    /// Modes above 0.42 of the rate are silent.
    pub fn new(rate: f64, modes: [Mode; N]) -> Self {
        let radius = modes.map(|(_, bandwidth, _)| math::exp(-PI * bandwidth / rate));
        let mut out = Self {
            gain: [0.0; N],
            a: [0.0; N],
            b: [0.0; N],
            y1: [0.0; N],
            y2: [0.0; N],
            x: [0.0; 2],
        };
        for (i, (&(hz, _, gain), r)) in modes.iter().zip(radius).enumerate() {
            if hz < 0.42 * rate {
                out.gain[i] = gain * (1.0 - r * r) / 2.0;
                out.a[i] = 2.0 * r * math::cos(TAU * hz / rate);
                out.b[i] = r * r;
            }
        }
        out
    }

    /// The next sample of the sum of all modes.
    #[inline(always)]
    pub fn ring(&mut self, x: f64) -> f64 {
        let push = x - self.x[1];
        self.x = [x, self.x[0]];
        let mut sum = 0.0;
        for i in 0..N {
            let y = self.gain[i] * push + self.a[i] * self.y1[i] - self.b[i] * self.y2[i];
            self.y2[i] = self.y1[i];
            self.y1[i] = y;
            sum += y;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::line;
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn noise_and_drift_have_their_moments() {
        let rng = &mut Seed(3).rng();
        let n = 100_000;
        let x: Vec<f64> = (0..n).map(|_| white(rng)).collect();
        let mean = x.iter().sum::<f64>() / n as f64;
        let var = x.iter().map(|x| x * x).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.02 && (var - 1.0).abs() < 0.02, "{mean} {var}");
        let mut drift = Drift::new(rng, 0.5, 0.1, &Scale::new(16_000.0));
        let var = (0..n).map(|_| math::square(drift.step(rng))).sum::<f64>() / n as f64;
        assert!((var - 0.25).abs() < 0.05, "{var}");
    }

    #[test]
    fn equal_teeth_have_no_sidebands_and_one_odd_tooth_has() {
        let turns = |gains: &[f64]| {
            let wheel = Wheel::new(&mut Seed(1).rng(), &[1.0, 0.5], gains, &vec![0.0; gains.len()]);
            let mut out = vec![0.0; 8000];
            wheel.add(&mut out, 0.0, 10.0 / 8000.0, 1.0, 1.0);
            out.iter().map(|x| *x as f32).collect::<Vec<f32>>()
        };
        let (even, odd) = (
            turns(&[1.0; 12]),
            turns(&[1.0, 1.0, 1.0, 0.4, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        );
        assert!(
            (line(&even, 8000.0, 120.0) - 1.0).abs() < 0.01
                && (line(&even, 8000.0, 240.0) - 0.5).abs() < 0.01
        );
        assert!(line(&even, 8000.0, 130.0) < 1e-3, "{}", line(&even, 8000.0, 130.0));
        assert!(line(&odd, 8000.0, 130.0) > 0.02, "{}", line(&odd, 8000.0, 130.0));
    }

    #[test]
    fn a_bump_comes_once_a_turn_for_its_share_of_it() {
        let rng = &mut Seed(1).rng();
        let mut bump = Bump::new(rng, 0.5, 0.2, 0.0);
        let heights: Vec<f64> = (0..1000).map(|_| bump.next(0.01, rng)).collect();
        let open = heights.iter().filter(|&&h| h > 1e-9).count();
        assert!((180..=200).contains(&open), "{open}");
        assert!(
            heights.iter().all(|h| *h < 1.001) && heights[60] > 0.9 && heights[30] == 0.0,
            "{heights:?}"
        );
    }

    #[test]
    fn a_mode_has_its_peak_gain_at_its_frequency() {
        for rate in [8000.0, 16_000.0, 44_100.0] {
            let mut modes = Modes::new(rate, [(1000.0, 80.0, 0.7), (30_000.0, 10.0, 5.0)]);
            let n = rate as usize;
            let peak = (0..n)
                .map(|i| modes.ring(math::sin(TAU * 1000.0 * i as f64 / rate)))
                .skip(n / 2)
                .fold(0.0, |m: f64, y| m.max(y.abs()));
            assert!((peak - 0.7).abs() < 0.02, "{rate} {peak}");
        }
    }
}
