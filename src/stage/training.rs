//! The training stage: a model of the normal training clips of a section or machine.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Generalization, Inputs, Item, Output, StageError, Wants, code};
use crate::artifact::{Clip, ClipSet, FeatureIndex, FeatureSet, Matrix, Tensors};
use crate::context::Context;
use crate::detector::{DetectorSpec, Examples};
use crate::generalize;
use crate::seed::Seed;

const VERSION: u32 = 1;

/// Settings of the training stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingStage {
    pub detector: DetectorSpec,
    /// For detectors with randomness: the seed of the spec and the names of machine and section. So
    /// the random numbers of a section do not depend on other sections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<(u64, Vec<String>)>,
    /// Absent if it changes nothing, so that writing out its defaults changes no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generalization: Option<Generalization>,
}

impl TrainingStage {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let detector = self.detector.member();
        let mut config = json!({ "detector": self.detector.keyed() });
        if let Some(seed) = &self.seed {
            config["seed"] = json!(seed);
        }
        if let Some(generalization) = &self.generalization {
            config["generalization"] = json!(generalization);
        }
        let techniques = self.generalization.iter().flat_map(Generalization::versions);
        let uses = [(self.detector.name(), detector.version())].into_iter().chain(techniques);
        (code("training", VERSION, uses), config)
    }

    pub(super) fn wants(&self, inputs: &BTreeMap<String, u64>) -> Wants {
        let features = inputs.iter().filter(|(role, _)| role.starts_with("features/"));
        let bytes: u64 = features.map(|(_, bytes)| bytes).sum();
        // The number of values per frame is unknown before the inputs are read; 128 of f32 is
        // usual.
        let memory = bytes + self.detector.member().memory((bytes / 512) as usize, 128) as u64;
        // Two networks train faster side by side with one thread each than one after another with
        // two threads (1.4 times with batches of 128 frames, 1.1 times with images). So the
        // coordinator gives more threads only if fewer stages wait.
        Wants::of(usize::MAX, memory)
    }

    pub(super) fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        let model = self.with_examples(inputs, cx, |generalization, train, weights, cx| {
            Ok(generalize::fit(generalization, self.detector.member(), train, weights, cx)?)
        })?;
        Ok(vec![Output::of(Item::Model, &model)])
    }

    /// Calls `f` with the generalisation, the chosen training clips, the weights, and the context
    /// with the seed of this training.
    pub(super) fn with_examples<R>(
        &self,
        inputs: &Inputs,
        cx: &Context,
        f: impl FnOnce(&Generalization, &Examples, Option<&Tensors>, &Context) -> Result<R, StageError>,
    ) -> Result<R, StageError> {
        let weights = match self.detector.given() {
            Some(_) => Some(inputs.get(Item::Weights)?),
            None => None,
        };
        let sections = read_sections(inputs)?;
        let made = made(inputs, &sections)?;
        let generalization = self.generalization.clone().unwrap_or_default();
        let mut train = choose(&generalization, &sections)?;
        for (clip, features) in &made {
            train.clips.push(clip);
            train.features.push(features.view());
        }
        (cx.log)(&format!("{}: {} training clips", self.detector.name(), train.clips.len()));
        let names: Vec<&str> =
            self.seed.iter().flat_map(|(_, names)| names.iter().map(String::as_str)).collect();
        let base = Seed(self.seed.as_ref().map_or(0, |(seed, _)| *seed));
        let cx = Context { seed: base.derive(&["training"]).derive(&names), ..*cx };
        f(&generalization, &train, weights.as_ref(), &cx)
    }
}

/// The training clips of the sections that `generalization` chooses.
pub(super) fn choose<'a>(
    generalization: &Generalization,
    sections: &'a [(ClipSet, FeatureSet)],
) -> Result<Examples<'a>, StageError> {
    let every: Vec<&Clip> = sections.iter().flat_map(|(clips, _)| clips.clips()).collect();
    if let Some(name) = generalization.unknown_attribute(&every) {
        return Err(StageError::Data(format!(
            "`source_values` names `{name}`, an attribute that no clip has"
        )));
    }
    let mut train = Examples::default();
    for (clips, features) in sections {
        let chosen = generalization.choose(clips.clips()).map_err(StageError::Data)?;
        add(&mut train, clips, features, |clip| chosen.contains(clip.id.as_str()))?;
    }
    Ok(train)
}

/// The clips and features of all sections among the inputs, in order of the sections.
pub(super) fn read_sections(inputs: &Inputs) -> Result<Vec<(ClipSet, FeatureSet)>, StageError> {
    let read = |section: String| {
        let features = FeatureSet {
            matrix: inputs.get(Item::Features.of(&section))?,
            index: inputs.get(Item::Index.of(&section))?,
        };
        Ok((inputs.get(Item::Clips.of(&section))?, features))
    };
    inputs.sections(Item::Clips).into_iter().map(read).collect()
}

/// Synthetic clips with their features, made before feature extraction.
fn made(
    inputs: &Inputs,
    sections: &[(ClipSet, FeatureSet)],
) -> Result<Vec<(Clip, Array2<f32>)>, StageError> {
    let mut made = Vec::new();
    for section in inputs.sections(Item::Made) {
        let features: Matrix = inputs.get(Item::Made.of(&section))?;
        let index: FeatureIndex = inputs.get(Item::MadeIndex.of(&section))?;
        let set = FeatureSet { matrix: features, index };
        for id in set.index.0.keys() {
            let nameless =
                || StageError::Clip { clip: id.clone(), why: "its parent clip is missing".into() };
            let parent = Clip::first_parent(id);
            let parent =
                sections.iter().flat_map(|(clips, _)| clips.clips()).find(|clip| clip.id == parent);
            let clip = Clip { id: id.clone(), ..parent.ok_or_else(nameless)?.clone() };
            made.push((clip, set.clip(id).ok_or_else(nameless)?.to_owned()));
        }
    }
    Ok(made)
}

/// Adds the clips that pass `wanted`, with their rows.
pub(super) fn add<'a>(
    examples: &mut Examples<'a>,
    clips: &'a ClipSet,
    features: &'a FeatureSet,
    wanted: impl Fn(&Clip) -> bool,
) -> Result<(), StageError> {
    for clip in clips.clips().iter().filter(|c| wanted(c)) {
        let rows = features.clip(&clip.id);
        let rows = rows.ok_or_else(|| StageError::Clip {
            clip: clip.id.clone(),
            why: "it has no features".into(),
        })?;
        examples.clips.push(clip);
        examples.features.push(rows);
    }
    Ok(())
}
