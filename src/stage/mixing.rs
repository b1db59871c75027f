//! Clips, their levels and the noise there is become a recipe: which noise each clip gets, and how loud.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Inputs, Output, StageError, code};
use crate::artifact::{AudioTable, ClipSet, Levels};
use crate::mix::{self, Candidates, Layer};

const VERSION: u32 = 2;

/// Settings of the mixing stage: those of one section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mixing {
    pub layers: Vec<Layer>,
    pub seed: u64,
}

impl Mixing {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        (code("mixing", VERSION, []), json!(self))
    }

    pub(super) fn run(&self, inputs: &Inputs) -> Result<Vec<Output>, StageError> {
        let clips: ClipSet = inputs.get("clips")?;
        let levels: Levels = inputs.get("levels")?;
        let mut candidates = Candidates::new();
        for part in inputs.parts("noise") {
            // A type may have several sections, `noise/A/00` and `noise/A/01`.
            let kind = part.rsplit_once('/').map_or(part, |(kind, _)| kind);
            let AudioTable(clips) = inputs.get(&format!("noise/{part}"))?;
            candidates.entry(kind.to_owned()).or_default().0.extend(clips);
        }
        let recipe = mix::draw(clips.clips(), &self.layers, levels.mean(), &candidates, self.seed)
            .map_err(|e| StageError::Data(e.to_string()))?;
        Ok(vec![Output::of("recipe", &recipe)])
    }
}
