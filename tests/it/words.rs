//! What the config types say of themselves holds: every word has a meaning, bounds are those that
//! are checked, and a variant is a map with one key.

use humshift::detector::{DetectorSpec, EmbedderSpec};
use humshift::diagnose::Problem;
use humshift::family::{Described, MemberError};
use humshift::feature::FeatureSpec;
use humshift::pool::PoolSpec;
use humshift::source::SourceSpec;
use humshift::stage::{Generalization, Mix};
use humshift::threshold::ThresholdSpec;
use serde_json::{Value, json};

#[test]
fn every_word_of_the_schema_has_a_meaning() {
    let mut silent = Vec::new();
    let schema = humshift::spec::schema();
    for (name, config) in schema["$defs"].as_object().unwrap() {
        for (setting, held) in config["properties"].as_object().into_iter().flatten() {
            // A family's members and a metric's settings have their meaning where they are defined.
            let target = held["anyOf"][0]["$ref"].as_str().or(held["$ref"].as_str());
            let target = target.and_then(|target| schema.pointer(target.trim_start_matches('#')));
            if held.get("description").is_none()
                && target.is_none_or(|t| t.get("description").is_none())
            {
                silent.push(format!("{name}.{setting}"));
            }
        }
    }
    assert!(silent.is_empty(), "without a doc comment: {silent:?}");
}

/// A number that a config has, by its path, and its schema.
fn numbers(path: &str, schema: &Value, found: &mut Vec<(String, Value)>) {
    for schema in ["anyOf", "oneOf"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten()
    {
        numbers(path, schema, found);
    }
    let names = match &schema["type"] {
        Value::Array(names) => names.clone(),
        name => vec![name.clone()],
    };
    if names.iter().any(|name| name == "integer" || name == "number") {
        found.push((path.to_owned(), schema.clone()));
    }
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        numbers(&path, schema, found);
    }
}

/// `{ a: { b: value } }` for `a.b`.
fn at(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |value, key| json!({ key: value }))
}

/// What a member needs before its other settings are looked at.
fn needed(name: &str) -> Value {
    match name {
        "dcase" => json!({"root": "data", "cut": {"seconds": 10}}),
        "folder" => {
            json!({"root": "data", "pattern": "{machine}/{split}/{*}.wav", "cut": {"seconds": 10}})
        }
        "onnx" => json!({"model": "network.onnx", "input": "log_mel"}),
        // The subspace of a class has fewer dimensions than the embedding.
        "cnn" => json!({"dims": 4096}),
        _ => json!({}),
    }
}

/// The settings, with those of `more` in their places.
fn joined(mut settings: Value, more: Value) -> Value {
    match (settings.as_object_mut(), more) {
        (Some(settings), Value::Object(more)) => {
            for (key, value) in more {
                let own = settings.remove(&key).unwrap_or_default();
                settings.insert(key, joined(own, value));
            }
            Value::Object(std::mem::take(settings))
        }
        (_, more) => more,
    }
}

/// Whether the setting at `path` is refused with this value.
fn refused(problems: Result<Vec<Problem>, MemberError>, path: &str) -> bool {
    problems.is_err() || problems.is_ok_and(|all| all.iter().any(|problem| problem.field == path))
}

