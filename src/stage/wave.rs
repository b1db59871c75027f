//! The samples of a clip with its noise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StageError;
use crate::artifact::{Audio, Channel, Echo, Part, Ways};
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
    /// Versions of further code that makes the noise, responses and channels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub uses: BTreeMap<String, u32>,
    /// Gain of the sum in dB, before it becomes 16 bits.
    pub gain_db: f64,
    /// The folder of recorded impulse responses; in no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responses: Option<PathBuf>,
    /// How the channels of two microphones become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
}

/// A clip as a run hears it.
pub struct Heard {
    pub wave: Wave,
    /// Number of samples that did not fit 16 bits; 0 without mixing.
    pub clipped: usize,
}

/// A clip as the data set would hold it.
pub struct Recorded {
    pub rate: u32,
    /// The samples of each channel: one, or those of the near and the far microphone.
    pub channels: Vec<Vec<f32>>,
    /// Number of samples that did not fit 16 bits; 0 without mixing.
    pub clipped: usize,
}

/// Reads a clip and mixes the parts of its recipe to it, as [`record`] does. Two channels become one
/// as the settings choose.
///
/// Errors: as of [`record`].
pub fn hear(
    clip: &str,
    audio: &Audio,
    root: Option<&Path>,
    parts: &[Part],
    mixed: Option<&Mixed>,
) -> Result<Heard, StageError> {
    let Recorded { rate, mut channels, clipped } = record(clip, audio, root, parts, mixed)?;
    let samples = match (mixed.and_then(|mixed| mixed.channel), &channels[..]) {
        (Some(channel), [near, far]) => source::joined(channel, near, far),
        _ => channels.swap_remove(0),
    };
    Ok(Heard { wave: Wave { rate, samples }, clipped })
}

/// Reads a clip and mixes the parts of its recipe to it. Noise of another rate is resampled, and
/// short noise is repeated. The sum becomes 16 bits, like the files of a data set. Without `mixed`,
/// the clip stays unchanged.
///
/// With responses, the clip and its noise are convolved before they are summed. With two
/// microphones, the near channel is the machine and the noise on its way there, at the ratio of the
/// recipe; the far channel is the machine on its way there and the noise, which is louder there by
/// as much as its way to the near one weakens it.
///
/// Errors: a recording cannot be read, or is silent in the part that is mixed.
pub fn record(
    clip: &str,
    audio: &Audio,
    root: Option<&Path>,
    parts: &[Part],
    mixed: Option<&Mixed>,
) -> Result<Recorded, StageError> {
    let Wave { rate, samples } = source::read(clip, audio, root)?;
    let Some(mixed) = mixed else {
        return Ok(Recorded { rate, channels: vec![samples], clipped: 0 });
    };
    let wrong = |why: String| StageError::Clip { clip: clip.to_owned(), why };
    let in_room = |samples: Vec<f32>, echo: Option<&Echo>| -> Result<Vec<f32>, StageError> {
        let Some(echo) = echo else { return Ok(samples) };
        Ok(dsp::convolve(&samples, &response(echo, rate, mixed, wrong)?))
    };
    let length = samples.len();
    let first = parts.first().map(|part| &part.more);
    let mut near = in_room(samples, first.and_then(|more| more.response.as_ref()))?;
    let mut far = match first.and_then(|more| more.ways.as_ref()) {
        None => None,
        Some(Ways { far: way, .. }) => {
            let later = mix::delayed(&near, mix::delay(way.delay_ms, rate));
            let gain = math::powf(10f64, way.gain_db / 20.0) as f32;
            let softer = later.into_iter().map(|x| x * gain).collect();
            Some(in_room(softer, way.response.as_ref())?)
        }
    };
    for part in parts {
        let noise = source::read(&part.noise, &part.audio, mixed.root.as_deref())?;
        // The noise is at the far microphone first, so it is heard a little further there.
        let way = part.more.ways.as_ref().map(|ways| &ways.near);
        let ahead = way.map_or(0, |way| mix::delay(way.delay_ms, rate));
        let heard = (length + ahead) as f64;
        // Only the part that is mixed is resampled, because noise may be hours long.
        let needed = (heard * f64::from(noise.rate) / f64::from(rate)).ceil() as usize;
        let noise = dsp::resample(&mix::cut(&noise.samples, needed, part.place), noise.rate, rate);
        let noise = in_room(noise, part.more.noise_response.as_ref())?;
        let at_near = noise[..length.min(noise.len())].to_vec();
        let at_near = in_room(at_near, way.and_then(|way| way.response.as_ref()))?;
        let gain = mix::scale_to(&mut near, &at_near, part.power).ok_or_else(|| {
            wrong(format!("the noise `{}` is silent and cannot be mixed to it", part.noise))
        })?;
        if let (Some(far), Some(way)) = (&mut far, way) {
            let gain = gain / math::powf(10f64, way.gain_db / 20.0);
            mix::add(far, &noise[ahead.min(noise.len())..], gain);
        }
    }
    let gain = math::powf(10f64, mixed.gain_db / 20.0);
    let mut clipped = 0;
    let channels = std::iter::once(near).chain(far).map(|samples| {
        let quantised = mix::quantise(&samples, gain);
        clipped += quantised.clipped;
        Wave::of_steps(rate, &quantised.samples).samples
    });
    Ok(Recorded { rate, channels: channels.collect(), clipped })
}

/// The samples of an impulse response.
fn response(
    echo: &Echo,
    rate: u32,
    mixed: &Mixed,
    wrong: impl Fn(String) -> StageError,
) -> Result<Vec<f32>, StageError> {
    match echo {
        Echo::Decay(decay) => Ok(mix::decay(decay, rate)),
        Echo::File(id, audio) => {
            let wave = source::read(id, audio, mixed.responses.as_deref())?;
            // Silence after it keeps its end from ringing into its start.
            let silence = std::iter::repeat_n(0.0, wave.samples.len());
            let padded: Vec<f32> = wave.samples.iter().copied().chain(silence).collect();
            let mut samples = dsp::resample(&padded, wave.rate, rate);
            samples.truncate(samples.len() / 2);
            mix::trimmed(&samples).ok_or_else(|| wrong(format!("the response `{id}` is silent")))
        }
    }
}
