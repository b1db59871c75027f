//! A small direct-current motor with a two-stage spur gear that lifts a weight by a slider-crank.
//!
//! * **Motor** (Fitzgerald, "Electric machinery": armature-controlled motor): speed = k (V - drop),
//!   where the drop over armature and brushes rises with the torque; the rotor's inertia makes it
//!   follow with a lag of [`LAG`] s. About 3 crank turns a second per volt, as the real clips at
//!   1.5 V (3.7 Hz) have it. Commutation of three coils gives six pulses a motor turn, as strong as
//!   the current.
//! * **Slider-crank** (Norton, "Design of machinery", on the forces of engines; r/l = 1/4):
//!   gravity's torque is wt g r (sin t + r/2l sin 2t), that of inertia is wt r^2 w^2 (r/4l sin t -
//!   1/2 sin 2t - 3r/4l sin 3t). So speed, load and friction of the guide breathe once and twice a
//!   turn, more with `wt`, and tones glide with them.
//! * **Teeth**: each mesh is at f = z n of its pinion, with harmonics; unequal teeth and eccentric
//!   wheels modulate them, which gives sidebands one turn of either shaft apart (Randall 2011,
//!   chapter 2). Amplitudes rise with the load, and by 4 dB a doubling of the speed: less than the
//!   20 lg of power in Kato's formula (Masuda et al. 1986). Where the torque changes its sign, the
//!   teeth cross their backlash and knock.
//! * **Housing**: six modes that tones, knocks and noise ring alike.
//!
//! `volt` is the supply in V, `wt` the weight in g, `id` the number of a box of the same type: the
//! type (numbers of teeth, modes) comes from the unit's seed, tolerances from the number as well.
//!
//! Faults: *gear damage*: a broken tooth on the middle shaft carries less, comes late and scrapes
//! once a turn while it and its neighbour are in mesh. *Wear*: flanks off the involute raise the
//! higher mesh harmonics (the second first, Randall 2011, chapter 5), the spread of the teeth and
//! the noise of sliding. *Overload*: torque of a braked output, thus slower, more current, louder
//! teeth and fewer backlash knocks. *Over voltage*: the supply gives more than `volt` says (a tenth
//! more at size 1). The motor turns faster, and its brushes arc, as the voltage between two
//! segments of the commutator is too high (Fitzgerald, on the commutation of DC machines), so its
//! pulses grow more than speed and current say.

use std::f64::consts::TAU;

use super::Scene;
use super::rotor::{Bump, Drift, Modes, Scale, Wheel, about, orders, white};
use super::sound::within;
use crate::math;
use crate::seed::Rng;

pub const FAULTS: &[&str] = &["gear damage", "wear", "overload", "over voltage"];

/// Crank turns a second per volt.
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
/// Mesh force (as volts of drop) and crank speed (Hz) at which gains are stated.
const FORCE: f64 = 0.3;
const SPEED: f64 = 3.7;
/// Amplitudes rise as this power of the speed: 4 dB a doubling. Calibrated, from no source: steeper
/// ones hide all faults at speeds never heard.
const LOUDER: f64 = 0.65;

/// The set voltage times this is the voltage of a fault of over voltage. The rise stays below a
/// quarter, so that no tone leaves the band, whatever the size.
fn supply(over: f64) -> f64 {
    1.0 + 0.25 * over / (1.5 + over)
}

