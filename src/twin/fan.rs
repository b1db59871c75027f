//! Tones of the blades passing, and turbulence. Fault: one heavy blade, which shakes the shaft and rubs
//! once a turn.

use super::Scene;
use super::sound::within;

pub const FAULTS: &[&str] = &["wing damage", "unbalance", "clogging", "over voltage"];

/// The samples of a recording.
pub fn render(scene: &Scene) -> Result<Vec<f32>, String> {
    let mut sound = scene.sound();
    let mut unit = scene.unit.rng();
    let unit = &mut unit;
    let speed = 12.0 * sound.between(0.985, 1.015);
    let fault: f64 = FAULTS.iter().map(|name| scene.fault(name)).sum();
    let shaft = 2.0 * speed;
    let blades = 5.0 + unit.below(4) as f64;
    for harmonic in 1..=12 {
        let strength = within(unit, 0.4, 1.0) / f64::from(harmonic);
        let amplitude = 0.6 * strength * sound.between(0.8, 1.2);
        sound.tone(f64::from(harmonic) * blades * shaft, amplitude);
    }
    let turbulence = sound.noise(0.85);
    let amount = 0.5 * (speed / 12.0) * sound.between(0.85, 1.15);
    sound.add(&turbulence, amount);
    for harmonic in 1..=3 {
        sound.tone(f64::from(harmonic) * shaft, 0.3 * fault / f64::from(harmonic));
    }
    let contact = sound.noise(0.0);
    let contact = sound.resonate(&contact, within(unit, 1500.0, 2500.0), 500.0);
    let rub = sound.gated(&contact, shaft, 0.15);
    sound.add(&rub, 0.9 * fault);
    let gain = 0.05 * sound.between(0.85, 1.15);
    Ok(sound.finish(gain))
}
