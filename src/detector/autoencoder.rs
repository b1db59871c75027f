//! The dense autoencoder of the DCASE baselines: windows of a few frames pass a bottleneck and are
//! reconstructed. A large reconstruction error is anomalous.
//!
//! Dohi et al. 2022 (MIMII DG), and the baselines of 2020 to 2022: a window of 5 frames, four
//! hidden layers of 128, a bottleneck of 8, four of 128, each followed by batch normalisation and a
//! rectifier; Adam on the mean squared error. The score of a clip is the squared error, averaged
//! over all its windows and values. Features stay in dB without scaling, as in the baselines. The
//! baseline of 2023 scores by [`residuals`]. With `predict: centre` the network sees all frames of
//! a window except the middle one, and predicts that one (IDNN, Suefusa et al. 2020).
//!
//! The presets are the settings of the paper and of the published baseline, which differ. The
//! defaults without a preset need no tuning. They use 20 epochs (on 1,400 clips of 0.5 s 40 epochs
//! ranked no better, two seeds of each compared), and the bias of the output starts at the mean of
//! the training windows, not at 0. Features lie near -40 dB and a step of Adam moves a weight by
//! about the learning rate, so a start at 0 spends many steps on getting there. On those clips the
//! loss after 40 epochs is 5 to 12 % lower with the start at the mean (the AUC differs by less than
//! between seeds).

mod parts;
mod presets;
mod residuals;
mod settings;
mod views;

use std::borrow::Cow;

use ndarray::{Array2, ArrayView2};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::settings::{FrameRange, Predict, Score};
use self::views::Views;
use super::training::{Batch, Course, Rows, Training};
use super::{Detector, DetectorError, Examples, Scope, Takes, networks};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::family;
use crate::math;
use crate::nn::{Cpu, Engine, Loss, Network, Trainer, Windows};
use crate::weights::{arrays, autoencoder};

/// Windows scored at a time. Their activations stay in the cache.
const BLOCK: usize = 128;

/// Dense autoencoder of the DCASE baselines: windows of a few frames pass a bottleneck and are
/// reconstructed. The score is the reconstruction error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "presets::Written")]
#[schemars(!from, default, deny_unknown_fields, transform = family::with_preset::<presets::Preset>)]
pub struct Autoencoder {
    /// Frames per window.
    #[schemars(range(min = 1, max = 1000))]
    pub window: usize,
    /// Units of the hidden layers, with the bottleneck in the middle. Input and output follow from
    /// the features.
    #[schemars(length(min = 1, max = 100), inner(range(min = 1, max = 65_536)))]
    pub layers: Vec<usize>,
    /// The frames of a window that the network reconstructs.
    pub predict: Predict,
    /// Passes over all training windows.
    #[schemars(range(min = 1, max = 100_000))]
    pub epochs: usize,
    /// Windows per training step.
    #[schemars(range(min = 2, max = 65_536))]
    pub batch: usize,
    /// Step size of Adam at the start of training.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// How the network is trained.
    pub training: Training,
    /// Whether the output's bias starts at the mean of the training windows, or at 0.
    pub start_at_mean: bool,
    /// How the error becomes the score of a clip.
    pub score: Score,
    /// The clips that share a model. The paper trains one model for each machine.
    pub scope: Scope,
    /// The frames used in training and scoring. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<FrameRange>,
    /// A trained model to use instead of training: `.safetensors` or PyTorch's `.pt`, written by
    /// this program, PyTorch or Keras.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-path" = "file"))]
    pub weights: Option<String>,
}

impl Detector for Autoencoder {
    fn version(&self) -> u32 {
        3
    }

    fn takes(&self) -> Takes {
        Takes::Frames
    }

    fn scope(&self) -> Scope {
        self.scope
    }

