//! The network stage: a network for embeddings of clips, trained on the normal training clips of a
//! machine or of all machines.
//!
//! It is a stage of its own, so that all detectors that use the vectors of one network train it
//! once. From `generalization` it uses only the choice of clips; the other techniques work on the
//! vectors. So clips held out for a threshold are new to the detector only: the network was trained
//! on them.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::training::{choose, read_sections};
use super::{Generalization, Inputs, Item, Output, StageError, Wants, code};
use crate::artifact::{Clip, FeatureSet};
use crate::context::Context;
use crate::detector::{EmbedderSpec, Examples, Hearing};
use crate::generalize::{Technique, subtract_temporal_mean};
use crate::seed::Seed;

const VERSION: u32 = 1;

/// Settings of the network stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkStage {
    pub network: EmbedderSpec,
    /// The seed of the spec, and the name of the machine; no name for all machines.
    pub seed: (u64, Vec<String>),
    /// The choice of its training clips; absent if all clips are chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<Generalization>,
    /// Subtracts from each band of a clip its mean over the frames first.
    #[serde(default)]
    pub temporal_mean_subtraction: bool,
}

impl NetworkStage {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let mut config = json!({ "network": self.network, "seed": self.seed });
        if let Some(choice) = &self.choice {
            config["choice"] = json!(choice);
        }
        if self.temporal_mean_subtraction {
            config["temporal_mean_subtraction"] = json!(true);
        }
        let technique = Technique::TemporalMeanSubtraction.version();
        let techniques = self.choice.iter().flat_map(Generalization::versions);
        let uses =
            [(self.network.name(), self.network.member().version())].into_iter().chain(techniques);
        let uses = uses.chain(self.temporal_mean_subtraction.then_some(technique));
        (code("network", VERSION, uses), config)
    }

    pub(super) fn wants(&self, inputs: &BTreeMap<String, u64>) -> Wants {
        let of = |kind: &str| -> u64 {
            inputs.iter().filter(|(role, _)| role.starts_with(kind)).map(|(_, bytes)| bytes).sum()
        };
        let bytes = of("features/");
        let copies = 1 + u64::from(self.temporal_mean_subtraction);
        // The number of values per frame is unknown before the inputs are read; 128 of f32 is
        // usual.
        let memory = copies * bytes
            + of("spectra/")
            + self.network.member().memory((bytes / 512) as usize, 128) as u64;
        // Two networks train faster side by side with one thread each than one after another with
        // two threads (1.4 times with batches of 128 frames, 1.1 times with images). So the
        // coordinator gives more threads only if fewer stages wait.
        Wants::of(usize::MAX, memory)
    }

    /// Inputs: `clips/..`, `features/..` and `index/..` of all sections, and
    /// `spectra/..` and `spectra_index/..` if the network uses them. Output: `model`.
    pub(super) fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        let sections = read_sections(inputs)?;
        let train = choose(&self.choice.clone().unwrap_or_default(), &sections)?;
        (cx.log)(&format!("{}: {} training clips", self.network.name(), train.features.len()));
        let names: Vec<&str> = self.seed.1.iter().map(String::as_str).collect();
        let cx = Context { seed: Seed(self.seed.0).derive(&["network"]).derive(&names), ..*cx };
        let frames = subtracted(&train, self.temporal_mean_subtraction);
        let spectra = read_spectra(&self.network, inputs)?;
        let spectra = of_clips(&spectra, &train)?;
        let model = self
            .network
            .member()
            .fit(&Hearing { clips: with_features(&train, &frames), spectra }, &cx)?;
        Ok(vec![Output::of(Item::Model, &model)])
    }
}

/// The spectra of each section, if the network uses them.
pub(super) fn read_spectra(
    network: &EmbedderSpec,
    inputs: &Inputs,
) -> Result<Vec<FeatureSet>, StageError> {
    if !network.member().hears_spectrum() {
        return Ok(Vec::new());
    }
    let read = |section: String| {
        let matrix = inputs.get(Item::Spectra.of(&section))?;
        Ok(FeatureSet { matrix, index: inputs.get(Item::SpectraIndex.of(&section))? })
    };
    inputs.sections(Item::Spectra).into_iter().map(read).collect()
}

/// The spectrum of each clip; empty if there are no spectra.
pub(super) fn of_clips<'a>(
    sets: &'a [FeatureSet],
    clips: &Examples,
) -> Result<Vec<ArrayView2<'a, f32>>, StageError> {
    if sets.is_empty() {
        return Ok(Vec::new());
    }
    let find = |clip: &&Clip| {
        let found = sets.iter().find_map(|set| set.clip(&clip.id));
        found.ok_or_else(|| StageError::Clip {
            clip: clip.id.clone(),
            why: "it has no spectrum".into(),
        })
    };
    clips.clips.iter().map(find).collect()
}

/// The frames of clips minus their mean over time; `None` if they stay unchanged.
pub(super) fn subtracted(clips: &Examples, wanted: bool) -> Option<Vec<Array2<f32>>> {
    let subtracted = |frames: &ndarray::ArrayView2<f32>| {
        let mut frames = frames.to_owned();
        subtract_temporal_mean(&mut frames);
        frames
    };
    wanted.then(|| clips.features.iter().map(subtracted).collect())
}

/// The clips with replaced features, or with their own if there is no replacement.
pub(super) fn with_features<'a>(
    clips: &Examples<'a>,
    features: &'a Option<Vec<Array2<f32>>>,
) -> Examples<'a> {
    match features {
        Some(features) => Examples {
            clips: clips.clips.clone(),
            features: features.iter().map(|x| x.view()).collect(),
        },
        None => clips.clone(),
    }
}
