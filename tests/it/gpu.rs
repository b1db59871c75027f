//! Training on a GPU beside the processor. Without a GPU, Mesa's software Vulkan does (lavapipe, in
//! Debian's package mesa-vulkan-drivers).

use std::collections::BTreeMap;

use humshift::artifact::{Clip, Domain, Split, Tensors};
use humshift::context::Context;
use humshift::detector::{DetectorSpec, Examples};
use humshift::seed::Seed;
use ndarray::Array2;
use serde_json::{Value, json};

/// The device that this program was built for.
fn device() -> Option<&'static str> {
    match (cfg!(feature = "cuda"), cfg!(feature = "wgpu")) {
        (true, _) => Some("cuda"),
        (false, true) => Some("wgpu"),
        (false, false) => None,
    }
}

/// The losses of all epochs, and the scores of the clips.
fn trained(name: &str, mut settings: Value, device: &str) -> (Vec<f64>, Vec<f64>) {
    settings["training"] = json!({"device": device});
    let detector = DetectorSpec::parse(name, &settings).expect("settings");
    let mut rng = Seed(3).rng();
    let clips: Vec<Clip> = (0..48)
        .map(|place| Clip {
            id: format!("fan/{place}.wav"),
            machine: "fan".into(),
            section: format!("0{}", place % 3),
            domain: Some(Domain::Source),
            split: Split::Train,
            label: None,
            attributes: BTreeMap::new(),
        })
        .collect();
    // Each section has a band of its own.
    let frames: Vec<Array2<f32>> = (0..48)
        .map(|place| {
            Array2::from_shape_fn((32, 32), |(_, band)| {
                let loud = if band / 10 == place % 3 { 20.0 } else { 0.0 };
                (loud - 40.0 + 3.0 * rng.normal()) as f32
            })
        })
        .collect();
    let examples = Examples {
        clips: clips.iter().collect(),
        features: frames.iter().map(Array2::view).collect(),
    };
    let cx = Context::plain(1);
    let model: Tensors = detector.member().fit(&examples, None, &cx).expect("a model");
    let losses = model.f64_1("history/loss").expect("losses").to_vec();
    (losses, detector.member().score(&model, &examples, &cx).expect("scores"))
}

/// Three epochs of each network: another order of sums moves losses and scores by less than a
/// hundredth, and both fall as on the processor.
#[test]
#[ignore = "needs a program for a GPU: cargo test --release --features wgpu --test it gpu -- --ignored --nocapture"]
fn a_gpu_trains_as_the_processor_does() {
    let Some(device) = device() else {
        panic!("this program was built for no GPU: add `--features wgpu` or `--features cuda`");
    };
    let networks = [
        ("autoencoder", json!({"epochs": 3, "batch": 32})),
        ("mobilenet_v2", json!({"frames": 32, "hop": 32, "width": 0.5, "epochs": 3, "batch": 16})),
    ];
    for (name, settings) in networks {
        let (losses, scores) = trained(name, settings.clone(), "cpu");
        let (theirs, their_scores) = trained(name, settings, device);
        println!("{name}: losses {losses:?} on the processor, {theirs:?} by {device}");
        assert!(losses.last() < losses.first(), "it learns nothing: {losses:?}");
        let spread = |of: &[f64]| {
            let (low, high) =
                of.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
            high - low
        };
        let largest = |ours: &[f64], theirs: &[f64]| {
            ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        let (by_loss, by_score) = (
            largest(&losses, &theirs) / losses[0],
            largest(&scores, &their_scores) / spread(&scores),
        );
        println!("{name}: losses differ by {by_loss:.1e}, scores by {by_score:.1e} of their range");
        assert!(by_loss < 1e-2, "{losses:?} {theirs:?}");
        assert!(by_score < 1e-1, "{scores:?} {their_scores:?}");
    }
}
