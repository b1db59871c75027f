//! A ball bearing on a motor-driven test rig, heard from one of eight microphone positions.
//!
//! * **Rates** (Randall 2011, chapter 2; outer ring still, contact angle 0): with Z balls of g
//!   pitch diameters the cage turns (1 - g)/2 as fast as the shaft, and the balls pass a place of
//!   the outer race Z times per cage turn. `vel` is in 100 rpm: the shaft turns at `vel` * 100 / 60
//!   Hz.
//! * **Rolling noise** comes from the races' roughness and grows with the speed, by about 4 dB a
//!   doubling. Balls that pass the loaded zone vary the stiffness (Sunnersjo 1978), which gives
//!   lines at the ball-pass rate. Balls also strike small asperities, each a little early or late
//!   by slip (Antoni and Randall 2003).
//! * **Drive**: a motor of ten poles and a belt. The motor's cogging gives the strong lines of the
//!   real clips at ten times the shaft's rate and its multiples. The belt's joint passes every four
//!   turns.
//! * **Housing**: modes in two directions, x along the load and y across. In a ring, a mode of
//!   order k moves as cos k(angle - angle of the mode), so each position hears the modes with its
//!   own weights.
//! * **Microphone** `loc`: A..D stand around the rig, E..H between them, at their own distances and
//!   heights. The level falls as 1/distance, the floor's reflection is late by the path's
//!   difference (a comb), and positions behind the rig hear less of the highs.
//!
//! Faults. *Eccentricity x*: the ring sits off centre along the load. Load, noise, ball-pass lines
//! and the motor's air gap are modulated at the shaft's rate, and the modes in x get more.
//! *Eccentricity y*: the ring sits off centre across the load and presses for a seventh of each
//! turn. That drives the modes in y and shakes at the shaft's rate and its multiples. Both load the
//! ring more, and the stiffer contact (Hertz) lifts the modes of their direction by 2 %.

use std::f64::consts::TAU;

use super::Scene;
use super::rotor::{Bump, Drift, Mode, Modes, Scale, Wheel, about, orders, white};
use super::sound::within;
use crate::math;
use crate::seed::Rng;

pub const FAULTS: &[&str] = &["eccentricity x", "eccentricity y"];

const POLES: usize = 10;
/// `vel` to which the stated gains belong.
const SPEED: f64 = 12.0;
/// Amplitudes rise as this power of the speed: 4 dB a doubling. Calibrated, as for the gearbox.
const LOUDER: f64 = 0.65;
/// Height of the bearing above the floor, m, and the reflection factor of the floor.
const HEIGHT: f64 = 0.15;
const FLOOR: f64 = 0.45;
/// Speed of sound, m/s.
const SOUND: f64 = 343.0;

/// A microphone: degrees from the load's direction, m from the bearing, m above the floor.
struct Position {
    name: &'static str,
    angle: f64,
    distance: f64,
    height: f64,
}

const fn position(name: &'static str, angle: f64, distance: f64, height: f64) -> Position {
    Position { name, angle, distance, height }
}

const POSITIONS: [Position; 8] = [
    position("A", 0.0, 0.40, 0.20),
    position("B", 90.0, 0.45, 0.25),
    position("C", 180.0, 0.50, 0.30),
    position("D", 270.0, 0.45, 0.20),
    position("E", 45.0, 0.40, 0.35),
    position("F", 135.0, 0.60, 0.20),
    position("G", 225.0, 0.50, 0.45),
    position("H", 315.0, 0.55, 0.30),
];

/// Modes of one direction as heard at a position.
fn modes(
    unit: &mut Rng,
    rate: f64,
    places: [f64; 4],
    angle: f64,
    quarter: f64,
    preload: f64,
) -> Modes<4> {
    let mut order = 0.0;
    let mode = places.map(|hz| -> Mode {
        order += 1.0;
        let hz = hz * within(unit, 0.92, 1.08) * (1.0 + 0.02 * preload);
        let bandwidth = hz * within(unit, 0.12, 0.25);
        let node = angle.to_radians() * order + quarter + within(unit, -0.4, 0.4);
        let weight = 0.45 + 0.55 * math::cos(node).abs();
        (hz, bandwidth, weight * about(unit, 0.25) * math::powf(0.65f64, order - 1.0))
    });
    Modes::new(rate, mode)
}

