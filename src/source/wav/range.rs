//! A part of a recording. Of a WAV file only its bytes are read, so a clip of a file of hours costs
//! as much as one of ten seconds. Files of other formats are cut by `encoded`.
//!
//! The chunks are those that [`parse`](super::parse) finds in the bytes of a whole file, and the
//! same defects are errors.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::{Header, Wav, WavError, is_filler, parse_format, printable, riff, u32_at};
use crate::artifact::{Channel, Segment};
use crate::reading;
use crate::source::encoded::{self, Decoded};
use crate::source::{SourceError, Wave};

/// The bytes of a file that are enough to say what it is, with all that the head of a FLAC file and
/// the first page of an Ogg file say.
const BEGINNING: u64 = 4096;
/// The bytes of a `fmt ` chunk that matter.
const FORMAT: u64 = 64;

/// A WAV file whose samples were not read.
struct Located {
    header: Header,
    /// The byte of its first sample.
    start: u64,
}

/// The header of the file at `path`, with the number of its samples. An Ogg file is read for it,
/// and a FLAC file that does not say it.
///
/// Errors: as of a whole file, except for samples that are not finite and for what is wrong within
/// a FLAC file.
pub fn locate(path: &Path) -> Result<Header, SourceError> {
    let read = || -> io::Result<Header> {
        let mut file = reading::open(path)?;
        let beginning = beginning(&mut file)?;
        match encoded::locate(path, &beginning) {
            Some(header) => header.map_err(io::Error::other),
            None => Ok(located(&mut file, &beginning)?.header),
        }
    };
    read().map_err(|e| told(path, &e))
}

/// What the file at `path` says of itself at its start, and whether a WAV file is as long as it says.
/// However long it is, some bytes of it are read.
///
/// Errors: as of a whole file, except for what is wrong in its samples, and within a file of another
/// format.
pub fn look(path: &Path) -> Result<Header, SourceError> {
    let read = || -> io::Result<Header> {
        let mut file = reading::open(path)?;
        let beginning = beginning(&mut file)?;
        match encoded::head(&beginning) {
            Some(header) => header.map_err(io::Error::other),
            None => Ok(located(&mut file, &beginning)?.header),
        }
    };
    read().map_err(|e| told(path, &e))
}

/// The samples of one channel of a part of the file at `path`.
///
/// Errors: those of [`locate`]; the part does not lie in the file; a sample is not finite.
pub fn read_range(path: &Path, channel: Channel, part: Segment) -> Result<Wave, SourceError> {
    let read = || -> io::Result<Wave> {
        let mut file = reading::open(path)?;
        let beginning = beginning(&mut file)?;
        if let Some(decoded) = encoded::part(path, &beginning, part) {
            let Decoded { header, data } = decoded.map_err(io::Error::other)?;
            return Wav { header, data: &data }.wave(channel).map_err(io::Error::other);
        }
        let Located { header, start } = located(&mut file, &beginning)?;
        let Segment { start: first, frames } = part;
        if frames == 0 || first.checked_add(frames).is_none_or(|end| end > header.frames as u64) {
            let why = format!("it has {} samples, too few for the clip", header.frames);
            return Err(io::Error::other(why));
        }
        let block = (header.channels * header.encoding.bytes()) as u64;
        file.seek(SeekFrom::Start(start + first * block))?;
        let data = exactly(&mut file, frames * block)?;
        let header = Header { frames: frames as usize, ..header };
        let samples = Wav { header, data: &data }.mono(channel).map_err(io::Error::other)?;
        Ok(Wave { rate: header.rate, samples })
    };
    read().map_err(|e| told(path, &e))
}

fn told(path: &Path, why: &io::Error) -> SourceError {
    SourceError::File { path: path.display().to_string(), why: why.to_string() }
}

