//! The scores of normal clips, from which thresholds are made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::training::add;
use super::{Inputs, Item, Output, StageError, TrainingStage, Wants, code};
use crate::artifact::{CalibrationScores, ClipSet, FeatureSet};
use crate::context::Context;
use crate::detector::{DetectorError, Examples};
use crate::generalize::{self, Pseudo};
use crate::threshold::TrainingScores;

const VERSION: u32 = 2;

/// Settings of the calibration stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    pub training: TrainingStage,
    pub scores: TrainingScores,
    /// Whether anomalies are made from the held-out clips and scored, too. Their names are those of
    /// kinds, see `PSEUDO`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pseudo: bool,
}

/// What stands before the kind in the name of a pseudo-anomaly: a tab, which no clip begins with.
const PSEUDO: &str = "\tpseudo\t";

/// The kind of the pseudo-anomaly with this name among scores; `None` for a clip.
pub fn pseudo_kind(name: &str) -> Option<&str> {
    name.strip_prefix(PSEUDO)?.rsplit_once('\t').map(|(kind, _)| kind)
}

impl Calibration {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let (mut uses, mut config) = self.training.identity();
        config["scores"] = serde_json::json!(self.scores);
        if self.pseudo {
            config["pseudo"] = true.into();
            uses.insert("pseudo_anomalies".to_owned(), generalize::PSEUDO_VERSION);
        }
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
                if self.pseudo {
                    let others = read_others(inputs)?;
                    let mut examples = Examples::default();
                    for (clips, features) in &others {
                        add(&mut examples, clips, features, |_| true)?;
                    }
                    let made = generalize::pseudo_anomalies(
                        generalization,
                        detector,
                        train,
                        &examples,
                        weights,
                        cx,
                    );
                    return checked(made.map(named_kinds));
                }
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
                checked(scores.map(named))
            })?;
        if !calibrated.missing.is_empty() {
            (cx.log)(&calibrated.missing);
        }
        Ok(vec![Output::of(Item::Scores, &calibrated)])
    }
}

/// The training clips of other machines and sections.
fn read_others(inputs: &Inputs) -> Result<Vec<(ClipSet, FeatureSet)>, StageError> {
    let read = |name: String| {
        let features = FeatureSet {
            matrix: inputs.get(Item::OtherFeatures.of(&name))?,
            index: inputs.get(Item::OtherIndex.of(&name))?,
        };
        Ok((inputs.get(Item::Others.of(&name))?, features))
    };
    inputs.sections(Item::Others).into_iter().map(read).collect()
}

/// The scores, or the reason why there are none.
fn checked(
    scores: Result<BTreeMap<String, f64>, DetectorError>,
) -> Result<CalibrationScores, StageError> {
    Ok(match scores {
        Ok(scores) => match scores.iter().find(|(_, score)| !score.is_finite()) {
            Some((clip, score)) => {
                missing(format!("the score of training clip `{clip}` is {score}"))
            }
            None => CalibrationScores { scores, missing: String::new() },
        },
        Err(DetectorError::Data(why) | DetectorError::TooFew(why)) => missing(why),
        Err(other) => return Err(other.into()),
    })
}

/// Held-out clips by number, and anomalies by kind and number.
fn named_kinds(made: Pseudo) -> BTreeMap<String, f64> {
    let normal = made.normal.into_iter().enumerate();
    let normal = normal.map(|(number, score)| (number.to_string(), score));
    let kinds = made.kinds.into_iter().flat_map(|(kind, scores)| {
        let name = move |number| format!("{PSEUDO}{kind}\t{number}");
        scores.into_iter().enumerate().map(move |(number, score)| (name(number), score))
    });
    normal.chain(kinds).collect()
}

fn missing(missing: String) -> CalibrationScores {
    CalibrationScores { missing, ..CalibrationScores::default() }
}
