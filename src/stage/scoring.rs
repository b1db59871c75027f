//! The scoring stage: a model gives the test clips of a section their anomaly scores.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::training::{add, read_sections};
use super::{Inputs, Item, Output, StageError, code};
use crate::artifact::{Scores, Split};
use crate::context::Context;
use crate::detector::{DetectorSpec, Examples};
use crate::generalize;

const VERSION: u32 = 1;

/// Settings of the scoring stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scoring {
    pub detector: DetectorSpec,
    /// Versions of the techniques that are used in scoring; see
    /// [`Generalization::scoring_versions`]. The model itself says which ones apply. So equal
    /// models give equal scores, whatever settings made them.
    ///
    /// [`Generalization::scoring_versions`]: crate::generalize::Generalization::scoring_versions
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<(String, u32)>,
}

impl Scoring {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let detector = self.detector.member();
        let config = self.detector.keyed();
        let techniques = self.techniques.iter().map(|(name, version)| (name.as_str(), *version));
        let uses = [(self.detector.name(), detector.version())].into_iter().chain(techniques);
        (code("scoring", VERSION, uses), config)
    }

    pub(super) fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        let sections = read_sections(inputs)?;
        let mut test = Examples::default();
        for (clips, features) in &sections {
            add(&mut test, clips, features, |clip| clip.split == Split::Test)?;
        }
        let scores =
            generalize::score(self.detector.member(), inputs.get(Item::Model)?, &test, cx)?;
        if let Some((clip, score)) = test.clips.iter().zip(&scores).find(|(_, s)| !s.is_finite()) {
            return Err(StageError::Clip {
                clip: clip.id.clone(),
                why: format!("its score is {score}"),
            });
        }
        let table = Scores(test.clips.iter().map(|c| c.id.clone()).zip(scores).collect());
        Ok(vec![Output::of(Item::Scores, &table)])
    }
}
