//! Four pumps that disturb a recording, each of another type with another sound.
//!
//! * **W**, a centrifugal pump: vanes passing the volute's tongue at z N/60 and few harmonics, flow
//!   noise that falls early, and a little cavitation that crackles at some kHz (Brennen,
//!   "Hydrodynamics of Pumps").
//! * **X**, an external gear pump: one pressure pulse for each tooth. The pulses are short, so the
//!   mesh's harmonics reach far up. The teeth differ, so orders of the shaft stand beside them.
//! * **Y**, a double diaphragm pump: a thump and a check valve's click for each stroke, a few
//!   strokes a second, and the hiss of the exhaust after it.
//! * **Z**, a liquid ring vacuum pump on an inverter: vanes in a splashing ring of water, a speed
//!   that the controller keeps hunting, and lines beside the inverter's switching frequency.
//!
//! A pump depends on its letter alone, so it is the same machine in every section. Speed, level and
//! balance of the parts depend on the clip, and so does the way to the microphone: pipes and places
//! differ from one recording to another.

use super::Scene;
use super::body::{self, Tuning};
use super::sound::{BLOCK, Sound};

/// The standard deviation of the way from a pump to the microphone between clips, dB. With it the
/// spectra of two clips with pumps differ at least half as much as those of real ones do
/// (`examples/twin_beside_real.rs`).
const SPREAD_DB: f64 = 6.0;

/// The samples of a recording.
pub fn render(kind: &str, scene: &Scene) -> Result<Vec<f32>, String> {
    let mut sound = scene.sound();
    let loudness = match kind {
        "W" => centrifugal(&mut sound),
        "X" => gear(&mut sound),
        "Y" => diaphragm(&mut sound),
        "Z" => liquid_ring(&mut sound),
        _ => return Err(format!("there is no pump `{kind}`, only W, X, Y, Z")),
    };
    let gain = loudness * sound.between(0.85, 1.15);
    Ok(sound.finish(gain))
}

/// The recording of a pump's sound where it stands.
pub fn stand(scene: &Scene, sound: Vec<f32>) -> Vec<f32> {
    let tuning = Tuning { spread_db: SPREAD_DB, ..Tuning::default() };
    body::hear(&Scene { tuning, ..scene.clone() }, sound)
}

/// Pump W. Returns the gain that brings it to the level of all pumps; so do the others.
fn centrifugal(sound: &mut Sound) -> f64 {
    const VANES: f64 = 7.0;
    let mean = 24.6 * sound.between(0.99, 1.01);
    let shaft = sound.drift(mean, 3.0, 0.0015);
    let lines = [
        (1.0, 0.3),
        (2.0, 0.2),
        (VANES, 0.8),
        (2.0 * VANES, 0.45),
        (3.0 * VANES, 0.25),
        (4.0 * VANES, 0.12),
        (6.0 * VANES, 0.06),
    ]
    .map(|(order, strength)| (order, strength * sound.between(0.75, 1.25)));
    let mut vanes = sound.orders(&shaft, &lines);
    let swell = sound.drift(1.0, 0.7, 0.08);
    Sound::follow(&mut vanes, &swell);
    sound.pour(vanes, 1.6);
    sound.tone(100.0, 0.25);

    let white = sound.white();
    let flow = sound.dark(350.0);
    let (amount, crackling) = (sound.between(0.6, 0.9), sound.between(0.1, 0.2));
    sound.pour(flow, amount);
    let mut crackle = sound.body(&white, &[(2600.0, 900.0, 1.0), (4300.0, 1500.0, 0.7)]);
    let bubbles = sound.drift(1.0, 0.02, 0.33);
    Sound::follow(&mut crackle, &bubbles);
    sound.pour(crackle, crackling);
    0.036
}

