//! Stages: pure functions from artifacts to artifacts, as data.
//!
//! ```text
//! dataset -> [levels -> mixing] -> features -> [pooling] -> [network -> embedding] -> training -> scoring -> metrics
//!                               [interpolation ->]                                      [-> calibration ->]
//! submission -> metrics                                                       scores of another program
//! ```
//!
//! The set of stages is closed; families vary the inside of a stage. A [`StageSpec`] can be
//! printed, hashed and sent to another process. A stage gets its inputs, a seed and a number of
//! threads. From the outside world it reads only the recordings under the root of its source.
//! [`StageSpec::material`] decides which settings are in a key: a setting is hashed in the key of
//! the first stage that uses it.

mod calibration;
mod dataset;
mod embedding;
mod features;
mod interpolation;
mod levels;
pub mod metrics;
mod mix;
mod mixing;
mod network;
mod outputs;
mod pooling;
mod role;
mod scoring;
mod submission;
mod training;
mod vectors;
mod wave;

pub use crate::artifact::Split;
pub use crate::detector::{Scope, Takes};
pub use crate::generalize::{Generalization, Normalization, SourceValues};
pub use crate::source::SectionId;
pub use crate::threshold::TrainingScores;
pub use calibration::{Calibration, pseudo_kind};
pub use dataset::{Dataset, listing};
pub use embedding::EmbeddingStage;
pub use features::Features;
pub use interpolation::Interpolation;
pub use levels::LevelsStage;
pub use mix::{Asked, Decides, Mix, Reference, Room, Table, Written};
pub use mixing::Mixing;
pub use network::NetworkStage;
pub use outputs::{STAGES, outputs_of};
pub use pooling::Pooling;
pub use role::{Item, Role};
pub use scoring::Scoring;
pub use submission::Submission;
pub use training::TrainingStage;
pub use vectors::VectorFiles;
pub use wave::{Heard, Mixed, Recorded, hear, record};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::artifact::{
    Artifact, Blob, CalibrationScores, ClipSet, DecodeError, Encoded, FeatureSet, Kind, Matrix,
    MatrixWriter, Scores,
};
use crate::context::Context;
use crate::detector::DetectorError;
use crate::digest::Digest;
use crate::source::SourceError;

/// Raised when the format of the key document changes.
pub const KEY_SCHEMA: u32 = 1;

/// Reasons why a stage failed. Every message names the clip or the input it is about.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("clip `{clip}`: {why}")]
    Clip { clip: String, why: String },
    #[error(transparent)]
    Detector(DetectorError),
    #[error("input `{role}`: {error}")]
    Input { role: String, error: DecodeError },
    #[error("{0}")]
    Data(String),
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// An output cannot be written. This is no error of the stage.
    #[error("{0}")]
    Spool(std::io::Error),
}

impl From<DetectorError> for StageError {
    fn from(error: DetectorError) -> Self {
        match error {
            DetectorError::Cancelled => StageError::Cancelled,
            other => StageError::Detector(other),
        }
    }
}

/// Stages keep training and test clips apart, because a model must never see test clips.
const SPLITS: [Split; 2] = [Split::Train, Split::Test];

/// Inputs of a stage by role, such as `clips` or `features/00`.
pub struct Inputs(pub BTreeMap<String, Blob>);

impl Inputs {
    /// The input artifact with this role.
    pub fn get<A: Artifact>(&self, role: impl Into<Role>) -> Result<A, StageError> {
        let role = role.into().to_string();
        let wrong = |error| StageError::Input { role: role.clone(), error };
        let blob = self
            .0
            .get(&role)
            .ok_or_else(|| wrong(DecodeError { what: "input", why: "it is absent".into() }))?;
        A::decode(blob.clone()).map_err(wrong)
    }

    /// Whether there is an input with this role.
    fn has(&self, role: impl Into<Role>) -> bool {
        self.0.contains_key(&role.into().to_string())
    }

    /// The features of the training or the test clips, for stages that may lack one of them.
    fn features(
        &self,
        split: Split,
        matrix: Item,
        index: Item,
    ) -> Result<Option<FeatureSet>, StageError> {
        if !self.has((split, matrix)) {
            return Ok(None);
        }
        Ok(Some(FeatureSet {
            matrix: self.get((split, matrix))?,
            index: self.get((split, index))?,
        }))
    }

    /// The sections that have this item, sorted.
    fn sections(&self, item: Item) -> Vec<String> {
        let section = |role: &String| match role.parse() {
            Ok(Role::In(found, section)) if found == item => Some(section),
            _ => None,
        };
        self.0.keys().filter_map(section).collect()
    }
}

