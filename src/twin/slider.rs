//! Strokes to and fro: the motor's tone rises and falls with the carriage's speed. Fault: a dry
//! rail scratches once a stroke.

use std::f64::consts::TAU;

use super::Scene;
use super::sound::within;

pub const FAULTS: &[&str] = &["rail crack", "lost grease", "loose belt"];

/// The samples of a recording.
pub fn render(scene: &Scene) -> Result<Vec<f32>, String> {
    let mut sound = scene.sound();
    let mut unit = scene.unit.rng();
    let unit = &mut unit;
    let speed = scene.number("vel", 700.0)? / 60.0 * sound.between(0.985, 1.015);
    let fault: f64 = FAULTS.iter().map(|name| scene.fault(name)).sum();
    let strokes = speed / 8.0;
    let (low, high) = (25.0 * speed, 25.0 * speed + within(unit, 400.0, 700.0) * speed / 12.0);
    let amplitude = 0.8 * sound.between(0.8, 1.2);
    let start = sound.rng.uniform();
    let mut phase = 0.0;
    for i in 0..sound.samples.len() {
        let place = (start + strokes * i as f64 / sound.rate).fract();
        // A parabola: still at the ends of the stroke, fastest in its middle.
        let swing = 4.0 * place * (1.0 - place);
        phase = (phase + (low + (high - low) * swing) / sound.rate).fract();
        sound.samples[i] += amplitude * swing * ((TAU * phase).sin() + 0.4 * (2.0 * TAU * phase).sin());
    }
    let rail = sound.noise(0.5);
    let friction = 0.25 * sound.between(0.8, 1.2);
    sound.add(&rail, friction);
    let scratch = sound.noise(0.0);
    let scratch = sound.resonate(&scratch, within(unit, 3000.0, 4500.0), 900.0);
    let scratch = sound.gated(&scratch, strokes, 0.35);
    sound.add(&scratch, 0.9 * fault);
    let gain = 0.05 * sound.between(0.85, 1.15);
    Ok(sound.finish(gain))
}
