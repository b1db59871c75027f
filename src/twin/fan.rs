//! An industrial fan that blows without pause, driven by an induction motor.
//!
//! * **Blades**: B equal blades that pass a fixed obstacle make lines at f = k B N/60 (Gutin 1936).
//!   Real blades differ a little, so every order m of the shaft sounds, with the strength |sum_b
//!   s_b e^(-2 pi i m b/B)|/B, the Fourier series of the blades' loads s_b round the wheel. Inflow
//!   turbulence blurs the first two harmonics into haystacks (Blake, "Mechanics of Flow-Induced
//!   Sound", chapter on rotors).
//! * **Turbulence**: broadband noise of the flow, through the casing's resonances. By the fan laws
//!   sound power goes with the 5th power of speed (Bies and Hansen, "Engineering Noise Control"),
//!   so pressure goes with N^2.5.
//! * **Motor**: hum at multiples of twice the mains frequency, and slot lines at R N/60 +- 2
//!   f_mains for R rotor slots (Alger, "Induction Machines"). The slot lines make the clusters at 1
//!   to 2 kHz.
//!
//! Faults. *Wing damage* takes load from one blade, so the orders between the blades' harmonics
//! rise; the broken edge sheds eddies once a turn. *Unbalance* pulls with m r omega^2 at the
//! shaft's order and makes the guard rattle once a turn. *Clogging* throttles the flow: blades
//! stall, which is low noise that swells and ebbs (Bies and Hansen, fans off their design point),
//! while flow noise and blade lines fall. *Over voltage* shortens the slip, so all orders rise in
//! pitch. It also saturates the iron: hum gets harmonics, slot lines grow.
//!
//! MIMII DG shifts the fan's domain by the noise that is mixed in, so no attribute is read here.

use super::Scene;
use super::sound::{Sound, within};
use crate::math;

pub const FAULTS: &[&str] = &["wing damage", "unbalance", "clogging", "over voltage"];

/// Mains frequency in Hz.
const MAINS: f64 = 50.0;

/// The properties of one fan.
struct Wheel {
    /// Turns per second.
    shaft: f64,
    /// Load of each blade, about 1.
    blades: Vec<f64>,
    rotor_slots: f64,
    /// Resonances of the casing: Hz, bandwidth, gain.
    casing: [(f64, f64, f64); 4],
    /// Resonances of the guard, which rattles, and of a torn edge: Hz.
    guard: f64,
    edge: f64,
}

impl Wheel {
    fn of(scene: &Scene) -> Self {
        let mut rng = scene.unit.rng();
        let rng = &mut rng;
        let shaft = within(rng, 24.0, 29.0);
        let count = 5 + rng.below(5);
        let blades = (0..count).map(|_| within(rng, 0.95, 1.05)).collect();
        let rotor_slots = (28 + 2 * rng.below(9)) as f64;
        let casing = [(180.0, 380.0), (500.0, 900.0), (1000.0, 1900.0), (2100.0, 3200.0)].map(
            |(low, high)| {
                let hz = within(rng, low, high);
                (hz, hz * within(rng, 0.15, 0.35), within(rng, 0.15, 0.3))
            },
        );
        Self {
            shaft,
            blades,
            rotor_slots,
            casing,
            guard: within(rng, 350.0, 800.0),
            edge: within(rng, 1800.0, 3600.0),
        }
    }

    /// Strength of a shaft's order from the blades' loads, if one blade has lost the share `lost`.
    fn order(&self, order: usize, lost: f64) -> f64 {
        let count = self.blades.len() as f64;
        let (mut re, mut im) = (0.0, 0.0);
        for (b, load) in self.blades.iter().enumerate() {
            let (sin, cos) = math::sin_cos(std::f64::consts::TAU * (order * b) as f64 / count);
            let load = if b == 0 { load * (1.0 - lost) } else { *load };
            re += load * cos;
            im += load * sin;
        }
        // The pulse of one blade is smooth: strongest up to the first harmonic, and falling as
        // 1/f^2 above it.
        let harmonic = order as f64 / count;
        (re * re + im * im).sqrt() / count * 3.0 * harmonic
            / (1.0 + harmonic * harmonic * (1.0 + harmonic))
    }
}

