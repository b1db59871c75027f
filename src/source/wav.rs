//! Recordings: WAV files with their samples converted in bulk, and files of other formats by their
//! content, which `encoded` decodes.
//!
//! Our own reader, because a run reads more samples than anything else. Reading them one by one
//! through an `io::Read`, as hound does, costs three times the whole log-mel of a clip. Samples are
//! scaled as in soundfile and librosa. Every defect of a file is an error that describes it, never
//! a panic. The size of the file bounds the memory. hound writes.

use std::path::Path;

use super::encoded::{self, Decoded};
use super::{SourceError, Wave};
use crate::artifact::Channel;
use crate::digest::Digest;
use crate::reading::{self, RECORDING};

mod mono;
mod range;
mod write;

pub use range::{locate, look, read_range};
pub use write::write;

/// The encoding of a sample. Little-endian, as everywhere in RIFF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Unsigned; 128 is silence.
    Pcm8,
    Pcm16,
    Pcm24,
    Pcm32,
    Float32,
    Float64,
}

impl Encoding {
    /// Bytes per sample.
    pub fn bytes(self) -> usize {
        match self {
            Encoding::Pcm8 => 1,
            Encoding::Pcm16 => 2,
            Encoding::Pcm24 => 3,
            Encoding::Pcm32 | Encoding::Float32 => 4,
            Encoding::Float64 => 8,
        }
    }
}

/// The properties of a file's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Samples per second, at least 1.
    pub rate: u32,
    /// At least 1.
    pub channels: usize,
    pub encoding: Encoding,
    /// Samples per channel, at least 1.
    pub frames: usize,
}

/// The reason why bytes are not a readable WAV file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WavError {
    #[error("the file is empty")]
    Empty,
    #[error("not a WAV file: {0}")]
    NotWav(String),
    #[error(
        "truncated: the `{chunk}` chunk should have {expected} bytes, the file has {found} of them"
    )]
    Truncated { chunk: String, expected: u64, found: usize },
    #[error("truncated: the file ends before its `{0}` chunk")]
    NoChunk(&'static str),
    #[error("broken header: {0}")]
    Header(String),
    #[error(
        "the samples are stored as {0}; only PCM of 8, 16, 24 or 32 bit and float of 32 or 64 bit are read"
    )]
    Encoding(String),
    #[error(
        "the length of the `data` chunk was never filled in (a recording that was cut off or piped); write the header \
         anew, such as by `sox --ignore-length in.wav out.wav`"
    )]
    NeverFilledIn,
    #[error("the data chunk holds no samples")]
    NoSamples,
    #[error(
        "the data chunk has {bytes} bytes, not a multiple of {block} ({channels} channels of {width} bytes)"
    )]
    Odd { bytes: usize, block: usize, channels: usize, width: usize },
    #[error("it has one channel, and `channel: {0}` needs two")]
    OneChannel(Channel),
    #[error("sample {index} is not a finite number")]
    NotFinite { index: usize },
}

/// A parsed file: its header and a view of its data chunk.
pub struct Wav<'a> {
    pub header: Header,
    /// Samples of all channels in turn, in their encoding.
    pub(super) data: &'a [u8],
}

/// The samples of one channel of the file at `path`, in any format; the path may be a pipe that the
/// user names.
pub fn read(path: &Path, channel: Channel) -> Result<Wave, SourceError> {
    wave(path, &loaded(path, reading::read_or_pipe(path, RECORDING))?, channel)
}

/// The properties of the file at `path` except the number of its samples, if it is readable. Does
/// not look at its samples.
pub fn head(path: &Path) -> Option<Header> {
    use std::io::Read;
    let mut head = Vec::new();
    reading::open(path).ok()?.take(1 << 16).read_to_end(&mut head).ok()?;
    if let Some(other) = encoded::head(&head) {
        return other.ok();
    }
    let mut rest = riff(&head).ok()?;
    let mut format = None;
    // As for `parse`, the last format before the data holds.
    while let Some((name, length)) = rest.get(..4).zip(rest.get(4..8)).filter(|c| c.0 != b"data") {
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        if name == b"fmt " {
            format = Some(parse_format(rest.get(8..8 + length)?).ok()?);
        }
        rest = rest.get(8 + length + length % 2..).unwrap_or_default();
    }
    format
}

/// As [`read`], with the digest of the same bytes.
pub fn read_hashed(path: &Path, channel: Channel) -> Result<(Wave, Digest), SourceError> {
    let bytes = loaded(path, reading::read(path, RECORDING))?;
    Ok((wave(path, &bytes, channel)?, Digest::of(&bytes)))
}

fn loaded(path: &Path, bytes: std::io::Result<Vec<u8>>) -> Result<Vec<u8>, SourceError> {
    let why = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::FileTooLarge => {
            format!("{e}: cut it into clips (`cut: {{ seconds: 10 }}` in `data`)")
        }
        _ => e.to_string(),
    };
    bytes.map_err(|e| SourceError::File { path: path.display().to_string(), why: why(e) })
}

