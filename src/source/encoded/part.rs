//! Parts of FLAC and Ogg Vorbis files, with exactly the samples that the whole file has there.
//!
//! A block of FLAC says which samples it has, so symphonia finds it without decoding what comes
//! before. Samples that look like the start of a block may mislead it. That is seen at the next
//! block, and then blocks are read from the start. Places in Ogg files are not exact before all is
//! read: packets are counted from the start, and only those of the part are decoded.
//!
//! The MD5 sum of FLAC is one of all samples. Of a part, the checksums of its blocks are compared.
//! The file must end with the block that ends at its number of samples. Two files of one length
//! that were put one after the other are not told without reading all.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::core::units::Timestamp;
use symphonia::default::formats::{FlacReader, OggReader};

use super::blocks::{Blocks, missing};
use super::{Decoded, StreamInfo, Track, guarded, ogg, stream, truncated, why};
use crate::artifact::Segment;
use crate::reading::{self, RECORDING};
use crate::source::wav::Header;

/// Bytes of a sample as it is decoded.
const WIDTH: usize = 4;

/// The properties of the file at `path`, which begins with these bytes, with the number of its
/// samples. `None` if it begins as neither FLAC nor Ogg. The error ends a sentence about the file.
pub(in crate::source) fn locate(path: &Path, beginning: &[u8]) -> Option<Result<Header, String>> {
    let way: fn(&Path, &[u8]) -> Result<Header, String> = match beginning.get(..4)? {
        b"fLaC" => flac_header,
        b"OggS" => vorbis_header,
        _ => return None,
    };
    Some(remembered(path, || guarded(|| way(path, beginning))))
}

/// The samples of a part of the same file.
pub(in crate::source) fn part(
    path: &Path,
    beginning: &[u8],
    part: Segment,
) -> Option<Result<Decoded, String>> {
    let way: fn(&Path, &[u8], Segment) -> Result<Decoded, String> = match beginning.get(..4)? {
        b"fLaC" => flac_part,
        b"OggS" => vorbis_part,
        _ => return None,
    };
    Some(guarded(|| way(path, beginning, part)))
}

/// What was found in files, with their stamps: all of an Ogg file has to be read for it.
static KNOWN: Mutex<BTreeMap<PathBuf, (String, Header)>> = Mutex::new(BTreeMap::new());

fn remembered(
    path: &Path,
    find: impl FnOnce() -> Result<Header, String>,
) -> Result<Header, String> {
    let stamp = reading::stamp(path);
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
    if let (Some(stamp), Some((old, header))) = (&stamp, &known)
        && stamp == old
    {
        return Ok(*header);
    }
    let header = find()?;
    if let Some(stamp) = stamp {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(path.to_owned(), (stamp, header));
    }
    Ok(header)
}

fn flac_header(path: &Path, beginning: &[u8]) -> Result<Header, String> {
    let info = StreamInfo::of(beginning)?;
    let header = info.header();
    if let Some(last) = info.frames.checked_sub(1) {
        // A file that ends too early is told before its clips are made.
        flac(path, header, Segment { start: last, frames: 1 })?;
        return ended(path, info.frames).map(|()| header);
    }
    let file = reading::open(path).map_err(|e| e.to_string())?;
    let blocks = Blocks::of(file).map_err(|e| why(e.into()))?;
    Ok(Header { frames: counted(flac_reader(path)?, Some(blocks))?, ..header })
}

fn flac_part(path: &Path, beginning: &[u8], part: Segment) -> Result<Decoded, String> {
    flac(path, StreamInfo::of(beginning)?.header(), part)
}

fn flac(path: &Path, header: Header, part: Segment) -> Result<Decoded, String> {
    let found = || {
        let (reader, first) = flac_at(path, part.start)?;
        cut_out(reader, header, part, Places::Stated { first: Some(first) })
    };
    // A table of places in the file may be wrong, too.
    let from_the_start =
        |_| cut_out(flac_reader(path)?, header, part, Places::Stated { first: None });
    guarded(found).or_else(from_the_start)
}

/// A reader at the block that has this sample, and the first sample of the block.
fn flac_at(path: &Path, sample: u64) -> Result<(FlacReader<'static>, u64), String> {
    let mut reader = flac_reader(path)?;
    let to = SeekTo::Timestamp { ts: Timestamp::new(sample as i64), track_id: 0 };
    let sought = reader.seek(SeekMode::Accurate, to).map_err(why)?;
    Ok((reader, sought.actual_ts.get() as u64))
}