    fn seeded(&self) -> bool {
        self.weights.is_none()
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.course().problems();
        let mut range = |field: &str, value: usize, from: usize, to: usize| {
            if !(from..=to).contains(&value) {
                let message = format!("`{field}` is {value}, outside {from}..{to}");
                problems.push(
                    Problem::new(field, message)
                        .hint(format!("write a number from {from} to {to}")),
                );
            }
        };
        range("window", self.window, 1, 1000);
        for (i, &units) in self.layers.iter().enumerate() {
            range(&format!("layers[{i}]"), units, 1, 65_536);
        }
        if self.layers.is_empty() || self.layers.len() > 100 {
            let message =
                format!("`layers` has {} hidden layers, outside 1..100", self.layers.len());
            problems.push(
                Problem::new("layers", message)
                    .hint("write the units of each, such as [128, 8, 128]"),
            );
        }
        if self.predict == Predict::Centre && (self.window < 3 || self.window.is_multiple_of(2)) {
            let message =
                format!("a window of {} frames has no middle frame with neighbours", self.window);
            problems.push(Problem::new("window", message).hint("write an odd number of 3 or more"));
        }
        if self.score == Score::SelectiveMahalanobis && self.weights.is_some() {
            let message =
                "weights from a file do not include the covariances of residuals".to_owned();
            problems.push(Problem::new("score", message).hint("write `score: mse`"));
        }
        if let Some(FrameRange { from, to }) = self.frames {
            // No recording has more frames.
            let (from, to) = (("frames.from", from), ("frames.to", to));
            problems.extend(
                [from, to]
                    .into_iter()
                    .filter_map(|(field, at)| Problem::outside(field, at, 0, 1 << 31)),
            );
        }
        if let Some(FrameRange { from, to }) = self.frames
            && to.saturating_sub(from) < self.window
        {
            let message =
                format!("frames {from}..{to} are fewer than a window of {} frames", self.window);
            problems.push(Problem::new("frames", message).hint("`to` is the first frame left out"));
        }
        problems
    }

    fn weights(&self) -> Option<(&'static str, &str)> {
        self.weights.as_deref().map(|path| ("weights", path))
    }

    fn export(&self, model: &Tensors) -> Option<Result<Network, DetectorError>> {
        Some(autoencoder::read(model).map_err(DetectorError::from))
    }

    fn parts(
        &self,
        model: &Tensors,
        frames: ArrayView2<f32>,
    ) -> Option<Result<Array2<f32>, DetectorError>> {
        (self.score == Score::Mse).then(|| self.errors(model, frames))
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        let width = self.window * dims;
        let sizes = || [width].into_iter().chain(self.layers.iter().copied()).chain([width]);
        let weights: usize =
            sizes().zip(sizes().skip(1)).map(|(inputs, outputs)| inputs * outputs).sum();
        // Weights, gradients, two moments, a checkpoint; for each layer its product and the values
        // after it, and their gradients; the order of the rows.
        let numbers = 10 * weights + 8 * self.batch * sizes().sum::<usize>() + rows;
        4 * numbers
    }

    fn fit(
        &self,
        train: &Examples,
        weights: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let Some(dims) = train.features.first().map(|x| x.ncols()) else {
            return Err(DetectorError::NoClips);
        };
        if let Some(file) = weights {
            return Ok(arrays::write(&self.read(file, dims)?));
        }
        let train = &networks::recordings_last(train, self.training.validation);
        let values = self.values(train, dims)?;
        let windows = self.windows(values.iter().map(|v| &**v).collect(), dims);
        let sizes = [&[self.inputs(dims)], &self.layers[..], &[self.outputs(dims)]].concat();
        let mut rng = cx.seed.derive(&["autoencoder", "weights"]).rng();
        let mut network = Network::new(autoencoder::graph(&sizes), &mut || rng.uniform());
        if self.start_at_mean {
            let mean = windows.outputs(&windows.all.mean().to_vec());
            let bias = network
                .weight_mut(&format!("dense.{}.bias", self.layers.len()))
                .expect("the output has a bias");
            bias.copy_from_slice(&mean);
        }
        let trainer = Trainer::new(
            network,
            Loss::Squared,
            self.training.device.engine()?,
            self.training.clip_norm,
        );
        let (network, history) = self.course().run(trainer, &windows, cx)?;
        let mut model = arrays::write(&network);
        model.0.extend(history.0);
        if self.score == Score::SelectiveMahalanobis {
            let residuals = |clip: usize| self.residuals(&network, &values[clip], dims);
            residuals::fit(&train.clips, [dims, self.outputs(dims)], residuals, cx, &mut model)?;
        }
        Ok(model)
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let Some(dims) = test.features.first().map(|x| x.ncols()) else { return Ok(Vec::new()) };
        let network = self.read(model, dims)?;
        let covariances = match self.score {
            Score::Mse => None,
            Score::SelectiveMahalanobis => Some(residuals::Covariances::read(model)?),
        };
        let values = self.values(test, dims)?;
        let clips: Vec<usize> = (0..values.len()).collect();
        let scores = cx.map(&clips, |&clip| {
            if cx.cancelled() {
                return Err(DetectorError::Cancelled);
            }
            let residuals = self.residuals(&network, &values[clip], dims);
            let score = match &covariances {
                None => {
                    residuals.iter().map(|&r| math::square(f64::from(r))).sum::<f64>()
                        / residuals.len() as f64
                }
                Some(covariances) => covariances.distance(&residuals),
            };
            if score.is_finite() {
                return Ok(score);
            }
            let id = test.clips.get(clip).map_or("?", |clip| clip.id.as_str());
            Err(DetectorError::Data(format!("the score of clip `{id}` is {score}")))
        });
        scores.into_iter().collect()
    }
}