/// The effect of a microphone's place on the sound.
struct Path {
    gain: f64,
    /// Delay of the reflection in samples, and its strength.
    late: f64,
    echo: f64,
    /// Share of the last output in the next: it damps the highs.
    shade: f64,
}

impl Path {
    fn new(at: &Position, rng: &mut Rng, rate: f64) -> Self {
        // Nobody places a microphone at the same millimetre twice.
        let distance = at.distance + within(rng, -0.005, 0.005);
        let height = at.height + within(rng, -0.005, 0.005);
        let level = (distance * distance - math::square(height - HEIGHT)).max(0.0);
        let mirror = (level + math::square(height + HEIGHT)).sqrt();
        let behind = 0.5 - 0.5 * math::cos(at.angle.to_radians());
        let corner = 9000.0 - 6000.0 * behind;
        Self {
            gain: 0.4 / distance,
            late: (mirror - distance) / SOUND * rate,
            echo: FLOOR * distance / mirror,
            shade: math::exp(-TAU * corner / rate),
        }
    }

    fn hear(&self, dry: &[f64], gain: f64) -> Vec<f32> {
        let (whole, part) = (self.late as usize, self.late.fract());
        let mut last = 0.0;
        let then = |n: Option<usize>| n.map_or(0.0, |n| dry[n]);
        (0..dry.len())
            .map(|n| {
                let first = then(n.checked_sub(whole));
                let echo = first + part * (then(n.checked_sub(whole + 1)) - first);
                last = self.shade * last + (1.0 - self.shade) * (dry[n] + self.echo * echo);
                (gain * self.gain * last) as f32
            })
            .collect()
    }
}

