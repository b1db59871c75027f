//! Compares six training steps with Keras. `tests/data/make_autoencoder.py` wrote the reference
//! values in f64.

use ndarray::ArrayD;
use serde_json::Value;

use super::super::formula::{compare, log_mel, numbers, unit};
use super::*;
use crate::math;

const FRAMES: usize = 12;
const BANDS: usize = 8;
const WINDOW: usize = 3;

fn reference() -> Value {
    serde_json::from_str(include_str!("../../../tests/data/autoencoder.json")).unwrap()
}

/// The initial weights, by Keras's names.
fn first(sizes: &[usize]) -> Tensors {
    let mut model = Tensors::default();
    let mut k = 0;
    for (layer, pair) in sizes.windows(2).enumerate() {
        let end = if layer == 0 { String::new() } else { format!("_{layer}") };
        let names = [
            "dense/kernel",
            "dense/bias",
            "norm/gamma",
            "norm/beta",
            "norm/moving_mean",
            "norm/moving_variance",
        ];
        for name in &names[..if layer + 2 < sizes.len() { 6 } else { 2 }] {
            let (layer, word) = name.split_once('/').unwrap();
            let layer = layer.replace("norm", "batch_normalization");
            let shape = if word == "kernel" { pair.to_vec() } else { vec![pair[1]] };
            let value = |u: f64| match word {
                "kernel" => (2.0 * u - 1.0) * (6.0 / pair[0] as f64).sqrt(),
                "gamma" | "moving_variance" => 0.5 + u,
                _ => 0.4 * (u - 0.5),
            };
            let values =
                unit(k, shape.iter().product()).into_iter().map(|u| value(u) as f32).collect();
            model.put_f32(
                &format!("{layer}{end}/{word}:0"),
                ArrayD::from_shape_vec(shape, values).unwrap(),
            );
            k += 1;
        }
    }
    model
}

fn train(case: &str, clip_norm: Option<f64>) {
    let reference = reference();
    let sizes: Vec<usize> = numbers(&reference["sizes"]).into_iter().map(|x| x as usize).collect();
    let network = autoencoder::read(&first(&sizes)).unwrap();
    let clips: Vec<Vec<f32>> = (0..7).map(|clip| log_mel(clip, FRAMES, BANDS)).collect();
    let windows: Vec<Vec<f32>> = clips
        .iter()
        .map(|clip| {
            (0..=FRAMES - WINDOW)
                .flat_map(|t| clip[t * BANDS..(t + WINDOW) * BANDS].to_vec())
                .collect()
        })
        .collect();
    let errors = |network: &Network, expected: &Value, tolerance: f64| {
        let mut cpu = Cpu::default();
        let found = cpu.infer(network, &[&windows[6]]);
        for (row, expected) in numbers(expected).into_iter().enumerate() {
            let values = row * 24..(row + 1) * 24;
            let squares = found[values.clone()]
                .iter()
                .zip(&windows[6][values])
                .map(|(y, x)| math::square(f64::from(y - x)));
            let error = squares.sum::<f64>() / 24.0;
            assert!((error / expected - 1.0).abs() < tolerance, "{case} {row}: {error} {expected}");
        }
    };
    errors(&network, &reference["errors_before"], 1e-5);
    let mut trainer = Trainer::new(network, Loss::Squared, Box::<Cpu>::default(), clip_norm);
    for (batch, expected) in windows.iter().zip(numbers(&reference[case]["losses"])) {
        let loss = trainer.step(1e-3, FRAMES - WINDOW + 1, &[batch], batch);
        assert!((loss / expected - 1.0).abs() < 2e-6, "{case}: {loss} {expected}");
    }
    let mut network = trainer.finish();
    errors(&network, &reference[case]["errors"], 1e-5);
    let mut compared = 0;
    for expected in reference[case]["weights"].as_array().unwrap() {
        let (layer, word) = expected["name"].as_str().unwrap().split_once('.').unwrap();
        let name = match word {
            "kernel" | "bias" => format!("dense.{layer}.{word}"),
            // A hidden layer's bias is part of the mean here.
            "moving_mean" => continue,
            _ => format!("norm.{layer}.{}", word.trim_start_matches("moving_")),
        };
        let found = match word {
            "moving_variance" => network.statistic_mut(&name),
            _ => network.weight_mut(&name),
        };
        if let Some(found) = found {
            compare(found, expected, 1e-5);
            compared += 1;
        }
    }
    assert_eq!(compared, if clip_norm.is_none() { 6 + 1 + 3 * 5 } else { 6 });
}

#[test]
fn steps_are_those_of_keras() {
    train("keras", None);
}

#[test]
fn clipped_steps_are_those_of_keras() {
    train("keras_clipped", reference()["clip"].as_f64());
}
