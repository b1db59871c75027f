//! Pumps W, X, Y and Z.

use super::Scene;

/// The samples of a recording.
pub fn render(kind: &str, scene: &Scene) -> Result<Vec<f32>, String> {
    let mut sound = scene.sound();
    let hz = match kind {
        "W" => 148.0,
        "X" => 196.0,
        "Y" => 245.0,
        _ => 290.0,
    };
    for harmonic in 1..=8 {
        sound.tone(hz * f64::from(harmonic), 1.0 / f64::from(harmonic));
    }
    let noise = sound.noise(0.8);
    sound.add(&noise, 0.3);
    Ok(sound.finish(0.05))
}
