//! `<label>.meta.yaml` of a submission: the form of the challenge, filled in as far as a run tells.
//!
//! A field that nobody but its authors can know has the text `FILL IN`.

use std::fmt::Write;

use serde_json::Value;

use super::settings::{front_end, listed, techniques};
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
    /// The number of numbers in its models, if all are known.
    pub parameters: Option<usize>,
    /// Whether `pool` makes its vectors, and whether a network does.
    pub vectors: (bool, bool),
    /// All sections have decisions.
    pub decides: bool,
    /// Sections of the package that other experiments made.
    pub others: Vec<String>,
    /// The results on the development set, and how many of its sections have none.
    pub results: Option<&'a Evaluation>,
    pub left_out: usize,
}

impl System<'_> {
    /// The text of the file.
    pub fn yaml(&self) -> String {
        let mark = text(MARK);
        // Scores of another program do not tell how they were made.
        let is_told = self.settings["data"]["scores"].is_null();
        let told = |field: String| if is_told { field } else { mark.clone() };
        let of = |field: &str| told(text(&listed(&self.settings[field])));
        let list = |names: Vec<String>| match names.is_empty() {
            true => told(NONE.to_owned()),
            false => text(&names.join(", ")),
        };
        let (made, others) = techniques(self.settings);
        let rate = self
            .rate
            .map_or(mark.clone(), |rate| text(&format!("{}kHz", f64::from(rate) / 1000.0)));
        let parameters = self.parameters.map_or(mark.clone(), |count| count.to_string());
        let members = self.settings["detector"]["ensemble"]["detectors"].as_array().map(Vec::len);
        let members = members.map_or(told(NONE.to_owned()), |count| count.to_string());
        let combined = match self.settings["detector"]["ensemble"]["reduce"].as_str() {
            Some(word) => text(word),
            None => told(NONE.to_owned()),
        };
        let (pools, network) = self.vectors;
        let pools = pools.then(|| listed(&self.settings["pool"]));
        let aggregated: Vec<String> = pools
            .into_iter()
            .chain(network.then(|| "embedding of the network".to_owned()))
            .collect();
        let threshold = match (self.decides, self.settings["threshold"].is_null()) {
            (true, false) => format!("threshold {}", listed(&self.settings["threshold"])),
            (true, true) => "decisions of the program that made the scores".to_owned(),
            (false, true) => "no threshold, so no decision_result files".to_owned(),
            (false, false) => "sections without decision_result files".to_owned(),
        };
        let mut yaml = format!(
            "# Submission of DCASE task 2. Write where it says {mark}; `null` means: not used.
{beside}submission:
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
        institution: {mark}
        department: {mark}
        location: {mark}

system:
  description:
    input_sampling_rate: {rate}
    data_augmentation: {made}
    front_end: {front}
    acoustic_features: {features}
    embeddings: {mark}
    machine_learning_method: {detector}
    aggregation_method: {aggregated}
    domain_adaptation_method: {adapted}
    domain_generalization_method: {others}
    ensemble_method_subsystem_count: {members}
    decision_making: {combined}  # humshift: {threshold}
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
            beside = match self.others.is_empty() {
                true => String::new(),
                false => format!(
                    "# It describes {} alone; of other experiments are: {}\n",
                    text(&self.name),
                    text(&self.others.join(", "))
                ),
            },
            label = text(self.label),
            name = text(&self.name),
            made = list(made),
            front = list(front_end(self.settings)),
            features = of("features"),
            detector = of("detector"),
            // Detectors of frames join what they find in them by themselves.
            aggregated =
                if aggregated.is_empty() { mark.clone() } else { text(&aggregated.join(", ")) },
            adapted = told(NONE.to_owned()),
            others = list(others),
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
        let (known, left_out) = (evaluation.sections.len(), self.left_out);
        let part = match left_out {
            0 => String::new(),
            _ => format!("  # over {known} of {} sections", known + left_out),
        };
        writeln!(yaml, "    overall:\n      official_score: {score}{part}")
            .expect("memory takes it");
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn form(settings: &Value, change: impl FnOnce(&mut System)) -> (String, Value) {
        let mut system = System {
            label: "A_B_task2_1",
            name: "load: shift".into(),
            settings,
            rate: Some(25_600),
            parameters: Some(12),
            vectors: (true, false),
            decides: true,
            others: Vec::new(),
            results: None,
            left_out: 0,
        };
        change(&mut system);
        let yaml = system.yaml();
        let form = serde_yaml::from_str(&yaml).unwrap();
        (yaml, form)
    }

    #[test]
    fn a_form_is_filled_in_as_far_as_settings_go() {
        let settings = json!({
            "data": { "dcase": { "channel": "cancel" } },
            "features": { "log_mel": { "frame": 1024, "floor": "max" } },
            "pool": [{ "mean": {} }, { "std": {} }],
            "detector": { "knn": { "k": 1 } },
            "generalization": { "draw": 0, "smote": { "ratio": 0.5 }, "score_normalization": "domain" },
            "mix": null,
            "threshold": { "gamma": { "percentile": 0.9 } },
        });
        let (yaml, whole) = form(&settings, |_| {});
        for (field, expected) in [
            ("input_sampling_rate", json!("25.6kHz")),
            ("acoustic_features", json!("log_mel floor=max frame=1024")),
            ("machine_learning_method", json!("knn k=1")),
            ("aggregation_method", json!("mean, std")),
            ("data_augmentation", json!("smote")),
            ("front_end", json!("channel cancel")),
            ("domain_generalization_method", json!("score_normalization")),
            ("ensemble_method_subsystem_count", json!(null)),
            ("attribute_usage", json!(MARK)),
        ] {
            assert_eq!(whole["system"]["description"][field], expected, "{field}");
        }
        assert!(yaml.contains("# humshift: threshold gamma percentile=0.9\n"), "{yaml}");
        assert_eq!(whole["submission"]["label"], "A_B_task2_1");
        assert_eq!(whole["submission"]["name"], "load: shift");
        assert_eq!(whole["submission"]["authors"][0]["affiliation"]["institution"], MARK);
        assert_eq!(whole["system"]["complexity"]["total_parameters"], 12);
        assert_eq!(whole["results"]["development_dataset"], MARK);
        let aggregated = |vectors: (bool, bool)| {
            let (_, form) = form(&settings, |system| system.vectors = vectors);
            form["system"]["description"]["aggregation_method"].clone()
        };
        assert_eq!(aggregated((true, true)), "mean, std, embedding of the network");
        assert_eq!(aggregated((false, false)), MARK);
        let (yaml, _) = form(&settings, |system| system.others = vec!["fan 00".into()]);
        let line = "\n# It describes \"load: shift\" alone; of other experiments are: \"fan 00\"\nsubmission:\n";
        assert!(yaml.contains(line), "{yaml}");
    }

    #[test]
    fn scores_of_another_program_say_nothing_of_its_method() {
        let settings = json!({ "data": { "scores": { "root": "x" } }, "threshold": null });
        let (yaml, form) = form(&settings, |system| {
            (system.rate, system.parameters, system.vectors) = (None, None, (false, false));
        });
        let description = form["system"]["description"].as_object().unwrap();
        assert!(description.values().all(|field| field == MARK), "{yaml}");
        assert!(yaml.contains("# humshift: decisions of the program"), "{yaml}");
    }
}