fn wave(path: &Path, bytes: &[u8], channel: Channel) -> Result<Wave, SourceError> {
    let wrong = |e: WavError| e.to_string();
    let decoded = match encoded::decode(bytes) {
        None => parse(bytes).and_then(|wav| wav.wave(channel)).map_err(wrong),
        Some(decoded) => decoded.and_then(|Decoded { header, data }| {
            Wav { header, data: &data }.wave(channel).map_err(wrong)
        }),
    };
    decoded.map_err(|why| SourceError::File { path: path.display().to_string(), why })
}

/// Finds the header and the data of a WAV file. Unknown chunks are skipped; anything after the data
/// is ignored.
pub fn parse(bytes: &[u8]) -> Result<Wav<'_>, WavError> {
    let mut rest = riff(bytes)?;
    let (mut format, mut long) = (None, None);
    while !rest.is_empty() {
        let Some((head, body)) = rest.split_at_checked(8) else { break };
        let (id, length) = (&head[..4], u64::from(u32_at(head, 4)));
        let cut = |length: u64| WavError::Truncated {
            chunk: printable(id),
            expected: length,
            found: body.len(),
        };
        match (id, format) {
            (b"data", None) => {
                return Err(WavError::Header(
                    "the `data` chunk comes before the `fmt ` chunk".into(),
                ));
            }
            (b"data", Some(format)) => {
                let length = long.filter(|_| length == u64::from(u32::MAX)).unwrap_or(length);
                return match usize::try_from(length).ok().and_then(|length| body.get(..length)) {
                    Some(_) if length == 0 && !body.is_empty() => unclosed(format, bytes, body),
                    Some(chunk) => data(format, chunk),
                    None if is_filler(length) => data_to_the_end(format, body),
                    _ => Err(cut(length)),
                };
            }
            (b"fmt ", _) => {
                format = Some(parse_format(sized(body, length).ok_or_else(|| cut(length))?)?)
            }
            // The lengths of an RF64 file: of the whole file and of the data, 64 bits each.
            (b"ds64", _) if bytes[..4] != *b"RIFF" && length >= 16 && body.len() >= 16 => {
                long = Some(u64::from(u32_at(body, 8)) | u64::from(u32_at(body, 12)) << 32);
            }
            _ => {}
        }
        let length = sized(body, length).ok_or_else(|| cut(length))?.len();
        // Chunks begin at even offsets. Some writers forget the padding byte at the very end.
        rest = &body[(length + length % 2).min(body.len())..];
    }
    Err(WavError::NoChunk(if format.is_none() { "fmt " } else { "data" }))
}

fn sized(body: &[u8], length: u64) -> Option<&[u8]> {
    body.get(..usize::try_from(length).ok()?)
}

/// Whether a length is a filler: some programs write one before they know the length, and never
/// replace it. ffmpeg writes all ones, sox `7ffff000`, arecord two GiB, some subtract the bytes of
/// the header. No readable file is that long.
fn is_filler(length: u64) -> bool {
    (0x7fff_f000..=0x8000_0000).contains(&length)
        || (0xffff_f000..=0xffff_ffff).contains(&length)
        || length == u64::MAX
}

/// A data chunk of length 0 with bytes behind it. If the length of the whole file was never filled
/// in either, a recorder was switched off, and the bytes are samples. If the stated length of the
/// file ends at the chunk, programs disagree about the bytes behind it.
fn unclosed<'a>(format: Header, bytes: &[u8], body: &'a [u8]) -> Result<Wav<'a>, WavError> {
    let (length, here) = (u64::from(u32_at(bytes, 4)), (bytes.len() - body.len()) as u64);
    match length {
        0 => data_to_the_end(format, body),
        _ if length == u64::from(u32::MAX) => data_to_the_end(format, body),
        _ if length + 8 <= here => Err(WavError::NeverFilledIn),
        _ => Err(WavError::NoSamples),
    }
}

/// The data of a file whose length was never filled in: all remaining bytes, as in libsndfile and
/// ffmpeg. A file that ends within a frame may have something else at its end.
fn data_to_the_end(format: Header, body: &[u8]) -> Result<Wav<'_>, WavError> {
    match data(format, body) {
        Err(WavError::Odd { .. }) => Err(WavError::NeverFilledIn),
        read => read,
    }
}

