//! Places in a factory: each has its own balance of lows and highs, and its own machines that hum.
//!
//! Recordings of one factory are made at a few places. Near a wall, a fan or a door the lowest and
//! the highest octaves differ by several dB, while the middle hardly does; and the motors around
//! give steady tones, whose frequencies hold to some hundredths of a percent. Both were seen in the
//! background of real clips of MIMII DG and MIMII (quiet frames of valves and sliders: standard
//! deviations of 4 dB below 250 Hz, about 1 dB from 0.5 to 3.5 kHz, 4.5 dB above 5 kHz; 5 to 20
//! tones of 8 to 20 dB over their surroundings from 35 to 4400 Hz). The tones and levels here are
//! drawn; none is copied.

use super::sound::{Sound, within};
use crate::math;
use crate::seed::{Rng, Seed};

/// Places in one factory.
const PLACES: usize = 8;
/// Corners of the low and the high band, Hz, and the standard deviations of their levels between
/// places, dB. A first-order band reaches its full level only an octave or two beyond its corner.
const LOW: (f64, f64) = (300.0, 4.5);
const HIGH: (f64, f64) = (5500.0, 6.0);
/// Of each of the bands between: Hz, bandwidth.
const MIDDLE: [(f64, f64); 3] = [(800.0, 500.0), (1700.0, 1000.0), (3200.0, 1800.0)];
const MIDDLE_DB: f64 = 1.5;

/// Turns the noise of a factory into that of one of its places. `factory` is the seed of the
/// factory.
pub fn stand(sound: &mut Sound, factory: Seed) {
    let place = sound.rng.below(PLACES).to_string();
    let place = &mut factory.derive(&["hall", &place]).rng();
    let level = |sound: &mut Sound, place: &mut Rng, db: f64| {
        let db = db * place.normal().clamp(-2.0, 2.0) + 0.5 * sound.rng.normal();
        math::powf(10f64, db / 20.0) - 1.0
    };
    let (low, high) = (level(sound, place, LOW.1), level(sound, place, HIGH.1));
    let middle = MIDDLE.map(|(hz, bandwidth)| (hz, bandwidth, level(sound, place, MIDDLE_DB)));
    let mut dull = sound.silence();
    dull.copy_from_slice(&sound.samples);
    sound.below(&mut dull, LOW.0);
    let mut bright = sound.silence();
    bright.copy_from_slice(&sound.samples);
    sound.below(&mut bright, HIGH.0);
    bright.iter_mut().zip(&sound.samples).for_each(|(low, all)| *low = all - *low);
    let mut modes = super::rotor::Modes::new(sound.rate, middle);
    for x in &mut sound.samples {
        *x += modes.ring(*x);
    }
    sound.pour(dull, low);
    sound.pour(bright, high);
    tones(sound, place);
}

/// The steady tones of a place. Their strength is given over the noise around them, whose density
/// falls by 20 dB a decade above 150 Hz, as that of the beds does.
fn tones(sound: &mut Sound, place: &mut Rng) {
    let power: f64 = sound.samples.iter().map(|x| x * x).sum();
    let level = (power / sound.samples.len().max(1) as f64).sqrt();
    let mut tones = Vec::new();
    for _ in 0..5 + place.below(11) {
        let hz = math::exp(within(place, math::ln(35.0), math::ln(4400.0)));
        let over = math::powf(10f64, within(place, 8.0, 20.0) / 20.0);
        let density = 150.0 / math::square(hz + 150.0);
        // A tone fills about 1.5 bins of a transform of a second.
        let amplitude = level * (2.0 * 1.5 * density).sqrt() * over;
        // Not every motor runs in every clip.
        let runs = sound.rng.uniform() < 0.8;
        let (hz, amplitude) =
            (hz * sound.between(0.9995, 1.0005), amplitude * sound.between(0.7, 1.3));
        tones.push((hz, if runs { amplitude } else { 0.0 }, sound.rng.uniform()));
    }
    sound.tones(&tones);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_at_one_place_have_its_balance_and_places_differ() {
        let samples = Sound::new(16_000.0, 16_000, Seed(1).rng()).white();
        // The place is the first draw. The second difference weighs the highs.
        let stood = |clip: u64| {
            let mut sound = Sound::new(16_000.0, 0, Seed(clip).rng());
            sound.samples = samples.clone();
            stand(&mut sound, Seed(3));
            let highs: f64 =
                sound.samples.windows(3).map(|w| math::square(w[2] - 2.0 * w[1] + w[0])).sum();
            (Seed(clip).rng().below(PLACES), 10.0 * math::log10(highs))
        };
        let all: Vec<(usize, f64)> = (0..60).map(stood).collect();
        let range = |of: &dyn Fn(usize) -> bool| {
            let some = all.iter().filter(|(place, _)| of(*place)).map(|(_, db)| *db);
            let (low, high) =
                some.fold((f64::MAX, f64::MIN), |(low, high), db| (db.min(low), db.max(high)));
            high - low
        };
        assert!((0..PLACES).all(|place| range(&|other| other == place) < 4.0), "{all:?}");
        assert!(range(&|_| true) > 6.0, "{all:?}");
    }
}
