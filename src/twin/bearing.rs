//! Rolling noise through the resonance of the housing. Fault: a pit in the outer race, struck by each
//! ball, rings the same resonance.

use super::Scene;
use super::sound::within;

pub const FAULTS: &[&str] = &["eccentricity x", "eccentricity y"];

/// The samples of a recording.
pub fn render(scene: &Scene) -> Result<Vec<f32>, String> {
    let mut sound = scene.sound();
    let mut unit = scene.unit.rng();
    let unit = &mut unit;
    let speed = scene.number("vel", 12.0)? * sound.between(0.985, 1.015);
    let fault: f64 = FAULTS.iter().map(|name| scene.fault(name)).sum();
    let shaft = 2.5 * speed;
    let resonance = within(unit, 2200.0, 3400.0);
    let balls = 7.0 + unit.below(4) as f64;
    let rolling = sound.noise(0.3);
    let rolling = sound.resonate(&rolling, resonance, 250.0);
    let roughness = 0.25 * (speed / 12.0) * sound.between(0.85, 1.15);
    sound.add(&rolling, roughness);
    for harmonic in 1..=3 {
        let amplitude = 0.3 / f64::from(harmonic) * sound.between(0.8, 1.2);
        sound.tone(f64::from(harmonic) * shaft, amplitude);
    }
    // Outer-race frequency for a ball of a fifth of the pitch diameter.
    let strikes = sound.impulses(0.4 * balls * shaft, 0.02, 0.3);
    let ringing = sound.resonate(&strikes, resonance, 400.0);
    sound.add(&ringing, 6.0 * fault);
    let gain = 0.05 * sound.between(0.85, 1.15);
    Ok(sound.finish(gain))
}
