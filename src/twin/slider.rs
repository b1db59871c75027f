//! A linear slide: a motor and a toothed belt draw a carriage to and fro along a rail with
//! recirculating balls.
//!
//! - [`Motion`] moves the carriage: `vel` in mm/s, `ac` in g, on a rail of 0.57 m. Without `ac` the
//!   drive accelerates at 0.3 g. Without `vel` it plans 93 % of the speed that the rail has room
//!   for, as in MIMII DG.
//! - Tones follow the speed. The motor makes 200 steps a turn of a pulley of about 20 mm (hence
//!   some 10 kHz at 1 m/s), and its windings add an order at about three quarters of that. The belt
//!   has a tooth every 5 mm and two harmonics (mesh frequency = speed / pitch, any textbook on belt
//!   drives). The power stage's carrier mirrors the steps (carrier - steps). Tones grow with the
//!   speed and with the two resonances of the housing.
//! - Rolling noise has a pressure in proportion to the speed (20 lg v, makers' figures for ball
//!   guides), through resonances of rail and carriage. The texture of the rail makes each place a
//!   little louder or softer.
//! - Jumps of the acceleration thump: the force jumps with them, and the frame rings at some
//!   hundred hertz.
//!
//! Faults. `rail crack`: balls cross a crack at one place of the rail. They travel at half the
//! carriage's speed (rolling without slip), so a carriage with balls 6 mm apart gives a strike
//! every 12 mm while it passes. `lost grease`: the film breaks at low speed (Stribeck's curve), and
//! balls and seals stick and slip about once a millimetre. At speed, rolling is harsher. `loose
//! belt`: each jump of the acceleration takes up the slack at a speed of sqrt(2 acceleration
//! slack). So the belt slaps and flutters a few times, and the flutter shakes the speed of the
//! carriage.

use std::f64::consts::TAU;

use super::Scene;
use super::loops::{self, LANES, Swells};
use super::sound::{Mode, Sound, strike, within};
use super::stroke::{Motion, Stroke};
use crate::math;
use crate::seed::Rng;

pub const FAULTS: &[&str] = &["rail crack", "lost grease", "loose belt"];

/// Length of the rail in m.
const RAIL: f64 = 0.57;
/// Standard gravity, m/s².
const GRAVITY: f64 = 9.80665;
/// Speed to which the stated amplitudes belong, m/s.
const NOMINAL: f64 = 0.5;
/// Samples between two settings of the oscillators.
const BLOCK: usize = 32;

/// The samples of a recording.
pub fn render(scene: &Scene) -> Result<Vec<f32>, String> {
    let plan = plan(scene)?;
    let mut unit = scene.unit.rng();
    let unit = &mut unit;
    let mut sound = scene.sound();
    // A fault has its own random numbers, so the recording without it stays the same.
    let mut luck = scene.clip.derive(&["slider", "fault"]).rng();
    let motion = Motion::new(&mut sound, plan, within(unit, 0.6, 0.9));
    let flutter = Flutter::new(&motion, scene.fault("loose belt"), unit, &mut luck, sound.rate);
    let harsh = 1.0 + 0.6 * scene.fault("lost grease");

    roll(&mut sound, &motion, unit, harsh);
    rattle(&mut sound, &motion, unit);
    tones(&mut sound, &motion, unit, &flutter);

    let mut thumps = vec![0.0; sound.samples.len()];
    for &(at, jump) in &motion.corners {
        let size = 0.5 * jump / GRAVITY * sound.between(0.7, 1.3);
        strike(&mut thumps, at, size, 0.0015 * sound.rate);
    }
    let frame = modes(
        unit,
        &[(90.0, 25.0, 0.6), (210.0, 40.0, 0.6), (520.0, 90.0, 0.4), (1300.0, 200.0, 0.3)],
    );
    let thumps = sound.ring(&thumps, &frame);
    sound.add(&thumps, 1.0);

    let rail = modes(
        unit,
        &[(1700.0, 120.0, 0.5), (2900.0, 160.0, 0.9), (4300.0, 240.0, 0.9), (6100.0, 320.0, 0.6)],
    );
    let belt = modes(
        unit,
        &[(260.0, 60.0, 0.7), (640.0, 110.0, 0.8), (1150.0, 200.0, 0.6), (2400.0, 500.0, 0.5)],
    );
    if scene.fault("rail crack") > 0.0 {
        let strikes = crack(&motion, &mut luck, sound.rate);
        let strikes = sound.ring(&strikes, &rail);
        sound.add(&strikes, 0.2 * scene.fault("rail crack"));
    }
    if scene.fault("lost grease") > 0.0 {
        let slips = slips(&motion, &mut luck, sound.rate);
        let slips = sound.ring(&slips, &rail);
        sound.add(&slips, 0.04 * scene.fault("lost grease"));
    }
    if scene.fault("loose belt") > 0.0 {
        let slaps = sound.ring(&flutter.slaps, &belt);
        sound.add(&slaps, 0.22 * scene.fault("loose belt"));
    }
    let gain = 0.75 * sound.between(0.8, 1.2);
    Ok(sound.finish(gain))
}

