//! The interpolation stage: SMOTE of waveforms. It makes features of synthetic target clips between
//! the target clips of a section.
//!
//! This stage is separate from `features`, so the features of recordings stay unchanged. Synthetic
//! audio is never written. The names of synthetic clips contain their parents ([`Clip::between`]).

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Features, Generalization, Inputs, Item, Output, StageError, Wants, code, versions};
use crate::artifact::{Audio, AudioTable, Clip, ClipSet, Domain, FeatureIndex, Matrix, Split};
use crate::context::Context;
use crate::generalize::{Smote, Technique, pairs};
use crate::seed::Seed;

/// 2: training clips only.
const VERSION: u32 = 2;

/// Settings of the interpolation stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interpolation {
    pub features: Features,
    pub smote: Smote,
    /// Chooses the clips to start from.
    pub choice: Generalization,
    /// The seed of the spec, and the names of machine and section.
    pub seed: (u64, Vec<String>),
}

impl Interpolation {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let (uses, features) = self.features.identity();
        let Self { smote, choice, seed, .. } = self;
        let config =
            json!({ "features": features, "smote": smote, "choice": choice, "seed": seed });
        let techniques = [Technique::Smote, Technique::Choice].map(Technique::version);
        (code("interpolation", VERSION, versions(&uses).chain(techniques)), config)
    }

    pub(super) fn wants(&self, inputs: &BTreeMap<String, u64>) -> Wants {
        self.features.wants(inputs)
    }

    /// Inputs: those of `features`, for training clips only, and `train/clips`. Outputs:
    /// `train/features` and `train/index` of the new clips only. They are empty if there are fewer
    /// than two target clips.
    pub(super) fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        let (set, table): (ClipSet, AudioTable) =
            (inputs.get((Split::Train, Item::Clips))?, inputs.get((Split::Train, Item::Audio))?);
        let chosen = self.choice.choose(set.clips()).map_err(StageError::Data)?;
        let chosen: Vec<&Clip> =
            set.clips().iter().filter(|clip| chosen.contains(clip.id.as_str())).collect();
        let (target, source): (Vec<&Clip>, Vec<&Clip>) =
            chosen.into_iter().partition(|clip| clip.domain == Some(Domain::Target));
        let missing = ((self.smote.ratio * source.len() as f64).floor() as usize)
            .saturating_sub(target.len());
        if target.len() < 2 || missing == 0 {
            (cx.log)(&format!(
                "nothing to do for {} target and {} source clips",
                target.len(),
                source.len()
            ));
            let none = Matrix::new(Vec::new(), 0, self.features.feature.member().dims());
            return Ok(outputs(&none, &FeatureIndex::default()));
        }
        let parts = self.features.parts(inputs, Split::Train)?;
        let audio = |clip: &Clip| -> Result<&Audio, StageError> {
            let lacking =
                || StageError::Clip { clip: clip.id.clone(), why: "it has no audio".into() };
            table.0.get(&clip.id).ok_or_else(lacking)
        };
        let heard = cx.map(&target, |clip| self.features.wave(&clip.id, audio(clip)?, &parts));
        let heard = heard.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (rate, length) = (heard[0].rate, heard[0].samples.len());
        if let Some(other) = heard.iter().position(|w| w.rate != rate || w.samples.len() != length)
        {
            let why = format!("{} samples at {} Hz", heard[other].samples.len(), heard[other].rate);
            let first = &target[0].id;
            let why = format!(
                "it has {why}; `smote` of waveforms needs {length} at {rate} Hz, as `{first}`"
            );
            return Err(StageError::Clip { clip: target[other].id.clone(), why });
        }
        let samples: Vec<f32> =
            heard.iter().flat_map(|wave| wave.samples.iter().copied()).collect();
        let waves =
            Array2::from_shape_vec((target.len(), length), samples).expect("waves of one length");
        let names: Vec<&str> = self.seed.1.iter().map(String::as_str).collect();
        let mut rng = Seed(self.seed.0).derive(&["interpolation"]).derive(&names).rng();
        let pairs = pairs(waves.view(), missing, &self.smote, &mut rng, cx)?;
        let extractor = self.features.extractor(inputs, &target[0].id, rate)?;
        let extracted = cx.map(&pairs, |pair| {
            if cx.cancelled() {
                return Err(StageError::Cancelled);
            }
            let features = extractor.extract(&pair.blend(waves.view()));
            features.map_err(|e| StageError::Clip {
                clip: target[pair.from].id.clone(),
                why: e.to_string(),
            })
        });
        let (mut values, mut index) = (Vec::new(), Vec::new());
        for (i, (pair, features)) in pairs.iter().zip(extracted).enumerate() {
            let features = features?;
            index.push((
                Clip::between(&[target[pair.from], target[pair.to]], i).id,
                features.nrows(),
            ));
            values.extend(features.iter());
        }
        let rows: usize = index.iter().map(|(_, frames)| frames).sum();
        (cx.log)(&format!("{} clips between {} target clips", index.len(), target.len()));
        let dims = values.len() / rows.max(1);
        let index =
            FeatureIndex::consecutive(index.iter().map(|(id, frames)| (id.as_str(), *frames)));
        Ok(outputs(&Matrix::new(values, rows, dims), &index))
    }
}

fn outputs(matrix: &Matrix, index: &FeatureIndex) -> Vec<Output> {
    vec![
        Output::of((Split::Train, Item::Features), matrix),
        Output::of((Split::Train, Item::Index), index),
    ]
}