/// The bytes of one output.
pub struct Output {
    pub role: Role,
    pub kind: Kind,
    pub bytes: Vec<u8>,
    /// A file with the bytes instead, if they are too many for memory.
    pub file: Option<NamedTempFile>,
}

impl Output {
    fn of<A: Artifact>(role: impl Into<Role>, artifact: &A) -> Self {
        Self { role: role.into(), kind: A::KIND, bytes: artifact.encode(), file: None }
    }

    /// An output with the written rows.
    fn rows(role: impl Into<Role>, rows: MatrixWriter) -> Result<Self, StageError> {
        let (bytes, file) = match rows.finish().map_err(StageError::Spool)? {
            Encoded::Bytes(bytes) => (bytes, None),
            Encoded::File(file) => (Vec::new(), Some(file)),
        };
        Ok(Self { role: role.into(), kind: Matrix::KIND, bytes, file })
    }
}

/// A name in the sizes of inputs for the samples of the longest recording; no input has them.
pub const LONGEST: &str = "longest recording";

/// Resources that a stage needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// The most threads that make it faster.
    pub threads: usize,
    /// Estimated peak memory in bytes, without the part for each thread.
    pub memory: u64,
    /// Additional bytes for each thread.
    pub each: u64,
    /// Whether it takes no more than a moment, on one thread.
    pub brief: bool,
}

impl Wants {
    /// The wants of a stage whose memory does not depend on its threads.
    fn of(threads: usize, memory: u64) -> Self {
        Self { threads, memory, each: 0, brief: false }
    }

    /// Peak memory in bytes with this many threads.
    pub fn total(&self, threads: usize) -> u64 {
        self.memory.saturating_add(self.each.saturating_mul(threads as u64))
    }

    /// The number of threads, at least one, that fit into `memory` bytes.
    pub fn within(&self, threads: usize, memory: u64) -> usize {
        let most = memory.saturating_sub(self.memory).checked_div(self.each).unwrap_or(u64::MAX);
        threads.min(usize::try_from(most).unwrap_or(usize::MAX)).max(1)
    }
}

/// A stage with its resolved settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageSpec {
    Dataset(Dataset),
    Levels(LevelsStage),
    Mixing(Mixing),
    Features(Features),
    Interpolation(Interpolation),
    Pooling(Pooling),
    Network(NetworkStage),
    Embedding(EmbeddingStage),
    Training(TrainingStage),
    Scoring(Scoring),
    Calibration(Calibration),
    Submission(Submission),
    Metrics(metrics::MetricsSpec),
}

