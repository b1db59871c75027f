//! Every number of every family has a bound: no slip of the finger asks for all memory or for ever.

use humshift::detector::{DetectorSpec, EmbedderSpec};
use humshift::feature::FeatureSpec;
use humshift::pool::PoolSpec;
use humshift::spec::load_text;
use humshift::threshold::ThresholdSpec;
use serde_json::{Map, Value, json};

/// Texts of numbers that nobody means, as they may stand in a file.
const EXTREMES: [&str; 13] = [
    "0",
    "-1",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "1000000000000000000",
    "9223372036854775808",
    "18446744073709551615",
    "1e308",
    "-1e308",
    "1e-400",
    ".nan",
    ".inf",
];
/// Larger than any bound; a setting that takes it has none.
const LARGEST: f64 = 4.0e9;
/// Numbers that name something and are no size: any of them is as good as another.
const NAMES: [&str; 2] = ["seed", "draw"];

/// Settings that are not there unless somebody writes them, by the path of what they belong to.
fn optional(path: &str) -> Value {
    match path {
        "features.log_mel" | "features.onnx.log_mel" => json!({"fmax": 4000.0}),
        "features.onnx" => json!({"window": 100, "hop": 50}),
        "features.clip_spectrum" => json!({"stft": [256]}),
        "detector.autoencoder" => json!({"frames": {"from": 0, "to": 9}}),
        "detector.pca" => json!({"variance": 0.9}),
        "detector.kde" => json!({"bandwidth": 3.0}),
        "detector.one_class_svm" => json!({"gamma": 0.5}),
        "detector.embedding.network.cnn" => json!({
            "frames": 64,
            "copies": 2,
            "stft": [256],
            "spec_augment": {
                "time_masks": 1, "time_width": 100, "frequency_masks": 1, "frequency_width": 27,
            },
            "featex": {"probability": 0.5, "weight": 1.0},
            "subspace_loss": {"weight": 1.0},
            "pseudo_labels": {"clusters": 16},
        }),
        "detector.dbscan" => json!({"eps": 3.0}),
        path if path.ends_with("random_forest") || path.ends_with("extra_trees") => {
            json!({"max_depth": 3})
        }
        path if path.ends_with("svc") => json!({"gamma": 0.5}),
        path if path.ends_with("training") => json!({"patience": 3, "clip_norm": 1.0}),
        _ => json!({}),
    }
}

/// A variant's settings with those that are optional.
fn whole(path: &str, settings: Value) -> Value {
    let Value::Object(mut map) = settings else { return settings };
    if let Value::Object(more) = optional(path) {
        map.extend(more);
    }
    let names: Vec<String> = map.keys().cloned().collect();
    for name in names {
        let inner = map.remove(&name).expect("it is there");
        map.insert(name.clone(), whole(&format!("{path}.{name}"), inner));
    }
    Value::Object(map)
}

fn of(word: &str, variant: &impl serde::Serialize) -> (String, Value) {
    (word.to_owned(), whole(word, serde_json::to_value(variant).expect("settings are JSON")))
}

