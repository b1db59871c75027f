//! The artifacts that stages exchange: typed values, each with one byte form that opens in one line
//! of Python.
//!
//! The bytes depend on the value alone: no time, host or version. This room knows neither the store
//! nor the disk; it takes bytes and returns bytes.

mod audio_file;
mod audio_table;
mod calibration;
mod clip;
mod clip_set;
mod features;
mod levels;
mod metric_table;
mod npy;
mod protocol;
mod recipe;
mod rows;
mod scores;
mod section;
mod snapshots;
mod tensors;

pub use crate::kind::Kind;
pub use audio_file::{clip_id, stem};
pub use audio_table::AudioTable;
pub use calibration::CalibrationScores;
pub use clip::{Audio, Channel, Clip, Domain, Label, Segment, Split};
pub use clip_set::ClipSet;
pub use features::{FeatureIndex, FeatureSet, Matrix, Span};
pub use levels::Levels;
pub use metric_table::{MetricRow, MetricTable};
pub use npy::NpyHead;
pub use protocol::Protocol;
pub use recipe::{Decay, Echo, More, Part, Path, Recipe, Ways};
pub use rows::{Encoded, MatrixWriter, SPOOL_FROM};
pub use scores::Scores;
pub use section::SectionId;
pub use snapshots::{Axis, Snapshots};
pub use tensors::{Tensor, TensorError, Tensors};

use std::ops::{Deref, Range};
use std::sync::Arc;

/// Immutable bytes shared without copying: read into memory or mapped from a file.
#[derive(Clone)]
pub struct Blob(Arc<dyn Backing>);

/// The owner of the bytes.
trait Backing: Send + Sync {
    fn bytes(&self) -> &[u8];
    fn release(&self, range: Range<usize>);
}

struct Held<B>(B, fn(&B, Range<usize>));

impl<B: Deref<Target = [u8]> + Send + Sync> Backing for Held<B> {
    fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn release(&self, range: Range<usize>) {
        (self.1)(&self.0, range);
    }
}

impl Blob {
    /// Wraps anything that derefs to bytes (`Vec<u8>`, a memory map).
    pub fn new(bytes: impl Deref<Target = [u8]> + Send + Sync + 'static) -> Self {
        Self::releasing(bytes, |_, _| {})
    }

    /// As `new`, for bytes that need not stay in memory. `release` gets the ranges that are no
    /// longer needed.
    pub fn releasing<B: Deref<Target = [u8]> + Send + Sync + 'static>(
        bytes: B,
        release: fn(&B, Range<usize>),
    ) -> Self {
        Self(Arc::new(Held(bytes, release)))
    }

    /// Says that these bytes are not needed for now.
    pub fn release(&self, range: Range<usize>) {
        self.0.release(range);
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// The error for bytes that do not form the expected artifact.
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

    /// The bytes of the value. Equal values give equal bytes.
    fn encode(&self) -> Vec<u8>;

    /// The value from its bytes.
    fn decode(bytes: Blob) -> Result<Self, DecodeError>;
}