/// The samples of a recording.
pub fn render(scene: &Scene) -> Result<Vec<f32>, String> {
    let [damage, unbalance, clogging, voltage] =
        ["wing damage", "unbalance", "clogging", "over voltage"].map(|name| scene.fault(name));
    let wheel = Wheel::of(scene);
    let mut sound = scene.sound();

    // A throttled wheel pushes less air, and a higher voltage means less slip.
    let speed =
        scene.pace() * sound.between(0.988, 1.012) * (1.0 + 0.02 * voltage + 0.006 * clogging);
    let turns = sound.drift(wheel.shaft * speed, 3.0, 0.0015);
    let fan_law = speed * speed * speed.sqrt();
    let flow = sound.between(0.8, 1.25) * fan_law;
    let tones = sound.between(0.75, 1.25) * fan_law;

    let white = sound.white();
    turbulence(&mut sound, &wheel, &white, flow / (1.0 + 0.17 * clogging));
    blades(&mut sound, &wheel, &turns, &white, tones / (1.0 + 0.35 * clogging), damage);
    motor(&mut sound, &wheel, &turns, voltage);
    sound.free(white);
    let white = sound.white();
    shaking(&mut sound, &wheel, &turns, &white, unbalance, damage);
    stall(&mut sound, &white, clogging);
    sound.free(white);
    grit(&mut sound, &wheel);

    let gain = 0.032 * sound.between(0.85, 1.15);
    Ok(sound.finish(gain))
}

/// Broadband noise of the flow. It is low-passed at the end of the blade chord's eddies and
/// coloured by the casing.
fn turbulence(sound: &mut Sound, wheel: &Wheel, white: &[f64], flow: f64) {
    let (low, high) = (0.8 * sound.between(0.8, 1.2), 0.12 * sound.between(0.8, 1.2));
    let casing =
        wheel.casing.map(|(hz, bandwidth, gain)| (hz, bandwidth, gain * sound.between(0.75, 1.3)));
    let mut noise = sound.body(white, &casing);
    let (eddies, mut fine) = (sound.dark(150.0), sound.dark(2500.0));
    sound.below(&mut fine, 4500.0);
    noise
        .iter_mut()
        .zip(&eddies)
        .zip(&fine)
        .for_each(|((x, eddies), fine)| *x += low * eddies + high * fine);
    sound.free(eddies);
    sound.free(fine);
    let gusts = sound.drift(1.0, 1.5, 0.08);
    Sound::follow(&mut noise, &gusts);
    sound.pour(noise, flow);
}

/// Orders of the shaft, and the haystacks about the blades' first two harmonics.
fn blades(sound: &mut Sound, wheel: &Wheel, turns: &[f64], white: &[f64], tones: f64, damage: f64) {
    let highest = 6 * wheel.blades.len();
    let orders: Vec<_> = (1..=highest)
        .map(|order| {
            (order as f64, 0.6 * wheel.order(order, 0.5 * damage) * sound.between(0.8, 1.2))
        })
        .collect();
    let mut lines = sound.orders(turns, &orders);
    let passing = wheel.blades.len() as f64 * turns[0];
    let stacks = sound
        .body(white, &[(passing, 0.06 * passing, 0.22), (2.0 * passing, 0.12 * passing, 0.12)]);
    lines.iter_mut().zip(&stacks).for_each(|(x, stack)| *x += stack);
    sound.free(stacks);
    let swell = sound.drift(1.0, 0.5, 0.12);
    Sound::follow(&mut lines, &swell);
    sound.pour(lines, tones);
}

/// Hum and slot lines. A varying load moves the slot lines a little.
fn motor(sound: &mut Sound, wheel: &Wheel, turns: &[f64], voltage: f64) {
    let level = sound.between(0.7, 1.3);
    let mains = vec![MAINS; turns.len()];
    let hum = [(2.0, 0.30), (4.0, 0.10), (6.0, 0.08), (8.0, 0.03), (12.0, 0.03)].map(
        |(harmonic, strength)| {
            let saturation =
                if harmonic > 2.0 { 1.0 + 0.6 * voltage } else { 1.0 + 0.15 * voltage };
            (harmonic, level * strength * sound.between(0.8, 1.2) * saturation)
        },
    );
    let hum = sound.orders(&mains, &hum);
    sound.pour(hum, 1.0);
    let mut orders = Vec::new();
    for (multiple, strength) in [(1.0, 0.10), (2.0, 0.04), (3.0, 0.015)] {
        for side in [-2.0, 0.0, 2.0, 4.0] {
            // As an order of the mean speed: the shift by the mains is nearly fixed.
            let order = multiple * wheel.rotor_slots + side * MAINS / turns[0];
            orders.push((order, strength * sound.between(0.5, 1.5) * (1.0 + 0.3 * voltage)));
        }
    }
    let mut lines = sound.orders(turns, &orders);
    let load = sound.drift(1.0, 0.5, 0.15);
    Sound::follow(&mut lines, &load);
    sound.pour(lines, level);
}

