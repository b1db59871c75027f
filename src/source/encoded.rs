//! Recordings in FLAC (RFC 9639) and Ogg Vorbis (RFC 3533, Vorbis I), decoded by symphonia.
//!
//! Integers of any width become the upper bits of 32, and floats stay floats. Both then pass
//! through the code for WAV files of these encodings. So a FLAC file gives exactly the samples of a
//! WAV file of the same integers. What a file says of itself is checked: the MD5 sum and the number
//! of samples of FLAC, the checksums of all pages of Ogg. A damaged file is an error, never a
//! recording with a gap. The blocks of FLAC are compared with the bytes of the file, because a
//! recorder that writes to a pipe knows neither sum nor number.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::default::formats::{FlacReader, OggReader};
use symphonia::default::get_codecs;

use super::wav::{Encoding, Header};
use crate::reading::RECORDING;

mod blocks;
#[cfg(test)]
#[path = "../../tests/it/flac.rs"]
pub(super) mod made;
mod ogg;
mod part;

use blocks::Blocks;
pub(super) use part::{locate, part};

/// The samples of all channels in turn, in the encoding of the header, little-endian.
pub(super) struct Decoded {
    pub header: Header,
    pub data: Vec<u8>,
}

/// Decodes a file; `None` if it begins as neither FLAC nor Ogg. The error ends a sentence about the
/// file.
pub(super) fn decode(bytes: &[u8]) -> Option<Result<Decoded, String>> {
    let way: fn(&[u8]) -> Result<Decoded, String> = match bytes.get(..4)? {
        b"fLaC" => flac,
        b"OggS" => vorbis,
        _ => return None,
    };
    Some(guarded(|| way(bytes)))
}

/// Damage must not end the program, whatever a library makes of it.
fn guarded<T>(way: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let broken = |_| Err("it cannot be decoded: its data are broken".to_owned());
    catch_unwind(AssertUnwindSafe(way)).unwrap_or_else(broken)
}

/// The properties of a file by its first bytes, except the number of samples. `None` if it begins as
/// neither FLAC nor Ogg. The error ends a sentence about the file.
pub(super) fn head(bytes: &[u8]) -> Option<Result<Header, String>> {
    let header = match bytes.get(..4)? {
        b"fLaC" => StreamInfo::of(bytes).map(|info| info.header()),
        b"OggS" => ogg::header(bytes),
        _ => return None,
    };
    Some(header.map(|header| Header { frames: 0, ..header }))
}

/// The first metadata block of a FLAC file (RFC 9639, section 8.2).
struct StreamInfo {
    rate: u32,
    channels: usize,
    /// 0 if the encoder did not know it.
    frames: u64,
}

impl StreamInfo {
    fn of(bytes: &[u8]) -> Result<Self, String> {
        let block = bytes.get(8..42).filter(|_| bytes[4] & 0x7f == 0);
        let block = block.ok_or("broken header: there is no STREAMINFO block at its start")?;
        let number = |range: std::ops::Range<usize>| {
            block[range].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        // 20 bits of rate, 3 of channels less 1, 5 of bits less 1, 36 of samples.
        let packed = number(10..18);
        let rate = (packed >> 44) as u32;
        if rate == 0 {
            return Err("broken header: its sample rate is 0 Hz".to_owned());
        }
        let channels = (packed >> 41 & 7) as usize + 1;
        Ok(Self { rate, channels, frames: packed & 0xf_ffff_ffff })
    }

    fn header(&self) -> Header {
        let encoding = Encoding::Pcm32;
        Header { rate: self.rate, channels: self.channels, encoding, frames: self.frames as usize }
    }
}

fn flac(bytes: &[u8]) -> Result<Decoded, String> {
    let info = StreamInfo::of(bytes)?;
    let reader = FlacReader::try_new(stream(bytes), FormatOptions::default()).map_err(why)?;
    let blocks = Blocks::of(Cursor::new(bytes)).map_err(|e| why(e.into()))?;
    let decoded = samples(reader, info.header(), Some(blocks))?;
    match (info.frames, decoded.header.frames as u64) {
        (0, _) => Ok(decoded),
        (stated, found) if stated == found => Ok(decoded),
        (stated, found) if found < stated => Err(truncated(stated, found)),
        (stated, found) => {
            Err(format!("broken header: it says {stated} samples, and {found} were found"))
        }
    }
}

fn truncated(stated: u64, found: u64) -> String {
    format!("truncated: it should have {stated} samples, {found} of them were found")
}

fn vorbis(bytes: &[u8]) -> Result<Decoded, String> {
    let header = ogg::header(bytes)?;
    ogg::check(bytes)?;
    let reader = OggReader::try_new(stream(bytes), FormatOptions::default()).map_err(why)?;
    samples(reader, header, None)
}

fn stream(bytes: &[u8]) -> MediaSourceStream<'_> {
    MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default())
}

