//! Compares the network with Keras's, layer by layer and gradient by gradient
//! (`tests/data/make_mobilenet_v2.py` wrote the reference values), and tests the detector.

use ndarray::Array2;
use serde_json::Value;

use super::super::formula::{compare, log_mel, numbers, unit};
use super::architecture::mobilenet_v2;
use super::*;
use crate::artifact::{Clip, Split};
use crate::math;
use crate::nn::{Activation, Op};
use crate::seed::Seed;

fn reference() -> Value {
    serde_json::from_str(include_str!("../../../tests/data/mobilenet_v2.json")).unwrap()
}

/// The network of the reference, with weights from the formula. With `training`, fewer units lie
/// near a kink.
fn network(reference: &Value, training: bool) -> Network {
    let order: Vec<&str> =
        reference["weights"].as_array().unwrap().iter().map(|w| w[0].as_str().unwrap()).collect();
    let graph = mobilenet_v2(Shape { height: 64, width: 128, channels: 3 }, 0.5, 3);
    let find = |part: &crate::nn::Part| -> Result<Vec<f32>, String> {
        let (layer, word) = part.name.rsplit_once('.').unwrap();
        let keras = match word {
            "mean" | "variance" => format!("{layer}/moving_{word}"),
            _ => format!("{layer}/{word}"),
        };
        let k = order.iter().position(|name| *name == keras).ok_or(keras)?;
        let fan_in: usize = part.shape.iter().rev().skip(1).product();
        let fan_in = if layer.ends_with("depthwise") { 9 } else { fan_in };
        let root = (6.0 / fan_in as f64).sqrt();
        let value = |u: f64| match word {
            "kernel" if k == 0 => (2.0 * u - 1.0) * root / 32.0,
            "kernel" => (2.0 * u - 1.0) * root,
            "gamma" | "variance" => 0.5 + u,
            "beta" if training && !layer.contains("project") => 3.0 + 0.4 * (u - 0.5),
            _ => 0.4 * (u - 0.5),
        };
        Ok(unit(k as u32, part.range.len()).into_iter().map(|u| value(u) as f32).collect())
    };
    Network::read(graph, find).unwrap()
}

/// Clip `clip` as three planes.
fn image(clip: u32) -> Vec<f32> {
    log_mel(clip, 64, 128).into_iter().flat_map(|x| [x; 3]).collect()
}

#[test]
fn every_layer_is_that_of_keras() {
    let reference = reference();
    let network = network(&reference, false);
    let graph = network.graph.clone();
    assert_eq!(graph.weight_count(), reference["trainable"].as_u64().unwrap() as usize);
    let all = graph.weight_count() + graph.statistic_count();
    assert_eq!(all, reference["parameters"].as_u64().unwrap() as usize);
    let layers = reference["layers"].as_array().unwrap();
    // Mean squares cover both inputs, places only the first.
    let input = [image(0), image(1)].concat();
    let mut compared = 0;
    for (i, node) in graph.nodes.iter().enumerate() {
        let name = match (node.op, node.name.as_str()) {
            (Op::Norm { activation: Activation::Relu6, .. }, "bn_Conv1") => "Conv1_relu".to_owned(),
            (Op::Norm { activation: Activation::Relu6, .. }, "Conv_1_bn") => "out_relu".to_owned(),
            (Op::Norm { activation: Activation::Relu6, .. }, name) => name.replace("_BN", "_relu"),
            (_, name) => name.to_owned(),
        };
        // Keras's last layer is the softmax of our logits.
        let Some(expected) = layers.iter().find(|layer| layer["name"] == name.as_str()) else {
            continue;
        };
        if name == "predictions" {
            continue;
        }
        let mut cpu = Cpu::default();
        let found = cpu.infer(&network.until(i), &[&input]);
        let shape: Vec<f64> = numbers(&expected["shape"]);
        assert_eq!(found.len() as f64, 2.0 * shape.iter().product::<f64>(), "{name}");
        compare(found, expected, 5e-5);
        compared += 1;
    }
    assert_eq!(compared, graph.nodes.len() - 2);
    let mut cpu = Cpu::default();
    let logits = cpu.infer(&network, &[&input]).to_vec();
    for (logits, expected) in logits.chunks(3).zip(reference["softmax"].as_array().unwrap()) {
        let sum: f64 = logits.iter().map(|&x| math::exp(f64::from(x))).sum();
        for (logit, p) in logits.iter().zip(numbers(expected)) {
            assert!((math::exp(f64::from(*logit)) / sum - p).abs() < 1e-4, "{logits:?} {expected}");
        }
    }
}

