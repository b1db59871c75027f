//! Networks in ONNX files: the values of a layer become the frames of a clip.
//!
//! Here are the settings. `rows` cuts clips into windows and names axes, `extract` runs the network
//! over the windows, and `network` is the engine: the crate tract, if the program was built with it.

mod extract;
#[cfg_attr(not(feature = "onnx"), path = "absent.rs")]
mod network;
mod rows;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::log_mel::LogMel;
use super::vectors::{VectorAxis, Vectors};
use super::{Extractor, Feature, FeatureError};
use crate::diagnose::Problem;

/// Whether this program can run networks of ONNX files.
pub const BUILT: bool = cfg!(feature = "onnx");

/// More samples or frames than any network takes at once.
const MAX_WINDOW: usize = 1 << 26;
/// More than any sample rate.
const MAX_RATE: u32 = 10_000_000;

/// The values of a layer of a network in an ONNX file, such as PANNs, BEATs or one of your own. Needs
/// a program built with `--features onnx`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Onnx {
    /// The file of the network, with its weights inside.
    #[schemars(extend("x-path" = "file"), example = "../networks/panns.onnx")]
    pub model: PathBuf,
    /// What the network takes.
    pub input: OnnxInput,
    /// The sample rate in Hz that the network was trained with. Recordings of another rate are
    /// refused.
    #[schemars(range(min = 1, max = MAX_RATE))]
    pub sample_rate: u32,
    /// The spectrogram for `input: log_mel`. Default: that of `log_mel: {}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_mel: Option<LogMel>,
    /// The axes of the network's input in their order. Default by their number: `[sample]`, `[batch,
    /// sample]`, `[batch, channel, sample]`; `[frame, mel]`, `[batch, frame, mel]`, `[batch, channel,
    /// frame, mel]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layout: Vec<OnnxAxis>,
    /// Samples (`input: waveform`) or frames (`input: log_mel`) that the network takes at once.
    /// Default: the length that the file says, else the whole clip.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_WINDOW))]
    pub window: Option<usize>,
    /// Samples or frames from one window to the next; at most `window`. Default: `window`. What is
    /// left at the end of a clip and is shorter than a window is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_WINDOW))]
    pub hop: Option<usize>,
    /// The layer whose values are taken: the name of a node or of its output. Default: the output of
    /// the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "/encoder/layers.11/Add_output_0")]
    pub layer: Option<String>,
    /// The axes of the layer's values in their order, as of `features.vectors`; an axis of length 1
    /// is `one`. Default by their number: `[dim]`, `[one, dim]`, `[one, time, dim]`, `[one, dim,
    /// time, band]` (`[one, dim, band, time]` if `layout` has `mel` before `frame`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<VectorAxis>,
}

/// What a network takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnnxInput {
    /// Samples from -1 to 1.
    #[default]
    Waveform,
    /// Log-mel spectrograms in dB.
    LogMel,
}

/// An axis of the input of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnnxAxis {
    /// Windows; the network gets one at a time.
    Batch,
    /// Channels; the network gets one.
    Channel,
    /// Samples of a waveform.
    Sample,
    /// Frames of a spectrogram.
    Frame,
    /// Mel bands of a spectrogram.
    Mel,
}

/// A network that cannot be used, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    pub why: String,
    pub hint: Option<String>,
}

impl Misfit {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Misfit> for FeatureError {
    fn from(Misfit { why, hint }: Misfit) -> Self {
        let hint = hint.map_or(String::new(), |hint| format!(" ({hint})"));
        FeatureError::Settings(format!("the network: {why}{hint}"))
    }
}

impl Default for Onnx {
    fn default() -> Self {
        Self {
            model: PathBuf::new(),
            input: OnnxInput::default(),
            sample_rate: 16_000,
            log_mel: None,
            layout: Vec::new(),
            window: None,
            hop: None,
            layer: None,
            axes: Vec::new(),
        }
    }
}

/// What computes on this processor, by name: the version of the library and its set of kernels.
/// Others give other last digits, so it is part of the key. `None` if the program has no engine.
pub fn kernels() -> Option<String> {
    network::kernels()
}

impl Onnx {
    /// The settings that give other values with the same network.
    pub fn keyed(&self) -> Value {
        let mut keyed = json!(self);
        keyed.as_object_mut().map(|settings| settings.remove("model"));
        if let Some(log_mel) = self.spectrogram() {
            keyed["log_mel"] = json!(log_mel);
        }
        keyed
    }

