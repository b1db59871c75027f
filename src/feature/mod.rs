//! The family of features: the samples of one clip become a matrix of frames.
//!
//! A feature sees one clip and knows nothing of the others; parallelism over clips, stacking and
//! indexing belong to the stage.

use ndarray::Array2;

use crate::diagnose::Problem;
use crate::family;

/// Why a clip has no features.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum FeatureError {
    #[error("{samples} samples are fewer than one frame of {frame}")]
    TooShort { samples: usize, frame: usize },
    #[error("{0}")]
    Settings(String),
}

/// A plan for clips of one sample rate: windows, filter banks and FFTs made once, used for many clips.
pub trait Extractor: Send + Sync {
    /// Features of one clip, (frames, dims), from samples in -1..1.
    fn extract(&self, samples: &[f32]) -> Result<Array2<f32>, FeatureError>;
}

/// A way to turn samples into frames.
pub trait Feature: Send + Sync {
    /// Raised whenever the same input gives other output; held by golden values.
    fn version(&self) -> u32;

    /// Settings out of range, all of them.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// Everything that can be made ready for clips of `rate` Hz.
    fn extractor(&self, rate: u32) -> Result<Box<dyn Extractor>, FeatureError>;

    /// How many values a frame has, for estimates of memory.
    fn dims(&self) -> usize;

    /// Samples from one frame to the next, for estimates of memory.
    fn hop(&self) -> usize;
}

mod log_mel;

family! {
    /// Every feature a spec can name.
    pub enum FeatureSpec: Feature {
        "log_mel" => LogMel(log_mel::LogMel),
    }
}
