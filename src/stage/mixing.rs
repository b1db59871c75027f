//! The mixing stage: a recipe with the noise and the gain of each clip, from clips, levels and
//! noise recordings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Inputs, Item, Output, SPLITS, StageError, code};
use crate::artifact::{ClipSet, Levels};
use crate::mix::{self, Layer};

const VERSION: u32 = 3;

/// Settings of the mixing stage of one section.
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
        let levels: Levels = inputs.get(Item::Levels)?;
        let candidates = inputs.noise()?;
        let mut outputs = Vec::new();
        for split in SPLITS {
            let clips: ClipSet = inputs.get((split, Item::Clips))?;
            let recipe =
                mix::draw(clips.clips(), &self.layers, levels.mean(), &candidates, self.seed)
                    .map_err(|e| StageError::Data(e.to_string()))?;
            outputs.push(Output::of((split, Item::Recipe), &recipe));
        }
        Ok(outputs)
    }
}
