//! The scores of normal clips, from which thresholds are made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Inputs, Item, Output, StageError, TrainingStage, Wants, code};
use crate::artifact::CalibrationScores;
use crate::context::Context;
use crate::detector::DetectorError;
use crate::generalize;
use crate::threshold::TrainingScores;

const VERSION: u32 = 2;

/// Settings of the calibration stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    pub training: TrainingStage,
    pub scores: TrainingScores,
}

impl Calibration {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let (mut uses, mut config) = self.training.identity();
        config["scores"] = serde_json::json!(self.scores);
        if let (TrainingScores::Training, Some(generalization)) =
            (self.scores, &self.training.generalization)
        {
            // The model is an input, so the techniques that made it are not applied again.
            let done = generalization.versions();
            uses.retain(|name, _| done.iter().all(|(technique, _)| technique != name));
            let again = generalization
                .choice()
                .versions()
                .into_iter()
                .chain(generalization.scoring_versions());
            uses.extend(again.map(|(name, version)| (name.to_owned(), version)));
        }
        (
            code(
                "calibration",
                VERSION,
                uses.iter().map(|(name, version)| (name.as_str(), *version)),
            ),
            config,
        )
    }

    pub(super) fn wants(&self, inputs: &BTreeMap<String, u64>) -> Wants {
        self.training.wants(inputs)
    }

    /// Writes the reason if there can be no calibration. AUC and pAUC need no threshold, so this
    /// must not stop them.
    pub(super) fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        let calibrated =
            self.training.with_examples(inputs, cx, |generalization, train, weights, cx| {
                let detector = self.training.detector.member();
                let recordings = |scores: Vec<f64>| -> BTreeMap<usize, f64> {
                    scores
                        .into_iter()
                        .enumerate()
                        .filter(|(place, _)| !train.clips[*place].is_made())
                        .collect()
                };
                let scores = match self.scores {
                    TrainingScores::Training => {
                        generalize::score(detector, inputs.get(Item::Model)?, train, cx)
                            .map(recordings)
                    }
                    TrainingScores::HeldOut => {
                        generalize::held_out(generalization, detector, train, weights, cx)
                    }
                };
                let named = |scores: BTreeMap<usize, f64>| -> BTreeMap<String, f64> {
                    scores
                        .into_iter()
                        .map(|(place, score)| (train.clips[place].id.clone(), score))
                        .collect()
                };
                Ok(match scores.map(named) {
                    Ok(scores) => match scores.iter().find(|(_, score)| !score.is_finite()) {
                        Some((clip, score)) => {
                            missing(format!("the score of training clip `{clip}` is {score}"))
                        }
                        None => CalibrationScores { scores, missing: String::new() },
                    },
                    Err(DetectorError::Data(why) | DetectorError::TooFew(why)) => missing(why),
                    Err(other) => return Err(other.into()),
                })
            })?;
        if !calibrated.missing.is_empty() {
            (cx.log)(&calibrated.missing);
        }
        Ok(vec![Output::of(Item::Scores, &calibrated)])
    }
}

fn missing(missing: String) -> CalibrationScores {
    CalibrationScores { missing, ..CalibrationScores::default() }
}
