//! The family of features: the samples of one clip become a matrix of frames.
//!
//! A feature sees one clip and knows nothing of the others. The stage does the parallel loop over
//! clips, the stacking and the indexing.

use ndarray::Array2;

use crate::command::Program;
use crate::diagnose::Problem;
use crate::family;

/// The reason why a clip has no features.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum FeatureError {
    #[error("{samples} samples are fewer than one frame of {frame}")]
    TooShort { samples: usize, frame: usize },
    /// `first` counts from 0 and may be a few frames early.
    #[error(
        "the spectrum is not finite at frame {first} or soon after: the samples are far outside -1..1"
    )]
    NotFinite { first: usize },
    #[error("{0}")]
    Settings(String),
}

/// A plan for clips of one sample rate. Windows, filter banks and FFTs are made once and used for
/// many clips.
pub trait Extractor: Send + Sync {
    /// The features of one clip, (frames, dims), from samples in -1..1.
    fn extract(&self, samples: &[f32]) -> Result<Array2<f32>, FeatureError>;
}

/// A way to turn samples into frames.
pub trait Feature: Send + Sync {
    /// Raised whenever the same input gives other output. Golden values in tests guard it.
    fn version(&self) -> u32;

    /// All settings that are out of range.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// A warning about settings that lose something at `rate` Hz (such as empty bands), with advice.
    /// It does not stop the work.
    fn doubt(&self, _rate: u32) -> Option<String> {
        None
    }

    /// The program of a user that makes it instead of an extractor.
    fn program(&self) -> Option<Program<'_>> {
        None
    }

    /// Prepares everything for clips of `rate` Hz.
    fn extractor(&self, rate: u32) -> Result<Box<dyn Extractor>, FeatureError>;

    /// The number of values per frame, for estimates of memory.
    fn dims(&self) -> usize;

    /// Samples from one frame to the next, for estimates of memory.
    fn hop(&self) -> usize;
}

pub mod clip_spectrum;
pub mod command;
pub mod log_mel;
pub mod lpc;
pub mod onnx;
#[cfg(test)]
mod oracle_tests;
pub mod rms;
pub mod spectrum;
#[cfg(test)]
mod testing;
pub mod vectors;
pub mod welch;

family! {
    /// Every feature a spec can name.
    pub enum FeatureSpec: Feature {
        "log_mel" => LogMel(log_mel::LogMel),
        "spectrum" => Spectrum(spectrum::Spectrum),
        "rms" => Rms(rms::Rms),
        "clip_spectrum" => ClipSpectrum(clip_spectrum::ClipSpectrum),
        "vectors" => Vectors(vectors::Vectors),
        "welch" => Welch(welch::Welch),
        "lpc" => Lpc(lpc::Lpc),
        "onnx" => Onnx(onnx::Onnx),
        "command" => Command(command::Command),
    }
}

impl FeatureSpec {
    /// The settings as keys have them: with the contents of files as inputs, and no paths.
    pub fn keyed(&self) -> serde_json::Value {
        match self {
            FeatureSpec::Vectors(vectors) => serde_json::json!({ self.name(): vectors.keyed() }),
            FeatureSpec::Onnx(onnx) => serde_json::json!({ self.name(): onnx.keyed() }),
            FeatureSpec::Command(command) => serde_json::json!({ self.name(): command.keyed() }),
            _ => serde_json::json!(self),
        }
    }

    /// The name of what is given to its stage from files: their paths.
    pub fn given(&self) -> Option<String> {
        let files = self.member().program()?.files;
        Some(serde_json::json!([["", files]]).to_string())
    }
}

/// More samples than any frame needs. The limit keeps a typing error from asking for all memory.
const MAX_FRAME: usize = 1 << 20;

/// Problems of `frame` and `hop`.
fn framing_problems(frame: usize, hop: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !(2..=MAX_FRAME).contains(&frame) {
        let message = format!("frame is {frame} samples, not 2 to {MAX_FRAME}");
        problems.push(Problem::new("frame", message).hint("the baselines use `frame: 1024`"));
    }
    if hop == 0 {
        problems.push(
            Problem::new("hop", "hop is 0 samples: every frame would be the first")
                .hint("write 1 or more"),
        );
    } else if hop > frame && problems.is_empty() {
        let message = format!(
            "hop is {hop} samples, more than the frame of {frame}: samples between frames would be lost"
        );
        problems.push(
            Problem::new("hop", message)
                .hint(format!("write at most {frame}; half a frame is usual")),
        );
    }
    problems
}

/// The settings, if they have no problem. Extractors are made from checked settings only.
fn checked<F: Feature>(settings: &F) -> Result<&F, FeatureError> {
    match settings.problems().first() {
        Some(problem) => Err(FeatureError::Settings(problem.message.clone())),
        None => Ok(settings),
    }
}