/// The gearbox that a unit and an id are.
struct Gearbox {
    /// Motor turns a middle turn, middle turns a crank turn.
    ratios: [f64; 2],
    pace: f64,
    modes: Modes<6>,
    meshes: [Wheel; 2],
    motor: Wheel,
    /// Gains of first mesh, second mesh, motor, guide.
    gains: [f64; 4],
    /// Depth of the modulation by the eccentricity of the middle wheel and of the crank's wheel.
    eccentric: [f64; 2],
    /// Where the tooth that may break is, and the pitch of its teeth, in turns.
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

/// Gravity's and inertia's torque of a unit weight, in parts of the full arm; the first is the
/// slider's speed too.
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
        Err(format!("`{name}` of `{value}` is not in {low}..{high}"))
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
/// no number.
pub fn render(scene: &Scene) -> Result<Vec<f32>, String> {
    let volt = number(scene, "volt", 1.5, 0.4, 4.0)?;
    let weight = number(scene, "wt", 100.0, 0.0, 500.0)? / 1000.0;
    let id = number(scene, "id", 0.0, 0.0, 1e6)?;
    let scale = Scale::new(scene.rate);
    let (damage, wear, overload) =
        (scene.fault("gear damage"), scene.fault("wear"), scene.fault("overload"));
    let over = scene.fault("over voltage");
    let mut gearbox = Gearbox::new(scene, id, PACE * 1.15 * volt);
    let rng = &mut scene.clip.rng();
    let take = Take::new(rng, volt * supply(over));
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
        // Backlash crossed; a rare knock of something loose.
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
            // An edge is rougher than a flank: all of the band, heard through the housing alone.
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
mod tests {
    use std::collections::BTreeMap;

    use super::super::testing::{self, line, rms, strongest};
    use super::*;
    use crate::seed::Seed;

    fn sound(
        attributes: &[(&str, &str)],
        fault: Option<(&str, f64)>,
        clip: u64,
    ) -> Result<Vec<f32>, String> {
        testing::clip(render, attributes, fault, (16_000.0, 4.0), clip)
    }

    /// Mesh frequencies of the test's unit at a crank speed, from its numbers of teeth.
    fn ratios() -> ([f64; 2], [f64; 2]) {
        let kind = &mut Seed(4).rng();
        let pinions = [9 + kind.below(3), 11 + kind.below(3)].map(|n| n as f64);
        (
            [(56 + kind.below(7)) as f64 / pinions[0], (54 + kind.below(8)) as f64 / pinions[1]],
            pinions,
        )
    }

    #[test]
    fn both_meshes_sound_at_teeth_times_turns_and_rise_with_the_voltage() {
        let (ratios, pinions) = ratios();
        for (volt, free) in [("1.5", 3.75), ("3.0", 8.25)] {
            // Without a weight the speed is nearly even.
            let x = sound(&[("volt", volt), ("wt", "0")], None, 1).unwrap();
            let second = free * ratios[1] * pinions[1];
            let (found, height) = strongest(&x, 0.9 * second, 1.1 * second);
            assert!(height > 5.0 * line(&x, 16_000.0, 1.2 * found), "{volt} {found} {height}");
            let first = found / pinions[1] * ratios[0] * pinions[0];
            let (other, _) = strongest(&x, 0.985 * first, 1.015 * first);
            assert!((other / first - 1.0).abs() < 0.006, "{volt} {other} {first}");
        }
    }

    #[test]
    fn a_weight_makes_the_tones_glide() {
        let (ratios, pinions) = ratios();
        let second = 3.75 * ratios[1] * pinions[1];
        let height =
            |wt| strongest(&sound(&[("wt", wt)], None, 1).unwrap(), 0.85 * second, 1.1 * second).1;
        assert!(height("0") > 1.5 * height("250"), "{} {}", height("0"), height("250"));
    }

    #[test]
    fn a_broken_tooth_scrapes_once_a_turn_of_the_middle_shaft() {
        let (ratios, _) = ratios();
        let middle = 3.75 * ratios[1];
        let depth = |fault| {
            let x = sound(&[("wt", "0")], fault, 2).unwrap();
            let envelope: Vec<f32> =
                x.windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs()).collect();
            strongest(&envelope, 0.9 * middle, 1.1 * middle).1 / rms(&envelope)
        };
        let (normal, broken) = (depth(None), depth(Some(("gear damage", 1.0))));
        assert!(broken > 1.5 * normal, "{normal} {broken}");
    }

    #[test]
    fn overload_lowers_the_tones_and_wear_raises_the_second_harmonic() {
        let (ratios, pinions) = ratios();
        let second = 3.75 * ratios[1] * pinions[1];
        let mesh = |fault| {
            let x = sound(&[("wt", "0")], fault, 3).unwrap();
            let (hz, height) = strongest(&x, 0.85 * second, 1.1 * second);
            (hz, strongest(&x, 1.99 * hz, 2.01 * hz).1 / height)
        };
        let normal = mesh(None);
        assert!(mesh(Some(("overload", 1.0))).0 < 0.98 * normal.0);
        assert!(
            mesh(Some(("wear", 1.0))).1 > 1.2 * normal.1,
            "{:?} {normal:?}",
            mesh(Some(("wear", 1.0)))
        );
    }

    #[test]
    fn over_voltage_turns_the_motor_faster_and_makes_its_brushes_arc() {
        let (ratios, pinions) = ratios();
        // So slow that all harmonics fit into the band at either voltage: then it is the same box.
        let second = PACE * (0.7 - IDLE) * ratios[1] * pinions[1];
        let heard = |volt, fault| {
            let x = sound(&[("wt", "0"), ("volt", volt)], fault, 3).unwrap();
            let (hz, _) = strongest(&x, 0.9 * second, 1.3 * second);
            // Six pulses a turn of the motor.
            let pulses = hz / pinions[1] * ratios[0] * 6.0;
            (hz, strongest(&x, 0.985 * pulses, 1.015 * pulses).1)
        };
        let (normal, fault) = (heard("0.7", None), heard("0.7", Some(("over voltage", 1.0))));
        // What is lost in brushes and bearings stays what it was.
        let expected = (1.1 * 0.7 - IDLE) / (0.7 - IDLE);
        assert!(
            (fault.0 / normal.0 / expected - 1.0).abs() < 0.03,
            "{fault:?} {normal:?} {expected}"
        );
        // A box that is set to as many volts is as fast, but its brushes do not arc.
        let set = heard("0.77", None);
        assert!((fault.0 / set.0 - 1.0).abs() < 0.01 && fault.1 > 1.3 * set.1, "{fault:?} {set:?}");
        assert!(supply(15.0) < 1.25 && supply(0.0) == 1.0);
    }

    #[test]
    fn a_fault_of_size_0_is_none_and_of_size_1_is_no_matter_of_level() {
        let normal = sound(&[], None, 3).unwrap();
        for fault in FAULTS {
            assert_eq!(sound(&[], Some((fault, 0.0)), 3).unwrap(), normal);
            let ratio = rms(&sound(&[], Some((fault, 1.0)), 3).unwrap()) / rms(&normal);
            assert!((0.75..1.35).contains(&ratio) && (ratio - 1.0).abs() > 1e-4, "{fault} {ratio}");
        }
    }

    #[test]
    fn clips_and_boxes_differ_and_have_the_level_of_a_clip() {
        let clips: Vec<_> = (0..4).map(|clip| sound(&[], None, clip).unwrap()).collect();
        assert_ne!(clips[0], clips[1]);
        for x in &clips {
            assert!((0.015..0.06).contains(&rms(x)), "{}", rms(x));
        }
        assert_ne!(
            sound(&[("id", "05")], None, 0).unwrap(),
            sound(&[("id", "08")], None, 0).unwrap()
        );
    }

    #[test]
    fn odd_rates_and_lengths_survive() {
        for (volt, wt) in [("0.4", "500"), ("4", "500"), ("4", "0")] {
            let attributes: BTreeMap<_, _> = [("volt", volt), ("wt", wt)]
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect();
            for (rate, samples) in
                [(4000.0, 400), (11_025.0, 1103), (48_000.0, 9601), (192_000.0, 20_001)]
            {
                for fault in FAULTS {
                    let fault = Some((*fault, 2.0));
                    let (unit, clip) = (Seed(9), Seed(8));
                    let x = render(&Scene {
                        rate,
                        samples,
                        unit,
                        clip,
                        attributes: &attributes,
                        fault,
                    })
                    .unwrap();
                    assert_eq!(x.len(), samples);
                    assert!(
                        x.iter().all(|x| x.abs() < 2.0) && rms(&x) > 1e-4,
                        "{rate} {volt} {}",
                        rms(&x)
                    );
                }
            }
        }
    }

    #[test]
    fn what_the_box_does_not_know_is_refused_by_name() {
        assert_eq!(
            sound(&[("volt", "0.1")], None, 0).unwrap_err(),
            "`volt` of `0.1` is not in 0.4..4"
        );
        assert!(sound(&[("wt", "-3")], None, 0).unwrap_err().contains("`wt` of `-3`"));
        assert!(sound(&[("wt", "heavy")], None, 0).unwrap_err().contains("`heavy`"));
        assert!(sound(&[("id", "NaN")], None, 0).unwrap_err().contains("`id`"));
    }
}