/// Pump X.
fn gear(sound: &mut Sound) -> f64 {
    const TEETH: usize = 13;
    // Heights of the teeth's pulses. The gear is the same in every clip.
    const HEIGHTS: [f64; TEETH] =
        [1.0, 0.9, 1.05, 1.1, 0.95, 0.85, 1.0, 1.1, 1.15, 0.9, 0.95, 1.05, 1.0];
    let mean = 24.1 * sound.between(0.99, 1.01);
    let shaft = sound.drift(mean, 3.0, 0.001);
    let mut pulses = sound.silence();
    let mut at = sound.rng.uniform() * sound.rate / (mean * TEETH as f64);
    let mut tooth = sound.rng.below(TEETH);
    while (at as usize) + 1 < pulses.len() {
        let (whole, part) = (at as usize, at.fract());
        // Split between two samples, so that the pitch has no jitter.
        pulses[whole] += HEIGHTS[tooth] * (1.0 - part);
        pulses[whole + 1] += HEIGHTS[tooth] * part;
        tooth = (tooth + 1) % TEETH;
        at += sound.rate / (shaft[whole / BLOCK] * TEETH as f64);
    }
    let unit = (sound.rate / (mean * TEETH as f64)).sqrt();
    let modes = [
        (620.0, 250.0, 1.0),
        (1450.0, 500.0, 0.7),
        (2900.0, 900.0, 0.6),
        (4400.0, 1300.0, 0.5),
        (6000.0, 1600.0, 0.4),
    ]
    .map(|(hz, bandwidth, gain)| (hz, bandwidth, gain * sound.between(0.8, 1.2)));
    let mut mesh = sound.body(&pulses, &modes);
    let load = sound.drift(1.0, 0.5, 0.06);
    Sound::follow(&mut mesh, &load);
    sound.pour(mesh, 0.6 * unit);
    let low = sound.orders(&shaft, &[(1.0, 0.1), (2.0, 0.25), (5.0, 0.2), (TEETH as f64, 0.3)]);
    sound.pour(low, 1.6);
    let oil = sound.dark(1200.0);
    let amount = sound.between(0.4, 0.6);
    sound.pour(oil, amount);
    0.036
}

/// Pump Y.
fn diaphragm(sound: &mut Sound) -> f64 {
    let seconds = sound.samples.len() as f64 / sound.rate;
    let strokes = 4.2 * sound.between(0.95, 1.05);
    let (mut thumps, mut clicks, mut hisses) = (sound.silence(), sound.silence(), sound.silence());
    let mut at = sound.rng.uniform() / strokes;
    let mut side = sound.rng.below(2);
    while at < seconds {
        // The two chambers differ a little.
        let (strength, level) = ([1.0, 0.8][side], sound.between(0.85, 1.15));
        sound.strike(&mut thumps, at, 0.2 * strength * level);
        let click = at + sound.between(0.03, 0.04);
        sound.strike(&mut clicks, click, 0.09 * strength * level);
        sound.strike(&mut hisses, click, 1.0);
        side = 1 - side;
        at += sound.between(0.97, 1.03) / strokes;
    }
    let thump = sound.body(&thumps, &[(62.0, 25.0, 1.0), (135.0, 45.0, 0.7), (310.0, 90.0, 0.4)]);
    sound.pour(thump, 1.0);
    let click =
        sound.body(&clicks, &[(900.0, 220.0, 1.0), (1900.0, 350.0, 0.8), (3400.0, 600.0, 0.5)]);
    sound.pour(click, 1.0);
    let white = sound.white();
    let flow = sound.dark(500.0);
    let amount = sound.between(0.35, 0.5);
    sound.pour(flow, amount);
    // The exhaust empties in about 60 ms.
    let keep = 1.0 / (1.0 + 1.0 / (0.06 * sound.rate));
    let (mut open, scale) = (0.0, 1.0 / sound.rate.sqrt());
    let mut exhaust =
        sound.body(&white, &[(1100.0, 900.0, 0.6), (2700.0, 1800.0, 0.8), (5000.0, 2600.0, 0.4)]);
    for (x, opened) in exhaust.iter_mut().zip(&hisses) {
        open = keep * open + scale * opened;
        *x *= open;
    }
    let amount = sound.between(0.5, 0.8);
    sound.pour(exhaust, amount);
    0.040
}

