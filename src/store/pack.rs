//! Packs: the records and tables of a complete run as one compressed file.
//!
//! A cached experiment of hundreds of points asks a remote cache for one file instead of thousands.
//! A pack is only a way to carry records and objects. Each of them is checked like one that came
//! alone.
//!
//! The text before compression (gzip) is a line for each file, `NAME LENGTH`, followed by its bytes.

use std::io::{self, BufRead, BufReader, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// The most bytes of all files of a pack, against files that unpack without end.
const LONGEST: u64 = 1 << 30;

/// Files by name, packed.
///
/// Errors: a file cannot be read.
pub(super) fn pack(
    files: impl Iterator<Item = io::Result<(String, Vec<u8>)>>,
) -> io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    for file in files {
        let (name, bytes) = file?;
        writeln!(packed, "{name} {}", bytes.len())?;
        packed.write_all(&bytes)?;
    }
    packed.finish()
}

/// Hands each file of a pack to `take`.
///
/// Errors: the bytes are no pack, or one that is damaged or too long. Files before the damage were
/// handed out.
pub(super) fn unpack(packed: &[u8], mut take: impl FnMut(&str, Vec<u8>)) -> io::Result<()> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is no pack of a run");
    let mut text = BufReader::new(GzDecoder::new(packed).take(LONGEST));
    loop {
        let mut line = Vec::new();
        if text.by_ref().take(1 << 10).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let line = std::str::from_utf8(&line).ok().and_then(|line| line.strip_suffix('\n'));
        let (name, length) = line.and_then(|line| line.rsplit_once(' ')).ok_or_else(damaged)?;
        let length: u64 = length.parse().map_err(|_| damaged())?;
        let mut bytes = Vec::new();
        text.by_ref().take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Err(damaged());
        }
        take(name, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packed: &[u8]) -> (Vec<(String, Vec<u8>)>, bool) {
        let mut files = Vec::new();
        let sound = unpack(packed, |name, bytes| files.push((name.to_owned(), bytes))).is_ok();
        (files, sound)
    }

    #[test]
    fn what_is_packed_is_unpacked_and_damage_is_told() {
        let files: Vec<(String, Vec<u8>)> = vec![
            ("records/ab/cd.json".into(), b"{}\n\"x\"\n".to_vec()),
            ("objects/00/11.json".into(), Vec::new()),
            ("objects/00/12.json".into(), vec![7; 100_000]),
        ];
        let packed = pack(files.iter().cloned().map(Ok)).unwrap();
        assert_eq!(unpacked(&packed), (files, true));
        assert!(packed.len() < 1000);
        for cut in [0, 1, 20, packed.len() / 2, packed.len() - 1] {
            assert!(!unpacked(&packed[..cut]).1 || cut == 0, "cut to {cut} bytes");
        }
        assert!(!unpacked(b"records/ab/cd.json 2\n{}").1);
        for text in ["records/ab/cd.json 99999999999\n{}", "records/ab/cd.json\n", "\n"] {
            let mut packed = GzEncoder::new(Vec::new(), Compression::default());
            packed.write_all(text.as_bytes()).unwrap();
            assert_eq!(unpacked(&packed.finish().unwrap()), (Vec::new(), false), "{text}");
        }
    }
}
