//! Rows of the stages that score by a model that is an input.
//!
//! The models are put together here, of what detectors fit themselves, and of numbers: a row of
//! `scoring` that had a model of `training` would move with every technique of training, whose
//! versions are in no key of `scoring`.

use std::collections::BTreeSet;

use humshift::artifact::{Artifact, Blob, Split, Tensors};
use humshift::context::Context;
use humshift::detector::{DetectorSpec, Takes};
use humshift::stage::{Generalization, Scoring, StageSpec, TrainingScores};
use ndarray::Array1;
use serde_json::{Value, json};

use super::fixtures::{Set, inputs};
use super::rows::Now;
use super::techniques::{calibrated, called, row, training};

/// What a model says beside the detector's own arrays: marks, and the [model, features, scores] of
/// its cells.
struct Form {
    technique: Value,
    marks: &'static [&'static str],
    cells: &'static [(&'static str, [f64; 3])],
}

/// Every way in which scoring is not the detector's own.
fn forms() -> Vec<Form> {
    const ONE: &[(&str, [f64; 3])] = &[("", [0.0, -1.0, -1.0])];
    let form = |technique, marks, cells| Form { technique, marks, cells };
    vec![
        form(json!({}), &[], &[]),
        form(json!({"temporal_mean_subtraction": true}), &["temporal_mean"], ONE),
        form(json!({"feature_normalization": "clip"}), &["clip"], ONE),
        form(json!({"feature_normalization": "global"}), &[], &[("", [0.0, 0.0, -1.0])]),
        form(
            json!({"feature_normalization": "section"}),
            &[],
            &[("/00", [0.0, 0.0, -1.0]), ("/01", [0.0, 1.0, -1.0])],
        ),
        form(
            json!({"references": "domain"}),
            &[],
            &[("", [0.0, -1.0, -1.0]), ("", [1.0, -1.0, -1.0])],
        ),
        form(json!({"local_density": 2}), &[], ONE),
        form(json!({"local_density": {"neighbours": 2, "form": "var_min"}}), &[], ONE),
        form(json!({"local_density": {"neighbours": 2, "form": "log_var_min"}}), &[], ONE),
        form(json!({"domain_calibration": {}}), &[], ONE),
        form(json!({"domain_calibration": {"form": "median", "assignment": "hard"}}), &[], ONE),
        form(json!({"domain_calibration": {"form": "z"}}), &[], ONE),
        form(
            json!({"score_normalization": "domain"}),
            &[],
            &[("", [0.0, -1.0, 0.0]), ("", [0.0, -1.0, 1.0])],
        ),
    ]
}

pub fn rows() -> Now {
    let mut rows = Now::new();
    for form in forms() {
        let name = if form.technique == json!({}) {
            String::new()
        } else {
            format!(" {}", form.technique)
        };
        for detector in detectors(&form.technique) {
            let (training, mut given) = training(detector, &form.technique);
            let detector = training.detector.clone();
            let takes = detector.member().takes();
            let model = model(&detector, &form).encode();
            given.0.insert("model".into(), Blob::new(model.clone()));
            let name = format!("{}{name}", called(&detector));
            let test = Set::new(Split::Test, 12, 6, 10).inputs(takes);
            let test = inputs(test.into_iter().chain([("model".to_owned(), model)]));
            let techniques =
                training.generalization.iter().flat_map(Generalization::scoring_versions);
            let techniques = techniques.map(|(name, version)| (name.to_owned(), version)).collect();
            rows.insert(
                format!("calibration training {name}"),
                calibrated(training.clone(), TrainingScores::Training, false, &given),
            );
            let scoring = StageSpec::Scoring(Scoring { detector, techniques });
            rows.insert(format!("scoring {name}"), row(&scoring, &test).map(|(row, _)| row));
        }
    }
    rows
}

fn detectors(technique: &Value) -> Vec<Value> {
    match technique {
        // Of vectors there is no mean over time.
        t if t.get("temporal_mean_subtraction").is_some() => {
            vec![
                json!({"autoencoder": {"window": 2, "layers": [8, 3, 8], "epochs": 2, "batch": 16}}),
            ]
        }
        t if t.get("local_density").or(t.get("domain_calibration")).is_some() => {
            vec![json!({"knn": {"k": 2}}), json!({"knn": {"bands": 2, "metric": "cosine"}})]
        }
        _ => vec![json!({"knn": {}}), json!({"isolation_forest": {"trees": 10, "samples": 16}})],
    }
}

/// A model of a form: the detector's own, of other clips for each number of a model.
fn model(detector: &DetectorSpec, Form { technique, marks, cells }: &Form) -> Tensors {
    let own: Generalization = serde_json::from_value(technique.clone()).expect("settings");
    let member = detector.member();
    let distances = "it measures distances";
    let dense = own.local_density.map(|by| member.with_local_density(by).expect(distances));
    let by = own.domain_calibration.as_ref();
    let calibrated = by.map(|by| member.with_domain_calibration(by).expect(distances));
    let member = dense.as_deref().or(calibrated.as_deref()).unwrap_or(member);
    let fitted = |number: usize| {
        let mut set = Set::new(Split::Train, 48, 6, 10);
        set.0.drain(..6 * number);
        let takes: Takes = member.takes();
        member.fit(&set.examples(takes), None, &Context::plain(5)).expect("it can be fitted")
    };
    if cells.is_empty() {
        return fitted(0);
    }
    let mut model = Tensors::default();
    for mark in *marks {
        model.put_f64(mark, Array1::from(vec![1.0]));
    }
    let row =
        |number: f64, scale: f64| Array1::from_iter((0..10).map(|i| number + scale * f64::from(i)));
    for (i, (section, numbers)) in cells.iter().enumerate() {
        model.put_f64(&format!("cell/{i}{section}"), Array1::from(numbers.to_vec()));
        let [own, features, scores] = *numbers;
        model.0.extend(
            fitted(own as usize)
                .0
                .into_iter()
                .map(|(name, tensor)| (format!("model/{own}/{name}"), tensor)),
        );
        if features >= 0.0 {
            model.put_f64(&format!("features/{features}/mean"), row(-0.3 - features, 0.1));
            model.put_f64(&format!("features/{features}/deviation"), row(0.7 + features, 0.2));
        }
        if scores >= 0.0 {
            model.put_f64(
                &format!("scores/{scores}"),
                Array1::from(vec![0.4 + scores, 0.3 + 0.1 * scores]),
            );
        }
    }
    model
}

/// The models that rows of `scoring` are made of have the arrays that `training` writes.
#[test]
fn models_have_the_form_that_training_writes() {
    let names = |model: &Tensors| -> BTreeSet<String> {
        let number =
            |part: &str| if part.parse::<u8>().is_ok() { "N".to_owned() } else { part.to_owned() };
        model
            .0
            .keys()
            .map(|name| name.split('/').map(number).collect::<Vec<_>>().join("/"))
            .collect()
    };
    for form in forms() {
        for detector in detectors(&form.technique) {
            let (training, given) = training(detector, &form.technique);
            let outputs =
                row(&StageSpec::Training(training.clone()), &given).expect("it can be trained").1;
            let trained = Tensors::decode(Blob::new(outputs[0].bytes.clone())).expect("a model");
            assert_eq!(
                names(&model(&training.detector, &form)),
                names(&trained),
                "{}",
                form.technique
            );
        }
    }
}
