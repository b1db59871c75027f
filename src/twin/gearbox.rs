//! A small direct-current motor with a two-stage spur gear that lifts a weight by a slider-crank.
//!
//! * **Motor** (Fitzgerald, "Electric machinery": armature-controlled motor): speed = k (V - drop).
//!   The drop over armature and brushes rises with the torque; the rotor's inertia makes the speed
//!   follow with a lag of [`LAG`] s. It makes about 3 crank turns a second per volt, like the real
//!   clips at 1.5 V (3.7 Hz). Commutation of three coils gives six pulses a motor turn, as strong
//!   as the current.
//! * **Slider-crank** (Norton, "Design of machinery", on the forces of engines; r/l = 1/4):
//!   gravity's torque is wt g r (sin t + r/2l sin 2t), that of inertia is wt r^2 w^2 (r/4l sin t -
//!   1/2 sin 2t - 3r/4l sin 3t). So speed, load and friction of the guide vary once and twice a
//!   turn, more with `wt`, and tones glide with them.
//! * **Teeth**: each mesh is at f = z n of its pinion, with harmonics. Unequal teeth and eccentric
//!   wheels modulate them, which gives sidebands one turn of either shaft apart (Randall 2011,
//!   chapter 2). Amplitudes rise with the load, and by 4 dB a doubling of the speed, which is less
//!   than the 20 lg of power in Kato's formula (Masuda et al. 1986). Where the torque changes its
//!   sign, the teeth cross their backlash and knock.
//! * **Housing**: six modes. Tones, knocks and noise excite them alike.
//!
//! `volt` is the supply in V, `wt` the weight in g, `id` the number of a box of the same type. The
//! type (numbers of teeth, modes) comes from the unit's seed; tolerances depend on the number as
//! well.
//!
//! Faults. *Gear damage*: a broken tooth on the middle shaft carries less and comes late. It
//! scrapes once a turn while it and its neighbour are in mesh. *Wear*: flanks off the involute
//! raise the higher mesh harmonics (the second first, Randall 2011, chapter 5), the spread of the
//! teeth and the noise of sliding. *Overload*: the torque of a braked output makes the box slower,
//! with more current, louder teeth and fewer backlash knocks. *Over voltage*: the supply gives more
//! than `volt` says (a tenth more at size 1). The motor turns faster. Its brushes arc, because the
//! voltage between two segments of the commutator is too high (Fitzgerald, on the commutation of DC
//! machines), so its pulses grow more than speed and current do.

use std::f64::consts::TAU;

use super::Scene;
use super::rotor::{Bump, Drift, Modes, Scale, Wheel, about, orders, white};
use super::sound::within;
use crate::math;
use crate::seed::Rng;

pub const FAULTS: &[&str] = &["gear damage", "wear", "overload", "over voltage"];

/// Crank turns per second and volt.
const PACE: f64 = 3.0;
/// Supply lost in brushes and bearings, V.
const IDLE: f64 = 0.25;
/// Volts of drop per kg at the crank's full arm.
const ARM: f64 = 0.5;
/// Seconds of the motor's mechanical time constant.
const LAG: f64 = 0.03;
/// Radius of the crank over gravity, s^2: inertia relative to weight is this times the angular
/// speed squared.
const THROW: f64 = 0.012 / 9.81;
/// Mesh force (as volts of drop) and crank speed (Hz) to which the stated gains belong.
const FORCE: f64 = 0.3;
const SPEED: f64 = 3.7;
/// Amplitudes rise as this power of the speed: 4 dB a doubling. Calibrated, without a source: a
/// steeper rise hides all faults at speeds unknown from training.
const LOUDER: f64 = 0.65;

/// The factor of the set voltage in a fault of over voltage. The rise stays below a quarter, so
/// that no tone leaves the band at any size.
fn supply(over: f64) -> f64 {
    1.0 + 0.25 * over / (1.5 + over)
}

/// The gearbox of a unit and an id.
struct Gearbox {
    /// Motor turns per middle turn, middle turns per crank turn.
    ratios: [f64; 2],
    pace: f64,
    modes: Modes<6>,
    meshes: [Wheel; 2],
    motor: Wheel,
    /// Gains of first mesh, second mesh, motor, guide.
    gains: [f64; 4],
    /// Depth of the modulation by the eccentricity of the middle wheel and of the crank's wheel.
    eccentric: [f64; 2],
    /// The place of the tooth that may break, and the pitch of its teeth, in turns.
    damaged: f64,
    pitch: f64,
}

