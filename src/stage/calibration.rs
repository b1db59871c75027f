//! How normal clips score: what thresholds are made from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Inputs, Output, StageError, Training, Wants, code};
use crate::artifact::{Context, Scores};
use crate::generalize;
use crate::threshold::TrainingScores;

const VERSION: u32 = 1;

/// Settings of the calibration stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    pub training: Training,
    pub scores: TrainingScores,
}

impl Calibration {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let (uses, mut config) = self.training.identity();
        config["scores"] = serde_json::json!(self.scores);
        (code("calibration", VERSION, uses.iter().map(|(name, version)| (name.as_str(), *version))), config)
    }

    pub(super) fn wants(&self, inputs: &BTreeMap<String, u64>) -> Wants {
        self.training.wants(inputs)
    }

    pub(super) fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        let scores = self.training.with_examples(inputs, cx, |generalization, train, weights, cx| {
            let detector = self.training.detector.member();
            let scores = match self.scores {
                TrainingScores::Training => generalize::score(detector, inputs.get("model")?, train, cx)?,
                TrainingScores::HeldOut => generalize::held_out(generalization, detector, train, weights, cx)?,
            };
            Ok(Scores(train.clips.iter().map(|clip| clip.id.clone()).zip(scores).collect()))
        })?;
        Ok(vec![Output::of("scores", &scores)])
    }
}
