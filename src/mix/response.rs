//! Impulse responses: of files, and generated ones whose reverberation decays exponentially.

use serde::{Deserialize, Serialize};

use super::{Candidates, Placed, Types, unknown_type};
use crate::artifact::{Audio, Clip, Decay, Echo};
use crate::math;
use crate::seed::Seed;

/// Raised when generated responses, the preparation of recorded ones or the sound of a clip in a room
/// change. 2: a clip keeps its level and goes round; recorded responses are resampled by a filter.
pub const RESPONSE_VERSION: u32 = 2;

/// How the responses of clips are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Reverberation time in seconds of generated responses; `None` for recorded ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rt60: Option<Placed>,
    /// Energy of the direct sound over that of the reverberation in dB, in generated responses.
    pub direct_db: f64,
    /// The rooms of recorded responses; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Types>,
    /// Whether the noise is convolved as well, with a response of its own from the same room.
    pub noise: bool,
}

/// The range of reverberation times in seconds.
pub const RT60: [f64; 2] = [0.01, 10.0];

impl Response {
    /// The response of a machine (`of` is empty) or of one of its noises (`of` is its number), by the
    /// seed of the clip. The room of a clip is one: one reverberation time, one type of recordings.
    /// Errors: the clip lacks what decides, or there is no recording of its type.
    pub(super) fn draw(
        &self,
        clip: &Clip,
        own: Seed,
        of: &str,
        candidates: &Candidates,
    ) -> Result<Echo, String> {
        let (room, seed) = (own.derive(&["room"]), own.derive(&["place", of]));
        if let Some(rt60) = &self.rt60 {
            let (rt60, direct_db) = (rt60.of(clip, room)?, self.direct_db);
            return Ok(Echo::Decay(Decay { rt60, direct_db, seed: seed.0 }));
        }
        let all: Vec<String>;
        let types = match &self.types {
            Some(types) => types.of(clip)?,
            None => {
                all = candidates.keys().cloned().collect();
                &all
            }
        };
        if types.is_empty() {
            return Err("no type of response is allowed for it".into());
        }
        let chosen = &types[room.rng().below(types.len())];
        let found: Vec<(&String, &Audio)> =
            candidates.get(chosen).into_iter().flat_map(|table| &table.0).collect();
        if found.is_empty() {
            let known: Vec<&str> = candidates.keys().map(String::as_str).collect();
            return Err(unknown_type("response", chosen, &known));
        }
        let (id, audio) = found[seed.rng().below(found.len())];
        Ok(Echo::File(id.clone(), audio.clone()))
    }
}

/// The samples of a generated response at `rate` samples a second: the direct sound at the first
/// sample, and white noise whose power decays by 60 dB in the reverberation time, where it ends. The
/// energy is 1.
pub fn decay(Decay { rt60, direct_db, seed }: &Decay, rate: u32) -> Vec<f32> {
    let length = ((rt60 * f64::from(rate)).round() as usize).max(1);
    let mut rng = Seed(*seed).derive(&["response"]).rng();
    // 60 dB are a factor of 1000 in amplitude.
    let per_sample = -math::ln(1000.0f64) / length as f64;
    let mut tail: Vec<f64> =
        (1..=length).map(|i| math::exp(per_sample * i as f64) * rng.normal()).collect();
    let energy: f64 = tail.iter().map(|x| x * x).sum();
    let direct = math::powf(10f64, direct_db / 10.0);
    // Shares of the direct sound and of the tail in the energy of 1.
    let gain = (1.0 / (1.0 + direct) / energy.max(f64::MIN_POSITIVE)).sqrt();
    tail.iter_mut().for_each(|x| *x *= gain);
    let first = (direct / (1.0 + direct)).sqrt();
    std::iter::once(first).chain(tail).map(|x| x as f32).collect()
}

/// A recorded response, ready for use: it begins with the direct sound, the first sample within 20
/// dB of the peak, and has an energy of 1. `None` if it is silent.
pub fn trimmed(response: &[f32]) -> Option<Vec<f32>> {
    let peak = response.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let start = response.iter().position(|x| x.abs() >= 0.1 * peak)?;
    let energy: f64 = response[start..].iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    let gain = 1.0 / energy.sqrt();
    gain.is_finite()
        .then(|| response[start..].iter().map(|x| (f64::from(*x) * gain) as f32).collect())
}

/// A generated response with as much direct sound as reverberation, if there is a reverberation time.
pub(super) fn generated(rt60: Option<f64>, seed: Seed) -> Option<Echo> {
    rt60.map(|rt60| Echo::Decay(Decay { rt60, direct_db: 0.0, seed: seed.0 }))
}

#[cfg(test)]
mod tests {
    use super::super::power;
    use super::*;

    fn energy(samples: &[f32]) -> f64 {
        power(samples) * samples.len() as f64
    }

    #[test]
    fn generated_responses_begin_with_the_direct_sound_and_decay_by_60_db() {
        for (direct_db, share) in [(0.0, 0.5), (10.0, 10.0 / 11.0), (-100.0, 0.0)] {
            let all = decay(&Decay { rt60: 0.5, direct_db, seed: 3 }, 16_000);
            assert_eq!(all.len(), 8001);
            assert!((energy(&all) - 1.0).abs() < 1e-6);
            assert!((energy(&all[..1]) - share).abs() < 1e-6, "{direct_db}");
        }
        let all = decay(&Decay { rt60: 1.0, direct_db: 0.0, seed: 3 }, 16_000);
        // From the first to the last tenth there are nine tenths of 60 dB.
        let (early, late) = (power(&all[1..1601]), power(&all[14_401..]));
        let fall = 10.0 * math::log10(early / late);
        assert!((fall - 54.0).abs() < 1.0, "{fall}");
        assert_ne!(all, decay(&Decay { rt60: 1.0, direct_db: 0.0, seed: 4 }, 16_000));
        assert_eq!(decay(&Decay { rt60: 0.01, direct_db: 0.0, seed: 4 }, 8).len(), 2);
    }

    #[test]
    fn recorded_responses_lose_what_comes_before_the_direct_sound() {
        assert_eq!(trimmed(&[0.0, 0.01, 3.0, 4.0]).unwrap(), [0.6, 0.8]);
        assert_eq!(trimmed(&[0.0, 0.0]), None);
        assert_eq!(trimmed(&[]), None);
    }
}
