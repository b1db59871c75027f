//! Forms of files around the bytes of an input, and equality of what is read twice.

use std::fmt::Debug;

use humshift::artifact::{Tensor, Tensors};
use humshift::digest::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The parts of an input.
pub fn parts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == 0xff)
}

/// Text, whatever the bytes.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The bytes of all numbers.
pub fn size(tensors: &Tensors) -> usize {
    let size = |tensor: &Tensor| match tensor {
        Tensor::F32(array) => array.len() * 4,
        Tensor::F64(array) => array.len() * 8,
    };
    tensors.0.values().map(size).sum()
}

/// A file with one channel of f32.
pub fn written_wav(rate: u32, samples: &[f32]) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x03\0\x01\0".to_vec();
    bytes.extend([rate.to_le_bytes(), [0; 4], [4, 0, 32, 0]].concat());
    bytes.extend(b"data");
    bytes.extend((samples.len() as u32 * 4).to_le_bytes());
    bytes.extend(samples.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

/// Bytes at an address that does not fit an f32.
pub struct Shifted(pub Vec<u8>);

impl std::ops::Deref for Shifted {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0[1..]
    }
}

/// Whether bytes are fields of protocol buffers, one after another.
pub fn is_message(mut rest: &[u8]) -> bool {
    let varint = |rest: &mut &[u8]| {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, tail) = rest.split_first()?;
            *rest = tail;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    };
    while !rest.is_empty() {
        let Some(key) = varint(&mut rest) else { return false };
        let length = match key & 7 {
            0 => varint(&mut rest).map(|_| 0),
            1 => Some(8),
            2 => varint(&mut rest),
            5 => Some(4),
            _ => None,
        };
        match length.and_then(|length| rest.split_at_checked(usize::try_from(length).ok()?)) {
            Some((_, tail)) => rest = tail,
            None => return false,
        }
    }
    true
}

/// A zip file without compression and sums.
pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let length = (content.len() as u32).to_le_bytes();
        // Version, flags, method, time, date, sum, both lengths, and those of name and padding.
        let name_length = [(name.len() as u16).to_le_bytes(), [0; 2]].concat();
        let common = [&[20, 0], &[0; 12][..], &length, &length, &name_length].concat();
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &[0; 10]].concat());
        directory.extend((file.len() as u32).to_le_bytes());
        directory.extend(name.bytes());
        file.extend([b"PK\x03\x04", &common[..], name.as_bytes(), content].concat());
    }
    let (count, at) = ((entries.len() as u16).to_le_bytes(), (file.len() as u32).to_le_bytes());
    let length = (directory.len() as u32).to_le_bytes();
    file.extend(directory);
    file.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &length, &at, &[0; 2]].concat());
    file
}

/// A line with its digest on the next line, as files of records have it.
pub fn sealed(line: &[u8]) -> Vec<u8> {
    [line, b"\n\"", Digest::of(line).hex().as_bytes(), b"\"\n"].concat()
}

/// Equal, or both without a number at the same places.
pub fn same<T: PartialEq + Debug>(a: &T, b: &T) {
    assert!(a == b || format!("{a:?}") == format!("{b:?}"), "{a:?}\n{b:?}");
}

/// A value that is written and read again is equal.
pub fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let line = serde_json::to_string(value).expect("it is JSON");
    same(&serde_json::from_str::<T>(&line).unwrap_or_else(|e| panic!("{e}: {line}")), value);
}
