//! The embedding stage: the network of a machine turns the clips of a section into vectors.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis, concatenate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::network::{of_clips, subtracted, with_features};
use super::pooling::nothing;
use super::{Inputs, Item, Output, SPLITS, StageError, code};
use crate::artifact::{Clip, ClipSet, FeatureIndex, FeatureSet, Matrix, Split};
use crate::context::Context;
use crate::detector::{EmbedderSpec, Examples, Hearing};
use crate::generalize::Technique;

/// 2: separate training and test clips.
const VERSION: u32 = 2;

/// Settings of the embedding stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingStage {
    pub network: EmbedderSpec,
    /// Equal to the setting of the network.
    #[serde(default)]
    pub temporal_mean_subtraction: bool,
    /// Whether pooled vectors stand before the vectors of the network.
    #[serde(default)]
    pub with_pool: bool,
}

impl EmbeddingStage {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let mut config = json!({ "network": self.network });
        for (name, said) in [
            ("temporal_mean_subtraction", self.temporal_mean_subtraction),
            ("with_pool", self.with_pool),
        ] {
            if said {
                config[name] = json!(true);
            }
        }
        let technique = Technique::TemporalMeanSubtraction.version();
        let technique = self.temporal_mean_subtraction.then_some(technique);
        let uses =
            [(self.network.name(), self.network.member().version())].into_iter().chain(technique);
        (code("embedding", VERSION, uses), config)
    }

    /// Inputs: `model`; for the training and the test clips `clips`, `features` and `index`;
    /// `spectra` if the network uses them, and `pooled` with [`EmbeddingStage::with_pool`].
    /// Outputs: `features` (one row per clip, in the order of the index) and `index`, as pooling
    /// makes them. Synthetic clips get vectors, too.
    pub(super) fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        let mut outputs = Vec::new();
        for split in SPLITS {
            let set = inputs.features(split, Item::Features, Item::Index)?;
            let (matrix, index) =
                set.map_or_else(|| Ok(nothing()), |set| self.embed(split, &set, inputs, cx))?;
            outputs.extend([
                Output::of((split, Item::Features), &matrix),
                Output::of((split, Item::Index), &index),
            ]);
        }
        Ok(outputs)
    }

    fn embed(
        &self,
        split: Split,
        set: &FeatureSet,
        inputs: &Inputs,
        cx: &Context,
    ) -> Result<(Matrix, FeatureIndex), StageError> {
        let clips: ClipSet = inputs.get((split, Item::Clips))?;
        let known: BTreeMap<&str, &Clip> =
            clips.clips().iter().map(|clip| (clip.id.as_str(), clip)).collect();
        let clip = |id: &String| -> Result<Clip, StageError> {
            let clip = known.get(id.as_str()).or_else(|| known.get(Clip::first_parent(id)));
            let unknown = || StageError::Clip {
                clip: id.clone(),
                why: "it is in the index of the features, but not among the clips".into(),
            };
            Ok(Clip { id: id.clone(), ..(*clip.ok_or_else(unknown)?).clone() })
        };
        let named: Vec<Clip> = set.index.0.keys().map(clip).collect::<Result<_, _>>()?;
        let mut examples = Examples { clips: named.iter().collect(), features: Vec::new() };
        for clip in &named {
            let frames = set.clip(&clip.id).filter(|frames| frames.nrows() > 0);
            let lacking =
                || StageError::Clip { clip: clip.id.clone(), why: "it has no frames".into() };
            examples.features.push(frames.ok_or_else(lacking)?);
        }
        let index = FeatureIndex::consecutive(named.iter().map(|clip| (clip.id.as_str(), 1)));
        if named.is_empty() {
            return Ok(nothing());
        }
        let frames = subtracted(&examples, self.temporal_mean_subtraction);
        let spectra = match self.network.member().hears_spectrum() {
            true => {
                inputs.features(split, Item::Spectra, Item::SpectraIndex)?.into_iter().collect()
            }
            false => Vec::new(),
        };
        let spectra = of_clips(&spectra, &examples)?;
        let heard = Hearing { clips: with_features(&examples, &frames), spectra };
        let mut vectors = self.network.vectors(&inputs.get(Item::Model)?, &heard, cx)?;
        if self.with_pool {
            let lacking = || StageError::Data("it has no pooled vectors".into());
            let pooled =
                inputs.features(split, Item::Pooled, Item::PooledIndex)?.ok_or_else(lacking)?;
            vectors = beside(&pooled, &named, &vectors)?;
        }
        let (rows, dims) = vectors.dim();
        Ok((Matrix::new(vectors.iter().copied().collect(), rows, dims), index))
    }
}

/// Joins the pooled vector of each clip and its vector, in this order.
fn beside(
    pooled: &FeatureSet,
    clips: &[Clip],
    vectors: &Array2<f32>,
) -> Result<Array2<f32>, StageError> {
    let rows: Vec<ArrayView2<f32>> = clips
        .iter()
        .map(|clip| {
            let row = pooled.clip(&clip.id);
            row.ok_or_else(|| StageError::Clip {
                clip: clip.id.clone(),
                why: "it has no pooled vector".into(),
            })
        })
        .collect::<Result<_, _>>()?;
    let pooled = concatenate(Axis(0), &rows).map_err(|e| StageError::Data(e.to_string()))?;
    concatenate(Axis(1), &[pooled.view(), vectors.view()])
        .map_err(|e| StageError::Data(e.to_string()))
}
