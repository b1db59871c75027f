//! What a version of a technique reruns, and what no change of `generalization` may rerun.

use std::collections::{BTreeMap, BTreeSet};

use humshift::canon;
use humshift::digest::Digest;
use humshift::kind::{Kind, ObjectRef};
use humshift::plan::{self, Catalog, Plan};
use humshift::spec::load_text;
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

/// What a cache holds of such stages stays good as long as the code that makes it has the same
/// version.
///
/// Versions are left out, so that a version that is raised moves nothing here; which code has one
/// is shown.
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

/// The plan of generated sounds with a detector, `generalization`, and a threshold from `scores`.
fn planned(detector: &str, generalization: &str, scores: &str) -> Plan {
    let text = format!(
        "name: keys\ndata: {{ synthetic: {{ machines: [fan] }} }}\nfeatures: {{ log_mel: {{}} }}\npool: {{ mean: {{}} }}\n\
         detector: {detector}\ngeneralization: {generalization}\nthreshold: {{ gamma: {{ scores: {scores} }} }}\n"
    );
    let experiment =
        load_text("keys.yaml", &text, &[]).unwrap_or_else(|wrong| panic!("{text}{wrong:?}"));
    let mut catalog = Catalog::default();
    for (_, source) in experiment.points.iter().flat_map(Catalog::sources) {
        let sections = source.member().list().expect("it reads no files").sections;
        let listings =
            sections.into_keys().map(|section| (section, ObjectRef::of(Kind::Csv, b""))).collect();
        catalog.listings.insert(Catalog::source_key(&source), listings);
    }
    plan::build(&experiment, &catalog).expect("a plan")
}

/// The stages whose key is another one if the version of `technique` is raised.
fn reruns(plan: &Plan, technique: &str) -> BTreeSet<String> {
    let key =
        |material: &Value| Digest::of(canon::of_value(material).expect("a document").as_bytes());
    let other = |stage: &StageSpec| {
        let before = stage.material(&BTreeMap::new());
        let mut after = before.clone();
        if let Some(version) = after["code"].get_mut(technique) {
            *version = json!(version.as_u64().expect("a number") + 1);
        }
        key(&before) != key(&after)
    };
    let stages = plan.nodes().map(|id| &plan.node(id).stage);
    stages.filter(|stage| other(stage)).map(|stage| stage.name().to_owned()).collect()
}

#[test]
fn a_raised_version_of_a_technique_reruns_the_stages_that_use_it() {
    const KNN: &str = "{ knn: {} }";
    const FRAMES: &str = "{ autoencoder: {} }";
    const NETWORK: &str = "{ embedding: { network: { autoencoder: {} } } }";
    let (fit, all) = ("training calibration", "training calibration scoring");
    let waveforms = "{ smote: { on: waveforms } }";
    for (detector, generalization, technique, stages) in [
        (KNN, "{ target_clips: 2 }", "choice", fit),
        (KNN, "{ target_clips: 2 }", "generalization", ""),
        (NETWORK, "{ target_clips: 2 }", "choice", "network training calibration"),
        (KNN, "{ temporal_mean_subtraction: true }", "temporal_mean_subtraction", "pooling"),
        (FRAMES, "{ temporal_mean_subtraction: true }", "temporal_mean_subtraction", all),
        (
            NETWORK,
            "{ temporal_mean_subtraction: true }",
            "temporal_mean_subtraction",
            "network embedding",
        ),
        (KNN, "{ feature_normalization: domain }", "feature_normalization", all),
        (KNN, "{ smote: {} }", "smote", fit),
        (KNN, "{ smote: {} }", "generalization", all),
        (KNN, waveforms, "smote", "interpolation"),
        (KNN, waveforms, "choice", "interpolation"),
        (KNN, waveforms, "generalization", ""),
        (KNN, "{ memmixup: {} }", "memmixup", fit),
        (KNN, "{ mixup: {} }", "mixup", fit),
        (KNN, "{ source_means: 4 }", "source_means", fit),
        (KNN, "{ oversampling: 1 }", "oversampling", fit),
        (KNN, "{ references: domain }", "references", fit),
        (KNN, "{ local_density: 2 }", "local_density", all),
        (KNN, "{ domain_calibration: {} }", "domain_calibration", all),
        (KNN, "{ score_normalization: domain }", "score_normalization", all),
        (KNN, "{ smote: {} }", "mixup", ""),
    ] {
        let expected: BTreeSet<String> = stages.split_whitespace().map(str::to_owned).collect();
        let plan = planned(detector, generalization, "held_out");
        assert_eq!(
            reruns(&plan, technique),
            expected,
            "{technique} with {generalization} of {detector}"
        );
    }
    // A model that is made already is scored: nothing is drawn again.
    for (generalization, technique, stages) in [
        ("{ target_clips: 2 }", "choice", fit),
        ("{ source_means: 4 }", "source_means", "training"),
        ("{ source_means: 4 }", "generalization", all),
        ("{ score_normalization: domain }", "score_normalization", all),
    ] {
        let expected: BTreeSet<String> = stages.split_whitespace().map(str::to_owned).collect();
        assert_eq!(
            reruns(&planned(KNN, generalization, "training"), technique),
            expected,
            "{generalization}"
        );
    }
}