/// What the bounds of a config say that its checks do not, and the other way round.
fn misfits(
    name: &str,
    described: &Described,
    problems: &dyn Fn(&Value) -> Result<Vec<Problem>, MemberError>,
) -> Vec<String> {
    // What is bounded by another setting, and parts that are never alone.
    const BESIDE: [&str; 11] = [
        "hop",
        "log_mel.hop",
        "mixup",
        "frames.from",
        "frames.to",
        "split.seed",
        "draw.seed",
        "snr_db.source",
        "snr_db.target",
        "response.rt60.source",
        "response.rt60.target",
    ];
    let mut found = Vec::new();
    numbers("", &described.schema, &mut found);
    let mut wrong = Vec::new();
    for (path, schema) in found.iter().filter(|(path, _)| !BESIDE.contains(&path.as_str())) {
        let refused =
            |value: Value| refused(problems(&joined(needed(name), at(path, value))), path);
        let mut hold = |ok: bool, what: String| {
            if !ok {
                wrong.push(format!("{name}.{path}: {what}"));
            }
        };
        let step = if schema["type"] == "number" || schema["type"][0] == "number" {
            json!(1e-3)
        } else {
            json!(1)
        };
        let whole = step == 1;
        let moved = |bound: &Value, by: f64| match whole {
            true => json!(bound.as_i64().unwrap_or_default() + by.signum() as i64),
            false => json!(
                bound.as_f64().unwrap_or_default()
                    + by * bound.as_f64().unwrap_or_default().abs().max(1.0)
            ),
        };
        if let Some(least) = schema.get("minimum") {
            hold(!refused(least.clone()), format!("{least} is refused"));
            hold(refused(moved(least, -1e-3)), format!("{} is not refused", moved(least, -1e-3)));
        }
        if let Some(least) = schema.get("exclusiveMinimum") {
            hold(refused(least.clone()), format!("{least} is not refused"));
        }
        if let Some(most) = schema.get("exclusiveMaximum") {
            hold(refused(most.clone()), format!("{most} is not refused"));
        }
        match schema.get("maximum") {
            Some(most) => {
                hold(!refused(most.clone()), format!("{most} is refused"));
                hold(refused(moved(most, 1e-3)), format!("{} is not refused", moved(most, 1e-3)));
            }
            None if schema.get("exclusiveMaximum").is_none() => {
                let huge = if whole { json!(u64::MAX) } else { json!(1e300) };
                hold(
                    !refused(huge.clone()),
                    format!("{huge} is refused, and the schema has no maximum"),
                );
            }
            None => {}
        }
    }
    wrong
}

#[test]
fn bounds_of_the_schema_are_those_that_are_checked() {
    let mut wrong = Vec::new();
    macro_rules! family {
        ($($family:ident)+) => {$(
            for name in $family::NAMES {
                let described = $family::described(name).unwrap();
                let problems = |settings: &Value| $family::parse(name, settings).map(|m| m.member().problems());
                wrong.extend(misfits(name, described, &problems));
            }
        )+};
    }
    family!(SourceSpec FeatureSpec PoolSpec DetectorSpec EmbedderSpec ThresholdSpec);
    let plain = Described::of::<Generalization>();
    let problems = |settings: &Value| {
        humshift::family::settings::<Generalization>(settings).map(|g| g.problems())
    };
    wrong.extend(misfits("generalization", &plain, &problems));
    let problems =
        |settings: &Value| humshift::family::settings::<Mix>(settings).map(|m| m.problems());
    wrong.extend(misfits("mix", &Described::of::<Mix>(), &problems));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_variant_is_a_map_with_one_known_key_and_known_settings() {
    let schema = humshift::spec::schema();
    let families =
        ["SourceSpec", "FeatureSpec", "PoolSpec", "DetectorSpec", "EmbedderSpec", "ThresholdSpec"];
    for family in families.map(|name| &schema["$defs"][name]) {
        assert_eq!(family["additionalProperties"], false);
        assert_eq!(family["allOf"][0]["maxProperties"], 1);
        for member in family["properties"].as_object().unwrap().values() {
            let target = member["anyOf"][0]["$ref"].as_str().unwrap();
            let config = schema.pointer(target.trim_start_matches('#')).unwrap();
            assert_eq!(config["additionalProperties"], false, "{target}");
        }
    }
    let axes = &schema["$defs"]["Sweep"];
    for path in [
        "detector",
        "detector.knn.k",
        "mix.noise.folder.root",
        "detector.embedding.backend.knn.k",
        "seed",
    ] {
        assert!(axes["properties"].get(path).is_some(), "{path}");
    }
    assert!(axes["patternProperties"].get("^generalization\\.source_values\\..+$").is_some());
    assert_eq!(axes["additionalProperties"], false);
}