/// The samples of a recording. Errors: `vel` outside 0.5..30, a `loc` other than A..H.
pub fn render(scene: &Scene) -> Result<Vec<f32>, String> {
    let vel = scene.number("vel", SPEED)?;
    if !(0.5..=30.0).contains(&vel) {
        return Err(format!("`vel` is `{vel}`, not in 0.5..30"));
    }
    let loc = scene.word("loc", "A");
    let at = POSITIONS
        .iter()
        .find(|p| p.name == loc)
        .ok_or_else(|| format!("`loc` is `{loc}`, not one of A, B, C, D, E, F, G, H"))?;
    let scale = Scale::new(scene.rate);
    let (x, y) = (scene.fault("eccentricity x"), scene.fault("eccentricity y"));

    let unit = &mut scene.unit.rng();
    let balls = 7 + unit.below(3);
    let cage = (1.0 - within(unit, 0.22, 0.28)) / 2.0;
    let mut along = modes(unit, scene.rate, [520.0, 1250.0, 2600.0, 5200.0], at.angle, 0.0, x);
    let mut across =
        modes(unit, scene.rate, [780.0, 1800.0, 3600.0, 6300.0], at.angle, TAU / 4.0, y);
    let pace = scene.pace();
    let top = vel * 1.1 * pace.max(1.0) * 100.0 / 60.0;
    let mut wheel = |teeth: usize, hz: f64, most: usize, fall: f64, uneven: f64| {
        let harmonics: Vec<f64> =
            (1..=most).map(|k| about(unit, 0.8) / math::powf(k as f64, fall)).collect();
        let gains: Vec<f64> = (0..teeth).map(|_| 1.0 + uneven * white(unit)).collect();
        let shifts: Vec<f64> = (0..teeth).map(|_| 0.3 * uneven * white(unit)).collect();
        Wheel::new(unit, &harmonics[..orders(hz, scene.rate, most)], &gains, &shifts)
    };
    let passes = wheel(balls, top * cage * balls as f64, 10, 0.7, 0.15);
    let poles = wheel(POLES, top * POLES as f64, 20, 0.6, 0.2);
    let turns_wheel = wheel(1, top, 3, 1.0, 0.0);

    let rng = &mut scene.clip.rng();
    let path = Path::new(at, rng, scene.rate);
    let gain = 0.095 * about(rng, 0.2);
    let shaft = vel * 100.0 / 60.0 * pace * within(rng, 0.985, 1.015);
    let [roll_part, pass_part, pole_part, belt_part] = [0; 4].map(|_| about(rng, 0.25));
    let mut speed = Drift::new(rng, 0.001, 1.0, &scale);
    let mut grease = Drift::new(rng, 0.08, 0.4, &scale);
    let mut place = Drift::new(rng, 0.15, 0.1, &scale);
    // Turns of shaft, cage, belt and ball passing; and the place in a turn where the ring is off
    // centre.
    let mut turn = [0; 4].map(|_| rng.uniform());
    let misfit = rng.uniform();
    let mut press = Bump::new(rng, (turn[0] - misfit).rem_euclid(1.0), 0.15, 0.5);
    let mut before = [0.0; 5];
    let (mut colour, mut knock) = ([0.0; 2], 0.0);
    let mut dry: Vec<f64> = Vec::with_capacity(scene.samples + scale.tick);
    let mut push = vec![[0.0; 2]; scale.tick];
    let mut tones = vec![0.0; scale.tick];
    let mut blows = vec![0.0; scale.tick];
    while dry.len() < scene.samples {
        let hz = shaft * (1.0 + speed.step(rng));
        let pace = math::powf(hz * 0.6 / SPEED, LOUDER);
        let (_, once) = math::sin_cos(TAU * (turn[0] - misfit));
        let (_, ball) = math::sin_cos(TAU * turn[3]);
        let joint = 1.0 + 0.15 * belt_part * math::cos(TAU * turn[2]);
        let sway = (1.0 + 0.5 * x * once).max(0.0);
        let rough = 0.7 * roll_part * pace * joint * (1.0 + grease.step(rng)).max(0.0);
        let now = [
            rough * (1.0 + 0.1 * ball) * sway,
            0.8 * rough,
            0.25 * pass_part * pace * sway,
            0.5 * pole_part * pace.sqrt() * joint * (1.0 + 0.4 * x * once),
            pace * (0.05 + 0.15 * x + 0.1 * y),
        ];
        if dry.is_empty() {
            before = now;
        }
        let step = hz / scene.rate;
        let steps = [step, step * cage, step / 4.0, step * cage * balls as f64];
        let n = scale.tick as f64;
        let slopes: [f64; 2] = std::array::from_fn(|i| (now[i] - before[i]) / n);
        blows.fill(0.0);
        // A ball strikes an asperity. There is also a rare knock of something loose.
        let passed = (turn[3] + place.step(rng)).rem_euclid(1.0) + steps[3] * n;
        if passed >= 1.0 {
            let i = ((n - (passed - 1.0) / steps[3]).max(0.0) as usize).min(scale.tick - 1);
            blows[i] += scale.strike * (0.9 + 1.6 * x) * roll_part * pace * sway * about(rng, 1.0);
        }
        if rng.uniform() < 0.15 * scale.seconds {
            blows[0] += scale.strike * within(rng, 1.0, 5.0);
        }
        let force = 1.3 * y * pace;
        let mut level = [before[0], before[1]];
        for (out, blow) in push.iter_mut().zip(&blows) {
            colour = colour.map(|c| scale.keep * c + scale.noise * white(rng));
            knock = scale.keep * knock + blow;
            *out = [
                knock + level[0] * colour[0],
                (level[1] + force * press.next(steps[0], rng)) * colour[1],
            ];
            level = [level[0] + slopes[0], level[1] + slopes[1]];
        }
        tones.fill(0.0);
        passes.add(&mut tones, turn[1], steps[1], before[2], now[2]);
        poles.add(&mut tones, turn[0], steps[0], before[3], now[3]);
        turns_wheel.add(&mut tones, turn[0], steps[0], before[4], now[4]);
        for (noise, tone) in push.iter().zip(&tones) {
            let (a, b) = (noise[0] + tone, noise[1] + 0.7 * tone);
            dry.push(along.ring(a) + across.ring(b) + 0.12 * (a + b));
        }
        for (turn, step) in turn.iter_mut().zip(steps) {
            *turn = (*turn + step * n).rem_euclid(1.0);
        }
        before = now;
    }
    dry.truncate(scene.samples);
    Ok(path.hear(&dry, gain))
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

    /// The envelope of the band above 2 kHz, roughly: the absolute second difference.
    fn envelope(x: &[f32]) -> Vec<f32> {
        x.windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs()).collect()
    }

    #[test]
    fn the_motor_hums_at_ten_times_the_shaft_and_twice_that_at_twice_the_speed() {
        for (vel, hz) in [("12", 200.0), ("24", 400.0)] {
            let (found, _) =
                strongest(&sound(&[("vel", vel)], None, 1).unwrap(), 0.9 * hz, 1.1 * hz);
            // The label is exact to 1.5 %, and the speed drifts by 0.3 % more.
            assert!((found / hz - 1.0).abs() < 0.03, "{vel} {found}");
        }
    }

    #[test]
    fn eccentricity_modulates_at_the_shafts_rate_and_its_multiples() {
        let depth = |fault| {
            let x = envelope(&sound(&[("vel", "12")], fault, 2).unwrap());
            let orders = [20.0, 40.0, 60.0].map(|hz| strongest(&x, hz - 1.0, hz + 1.0).1);
            orders.iter().sum::<f64>() / rms(&x)
        };
        let normal = depth(None);
        for fault in FAULTS {
            assert!(
                depth(Some((fault, 1.0))) > 1.5 * normal,
                "{fault} {normal} {}",
                depth(Some((fault, 1.0)))
            );
        }
    }

    #[test]
    fn a_fault_of_size_0_is_none_and_of_size_1_is_no_matter_of_level() {
        let normal = sound(&[], None, 3).unwrap();
        for fault in FAULTS {
            assert_eq!(sound(&[], Some((fault, 0.0)), 3).unwrap(), normal);
            let ratio = rms(&sound(&[], Some((fault, 1.0)), 3).unwrap()) / rms(&normal);
            assert!((0.8..1.25).contains(&ratio) && (ratio - 1.0).abs() > 1e-4, "{fault} {ratio}");
        }
    }

    #[test]
    fn each_position_hears_another_spectrum() {
        // The remainder after the second difference measures the tilt.
        let tilts: Vec<f64> = POSITIONS
            .iter()
            .map(|p| {
                let x = sound(&[("loc", p.name)], None, 5).unwrap();
                rms(&envelope(&x)) / rms(&x)
            })
            .collect();
        for (i, a) in tilts.iter().enumerate() {
            assert!(tilts[..i].iter().all(|b| (a / b - 1.0).abs() > 1e-3), "{tilts:?}");
        }
        let x = sound(&[("loc", "A")], None, 5).unwrap();
        assert!(line(&x, 16_000.0, 7900.0) < line(&x, 16_000.0, 500.0));
    }

    #[test]
    fn clips_of_one_kind_differ_and_have_the_level_of_a_clip() {
        let clips: Vec<_> = (0..4).map(|clip| sound(&[], None, clip).unwrap()).collect();
        assert_ne!(clips[0], clips[1]);
        for x in &clips {
            assert!((0.02..0.06).contains(&rms(x)), "{}", rms(x));
        }
    }

    #[test]
    fn odd_rates_and_lengths_survive() {
        let attributes = BTreeMap::from([("vel".to_owned(), "30".to_owned())]);
        for (rate, samples) in
            [(4000.0, 400), (11_025.0, 1103), (48_000.0, 9601), (192_000.0, 20_001)]
        {
            for fault in FAULTS {
                let fault = Some((*fault, 2.0));
                let x = render(&Scene {
                    rate,
                    samples,
                    unit: Seed(9),
                    clip: Seed(8),
                    attributes: &attributes,
                    fault,
                    tuning: Default::default(),
                });
                let x = x.unwrap();
                assert_eq!(x.len(), samples);
                assert!(x.iter().all(|x| x.abs() < 1.0) && rms(&x) > 0.001, "{rate} {}", rms(&x));
            }
        }
    }

    #[test]
    fn what_the_rig_does_not_know_is_refused_by_name() {
        assert_eq!(
            sound(&[("loc", "J")], None, 0).unwrap_err(),
            "`loc` is `J`, not one of A, B, C, D, E, F, G, H"
        );
        assert!(sound(&[("vel", "fast")], None, 0).unwrap_err().contains("`fast`"));
        for vel in ["NaN", "0", "-6", "inf"] {
            assert!(
                sound(&[("vel", vel)], None, 0).unwrap_err().contains("not in 0.5..30"),
                "{vel}"
            );
        }
    }
}
