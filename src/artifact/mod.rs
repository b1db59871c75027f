//! What stages exchange: typed values, each with one byte form that opens in one line of Python.
//!
//! Bytes depend on the value alone: no time, no host, no version. This room knows neither the store
//! nor the disk; it is given bytes and gives bytes.

mod audio_table;
mod calibration;
mod clip;
mod clip_set;
mod context;
mod features;
mod levels;
mod metric_table;
mod recipe;
mod scores;
mod tensors;
mod torch;

pub use crate::kind::Kind;
pub use audio_table::AudioTable;
pub use calibration::CalibrationScores;
pub use clip::{Audio, Channel, Clip, Domain, Label, Split};
pub use clip_set::ClipSet;
pub use context::{Checkpoint, Context, Progress};
pub use features::{FeatureIndex, FeatureSet, Matrix, Span};
pub use levels::Levels;
pub use metric_table::{MetricRow, MetricTable};
pub use recipe::{Part, Recipe};
pub use scores::Scores;
pub use tensors::{Tensor, TensorError, Tensors};
pub use torch::read_torch;

use std::ops::Deref;
use std::sync::Arc;

/// Immutable bytes shared without copying: read into memory or mapped from a file.
#[derive(Clone)]
pub struct Blob(Arc<dyn Deref<Target = [u8]> + Send + Sync>);

impl Blob {
    /// Wraps anything that derefs to bytes (`Vec<u8>`, a memory map).
    pub fn new(bytes: impl Deref<Target = [u8]> + Send + Sync + 'static) -> Self {
        Self(Arc::new(bytes))
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes that are not the artifact they should be.
#[derive(Debug, thiserror::Error)]
#[error("not a valid {what}: {why}")]
pub struct DecodeError {
    pub what: &'static str,
    pub why: String,
}

impl DecodeError {
    pub(crate) fn new(what: &'static str, why: impl ToString) -> Self {
        Self { what, why: why.to_string() }
    }
}

/// A value with one byte form.
pub trait Artifact: Sized {
    const KIND: Kind;

    /// The bytes of the value: equal values give equal bytes.
    fn encode(&self) -> Vec<u8>;

    /// The value of the bytes.
    fn decode(bytes: Blob) -> Result<Self, DecodeError>;
}
