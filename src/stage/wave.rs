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
/// With responses, the clip and its noise are convolved before they are summed, at the level that they
/// had, and as if they went round: what sounded before them is not known. With two microphones, the
/// near channel is the machine and the noise on its way there, at the ratio of the recipe; the far
/// channel is the machine on its way there and the noise, which is louder there by as much as its way
/// to the near one weakens it.
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
    let sounding = |samples: Vec<f32>, echo: Option<&Echo>| -> Result<Vec<f32>, StageError> {
        let Some(echo) = echo else { return Ok(samples) };
        Ok(in_room(&samples, &response(echo, rate, mixed, wrong)?))
    };
    let length = samples.len();
    let first = parts.first().map(|part| &part.more);
    let mut near = sounding(samples, first.and_then(|more| more.response.as_ref()))?;
    let mut far = match first.and_then(|more| more.ways.as_ref()) {
        None => None,
        Some(Ways { far: way, .. }) => {
            let later = mix::delayed(&near, mix::delay(way.delay_ms, rate));
            let gain = math::powf(10f64, way.gain_db / 20.0) as f32;
            let softer = later.into_iter().map(|x| x * gain).collect();
            Some(sounding(softer, way.response.as_ref())?)
        }
    };
    for part in parts {
        let noise = source::read(&part.noise, &part.audio, mixed.root.as_deref())?;
        // The noise is at the far microphone first, so it is heard a little further there.
        let way = part.more.ways.as_ref().map(|ways| &ways.near);
        let ahead = way.map_or(0, |way| mix::delay(way.delay_ms, rate));
        let noise = piece(&noise, part.place, length + ahead, rate)
            .map_err(|why| wrong(format!("the noise `{}`: {why}", part.noise)))?;
        let noise = sounding(noise, part.more.noise_response.as_ref())?;
        let at_near = noise[..length].to_vec();
        let at_near = sounding(at_near, way.and_then(|way| way.response.as_ref()))?;
        let gain = mix::scale_to(&mut near, &at_near, part.power).ok_or_else(|| {
            wrong(format!(
                "the noise `{}` is silent where it is mixed to it (at {:.2} of its length): cut the silence out",
                part.noise, part.place
            ))
        })?;
        if let (Some(far), Some(way)) = (&mut far, way) {
            let gain = gain / math::powf(10f64, way.gain_db / 20.0);
            mix::add(far, &noise[ahead..], gain);
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

/// The samples as they sound in a room, at the level that they had.
///
/// What sounded before a clip is not known, and its end stands in for it, as if the clip went round.
/// Otherwise clips would begin softer than they end, and more so in a room that rings longer.
fn in_room(samples: &[f32], response: &[f32]) -> Vec<f32> {
    let before = response.len().min(samples.len());
    let round = [&samples[samples.len() - before..], samples].concat();
    let mut heard = dsp::convolve(&round, response).split_off(before);
    let gain = (mix::power(samples) / mix::power(&heard)).sqrt();
    if gain.is_finite() {
        heard.iter_mut().for_each(|x| *x = (f64::from(*x) * gain) as f32);
    }
    heard
}

/// The `length` samples at `rate` of a noise from `place` on. Only what is heard is resampled, because
/// noise may be hours long, and with it what the filter needs before and after: without that, the
/// piece would click at its ends. Errors: the rates have no ratio of small numbers.
fn piece(noise: &Wave, place: f64, length: usize, rate: u32) -> Result<Vec<f32>, String> {
    let needed = (length as f64 * f64::from(noise.rate) / f64::from(rate)).ceil() as usize;
    let (margin, resampled) = dsp::margin(noise.rate, rate).unwrap_or_default();
    let samples = mix::cut(&noise.samples, needed, place, margin);
    let wave = source::resampled(Wave { rate: noise.rate, samples }, rate)?;
    Ok(wave.samples[resampled..][..length].to_vec())
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
            let wave = source::resampled(wave, rate)
                .map_err(|why| wrong(format!("the response `{id}`: {why}")))?;
            mix::trimmed(&wave.samples)
                .ok_or_else(|| wrong(format!("the response `{id}` is silent")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn tone(hz: f64, rate: u32, first: usize, count: usize) -> Vec<f32> {
        let at = |i: usize| math::sin(TAU * hz * (first + i) as f64 / f64::from(rate)) as f32;
        (0..count).map(at).collect()
    }

    #[test]
    fn a_clip_in_a_room_goes_round_and_keeps_its_level() {
        let samples = [4.0, 1.0, -2.0, 0.5, 3.0];
        let heard = in_room(&samples, &[0.5, 0.0, 0.25]);
        let wet = [2.0 + 0.125, 0.5 + 0.75, -1.0 + 1.0, 0.25 + 0.25, 1.5 - 0.5];
        let gain = (mix::power(&samples) / mix::power(&wet)).sqrt() as f32;
        assert!(heard.iter().zip(&wet).all(|(h, w)| (h - gain * w).abs() < 1e-6), "{heard:?}");
        // A steady tone is as loud at the start as later, in a room that rings longer than the clip.
        let room =
            mix::decay(&crate::artifact::Decay { rt60: 0.5, direct_db: -10.0, seed: 1 }, 8000);
        let heard = in_room(&tone(500.0, 8000, 0, 3200), &room);
        let (start, end) = (mix::power(&heard[..320]), mix::power(&heard[2880..]));
        assert!((start / end - 1.0).abs() < 0.01, "{start} {end}");
        assert_eq!(in_room(&[0.0; 3], &room), [0.0; 3]);
        assert!(in_room(&[], &room).is_empty());
    }

    #[test]
    fn a_piece_of_noise_of_another_rate_has_no_edges() {
        let noise = Wave { rate: 44_100, samples: tone(101.0, 44_100, 0, 132_300) };
        for (place, rate) in [(0.3, 16_000), (0.5, 48_000), (0.7, 44_100)] {
            let length = 4000;
            let piece = piece(&noise, place, length, rate).unwrap();
            let needed = (length as f64 * 44_100.0 / f64::from(rate)).ceil();
            let start = (place * (132_300.0 - needed + 1.0)) as usize;
            let seconds = start as f64 / 44_100.0;
            let at =
                |i: usize| math::sin(TAU * 101.0 * (seconds + i as f64 / f64::from(rate))) as f32;
            let off = (0..length).map(|i| (piece[i] - at(i)).abs()).fold(0.0, f32::max);
            assert!(off < 2e-3, "{rate}: {off}");
        }
        let odd = Wave { rate: 4_294_967_291, samples: vec![1.0; 9] };
        assert!(piece(&odd, 0.5, 9, 16_000).unwrap_err().contains("cannot be resampled"));
    }
}
