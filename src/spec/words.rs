//! The words at the top of a spec, as a self-describing type.
//!
//! Nothing is decoded into this type. `resolve` reads the file itself, because a sweep may complete
//! a section and each mistake needs its place. The configs describe the content of the words.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::detector::DetectorSpec;
use crate::feature::FeatureSpec;
use crate::pool::PoolSpec;
use crate::source::SourceSpec;
use crate::stage::metrics::{Intervals, Ties};
use crate::stage::{Generalization, Mix};
use crate::threshold::ThresholdSpec;

/// Words about the whole file and not about a point; they cannot be swept.
pub const OF_THE_FILE: [&str; 6] = ["name", "question", "extends", "sweep", "expect", "published"];

/// An experiment of humshift: a question, the data and the detectors that answer it, and what is
/// varied.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// The name of the experiment, in tables and in the names of files. Default: the name of the
    /// file.
    #[schemars(example = "load-shift")]
    pub name: Option<String>,
    /// The question that the experiment answers, in one sentence. It stands above the tables.
    #[schemars(example = "Which detectors survive a change of load?")]
    pub question: Option<String>,
    /// A spec that this one changes. The path is relative to this file. Maps are merged; lists and
    /// single values replace those of the base; another variant (`detector: { lof: {} }`) replaces
    /// the whole variant of the base.
    #[schemars(extend("x-path" = "file"), example = "base.yaml")]
    pub extends: Option<String>,
    /// The source of the recordings, by name, with its settings.
    pub data: Option<SourceSpec>,
    /// The noise that is mixed to the recordings. Without it the recordings are used as they are.
    #[schemars(example = json!({ "table": "mimii_dg", "snr_offset_db": 3 }))]
    pub mix: Option<Mix>,
    /// The features of a recording: one kind by name, with its settings.
    pub features: Option<FeatureSpec>,
    /// How the frames of a recording become one vector. A list of pools joins their vectors end to
    /// end. Detectors of frames need no pool.
    pub pool: Option<Pools>,
    /// The detector, by name, with its settings. It learns the normal sounds and scores the test
    /// recordings.
    pub detector: Option<DetectorSpec>,
    /// Techniques that help the detector with the target domain, and the choice of its training
    /// recordings.
    #[schemars(example = json!({ "target_clips": 10, "smote": { "ratio": 0.2 } }))]
    pub generalization: Option<Generalization>,
    /// The settings to vary. Each key is the path of a setting, such as `detector.knn.k`. Its value
    /// is a list of values or a range. A range leaves out its end: `{ range: [0, 3] }` gives 0, 1
    /// and 2. The settings are crossed: every combination is one point of the experiment.
    #[schemars(example = json!({ "detector": [{ "knn": { "k": 3 } }, { "mahalanobis": {} }], "seed": { "range": [0, 3] } }))]
    pub sweep: Option<Sweep>,
    /// The numbers to compute. Each is a name, or a map from its name to its settings. Default:
    /// `[auc, pauc]`.
    #[schemars(example = json!(["auc", { "pauc": { "max_fpr": 0.1 } }, "intervals"]))]
    pub metrics: Option<Vec<Asked>>,
    /// The rule for the score above which a recording is called anomalous, by name, with its
    /// settings. Without it there are no decisions, and no precision, recall or F1.
    pub threshold: Option<ThresholdSpec>,
    /// The seed of everything that is random in training. Default: 0.
    #[schemars(example = 3)]
    pub seed: Option<u64>,
    /// Results that the author expects. Each has `at_least`, `at_most` or both. `humshift run` ends
    /// with the exit code 3 if one of them does not hold.
    #[schemars(example = json!([{ "metric": "official", "where": { "detector": "knn" }, "at_least": 0.88 }]))]
    pub expect: Option<Vec<Expectation>>,
    /// Published results that stand beside ours in every report.
    #[schemars(example = &"mimii_dg")]
    pub published: Option<Published>,
}