#[test]
fn a_training_step_has_the_loss_and_gradients_of_keras() {
    let reference = reference();
    let training = &reference["training"];
    let mut network = network(&reference, true);
    let input: Vec<f32> = (0..8).flat_map(image).collect();
    let labels = numbers(&training["labels"]);
    let target: Vec<f32> = labels
        .iter()
        .flat_map(|&l| (0..3).map(move |c| f32::from(u8::from(c == l as u8))))
        .collect();
    let mut cpu = Cpu::default();
    let output = cpu.train(&mut network, &[&input]).to_vec();
    let (mut slopes, mut gradient) = (vec![0.0; 24], vec![0.0; network.weights.len()]);
    let loss = Loss::Softmax.evaluate(8, &output, &target, &mut slopes);
    assert!(
        (loss / training["loss"].as_f64().unwrap() - 1.0).abs() < 1e-4,
        "{loss} {}",
        training["loss"]
    );
    cpu.backward(&network, &slopes, &mut gradient);
    let gradients = training["gradients"].as_array().unwrap();
    assert_eq!(gradients.len(), network.graph.weights.len());
    for part in &network.graph.weights {
        let name = part.name.replace('.', "/");
        let expected = gradients
            .iter()
            .find(|g| g["name"] == name.as_str())
            .unwrap_or_else(|| panic!("{name}"));
        compare(&gradient[part.range.clone()], expected, 1e-3);
    }
    let moving = training["moving"].as_array().unwrap();
    for expected in moving {
        let name = expected["name"].as_str().unwrap().replace("/moving_", ".");
        let found = network.statistic_mut(&name).unwrap_or_else(|| panic!("{name}"));
        compare(found, expected, 1e-4);
    }
    assert!(moving.len() > 1);
}

fn clip(id: &str, section: &str) -> Clip {
    Clip {
        id: id.into(),
        machine: "fan".into(),
        section: section.into(),
        domain: None,
        split: Split::Train,
        label: None,
        attributes: Default::default(),
    }
}

/// Clips of 8 frames x 8 bands with a hum, which is higher in one section than in the other.
fn clips(count: usize, hum: f64, seed: u64) -> Vec<Array2<f32>> {
    let mut rng = Seed(seed).rng();
    let mut one = || {
        Array2::from_shape_fn((8, 8), |(_, band)| {
            let tone = 20.0 * math::exp(-math::square(band as f64 - hum));
            (-40.0 + tone + rng.normal()) as f32
        })
    };
    (0..count).map(|_| one()).collect()
}

/// Trained for long: the running statistics follow by a thousandth per step.
fn small() -> MobileNetV2 {
    let training = Training::default();
    MobileNetV2 {
        frames: 8,
        hop: 1,
        width: 0.1,
        epochs: 7000,
        batch: 16,
        learning_rate: 1e-3,
        training,
        ..MobileNetV2::default()
    }
}

#[test]
fn what_sounds_like_another_section_is_anomalous_and_an_unknown_section_is_named() {
    let features = [clips(8, 2.0, 1), clips(8, 5.0, 2)].concat();
    let of: Vec<Clip> =
        (0..16).map(|i| clip(&format!("{i}.wav"), if i < 8 { "00" } else { "01" })).collect();
    let train = Examples {
        clips: of.iter().collect(),
        features: features.iter().map(|x| x.view()).collect(),
    };
    let cx = Context::plain(1);
    let model = small().fit(&train, None, &cx).unwrap();
    let (normal, broken) = (clips(8, 2.0, 3), clips(8, 5.0, 4));
    let mean = |features: &[Array2<f32>], section: &str| {
        let of: Vec<Clip> = (0..8).map(|i| clip(&format!("{i}.wav"), section)).collect();
        let test = Examples {
            clips: of.iter().collect(),
            features: features.iter().map(|x| x.view()).collect(),
        };
        small().score(&model, &test, &cx).map(|scores| scores.iter().sum::<f64>() / 8.0)
    };
    let (found, other) = (mean(&normal, "00").unwrap(), mean(&broken, "00").unwrap());
    assert!(other > found + 1.0, "{found} {other}");
    let error = mean(&normal, "07").unwrap_err().to_string();
    assert_eq!(
        error,
        "clip `0.wav` is of section `07`, but the model was trained only on `00`, `01`"
    );
    let silent = vec![Array2::from_elem((8, 8), f32::NAN); 8];
    let error = mean(&silent, "00").unwrap_err().to_string();
    assert_eq!(error, "the network's output for clip `0.wav` is not finite");
    let one = Examples { clips: vec![&of[0]; 3], features: vec![features[0].view(); 3] };
    let error = small().fit(&one, None, &cx).unwrap_err().to_string();
    assert_eq!(error, "all clips are of section `00`: the network needs at least two sections");
}

#[test]
fn the_score_is_the_negative_logit_of_the_repository() {
    let p = 0.2f64;
    let logits = [math::ln(p) as f32, math::ln(1.0 - p) as f32];
    assert!((negative_logit(&logits, 0) - (math::ln(1.0 - p) - math::ln(p))).abs() < 1e-6);
    // The epsilon of f64 bounds certainty.
    assert!((negative_logit(&[-200.0, 200.0], 0) - 36.043_653).abs() < 1e-5);
    assert!((negative_logit(&[200.0, -200.0], 0) + 36.043_653).abs() < 1e-5);
}

#[test]
fn what_is_said_of_training_leaves_the_rest_to_the_preset() {
    let written = |text: &str| serde_json::from_str::<MobileNetV2>(text).unwrap();
    let repository = written(r#"{ "preset": "repository", "training": { "clip_norm": 1.0 } }"#);
    assert_eq!((repository.hop, repository.batch, repository.learning_rate), (8, 32, 1e-5));
    assert_eq!((repository.training.validation, repository.training.clip_norm), (0.1, Some(1.0)));
    assert_eq!(
        written(r#"{ "preset": "repository", "training": { "validation": 0 } }"#)
            .training
            .validation,
        0.0
    );
    assert_eq!((written("{}").hop, written("{}").test_hop, written("{}").batch), (16, 1, 128));
}
