//! MobileNetV2 that learns to distinguish the sections of a machine: a clip that does not sound
//! like its own section is anomalous.
//!
//! Dohi et al. 2022 (MIMII DG) and the second baseline of DCASE 2022: images of 64 frames x 128
//! bands, repeated as three colours, and a softmax over the sections of a machine. The score of a
//! clip is minus the logit of the probability of its own section, averaged over its images. The
//! paper trains on every 16th image, the repository on every 8th; both score every image. The
//! network itself is [`architecture`].
//!
//! It detects only anomalies that make a clip sound like another section, so it needs sections that
//! differ.

mod architecture;

pub use architecture::mobilenet_v2;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::images::{Images, Labelled};
use super::training::{self, Batch, Course, Rows, Training};
use super::{Detector, DetectorError, Examples, Scope, Takes, networks};
use crate::artifact::Tensors;
use crate::context::{Context, WARNING};
use crate::diagnose::Problem;
use crate::family;
use crate::math;
use crate::nn::{Cpu, Engine, Loss, Network, Shape, Trainer};
use crate::weights::arrays;

/// Images scored at a time.
const BLOCK: usize = 32;

/// The smallest probability before a logarithm, as in the repository: the epsilon of f64.
const LEAST: f64 = f64::EPSILON;

/// MobileNetV2 of the DCASE baselines: it learns to distinguish the sections of a machine. A clip
/// that does not sound like its own section is anomalous.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Written")]
#[schemars(!from, default, deny_unknown_fields, transform = family::with_preset::<Preset>)]
pub struct MobileNetV2 {
    /// Frames per image.
    #[schemars(range(min = 4, max = 4096))]
    pub frames: usize,
    /// Frames from one image to the next in training.
    #[schemars(range(min = 1, max = 4096))]
    pub hop: usize,
    /// Frames from one image to the next in scoring.
    #[schemars(range(min = 1, max = 4096))]
    pub test_hop: usize,
    /// The factor of the numbers of channels.
    #[schemars(range(min = 0.1, max = 2))]
    pub width: f64,
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

/// Settings as written: a preset, and the settings that override it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    preset: Option<Preset>,
    frames: Option<usize>,
    hop: Option<usize>,
    test_hop: Option<usize>,
    width: Option<f64>,
    epochs: Option<usize>,
    batch: Option<usize>,
    learning_rate: Option<f64>,
    training: training::Written,
}

/// Settings of published results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Preset {
    /// Dohi et al. 2022: hop 16, learning rate 1e-4, batches of 128.
    #[default]
    Paper,
    /// The repository of the DCASE 2022 baseline: hop 8, learning rate 1e-5, batches of 32, the
    /// last tenth of the rows held out.
    Repository,
}

impl From<Written> for MobileNetV2 {
    fn from(w: Written) -> Self {
        let (hop, rate, batch, validation) = match w.preset.unwrap_or_default() {
            Preset::Paper => (16, 1e-4, 128, 0.0),
            Preset::Repository => (8, 1e-5, 32, 0.1),
        };
        Self {
            frames: w.frames.unwrap_or(64),
            hop: w.hop.unwrap_or(hop),
            test_hop: w.test_hop.unwrap_or(1),
            width: w.width.unwrap_or(0.5),
            epochs: w.epochs.unwrap_or(20),
            batch: w.batch.unwrap_or(batch),
            learning_rate: w.learning_rate.unwrap_or(rate),
            training: w.training.or(validation),
        }
    }
}

impl Default for MobileNetV2 {
    fn default() -> Self {
        Written::default().into()
    }
}

impl Detector for MobileNetV2 {
    fn version(&self) -> u32 {
        2
    }

    fn takes(&self) -> Takes {
        Takes::Frames
    }

    fn scope(&self) -> Scope {
        Scope::Machine
    }

    fn seeded(&self) -> bool {
        true
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = self.course().problems();
        for (field, value, from, to) in [
            ("frames", self.frames, 4, 4096),
            ("hop", self.hop, 1, 4096),
            ("test_hop", self.test_hop, 1, 4096),
        ] {
            if !(from..=to).contains(&value) {
                let message = format!("`{field}` is {value}, outside {from}..{to}");
                problems.push(
                    Problem::new(field, message)
                        .hint(format!("write a number from {from} to {to}")),
                );
            }
        }
        if !(self.width >= 0.1 && self.width <= 2.0) {
            let message = format!("`width` is {}, outside 0.1..2", self.width);
            problems.push(Problem::new("width", message).hint("0.5 is the baseline's"));
        }
        problems
    }

    fn export(&self, model: &Tensors) -> Option<Result<Network, DetectorError>> {
        let network = model.f64_1("input.bands").and_then(|bands| {
            let (bands, sections) = (bands[0] as usize, networks::read_names("section", model));
            arrays::read(
                architecture::mobilenet_v2(self.shape(bands), self.width, sections.len()),
                model,
            )
        });
        Some(network.map_err(DetectorError::from))
    }

