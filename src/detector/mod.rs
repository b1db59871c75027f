//! The family of detectors: learn the normal sounds, then score the distance of a clip from them.
//!
//! A detector sees features and clips, never files, folders or the store. Its fitted state is a set
//! of named arrays ([`Tensors`]), so neural and classical detectors look alike to all other code.
//!
//! To add one: write a file with a config struct (`Default`, `deny_unknown_fields`) and `impl
//! Detector`, a `mod` line and a line in the list below; then accept its golden value.

use ndarray::{Array2, ArrayView2};

use crate::artifact::{Clip, TensorError, Tensors};
use crate::command::Program;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::family;
use crate::learn;
use crate::nn::Network;
use crate::weights;

/// The form in which a detector takes a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// The frames of the feature matrix, (frames, dims). Pooling settings have no effect.
    Frames,
    /// One vector per clip, (1, dims), made by pooling.
    Vectors,
}

/// The clips that share one model.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One model per section.
    #[default]
    Section,
    /// One model per machine, over all its sections.
    Machine,
}

/// Clips with their features, in the order of the clip sets.
#[derive(Clone, Default)]
pub struct Examples<'a> {
    pub clips: Vec<&'a Clip>,
    /// One matrix per clip: (frames, dims), or (1, dims) for detectors of vectors.
    pub features: Vec<ArrayView2<'a, f32>>,
}

impl<'a> Examples<'a> {
    /// The examples at these places.
    pub fn take(&self, places: &[usize]) -> Examples<'a> {
        Self {
            // Tests and library users may have features without clips.
            clips: places.iter().filter_map(|&i| self.clips.get(i).copied()).collect(),
            features: places.iter().map(|&i| self.features[i]).collect(),
        }
    }
}

/// The reason why a detector could not fit or score.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    #[error("there are no normal training clips")]
    NoClips,
    #[error("{0}")]
    Data(String),
    /// More clips, or clips that differ more, would help. It may be true of a part of the clips but
    /// not of all.
    #[error("{0}")]
    TooFew(String),
    #[error(transparent)]
    Model(#[from] TensorError),
    /// The run was cancelled; nobody will see this.
    #[error("cancelled")]
    Cancelled,
}

impl From<learn::Error> for DetectorError {
    fn from(error: learn::Error) -> Self {
        match error {
            learn::Error::Data(message) => Self::Data(message),
            learn::Error::TooFew(message) => Self::TooFew(message),
            learn::Error::Cancelled => Self::Cancelled,
        }
    }
}

impl From<weights::Error> for DetectorError {
    fn from(error: weights::Error) -> Self {
        match error {
            weights::Error::Tensor(error) => Self::Model(error),
            weights::Error::Data(message) => Self::Data(message),
        }
    }
}

impl DetectorError {
    /// The error with another message, for example one that names the clips. Errors from other
    /// rooms keep their message.
    pub(crate) fn reworded(self, words: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Data(message) => Self::Data(words(message)),
            Self::TooFew(message) => Self::TooFew(words(message)),
            other => other,
        }
    }
}

/// A way to learn the normal sounds and to score clips.
pub trait Detector: Send + Sync {
    /// Raised whenever the same input gives other output. Golden values in tests guard it.
    fn version(&self) -> u32;

    fn takes(&self) -> Takes {
        Takes::Vectors
    }

    fn scope(&self) -> Scope {
        Scope::Section
    }

    /// Whether fitting uses random numbers. If not, a sweep over seeds shares one model.
    fn seeded(&self) -> bool {
        false
    }

    /// All settings that are out of range.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// A file from which the model is read instead of being fitted: the name of its field, and the
    /// path (absolute once the spec is resolved). The file's content goes into keys, not its path.
    fn weights(&self) -> Option<(&'static str, &str)> {
        None
    }

    /// The programs of users that it calls, each with the prefix of its arrays. Their files are read
    /// when a spec is, and given to [`Detector::fit`] as `weights`.
    fn programs(&self) -> Vec<(String, Program<'_>)> {
        Vec::new()
    }

    /// Memory for fitting beside its inputs, in bytes, for `rows` x `dims` of features.
    fn memory(&self, rows: usize, dims: usize) -> usize {
        3 * 4 * rows * dims
    }

    /// The network of a model, for export to other programs; `None` if the model is not a network.
    fn export(&self, _model: &Tensors) -> Option<Result<Network, DetectorError>> {
        None
    }

    /// The contribution of each value of a clip's frames to its score: (frames, dims). `None` if a
    /// score has no such parts.
    fn parts(
        &self,
        _model: &Tensors,
        _frames: ArrayView2<f32>,
    ) -> Option<Result<Array2<f32>, DetectorError>> {
        None
    }

    /// The same detector with distances that are compared with the local density, so that a clip
    /// near a sparse domain is not anomalous for the sparseness alone (Wilkinghoff et al. 2025).
    /// `None` if the detector does not measure distances to training clips.
    fn with_local_density(&self, _density: LocalDensity) -> Option<Box<dyn Detector>> {
        None
    }