/// A value for each section of a spec and each member of its family.
fn sections() -> Vec<(String, Value)> {
    let mut all = vec![
        (
            "data".into(),
            json!({"synthetic": {"machines": ["fan"], "sections": 1, "seconds": 1.0, "rate": 8000,
            "severity": 1.0, "seed": 1, "clips": {"source_train": 5, "target_train": 2, "normal": 2, "anomaly": 2}}}),
        ),
        ("data".into(), json!({"dcase": {"root": "data", "rate": 16_000}})),
        (
            "data".into(),
            json!({"folder": {"root": "data", "pattern": "{machine}/{split}/{*}.wav", "rate": 16_000}}),
        ),
        (
            "data".into(),
            json!({"folder": {"root": "recordings", "pattern": "{machine}/{*}.wav", "defaults": {"split": "train"},
            "cut": {"seconds": 10.0, "hop": 5.0}}}),
        ),
        (
            "mix".into(),
            json!({"snr_db": -6.0, "snr_offset_db": 0.0, "gain_db": 0.0, "seed": 1,
            "noise": {"factory": {"clips": 3, "seconds": 1.0, "rate": 8000, "seed": 1}}}),
        ),
        (
            "metrics".into(),
            json!(["auc", {"pauc": {"max_fpr": 0.1}}, {"intervals": {"resamples": 1000, "level": 0.9}}]),
        ),
        ("seed".into(), json!(3)),
        (
            "generalization".into(),
            json!({"target_clips": 3, "source_clips": 3, "source_values": 2, "draw": 1,
            "source_means": 4, "oversampling": 1.0, "smote": {"ratio": 0.2, "neighbours": 3},
            "memmixup": {"alpha": 0.9, "neighbours": 4}, "mixup": {"ratio": 1.0, "alpha": 0.2}, "local_density": 3,
            "domain_calibration": {"form": "ranks", "assignment": "soft", "shrinkage": 3.0}}),
        ),
    ];
    for name in FeatureSpec::NAMES {
        let settings = match *name {
            "vectors" => json!({"root": "vectors"}),
            "onnx" => json!({"model": "network.onnx", "input": "log_mel", "log_mel": {}}),
            "command" => json!({"run": ["features"], "megabytes": 100}),
            _ => json!({}),
        };
        all.push(of("features", &FeatureSpec::parse(name, &settings).expect("it has defaults")));
    }
    for name in PoolSpec::NAMES {
        all.push(of("pool", &PoolSpec::parse(name, &json!({})).expect("it has defaults")));
    }
    for name in ThresholdSpec::NAMES {
        let settings = if *name == "fixed" { json!({"value": 1.0}) } else { json!({}) };
        all.push(of("threshold", &ThresholdSpec::parse(name, &settings).expect("it has defaults")));
    }
    for name in DetectorSpec::NAMES {
        let several = match *name {
            "ensemble" => {
                vec![json!({"detectors": [{"knn": {}}, {"gmm": {}}], "weights": [0.5, 0.5]})]
            }
            "embedding" => {
                let loss =
                    |loss: &str| json!({"network": {"cnn": {"loss": {loss: {}}, "mixup": 0.2}}});
                let of = |name: &&str| json!({"network": {**name: {}}});
                EmbedderSpec::NAMES
                    .iter()
                    .map(of)
                    .chain(["arcface", "sub_cluster_adacos", "adaproj"].map(loss))
                    .collect()
            }
            "classifier" => [
                "random_forest",
                "svc",
                "lda",
                "logistic_regression",
                "nearest_neighbours",
                "extra_trees",
                "naive_bayes",
            ]
            .map(|model| json!({model: {}}))
            .to_vec(),
            "command" => vec![json!({"run": ["detector"], "megabytes": 100})],
            _ => vec![json!({})],
        };
        for settings in several {
            all.push(of(
                "detector",
                &DetectorSpec::parse(name, &settings).expect("it has defaults"),
            ));
        }
    }
    all
}

/// The ways to all numbers inside of a value.
fn numbers(value: &Value, way: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(way.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, v)| numbers(v, &format!("{way}/{i}"), found))
        }
        Value::Object(map) => {
            map.iter().for_each(|(name, v)| numbers(v, &format!("{way}/{name}"), found))
        }
        _ => {}
    }
}

#[test]
fn no_number_is_without_a_bound() {
    const PLACE: &str = "@here@";
    let (mut settings, mut loose) = (0, Vec::new());
    for (word, section) in sections() {
        let mut spec: Map<String, Value> =
            json!({"data": {"synthetic": {"machines": ["fan"]}}, "pool": {"mean": {}},
            "features": {"log_mel": {}}, "detector": {"knn": {}}})
            .as_object()
            .expect("a map")
            .clone();
        spec.insert(word.clone(), section.clone());
        let sound = Value::Object(spec.clone()).to_string();
        let told = load_text("spec.yaml", &sound, &[]).err().map(|all| all[0].to_string());
        assert_eq!(told, None, "{sound}");
        let mut ways = Vec::new();
        numbers(&section, "", &mut ways);
        for way in ways {
            settings += 1;
            let mut changed = Value::Object(spec.clone());
            *changed.pointer_mut(&format!("/{word}{way}")).expect("the way leads there") =
                json!(PLACE);
            for extreme in EXTREMES {
                let text = changed.to_string().replace(&format!("\"{PLACE}\""), extreme);
                let accepted = load_text("spec.yaml", &text, &[]).is_ok();
                let value: f64 = extreme.parse().unwrap_or(f64::NAN);
                let named =
                    NAMES.contains(&way.rsplit('/').next().unwrap_or_default()) || word == "seed";
                // A threshold is compared with scores, which have no bound themselves.
                let is_score = way == "/fixed/value" && value.is_finite();
                let bounded = value.abs() <= LARGEST && extreme != "1e-400";
                if accepted && !bounded && !named && !is_score {
                    loose.push(format!("{word}{way}: {extreme}"));
                }
            }
        }
    }
    assert!(settings > 100, "{settings} numbers are known");
    assert_eq!(loose, [] as [String; 0]);
}