/// Pump Z.
fn liquid_ring(sound: &mut Sound) -> f64 {
    const VANES: f64 = 12.0;
    let mean = 47.0 * sound.between(0.98, 1.02);
    let shaft = sound.drift(mean, 0.8, 0.006);
    let lines = [
        (1.0, 0.25),
        (VANES, 0.5),
        (2.0 * VANES, 0.35),
        (3.0 * VANES, 0.2),
        (4.0 * VANES, 0.12),
        (VANES - 1.0, 0.1),
        (VANES + 1.0, 0.1),
    ]
    .map(|(order, strength)| (order, strength * sound.between(0.75, 1.25)));
    let vanes = sound.orders(&shaft, &lines);
    sound.pour(vanes, 1.6);
    for (hz, strength) in
        [(3900.0, 0.05), (4000.0 - 188.0, 0.08), (4000.0 + 188.0, 0.08), (7812.0, 0.03)]
    {
        sound.tone(hz, strength);
    }
    let white = sound.white();
    let balance = [1.0, 0.8, 0.4].map(|gain| gain * sound.between(0.8, 1.2));
    let modes =
        [(750.0, 500.0, balance[0]), (1500.0, 900.0, balance[1]), (3100.0, 1600.0, balance[2])];
    let mut splash = sound.body(&white, &modes);
    let water = sound.drift(1.0, 0.06, 0.2);
    Sound::follow(&mut splash, &water);
    let once = sound.humps(&shaft, 0.7);
    splash.iter_mut().zip(&once).for_each(|(x, once)| *x *= 0.7 + 0.6 * once);
    sound.free(once);
    sound.pour(splash, 0.7);
    0.036
}

#[cfg(test)]
mod tests {
    use crate::math;
    use std::collections::BTreeMap;

    use super::super::testing::line;
    use super::*;
    use crate::seed::Seed;

    const NONE: &BTreeMap<String, String> = &BTreeMap::new();

    fn pump(kind: &str, clip: u64) -> Vec<f32> {
        let scene = Scene {
            rate: 16_000.0,
            samples: 48_000,
            unit: Seed(0),
            clip: Seed(clip),
            attributes: NONE,
            fault: None,
            tuning: Default::default(),
        };
        render(kind, &scene).unwrap()
    }

    /// The strongest line within 3 % of a frequency, over the median of lines there.
    fn stands_out(samples: &[f32], hz: f64) -> f64 {
        let mut lines: Vec<f64> = (-30..=30)
            .map(|i| line(samples, 16_000.0, hz * (1.0 + 0.001 * f64::from(i))))
            .collect();
        lines.sort_by(f64::total_cmp);
        lines[60] / lines[30]
    }

    #[test]
    fn each_pump_has_its_own_line_and_not_the_others() {
        let (vanes, teeth, ring) = (7.0 * 24.6, 13.0 * 24.1 * 9.0, 12.0 * 47.0);
        for (kind, hz) in [("W", vanes), ("X", teeth), ("Z", ring)] {
            for other in ["W", "X", "Y", "Z"] {
                let ratio = stands_out(&pump(other, 3), hz);
                assert_eq!(ratio > 8.0, kind == other, "{hz} Hz in {other}: {ratio}");
            }
        }
    }

    #[test]
    fn the_diaphragm_pump_beats_four_times_a_second() {
        let power: Vec<f32> = pump("Y", 5).iter().map(|x| x * x).collect();
        let beat = |hz| line(&power, 16_000.0, hz);
        let strongest =
            (10..100).map(|i| 0.1 * f64::from(i)).max_by(|a, b| beat(*a).total_cmp(&beat(*b)));
        let hz = strongest.unwrap();
        assert!((hz - 4.2).abs() < 0.3, "{hz}");
    }

    #[test]
    fn clips_differ_and_levels_agree() {
        for kind in ["W", "X", "Y", "Z"] {
            assert_ne!(pump(kind, 1), pump(kind, 2));
            for clip in 0..4 {
                let sound = pump(kind, clip);
                let level = (sound.iter().map(|x| math::square(f64::from(*x))).sum::<f64>()
                    / sound.len() as f64)
                    .sqrt();
                assert!((0.02..0.065).contains(&level), "{kind}: {level}");
            }
        }
    }

    #[test]
    fn any_rate_and_length_will_do() {
        for (rate, samples) in
            [(4000.0, 400), (11_025.0, 12_345), (16_000.0, 160_000), (48_000.0, 4801)]
        {
            for kind in ["W", "X", "Y", "Z"] {
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
                    sound.len() == samples && peak > 0.02 && peak < 0.7,
                    "{kind} {rate} {samples}: {peak}"
                );
                assert!(sound.iter().all(|x| x.is_finite()));
            }
        }
    }
}
