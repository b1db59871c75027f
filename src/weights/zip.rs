//! Reads the entries of a zip file, as PyTorch and NumPy write them.
//!
//! It reads only what that needs (APPNOTE.TXT of PKWARE, 4.3): the directory at the end and the
//! headers it points to. Checksums are not compared, because PyTorch can be told to leave them out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const DIRECTORY: &[u8] = b"PK\x01\x02";
const DIRECTORY_LENGTH: usize = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_LENGTH: usize = 30;
/// The most bytes of a compressed entry.
const MOST: usize = 1 << 30;
const STORED: usize = 0;
const DEFLATED: usize = 8;

/// The content of an entry as it lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    bytes: &'a [u8],
    deflated: bool,
    /// Bytes of the content.
    size: usize,
}

impl<'a> Entry<'a> {
    /// The content of an entry that is not compressed; `name` is for the error of another one.
    pub fn stored(self, name: &str) -> Result<&'a [u8], String> {
        match self.deflated {
            false => Ok(self.bytes),
            true => Err(format!("entry `{name}` is compressed, but PyTorch's files are not")),
        }
    }

    /// The content of any entry.
    pub fn content(self, name: &str) -> Result<Cow<'a, [u8]>, String> {
        if !self.deflated {
            return Ok(Cow::Borrowed(self.bytes));
        }
        if self.size > MOST {
            return Err(format!("entry `{name}` has {} bytes, more than {MOST}", self.size));
        }
        let mut content = Vec::new();
        let mut reader = flate2::read::DeflateDecoder::new(self.bytes).take(self.size as u64 + 1);
        let read = reader.read_to_end(&mut content);
        read.map_err(|error| format!("entry `{name}` cannot be decompressed: {error}"))?;
        if content.len() != self.size {
            return Err(format!("entry `{name}` has other than its {} bytes", self.size));
        }
        Ok(Cow::Owned(content))
    }
}

/// Entries by name. Errors describe the defect of the file.
pub fn entries(bytes: &[u8]) -> Result<BTreeMap<&str, Entry<'_>>, String> {
    // A comment of up to 65,535 bytes may follow the end.
    let last = bytes.len().checked_sub(END_LENGTH).ok_or("the zip file has no end")?;
    let end = (last.saturating_sub(usize::from(u16::MAX))..=last)
        .rev()
        .find(|&at| bytes[at..].starts_with(END));
    let end = &bytes[end.ok_or("the zip file's directory is missing: is the file cut off?")?..];
    let (count, mut at) = (u16_at(end, 10), u32_at(end, 16));
    if at == u32::MAX as usize || count == usize::from(u16::MAX) {
        return Err("zip files of more than 4 GB or 65,534 entries are not read".to_owned());
    }
    let mut entries = BTreeMap::new();
    for number in 0..count {
        let cut = || format!("entry {number} of the zip file's directory is cut off");
        let header = bytes.get(at..at.saturating_add(DIRECTORY_LENGTH)).ok_or_else(cut)?;
        if !header.starts_with(DIRECTORY) {
            return Err(format!("entry {number} of the zip file's directory has no signature"));
        }
        let name_at = at + DIRECTORY_LENGTH;
        let name = bytes.get(name_at..name_at + u16_at(header, 28)).ok_or_else(cut)?;
        let name =
            str::from_utf8(name).map_err(|_| format!("the name of entry {number} is not UTF-8"))?;
        at = name_at + name.len() + u16_at(header, 30) + u16_at(header, 32);
        let (flags, method) = (u16_at(header, 8), u16_at(header, 10));
        if flags & 1 != 0 || ![STORED, DEFLATED].contains(&method) {
            return Err(format!("entry `{name}` is encrypted or compressed in an unusual way"));
        }
        let content = content(bytes, u32_at(header, 42), u32_at(header, 20));
        let bytes = content.ok_or_else(|| format!("the content of entry `{name}` is missing"))?;
        let (deflated, size) = (method == DEFLATED, u32_at(header, 24));
        entries.insert(name, Entry { bytes, deflated, size });
    }
    Ok(entries)
}

/// The `length` bytes behind the header at `at`. The header has its own lengths of name and
/// padding.
fn content(bytes: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    let header = bytes
        .get(at..at.saturating_add(LOCAL_LENGTH))
        .filter(|header| header.starts_with(LOCAL))?;
    let start = at + LOCAL_LENGTH + u16_at(header, 26) + u16_at(header, 28);
    bytes.get(start..start.saturating_add(length))
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zip file with one entry.
    fn zip(name: &str, content: &[u8], method: u16) -> Vec<u8> {
        let (length, name_length) =
            ((content.len() as u32).to_le_bytes(), (name.len() as u16).to_le_bytes());
        // Flags, method, time, date, sum; sizes twice; length of the name.
        let mut common = vec![0; 2];
        common.extend(method.to_le_bytes());
        common.extend([0; 8]);
        common.extend([length, length].concat());
        common.extend(name_length);
        let padding = [3, 0];
        let local =
            [LOCAL, &[20, 0], &common, &padding, name.as_bytes(), &[b'Z'; 3], content].concat();
        let directory =
            [DIRECTORY, &[20, 0, 20, 0], &common, &[0; 12 + 4], name.as_bytes()].concat();
        let end =
            [&[0; 4][..], &[1, 0, 1, 0], &[0; 4], &(local.len() as u32).to_le_bytes(), &[0; 2]]
                .concat();
        [local, directory, END.to_vec(), end].concat()
    }

    #[test]
    fn an_entry_is_found_behind_its_padding_and_before_a_comment() {
        let mut file = zip("model/data.pkl", b"content", 0);
        let content =
            |file: &[u8]| entries(file).unwrap()["model/data.pkl"].stored("").unwrap().to_vec();
        assert_eq!(content(&file), b"content");
        file.extend(b"a comment");
        assert_eq!(content(&file), b"content");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let refusal = |file: &[u8]| entries(file).unwrap_err();
        assert_eq!(refusal(b"PK"), "the zip file has no end");
        assert_eq!(refusal(&[0; 100]), "the zip file's directory is missing: is the file cut off?");
        assert_eq!(
            refusal(&zip("a", b"content", 9)),
            "entry `a` is encrypted or compressed in an unusual way"
        );
        let deflated = zip("a", b"content", 8);
        let entry = entries(&deflated).unwrap()["a"];
        assert_eq!(
            entry.stored("a").unwrap_err(),
            "entry `a` is compressed, but PyTorch's files are not"
        );
        assert!(entry.content("a").unwrap_err().starts_with("entry `a` cannot be decompressed"));
        let mut file = zip("a", b"content", 0);
        file[0] = b'Q';
        assert_eq!(refusal(&file), "the content of entry `a` is missing");
        let file = zip("a", b"content", 0);
        for length in 0..file.len() {
            assert!(entries(&file[..length]).is_err(), "{length}");
        }
    }
}
