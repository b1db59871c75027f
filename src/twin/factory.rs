//! Noise of three factories. The letter defines the factory; the clip's seed defines the
//! place in it and the events.
//!
//! * **A**, a hall with ventilation: low rumble, broadband air, hum, and hammering far away, in
//!   groups of strikes that ring and leave a reverberant tail.
//! * **B**, a compressor that starts and stops beside a conveyor whose rollers clack in its rhythm
//!   and which sometimes squeals.
//! * **C**, a press hall: strokes of presses in rows with pauses, air blown off after a stroke,
//!   hydraulics, and beeps of a vehicle or an alarm.
//!
//! Each factory has a bed of noise whose spectrum falls by some 20 dB a decade, because of distance
//! and absorption in large halls (Kuttruff, "Room Acoustics"). Its balance differs from clip to
//! clip. In half of the clips a neighbouring machine hums. Nothing here is stationary, and that
//! makes it a disturbance.

use super::Scene;
use super::hall;
use super::sound::{BLOCK, Sound};
use crate::math;

/// The samples of a recording.
pub fn render(kind: &str, scene: &Scene) -> Result<Vec<f32>, String> {
    let mut sound = scene.sound();
    match kind {
        "A" => ventilation(&mut sound),
        "B" => conveyor(&mut sound),
        "C" => presses(&mut sound),
        _ => return Err(format!("there is no factory noise `{kind}`, only A, B, C")),
    }
    neighbour(&mut sound);
    hall::stand(&mut sound, scene.unit);
    let gain = 0.040 * sound.between(0.85, 1.15);
    Ok(sound.finish(gain))
}

/// Rumble, air and hiss of about these standard deviations. Each swells independently.
fn bed(sound: &mut Sound, rumble: f64, air: f64, hiss: f64) {
    // Two poles each. The first keeps the variance of white noise, the second the variance below
    // its corner.
    let keep = |hz: f64, rate: f64| 1.0 / (1.0 + std::f64::consts::TAU * hz / rate);
    let bands = [(150.0, 500.0), (700.0, 3000.0), (4000.0, 6000.0)];
    let poles = bands.map(|(first, second)| (keep(first, sound.rate), keep(second, sound.rate)));
    let swells = [rumble, air, hiss].map(|amount| {
        let amount = amount * sound.between(0.65, 1.5);
        sound.drift(amount, 2.0, 0.15)
    });
    let gains = poles.map(|(first, second)| (1.0 - first * first).sqrt() * (1.0 - second));
    let (mut once, mut twice) = ([0.0; 3], [0.0; 3]);
    let white = sound.white();
    for (at, (block, white)) in sound.samples.chunks_mut(BLOCK).zip(white.chunks(BLOCK)).enumerate()
    {
        let mut level: [f64; 3] = std::array::from_fn(|band| swells[band][at]);
        let slope: [f64; 3] =
            std::array::from_fn(|band| (swells[band][at + 1] - swells[band][at]) / BLOCK as f64);
        for (x, white) in block.iter_mut().zip(white) {
            for band in 0..3 {
                once[band] = poles[band].0 * once[band] + gains[band] * white;
                twice[band] = poles[band].1 * twice[band] + once[band];
                *x += level[band] * twice[band];
                level[band] += slope[band];
            }
        }
    }
    sound.free(white);
}

/// A machine nearby, which runs in half of the clips.
fn neighbour(sound: &mut Sound) {
    let (runs, fundamental) = (sound.rng.uniform() < 0.5, sound.between(40.0, 220.0));
    let level = if runs { sound.between(0.1, 0.35) } else { 0.0 };
    let course = sound.drift(fundamental, 2.0, 0.002);
    let lines: Vec<_> =
        (1..=8).map(|k| (f64::from(k), sound.between(0.2, 1.0) / f64::from(k).sqrt())).collect();
    let lines = sound.orders(&course, &lines);
    sound.pour(lines, level);
}

