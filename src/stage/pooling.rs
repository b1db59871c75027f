//! The pooling stage: the frames of each clip become one vector.

use std::collections::BTreeMap;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Inputs, Item, Output, Role, SPLITS, StageError, Wants, code};
use crate::artifact::{FeatureIndex, FeatureSet, Matrix, Span, Split};
use crate::context::Context;
use crate::generalize::{Technique, subtract_temporal_mean};
use crate::pool::PoolSpec;

/// 2: separate training and test clips.
const VERSION: u32 = 2;

/// Settings of the pooling stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pooling {
    /// The vectors of these pools are joined in this order.
    pub pools: Vec<PoolSpec>,
    /// Subtracts from each band of a clip its mean over the frames first.
    #[serde(default, skip_serializing_if = "is_false")]
    pub temporal_mean_subtraction: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Pooling {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let technique = Technique::TemporalMeanSubtraction.version();
        let technique = self.temporal_mean_subtraction.then_some(technique);
        let uses = self.pools.iter().map(|p| (p.name(), p.member().version())).chain(technique);
        let config = match self.temporal_mean_subtraction {
            true => json!({"pools": self.pools, "temporal_mean_subtraction": true}),
            false => json!(self.pools),
        };
        (code("pooling", VERSION, uses), config)
    }

    /// Frames are read clip by clip and released. Memory holds the vectors, and the clips that
    /// threads work on.
    pub(super) fn wants(&self, inputs: &BTreeMap<String, u64>) -> Wants {
        let of = |item: Item| -> u64 {
            let bytes = |split: Split| {
                inputs.get(&Role::from((split, item)).to_string()).copied().unwrap_or(0)
            };
            SPLITS.map(bytes).iter().sum()
        };
        let (index, features) = (of(Item::Index), of(Item::Features));
        // The index has about 60 bytes per clip.
        let clip = features / (index / 60 + 1);
        Wants { each: 3 * clip, ..Wants::of(usize::MAX, 4 * index + features.min(64 << 20)) }
    }

    /// Inputs and outputs: `features` and `index` of the training and of the test clips. Without an
    /// input, that output is empty.
    pub(super) fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        let mut outputs = Vec::new();
        for split in SPLITS {
            let set = inputs.features(split, Item::Features, Item::Index)?;
            let (matrix, index) = set.map_or_else(|| Ok(nothing()), |set| self.pool(&set, cx))?;
            outputs.extend([
                Output::of((split, Item::Features), &matrix),
                Output::of((split, Item::Index), &index),
            ]);
        }
        Ok(outputs)
    }

    fn pool(&self, set: &FeatureSet, cx: &Context) -> Result<(Matrix, FeatureIndex), StageError> {
        let clips: Vec<(&String, &Span)> = set.index.0.iter().collect();
        let dims = set.matrix.dims();
        if let Some((pool, why)) =
            self.pools.iter().find_map(|pool| Some((pool, pool.member().misfit(dims)?)))
        {
            return Err(StageError::Data(format!("pool `{}`: {why}", pool.name())));
        }
        let pooled = cx.map(&clips, |(id, span)| {
            let frames = set.clip(id).filter(|_| span.frames > 0);
            let frames = frames.ok_or_else(|| StageError::Clip {
                clip: (*id).clone(),
                why: "it has no frames".into(),
            })?;
            let pool = |frames: ArrayView2<f32>| {
                self.pools.iter().flat_map(|p| p.member().pool(frames)).collect::<Vec<_>>()
            };
            let vector = match self.temporal_mean_subtraction {
                false => pool(frames),
                true => {
                    let mut frames = frames.to_owned();
                    subtract_temporal_mean(&mut frames);
                    pool(frames.view())
                }
            };
            set.matrix.release(span.first..span.first + span.frames);
            Ok(vector)
        });
        let vectors = pooled.into_iter().collect::<Result<Vec<_>, StageError>>()?;
        let dims = vectors.first().map_or(0, Vec::len);
        let index = FeatureIndex::consecutive(clips.iter().map(|(id, _)| (id.as_str(), 1)));
        Ok((Matrix::new(vectors.concat(), clips.len(), dims), index))
    }
}

/// The vectors of an empty set of clips.
pub(super) fn nothing() -> (Matrix, FeatureIndex) {
    (Matrix::new(Vec::new(), 0, 0), FeatureIndex::default())
}
