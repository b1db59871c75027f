//! The way from a machine to its recording: a response that differs from clip to clip, from value
//! to value of an attribute, and with a fault.
//!
//! A machine that is set up anew stands a little differently, its microphone hears other
//! reflections, its housing is colder, its load another one. All of that lifts and lowers broad
//! bands of its sound. [`Tuning`] says by how much; the calibration of the twin sets it for each
//! section.
//!
//! The response is a sum: the sound itself, and [`BANDS`] resonances of it, each with a gain of its
//! own. A gain of g dB at the peak of a resonance adds 10^(g / 20) - 1 times the resonance.

use serde::{Deserialize, Serialize};

use super::Scene;
use super::rotor::{Mode, Modes};
use super::sound::within;
use crate::math::{self, vectorized};
use crate::seed::{Rng, Seed};

/// Sizes of what differs between the recordings of a section. The default changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// Factor of the size of a fault in the machine's own sound: its strikes, lines and
    /// modulations.
    pub fault: f64,
    /// The change of the response by a fault of size 1, in dB.
    pub mark_db: f64,
    /// The standard deviation of the response between clips, in dB.
    pub spread_db: f64,
    /// The standard deviation of the response between values of an attribute, in dB.
    pub shift_db: f64,
    /// The standard deviation of the machine's speed between clips, as a share of it.
    pub jitter: f64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { fault: 1.0, mark_db: 0.0, spread_db: 0.0, shift_db: 0.0, jitter: 0.0 }
    }
}

/// Broad bands of the response, and their lowest and highest frequency in Hz.
const BROAD: usize = 12;
const RANGE: (f64, f64) = (130.0, 6800.0);
/// Narrow bands that a fault changes.
const MARKS: usize = 4;
const BANDS: usize = BROAD + MARKS;
/// No band gets louder or softer than this, dB.
const MOST: f64 = 20.0;

/// The recording of a machine's sound.
pub fn hear(scene: &Scene, mut sound: Vec<f32>) -> Vec<f32> {
    let Tuning { mark_db, spread_db, shift_db, .. } = scene.tuning;
    let size = scene.fault.map_or(0.0, |(_, size)| size);
    if mark_db * size == 0.0 && spread_db == 0.0 && shift_db == 0.0 {
        return sound;
    }
    let mut gains = [0.0; BROAD];
    for (name, value) in scene.attributes {
        let mut rng = response(scene.unit, &[name, value]);
        gains.iter_mut().for_each(|gain| *gain += shift_db * rng.normal());
    }
    spread(&mut response(scene.clip, &["take"]), spread_db, &mut gains);
    let mut modes = [(0.0, 1.0, 0.0); BANDS];
    let mut unit = response(scene.unit, &["bands"]);
    let step = math::ln(RANGE.1 / RANGE.0) / (BROAD - 1) as f64;
    for (i, (mode, gain)) in modes.iter_mut().zip(gains).enumerate() {
        let hz = RANGE.0 * math::exp(step * i as f64) * within(&mut unit, 0.9, 1.1);
        *mode = band(hz, 0.4, gain);
    }
    if let Some((fault, size)) = scene.fault {
        let mut rng = response(scene.unit, &["fault", fault]);
        for mode in &mut modes[BROAD..] {
            let hz = math::exp(within(&mut rng, math::ln(250.0), math::ln(6500.0)));
            let sign = if rng.uniform() < 0.5 { -1.0 } else { 1.0 };
            *mode = band(hz, 0.06, sign * within(&mut rng, 0.6, 1.4) * mark_db * size);
        }
    }
    ring(&mut sound, Modes::new(scene.rate, modes));
    sound
}

vectorized! {
    fn ring(sound: &mut [f32], filter: Modes<BANDS>) {
        let mut filter = filter;
        for x in sound {
            let dry = f64::from(*x);
            *x = (dry + filter.ring(dry)) as f32;
        }
    }
}

fn response(seed: Seed, path: &[&str]) -> Rng {
    seed.derive(&["response"]).derive(path).rng()
}

/// A resonance that adds `db` at `hz`. Its width is a share of its frequency.
fn band(hz: f64, width: f64, db: f64) -> Mode {
    (hz, width * hz, math::powf(10f64, db.clamp(-MOST, MOST) / 20.0) - 1.0)
}

