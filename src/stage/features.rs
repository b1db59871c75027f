//! The features stage: the clips of a section become one feature matrix.

mod command;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::vectors::VectorFiles;
use super::wave::{Heard, Mixed, hear};
use super::{Inputs, Item, LONGEST, Output, Role, SPLITS, StageError, Wants, code, versions};
use crate::artifact::{
    Audio, AudioTable, FeatureIndex, MatrixWriter, Part, Recipe, SPOOL_FROM, Split, Tensors,
};
use crate::context::{Context, WARNING};
use crate::feature::command::Command;
use crate::feature::vectors::Vectors;
use crate::feature::{Extractor, FeatureSpec};
use crate::source;
use command::Called;

/// 2: separate training and test clips.
const VERSION: u32 = 2;

/// Limits for a batch of clips before their frames are appended: the number of clips, and the bytes
/// of their matrices. Long clips make smaller batches.
const CHUNK: usize = 64;
const HELD: usize = 128 << 20;

/// Samples of the longest recording. If unknown, ten seconds at 16 kHz, the usual clip of the
/// field.
pub(super) fn longest(inputs: &BTreeMap<String, u64>) -> u64 {
    inputs.get(LONGEST).copied().filter(|samples| *samples > 0).unwrap_or(160_000)
}

/// Settings of the features stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Features {
    pub feature: FeatureSpec,
    /// The folder of the recordings. It is in no key, because clips name the digests of their
    /// recordings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// Version of the reader or generator of the recordings.
    pub source: (String, u32),
    /// Versions of further code that makes the samples.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub uses: BTreeMap<String, u32>,
    /// The noise that is mixed to the recordings, by the input `recipe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixed: Option<Mixed>,
    /// The kernels that compute networks of ONNX files; those of other processors give other last
    /// digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernels: Option<String>,
}

/// Where the frames of a section's clips come from.
enum Maker<'a> {
    Samples { rate: u32, extractor: Box<dyn Extractor> },
    Files(&'a Vectors, VectorFiles),
    Program(&'a Command, Tensors),
}

/// Properties that all clips of a section share.
struct Shape<'a> {
    maker: Maker<'a>,
    dims: Option<usize>,
}

/// A clip to process.
struct Listed<'a> {
    clip: &'a str,
    audio: &'a Audio,
    parts: &'a [Part],
}