impl Gearbox {
    /// `top` is the highest crank speed, Hz.
    fn new(scene: &Scene, id: f64, top: f64) -> Self {
        let kind = &mut scene.unit.rng();
        let pinions = [9 + kind.below(3), 11 + kind.below(3)];
        let ratios = [
            (56 + kind.below(7)) as f64 / pinions[0] as f64,
            (54 + kind.below(8)) as f64 / pinions[1] as f64,
        ];
        let places =
            [430.0, 950.0, 1750.0, 2900.0, 4600.0, 6300.0].map(|hz| hz * within(kind, 0.9, 1.1));
        let unit = &mut scene.unit.derive(&["gearbox", &id.to_string()]).rng();
        let mut modes = [(0.0, 0.0, 0.0); 6];
        for (i, (mode, hz)) in modes.iter_mut().zip(places).enumerate() {
            let bandwidth = hz * within(unit, 0.15, 0.30);
            *mode = (
                hz * within(unit, 0.96, 1.04),
                bandwidth,
                about(unit, 0.3) * math::powi(0.72f64, i as i32),
            );
        }
        let wear = scene.fault("wear");
        let motor_hz = top * ratios[0] * ratios[1];
        let mut wheel = |pinion: usize, hz: f64, most: usize, broken: f64| {
            let harmonics: Vec<f64> = (1..=most)
                .map(|k| {
                    about(unit, 0.4) / math::powf(k as f64, 1.2)
                        * if k > 1 { 1.0 + 0.5 * wear } else { 1.0 }
                })
                .take(orders(hz * pinion as f64, scene.rate, most))
                .collect();
            let mut shifts: Vec<f64> =
                (0..pinion).map(|_| 0.02 * (1.0 + wear) * white(unit)).collect();
            let mut loads: Vec<f64> =
                (0..pinion).map(|_| 1.0 + 0.08 * (1.0 + wear) * white(unit)).collect();
            let tooth = unit.below(pinion);
            loads[tooth] *= 1.0 / (1.0 + broken);
            shifts[tooth] += 0.06 * broken;
            (Wheel::new(unit, &harmonics, &loads, &shifts), tooth as f64 / pinion as f64)
        };
        let (first, _) = wheel(pinions[0], motor_hz, 8, 0.0);
        let (second, damaged) =
            wheel(pinions[1], motor_hz / ratios[0], 14, scene.fault("gear damage"));
        let (motor, _) = wheel(6, motor_hz, 10, 0.0);
        Self {
            ratios,
            pace: PACE * within(unit, 0.96, 1.04),
            modes: Modes::new(scene.rate, modes),
            meshes: [first, second],
            motor,
            gains: [0.45, 0.45, 0.30, 0.60].map(|gain| gain * about(unit, 0.2)),
            eccentric: [within(unit, 0.1, 0.25), within(unit, 0.1, 0.2)],
            damaged,
            pitch: 1.0 / pinions[1] as f64,
        }
    }
}

/// Torque of gravity and of inertia for a unit weight, in parts of the full arm. The first is also
/// the slider's speed.
fn crank(turn: f64) -> (f64, f64) {
    let (sin, cos) = math::sin_cos(TAU * turn);
    let (twice, thrice) = (2.0 * sin * cos, sin * (3.0 - 4.0 * sin * sin));
    (sin + 0.125 * twice, 0.0625 * sin - 0.5 * twice - 0.1875 * thrice)
}

fn number(scene: &Scene, name: &str, default: f64, low: f64, high: f64) -> Result<f64, String> {
    let value = scene.number(name, default)?;
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(format!("`{name}` is `{value}`, not in {low}..{high}"))
    }
}

/// The gains of one recording.
struct Take {
    gain: f64,
    volt: f64,
    idle: f64,
    parts: [f64; 4],
    knock: f64,
}

impl Take {
    fn new(rng: &mut Rng, volt: f64) -> Self {
        Self {
            gain: 0.072 * about(rng, 0.2),
            volt: volt * within(rng, 0.98, 1.02),
            idle: IDLE * within(rng, 0.85, 1.15),
            parts: [0; 4].map(|_| about(rng, 0.2)),
            knock: about(rng, 0.4),
        }
    }
}

