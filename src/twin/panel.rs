//! The panels of the box around a machine: closed panels reflect the sound.
//!
//! The attribute `panel` names the closed ones, `b` behind and `s` at the sides. The one behind
//! reflects once; those at the sides reflect to and fro. Each is a comb filter, as in Kuttruff's
//! *Room Acoustics* on reflections and flutter echoes, duller with each reflection. Their distances
//! belong to the unit.

use super::Scene;
use super::sound::{Sound, within};

/// Speed of sound in m/s.
const SPEED_OF_SOUND: f64 = 343.0;

/// The closed panels and their distances.
pub struct Panel {
    behind: bool,
    sides: bool,
    /// Metres.
    depth: f64,
    width: f64,
}

impl Panel {
    /// The panels that the attribute `panel` names (`open` without it), around this unit.
    pub fn new(scene: &Scene) -> Result<Self, String> {
        let mut room = scene.unit.derive(&["valve", "box"]).rng();
        let (depth, width) = (within(&mut room, 0.2, 0.35), within(&mut room, 0.4, 0.7));
        let (behind, sides) = match scene.word("panel", "open") {
            "open" => (false, false),
            "bs-c" => (true, true),
            "b-c" => (true, false),
            "s-c" => (false, true),
            other => return Err(format!("`panel` is `{other}`, not one of open, bs-c, b-c, s-c")),
        };
        Ok(Self { behind, sides, depth, width })
    }

    /// Adds the reflections of the closed panels.
    pub fn close(&self, sound: &mut Sound) {
        let delay = |metres: f64| ((metres / SPEED_OF_SOUND * sound.rate) as usize).max(1);
        let (depth, width) = (delay(2.0 * self.depth), delay(self.width));
        if self.behind {
            let dry = sound.samples.clone();
            let mut dull = 0.0;
            for (x, back) in sound.samples.iter_mut().skip(depth).zip(&dry) {
                dull += 0.6 * (back - dull);
                *x += 0.55 * dull;
            }
        }
        if self.sides {
            let mut dull = 0.0;
            for i in width..sound.samples.len() {
                dull += 0.7 * (sound.samples[i - width] - dull);
                sound.samples[i] += 0.5 * dull;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::seed::Seed;

    /// The response to an impulse.
    fn answer(word: &str) -> Result<Vec<f64>, String> {
        let attributes = BTreeMap::from([("panel".to_owned(), word.to_owned())]);
        let (unit, clip) = (Seed(5), Seed(8));
        let scene = Scene {
            rate: 16_000.0,
            samples: 4000,
            unit,
            clip,
            attributes: &attributes,
            fault: None,
            tuning: Default::default(),
        };
        let mut sound = scene.sound();
        sound.samples[0] = 1.0;
        Panel::new(&scene)?.close(&mut sound);
        Ok(sound.samples)
    }

    #[test]
    fn panels_answer_after_the_way_there_and_back() {
        let first = |word: &str| {
            answer(word).unwrap().iter().skip(1).position(|x| *x != 0.0).map(|at| at + 1)
        };
        assert_eq!(first("open"), None);
        // 0.4 to 0.7 m at 343 m/s are 19 to 32 samples for the way there and back.
        for word in ["b-c", "s-c", "bs-c"] {
            assert!((18..=32).contains(&first(word).unwrap()), "{word}: {:?}", first(word));
        }
        assert_eq!(first("bs-c"), first("b-c").min(first("s-c")));
    }

    #[test]
    fn only_the_sides_throw_to_and_fro_and_that_dies_away() {
        let energy = |word: &str, from: usize| {
            answer(word).unwrap()[from..].iter().map(|x| x * x).sum::<f64>()
        };
        // After 60 samples the sound from behind is over. The sound between the sides is on its
        // second or third way.
        assert!(energy("s-c", 60) > 1e3 * energy("b-c", 60));
        assert!(energy("bs-c", 1) > energy("s-c", 1).max(energy("b-c", 1)));
        assert!(energy("bs-c", 2000) < 1e-9);
    }

    #[test]
    fn unknown_panels_are_refused() {
        assert_eq!(
            answer("shut").unwrap_err(),
            "`panel` is `shut`, not one of open, bs-c, b-c, s-c"
        );
    }
}
