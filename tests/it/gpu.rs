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

/// The losses of all epochs, and the scores of the clips. The features are larger by the share
/// `nudge`.
fn trained(name: &str, settings: &Value, device: &str, nudge: f32) -> [Vec<f64>; 2] {
    let mut settings = settings.clone();
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
                (loud - 40.0 + 3.0 * rng.normal()) as f32 * (1.0 + nudge)
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
    [losses, detector.member().score(&model, &examples, &cx).expect("scores")]
}

/// The largest differences of losses and of scores, as shares of the ranges of ours.
fn apart(ours: &[Vec<f64>; 2], theirs: &[Vec<f64>; 2]) -> [f64; 2] {
    [0, 1].map(|which| {
        let (ours, theirs) = (&ours[which], &theirs[which]);
        let most = |of: &mut dyn Iterator<Item = f64>| of.fold(f64::MIN, f64::max);
        let range = most(&mut ours.iter().copied()) + most(&mut ours.iter().map(|x| -x));
        most(&mut ours.iter().zip(theirs).map(|(a, b)| (a - b).abs())) / range
    })
}

/// Nine steps of each network. A GPU adds up in another order, and the first steps of Adam are as
/// long for a gradient that is rounding as for any other. So the yardstick is the processor itself,
/// with features that differ in the seventh digit: a GPU may be three times as far from it.
#[test]
#[ignore = "needs a program for a GPU: cargo test --release --features wgpu --test it gpu -- --ignored --nocapture"]
fn a_gpu_trains_as_the_processor_does() {
    let Some(device) = device() else {
        panic!("this program was built for no GPU: add `--features wgpu` or `--features cuda`");
    };
    let networks = [
        ("autoencoder", json!({"epochs": 3, "batch": 448})),
        ("mobilenet_v2", json!({"frames": 32, "hop": 32, "width": 0.5, "epochs": 3, "batch": 16})),
    ];
    for (name, settings) in networks {
        let ours = trained(name, &settings, "cpu", 0.0);
        let theirs = trained(name, &settings, device, 0.0);
        let nudged =
            [1e-7, 3e-7, 1e-6].map(|nudge| apart(&ours, &trained(name, &settings, "cpu", nudge)));
        let [losses, _] = &ours;
        println!("{name}: losses {losses:?} on the processor, {:?} by {device}", theirs[0]);
        assert!(losses.last() < losses.first(), "it learns nothing: {losses:?}");
        for (which, what) in ["losses", "scores"].into_iter().enumerate() {
            let far = apart(&ours, &theirs)[which];
            let own = nudged.map(|apart| apart[which]).into_iter().fold(0.0, f64::max);
            println!("{name}: {what} differ by {far:.1e} of their range, nudged ones by {own:.1e}");
            assert!(far < 3.0 * own, "{what}: {:?} {:?}", ours[which], theirs[which]);
        }
    }
}
