//! Keys of stages without `generalization`, kept from one version of the program to the next: what a cache holds of them
//! stays good as long as the code that makes it has the same version.

use std::collections::BTreeMap;

use humshift::canon;
use humshift::digest::Digest;
use humshift::stage::StageSpec;
use serde_json::{Value, json};

/// Every stage as a plan without `generalization` has it, in its serde form.
fn plain() -> Vec<Value> {
    let source = json!(["folder", 1]);
    let section = json!({"machine": "fan", "section": "00"});
    let log_mel = json!({"log_mel": {"frame": 1024, "hop": 512, "mels": 128}});
    let training = |detector: Value| json!({"detector": detector, "seed": [3, ["fan", "00"]]});
    let cnn = json!({"cnn": {"dims": 32}});
    vec![
        json!({"dataset": {"source": {"synthetic": {}}, "section": section}}),
        json!({"levels": {"source": source}}),
        json!({"mixing": {"layers": [{"types": ["A", "B"], "snr_db": -6}], "seed": 3}}),
        json!({"features": {"feature": log_mel, "source": source}}),
        json!({"features": {"feature": log_mel, "source": source, "mixed": {"source": ["factory", 1], "gain_db": -6.0}}}),
        json!({"pooling": {"pools": [{"mean": {}}, {"gwrp": {"decay": 0.98}}]}}),
        json!({"network": {"network": cnn, "seed": [3, ["fan"]]}}),
        json!({"embedding": {"network": cnn}}),
        json!({"training": {"detector": {"knn": {}}}}),
        json!({"training": training(json!({"autoencoder": {}}))}),
        json!({"training": training(json!({"mobilenet_v2": {}}))}),
        json!({"scoring": {"detector": {"knn": {}}}}),
        json!({"scoring": {"detector": {"autoencoder": {}}}}),
        json!({"calibration": {"training": training(json!({"gmm": {}})), "scores": "held_out"}}),
        json!({"calibration": {"training": training(json!({"gmm": {}})), "scores": "training"}}),
        json!({"metrics": {"auc": true, "pauc": 0.1, "ties": "half"}}),
        json!({"metrics": {"auc": true, "ties": "zero", "threshold": {"gamma": {}}, "intervals": {}}}),
    ]
}

/// Versions are left out, so that a version that is raised moves nothing here; which code has one is shown.
#[test]
fn plain_keys_stay() {
    let lines = plain().into_iter().map(|stage| {
        let stage: StageSpec = serde_json::from_value(stage).expect("a stage");
        let inputs: BTreeMap<String, Digest> = [("input".to_owned(), Digest::of(b"input"))].into();
        let mut material = stage.material(&inputs);
        let code = material["code"].as_object_mut().expect("versions by name");
        code.values_mut().for_each(|version| *version = json!(0));
        let names: Vec<&String> = code.keys().collect();
        let line = format!("{} of {names:?}: ", stage.name());
        let text = canon::of_value(&material).expect("settings are finite and not null");
        line + &Digest::of(text.as_bytes()).hex()
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}
