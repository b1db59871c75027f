//! Measurements of sounds for the tests of the twin.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use super::Scene;
use crate::math;
use crate::seed::Seed;

/// Attributes of a scene.
pub fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A clip of unit 4 with a fault.
pub fn clip(
    render: impl Fn(&Scene) -> Result<Vec<f32>, String>,
    pairs: &[(&str, &str)],
    fault: Option<(&str, f64)>,
    (rate, seconds): (f64, f64),
    seed: u64,
) -> Result<Vec<f32>, String> {
    let samples = (seconds * rate) as usize;
    render(&Scene {
        rate,
        samples,
        unit: Seed(4),
        clip: Seed(seed),
        attributes: &attributes(pairs),
        fault,
        tuning: Default::default(),
    })
}

/// Root mean square.
pub fn rms(sound: &[f32]) -> f64 {
    (sound.iter().map(|x| math::square(f64::from(*x))).sum::<f64>() / sound.len() as f64).sqrt()
}

/// The amplitude of the sine of `hz` in a sound (one bin of a Hann-windowed Fourier transform).
pub fn line(sound: &[f32], rate: f64, hz: f64) -> f64 {
    let n = sound.len() as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (i, &x) in sound.iter().enumerate() {
        let window = 1.0 - math::cos(TAU * i as f64 / n);
        let (sin, cos) = math::sin_cos(TAU * hz * i as f64 / rate);
        re += window * cos * f64::from(x);
        im += window * sin * f64::from(x);
    }
    2.0 * (re * re + im * im).sqrt() / n
}

/// The frequency in `low`..`high` with the strongest line of a sound at 16 kHz, and that line's
/// amplitude.
pub fn strongest(sound: &[f32], low: f64, high: f64) -> (f64, f64) {
    // A Hann window over the sound has a main lobe of four bins, so steps of one bin miss no line.
    let bin = 16_000.0 / sound.len() as f64;
    let lines = (0..).map(|i| low + i as f64 * bin).take_while(|hz| *hz < high);
    lines
        .map(|hz| (hz, line(sound, 16_000.0, hz)))
        .fold((0.0, 0.0), |best, now| if now.1 > best.1 { now } else { best })
}