impl Autoencoder {
    fn course(&self) -> Course<'_> {
        let Self { epochs, batch, learning_rate, ref training, .. } = *self;
        Course { epochs, batch, learning_rate, training }
    }

    fn windows<'a>(&self, clips: Vec<&'a [f32]>, dims: usize) -> Views<'a> {
        let middle = self.window / 2 * dims;
        let centre = (self.predict == Predict::Centre).then_some(middle..middle + dims);
        Views { all: Windows::new(clips, dims, self.window), centre }
    }

    /// Number of inputs.
    fn inputs(&self, dims: usize) -> usize {
        match self.predict {
            Predict::All => self.window * dims,
            Predict::Centre => (self.window - 1) * dims,
        }
    }

    /// Number of outputs.
    fn outputs(&self, dims: usize) -> usize {
        match self.predict {
            Predict::All => self.window * dims,
            Predict::Centre => dims,
        }
    }

    /// The network of a model, for features of `dims` values.
    pub(super) fn read(&self, model: &Tensors, dims: usize) -> Result<Network, DetectorError> {
        let network = autoencoder::read(model)?;
        self.check_inputs(&network, dims)?;
        Ok(network)
    }

    /// The network's output for every window of a clip: (windows, values).
    pub(super) fn outputs_of(&self, network: &Network, clip: &[f32], dims: usize) -> Vec<f32> {
        self.each_block(network, clip, dims, |output, _, values| values.extend_from_slice(output))
    }

    /// The output minus the target for every window of a clip.
    fn residuals(&self, network: &Network, clip: &[f32], dims: usize) -> Vec<f32> {
        self.each_block(network, clip, dims, |output, target, values| {
            values.extend(output.iter().zip(target).map(|(y, x)| y - x));
        })
    }

    /// Values gathered from the outputs and targets of a few windows at a time.
    fn each_block(
        &self,
        network: &Network,
        clip: &[f32],
        dims: usize,
        gather: impl Fn(&[f32], &[f32], &mut Vec<f32>),
    ) -> Vec<f32> {
        let windows = self.windows(vec![clip], dims);
        let all: Vec<u32> = (0..windows.all.len() as u32).collect();
        let (mut cpu, mut batch, mut values) = (Cpu::default(), Batch::default(), Vec::new());
        for block in all.chunks(BLOCK) {
            windows.batch(block, None, &mut batch);
            let target = if batch.target.is_empty() { &batch.inputs[0] } else { &batch.target };
            gather(cpu.infer(network, &[&batch.inputs[0]]), target, &mut values);
        }
        values
    }

    /// The selected frames of each clip, as one slice of values per clip.
    pub(super) fn values<'a>(
        &self,
        clips: &Examples<'a>,
        dims: usize,
    ) -> Result<Vec<Cow<'a, [f32]>>, DetectorError> {
        let clip_values = |(i, x): (usize, &ArrayView2<'a, f32>)| {
            let id = clips.clips.get(i).map_or("?", |clip| clip.id.as_str());
            if x.ncols() != dims {
                let message = format!(
                    "clip `{id}` has {} dims per frame, but the clips before it have {dims}",
                    x.ncols()
                );
                return Err(DetectorError::Data(message));
            }
            let frames = self.frames.unwrap_or(FrameRange { from: 0, to: x.nrows() });
            if frames.to > x.nrows() {
                let message = format!(
                    "clip `{id}` has {} frames, not {}..{}",
                    x.nrows(),
                    frames.from,
                    frames.to
                );
                return Err(DetectorError::Data(message));
            }
            let found = frames.to - frames.from;
            if found < self.window {
                let message =
                    format!("clip `{id}` has {found} frames, but a window needs {}", self.window);
                return Err(DetectorError::Data(message));
            }
            let range = frames.from * dims..frames.to * dims;
            Ok(match x.to_slice() {
                Some(values) => Cow::Borrowed(&values[range]),
                None => Cow::Owned(x.iter().copied().collect::<Vec<f32>>()[range].to_vec()),
            })
        };
        clips.features.iter().enumerate().map(clip_values).collect()
    }

    /// Checks that a model fits windows of features of `dims` values.
    fn check_inputs(&self, network: &Network, dims: usize) -> Result<(), DetectorError> {
        let (inputs, outputs) = (network.graph.inputs()[0].len(), network.graph.output().len());
        let (window, width) = (self.window, self.inputs(dims));
        if inputs == width && outputs == self.outputs(dims) {
            return Ok(());
        }
        let message = format!(
            "the model takes {inputs} values and gives {outputs}, but {window} frames of {dims} are {width} and {}",
            self.outputs(dims)
        );
        Err(DetectorError::Data(message))
    }
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