impl Features {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let feature = (self.feature.name(), self.feature.member().version());
        let mut config = self.feature.keyed();
        if matches!(self.feature, FeatureSpec::Vectors(_)) {
            return (code("features", VERSION, [feature]), config);
        }
        let mut uses = vec![feature, (self.source.0.as_str(), self.source.1)];
        uses.extend(versions(&self.uses));
        if let FeatureSpec::Onnx(onnx) = &self.feature {
            uses.extend(onnx.uses());
        }
        if let Some(kernels) = &self.kernels {
            config["kernels"] = json!(kernels);
        }
        if let Some(mixed) = &self.mixed {
            let Mixed { root: _, source, uses: noise, gain_db, responses: _, channel } = mixed;
            uses.push((&source.0, source.1));
            uses.extend(versions(noise));
            config["gain_db"] = json!(gain_db);
            if let Some(channel) = channel {
                config["channel"] = json!(channel);
            }
        }
        (code("features", VERSION, uses), config)
    }

    pub(super) fn wants(&self, inputs: &BTreeMap<String, u64>) -> Wants {
        // The table has about 130 bytes per file, and more per generated clip.
        let of = |split: Split| {
            inputs.get(&Role::from((split, Item::Audio)).to_string()).copied().unwrap_or(0)
        };
        let table: u64 = SPLITS.map(of).iter().sum();
        let clips = table / 130 + 1;
        let feature = self.feature.member();
        let samples = longest(inputs);
        let matrix = match self.feature {
            // The numbers of the largest file.
            FeatureSpec::Vectors(_) => 4 * samples,
            _ => 4 * (samples / feature.hop().max(1) as u64 + 1) * feature.dims() as u64,
        };
        // Each thread holds a file, its samples, and their features; for mixed clips also the
        // noise.
        let of_samples = match (&self.mixed, self.uses.is_empty()) {
            // Two channels, the noise, and the transforms of convolutions.
            (Some(mixed), _) if mixed.uses.contains_key("convolve") => 40,
            // The noise at two rates, between zeros and in f64.
            (Some(mixed), _) if mixed.uses.contains_key("polyphase") => 30,
            (Some(_), _) => 12,
            // The samples in f64 between zeros, and those at the other rate.
            (None, false) if self.uses.contains_key("polyphase") => 18,
            // Two channels and what is left of them.
            (None, false) => 8,
            (None, true) => 6,
        };
        // The values between the layers of a network, and its weights as they are and as they are
        // used.
        let network = inputs.get(&Role::from(Item::Weights).to_string()).copied().unwrap_or(0);
        let layers = if network > 0 { 256 * samples } else { 0 };
        let each = samples * of_samples + matrix + layers;
        let all = clips.saturating_mul(matrix);
        let memory =
            4 * table + all.min(HELD as u64 + matrix) + all.min(SPOOL_FROM as u64 + matrix);
        let memory = memory + 3 * network;
        let threads = match self.feature {
            // A program has one thread, and the files are small beside its work.
            FeatureSpec::Command(_) => 1,
            _ => (clips as usize).div_ceil(CHUNK / 2),
        };
        Wants { each, ..Wants::of(threads, memory) }
    }

    pub(super) fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        let (mut outputs, mut shape) = (Vec::new(), None);
        let maker = match &self.feature {
            FeatureSpec::Vectors(vectors) => Some(Maker::Files(vectors, VectorFiles::of(inputs)?)),
            FeatureSpec::Command(command) => {
                let given: Option<Tensors> = match inputs.has(Item::Weights) {
                    true => Some(inputs.get(Item::Weights)?),
                    false => None,
                };
                Some(Maker::Program(command, command.own().bundled(given.as_ref())?))
            }
            _ => None,
        };
        if let Some(maker) = maker {
            shape = Some(Shape { maker, dims: None });
        }
        for split in SPLITS {
            let table: AudioTable = inputs.get((split, Item::Audio))?;
            let parts = self.parts(inputs, split)?;
            let parts_of = |clip: &str| parts.get(clip).map_or(&[][..], Vec::as_slice);
            let of = |(clip, audio)| Listed { clip, audio, parts: parts_of(clip) };
            let clips: Vec<Listed> =
                table.0.iter().map(|(clip, audio)| of((clip, audio))).collect();
            outputs.extend(self.rows(split, &clips, &mut shape, inputs, cx)?);
        }
        match shape {
            Some(_) => Ok(outputs),
            None => Err(StageError::Data("the section has no clips".into())),
        }
    }

    /// The features of clips, and their index. All clips of a section have the same rate and number
    /// of values per frame; `shape` holds them after the first clip was read.
    fn rows<'a>(
        &'a self,
        split: Split,
        clips: &[Listed],
        shape: &mut Option<Shape<'a>>,
        inputs: &Inputs,
        cx: &Context,
    ) -> Result<[Output; 2], StageError> {
        let mut rows = MatrixWriter::new(cx.spool);
        let of = |rows, index: &FeatureIndex| -> Result<[Output; 2], StageError> {
            Ok([
                Output::rows((split, Item::Features), rows)?,
                Output::of((split, Item::Index), index),
            ])
        };
        let Some(first) = clips.first() else { return of(rows, &FeatureIndex::default()) };
        let known = match shape {
            Some(known) => known,
            none => {
                let rate = source::read(first.clip, first.audio, self.root.as_deref())?.rate;
                let extractor = self.extractor(inputs, first.clip, rate)?;
                none.insert(Shape { maker: Maker::Samples { rate, extractor }, dims: None })
            }
        };
        let Shape { maker, dims } = known;
        let called = match &*maker {
            Maker::Program(command, bundle) => {
                Some(Called::of(self, command, bundle, (split, clips), cx)?)
            }
            _ => None,
        };
        let mut frames = Vec::with_capacity(clips.len());
        let (mut clipped, mut samples) = (0, 0);
        let mut rest = clips;
        // The first matrices show how large a matrix is.
        let mut step = 2 * cx.threads;
        while !rest.is_empty() {
            let chunk;
            (chunk, rest) = rest.split_at(step.min(rest.len()));
            if cx.cancelled() {
                return Err(StageError::Cancelled);
            }
            let extracted = cx.map(chunk, |item| match (&*maker, &called) {
                (_, Some(called)) => Ok((called.frames(item.clip)?, 0)),
                (Maker::Samples { rate, extractor }, _) => self.extract(item, *rate, &**extractor),
                (Maker::Files(vectors, files), _) => {
                    Ok((files.frames(vectors, &vectors.root, item.clip)?, 0))
                }
                (Maker::Program(..), None) => unreachable!("it was called"),
            });
            for (item, extracted) in chunk.iter().zip(extracted) {
                let (matrix, lost) = extracted?;
                let (found, expected) = (matrix.ncols(), *dims.get_or_insert(matrix.ncols()));
                if found != expected {
                    let why =
                        format!("it has {found} values a frame, the clips before it {expected}");
                    // The width of a whole-clip spectrum depends on the length of the clip.
                    let (name, needs) = match maker {
                        Maker::Samples { .. } => (self.feature.name(), "clips of one length"),
                        Maker::Files(..) => ("vectors", "files of one network"),
                        Maker::Program(..) => ("command", "one number of values for all clips"),
                    };
                    return Err(failed(item.clip, format!("{why}: `{name}` needs {needs}")));
                }
                frames.push(matrix.nrows());
                rows.push(matrix.view()).map_err(StageError::Spool)?;
                clipped += usize::from(lost > 0);
                samples += lost;
            }
            step = (HELD / (rows.size() / frames.len()).max(1))
                .clamp(2 * cx.threads, CHUNK.max(2 * cx.threads));
        }
        let from = match maker {
            Maker::Samples { rate, .. } => format!("at {rate} Hz"),
            Maker::Files(..) => "of files".to_owned(),
            Maker::Program(command, _) => format!("of `{}`", command.own().line()),
        };
        (cx.log)(&format!("{} clips {from}, {} frames", clips.len(), rows.rows()));
        if clipped > 0 {
            // One sample in ten thousand does no harm that anybody would hear of.
            let heard = rows.rows() * self.feature.member().hop().max(1);
            let word = if samples * 10_000 > heard { WARNING } else { "" };
            let log = format!(
                "{word}{samples} samples of {clipped} of {} clips do not fit 16 bits and are clipped; `mix.gain_db: -6` makes room",
                clips.len()
            );
            (cx.log)(&log);
        }
        let index = FeatureIndex::consecutive(clips.iter().map(|item| item.clip).zip(frames));
        of(rows, &index)
    }

    /// The mixed parts of each clip.
    pub(super) fn parts(
        &self,
        inputs: &Inputs,
        split: Split,
    ) -> Result<BTreeMap<String, Vec<Part>>, StageError> {
        let mut parts: BTreeMap<String, Vec<Part>> = BTreeMap::new();
        if self.mixed.is_some() {
            for part in inputs.get::<Recipe>((split, Item::Recipe))?.0 {
                parts.entry(part.clip.clone()).or_default().push(part);
            }
        }
        Ok(parts)
    }

    /// The extractor for clips of this rate; `clip` is the first of them.
    pub(super) fn extractor(
        &self,
        inputs: &Inputs,
        clip: &str,
        rate: u32,
    ) -> Result<Box<dyn Extractor>, StageError> {
        let extractor = match &self.feature {
            FeatureSpec::Onnx(onnx) => {
                let network = inputs.0.get(&Role::from(Item::Weights).to_string());
                let network = network.map_or(&[][..], |bytes| bytes);
                onnx.with_network(network, self.kernels.as_deref(), rate)
            }
            other => other.member().extractor(rate),
        };
        extractor.map_err(|e| failed(clip, e))
    }

    /// The samples of a clip, with its noise.
    pub(super) fn wave(
        &self,
        clip: &str,
        audio: &Audio,
        parts: &BTreeMap<String, Vec<Part>>,
    ) -> Result<source::Wave, StageError> {
        let parts = parts.get(clip).map_or(&[][..], Vec::as_slice);
        Ok(self.hear(&Listed { clip, audio, parts })?.wave)
    }

    fn hear(&self, item: &Listed) -> Result<Heard, StageError> {
        hear(item.clip, item.audio, self.root.as_deref(), item.parts, self.mixed.as_ref())
    }

    /// The features of a clip, and its number of clipped samples.
    fn extract(
        &self,
        item: &Listed,
        rate: u32,
        extractor: &dyn Extractor,
    ) -> Result<(Array2<f32>, usize), StageError> {
        let Heard { wave, clipped } = self.hear(item)?;
        if wave.rate != rate {
            let why = format!(
                "its rate is {} Hz, but the section began with {rate} Hz: recordings of a section need \
                 one rate (write `rate: {rate}` beside `root` to resample them, or give those of each rate a section)",
                wave.rate
            );
            return Err(failed(item.clip, why));
        }
        Ok((extractor.extract(&wave.samples).map_err(|e| failed(item.clip, e))?, clipped))
    }
}

