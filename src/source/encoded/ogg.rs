//! The pages of an Ogg file (RFC 3533, section 6): checked before anything is decoded, because
//! decoders skip damaged pages without a word.

use crate::source::wav::{Encoding, Header};

/// A page, and the bytes after it.
struct Page<'a> {
    /// Bit 1: it begins a stream; bit 2: it ends one.
    flags: u8,
    serial: &'a [u8],
    number: u32,
    /// Header and content, with the checksum in its place.
    bytes: &'a [u8],
    content: &'a [u8],
    rest: &'a [u8],
}

const BEGINS: u8 = 2;
const ENDS: u8 = 4;
/// symphonia-codec-vorbis 0.6.1 decodes more channels to other samples, without a word.
const MOST_CHANNELS: u8 = 2;
/// The place of the checksum in a page.
const CHECKSUM: std::ops::Range<usize> = 22..26;

fn page(bytes: &[u8]) -> Option<Page<'_>> {
    let head = bytes.get(..27).filter(|head| head.starts_with(b"OggS"))?;
    let begin = 27 + usize::from(head[26]);
    let length: usize = bytes.get(27..begin)?.iter().map(|part| usize::from(*part)).sum();
    let (page, rest) = bytes.split_at_checked(begin + length)?;
    Some(Page {
        flags: head[5],
        serial: &page[14..18],
        number: u32::from_le_bytes([page[18], page[19], page[20], page[21]]),
        bytes: page,
        content: &page[begin..],
        rest,
    })
}

/// The header of a Vorbis stream (Vorbis I, section 4.2.2), which is alone in the first page.
pub(super) fn header(bytes: &[u8]) -> Result<Header, String> {
    let content = page(bytes).ok_or("truncated: it ends within its first page")?.content;
    let known = |magic: &[u8]| content.starts_with(magic);
    match content {
        _ if known(b"OpusHead") => {
            Err("an Ogg file of Opus; of Ogg only Vorbis is read".to_owned())
        }
        _ if known(b"\x7fFLAC") => {
            Err("a FLAC stream in an Ogg file; write it as a file of its own (`.flac`)".to_owned())
        }
        [1, b'v', b'o', b'r', b'b', b'i', b's', 0, 0, 0, 0, channels, a, b, c, d, ..] => {
            let rate = u32::from_le_bytes([*a, *b, *c, *d]);
            if *channels == 0 || rate == 0 {
                return Err(format!("broken header: {channels} channels at {rate} Hz"));
            }
            if *channels > MOST_CHANNELS {
                return Err(format!(
                    "an Ogg Vorbis file of {channels} channels; the decoder is wrong for more than \
                     {MOST_CHANNELS}: write it as FLAC or WAV"
                ));
            }
            let channels = usize::from(*channels);
            Ok(Header { rate, channels, encoding: Encoding::Float32, frames: 0 })
        }
        _ => Err("an Ogg file of an unknown codec; of Ogg only Vorbis is read".to_owned()),
    }
}

/// Errors: a page is damaged or missing, or the file has other streams beside its first.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let (mut rest, mut expected, mut stream, mut ended) = (bytes, 0, None, false);
    // After its last page a file may have a tag of another program.
    while !ended || rest.starts_with(b"OggS") {
        if rest.is_empty() {
            return Err("truncated: its last page is missing".to_owned());
        }
        let at = bytes.len() - rest.len();
        let no_page = || format!("truncated or damaged: there is no whole page at byte {at}");
        let page = page(rest).ok_or_else(no_page)?;
        let serial = *stream.get_or_insert(page.serial);
        if page.serial != serial || ended || (page.flags & BEGINS != 0) != (expected == 0) {
            return Err("it holds several streams; only one is read".to_owned());
        }
        if page.number != expected {
            return Err(format!("damaged: page {expected} is missing"));
        }
        let stated =
            u32::from_le_bytes(page.bytes[CHECKSUM].try_into().expect("a checksum has four bytes"));
        if checksum(page.bytes) != stated {
            return Err(format!("damaged: page {expected} has not its checksum"));
        }
        ended = page.flags & ENDS != 0;
        expected += 1;
        rest = page.rest;
    }
    Ok(())
}

/// CRC-32 of a page with zeros for the checksum: polynomial 04c11db7, not reflected, from zero.
fn checksum(page: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    let byte = |(place, byte): (usize, &u8)| if CHECKSUM.contains(&place) { 0 } else { *byte };
    page.iter()
        .enumerate()
        .map(byte)
        .fold(0, |sum: u32, byte| sum << 8 ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)])
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut sum = (i as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 0x8000_0000 != 0 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
            bit += 1;
        }
        table[i] = sum;
        i += 1;
    }
    table
}