/// The sound of a blow's impulses: ringing modes, and the tail of the room, `seconds` long until
/// 1/e.
fn blows(sound: &mut Sound, impulses: &[f64], modes: &[(f64, f64, f64)], seconds: f64, tail: f64) {
    let ring = sound.body(impulses, modes);
    sound.pour(ring, 1.0);
    let mut room = sound.dark(700.0);
    let keep = 1.0 / (1.0 + 1.0 / (seconds * sound.rate));
    // The root of the mean energy of the tail, for an impulse of energy 1.
    let scale = (1.0 / (sound.rate * seconds)).sqrt();
    let mut left = 0.0;
    for (x, blow) in room.iter_mut().zip(impulses) {
        left = keep * left + blow;
        *x *= scale * left;
    }
    sound.pour(room, tail);
}

/// Noise let out of a pressed-air line. It opens within some milliseconds and falls while the line
/// empties.
fn blow_off(sound: &mut Sound, noise: &[f64], at: f64, seconds: f64, level: f64) {
    let start = (at.max(0.0) * sound.rate) as usize;
    let length = (seconds * sound.rate) as usize;
    let opening = 0.008 * sound.rate;
    for (i, (x, noise)) in sound.samples.iter_mut().zip(noise).skip(start).take(length).enumerate()
    {
        let left = 1.0 - i as f64 / length as f64;
        *x += level * noise * left * (i as f64 / opening).min(1.0);
    }
}

/// A tone between two times, with edges of 10 ms.
fn beep(sound: &mut Sound, hz: f64, at: f64, seconds: f64, level: f64) {
    if hz >= 0.45 * sound.rate {
        return;
    }
    let (start, length) = ((at * sound.rate) as usize, (seconds * sound.rate) as usize);
    let edge = 0.01 * sound.rate;
    let (step_sin, step_cos) = math::sin_cos(std::f64::consts::TAU * hz / sound.rate);
    let (mut sin, mut cos) = (0.0, 1.0);
    for (i, x) in sound.samples.iter_mut().skip(start).take(length).enumerate() {
        let inside = i.min(length - i) as f64 / edge;
        *x += level * sin * inside.min(1.0);
        (sin, cos) = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
    }
}

/// Factory A.
fn ventilation(sound: &mut Sound) {
    bed(sound, 0.7, 0.6, 0.20);
    let mains = vec![50.0; sound.samples.len() / BLOCK + 2];
    let hum = [(1.0, 0.2), (2.0, 0.25), (3.0, 0.08), (4.0, 0.1), (6.0, 0.05)]
        .map(|(harmonic, strength)| (harmonic, strength * sound.between(0.5, 1.5)));
    let hum = sound.orders(&mains, &hum);
    sound.pour(hum, 1.0);
    let duct = sound.drift(87.0, 4.0, 0.002);
    let lines = [(1.0, 0.3), (2.0, 0.15), (3.0, 0.08)]
        .map(|(order, strength)| (order, strength * sound.between(0.6, 1.4)));
    let duct = sound.orders(&duct, &lines);
    sound.pour(duct, 1.0);

    let seconds = sound.samples.len() as f64 / sound.rate;
    let mut hammer = sound.silence();
    let mut at = sound.between(-3.0, 4.0);
    while at < seconds {
        let (strikes, rate, level) =
            (3 + sound.rng.below(6), sound.between(1.3, 3.0), sound.between(0.05, 0.22));
        for _ in 0..strikes {
            let force = level * sound.between(0.7, 1.2);
            if at >= 0.0 {
                sound.strike(&mut hammer, at, force);
            }
            at += sound.between(0.9, 1.1) / rate;
        }
        at += sound.between(1.0, 6.0);
    }
    let plate = sound.between(0.9, 1.1);
    let modes = [(430.0, 12.0, 0.7), (910.0, 18.0, 0.8), (1480.0, 25.0, 0.7), (2350.0, 40.0, 0.4)]
        .map(|(hz, bandwidth, gain)| (plate * hz, bandwidth, gain));
    blows(sound, &hammer, &modes, 0.25, 0.8);
}