impl StageSpec {
    /// The name of the stage in labels and keys.
    pub fn name(&self) -> &'static str {
        match self {
            StageSpec::Dataset(_) => "dataset",
            StageSpec::Levels(_) => "levels",
            StageSpec::Mixing(_) => "mixing",
            StageSpec::Features(_) => "features",
            StageSpec::Interpolation(_) => "interpolation",
            StageSpec::Pooling(_) => "pooling",
            StageSpec::Network(_) => "network",
            StageSpec::Embedding(_) => "embedding",
            StageSpec::Training(_) => "training",
            StageSpec::Scoring(_) => "scoring",
            StageSpec::Calibration(_) => "calibration",
            StageSpec::Submission(_) => "submission",
            StageSpec::Metrics(_) => "metrics",
        }
    }

    /// The detector, network or feature that determines its run time, if any.
    pub fn member(&self) -> Option<&'static str> {
        match self {
            StageSpec::Features(stage) => Some(stage.feature.name()),
            StageSpec::Network(stage) => Some(stage.network.name()),
            StageSpec::Embedding(stage) => Some(stage.network.name()),
            StageSpec::Training(stage) => Some(stage.detector.name()),
            StageSpec::Scoring(stage) => Some(stage.detector.name()),
            _ => None,
        }
    }

    /// The roles of its outputs with their file types. A record of it must have exactly these.
    pub fn outputs(&self) -> &'static [(&'static str, Kind)] {
        outputs_of(self.name()).expect("a stage knows its name")
    }

    /// Code versions and resolved settings: everything in a key except the inputs.
    fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        match self {
            StageSpec::Dataset(s) => s.identity(),
            StageSpec::Levels(s) => s.identity(),
            StageSpec::Mixing(s) => s.identity(),
            StageSpec::Features(s) => s.identity(),
            StageSpec::Interpolation(s) => s.identity(),
            StageSpec::Pooling(s) => s.identity(),
            StageSpec::Network(s) => s.identity(),
            StageSpec::Embedding(s) => s.identity(),
            StageSpec::Training(s) => s.identity(),
            StageSpec::Scoring(s) => s.identity(),
            StageSpec::Calibration(s) => s.identity(),
            StageSpec::Submission(s) => s.identity(),
            StageSpec::Metrics(s) => {
                let threshold = s.threshold.iter().map(|t| (t.name(), t.member().version()));
                (code("metrics", metrics::version(), threshold), json!(s))
            }
        }
    }

    /// The document whose digest is the key.
    ///
    /// | thing | in it? |
    /// |---|---|
    /// | stage, schema, versions of the code it uses | yes |
    /// | resolved settings, defaults filled in | yes |
    /// | digests of inputs, by role | yes |
    /// | seed | only where a model is fitted, and only if something draws |
    /// | names, labels, comments, order of the file | no |
    /// | paths, times, host, threads, executor | no |
    pub fn material(&self, inputs: &BTreeMap<String, Digest>) -> Value {
        let (code, config) = self.identity();
        let mut document =
            json!({ "schema": KEY_SCHEMA, "stage": self.name(), "code": code, "inputs": inputs });
        // `json!` would copy the settings.
        document["config"] = config;
        document
    }

    /// Its resources, from the sizes of its inputs in bytes and, under [`LONGEST`], the samples of
    /// the longest recording it reads.
    pub fn wants(&self, inputs: &BTreeMap<String, u64>) -> Wants {
        let bytes: u64 = inputs.values().sum();
        match self {
            StageSpec::Levels(s) => s.wants(inputs),
            StageSpec::Features(s) => s.wants(inputs),
            StageSpec::Interpolation(s) => s.wants(inputs),
            StageSpec::Network(s) => s.wants(inputs),
            StageSpec::Training(s) => s.wants(inputs),
            StageSpec::Calibration(s) => s.wants(inputs),
            StageSpec::Pooling(s) => s.wants(inputs),
            StageSpec::Embedding(_) | StageSpec::Scoring(_) => Wants::of(usize::MAX, 2 * bytes),
            StageSpec::Dataset(_)
            | StageSpec::Mixing(_)
            | StageSpec::Submission(_)
            | StageSpec::Metrics(_) => Wants { brief: true, ..Wants::of(1, 4 * bytes) },
        }
    }

    /// Runs the stage. Equal inputs and seeds give equal bytes, for any number of threads.
    pub fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        match self {
            StageSpec::Dataset(s) => s.run(inputs),
            StageSpec::Levels(s) => s.run(inputs, cx),
            StageSpec::Mixing(s) => s.run(inputs),
            StageSpec::Features(s) => s.run(inputs, cx),
            StageSpec::Interpolation(s) => s.run(inputs, cx),
            StageSpec::Pooling(s) => s.run(inputs, cx),
            StageSpec::Network(s) => s.run(inputs, cx),
            StageSpec::Embedding(s) => s.run(inputs, cx),
            StageSpec::Training(s) => s.run(inputs, cx),
            StageSpec::Scoring(s) => s.run(inputs, cx),
            StageSpec::Calibration(s) => s.run(inputs, cx),
            StageSpec::Submission(s) => s.run(inputs),
            StageSpec::Metrics(s) => {
                let known = |wanted: bool, item: Item| match wanted {
                    true => inputs.get(item),
                    false => Ok(CalibrationScores::default()),
                };
                let training = metrics::Known {
                    training: known(s.needs().is_some(), Item::Training)?,
                    held_out: known(s.domain_balance, Item::HeldOut)?,
                    pseudo: known(s.pseudo_anomalies, Item::Pseudo)?,
                    decisions: match inputs.has(Item::Decisions) {
                        true => inputs.get(Item::Decisions)?,
                        false => Scores::default(),
                    },
                };
                let clips = SPLITS.map(|split| inputs.get::<ClipSet>((split, Item::Clips)));
                let [train, test] = clips;
                let clips = ClipSet::new([train?.clips(), test?.clips()].concat());
                let table = metrics::table(&clips, &inputs.get(Item::Scores)?, &training, s)
                    .map_err(|e| StageError::Data(e.to_string()))?;
                Ok(vec![Output::of(Item::Metrics, &table)])
            }
        }
    }
}

/// Versions by name, as [`code`] takes them.
fn versions(uses: &BTreeMap<String, u32>) -> impl Iterator<Item = (&str, u32)> {
    uses.iter().map(|(name, version)| (name.as_str(), *version))
}

/// Versions by name, of the stage and of the code it uses.
fn code<'a>(
    stage: &str,
    version: u32,
    uses: impl IntoIterator<Item = (&'a str, u32)>,
) -> BTreeMap<String, u32> {
    let uses = uses.into_iter().map(|(name, version)| (name.to_owned(), version));
    std::iter::once((stage.to_owned(), version)).chain(uses).collect()
}