/// The wheel's pull on its mount at the shaft's first orders, and the parts that rattle and shed
/// eddies once a turn.
fn shaking(
    sound: &mut Sound,
    wheel: &Wheel,
    turns: &[f64],
    white: &[f64],
    unbalance: f64,
    damage: f64,
) {
    // Every wheel has some residual unbalance. A broken blade also weighs less.
    let pull = 0.12 * sound.between(0.6, 1.4) + 0.4 * unbalance + 0.05 * damage;
    let shake = sound.orders(turns, &[(1.0, 1.0), (2.0, 0.5), (3.0, 0.25)]);
    sound.pour(shake, pull);
    let (rattles, sheds) = (0.08 * sound.between(0.5, 1.5) + 0.45 * unbalance, 0.30 * damage);
    let mut once = sound.body(
        white,
        &[
            (wheel.guard, 0.2 * wheel.guard, 0.7 * rattles),
            (2.7 * wheel.guard, 0.5 * wheel.guard, 0.4 * rattles),
            (wheel.edge, 0.3 * wheel.edge, sheds),
        ],
    );
    let humps = sound.humps(turns, 0.3);
    once.iter_mut().zip(&humps).for_each(|(x, hump)| *x *= hump);
    sound.free(humps);
    sound.pour(once, 1.0);
}

/// Low noise of stalled blades, which swells as they fall in and out of stall. Some of it is always
/// present.
fn stall(sound: &mut Sound, white: &[f64], clogging: f64) {
    let mut noise = sound.body(white, &[(70.0, 60.0, 0.8), (160.0, 150.0, 0.6)]);
    let swell = sound.drift(1.0, 0.2, 0.3);
    Sound::follow(&mut noise, &swell);
    let amount = 0.1 * sound.between(0.6, 1.4) + 0.45 * clogging;
    sound.pour(noise, amount);
}

