//! Small convolutional networks that learn to distinguish sections or attributes, for their
//! embeddings.
//!
//! The features that distinguish the normal sounds of a machine also change when the machine breaks
//! (auxiliary classification: Giri et al. 2020, Wilkinghoff 2021 and 2023). One branch sees the
//! spectrogram, another the spectrum of the whole clip ([`architecture`]). With both it is the
//! multi-resolution network of Wilkinghoff 2023. The loss may be one on angles to trained centres
//! ([`Loss`](crate::nn::Loss)), which keeps a class together and not only apart from others.

mod architecture;
mod copies;
mod exchange;
mod pseudo_labels;
mod rows;
mod settings;
mod spec_augment;

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::exchange::{FeatEx, SubspaceLoss};
pub use self::pseudo_labels::PseudoLabels;
use self::rows::{Inputs, Mixed};
pub use self::settings::{Branch, Labels, LossSettings};
pub use self::spec_augment::SpecAugment;
use super::{Embedder, Hearing};
use crate::artifact::{Domain, Tensors};
use crate::context::Context;
use crate::detector::DetectorError;
use crate::detector::training::{Batch, Course, Training};
use crate::diagnose::Problem;
use crate::dsp::Layout;
use crate::nn::{Cpu, Engine, Network, Trainer};
use crate::weights::arrays;

/// Clips embedded at a time.
const BLOCK: usize = 32;

/// A small convolutional network that learns to distinguish the sections and attributes of a
/// machine (Wilkinghoff 2021, 2023).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cnn {
    /// The inputs of the network. The embeddings of two branches are concatenated.
    #[schemars(length(min = 1, max = 2))]
    pub branches: Vec<Branch>,
    /// Further branches: spectrograms of the whole clip, by their samples per frame (powers of two).
    /// The hop is half a frame. All branches are concatenated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = Layout::MOST), inner(range(min = Layout::LEAST, max = Layout::LONGEST)))]
    pub stft: Vec<usize>,
    /// Frames per spectrogram. Default: the frames of the shortest training clip. A longer clip
    /// gives several spectrograms, and its embedding is their mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 8, max = 65_536))]
    pub frames: Option<usize>,
    /// Channels of the 1 to 8 stages that see the spectrogram. Each stage halves the size.
    #[schemars(length(min = 1, max = 8), inner(range(min = 1, max = 4096)))]
    pub channels: Vec<usize>,
    /// Length of a branch's embedding.
    #[schemars(range(min = 2, max = 8192))]
    pub dims: usize,
    /// The classes that the network learns to distinguish.
    pub labels: Labels,
    /// Classes for clips whose attributes are hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pseudo_labels: Option<PseudoLabels>,
    /// The loss function, with its settings.
    pub loss: LossSettings,
    /// Networks that are trained from different seeds. Their embeddings are concatenated.
    #[serde(skip_serializing_if = "copies::is_one")]
    #[schemars(range(min = 1, max = copies::MOST), extend("default" = 1))]
    pub copies: usize,
    /// The parameter of mixup (Zhang et al. 2018): examples and labels are mixed with shares from
    /// Beta(mixup, mixup). 0 turns it off.
    #[schemars(range(min = 0, max = 100))]
    pub mixup: f64,
    /// Masks over frames and bands of the training images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_augment: Option<SpecAugment>,
    /// Exchanges the embeddings of the branches between clips.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub featex: Option<FeatEx>,
    /// Adds a loss for the embedding of each branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subspace_loss: Option<SubspaceLoss>,
    /// Whether an epoch has equally many images of both domains. Images of the rarer domain are
    /// drawn with replacement.
    pub balance: bool,
    /// Passes over all training images.
    #[schemars(range(min = 1, max = 100_000))]
    pub epochs: usize,
    /// Images per training step.
    #[schemars(range(min = 2, max = 65_536))]
    pub batch: usize,
    /// Step size of Adam at the start of training.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// How the network is trained.
    pub training: Training,
}