/// Adds what a take differs by, in dB. A quarter of the variance lifts all bands, a quarter tilts
/// them, and the rest is each band's own.
fn spread(rng: &mut Rng, db: f64, gains: &mut [f64; BROAD]) {
    let (level, tilt) = (0.5 * rng.normal(), 0.5 * rng.normal());
    let middle = (BROAD - 1) as f64 / 2.0;
    for (i, gain) in gains.iter_mut().enumerate() {
        // The mean square of a ramp from -1 to 1 is a third.
        let ramp = (i as f64 - middle) / middle * 3f64.sqrt();
        *gain += db * (level + tilt * ramp + 0.5f64.sqrt() * rng.normal());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::testing::{attributes, line, rms};
    use super::*;

    fn scene<'a>(
        attributes: &'a BTreeMap<String, String>,
        clip: u64,
        fault: Option<(&'a str, f64)>,
        tuning: Tuning,
    ) -> Scene<'a> {
        let (unit, clip) = (Seed(4), Seed(clip));
        Scene { rate: 16_000.0, samples: 16_000, unit, clip, attributes, fault, tuning }
    }

    /// White noise: its recording shows the response.
    fn noise() -> Vec<f32> {
        let mut rng = Seed(1).rng();
        (0..16_000).map(|_| (rng.uniform() - 0.5) as f32).collect()
    }

    #[test]
    fn a_tuning_of_nothing_changes_nothing() {
        let none = BTreeMap::new();
        let scene = scene(&none, 1, Some(("clogging", 1.0)), Tuning::default());
        assert_eq!(hear(&scene, noise()), noise());
        assert_eq!(scene.pace(), 1.0);
    }

    #[test]
    fn a_band_has_its_gain_at_its_frequency() {
        for db in [-12.0, -3.0, 6.0, 15.0] {
            let mut filter = Modes::new(16_000.0, [band(1000.0, 0.4, db)]);
            let tone = |i: usize| math::sin(std::f64::consts::TAU * 1000.0 * i as f64 / 16_000.0);
            let heard: Vec<f32> =
                (0..16_000).map(|i| (tone(i) + filter.ring(tone(i))) as f32).skip(8000).collect();
            let gain = 20.0 * math::log10(line(&heard, 16_000.0, 1000.0));
            assert!((gain - db).abs() < 0.6, "{db} {gain}");
        }
    }

    #[test]
    fn clips_differ_by_their_spread_and_values_of_an_attribute_by_their_shift() {
        let [a, b] = ["A", "B"].map(|loc| attributes(&[("loc", loc)]));
        let level =
            |attributes, clip, tuning| rms(&hear(&scene(attributes, clip, None, tuning), noise()));
        let spread = Tuning { spread_db: 4.0, ..Tuning::default() };
        assert_ne!(level(&a, 1, spread), level(&a, 2, spread));
        assert_eq!(level(&a, 1, spread), level(&b, 1, spread));
        let shift = Tuning { shift_db: 4.0, ..Tuning::default() };
        assert_eq!(level(&a, 1, shift), level(&a, 2, shift));
        assert_ne!(level(&a, 1, shift), level(&b, 1, shift));
    }

    #[test]
    fn a_fault_marks_the_response_and_each_in_its_own_way() {
        let none = BTreeMap::new();
        let tuning = Tuning { mark_db: 6.0, ..Tuning::default() };
        let heard = |fault| hear(&scene(&none, 1, fault, tuning), noise());
        assert_eq!(heard(None), noise());
        assert_ne!(heard(Some(("wear", 1.0))), heard(Some(("overload", 1.0))));
        assert_ne!(heard(Some(("wear", 1.0))), heard(Some(("wear", 2.0))));
    }

    #[test]
    fn the_speed_stays_within_two_deviations() {
        let none = BTreeMap::new();
        let tuning = Tuning { jitter: 0.1, ..Tuning::default() };
        let paces: Vec<f64> =
            (0..300).map(|clip| scene(&none, clip, None, tuning).pace()).collect();
        assert!(paces.iter().all(|pace| (0.8..=1.2).contains(pace)));
        let mean = paces.iter().sum::<f64>() / 300.0;
        assert!((mean - 1.0).abs() < 0.02 && paces.iter().any(|pace| *pace > 1.1), "{mean}");
    }
}
