//! The inputs, the classes and the loss of the networks.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::Clip;
use crate::detector::{DetectorError, Examples};
use crate::diagnose::Problem;
use crate::nn::{Angular, Loss, Projection, Scaling};

/// A part of the network, named by its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Branch {
    /// The frames of `features`.
    Spectrogram,
    /// The spectrum of the whole clip (the feature `clip_spectrum`).
    Spectrum,
}

/// The labels of the classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// The section.
    Section,
    /// All attributes together. Never the domain, which scoring must not know.
    Attribute,
    /// The section and all attributes.
    #[default]
    SectionAndAttribute,
}

/// The loss, with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LossSettings {
    /// Cross entropy of a softmax, with one logit for each class.
    Softmax {},
    /// ArcFace: angles to the centre of each class, with a margin (Deng et al. 2019).
    Arcface {
        /// The factor of the cosines.
        #[serde(default = "arcface_scale")]
        #[schemars(range(max = 1e4), extend("exclusiveMinimum" = 0))]
        scale: f64,
        /// The margin between classes in radians.
        #[serde(default = "arcface_margin")]
        #[schemars(range(min = 0, max = 1.5))]
        margin: f64,
    },
    /// AdaCos: angles to the centre of each class, with an automatic scale (Zhang et al. 2019).
    Adacos {
        /// Whether the scale follows the angles during training.
        #[serde(default = "yes")]
        adaptive: bool,
        /// Whether the centres are trained, or keep their random start.
        #[serde(default = "yes")]
        trainable: bool,
    },
    /// Sub-cluster AdaCos: several centres for each class (Wilkinghoff 2021).
    SubClusterAdacos {
        /// The number of centres of each class.
        #[serde(default = "sixteen")]
        #[schemars(range(min = 1, max = 1024))]
        clusters: usize,
        /// Whether the scale follows the angles during training.
        #[serde(default = "yes")]
        adaptive: bool,
        /// Whether the centres are trained, or keep their random start.
        #[serde(default = "yes")]
        trainable: bool,
    },
    /// AdaProj: distances to a subspace of each class, with an automatic scale (Wilkinghoff 2024).
    Adaproj {
        /// The number of vectors that span the subspace of a class.
        #[serde(default = "thirty_two")]
        #[schemars(range(min = 1, max = 1024))]
        subspace_dims: usize,
        /// Whether the scale follows the angles during training.
        #[serde(default = "yes")]
        adaptive: bool,
        /// Whether the vectors are trained, or keep their random start.
        #[serde(default)]
        trainable: bool,
    },
}

fn arcface_scale() -> f64 {
    30.0
}

fn arcface_margin() -> f64 {
    0.2
}

fn yes() -> bool {
    true
}

fn sixteen() -> usize {
    16
}

fn thirty_two() -> usize {
    32
}

impl Default for LossSettings {
    fn default() -> Self {
        Self::SubClusterAdacos { clusters: 16, adaptive: true, trainable: true }
    }
}

impl LossSettings {
    /// All settings that are out of range for an embedding of `dims`.
    pub fn problems(&self, dims: usize) -> Vec<Problem> {
        let wrong = |field: &str, message: String, hint: &str| {
            vec![Problem::new(field, message).hint(hint.to_owned())]
        };
        match *self {
            Self::Arcface { scale, .. } if !(scale > 0.0 && scale <= 1e4) => wrong(
                "loss.arcface.scale",
                format!("`scale` is {scale}, outside 0..10000"),
                "30 is usual",
            ),
            Self::Arcface { margin, .. } if !(0.0..=1.5).contains(&margin) => wrong(
                "loss.arcface.margin",
                format!("`margin` is {margin} radians, outside 0..1.5"),
                "0.2 is usual",
            ),
            Self::SubClusterAdacos { clusters, .. } if !(1..=1024).contains(&clusters) => {
                let message = format!("`clusters` is {clusters}, outside 1..1024");
                wrong("loss.sub_cluster_adacos.clusters", message, "16 is usual")
            }
            Self::Adaproj { subspace_dims, .. } if !(1..=1024).contains(&subspace_dims) => {
                let message = format!("`subspace_dims` is {subspace_dims}, outside 1..1024");
                wrong("loss.adaproj.subspace_dims", message, "32 is usual")
            }
            // Nothing lies outside of a subspace with all dimensions.
            Self::Adaproj { subspace_dims, .. } if subspace_dims >= dims => {
                let message = format!(
                    "`subspace_dims` is {subspace_dims}, but the loss sees {dims} dimensions"
                );
                wrong(
                    "loss.adaproj.subspace_dims",
                    message,
                    "write fewer, such as a quarter of them",
                )
            }
            _ => Vec::new(),
        }
    }

