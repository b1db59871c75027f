//! The samples of a clip with its noise.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StageError;
use crate::artifact::{Audio, Part};
use crate::dsp;
use crate::math;
use crate::mix;
use crate::source::{self, Wave};

/// Settings for mixing noise to the clips of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mixed {
    /// The folder of the noise recordings; in no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// Version of the reader or generator of the noise.
    pub source: (String, u32),
    /// Gain of the sum in dB, before it becomes 16 bits.
    pub gain_db: f64,
}

/// A clip as the data set would hold it.
pub struct Heard {
    pub wave: Wave,
    /// Number of samples that did not fit 16 bits; 0 without mixing.
    pub clipped: usize,
}

/// Reads a clip and mixes the parts of its recipe to it. Noise of another rate is resampled, and
/// short noise is repeated. The sum becomes 16 bits, like the files of a data set. Without `mixed`,
/// the clip stays unchanged.
///
/// Errors: a recording cannot be read, or the noise is silent in the part that is mixed.
pub fn hear(
    clip: &str,
    audio: &Audio,
    root: Option<&Path>,
    parts: &[Part],
    mixed: Option<&Mixed>,
) -> Result<Heard, StageError> {
    let mut wave = source::read(clip, audio, root)?;
    let Some(mixed) = mixed else { return Ok(Heard { wave, clipped: 0 }) };
    for part in parts {
        let noise = source::read(&part.noise, &part.audio, mixed.root.as_deref())?;
        let length = wave.samples.len();
        // Only the part that is mixed is resampled, because noise may be hours long.
        let needed = (length as f64 * f64::from(noise.rate) / f64::from(wave.rate)).ceil() as usize;
        let noise =
            dsp::resample(&mix::cut(&noise.samples, needed, part.place), noise.rate, wave.rate);
        let noise = &noise[..length.min(noise.len())];
        mix::scale_to(&mut wave.samples, noise, part.power).ok_or_else(|| StageError::Clip {
            clip: clip.to_owned(),
            why: format!("the noise `{}` is silent and cannot be mixed to it", part.noise),
        })?;
    }
    let quantised = mix::quantise(&wave.samples, math::powf(10f64, mixed.gain_db / 20.0));
    Ok(Heard { wave: Wave::of_steps(wave.rate, &quantised.samples), clipped: quantised.clipped })
}
