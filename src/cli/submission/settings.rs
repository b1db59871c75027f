//! The settings of a system in words.

use std::collections::BTreeSet;

use serde_json::Value;

/// Techniques that make clips or change training clips at random, wherever they are set.
const AUGMENTATIONS: [&str; 5] = ["smote", "mixup", "memmixup", "spec_augment", "featex"];

/// `knn k=1 metric=euclidean` of a variant, or of several in their order. What a setting consists
/// of stands in brackets: `embedding backend=(knn k=1) network=(cnn mixup=0.2)`.
pub fn listed(value: &Value) -> String {
    let (words, between): (Vec<String>, &str) = match value {
        Value::Array(several) => (several.iter().map(listed).collect(), ", "),
        Value::Object(map) => match map.iter().next() {
            Some((name, Value::Object(own))) if map.len() == 1 => {
                let own = own.iter().filter_map(setting);
                (std::iter::once(name.clone()).chain(own).collect(), " ")
            }
            _ => (map.iter().filter_map(setting).collect(), " "),
        },
        Value::String(word) => return word.clone(),
        Value::Null => return "none".to_owned(),
        number => return number.to_string(),
    };
    words.join(between)
}

fn setting((key, value): (&String, &Value)) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Array(none) if none.is_empty() => None,
        Value::Array(_) | Value::Object(_) => Some(format!("{key}=({})", listed(value))),
        _ => Some(format!("{key}={}", listed(value))),
    }
}

/// The techniques that change training clips, of `generalization` and of networks, and the others
/// of `generalization`.
pub fn techniques(settings: &Value) -> (Vec<String>, Vec<String>) {
    let general = settings["generalization"].as_object();
    let used = general
        .into_iter()
        .flatten()
        .filter(|(name, value)| !value.is_null() && !["draw", "scope"].contains(&name.as_str()));
    let names: BTreeSet<String> = used.map(|(name, _)| name.clone()).collect();
    let (made, others): (BTreeSet<String>, BTreeSet<String>) =
        names.into_iter().partition(|name| AUGMENTATIONS.contains(&name.as_str()));
    let mut of_networks = BTreeSet::new();
    augmentations(&settings["detector"], &mut of_networks);
    (made.into_iter().chain(of_networks).collect(), others.into_iter().collect())
}

/// Those of a detector and of all that it consists of, with their settings.
fn augmentations(value: &Value, found: &mut BTreeSet<String>) {
    let is_off = |value: &Value| {
        value.is_null() || value.as_f64() == Some(0.0) || value.as_bool() == Some(false)
    };
    match value {
        Value::Array(several) => several.iter().for_each(|value| augmentations(value, found)),
        Value::Object(map) => {
            for (name, own) in map {
                match AUGMENTATIONS.contains(&name.as_str()) && !is_off(own) {
                    true => found.extend(setting((name, own))),
                    false => augmentations(own, found),
                }
            }
        }
        _ => {}
    }
}

/// What is done with recordings before their features: a choice of channels, and noise.
pub fn front_end(settings: &Value) -> Vec<String> {
    let sources = settings["data"].as_object().into_iter().flatten();
    let channels = sources.filter_map(|(_, source)| source["channel"].as_str());
    let mut steps: Vec<String> = channels.map(|channel| format!("channel {channel}")).collect();
    let mix = &settings["mix"];
    if !mix.is_null() {
        steps.push("mixed with noise".to_owned());
        let heard = mix["microphones"]["channel"].as_str();
        steps.extend(heard.map(|channel| format!("channel {channel}")));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_settings_stand_in_brackets() {
        let network = json!({ "cnn": { "branches": ["spectrum"], "mixup": 0.2, "stft": [], "frames": null } });
        let embedding =
            json!({ "embedding": { "network": network, "backend": { "knn": { "k": 1 } } } });
        let one = "embedding backend=(knn k=1) network=(cnn branches=(spectrum) mixup=0.2)";
        assert_eq!(listed(&embedding), one);
        let both = json!({ "ensemble": { "detectors": [{ "knn": { "k": 1 } }, { "gmm": {} }, embedding], "reduce": "min" } });
        assert_eq!(listed(&both), format!("ensemble detectors=(knn k=1, gmm, {one}) reduce=min"));
        let trained =
            json!({ "autoencoder": { "layers": [8, 4], "training": { "clip": true, "stop": 2 } } });
        assert_eq!(listed(&trained), "autoencoder layers=(8, 4) training=(clip=true stop=2)");
        assert_eq!(listed(&json!([{ "mean": {} }, { "std": {} }])), "mean, std");
    }

    #[test]
    fn clips_are_made_by_techniques_and_by_networks() {
        let of = |detector: Value, general: Value| {
            let (made, others) =
                techniques(&json!({ "detector": detector, "generalization": general }));
            format!("{} | {}", made.join(", "), others.join(", "))
        };
        let cnn = |settings: Value| json!({ "embedding": { "network": { "cnn": settings } } });
        assert_eq!(of(cnn(json!({ "mixup": 0.2 })), json!({ "draw": 1 })), "mixup=0.2 | ");
        assert_eq!(of(cnn(json!({ "mixup": 0.0, "featex": null })), json!({})), " | ");
        let masks = json!({ "mixup": 0.0, "spec_augment": { "frames": 8 } });
        let several = json!({ "ensemble": { "detectors": [cnn(masks), { "knn": {} }] } });
        let general =
            json!({ "smote": { "ratio": 0.5 }, "references": "domain", "scope": "machine" });
        assert_eq!(of(several, general), "smote, spec_augment=(frames=8) | references");
    }

    #[test]
    fn a_chosen_channel_is_a_front_end() {
        assert_eq!(
            front_end(&json!({ "data": { "dcase": { "rate": 16000 } }, "mix": null })),
            [""; 0]
        );
        let both = json!({ "data": { "dcase": { "channel": "cancel" } }, "mix": { "microphones": { "channel": "first" } } });
        assert_eq!(front_end(&both), ["channel cancel", "mixed with noise", "channel first"]);
    }
}
