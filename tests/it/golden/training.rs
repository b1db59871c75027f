//! Rows of networks that are trained for some steps, as large as the paper's where that costs
//! little: one digest for one thread and for two.

use humshift::artifact::{Artifact, Split, Tensors};
use humshift::context::Context;
use humshift::detector::{DetectorError, DetectorSpec, EmbedderSpec, Hearing, Takes};
use ndarray::Array2;
use serde_json::{Value, json};

use super::fixtures::{Set, matrix, threads};
use super::rows::{Now, Row, numbers};

fn row(
    name: &str,
    version: u32,
    fit: impl Fn(&Context) -> Result<Tensors, DetectorError> + Sync,
) -> Result<Row, String> {
    let model = threads(|cx| fit(cx).map(|model| model.encode()).map_err(|e| e.to_string()))?;
    let shows = numbers(Tensors::KIND, &model);
    Row::new([(name.to_owned(), version)].into(), &[model], &shows)
}

pub fn rows() -> Now {
    let mut rows = Now::new();
    // 128 bands, of which five frames are an input; 24 clips of 60 frames are 11 steps an epoch.
    let paper = Set::new(Split::Train, 24, 60, 128);
    let small = Set::new(Split::Train, 24, 20, 32);
    let images = |more: Value| json!({"frames": 16, "hop": 4, "width": 0.25, "epochs": 4, "batch": 8, "learning_rate": 1e-3, "training": more});
    for (detector, settings, set) in [
        ("autoencoder", json!({"preset": "paper", "epochs": 6}), &paper),
        (
            "autoencoder",
            json!({"epochs": 4, "training": {"validation": 0.1, "schedule": "cosine"}}),
            &paper,
        ),
        ("mobilenet_v2", images(json!({})), &small),
        ("mobilenet_v2", images(json!({"validation": 0.25})), &small),
    ] {
        let name = format!("{detector} {settings}");
        let spec = DetectorSpec::parse(detector, &settings).expect("settings");
        let examples = set.examples(Takes::Frames);
        let version = spec.member().version();
        rows.insert(name, row(detector, version, |cx| spec.member().fit(&examples, None, cx)));
    }
    let set = Set::new(Split::Train, 24, 32, 32);
    let mut hidden = Set::new(Split::Train, 24, 32, 32);
    hidden.0.iter_mut().for_each(|(clip, _)| clip.attributes.clear());
    // With a spectrogram of 64 samples a frame there are 26 frames of 33 bins behind 400 bins.
    let [plain, wide] = [800, 400 + 26 * 33]
        .map(|width| -> Vec<Array2<f32>> { (0..24).map(|i| matrix(300 + i, 1, width)).collect() });
    for own in [
        json!({"loss": {"softmax": {}}}),
        json!({"loss": {"arcface": {}}}),
        json!({"loss": {"sub_cluster_adacos": {"clusters": 4}}}),
        json!({"loss": {"adaproj": {"subspace_dims": 8, "trainable": true}}}),
        json!({"featex": {}, "loss": {"adacos": {"trainable": false}}}),
        json!({"pseudo_labels": {"clusters": 3}}),
        json!({"stft": [64], "subspace_loss": {}, "spec_augment": {"time_width": 3, "frequency_width": 4}}),
    ] {
        let mut settings = json!({
            "branches": ["spectrogram", "spectrum"], "channels": [8, 16], "dims": 16, "epochs": 10, "batch": 8,
        });
        let Value::Object(own) = own else { unreachable!("each is a map") };
        settings.as_object_mut().expect("a map").extend(own);
        let spec = EmbedderSpec::parse("cnn", &settings).expect("settings");
        let spectra = if spec.member().stfts().is_empty() { &plain } else { &wide };
        let spectra = spectra.iter().map(|x| x.view()).collect();
        let set = if settings.get("pseudo_labels").is_some() { &hidden } else { &set };
        let heard = Hearing { clips: set.examples(Takes::Frames), spectra };
        rows.insert(
            format!("cnn {settings}"),
            row("cnn", spec.member().version(), |cx| spec.member().fit(&heard, cx)),
        );
    }
    rows
}