impl Default for Cnn {
    fn default() -> Self {
        Self {
            branches: vec![Branch::Spectrogram, Branch::Spectrum],
            stft: Vec::new(),
            frames: None,
            channels: vec![16, 32, 64, 128],
            dims: 128,
            labels: Labels::default(),
            pseudo_labels: None,
            loss: LossSettings::default(),
            copies: 1,
            mixup: 0.2,
            spec_augment: None,
            featex: None,
            subspace_loss: None,
            balance: false,
            epochs: 20,
            batch: 64,
            learning_rate: 1e-3,
            training: Training::default(),
        }
    }
}

impl Embedder for Cnn {
    fn version(&self) -> u32 {
        2
    }

    fn hears_spectrum(&self) -> bool {
        self.branches.contains(&Branch::Spectrum) || !self.stft.is_empty()
    }

    fn stfts(&self) -> &[usize] {
        &self.stft
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.course().problems();
        let mut wrong = |field: &str, message: String, hint: &str| {
            problems.push(Problem::new(field, message).hint(hint.to_owned()));
        };
        let mut different = self.branches.clone();
        different.dedup();
        if self.branches.is_empty()
            || different.len() != self.branches.len()
            || self.branches.len() > 2
        {
            let message = format!(
                "`branches` names {}; `spectrogram` and `spectrum` may stand there once each",
                self.branches.len()
            );
            wrong("branches", message, "write `branches: [spectrogram, spectrum]`, or one of them");
        }
        if self.channels.is_empty()
            || self.channels.len() > 8
            || self.channels.iter().any(|c| !(1..=4096).contains(c))
        {
            wrong(
                "channels",
                "`channels` are not 1 to 8 numbers from 1 to 4096".into(),
                "write `channels: [16, 32, 64, 128]`",
            );
        }
        if !(2..=8192).contains(&self.dims) {
            wrong("dims", format!("`dims` is {}, outside 2..8192", self.dims), "128 is usual");
        }
        if !(1..=copies::MOST).contains(&self.copies) {
            let message = format!("`copies` is {}, outside 1..{}", self.copies, copies::MOST);
            wrong("copies", message, "three to ten are usual");
        }
        if self.frames.is_some_and(|frames| !(8..=65_536).contains(&frames)) {
            let message =
                format!("`frames` is {}, outside 8..65536", self.frames.unwrap_or_default());
            wrong("frames", message, "leave it out to see whole clips");
        }
        if !(self.mixup >= 0.0 && self.mixup <= 100.0) {
            wrong(
                "mixup",
                format!("`mixup` is {}, outside 0..100", self.mixup),
                "write the alpha of a Beta, such as 0.2",
            );
        }
        if let (LossSettings::SubClusterAdacos { adaptive: true, .. }, true) =
            (self.loss, self.mixup == 0.0)
        {
            // The right class is part of the sum that sets the scale. Once it fits, each batch
            // doubles the scale.
            let message =
                "the adaptive scale of `sub_cluster_adacos` grows without end if `mixup` is 0"
                    .to_owned();
            wrong("mixup", message, "write `mixup: 0.2`, or `adaptive: false` in the loss");
        }
        problems.extend(
            Layout::refusal(&self.stft)
                .map(|message| Problem::new("stft", message).hint("write `stft: [256, 4096]`")),
        );
        if let Some(augment) = &self.spec_augment {
            problems.extend(augment.problems());
            if !self.branches.contains(&Branch::Spectrogram) && self.stft.is_empty() {
                let message = "`spec_augment` masks spectrograms, but no branch sees one";
                problems.push(
                    Problem::new("spec_augment", message)
                        .hint("write `branches: [spectrogram, spectrum]`"),
                );
            }
        }
        if let Some(pseudo) = &self.pseudo_labels {
            problems.extend(pseudo.problems());
            if self.labels == Labels::Section {
                let message = "`pseudo_labels` stand for attributes, but `labels` is `section`";
                problems.push(
                    Problem::new("pseudo_labels", message)
                        .hint("write `labels: section_and_attribute`"),
                );
            }
        }
        problems.extend(exchange::problems(self));
        let seen = if self.subspace_loss.is_some() { 1 } else { self.parts() };
        problems.extend(self.loss.problems(self.dims.saturating_mul(seen)));
        problems
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        // The length of clips and their spectra is unknown here. Whole clips of ten seconds are
        // usual in the field.
        let (frames, bins) = (self.frames.unwrap_or(313).min(rows.max(8)), 80_000);
        let layout = Layout::new(bins, &self.stft);
        let graph = architecture::network(self, [frames, dims], &layout);
        4 * (2 * self.batch * graph.activations() + 10 * graph.weight_count())
    }