    /// The same loss with trained centres.
    pub fn trained(self) -> Self {
        match self {
            Self::Softmax {} | Self::Arcface { .. } => self,
            Self::Adacos { adaptive, .. } => Self::Adacos { adaptive, trainable: true },
            Self::SubClusterAdacos { clusters, adaptive, .. } => {
                Self::SubClusterAdacos { clusters, adaptive, trainable: true }
            }
            Self::Adaproj { subspace_dims, adaptive, .. } => {
                Self::Adaproj { subspace_dims, adaptive, trainable: true }
            }
        }
    }

    /// The loss on angles to the centres of `classes` in `dims` dimensions, or on distances to their
    /// subspaces; `None` for a softmax. `uniform` draws from [0, 1).
    pub fn angular(
        &self,
        classes: usize,
        dims: usize,
        uniform: &mut dyn FnMut() -> f64,
    ) -> Option<Loss> {
        let (clusters, scaling, margin, scale, trainable) = match *self {
            Self::Softmax {} => return None,
            Self::Arcface { scale, margin } => (1, Scaling::Fixed, margin, Some(scale), true),
            Self::Adacos { adaptive, trainable } => (1, scaling(adaptive), 0.0, None, trainable),
            Self::SubClusterAdacos { clusters, adaptive, trainable } => {
                (clusters, scaling(adaptive), 0.0, None, trainable)
            }
            Self::Adaproj { subspace_dims, adaptive, trainable } => {
                (subspace_dims, scaling(adaptive), 0.0, None, trainable)
            }
        };
        let count = classes * clusters;
        let limit = (6.0 / (count + dims) as f64).sqrt();
        let centres = (0..count * dims).map(|_| (limit * (2.0 * uniform() - 1.0)) as f32).collect();
        if let Self::Adaproj { .. } = self {
            let scale = Angular::adacos_scale(classes);
            let loss = Projection::new(centres, dims, clusters, scale, scaling, trainable);
            return Some(Loss::Projection(loss));
        }
        let scale = scale.unwrap_or_else(|| Angular::adacos_scale(count));
        let loss = Angular::new(centres, dims, clusters, scale, scaling, margin, trainable);
        Some(Loss::Angular(loss))
    }
}

fn scaling(adaptive: bool) -> Scaling {
    if adaptive { Scaling::Adaptive } else { Scaling::Fixed }
}

impl Labels {
    /// The sorted classes, and the class of each clip. The text of a clip in `pseudo`, if there is
    /// one, stands for its attributes. Clips of several machines are of different classes.
    pub fn of(
        self,
        train: &Examples,
        pseudo: &[Option<String>],
    ) -> Result<(Vec<String>, Vec<u32>), DetectorError> {
        if train.clips.is_empty() {
            return Err(DetectorError::NoClips);
        }
        let several = train.clips.iter().any(|clip| clip.machine != train.clips[0].machine);
        let named = |(place, clip): (usize, &&Clip)| {
            let pseudo = pseudo.get(place).and_then(Option::as_deref);
            let name = self.name(clip) + pseudo.unwrap_or_default();
            if several { format!("{}/{name}", clip.machine) } else { name }
        };
        let names: Vec<String> = train.clips.iter().enumerate().map(named).collect();
        let classes: Vec<String> =
            names.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        let place =
            |name: &String| classes.binary_search(name).expect("every class is listed") as u32;
        let labels = names.iter().map(place).collect();
        Ok((classes, labels))
    }

    fn name(self, clip: &Clip) -> String {
        match self {
            Labels::Section => clip.section.clone(),
            Labels::Attribute => attributes(clip),
            Labels::SectionAndAttribute => format!("{}{}", clip.section, attributes(clip)),
        }
    }
}

fn attributes(clip: &Clip) -> String {
    clip.attributes.iter().map(|(name, value)| format!("/{name}={value}")).collect()
}