    fn memory(&self, _: usize, dims: usize) -> usize {
        let graph = architecture::mobilenet_v2(self.shape(dims), self.width, 3);
        // Activations and, in the backward pass, at most as much again; weights, gradient, moments,
        // checkpoint.
        4 * (2 * self.batch * graph.activations() + 10 * graph.weight_count())
    }

    fn fit(
        &self,
        train: &Examples,
        _: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let Some(dims) = train.features.first().map(|x| x.ncols()) else {
            return Err(DetectorError::NoClips);
        };
        let train = &networks::recordings_last(train, self.training.validation);
        let images = Images::new(train, [self.frames, dims], self.hop)?;
        if train.clips.is_empty() {
            return Err(DetectorError::NoClips);
        }
        let sections = networks::classes(train.clips.iter().map(|clip| clip.section.as_str()));
        if sections.len() < 2 {
            let message = format!(
                "all clips are of section `{}`: the network needs at least two sections",
                sections[0]
            );
            return Err(DetectorError::TooFew(message));
        }
        let labels = train.clips.iter().map(|clip| {
            sections.binary_search(&clip.section).expect("every section is listed") as u32
        });
        let rows =
            Labelled { images, labels: labels.collect(), classes: sections.len(), channels: 3 };
        let mut rng = cx.seed.derive(&["mobilenet_v2", "weights"]).rng();
        let graph = architecture::mobilenet_v2(self.shape(dims), self.width, sections.len());
        let network = Network::new(graph, &mut || rng.uniform());
        let trainer = Trainer::new(
            network,
            Loss::Softmax,
            self.training.device.engine()?,
            self.training.clip_norm,
        );
        let (network, history) = self.course().run(trainer, &rows, cx)?;
        let epochs = history.f64_1("history/loss")?.len();
        let steps = ((rows.len() as f64 * (1.0 - self.training.validation)) as usize)
            .div_ceil(self.batch)
            * epochs;
        if steps < 5000 {
            let left = 100.0 * math::powi(1.0 - f64::from(architecture::NORM.follow), steps as i32);
            (cx.log)(&format!(
                "{WARNING}after {steps} steps {left:.1} % of the running statistics still hold their initial values (as in Keras): train longer, or the scores mean little"
            ));
        }
        let mut model = arrays::write(&network);
        networks::write_names("section", &sections, &mut model);
        model.put_f64("input.bands", ndarray::Array1::from(vec![dims as f64]));
        model.0.extend(history.0);
        Ok(model)
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let Some(dims) = test.features.first().map(|x| x.ncols()) else { return Ok(Vec::new()) };
        let sections = networks::read_names("section", model);
        let network = arrays::read(
            architecture::mobilenet_v2(self.shape(dims), self.width, sections.len()),
            model,
        )?;
        let clips: Vec<usize> = (0..test.features.len().min(test.clips.len())).collect();
        let scores = cx.map(&clips, |&clip| {
            if cx.cancelled() {
                return Err(DetectorError::Cancelled);
            }
            let (id, section) = (&test.clips[clip].id, &test.clips[clip].section);
            let own = sections.binary_search(section).map_err(|_| {
                let known = sections.join("`, `");
                DetectorError::Data(format!(
                    "clip `{id}` is of section `{section}`, but the model was trained only on `{known}`"
                ))
            })?;
            let images = Images::new(&test.take(&[clip]), [self.frames, dims], self.test_hop)?;
            let rows = Labelled { images, labels: vec![0], classes: sections.len(), channels: 3 };
            let all: Vec<u32> = (0..rows.len() as u32).collect();
            let (mut cpu, mut batch, mut sum) = (Cpu::default(), Batch::default(), 0.0);
            for block in all.chunks(BLOCK) {
                rows.batch(block, None, &mut batch);
                let logits = cpu.infer(&network, &[&batch.inputs[0]]);
                if logits.iter().any(|x| !x.is_finite()) {
                    return Err(DetectorError::Data(format!("the network's output for clip `{id}` is not finite")));
                }
                sum += logits.chunks(sections.len()).map(|logits| negative_logit(logits, own)).sum::<f64>();
            }
            Ok(sum / all.len() as f64)
        });
        scores.into_iter().collect()
    }
}

impl MobileNetV2 {
    fn course(&self) -> Course<'_> {
        let Self { epochs, batch, learning_rate, ref training, .. } = *self;
        Course { epochs, batch, learning_rate, training }
    }

    fn shape(&self, dims: usize) -> Shape {
        Shape { height: self.frames, width: dims, channels: 3 }
    }
}

/// ln(1 - p) - ln(p) for the softmax probability of class `own`. p is an f32 as in the repository;
/// both arguments are at least [`LEAST`].
fn negative_logit(logits: &[f32], own: usize) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp = |x: f32| math::exp(f64::from(x - largest));
    let p = (exp(logits[own]) / logits.iter().map(|&x| exp(x)).sum::<f64>()) as f32;
    math::ln(f64::from(1.0 - p).max(LEAST)) - math::ln(f64::from(p).max(LEAST))
}

#[cfg(test)]
mod tests;
