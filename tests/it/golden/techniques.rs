//! Rows of the stages that fit and score, with every technique of `generalization`.
//!
//! Each technique stands with two detectors that share no code: where something that a technique
//! uses as well as one of them changes, the row of the other stays red until the technique has a
//! new version, too.

use humshift::artifact::{Artifact, Blob, CalibrationScores, Split};
use humshift::context::Context;
use humshift::detector::DetectorSpec;
use humshift::digest::Digest;
use humshift::stage::{
    Calibration, Generalization, Inputs, Output, StageSpec, TrainingScores, TrainingStage,
};
use serde_json::{Value, json};

use super::fixtures::{Set, inputs};
use super::rows::{Now, Row, numbers};
use super::scoring;

/// Settings of `generalization`, one technique each, and many at once.
pub fn techniques() -> Vec<Value> {
    vec![
        json!({}),
        json!({"target_clips": 2, "source_clips": 9, "draw": 3}),
        json!({"source_values": 2}),
        json!({"source_values": {"load": ["1", "2"]}}),
        json!({"temporal_mean_subtraction": true}),
        json!({"feature_normalization": "global"}),
        json!({"feature_normalization": "domain"}),
        json!({"feature_normalization": "section"}),
        json!({"feature_normalization": "clip"}),
        json!({"smote": {"ratio": 0.7, "neighbours": 2}}),
        json!({"memmixup": {"alpha": 0.8, "neighbours": 3}}),
        json!({"mixup": {"ratio": 0.5, "alpha": 0.4}}),
        json!({"source_means": 4}),
        json!({"oversampling": 0.8}),
        json!({"references": "domain"}),
        json!({"references": "attribute"}),
        json!({"local_density": 2}),
        json!({"local_density": {"neighbours": 2, "form": "difference"}}),
        json!({"local_density": {"neighbours": 2, "form": "var_min"}}),
        json!({"local_density": {"neighbours": 2, "form": "log_var_min"}}),
        json!({"local_density": {"neighbours": 6, "cluster_exit": {"quantile": 0.3}}}),
        json!({"domain_calibration": {}}),
        json!({"domain_calibration": {"form": "ranks", "assignment": "hard", "shrinkage": 10}}),
        json!({"domain_calibration": {"form": "median"}}),
        json!({"domain_calibration": {"form": "z"}}),
        json!({"score_normalization": "section"}),
        json!({"score_normalization": "domain"}),
        json!({"score_normalization": "attribute"}),
        json!({"target_clips": 4, "feature_normalization": "section", "smote": {"ratio": 0.5}, "source_means": 6,
               "references": "domain", "score_normalization": "section"}),
    ]
}

fn detectors(technique: &Value) -> Vec<Value> {
    let forest = json!({"isolation_forest": {"trees": 10, "samples": 16}});
    let network =
        json!({"autoencoder": {"window": 2, "layers": [8, 3, 8], "epochs": 2, "batch": 16}});
    match technique.as_object().and_then(|map| map.keys().next()).map(String::as_str) {
        // Of vectors there is no mean over time.
        Some("temporal_mean_subtraction") => vec![network],
        // A forest measures no distances.
        Some("local_density" | "domain_calibration") => {
            vec![json!({"knn": {"k": 2}}), json!({"knn": {"bands": 2, "metric": "cosine"}})]
        }
        _ => vec![json!({"knn": {}}), forest],
    }
}

/// The name of a detector in rows; neighbours in bands are another one.
pub fn called(detector: &DetectorSpec) -> String {
    let bands = matches!(detector, DetectorSpec::Knn(knn) if knn.bands.is_some());
    format!("{}{}", detector.name(), if bands { " in bands" } else { "" })
}

/// What a stage gives for its inputs, with the versions of its key.
pub fn row(stage: &StageSpec, given: &Inputs) -> Result<(Row, Vec<Output>), String> {
    let material = stage.material(&[("input".to_owned(), Digest::of(b"input"))].into());
    let versions = serde_json::from_value(material["code"].clone()).expect("versions by name");
    let outputs = stage.run(given, &Context::plain(1)).map_err(|e| e.to_string())?;
    let parts: Vec<Vec<u8>> = outputs
        .iter()
        .flat_map(|output| [output.role.to_string().into_bytes(), output.bytes.clone()])
        .collect();
    let shows: Vec<f64> =
        outputs.iter().flat_map(|output| numbers(output.kind, &output.bytes)).collect();
    Ok((Row::new(versions, &parts, &shows)?, outputs))
}

/// training, and calibration by models that have not seen a clip, as a plan has them.
pub fn rows() -> Now {
    let mut rows = scoring::rows();
    for technique in techniques() {
        for detector in detectors(&technique) {
            let name = if technique == json!({}) { String::new() } else { format!(" {technique}") };
            let (training, given) = training(detector, &technique);
            let name = format!("{}{name}", called(&training.detector));
            let fitted = row(&StageSpec::Training(training.clone()), &given);
            rows.insert(format!("training {name}"), fitted.map(|(row, _)| row));
            rows.insert(
                format!("calibration held_out {name}"),
                calibrated(training.clone(), TrainingScores::HeldOut, false, &given),
            );
            if technique == json!({}) {
                let made = calibrated(training, TrainingScores::HeldOut, true, &given);
                rows.insert(format!("calibration pseudo {name}"), made);
            }
        }
    }
    rows
}

/// The training stage of a detector with a technique, and its clips.
pub fn training(detector: Value, technique: &Value) -> (TrainingStage, Inputs) {
    let detector: DetectorSpec = serde_json::from_value(detector).expect("a detector");
    let generalization: Generalization =
        serde_json::from_value(technique.clone()).expect("settings");
    let takes = detector.member().takes();
    let own = generalization.for_training(takes);
    let seeded = detector.member().seeded() || own.draws();
    let seed = seeded.then(|| (5, vec!["fan".to_owned()]));
    let given = inputs(Set::new(Split::Train, 48, 6, 10).inputs(takes));
    (TrainingStage { detector, seed, generalization: Some(own).filter(|g| !g.is_plain()) }, given)
}

/// The row of a calibration. What cannot be calibrated says why in the place of scores, and would
/// hold nothing.
pub fn calibrated(
    training: TrainingStage,
    scores: TrainingScores,
    pseudo: bool,
    given: &Inputs,
) -> Result<Row, String> {
    let stage = Calibration { training, scores, pseudo };
    let (row, outputs) = row(&StageSpec::Calibration(stage), given)?;
    let scores = CalibrationScores::decode(Blob::new(outputs[0].bytes.clone())).expect("scores");
    if scores.missing.is_empty() { Ok(row) } else { Err(scores.missing) }
}