fn why(error: Error) -> String {
    match error {
        Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "truncated: the file ends within its data".to_owned()
        }
        Error::ResetRequired => "it holds several streams, one after the other".to_owned(),
        error => format!("it cannot be decoded: {error}"),
    }
}

/// All samples of the one track. The header says what they should be.
fn samples(
    mut reader: impl FormatReader,
    header: Header,
    mut blocks: Option<Blocks>,
) -> Result<Decoded, String> {
    let (mut track, mut data) = (Track::of(&reader, header, true)?, Vec::new());
    while let Some(packet) = reader.next_packet().map_err(why)? {
        if let Some(blocks) = &mut blocks {
            blocks.take(&packet)?;
        }
        track.decode(&packet, &mut data)?;
    }
    if let Some(blocks) = blocks {
        blocks.finish()?;
    }
    if track.decoder.finalize().verify_ok == Some(false) {
        return Err("broken: its samples have not the MD5 sum of its header".to_owned());
    }
    if data.is_empty() {
        return Err("it holds no samples".to_owned());
    }
    let frames = data.len() / (4 * header.channels);
    Ok(Decoded { header: Header { frames, ..header }, data })
}

/// The one track of a file.
struct Track {
    id: u32,
    header: Header,
    decoder: Box<dyn AudioDecoder>,
    integers: Vec<i32>,
    floats: Vec<f32>,
}

impl Track {
    /// With `whole`, the sum of all samples is compared in the end.
    fn of(reader: &impl FormatReader, header: Header, whole: bool) -> Result<Self, String> {
        let track = reader.default_track(TrackType::Audio).ok_or("it holds no sound")?;
        let parameters = track.codec_params.as_ref().and_then(|codec| codec.audio());
        let options = AudioDecoderOptions::default().verify(whole);
        let decoder = get_codecs()
            .make_audio_decoder(parameters.ok_or("it holds no sound")?, &options)
            .map_err(why)?;
        let (integers, floats) = (Vec::new(), Vec::new());
        Ok(Self { id: track.id, header, decoder, integers, floats })
    }

    /// Adds the samples of a packet, if it is one of the track.
    fn decode(&mut self, packet: &Packet, data: &mut Vec<u8>) -> Result<(), String> {
        if packet.track_id != self.id {
            return Ok(());
        }
        let part = self.decoder.decode(packet).map_err(why)?;
        if part.spec().channels().count() != self.header.channels {
            return Err("broken: the number of its channels changes".to_owned());
        }
        let size = data.len() as u64 + 4 * part.samples_interleaved() as u64;
        if size > RECORDING {
            let most = RECORDING >> 30;
            return Err(format!(
                "it has more than {most} GiB of samples: cut it into clips (`cut: {{ seconds: 10 }}` in \
                 `data`)"
            ));
        }
        match (self.header.encoding, &part) {
            (Encoding::Pcm32, GenericAudioBufferRef::S32(_)) => {
                part.copy_to_vec_interleaved(&mut self.integers);
                append(data, &self.integers, i32::to_le_bytes);
            }
            (Encoding::Float32, GenericAudioBufferRef::F32(_)) => {
                part.copy_to_vec_interleaved(&mut self.floats);
                append(data, &self.floats, f32::to_le_bytes);
            }
            _ => return Err("it holds another encoding than its header says".to_owned()),
        }
        Ok(())
    }
}

fn append<T: Copy>(data: &mut Vec<u8>, samples: &[T], bytes: impl Fn(T) -> [u8; 4]) {
    let before = data.len();
    data.resize(before + 4 * samples.len(), 0);
    let places = data[before..].as_chunks_mut::<4>().0;
    places.iter_mut().zip(samples).for_each(|(place, sample)| *place = bytes(*sample));
}

#[cfg(test)]
mod tests;
