//! WAV files: stand-in until the reader of WAV files lands.

use std::path::Path;

use super::{SourceError, Wave};
use crate::artifact::Channel;
use crate::digest::Digest;

/// The samples of a 16-bit WAV file and the digest of its bytes.
pub fn read_hashed(path: &Path, channel: Channel) -> Result<(Wave, Digest), SourceError> {
    let wrong = |why: String| SourceError::File { path: path.display().to_string(), why };
    let bytes = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
    let mut reader = hound::WavReader::new(&bytes[..]).map_err(|e| wrong(e.to_string()))?;
    let channels = usize::from(reader.spec().channels);
    let all = reader.samples::<i16>().collect::<Result<Vec<_>, _>>().map_err(|e| wrong(e.to_string()))?;
    let one = |frame: &[i16]| match channel {
        Channel::First => f32::from(frame[0]) / 32768.0,
        Channel::Mean => frame.iter().map(|&s| f32::from(s) / 32768.0).sum::<f32>() / channels as f32,
    };
    let samples = all.chunks_exact(channels).map(one).collect();
    Ok((Wave { rate: reader.spec().sample_rate, samples }, Digest::of(&bytes)))
}
