//! `<label>.meta.yaml` of a submission: the form of the challenge, filled in as far as a run tells.
//!
//! A field that nobody but its authors can know has the text `FILL IN`.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

use crate::evaluate::{Evaluation, Metric, means};

/// Stands where a person has to write.
pub const MARK: &str = "FILL IN";

/// The facts about a system.
pub struct System<'a> {
    pub label: &'a str,
    /// The experiment, with the settings of the point.
    pub name: String,
    /// All settings, with defaults.
    pub settings: &'a Value,
    /// Samples a second of the recordings.
    pub rate: Option<u32>,
    /// The number of numbers in its models.
    pub parameters: Option<usize>,
    /// The decision threshold is one a machine or section.
    pub decides: bool,
    pub results: Option<&'a Evaluation>,
}

impl System<'_> {
    /// The text of the file.
    pub fn yaml(&self) -> String {
        let mark = text(MARK);
        let of = |field: &str| listed(&self.settings[field]);
        let general = &self.settings["generalization"];
        let (made, others) = techniques(general);
        let rate = self
            .rate
            .map_or(mark.clone(), |rate| text(&format!("{}kHz", f64::from(rate) / 1000.0)));
        let parameters = self.parameters.map_or(mark.clone(), |count| count.to_string());
        let members = self.settings["detector"]["ensemble"]["detectors"].as_array().map(Vec::len);
        let members = members.map_or(NONE.to_owned(), |count| count.to_string());
        let combined = match self.settings["detector"]["ensemble"]["reduce"].as_str() {
            Some(word) => text(word),
            None => NONE.to_owned(),
        };
        let threshold = match self.decides {
            true => format!("humshift: threshold {}", of("threshold")),
            false => "humshift: no threshold, so no decision_result files".to_owned(),
        };
        let mut yaml = format!(
            "# Submission of DCASE task 2. Write where it says {mark}; `null` means: not used.
submission:
  # Last name of the corresponding author, institute, task, number of the system (1 to 4)
  label: {label}
  name: {name}
  abbreviation: {mark}  # at most 10 characters
  authors:
    - lastname: {mark}
      firstname: {mark}
      email: {mark}
      corresponding: true
      affiliation:
        abbreviation: {mark}
        institute: {mark}
        department: {mark}
        location: {mark}

system:
  description:
    input_sampling_rate: {rate}
    data_augmentation: {made}
    front_end: {front}
    acoustic_features: {features}
    embeddings: {embeddings}
    machine_learning_method: {detector}
    aggregation_method: {pool}
    domain_adaptation_method: {NONE}
    domain_generalization_method: {others}
    ensemble_method_subsystem_count: {members}
    decision_making: {combined}  # {threshold}
    attribute_usage: {mark}
    external_data_usage: {mark}
    development_data_usage: {mark}

  complexity:
    total_parameters: {parameters}  # numbers in the models of all machines
    MACS: {mark}

  external_datasets:
    - name: {mark}
      url: {mark}

  source_code: {mark}

",
            label = text(self.label),
            name = text(&self.name),
            front = if self.settings["mix"].is_null() {
                NONE.to_owned()
            } else {
                text("mixed with noise")
            },
            features = text(&of("features")),
            embeddings = mark,
            detector = text(&of("detector")),
            pool = text(&of("pool")),
        );
        yaml.push_str(&self.measured());
        yaml
    }

    /// The results on clips whose truth is known, in percent.
    fn measured(&self) -> String {
        let Some(evaluation) = self.results else {
            return format!("results:\n  development_dataset: {}\n", text(MARK));
        };
        let metrics = evaluation.protocol.official();
        let mut yaml = "results:\n  development_dataset:\n".to_owned();
        let percent = |value: f64| format!("{:.2}", 100.0 * value);
        let score = percent(evaluation.official_score);
        writeln!(yaml, "    overall:\n      official_score: {score}").expect("memory takes it");
        for sections in evaluation.machines() {
            // One section since 2023; of several, the harmonic mean.
            let values = match sections {
                [one] => one.values.clone(),
                several => means(several).harmonic_mean,
            };
            writeln!(yaml, "    {}:", text(&sections[0].machine)).expect("memory takes it");
            let of = |metric: &Metric| Some((metric.name(), *values.get(metric)?));
            for (metric, value) in metrics.iter().filter_map(of) {
                writeln!(yaml, "      {metric}: {}", percent(value)).expect("memory takes it");
            }
        }
        yaml
    }
}

