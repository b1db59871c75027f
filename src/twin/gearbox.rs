//! The tone of meshing teeth and its harmonics, with sidebands one turn apart. Fault: a worn tooth raises
//! the sidebands and knocks once a turn.

use super::Scene;
use super::sound::within;

pub const FAULTS: &[&str] = &["gear damage"];

/// The samples of a recording.
pub fn render(scene: &Scene) -> Result<Vec<f32>, String> {
    let mut sound = scene.sound();
    let mut unit = scene.unit.rng();
    let unit = &mut unit;
    let speed = 6.0 * scene.number("volt", 2.0)? * sound.between(0.985, 1.015);
    let fault: f64 = FAULTS.iter().map(|name| scene.fault(name)).sum();
    let shaft = 1.5 * speed;
    let mesh = shaft * (22.0 + unit.below(9) as f64);
    for harmonic in 1..=4 {
        let order = f64::from(harmonic);
        let amplitude = within(unit, 0.5, 1.0) / order * sound.between(0.8, 1.2);
        sound.tone(order * mesh, amplitude);
        for side in [-2.0, -1.0, 1.0, 2.0] {
            let sideband = amplitude * (0.15 + 0.25 * fault) * sound.between(0.7, 1.3);
            sound.tone(order * mesh + side * shaft, sideband);
        }
    }
    let knocks = sound.impulses(shaft, 0.01, 0.2);
    let ringing = sound.resonate(&knocks, within(unit, 2500.0, 4000.0), 300.0);
    sound.add(&ringing, 8.0 * fault);
    let gain = 0.05 * sound.between(0.85, 1.15);
    Ok(sound.finish(gain))
}