/// So many bytes of a file that has them.
fn exactly(file: &mut File, bytes: u64) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    let size = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
    read.try_reserve_exact(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
    file.take(bytes).read_to_end(&mut read)?;
    if read.len() == size { Ok(read) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn beginning(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(BEGINNING).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn located(file: &mut File, beginning: &[u8]) -> io::Result<Located> {
    let size = file.metadata()?.len();
    riff(beginning).map_err(io::Error::other)?;
    let (mut format, mut long): (Option<Header>, Option<u64>) = (None, None);
    let mut at = 12;
    while size >= at + 8 {
        file.seek(SeekFrom::Start(at))?;
        let head = exactly(file, 8)?;
        at += 8;
        let (id, length, left) = (&head[..4], u64::from(u32_at(&head, 4)), size - at);
        let cut = |length: u64| {
            io::Error::other(WavError::Truncated {
                chunk: printable(id),
                expected: length,
                found: left as usize,
            })
        };
        match (id, format) {
            (b"data", None) => {
                let why = "the `data` chunk comes before the `fmt ` chunk";
                return Err(io::Error::other(WavError::Header(why.into())));
            }
            (b"data", Some(header)) => {
                let length = long.filter(|_| length == u64::from(u32::MAX)).unwrap_or(length);
                let bytes = match length {
                    0 if left > 0 => unclosed(header, u64::from(u32_at(beginning, 4)), at, left),
                    _ if length <= left => whole(header, length),
                    _ if is_filler(length) => to_the_end(header, left),
                    _ => return Err(cut(length)),
                };
                let bytes = bytes.map_err(io::Error::other)?;
                let frames = bytes as usize / (header.channels * header.encoding.bytes());
                return Ok(Located { header: Header { frames, ..header }, start: at });
            }
            _ if length > left => return Err(cut(length)),
            (b"fmt ", _) => {
                let chunk = exactly(file, length.min(FORMAT))?;
                format = Some(parse_format(&chunk).map_err(io::Error::other)?);
            }
            (b"ds64", _) if beginning[..4] != *b"RIFF" && length >= 16 => {
                let chunk = exactly(file, 16)?;
                long = Some(u64::from(u32_at(&chunk, 8)) | u64::from(u32_at(&chunk, 12)) << 32);
            }
            _ => {}
        }
        at += length + length % 2;
    }
    let lacking = if format.is_none() { "fmt " } else { "data" };
    Err(io::Error::other(WavError::NoChunk(lacking)))
}

/// The bytes of a data chunk of this length.
fn whole(header: Header, bytes: u64) -> Result<u64, WavError> {
    let (channels, width) = (header.channels, header.encoding.bytes());
    let block = channels * width;
    match bytes {
        0 => Err(WavError::NoSamples),
        _ if bytes.is_multiple_of(block as u64) => Ok(bytes),
        _ => Err(WavError::Odd { bytes: bytes as usize, block, channels, width }),
    }
}

/// As of a whole file: a data chunk of length 0 with bytes behind it.
fn unclosed(header: Header, stated: u64, here: u64, left: u64) -> Result<u64, WavError> {
    match stated {
        0 => to_the_end(header, left),
        _ if stated == u64::from(u32::MAX) => to_the_end(header, left),
        _ if stated + 8 <= here => Err(WavError::NeverFilledIn),
        _ => Err(WavError::NoSamples),
    }
}

/// As of a whole file: a length that was never filled in.
fn to_the_end(header: Header, left: u64) -> Result<u64, WavError> {
    match whole(header, left) {
        Err(WavError::Odd { .. }) => Err(WavError::NeverFilledIn),
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::wav;

    #[test]
    fn a_part_has_the_samples_of_the_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        for (channels, bits) in [(1, 16), (2, 16), (2, 24), (1, 32)] {
            let spec = hound::WavSpec {
                channels,
                sample_rate: 8000,
                bits_per_sample: bits,
                sample_format: hound::SampleFormat::Int,
            };
            let mut writer = hound::WavWriter::create(&path, spec).unwrap();
            for i in 0..1000 * i32::from(channels) {
                writer.write_sample(i * i % 30_011 - 15_000).unwrap();
            }
            writer.finalize().unwrap();
            let all = wav::read(&path, Channel::Mean).unwrap();
            assert_eq!(locate(&path).unwrap().frames, 1000);
            for (start, frames) in [(0, 1000), (0, 1), (999, 1), (123, 456)] {
                let part = Segment { start, frames };
                let read = read_range(&path, Channel::Mean, part).unwrap();
                let (from, to) = (start as usize, (start + frames) as usize);
                assert_eq!((read.rate, &read.samples[..]), (8000, &all.samples[from..to]));
            }
        }
        assert_eq!(look(&path).unwrap(), locate(&path).unwrap());
        for (start, frames) in [(0, 1001), (1000, 1), (u64::MAX, 2), (5, 0)] {
            let why = read_range(&path, Channel::Mean, Segment { start, frames }).unwrap_err();
            let why = why.to_string();
            assert!(why.ends_with("a.wav: it has 1000 samples, too few for the clip"), "{why}");
        }
        let whole = std::fs::read(&path).unwrap();
        for (bytes, end) in [
            (&whole[..0], "a.wav: the file is empty"),
            (&whole[..1000], " of them"),
            (&b"fLaC"[..], "a.wav: broken header: there is no STREAMINFO block at its start"),
            (
                &b"<html>"[..],
                "a.wav: not a WAV file: it begins with `<html>` where `RIFF` should be",
            ),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let why = look(&path).unwrap_err().to_string();
            assert!(why.ends_with(end), "{why}");
            assert_eq!(why, wav::read(&path, Channel::Mean).unwrap_err().to_string());
        }
    }
}
