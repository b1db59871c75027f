//! The clips of a section become vectors, by the network of their machine.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis, concatenate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::network::{of_clips, read_spectra, subtracted, with_features};
use super::{Inputs, Output, StageError, code};
use crate::artifact::{Clip, ClipSet, FeatureIndex, FeatureSet, Matrix};
use crate::context::Context;
use crate::detector::{EmbedderSpec, Examples, Hearing};
use crate::generalize::Technique;

const VERSION: u32 = 1;

/// Settings of the embedding stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    pub network: EmbedderSpec,
    /// As of the network.
    #[serde(default)]
    pub temporal_mean_subtraction: bool,
    /// Whether pooled vectors stand before those of the network.
    #[serde(default)]
    pub with_pool: bool,
}

impl Embedding {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let mut config = json!({ "network": self.network });
        for (name, said) in
            [("temporal_mean_subtraction", self.temporal_mean_subtraction), ("with_pool", self.with_pool)]
        {
            if said {
                config[name] = json!(true);
            }
        }
        let technique = Technique::TemporalMeanSubtraction.version();
        let technique = self.temporal_mean_subtraction.then_some(technique);
        let uses = [(self.network.name(), self.network.member().version())].into_iter().chain(technique);
        (code("embedding", VERSION, uses), config)
    }

    /// Inputs `model`, `clips`, `features` and `index`, `spectra/..` as the network has them, and, if pooled vectors
    /// stand before those of the network, `pooled` and `pooled_index`. Outputs `features` (one row a clip, in the order of the index)
    /// and `index`, as pooling has them. Clips made of those of `clips` have vectors, too.
    pub(super) fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        let set = FeatureSet { matrix: inputs.get("features")?, index: inputs.get("index")? };
        let clips: ClipSet = inputs.get("clips")?;
        let known: BTreeMap<&str, &Clip> = clips.clips().iter().map(|clip| (clip.id.as_str(), clip)).collect();
        let clip = |id: &String| -> Result<Clip, StageError> {
            let clip = known.get(id.as_str()).or_else(|| known.get(Clip::first_parent(id)));
            let unknown = || StageError::Clip { clip: id.clone(), why: "there are features of it, and no clip".into() };
            Ok(Clip { id: id.clone(), ..(*clip.ok_or_else(unknown)?).clone() })
        };
        let named: Vec<Clip> = set.index.0.keys().map(clip).collect::<Result<_, _>>()?;
        let mut examples = Examples { clips: named.iter().collect(), features: Vec::new() };
        for clip in &named {
            let frames = set.clip(&clip.id).filter(|frames| frames.nrows() > 0);
            let lacking = || StageError::Clip { clip: clip.id.clone(), why: "it has no frames".into() };
            examples.features.push(frames.ok_or_else(lacking)?);
        }
        let index = FeatureIndex::consecutive(named.iter().map(|clip| (clip.id.as_str(), 1)));
        if named.is_empty() {
            return Ok(vec![Output::of("features", &Matrix::new(Vec::new(), 0, 0)), Output::of("index", &index)]);
        }
        let frames = subtracted(&examples, self.temporal_mean_subtraction);
        let spectra = read_spectra(&self.network, inputs)?;
        let spectra = of_clips(&spectra, &examples)?;
        let heard = Hearing { clips: with_features(&examples, &frames), spectra };
        let mut vectors = self.network.vectors(&inputs.get("model")?, &heard, cx)?;
        if self.with_pool {
            let pooled = FeatureSet { matrix: inputs.get("pooled")?, index: inputs.get("pooled_index")? };
            vectors = beside(&pooled, &named, &vectors)?;
        }
        let (rows, dims) = vectors.dim();
        let matrix = Matrix::new(vectors.iter().copied().collect(), rows, dims);
        Ok(vec![Output::of("features", &matrix), Output::of("index", &index)])
    }
}

/// The pooled vector of each clip and its vector, one after the other.
fn beside(pooled: &FeatureSet, clips: &[Clip], vectors: &Array2<f32>) -> Result<Array2<f32>, StageError> {
    let rows: Vec<ArrayView2<f32>> = clips
        .iter()
        .map(|clip| {
            let row = pooled.clip(&clip.id);
            row.ok_or_else(|| StageError::Clip { clip: clip.id.clone(), why: "it has no pooled vector".into() })
        })
        .collect::<Result<_, _>>()?;
    let pooled = concatenate(Axis(0), &rows).map_err(|e| StageError::Data(e.to_string()))?;
    concatenate(Axis(1), &[pooled.view(), vectors.view()]).map_err(|e| StageError::Data(e.to_string()))
}