const NONE: &str = "null";

/// A text in quotes. JSON's are YAML's.
fn text(text: &str) -> String {
    serde_json::to_string(text).expect("texts are JSON")
}

/// The techniques that make clips, and the others of `generalization`.
fn techniques(general: &Value) -> (String, String) {
    let used =
        general.as_object().into_iter().flatten().filter(|(name, value)| {
            !value.is_null() && !["draw", "scope"].contains(&name.as_str())
        });
    let makes = |name: &str| ["smote", "mixup", "memmixup"].contains(&name);
    let (made, others): (BTreeSet<&str>, BTreeSet<&str>) =
        used.map(|(name, _)| name.as_str()).partition(|name| makes(name));
    let list = |names: BTreeSet<&str>| match names.is_empty() {
        true => NONE.to_owned(),
        false => text(&names.into_iter().collect::<Vec<_>>().join(", ")),
    };
    (list(made), list(others))
}

/// `knn k=1 metric=euclidean` of a variant, or of several in their order. The members of an
/// ensemble stand in brackets.
fn listed(value: &Value) -> String {
    match value {
        Value::Array(several) => several.iter().map(listed).collect::<Vec<_>>().join(", "),
        Value::Object(variant) => {
            let one = |(name, settings): (&String, &Value)| {
                let settings = settings.as_object().into_iter().flatten().filter_map(setting);
                std::iter::once(name.clone()).chain(settings).collect::<Vec<_>>().join(" ")
            };
            variant.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        Value::String(word) => word.clone(),
        _ => "none".to_owned(),
    }
}

fn setting((key, value): (&String, &Value)) -> Option<String> {
    match value {
        Value::Array(members) if members.iter().any(Value::is_object) => {
            Some(format!("{key}=({})", listed(value)))
        }
        Value::String(word) => Some(format!("{key}={word}")),
        Value::Number(_) | Value::Bool(_) => Some(format!("{key}={value}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_form_is_filled_in_as_far_as_settings_go() {
        let settings = json!({
            "features": { "log_mel": { "frame": 1024, "floor": "max" } },
            "pool": [{ "mean": {} }, { "std": {} }],
            "detector": { "knn": { "k": 1 } },
            "generalization": { "draw": 0, "smote": { "ratio": 0.5 }, "score_normalization": "domain" },
            "mix": null,
            "threshold": { "gamma": { "percentile": 0.9 } },
        });
        let system = System {
            label: "A_B_task2_1",
            name: "load: shift".into(),
            settings: &settings,
            rate: Some(25_600),
            parameters: Some(12),
            decides: true,
            results: None,
        };
        let yaml = system.yaml();
        let form: Value = serde_yaml::from_str(&yaml).unwrap();
        let both = json!({ "ensemble": { "detectors": [{ "knn": { "k": 1 } }, { "gmm": {} }], "reduce": "min" } });
        assert_eq!(listed(&both), "ensemble detectors=(knn k=1, gmm) reduce=min");
        let description = &form["system"]["description"];
        for (field, expected) in [
            ("input_sampling_rate", json!("25.6kHz")),
            ("acoustic_features", json!("log_mel floor=max frame=1024")),
            ("machine_learning_method", json!("knn k=1")),
            ("aggregation_method", json!("mean, std")),
            ("data_augmentation", json!("smote")),
            ("domain_generalization_method", json!("score_normalization")),
            ("ensemble_method_subsystem_count", json!(null)),
            ("attribute_usage", json!(MARK)),
        ] {
            assert_eq!(description[field], expected, "{field}");
        }
        assert_eq!(form["submission"]["label"], "A_B_task2_1");
        assert_eq!(form["submission"]["name"], "load: shift");
        assert_eq!(form["system"]["complexity"]["total_parameters"], 12);
        assert_eq!(form["results"]["development_dataset"], MARK);
    }
}