/// Errors: the last block of the file does not end at its stated number of samples, or something
/// stands behind it. Then clips would lack samples that the file has, or have those of another one
/// that was put behind it.
fn ended(path: &Path, stated: u64) -> Result<(), String> {
    let near = guarded(|| flac_at(path, stated - 1)).map(|(reader, _)| reader);
    let mut reader = near.or_else(|_| flac_reader(path))?;
    let mut last = None;
    while let Some(packet) = reader.next_packet().map_err(why)? {
        last = Some(packet);
    }
    let last = last.ok_or("it holds no samples")?;
    let end = last.pts.get() as u64 + last.dur.get();
    if end != stated {
        let message = format!(
            "broken header: it says {stated} samples, and the last block ends at sample {end}"
        );
        return Err(message);
    }
    let is_end = || -> io::Result<bool> {
        let mut file = reading::open(path)?;
        file.seek(SeekFrom::End(-(last.data.len() as i64)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes == *last.data)
    };
    match is_end().map_err(|e| e.to_string())? {
        true => Ok(()),
        false => Err("damaged: bytes behind its last whole block are no block".to_owned()),
    }
}

fn flac_reader(path: &Path) -> Result<FlacReader<'static>, String> {
    FlacReader::try_new(opened(path)?, FormatOptions::default()).map_err(why)
}

fn vorbis_header(path: &Path, beginning: &[u8]) -> Result<Header, String> {
    let header = ogg::header(beginning)?;
    let bytes = reading::read(path, RECORDING).map_err(|e| e.to_string())?;
    ogg::check(&bytes)?;
    let reader = OggReader::try_new(stream(&bytes), FormatOptions::default()).map_err(why)?;
    Ok(Header { frames: counted(reader, None)?, ..header })
}

fn vorbis_part(path: &Path, beginning: &[u8], part: Segment) -> Result<Decoded, String> {
    let header = ogg::header(beginning)?;
    let reader = OggReader::try_new(opened(path)?, FormatOptions::default()).map_err(why)?;
    cut_out(reader, header, part, Places::Counted)
}

fn opened(path: &Path) -> Result<MediaSourceStream<'static>, String> {
    let file = reading::open(path).map_err(|e| e.to_string())?;
    Ok(MediaSourceStream::new(Box::new(file), Default::default()))
}

/// The number of samples, from the lengths that packets say. Nothing is decoded.
fn counted(mut reader: impl FormatReader, mut blocks: Option<Blocks>) -> Result<usize, String> {
    let id = reader.default_track(TrackType::Audio).ok_or("it holds no sound")?.id;
    let mut frames = 0;
    while let Some(packet) = reader.next_packet().map_err(why)? {
        if let Some(blocks) = &mut blocks {
            blocks.take(&packet)?;
        }
        if packet.track_id == id {
            frames += packet.dur.get() as usize;
        }
    }
    if let Some(blocks) = blocks {
        blocks.finish()?;
    }
    if frames == 0 { Err("it holds no samples".to_owned()) } else { Ok(frames) }
}

/// Where packets are.
#[derive(Clone, Copy)]
enum Places {
    /// They do not say it, and the first one is that of the file.
    Counted,
    /// They say it. `first` is the sample at which the first one begins, if that is known.
    Stated { first: Option<u64> },
}

/// The samples of a part.
fn cut_out(
    mut reader: impl FormatReader,
    header: Header,
    part: Segment,
    places: Places,
) -> Result<Decoded, String> {
    let mut track = Track::of(&reader, header, false)?;
    let (stop, block) = (part.start.saturating_add(part.frames), WIDTH * header.channels);
    let (mut data, mut samples) = (Vec::new(), Vec::new());
    // The end of the last packet, and the last one before the part, which the next one overlaps.
    let (mut at, mut before): (Option<u64>, Option<Packet>) = (None, None);
    while at.is_none_or(|at| at < stop)
        && let Some(packet) = reader.next_packet().map_err(why)?
    {
        if packet.track_id != track.id {
            continue;
        }
        let (begin, first) = match places {
            Places::Counted => (at.unwrap_or(0), 0),
            Places::Stated { first } => {
                let begin = packet.pts.get() as u64;
                (begin, first.unwrap_or(begin).min(part.start))
            }
        };
        if begin != at.unwrap_or(first) {
            return Err(missing(begin));
        }
        let end = begin + packet.dur.get();
        at = Some(end);
        if end <= part.start {
            before = Some(packet);
            continue;
        }
        if let Some(before) = before.take() {
            track.decode(&before, &mut samples)?;
        }
        samples.clear();
        track.decode(&packet, &mut samples)?;
        if samples.len() as u64 != packet.dur.get() * block as u64 {
            return Err("broken: a packet has not the samples that it says".to_owned());
        }
        let inside = |place: u64| (place.clamp(begin, end) - begin) as usize * block;
        data.extend_from_slice(&samples[inside(part.start)..inside(stop)]);
    }
    let frames = data.len() / block;
    if frames == 0 || frames as u64 != part.frames {
        let (all, stated) = (at.unwrap_or(0), header.frames as u64);
        return Err(match all < stop.min(stated) {
            true => truncated(stated, all),
            false => format!("it has {all} samples, too few for the clip"),
        });
    }
    Ok(Decoded { header: Header { frames, ..header }, data })
}