/// Factory B.
fn conveyor(sound: &mut Sound) {
    bed(sound, 0.6, 0.5, 0.15);
    let seconds = sound.samples.len() as f64 / sound.rate;

    // The compressor switches every 4 to 15 s, and each switch takes half a second.
    let mut runs = sound.rng.uniform() < 0.6;
    let mut switch = sound.between(0.0, 12.0);
    let step = BLOCK as f64 / sound.rate;
    let mut speed = if runs { 1.0 } else { 0.0 };
    let mut course = vec![0.0; sound.samples.len() / BLOCK + 2];
    for (i, value) in course.iter_mut().enumerate() {
        if i as f64 * step > switch {
            runs = !runs;
            switch += sound.between(4.0, 15.0);
        }
        let goal = if runs { 1.0 } else { 0.0 };
        speed += (goal - speed) * (step / 0.25).min(1.0);
        *value = speed;
    }
    let pitch = 24.3 * sound.between(0.99, 1.01);
    let turning: Vec<f64> = course.iter().map(|speed| pitch * (0.3 + 0.7 * speed)).collect();
    let lines: Vec<_> = [
        (0.5, 0.2),
        (1.0, 0.5),
        (2.0, 0.4),
        (3.0, 0.2),
        (4.0, 0.25),
        (6.0, 0.12),
        (8.0, 0.1),
        (12.0, 0.06),
    ]
    .map(|(order, strength)| (order, strength * sound.between(0.7, 1.3)))
    .to_vec();
    let mut compressor = sound.orders(&turning, &lines);
    let white = sound.white();
    let valves = sound.body(&white, &[(700.0, 400.0, 0.7), (1700.0, 900.0, 0.4)]);
    let strokes = sound.humps(&turning, 0.5);
    compressor
        .iter_mut()
        .zip(&valves)
        .zip(&strokes)
        .for_each(|((x, valve), stroke)| *x += 0.4 * valve * stroke);
    for part in [white, valves, strokes] {
        sound.free(part);
    }
    Sound::follow(&mut compressor, &course);
    let level = sound.between(0.6, 1.1);
    sound.pour(compressor, level);

    let mut clacks = sound.silence();
    let (rhythm, level) = (4.1 * sound.between(0.97, 1.03), sound.between(0.05, 0.11));
    let mut at = sound.rng.uniform() / rhythm;
    while at < seconds {
        // Each roller has its own force. Now and then a heavier parcel passes.
        let parcel = if sound.rng.uniform() < 0.06 { 1.5 } else { 1.0 };
        let force = parcel * level * sound.between(0.6, 1.3);
        sound.strike(&mut clacks, at, force);
        at += sound.between(0.96, 1.04) / rhythm;
    }
    let modes =
        [(240.0, 50.0, 0.8), (680.0, 90.0, 0.8), (1350.0, 150.0, 0.5), (2600.0, 250.0, 0.6)];
    blows(sound, &clacks, &modes, 0.1, 0.5);
    let squeals = sound.rng.uniform() < 0.3;
    let (at, long, hz) =
        (sound.between(0.0, 9.0), sound.between(0.3, 1.5), sound.between(1800.0, 3200.0));
    if squeals {
        beep(sound, hz, at, long, 0.12);
    }
}

