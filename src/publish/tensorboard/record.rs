//! Records of TFRecord files: length, checksum of the length, bytes, checksum of the bytes
//! (tensorflow/core/lib/io/record_writer.h).

/// One record. Numbers are little endian, checksums CRC-32C.
pub fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(bytes.len() + 16);
    record.extend(length);
    record.extend(masked(&length).to_le_bytes());
    record.extend(bytes);
    record.extend(masked(bytes).to_le_bytes());
    record
}

/// A checksum that may stand in what checksums are made of (tensorflow/core/lib/hash/crc32c.h).
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_others() {
        // The check value of CRC-32C, and the head of a record of 24 bytes, computed bit by bit.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        let record = framed(&[0; 24]);
        assert_eq!(record[..12], [24, 0, 0, 0, 0, 0, 0, 0, 163, 127, 75, 34]);
        assert_eq!(record.len(), 24 + 16);
    }
}
