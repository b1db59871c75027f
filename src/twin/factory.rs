//! Factory noise A, B and C.

use super::Scene;

/// The samples of a recording.
pub fn render(kind: &str, scene: &Scene) -> Result<Vec<f32>, String> {
    let mut sound = scene.sound();
    let colour = match kind {
        "A" => 0.5,
        "B" => 0.7,
        _ => 0.9,
    };
    let noise = sound.noise(colour);
    sound.add(&noise, 1.0);
    Ok(sound.finish(0.05))
}