/// Factory C.
fn presses(sound: &mut Sound) {
    bed(sound, 0.6, 0.5, 0.18);
    let hydraulics = sound.drift(118.0, 1.0, 0.004);
    let lines: Vec<_> =
        (1..=6).map(|k| (f64::from(k), sound.between(0.1, 0.25) / f64::from(k))).collect();
    let hydraulics = sound.orders(&hydraulics, &lines);
    sound.pour(hydraulics, 1.0);

    let seconds = sound.samples.len() as f64 / sound.rate;
    let white = sound.white();
    let air = sound.body(&white, &[(3400.0, 2200.0, 0.6), (5600.0, 2600.0, 0.9)]);
    let mut press = sound.silence();
    let mut at = sound.between(-2.0, 2.0);
    while at < seconds {
        let (strokes, period, force) =
            (2 + sound.rng.below(5), sound.between(0.9, 1.6), sound.between(0.25, 0.7));
        for _ in 0..strokes {
            let (force, blows) = (force * sound.between(0.7, 1.2), sound.rng.uniform() < 0.5);
            let (delay, long, level) =
                (sound.between(0.15, 0.3), sound.between(0.15, 0.7), sound.between(0.2, 0.7));
            if at >= 0.0 {
                sound.strike(&mut press, at, force);
            }
            if blows && at + delay >= 0.0 {
                blow_off(sound, &air, at + delay, long, level);
            }
            at += period * sound.between(0.93, 1.07);
        }
        at += sound.between(0.5, 4.0);
    }
    let modes = [
        (55.0, 14.0, 0.8),
        (140.0, 25.0, 0.6),
        (370.0, 35.0, 0.5),
        (820.0, 50.0, 0.4),
        (1900.0, 90.0, 0.25),
    ];
    blows(sound, &press, &modes, 0.18, 0.6);

    let beeps = sound.rng.uniform() < 0.4;
    let (hz, level) = ([1250.0, 2100.0, 6100.0][sound.rng.below(3)], sound.between(0.04, 0.12));
    let (mut at, period) = (sound.between(-4.0, 8.0), sound.between(0.5, 1.0));
    for _ in 0..3 + sound.rng.below(8) {
        if beeps && at >= 0.0 {
            beep(sound, hz, at, 0.5 * period, level);
        }
        at += period;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::seed::Seed;

    const NONE: &BTreeMap<String, String> = &BTreeMap::new();

    fn place(kind: &str, clip: u64) -> Vec<f32> {
        let scene = Scene {
            rate: 16_000.0,
            samples: 160_000,
            unit: Seed(0),
            clip: Seed(clip),
            attributes: NONE,
            fault: None,
            tuning: Default::default(),
        };
        render(kind, &scene).unwrap()
    }

    fn power(samples: &[f64]) -> f64 {
        samples.iter().map(|x| x * x).sum::<f64>() / samples.len() as f64
    }

    /// Power in a band about a frequency in each tenth of a second.
    fn band(samples: &[f32], hz: f64, bandwidth: f64) -> Vec<f64> {
        let mut sound = Sound::new(16_000.0, samples.len(), Seed(0).rng());
        let samples: Vec<f64> = samples.iter().map(|x| f64::from(*x)).collect();
        let heard = sound.body(&samples, &[(hz, bandwidth, 1.0)]);
        heard.chunks(1600).map(power).collect()
    }

    #[test]
    fn the_spectrum_falls_as_halls_make_it() {
        for kind in ["A", "B", "C"] {
            // Means of densities over clips, because events differ between clips.
            let density = |hz: f64| {
                (0..4)
                    .map(|clip| band(&place(kind, clip), hz, 0.3 * hz).iter().sum::<f64>())
                    .sum::<f64>()
            };
            let (low, middle, high) = (density(120.0), density(1200.0), density(6000.0));
            let decade = 10.0 * math::log10(low / middle);
            assert!(
                (10.0..35.0).contains(&decade) && high < middle,
                "{kind}: {low} {middle} {high}"
            );
        }
    }

    #[test]
    fn something_happens_in_every_place() {
        // The loudest tenth of a second in a band against a quiet one, for the most eventful of
        // some clips.
        for (kind, hz) in [("A", 1480.0), ("B", 2600.0), ("C", 5600.0)] {
            let crest = |clip| {
                let mut tenths = band(&place(kind, clip), hz, 0.1 * hz);
                tenths.sort_by(f64::total_cmp);
                tenths[99] / tenths[10]
            };
            let most = (0..6).map(crest).fold(0.0, f64::max);
            // Steady noise would have about 2.
            assert!(most > 3.5, "{kind}: {most}");
        }
    }

    #[test]
    fn clips_differ_and_levels_agree() {
        for kind in ["A", "B", "C"] {
            assert_ne!(place(kind, 1), place(kind, 2));
            for clip in 0..4 {
                let sound: Vec<f64> = place(kind, clip).iter().map(|x| f64::from(*x)).collect();
                let level = power(&sound).sqrt();
                // Places differ by several dB.
                assert!((0.02..0.16).contains(&level), "{kind}: {level}");
            }
        }
    }

    #[test]
    fn any_rate_and_length_will_do() {
        for (rate, samples) in
            [(4000.0, 400), (11_025.0, 12_345), (16_000.0, 500_000), (48_000.0, 4801)]
        {
            for kind in ["A", "B", "C"] {
                let scene = Scene {
                    rate,
                    samples,
                    unit: Seed(0),
                    clip: Seed(1),
                    attributes: NONE,
                    fault: None,
                    tuning: Default::default(),
                };
                let sound = render(kind, &scene).unwrap();
                let peak = sound.iter().fold(0.0, |a: f32, x| a.max(x.abs()));
                assert!(
                    sound.len() == samples && peak > 0.01 && peak < 0.7,
                    "{kind} {rate} {samples}: {peak}"
                );
                assert!(sound.iter().all(|x| x.is_finite()));
            }
        }
    }
}