/// The stroke that the attributes describe.
fn plan(scene: &Scene) -> Result<Stroke, String> {
    let positive = |name: &str, default: f64| match scene.number(name, default)? {
        x if x > 0.0 && x.is_finite() => Ok(x),
        x => Err(format!("`{name}` is `{x}`, not above 0")),
    };
    let acceleration = GRAVITY * positive("ac", 0.3)?;
    let room = (acceleration * RAIL).sqrt();
    // Without both, a medium speed.
    let usual = if scene.attributes.contains_key("ac") { 0.93 * room } else { 0.7 };
    // An hour per stroke is slow enough, and 100 g is beyond any drive.
    let speed = (positive("vel", 1000.0 * usual)? / 1000.0).max(1e-4);
    Ok(Stroke::new(RAIL, speed * scene.pace(), acceleration.clamp(1e-6, 1000.0)))
}

/// Modes near the nominal ones (Hz, bandwidth, gain). Each unit has its own.
fn modes(unit: &mut Rng, nominal: &[(f64, f64, f64)]) -> Vec<Mode> {
    nominal
        .iter()
        .map(|&(hz, bandwidth, gain)| Mode {
            hz: hz * within(unit, 0.85, 1.15),
            bandwidth,
            gain: gain * within(unit, 0.7, 1.3),
        })
        .collect()
}

/// Adds the noise of balls on the rail.
fn roll(sound: &mut Sound, motion: &Motion, unit: &mut Rng, harsh: f64) {
    // The texture belongs to the rail: loud and soft places a few centimetres long.
    let texture: Vec<f64> = (0..=32).map(|_| within(unit, 0.6, 1.4)).collect();
    let mut noise = sound.noise(0.0);
    let mut sway = 1.0;
    for (i, x) in noise.iter_mut().enumerate() {
        if i % BLOCK == 0 {
            // The balls lie differently from stroke to stroke: a first-order process of about 5 Hz.
            let keep = 1.0 - (TAU * 5.0 * BLOCK as f64 / sound.rate).min(1.0);
            sway =
                1.0 + keep * (sway - 1.0) + (1.0 - keep * keep).sqrt() * sound.between(-0.35, 0.35);
        }
        let at = motion.place[i] * 31.999;
        let (left, share) = (at as usize, at.fract());
        let rail = texture[left] + share * (texture[left + 1] - texture[left]);
        *x *= motion.speed[i] / NOMINAL * motion.level[i] * rail * sway;
    }
    let parts =
        [(320.0, 450.0, 0.030, 1.0), (1500.0, 1800.0, 0.016, 1.0), (4200.0, 3000.0, 0.008, harsh)];
    for (hz, bandwidth, gain, harsh) in parts {
        let part = sound.resonate(&noise, hz * within(unit, 0.85, 1.15), bandwidth);
        let gain = gain * sound.between(0.85, 1.15);
        sound.add(&part, gain * harsh);
    }
}

/// In about half of the clips, cable chain and end seals rattle while the carriage moves: bursts of
/// 16 to 64 ms between 4 and 7 kHz, as in two of four real clips of MIMII DG.
fn rattle(sound: &mut Sound, motion: &Motion, unit: &mut Rng) {
    let (loose, level) = (sound.rng.uniform() < 0.5, sound.between(0.6, 1.6));
    let mut noise = sound.noise(0.0);
    let mut at = 0;
    while at < noise.len() {
        let (length, pause) = (sound.between(0.016, 0.064), sound.between(0.02, 0.2));
        let size = level * sound.between(0.3, 1.5);
        let end = (at + (length * sound.rate) as usize).min(noise.len());
        noise[at..end]
            .iter_mut()
            .zip(&motion.speed[at..end])
            .for_each(|(x, v)| *x *= size * v / NOMINAL);
        let next = (end + (pause * sound.rate) as usize).min(noise.len());
        noise[end..next].fill(0.0);
        at = next;
    }
    let hz = within(unit, 4800.0, 6300.0);
    let part = sound.resonate(&noise, hz, 1600.0);
    sound.add(&part, if loose { 0.02 } else { 0.0 });
}