    /// The same detector with scores that count by what is usual in a clip's domain (DACo). `None`
    /// if the detector does not measure distances to training clips.
    fn with_domain_calibration(&self, _by: &DomainCalibration) -> Option<Box<dyn Detector>> {
        None
    }

    /// Learns from normal clips. `weights` is the content of the file of [`Detector::weights`], or
    /// of those of [`Detector::programs`].
    fn fit(
        &self,
        train: &Examples,
        weights: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError>;

    /// One score per clip, higher for more anomalous clips.
    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError>;
}

mod autoencoder;
mod classifier;
pub mod command;
mod dbscan;
mod embedding;
mod ensemble;
mod folds;
#[cfg(test)]
mod formula;
mod gmm;
mod images;
mod isolation_forest;
mod kde;
mod kernel;
mod kmeans;
mod knn;
mod lof;
mod mahalanobis;
mod mobilenet_v2;
mod networks;
mod nmf;
mod one_class_svm;
mod pca;
mod scaling;
mod training;
mod vectors;

pub use embedding::{Embedder, EmbedderSpec, Embedding, Hearing};
pub(crate) use folds::{folds, in_fold};
pub use knn::{
    Assignment, CalibrationForm, ClusterExit, DensityForm, DomainCalibration, LocalDensity,
};
pub use mobilenet_v2::mobilenet_v2 as mobilenet_v2_graph;

family! {
    /// Every detector a spec can name.
    pub enum DetectorSpec: Detector {
        "autoencoder" => Autoencoder(autoencoder::Autoencoder),
        "mobilenet_v2" => MobileNetV2(mobilenet_v2::MobileNetV2),
        "knn" => Knn(knn::Knn),
        "mahalanobis" => Mahalanobis(mahalanobis::Mahalanobis),
        "kmeans" => Kmeans(kmeans::Kmeans),
        "ensemble" => Ensemble(ensemble::Ensemble),
        "lof" => Lof(lof::Lof),
        "kde" => Kde(kde::Kde),
        "isolation_forest" => IsolationForest(isolation_forest::IsolationForest),
        "gmm" => Gmm(gmm::Gmm),
        "pca" => Pca(pca::Pca),
        "classifier" => Classifier(classifier::Classifier),
        "nmf" => Nmf(nmf::Nmf),
        "one_class_svm" => OneClassSvm(one_class_svm::OneClassSvm),
        "embedding" => Embedding(embedding::Embedding),
        "dbscan" => Dbscan(dbscan::Dbscan),
        "command" => Command(command::Command),
    }
}

impl DetectorSpec {
    /// The settings as keys have them: with the contents of files as inputs, and no paths.
    pub fn keyed(&self) -> serde_json::Value {
        let mut config = serde_json::json!(self);
        if let Some((field, _)) = self.member().weights() {
            config[self.name()][field] = true.into();
        }
        match self {
            DetectorSpec::Command(_) => {
                let programs = self.member().programs();
                let names: Vec<String> = programs.iter().flat_map(|(_, p)| p.names()).collect();
                config[self.name()]["files"] = names.into();
            }
            DetectorSpec::Ensemble(ensemble) => {
                let members = ensemble.detectors.iter().map(DetectorSpec::keyed);
                config[self.name()]["detectors"] = members.collect();
            }
            DetectorSpec::Embedding(embedding) => {
                config[self.name()]["backend"] = embedding.backend.keyed();
            }
            _ => {}
        }
        config
    }

    /// The name of what is given to its training from files: their paths.
    pub fn given(&self) -> Option<String> {
        let weights = self.member().weights().map(|(_, path)| path.to_owned());
        let programs = self.member().programs();
        let files: Vec<_> = programs.iter().map(|(prefix, own)| (prefix, own.files)).collect();
        weights.or_else(|| (!files.is_empty()).then(|| serde_json::json!(files).to_string()))
    }

    /// The network that makes embeddings before the scoring, if there is one.
    pub fn network(&self) -> Option<&EmbedderSpec> {
        match self {
            DetectorSpec::Embedding(embedding) => Some(&embedding.network),
            _ => None,
        }
    }

    /// Whether pooled vectors stand before the embeddings.
    pub fn with_pool(&self) -> bool {
        matches!(self, DetectorSpec::Embedding(embedding) if embedding.with_pool)
    }

    /// Whether one network is trained on all machines.
    pub fn all_machines(&self) -> bool {
        matches!(self, DetectorSpec::Embedding(embedding) if embedding.all_machines)
    }

    /// The detector that scores the embeddings; without a network the detector itself.
    pub fn backend(&self) -> &DetectorSpec {
        match self {
            DetectorSpec::Embedding(embedding) => &embedding.backend,
            _ => self,
        }
    }
}
