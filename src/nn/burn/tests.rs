//! Compares every available device of `burn` with the processor's engine.

use super::*;
use crate::nn::{Builder, Cpu, NormSettings, Padding, draws};

/// All available devices with their tolerance. NVIDIA's tensor cores round factors to 11 bits.
fn engines() -> Vec<(Burn, f32)> {
    let found = [
        #[cfg(feature = "burn-flex")]
        Some((Burn::flex(), 1e-4)),
        #[cfg(feature = "cuda")]
        Burn::cuda().map(|engine| (engine, 2e-2)),
        #[cfg(feature = "wgpu")]
        Burn::wgpu().map(|engine| (engine, 1e-4)),
    ];
    found.into_iter().flatten().collect()
}

fn assert_close(what: &str, got: &[f32], want: &[f32], tolerance: f32) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    assert!(largest > 1e-3, "{what}: nothing to compare");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!(
            (got - want).abs() <= tolerance * largest,
            "{what}[{i}]: {got} is not {want} (up to {largest})"
        );
    }
}

/// Compares two training batches and inference between the processor's engine and all of `burn`'s
/// devices.
fn assert_agreement(build: impl Fn(&mut Builder)) {
    let mut builder = Builder::new(NormSettings { epsilon: 1e-3, follow: 0.1 });
    build(&mut builder);
    let mut uniform = draws(0.3);
    let mut network = Network::new(builder.finish(), &mut uniform);
    // No two channels may be alike.
    let numbers = network.weights.iter_mut().chain(&mut network.statistics);
    numbers.for_each(|number| *number += (0.4 * uniform() - 0.1) as f32);
    let mut batch = |values: usize| -> Vec<f32> {
        (0..7 * values).map(|_| (10.0 * uniform() - 5.0) as f32).collect()
    };
    for (mut engine, tolerance) in engines() {
        let (mut cpu, mut ours, mut theirs) = (Cpu::default(), network.clone(), network.clone());
        let graph = network.graph.clone();
        let values: Vec<Vec<f32>> = graph.inputs().iter().map(|shape| batch(shape.len())).collect();
        let inputs: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
        for _ in 0..2 {
            let want = cpu.train(&mut ours, &inputs).to_vec();
            assert_close("output", engine.train(&mut theirs, &inputs), &want, tolerance);
            let slopes = batch(graph.output().len());
            let mut gradients = [ours.weights.clone(), theirs.weights.clone()];
            cpu.backward(&ours, &slopes, &mut gradients[0]);
            engine.backward(&theirs, &slopes, &mut gradients[1]);
            for part in &graph.weights {
                let [want, got] = [0, 1].map(|whose: usize| &gradients[whose][part.range.clone()]);
                assert_close(&part.name, got, want, tolerance);
            }
            for part in &graph.statistics {
                let range = part.range.clone();
                assert_close(
                    &part.name,
                    &theirs.statistics[range.clone()],
                    &ours.statistics[range],
                    tolerance,
                );
            }
            for (network, gradient) in [&mut ours, &mut theirs].into_iter().zip(&gradients) {
                network.weights.iter_mut().zip(gradient).for_each(|(w, g)| *w -= 1e-3 * g);
            }
        }
        let want = cpu.infer(&ours, &inputs).to_vec();
        assert_close("inference", engine.infer(&theirs, &inputs), &want, tolerance);
    }
}

#[test]
fn an_autoencoder_is_the_same_on_the_processor() {
    assert_agreement(|builder| {
        let mut x = builder.input(Shape::vector(24));
        for (name, units) in [("a", 16), ("b", 4), ("c", 16)] {
            x = builder.dense(name, x, units, false);
            x = builder.norm(&format!("{name}_norm"), x, Activation::Relu);
        }
        builder.dense("output", x, 24, true);
    });
}

#[test]
fn depthwise_convolutions_and_residuals_are_the_same_on_the_processor() {
    assert_agreement(|builder| {
        let x = builder.input(Shape { height: 11, width: 14, channels: 2 });
        let x = builder.conv("stem", x, 6, [3, 3], [2, 2], Padding::Same, false);
        let x = builder.norm("stem_norm", x, Activation::Relu6);
        let y = builder.depthwise("wide", x, [3, 3], [1, 1], Padding::Same);
        let y = builder.norm("wide_norm", y, Activation::Relu6);
        let y = builder.conv("project", y, 6, [1, 1], [1, 1], Padding::Same, false);
        let y = builder.norm("project_norm", y, Activation::Identity);
        let x = builder.add("residual", x, y);
        let x = builder.depthwise("narrow", x, [3, 3], [2, 2], Padding::Same);
        let x = builder.activate("narrow_relu", x, Activation::Relu);
        let x = builder.conv("valid", x, 5, [2, 3], [1, 1], Padding::None, true);
        let x = builder.global_mean("mean", x);
        builder.dense("output", x, 3, true);
    });
}

#[test]
fn two_paths_of_pools_and_flat_windows_are_the_same_on_the_processor() {
    assert_agreement(|builder| {
        let x = builder.input(Shape { height: 9, width: 12, channels: 3 });
        let x = builder.conv("image", x, 4, [5, 4], [3, 2], Padding::Same, true);
        let x = builder.activate("image_relu6", x, Activation::Relu6);
        let x = builder.max_pool("image_pool", x, [2, 3], [1, 2], Padding::Same);
        let flat = builder.flatten("image_flat", x);
        let y = builder.input(Shape { height: 1, width: 40, channels: 1 });
        let y = builder.conv("line", y, 8, [1, 7], [1, 3], Padding::Same, false);
        let y = builder.norm("line_norm", y, Activation::Relu);
        let y = builder.max_pool("line_pool", y, [1, 3], [1, 2], Padding::None);
        let (largest, mean) =
            (builder.global_max("line_max", y), builder.global_mean("line_mean", y));
        let x = builder.concat("both", &[flat, largest, mean]);
        builder.dense("output", x, 4, false);
    });
}

#[test]
fn an_image_comes_out_as_the_processor_gives_it() {
    assert_agreement(|builder| {
        let x = builder.input(Shape { height: 4, width: 5, channels: 2 });
        builder.conv("output", x, 3, [3, 3], [1, 1], Padding::Same, true);
    });
}
