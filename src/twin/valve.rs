//! Clicks at regular times that ring the body. Fault: a leak hisses once a beat, and the seat no
//! longer strikes hard.

use super::Scene;
use super::sound::within;

pub const FAULTS: &[&str] = &["contamination"];

/// The samples of a recording.
pub fn render(scene: &Scene) -> Result<Vec<f32>, String> {
    let mut sound = scene.sound();
    let mut unit = scene.unit.rng();
    let unit = &mut unit;
    let speed = 12.0 * sound.between(0.985, 1.015);
    let fault: f64 = FAULTS.iter().map(|name| scene.fault(name)).sum();
    let beat = speed / 3.0;
    let body = within(unit, 900.0, 1400.0);
    let seat = within(unit, 2400.0, 3600.0);
    let strikes = sound.impulses(beat, 0.03, 0.2);
    let opening = sound.resonate(&strikes, body, 120.0);
    let closing = sound.resonate(&strikes, seat, 200.0);
    sound.add(&opening, 6.0);
    sound.add(&closing, 5.0 / (1.0 + fault));
    let gas = sound.noise(0.0);
    let hiss = sound.resonate(&gas, within(unit, 5000.0, 6500.0), 1500.0);
    let hiss = sound.gated(&hiss, beat, 0.3);
    sound.add(&hiss, 1.1 * fault);
    let gain = 0.05 * sound.between(0.85, 1.15);
    Ok(sound.finish(gain))
}