/// The bytes after the first 12, which make a file a WAV file.
fn riff(bytes: &[u8]) -> Result<&[u8], WavError> {
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    if bytes.is_empty() {
        return Err(WavError::Empty);
    }
    let wave = begins(b"RIFF") || begins(b"RF64") || begins(b"BW64");
    let other = match () {
        _ if wave && bytes.len() < 12 => return Err(WavError::NoChunk("fmt ")),
        _ if wave && bytes[8..12] == *b"WAVE" => return Ok(&bytes[12..]),
        _ if wave => format!("a RIFF file of type `{}`", printable(&bytes[8..12])),
        _ if begins(b"RIFX") => "a big-endian RIFX file".into(),
        _ if begins(b"fLaC") => "a FLAC file".into(),
        _ if begins(b"OggS") => "an Ogg file".into(),
        _ if begins(b"ID3") && behind_tag(bytes).starts_with(b"RIFF") => {
            "an ID3 tag stands before `RIFF`; write the file without its tag".into()
        }
        _ if begins(b"ID3") && behind_tag(bytes).starts_with(b"fLaC") => {
            "an ID3 tag stands before `fLaC`; write the file without its tag".into()
        }
        _ if begins(b"ID3") => "an MP3 file".into(),
        _ if begins(b"FORM") => "an AIFF file".into(),
        _ => format!(
            "it begins with `{}` where `RIFF` should be",
            printable(&bytes[..bytes.len().min(8)])
        ),
    };
    Err(WavError::NotWav(other))
}

/// The bytes after an ID3 tag. Its length has seven bits per byte.
fn behind_tag(bytes: &[u8]) -> &[u8] {
    let length = bytes
        .get(6..10)
        .map_or(0, |size| size.iter().fold(0, |sum, b| sum << 7 | usize::from(b & 0x7f)));
    bytes.get(10 + length..).unwrap_or_default()
}

/// Rate, channels and encoding from a `fmt ` chunk. The number of frames is not known yet.
fn parse_format(chunk: &[u8]) -> Result<Header, WavError> {
    if chunk.len() < 16 {
        return Err(WavError::Header(format!(
            "the `fmt ` chunk has {} bytes, at least 16 are needed",
            chunk.len()
        )));
    }
    let (channels, rate) = (usize::from(u16_at(chunk, 2)), u32_at(chunk, 4));
    let (block, bits) = (usize::from(u16_at(chunk, 12)), u16_at(chunk, 14));
    let encoding = match (tag(chunk)?, bits) {
        (1, 8) => Encoding::Pcm8,
        (1, 16) => Encoding::Pcm16,
        (1, 24) => Encoding::Pcm24,
        (1, 32) => Encoding::Pcm32,
        (3, 32) => Encoding::Float32,
        (3, 64) => Encoding::Float64,
        (tag, bits) => return Err(WavError::Encoding(codec(tag, bits))),
    };
    if channels == 0 {
        return Err(WavError::Header("it has 0 channels".into()));
    }
    if rate == 0 {
        return Err(WavError::Header("its sample rate is 0 Hz".into()));
    }
    if block != channels * encoding.bytes() {
        let width = encoding.bytes();
        let why = format!(
            "{channels} channels of {width} bytes do not make the stated blocks of {block} bytes"
        );
        return Err(WavError::Header(why));
    }
    Ok(Header { rate, channels, encoding, frames: 0 })
}

/// The format tag; for WAVE_FORMAT_EXTENSIBLE the tag of its sub-format.
fn tag(chunk: &[u8]) -> Result<u16, WavError> {
    const EXTENSIBLE: u16 = 0xfffe;
    /// The end of every sub-format GUID that contains a format tag.
    const GUID: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
    match u16_at(chunk, 0) {
        EXTENSIBLE if chunk.len() < 40 => Err(WavError::Header(format!(
            "an extensible `fmt ` chunk has 40 bytes, not {}",
            chunk.len()
        ))),
        EXTENSIBLE if chunk[26..40] != GUID => {
            Err(WavError::Encoding("an unknown extensible sub-format".into()))
        }
        EXTENSIBLE => Ok(u16_at(chunk, 24)),
        tag => Ok(tag),
    }
}

/// The name of an unsupported encoding.
fn codec(tag: u16, bits: u16) -> String {
    let name = match tag {
        1 => return format!("PCM of {bits} bit"),
        3 => return format!("float of {bits} bit"),
        0x02 => "Microsoft ADPCM",
        0x06 => "A-law",
        0x07 => "mu-law",
        0x11 => "IMA ADPCM",
        0x31 => "GSM 6.10",
        0x50 => "MPEG",
        0x55 => "MP3",
        0xff => "AAC",
        _ => "an unknown codec",
    };
    format!("{name} (format tag {tag:#06x})")
}

fn data(format: Header, data: &[u8]) -> Result<Wav<'_>, WavError> {
    let (channels, width) = (format.channels, format.encoding.bytes());
    let block = channels * width;
    if data.is_empty() {
        return Err(WavError::NoSamples);
    }
    if !data.len().is_multiple_of(block) {
        return Err(WavError::Odd { bytes: data.len(), block, channels, width });
    }
    Ok(Wav { header: Header { frames: data.len() / block, ..format }, data })
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Bytes as one line of text.
fn printable(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|b| if b.is_ascii_graphic() || *b == b' ' { char::from(*b) } else { '.' })
        .collect()
}

#[cfg(test)]
mod tests;
