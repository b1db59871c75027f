//! The clips of a section become one feature matrix.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Inputs, Output, StageError, Wants, code};
use crate::artifact::{Audio, AudioTable, Context, FeatureIndex, Matrix};
use crate::feature::{Extractor, FeatureSpec};
use crate::source;

const VERSION: u32 = 1;

/// Clips worked on before their frames are appended: bounds what is held twice.
const CHUNK: usize = 64;

/// Settings of the features stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Features {
    pub feature: FeatureSpec,
    /// Where the recordings lie; in no key, as clips name the content of their recordings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// Version of the reader or generator of the recordings.
    pub source: (String, u32),
}

impl Features {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let feature = (self.feature.name(), self.feature.member().version());
        (code("features", VERSION, [feature, (&self.source.0, self.source.1)]), json!(self.feature))
    }

    pub(super) fn wants(&self, inputs: &BTreeMap<String, u64>) -> Wants {
        // About 130 bytes a clip in the table; ten seconds at 16 kHz is the field's usual clip.
        let clips = inputs.get("audio").map_or(0, |bytes| bytes / 130 + 1);
        let frames = (160_000 / self.feature.member().hop().max(1)) as u64;
        let memory = 2 * clips * frames * self.feature.member().dims() as u64 * 4;
        Wants { threads: (clips as usize).div_ceil(CHUNK / 2), memory }
    }

    pub(super) fn run(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, StageError> {
        let table: AudioTable = inputs.get("audio")?;
        let clips: Vec<(&String, &Audio)> = table.0.iter().collect();
        let Some((first, audio)) = clips.first().copied() else {
            return Err(StageError::Data("the section has no clips".into()));
        };
        let rate = source::read(first, audio, self.root.as_deref())?.rate;
        let extractor = self.feature.member().extractor(rate).map_err(|e| failed(first, e))?;
        let mut values = Vec::new();
        let mut frames = Vec::with_capacity(clips.len());
        for chunk in clips.chunks(CHUNK) {
            if cx.cancelled() {
                return Err(StageError::Cancelled);
            }
            for matrix in cx.map(chunk, |(clip, audio)| self.extract(clip, audio, rate, &*extractor)) {
                let matrix = matrix?;
                frames.push(matrix.nrows());
                values.extend(matrix.iter());
            }
        }
        let rows: usize = frames.iter().sum();
        (cx.log)(&format!("{} clips at {rate} Hz, {rows} frames", clips.len()));
        let index = FeatureIndex::consecutive(clips.iter().map(|(id, _)| id.as_str()).zip(frames));
        let dims = values.len() / rows.max(1);
        Ok(vec![Output::of("features", &Matrix::new(values, rows, dims)), Output::of("index", &index)])
    }

    fn extract(
        &self,
        clip: &str,
        audio: &Audio,
        rate: u32,
        extractor: &dyn Extractor,
    ) -> Result<Array2<f32>, StageError> {
        let wave = source::read(clip, audio, self.root.as_deref())?;
        if wave.rate != rate {
            let why = format!("its rate is {} Hz, but the section began with {rate} Hz", wave.rate);
            return Err(failed(clip, why));
        }
        extractor.extract(&wave.samples).map_err(|e| failed(clip, e))
    }
}

fn failed(clip: &str, why: impl ToString) -> StageError {
    StageError::Clip { clip: clip.to_owned(), why: why.to_string() }
}
