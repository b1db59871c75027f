//! The levels stage: a table with the level of each recording of a section, for mixing.
//!
//! It is a stage of its own, so that a sweep over noise levels reads the recordings only once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::features::longest;
use super::{Inputs, Item, Output, SPLITS, StageError, Wants, code, versions};
use crate::artifact::{Audio, AudioTable, Levels};
use crate::context::Context;
use crate::mix;
use crate::source;

const VERSION: u32 = 1;

/// Settings of the levels stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelsStage {
    /// The folder of the recordings; in no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// Version of the reader or generator of the recordings.
    pub source: (String, u32),
    /// Versions of further code that makes the samples.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub uses: BTreeMap<String, u32>,
}

impl LevelsStage {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let source = (self.source.0.as_str(), self.source.1);
        (code("levels", VERSION, versions(&self.uses).chain([source])), json!({}))
    }

    pub(super) fn wants(&self, inputs: &BTreeMap<String, u64>) -> Wants {
        let bytes: u64 = inputs.values().sum();
        // A few clips of ten seconds at a time, for any number of threads.
        Wants { each: 6 * longest(inputs), ..Wants::of((bytes / 2000 + 1) as usize, 4 * bytes) }
    }

    pub(super) fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        let tables = SPLITS.map(|split| inputs.get::<AudioTable>((split, Item::Audio)));
        let [train, test] = tables;
        let all: BTreeMap<String, Audio> = train?.0.into_iter().chain(test?.0).collect();
        let clips: Vec<(&String, &Audio)> = all.iter().collect();
        let measured = cx.map(&clips, |(clip, audio)| {
            if cx.cancelled() {
                return Err(StageError::Cancelled);
            }
            let wave = source::read(clip, audio, self.root.as_deref())?;
            Ok(((*clip).clone(), mix::power(&wave.samples)))
        });
        let levels: Result<BTreeMap<String, f64>, StageError> = measured.into_iter().collect();
        Ok(vec![Output::of(Item::Levels, &Levels(levels?))])
    }
}