fn failed(clip: &str, why: impl ToString) -> StageError {
    StageError::Clip { clip: clip.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn long_recordings_want_more_memory_and_many_of_them_hardly_more() {
        let feature =
            FeatureSpec::parse("log_mel", &json!({"frame": 1024, "hop": 512, "mels": 128}))
                .unwrap();
        let stage = Features {
            feature,
            root: None,
            source: ("dcase".into(), 1),
            uses: Default::default(),
            mixed: None,
            kernels: None,
        };
        let wants = |clips: u64, longest: u64| {
            stage.wants(
                &[("train/audio".to_owned(), 130 * clips), (LONGEST.to_owned(), longest)].into(),
            )
        };
        let (usual, long) = (wants(200, 160_000), wants(200, 9_600_000));
        // Ten minutes are a file of 19 MB, samples of 38 MB and frames of 10 MB, for each thread.
        assert!((67_000_000..69_000_000).contains(&long.each), "{long:?}");
        assert!(usual.total(2) < 75_000_000 && long.total(2) < 360_000_000, "{usual:?} {long:?}");
        assert!(wants(10_000, 9_600_000).total(2) < long.total(2) + 6_000_000);
        assert_eq!(
            (long.within(8, 500_000_000), long.within(8, 0), usual.within(8, u64::MAX)),
            (4, 1, 8)
        );
        assert_eq!(wants(200, 0), usual);
    }
}
