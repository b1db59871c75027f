//! Scores and labels become a metric table.

use serde::{Deserialize, Serialize};

/// How equal scores of a normal and an anomalous clip count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// One half, as scikit-learn and the official evaluators count.
    #[default]
    Half,
    /// Zero, as H(0) in eq. (1) of Dohi et al. 2022.
    Zero,
}

/// Settings of the metrics stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsSpec {
    /// Area under the ROC curve per domain.
    pub auc: bool,
    /// Partial AUC up to this false-positive rate (McClish), over all clips of a section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pauc: Option<f64>,
    pub ties: Ties,
}

impl Default for MetricsSpec {
    fn default() -> Self {
        Self { auc: true, pauc: Some(0.1), ties: Ties::Half }
    }
}