/// Tables of published results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Published {
    /// Table 3 of Dohi et al. 2022: the autoencoder and MobileNetV2 on each section of MIMII DG.
    MimiiDg,
}

/// One pool, or a list of pools whose vectors are joined end to end.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Pools {
    One(PoolSpec),
    Joined(Vec<PoolSpec>),
}

/// Swept settings, and how they go together.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sweep {
    /// Settings that advance together. Each item is a map from paths to lists or ranges of the same
    /// length.
    pub zip: Option<Vec<BTreeMap<String, serde_json::Value>>>,
    /// Points to leave out. Each item is a map from swept paths (or their last word) to a value; a
    /// point is left out if it has all of them.
    pub exclude: Option<Vec<BTreeMap<String, serde_json::Value>>>,
    /// The swept settings by path.
    #[serde(flatten)]
    pub axes: BTreeMap<String, Values>,
}

/// The values of a swept setting: a list, or a range of numbers.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Values {
    Listed(Vec<serde_json::Value>),
    Range(Range),
}

/// Numbers from the first up to the end, which is not among them, by a step (default: 1).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// `[first, end]` or `[first, end, step]`. The end is not among the numbers: `[0, 3]` gives 0,
    /// 1 and 2.
    #[schemars(length(min = 2, max = 3))]
    pub range: Vec<f64>,
}

/// A metric by its name, or as a map from its name to its settings.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Asked {
    Name(MetricName),
    With(MetricSettings),
}

/// The name of a metric.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricName {
    /// The area under the ROC curve, for each domain and for each value of the attributes that
    /// shift.
    Auc,
    /// The partial area under the ROC curve, over all test recordings of a section.
    Pauc,
    /// Confidence intervals of the areas, from test recordings that are resampled with replacement.
    Intervals,
    /// The Kolmogorov-Smirnov distance between the scores of source and of target training
    /// recordings, each scored by a model without it. `report --select domain_balance` chooses by
    /// it.
    DomainBalance,
    /// The area under the ROC curve for training recordings against anomalies made from training
    /// recordings. `report --select pseudo_anomalies` chooses by it.
    PseudoAnomalies,
}

/// A metric with its settings.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricSettings {
    /// The area under the ROC curve, for each domain and for each value of the attributes that
    /// shift.
    Auc(Option<Auc>),
    /// The partial area under the ROC curve, over all test recordings of a section.
    Pauc(Option<Pauc>),
    /// Confidence intervals of the areas, from test recordings that are resampled with replacement.
    Intervals(Option<Intervals>),
}

/// The area under the ROC curve (AUC), with its settings.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Auc {
    /// How equal scores of a normal and an anomalous recording count.
    pub ties: Ties,
}

/// The partial area under the ROC curve (pAUC), with its settings.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pauc {
    /// The largest false-positive rate, above 0 and at most 1.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub max_fpr: f64,
}

impl Default for Pauc {
    fn default() -> Self {
        Self { max_fpr: 0.1 }
    }
}

/// A result that the author of the spec expects. It has at least one bound.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["at_least"] }, { "required": ["at_most"] }]))]
pub struct Expectation {
    /// The number that is compared with the bounds.
    pub metric: Expected,
    /// The points that this applies to: a map from swept paths (or their last word) to a value or
    /// its label. Default: all points.
    pub r#where: Option<BTreeMap<String, serde_json::Value>>,
    /// The least value, from 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub at_least: Option<f64>,
    /// The greatest value, from 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub at_most: Option<f64>,
}

/// A number that an expectation can name.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The official score: the harmonic mean over all areas.
    Official,
    /// The mean of the areas under the ROC curve.
    Auc,
    /// The mean of the areas of the source domain.
    AucSource,
    /// The mean of the areas of the target domain.
    AucTarget,
    /// The mean of the partial areas.
    Pauc,
}