/// Adds the tones of motor, belt and power stage.
fn tones(sound: &mut Sound, motion: &Motion, unit: &mut Rng, flutter: &Flutter) {
    let steps = 200.0 / within(unit, 0.0200, 0.0215);
    let windings = steps * within(unit, 0.70, 0.78);
    let carrier = within(unit, 14_000.0, 14_600.0);
    // Cycles per metre, carrier in Hz, amplitude at nominal speed.
    let orders = [
        (steps, 0.0, 0.012),
        (windings, 0.0, 0.012),
        (0.5 * windings, 0.0, 0.006),
        (-steps, carrier, 0.005),
        (200.0, 0.0, 0.010),
        (400.0, 0.0, 0.006),
        (600.0, 0.0, 0.004),
    ];
    let housing =
        [(within(unit, 3400.0, 4200.0), 700.0, 1.6), (within(unit, 6200.0, 7000.0), 900.0, 3.0)];
    let answer = |hz: f64| {
        let peak = |&(centre, width, height): &(f64, f64, f64)| {
            height / (1.0 + (hz - centre) * (hz - centre) / (width * width))
        };
        0.6 + housing.iter().map(peak).sum::<f64>()
    };
    // All oscillators side by side. The eighth is silent.
    let mut swells = Swells { cos: [1.0; 2 * LANES], ..Swells::default() };
    let mut amplitudes = [0.0; 2 * LANES];
    for (lane, (_, _, amplitude)) in orders.iter().enumerate() {
        amplitudes[lane] = amplitude * within(unit, 0.6, 1.4) * sound.between(0.8, 1.2);
        (swells.sin[lane], swells.cos[lane]) = math::sin_cos(TAU * sound.rng.uniform());
    }
    for (block, out) in sound.samples.chunks_mut(BLOCK).enumerate() {
        let at = block * BLOCK;
        let speed = motion.speed[at] * (1.0 + flutter.shake[block]);
        swells.step_cos = [1.0; 2 * LANES];
        for (lane, (order, carrier, _)) in orders.iter().enumerate() {
            let hz = carrier + order * speed;
            let heard = (0.0..0.45 * sound.rate).contains(&hz);
            let target = if heard {
                amplitudes[lane] * speed / NOMINAL * motion.level[at] * answer(hz)
            } else {
                0.0
            };
            swells.slope[lane] = (target - swells.length[lane]) / BLOCK as f64;
            (swells.step_sin[lane], swells.step_cos[lane]) = math::sin_cos(TAU * hz / sound.rate);
        }
        loops::add_swells(out, &mut swells);
    }
}

/// The motion of a slack belt: strikes, and a relative change of the carriage's speed for each
/// block.
struct Flutter {
    slaps: Vec<f64>,
    shake: Vec<f64>,
}

impl Flutter {
    fn new(motion: &Motion, size: f64, unit: &mut Rng, luck: &mut Rng, rate: f64) -> Self {
        let hz = within(unit, 11.0, 17.0);
        let samples = motion.speed.len();
        let (mut slaps, mut shake) = (vec![0.0; samples], vec![0.0; samples.div_ceil(BLOCK)]);
        if size > 0.0 {
            for &(at, jump) in &motion.corners {
                let slack = (jump / GRAVITY / 0.3).sqrt();
                let mut height = slack * within(luck, 0.3, 1.3);
                let mut time = at + within(luck, 0.005, 0.02) * rate;
                for _ in 0..5 {
                    strike(&mut slaps, time, height, 0.0004 * rate);
                    time += within(luck, 0.4, 0.6) * rate / hz;
                    height *= within(luck, 0.5, 0.8);
                }
                let first = (at.max(0.0) / BLOCK as f64) as usize;
                for (block, shake) in
                    shake.iter_mut().enumerate().skip(first).take((0.5 * rate) as usize / BLOCK)
                {
                    let after = ((block * BLOCK) as f64 - at).max(0.0) / rate;
                    *shake += 0.03
                        * size
                        * slack
                        * math::exp(-after / 0.15)
                        * math::sin(TAU * hz * after);
                }
            }
        }
        Self { slaps, shake }
    }
}

/// Strikes of the balls that cross a crack.
fn crack(motion: &Motion, luck: &mut Rng, rate: f64) -> Vec<f64> {
    const BALLS: i32 = 5;
    let at = within(luck, 0.15, 0.85);
    let way_of_a_ball = 0.012 / RAIL;
    let ball = |place: f64| (((place - at) / way_of_a_ball).floor() as i32).clamp(-1, BALLS - 1);
    let mut out = vec![0.0; motion.place.len()];
    for i in 1..out.len() {
        if ball(motion.place[i]) != ball(motion.place[i - 1]) {
            let height = motion.speed[i] / NOMINAL * within(luck, 0.5, 1.5);
            strike(&mut out, i as f64, height, 0.0001 * rate);
        }
    }
    out
}

/// Strikes of parts that stick and slip.
fn slips(motion: &Motion, luck: &mut Rng, rate: f64) -> Vec<f64> {
    let mut out = vec![0.0; motion.place.len()];
    let mut way = 0.0;
    // Some strokes are dry, some find grease left.
    let (mut dry, mut level) = (within(luck, 0.2, 1.6), 0.0);
    for i in 0..out.len() {
        if motion.level[i] != level {
            (dry, level) = (within(luck, 0.2, 1.6), motion.level[i]);
        }
        way -= motion.speed[i] / rate;
        if way < 0.0 {
            way = within(luck, 0.0006, 0.0018);
            let stribeck = 0.15 + math::exp(-motion.speed[i] / 0.15);
            strike(&mut out, i as f64, dry * stribeck * within(luck, 0.3, 1.7), 0.0001 * rate);
        }
    }
    out
}

#[cfg(test)]
mod tests;
