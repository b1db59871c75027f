//! The family of thresholds: a clip with a higher score is called anomalous.
//!
//! One threshold serves both domains, as the task demands: the domain of a clip is unknown when
//! deciding. A threshold sees scores of normal training clips, never those of test clips. If there
//! is no threshold, it says why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnose::Problem;
use crate::family;
use crate::metric;

/// The scores from which a threshold is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrainingScores {
    /// Training clips, each scored by a model that was fitted without it, like a new clip.
    #[default]
    HeldOut,
    /// Training clips scored by the model that was trained on them, as in the challenge's
    /// baselines. For detectors that store their training clips, these scores say nothing about new
    /// clips.
    Training,
}

/// A score above `value` is anomalous.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub value: f64,
    /// The reason why it should not be trusted.
    pub warning: Option<String>,
}

/// A method to choose a threshold.
pub trait Threshold: Send + Sync {
    /// Raised whenever the same scores give another threshold.
    fn version(&self) -> u32;

    /// All settings that are out of range.
    fn problems(&self) -> Vec<Problem>;

    /// The training scores that it needs; `None` if it needs none.
    fn scores(&self) -> Option<TrainingScores>;

    /// The threshold, or the reason why there is none.
    fn limit(&self, scores: &[f64]) -> Result<Limit, String>;
}

/// A quantile of the gamma distribution fitted to the training scores, as in the DCASE baselines
/// since 2020 (`scipy.stats.gamma.fit` and `ppf`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gamma {
    /// The share of normal clips below the threshold, such as 0.9.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub percentile: f64,
    /// The training scores for the fit.
    pub scores: TrainingScores,
}

/// A quantile of the training scores themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quantile {
    /// The share of normal clips below the threshold, such as 0.9.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub percentile: f64,
    /// The training scores for the quantile.
    pub scores: TrainingScores,
}

/// A given threshold, the same for every section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    /// The score above which a clip is called anomalous, in the unit of the detector's scores.
    #[schemars(example = 0.5)]
    pub value: f64,
}

impl Default for Gamma {
    fn default() -> Self {
        Self { percentile: 0.9, scores: TrainingScores::default() }
    }
}

impl Default for Quantile {
    fn default() -> Self {
        Self { percentile: 0.9, scores: TrainingScores::default() }
    }
}

fn outside(percentile: f64) -> Vec<Problem> {
    if percentile > 0.0 && percentile < 1.0 {
        return Vec::new();
    }
    let message = format!("{percentile} is not between 0 and 1");
    vec![Problem::new("percentile", message).hint("the field uses 0.9")]
}

impl Threshold for Gamma {
    fn version(&self) -> u32 {
        2
    }

    fn problems(&self) -> Vec<Problem> {
        outside(self.percentile)
    }

    fn scores(&self) -> Option<TrainingScores> {
        Some(self.scores)
    }

    fn limit(&self, scores: &[f64]) -> Result<Limit, String> {
        let fit = metric::Gamma::fit(scores).map_err(|e| format!("{e}{}", advice(self.scores)))?;
        let value = fit.quantile(self.percentile);
        if !value.is_finite() {
            return Err(format!("the gamma fit gives {value}{}", advice(self.scores)));
        }
        let warning =
            fit.degenerate(scores).map(|why| format!("the gamma fit is degenerate: {why}"));
        Ok(Limit { value, warning })
    }
}

/// Advice for useless training scores.
fn advice(scores: TrainingScores) -> &'static str {
    match scores {
        TrainingScores::Training => "; write `scores: held_out`",
        TrainingScores::HeldOut => "",
    }
}

impl Threshold for Quantile {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        outside(self.percentile)
    }

    fn scores(&self) -> Option<TrainingScores> {
        Some(self.scores)
    }

    fn limit(&self, scores: &[f64]) -> Result<Limit, String> {
        let value =
            metric::quantile(scores, self.percentile).ok_or("there are no training scores")?;
        let same = scores.iter().all(|s| *s == scores[0]);
        let warning =
            same.then(|| format!("all training scores are {value}{}", advice(self.scores)));
        Ok(Limit { value, warning })
    }
}

impl Threshold for Fixed {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let problem = || {
            Problem::new("value", format!("{} is not a score", self.value))
                .hint("write a finite number")
        };
        if self.value.is_finite() { Vec::new() } else { vec![problem()] }
    }

    fn scores(&self) -> Option<TrainingScores> {
        None
    }

    fn limit(&self, _: &[f64]) -> Result<Limit, String> {
        Ok(Limit { value: self.value, warning: None })
    }
}

family! {
    /// Every threshold a spec can name.
    pub enum ThresholdSpec: Threshold {
        "gamma" => Gamma(Gamma),
        "quantile" => Quantile(Quantile),
        "fixed" => Fixed(Fixed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;
    use serde_json::{Value, json};

    fn limit(name: &str, settings: Value, scores: &[f64]) -> Result<Limit, String> {
        ThresholdSpec::parse(name, &settings).unwrap().member().limit(scores)
    }

    #[test]
    fn thresholds_lie_above_their_share_of_the_scores() {
        let scores: Vec<f64> = (0..200).map(|i| math::sin(i as f64 / 20.0) + 2.0).collect();
        for name in ["gamma", "quantile"] {
            for percentile in [0.5, 0.9] {
                let value = limit(name, json!({"percentile": percentile}), &scores).unwrap().value;
                let below = scores.iter().filter(|s| **s < value).count() as f64 / 200.0;
                assert!((below - percentile).abs() < 0.1, "{name} {percentile}: {below}");
            }
        }
        assert_eq!(
            limit("fixed", json!({"value": 3.5}), &[]),
            Ok(Limit { value: 3.5, warning: None })
        );
    }

    #[test]
    fn scores_that_tell_nothing_are_told_of() {
        let zeros = [0.0; 30];
        let told = limit("gamma", json!({"scores": "training"}), &zeros).unwrap_err();
        assert!(told.ends_with("; write `scores: held_out`"), "{told}");
        let warning =
            limit("quantile", json!({"scores": "training"}), &zeros).unwrap().warning.unwrap();
        assert_eq!(warning, "all training scores are 0; write `scores: held_out`");
        let heaped: Vec<f64> =
            (0..100).map(|i| math::powi(math::exp(f64::from(i) / 10.0), 3)).collect();
        assert!(
            limit("gamma", json!({}), &heaped).unwrap().warning.unwrap().contains("degenerate")
        );
        assert!(limit("quantile", json!({}), &[]).is_err());
    }

    #[test]
    fn shares_outside_are_problems() {
        let problems = |name, settings| {
            ThresholdSpec::parse(name, &settings).unwrap().member().problems().len()
        };
        assert_eq!(problems("gamma", json!({"percentile": 1.0})), 1);
        assert_eq!(problems("quantile", json!({"percentile": 0.0})), 1);
        assert_eq!(problems("gamma", json!({})) + problems("fixed", json!({"value": -1e9})), 0);
    }
}
