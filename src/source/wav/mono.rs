//! The samples of a WAV file as one channel.

use super::{Encoding, Wav, WavError};
use crate::artifact::Channel;
use crate::dsp;
use crate::source::Wave;

impl Wav<'_> {
    /// One channel of all samples, with their rate.
    pub(super) fn wave(&self, channel: Channel) -> Result<Wave, WavError> {
        Ok(Wave { rate: self.header.rate, samples: self.mono(channel)? })
    }

    /// One channel in -1..1: integers divided by 2^(bits - 1), floats unchanged.
    pub fn mono(&self, channel: Channel) -> Result<Vec<f32>, WavError> {
        match self.header.encoding {
            Encoding::Pcm8 => self.mix(channel, |[b]: [u8; 1]| (f32::from(b) - 128.0) / 128.0),
            Encoding::Pcm16 => self.mix(channel, |b| f32::from(i16::from_le_bytes(b)) / 32_768.0),
            // The three bytes become the upper ones of 32 bits, which keeps the sign.
            Encoding::Pcm24 => self.mix(channel, |[a, b, c]| {
                i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0
            }),
            Encoding::Pcm32 => {
                self.mix(channel, |b| i32::from_le_bytes(b) as f32 / 2_147_483_648.0)
            }
            Encoding::Float32 => self.mix(channel, f32::from_le_bytes).and_then(finite),
            Encoding::Float64 => {
                self.mix(channel, |b| f64::from_le_bytes(b) as f32).and_then(finite)
            }
        }
    }

    fn mix<const WIDTH: usize>(
        &self,
        channel: Channel,
        sample: impl Fn([u8; WIDTH]) -> f32,
    ) -> Result<Vec<f32>, WavError> {
        let (samples, channels) = (self.data.as_chunks::<WIDTH>().0, self.header.channels);
        let one = |number: usize| -> Vec<f32> {
            samples.iter().skip(number).step_by(channels).map(|&b| sample(b)).collect()
        };
        Ok(match channel {
            Channel::Mean | Channel::First if channels == 1 => one(0),
            _ if channels == 1 => return Err(WavError::OneChannel(channel)),
            Channel::First => one(0),
            Channel::Second => one(1),
            Channel::Mean => {
                let mean = |block: &[[u8; WIDTH]]| {
                    block.iter().map(|&b| sample(b)).sum::<f32>() / channels as f32
                };
                samples.chunks_exact(channels).map(mean).collect()
            }
            Channel::Difference => samples
                .chunks_exact(channels)
                .map(|block| sample(block[0]) - sample(block[1]))
                .collect(),
            // A number that is not finite would spread over the whole clip.
            Channel::Cancel => dsp::cancel(&finite(one(0))?, &finite(one(1))?),
        })
    }
}

fn finite(samples: Vec<f32>) -> Result<Vec<f32>, WavError> {
    match samples.iter().position(|x| !x.is_finite()) {
        Some(index) => Err(WavError::NotFinite { index }),
        None => Ok(samples),
    }
}