/// Now and then a grain or a fibre hits the casing.
fn grit(sound: &mut Sound, wheel: &Wheel) {
    let mut hits = sound.silence();
    let seconds = hits.len() as f64 / sound.rate;
    // About one possible grain every two seconds, with a probability of a quarter.
    let mut at = sound.between(0.0, 2.0);
    while at < seconds {
        let (level, chance) = (sound.between(0.03, 0.08), sound.rng.uniform());
        if chance < 0.25 {
            sound.strike(&mut hits, at, level);
        }
        at += sound.between(1.0, 3.0);
    }
    let ring =
        sound.body(&hits, &wheel.casing.map(|(hz, bandwidth, _)| (hz, 0.4 * bandwidth, 0.5)));
    sound.pour(ring, 1.0);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::testing::line;
    use super::*;
    use crate::seed::Seed;

    const NONE: &BTreeMap<String, String> = &BTreeMap::new();

    fn scene(unit: u64, clip: u64, fault: Option<(&'static str, f64)>) -> Scene<'static> {
        Scene {
            rate: 16_000.0,
            samples: 32_000,
            unit: Seed(unit),
            clip: Seed(clip),
            attributes: NONE,
            fault,
            tuning: Default::default(),
        }
    }

    /// The strongest line between two frequencies, in steps of half a hertz.
    fn strongest(samples: &[f32], low: f64, high: f64) -> f64 {
        let steps = (2.0 * (high - low)) as usize;
        let all = (0..=steps).map(|i| low + 0.5 * i as f64);
        all.max_by(|a, b| line(samples, 16_000.0, *a).total_cmp(&line(samples, 16_000.0, *b)))
            .unwrap_or(low)
    }

    #[test]
    fn the_blades_passing_stands_above_the_orders_beside_it() {
        for unit in 0..5 {
            let scene = scene(unit, 9, None);
            let wheel = Wheel::of(&scene);
            let passing = wheel.shaft * wheel.blades.len() as f64;
            let found = strongest(&render(&scene).unwrap(), 0.6 * passing, 1.6 * passing);
            assert!(
                (found / passing - 1.0).abs() < 0.02,
                "unit {unit}: {found} Hz, not {passing} Hz"
            );
        }
    }

    #[test]
    fn a_broken_blade_fills_the_orders_between() {
        let wheel = Wheel::of(&scene(3, 0, None));
        let count = wheel.blades.len();
        assert!(wheel.order(count, 0.5) < wheel.order(count, 0.0));
        for between in [1, count - 1, count + 1, 2 * count - 1] {
            assert!(wheel.order(between, 0.5) > 3.0 * wheel.order(between, 0.0), "order {between}");
        }
        // One blade of B has lost everything: 1/B of the wheel's load is missing.
        let whole: f64 = wheel.blades.iter().sum();
        let expected = (whole - wheel.blades[0]) / whole;
        assert!((wheel.order(count, 1.0) / wheel.order(count, 0.0) - expected).abs() < 1e-9);
    }

    #[test]
    fn over_voltage_raises_the_pitch_by_two_percent() {
        let passing = |size| {
            let scene = scene(1, 4, Some(("over voltage", size)));
            let wheel = Wheel::of(&scene);
            let hz = wheel.shaft * wheel.blades.len() as f64;
            strongest(&render(&scene).unwrap(), 0.95 * hz, 1.1 * hz)
        };
        let ratio = passing(2.0) / passing(0.0);
        assert!((ratio - 1.04).abs() < 0.01, "{ratio}");
    }

    #[test]
    fn unbalance_pulls_at_the_shaft() {
        let normal = render(&scene(2, 5, None)).unwrap();
        let fault = render(&scene(2, 5, Some(("unbalance", 2.0)))).unwrap();
        let shaft = strongest(&fault, 22.0, 31.0);
        let ratio = line(&fault, 16_000.0, shaft) / line(&normal, 16_000.0, shaft);
        assert!(ratio > 3.0, "{ratio} at {shaft} Hz");
    }

    #[test]
    fn clogging_makes_the_sound_darker() {
        // Mean square of the slope over that of the signal: the centre of the spectrum's weight.
        let brightness = |samples: &[f32]| {
            let slope: f64 = samples.windows(2).map(|x| math::square(f64::from(x[1] - x[0]))).sum();
            slope / samples.iter().map(|x| math::square(f64::from(*x))).sum::<f64>()
        };
        let normal = brightness(&render(&scene(2, 6, None)).unwrap());
        let fault = brightness(&render(&scene(2, 6, Some(("clogging", 1.0)))).unwrap());
        assert!(fault < 0.9 * normal, "{fault} {normal}");
    }

    #[test]
    fn a_fault_of_size_zero_is_none() {
        let normal = render(&scene(1, 2, None)).unwrap();
        for fault in FAULTS {
            assert_eq!(render(&scene(1, 2, Some((fault, 0.0)))).unwrap(), normal, "{fault}");
            assert_ne!(render(&scene(1, 2, Some((fault, 1.0)))).unwrap(), normal, "{fault}");
        }
        assert_ne!(render(&scene(1, 3, None)).unwrap(), normal, "another clip");
        assert_ne!(render(&scene(2, 2, None)).unwrap(), normal, "another unit");
    }

    #[test]
    fn any_rate_and_length_will_do() {
        for (rate, samples) in
            [(4000.0, 400), (11_025.0, 12_345), (16_000.0, 160_000), (48_000.0, 4801)]
        {
            for fault in [None, Some(("wing damage", 3.0)), Some(("clogging", 3.0))] {
                let sound = render(&Scene { rate, samples, ..scene(7, 7, fault) }).unwrap();
                let peak = sound.iter().fold(0.0, |a: f32, x| a.max(x.abs()));
                assert!(
                    sound.len() == samples && peak > 0.02 && peak < 0.7,
                    "{rate} {samples}: {peak}"
                );
            }
        }
    }
}