    fn fit(&self, heard: &Hearing, cx: &Context) -> Result<Tensors, DetectorError> {
        copies::fit(self.copies, cx, |own| self.train(heard, own))
    }

    fn embed(
        &self,
        model: &Tensors,
        heard: &Hearing,
        cx: &Context,
    ) -> Result<Array2<f32>, DetectorError> {
        copies::embed(self.copies, model, |network| self.embed_by(network, heard, cx))
    }
}

impl Cnn {
    /// One network.
    fn train(&self, heard: &Hearing, cx: &Context) -> Result<Tensors, DetectorError> {
        let train = &heard.clips;
        let inputs = Inputs::new(self, heard)?;
        let pseudo = self.pseudo_labels.map(|pseudo| pseudo.of(train, cx)).transpose()?;
        let (classes, labels) = self.labels.of(train, &pseudo.unwrap_or_default())?;
        if classes.len() < 2 {
            let message = format!(
                "all {} clips are of one class, `{}`: the network needs at least two",
                labels.len(),
                classes[0]
            );
            return Err(DetectorError::TooFew(message));
        }
        (cx.log)(&format!("{} classes, images of {} frames", classes.len(), inputs.shape[0]));
        let mut rng = cx.seed.derive(&["cnn", "weights"]).rng();
        let mut graph = architecture::network(self, inputs.shape, &inputs.layout);
        if self.loss == (LossSettings::Softmax {}) {
            graph = architecture::with_logits(graph, classes.len());
        }
        let network = Network::new(graph, &mut || rng.uniform());
        let loss = exchange::loss(self, classes.len(), &mut || rng.uniform());
        let targets = train.clips.iter().map(|clip| clip.domain == Some(Domain::Target)).collect();
        let rows =
            Mixed { inputs: &inputs, labels, targets, classes: classes.len(), settings: self };
        let trainer =
            Trainer::new(network, loss, self.training.device.engine()?, self.training.clip_norm);
        let (network, history) = self.course().run(trainer, &rows, cx)?;
        let mut model = arrays::write(&network);
        inputs.scaling.write(self, &mut model);
        model.0.extend(history.0);
        Ok(model)
    }

    /// The embeddings of one network, (clips, dims).
    fn embed_by(
        &self,
        model: &Tensors,
        heard: &Hearing,
        cx: &Context,
    ) -> Result<Array2<f32>, DetectorError> {
        let inputs = Inputs::with(self, heard, rows::Scaling::read(self, model)?)?;
        let graph = architecture::network(self, inputs.shape, &inputs.layout);
        let network = arrays::read(graph, model)?;
        let width = network.graph.output().len();
        let all: Vec<u32> = (0..inputs.len() as u32).collect();
        let blocks: Vec<&[u32]> = all.chunks(BLOCK).collect();
        let vectors = cx.map(&blocks, |block| {
            if cx.cancelled() {
                return Err(DetectorError::Cancelled);
            }
            let mut batch = Batch::default();
            inputs.fill(block, &mut batch);
            let values: Vec<&[f32]> = batch.inputs.iter().map(Vec::as_slice).collect();
            Ok(Cpu::default().infer(&network, &values).to_vec())
        });
        let vectors = vectors.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        Ok(inputs.means(&vectors, width))
    }

    /// The number of branches of all kinds.
    fn parts(&self) -> usize {
        self.branches.len() + self.stft.len()
    }

    fn course(&self) -> Course<'_> {
        let Self { epochs, batch, learning_rate, ref training, .. } = *self;
        Course { epochs, batch, learning_rate, training }
    }
}

#[cfg(test)]
mod tests;