/// The samples of a recording. Errors: `volt` outside 0.4..4, `wt` outside 0..500, an `id` that is
/// not a number.
pub fn render(scene: &Scene) -> Result<Vec<f32>, String> {
    let volt = number(scene, "volt", 1.5, 0.4, 4.0)?;
    let weight = number(scene, "wt", 100.0, 0.0, 500.0)? / 1000.0;
    let id = number(scene, "id", 0.0, 0.0, 1e6)?;
    let scale = Scale::new(scene.rate);
    let (damage, wear, overload) =
        (scene.fault("gear damage"), scene.fault("wear"), scene.fault("overload"));
    let over = scene.fault("over voltage");
    let mut gearbox = Gearbox::new(scene, id, PACE * 1.15 * volt * scene.pace().max(1.0));
    let rng = &mut scene.clip.rng();
    let take = Take::new(rng, volt * supply(over) * scene.pace());
    let gains: [f64; 4] = std::array::from_fn(|i| gearbox.gains[i] * take.parts[i]);
    let mut supply = Drift::new(rng, 0.006, 1.5, &scale);
    let mut grease = Drift::new(rng, 0.10, 0.5, &scale);
    let follow = 1.0 - math::exp(-scale.seconds / LAG);
    let mut turns = [0; 3].map(|_| rng.uniform());
    let mut broken =
        Bump::new(rng, (turns[1] - gearbox.damaged).rem_euclid(1.0), gearbox.pitch * 2.0, 0.4);
    let mut speed = gearbox.pace * (take.volt - take.idle);
    let mut before = [0.0; 4];
    let mut sign = true;
    let (mut colour, mut knock) = (0.0, 0.0);
    let mut out = Vec::with_capacity(scene.samples);
    let mut push = vec![0.0; scale.tick];
    let mut hits = push.clone();
    while out.len() < scene.samples {
        let (lift, inertia) = crank(turns[2]);
        let bend = THROW * math::square(TAU * speed);
        let torque = ARM * (weight * lift + (weight + 0.02) * bend * inertia);
        let brake = 0.06 * overload;
        let free = gearbox.pace * take.volt * (1.0 + supply.step(rng));
        let goal = free - gearbox.pace * (take.idle + torque + brake);
        speed += follow * (goal.clamp(0.15 * free, 1.15 * free) - speed);
        let force = torque + brake + 0.4 * take.idle;
        let load = 0.35 + 0.65 * force.abs() / FORCE;
        let pace = math::powf(speed / SPEED, LOUDER);
        let (wobble, _) = math::sin_cos(TAU * turns[1]);
        let (_, swing) = math::sin_cos(TAU * turns[2]);
        let slide = lift.abs() * pace * (0.5 + 3.0 * weight) * (1.0 + grease.step(rng)).max(0.0);
        let now = [
            gains[0] * load * pace * (1.0 + gearbox.eccentric[0] * wobble),
            gains[1] * load * pace * (1.0 + gearbox.eccentric[1] * swing),
            gains[2] * (1.0 + 0.5 * over) * (take.idle + force.abs()) / FORCE * pace.sqrt(),
            gains[3] * slide + 0.18 * (1.0 + 0.4 * wear) * load * pace + 0.05,
        ];
        if out.is_empty() {
            before = now;
        }
        push.fill(0.0);
        let motor = speed * gearbox.ratios[0] * gearbox.ratios[1] / scene.rate;
        let steps = [motor, motor / gearbox.ratios[0], speed / scene.rate];
        gearbox.meshes[0].add(&mut push, turns[0], steps[0], before[0], now[0]);
        gearbox.meshes[1].add(&mut push, turns[1], steps[1], before[1], now[1]);
        gearbox.motor.add(&mut push, turns[0], steps[0], before[2], now[2]);
        // The teeth cross their backlash. There is also a rare knock of something loose.
        if (force > 0.0) != sign {
            sign = force > 0.0;
            knock += scale.strike * 3.5 * take.knock * pace * about(rng, 0.5);
        }
        if rng.uniform() < 0.2 * scale.seconds {
            knock += scale.strike * within(rng, 1.0, 4.0);
        }
        let slope = (now[3] - before[3]) / push.len() as f64;
        let mut noise = before[3];
        let scrape = 1.1 * scale.white * damage * pace;
        for (x, hit) in push.iter_mut().zip(&mut hits) {
            let grain = white(rng);
            colour = scale.keep * colour + scale.noise * grain;
            knock *= scale.keep;
            *x += knock + noise * colour;
            // An edge is rougher than a flank: it excites the whole band, heard through the housing
            // alone.
            *hit = scrape * broken.next(steps[1], rng) * grain;
            noise += slope;
        }
        let missing = scene.samples - out.len();
        let heard = push.iter().zip(&hits).take(missing);
        out.extend(
            heard.map(|(x, hit)| (take.gain * (gearbox.modes.ring(x + hit) + 0.15 * x)) as f32),
        );
        for (turn, step) in turns.iter_mut().zip(steps) {
            *turn = (*turn + step * push.len() as f64).rem_euclid(1.0);
        }
        before = now;
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
