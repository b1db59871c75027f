//! The autoencoder end to end against a model that others trained and scores that others published:
//! the anomaly detection task of the MLPerf Tiny benchmark (ToyCar of DCASE 2020, Keras).

use std::path::Path;

use humshift::artifact::{Artifact, Blob, Channel, Clip, Split, Tensors};
use humshift::context::Context;
use humshift::detector::{DetectorSpec, Examples};
use humshift::feature::FeatureSpec;
use humshift::source::wav;
use ndarray::{Array1, Array2};
use serde_json::json;

use crate::oracle;

/// The weights under Keras's names, through a safetensors file.
fn keras_model(folder: &Path) -> Tensors {
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let mut model = Tensors::default();
    for tensor in manifest["tensors"].as_array().unwrap() {
        let bytes = std::fs::read(folder.join(tensor["file"].as_str().unwrap())).unwrap();
        let values: Array1<f32> =
            bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let shape: Vec<usize> = serde_json::from_value(tensor["shape"].clone()).unwrap();
        model.put_f32(
            tensor["name"].as_str().unwrap(),
            values.into_shape_with_order(shape).unwrap(),
        );
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), model.encode()).unwrap();
    Tensors::decode(Blob::new(std::fs::read(file.path()).unwrap())).unwrap()
}

#[test]
fn a_published_keras_model_gives_its_published_scores() {
    let Some(data) = oracle::data("a_published_keras_model_gives_its_published_scores") else {
        return;
    };
    let folder = data.join("oracles/autoencoder_toycar");
    let mut table = csv::Reader::from_path(folder.join("expected_scores.csv")).unwrap();
    let (ids, expected): (Vec<String>, Vec<f64>) =
        table.deserialize::<(String, f64)>().map(Result::unwrap).unzip();

    let log_mel =
        FeatureSpec::parse("log_mel", &json!({ "floor": "add", "pad": "reflect" })).unwrap();
    let extractor = log_mel.member().extractor(16_000).unwrap();
    let extract = |id: &String| {
        let wave = wav::read(&data.join(id), Channel::Mean).unwrap();
        assert_eq!(wave.rate, 16_000, "{id}");
        extractor.extract(&wave.samples).unwrap()
    };
    let features: Vec<Array2<f32>> = ids.iter().map(extract).collect();
    let clips: Vec<Clip> = (ids.iter())
        .map(|id| Clip {
            id: id.clone(),
            machine: "ToyCar".into(),
            section: "id_01".into(),
            domain: None,
            split: Split::Test,
            label: None,
            attributes: Default::default(),
        })
        .collect();
    let examples = Examples {
        clips: clips.iter().collect(),
        features: features.iter().map(|x| x.view()).collect(),
    };

    let settings = json!({ "frames": { "from": 50, "to": 250 }, "weights": "toycar.safetensors" });
    let spec = DetectorSpec::parse("autoencoder", &settings).unwrap();
    let (detector, cx) = (spec.member(), Context::plain(0));
    let model =
        detector.fit(&examples, Some(&keras_model(&folder.join("weights_f32le"))), &cx).unwrap();
    assert!(model.0.contains_key("norm.8.variance"), "the model is kept under our own names");
    let scores = detector.score(&model, &examples, &cx).unwrap();
    assert_eq!(scores.len(), 20);
    // Measured: 4e-7, what f32 leaves of a sum of squares.
    let worst = scores.iter().zip(&expected).map(|(s, e)| (s / e - 1.0).abs()).fold(0.0, f64::max);
    assert!(worst < 5e-6, "{worst:e}");
}