    /// Versions of further code that makes the values.
    pub fn uses(&self) -> Option<(&'static str, u32)> {
        Some(("log_mel", self.spectrogram()?.version()))
    }

    /// The settings of the spectrogram that the network takes; `None` if it takes samples.
    fn spectrogram(&self) -> Option<LogMel> {
        (self.input == OnnxInput::LogMel).then(|| self.log_mel.clone().unwrap_or_default())
    }

    /// Looks whether the network in `file` fits these settings and recordings of `rate` Hz, if that
    /// is known.
    pub fn look(&self, file: &[u8], rate: Option<u32>) -> Result<(), Misfit> {
        extract::look(self, file, rate)
    }

    /// Prepares the network in `file` for clips of `rate` Hz. `kernels` computed what is beside these
    /// features in the cache.
    pub fn with_network(
        &self,
        file: &[u8],
        kernels: Option<&str>,
        rate: u32,
    ) -> Result<Box<dyn Extractor>, FeatureError> {
        extract::extractor(self, file, kernels, rate)
    }
}

impl Feature for Onnx {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.model.as_os_str().is_empty() {
            let hint = "write the file of the network: `onnx: { model: ../networks/panns.onnx }`";
            problems.push(Problem::new("model", "the path is empty").hint(hint));
        }
        problems.extend(Problem::outside(
            "sample_rate",
            self.sample_rate as usize,
            1,
            MAX_RATE as usize,
        ));
        match (&self.log_mel, self.input) {
            (Some(_), OnnxInput::Waveform) => {
                let message = "there is a `log_mel`, but the network takes samples";
                let hint = "write `input: log_mel`, or leave `log_mel` out";
                problems.push(Problem::new("log_mel", message).hint(hint));
            }
            (Some(log_mel), OnnxInput::LogMel) => {
                problems.extend(log_mel.problems().into_iter().map(|mut problem| {
                    problem.field = format!("log_mel.{}", problem.field);
                    problem
                }));
            }
            (None, _) => {}
        }
        problems.extend(self.wrong_layout());
        problems.extend(self.window.and_then(|n| Problem::outside("window", n, 1, MAX_WINDOW)));
        problems.extend(self.hop.and_then(|n| Problem::outside("hop", n, 1, MAX_WINDOW)));
        if problems.is_empty() {
            problems.extend(self.wrong_hop());
        }
        // The rules of axes are those of vectors, whose other settings are sound here.
        let vectors = Vectors { root: "x".into(), axes: self.axes.clone(), ..Default::default() };
        problems.extend(vectors.problems());
        problems
    }

    /// The settings alone have no network.
    fn extractor(&self, _: u32) -> Result<Box<dyn Extractor>, FeatureError> {
        let message = "the network of `onnx` was not read before its features were asked for";
        Err(FeatureError::Settings(message.to_owned()))
    }

    fn dims(&self) -> usize {
        768
    }

    fn hop(&self) -> usize {
        320
    }
}

impl Onnx {
    fn wrong_layout(&self) -> Option<Problem> {
        use OnnxAxis::{Batch, Channel, Frame, Mel, Sample};
        let (needed, foreign, usual): (&[OnnxAxis], &[OnnxAxis], &str) = match self.input {
            OnnxInput::Waveform => (&[Sample], &[Frame, Mel], "[batch, sample]"),
            OnnxInput::LogMel => (&[Frame, Mel], &[Sample], "[batch, channel, frame, mel]"),
        };
        let count = |name: &OnnxAxis| self.layout.iter().filter(|axis| *axis == name).count();
        let wrong = needed.iter().any(|name| count(name) != 1)
            || foreign.iter().any(|name| count(name) > 0)
            || [Batch, Channel].iter().any(|name| count(name) > 1);
        let message = match self.input {
            OnnxInput::Waveform => "a waveform has `sample` once, and no `frame` or `mel`",
            OnnxInput::LogMel => "a spectrogram has `frame` and `mel` once each, and no `sample`",
        };
        (wrong && !self.layout.is_empty())
            .then(|| Problem::new("layout", message).hint(format!("write it as in `{usual}`")))
    }

    fn wrong_hop(&self) -> Option<Problem> {
        match (self.window, self.hop) {
            (None, Some(_)) => Some(
                Problem::new("hop", "there is a `hop`, but no `window` that it could move")
                    .hint("write `window`, too"),
            ),
            (Some(window), Some(hop)) if hop > window => {
                let message = format!("hop is {hop}, more than the window of {window}");
                Some(Problem::new("hop", message).hint(format!("write at most {window}")))
            }
            _ => None,
        }
    }
}
