//! The blocks of a FLAC file follow each other, and nothing else stands between them or behind the
//! last one.
//!
//! symphonia passes over what is no whole block without a word. The MD5 sum and the number of
//! samples tell of that, but a recorder that writes to a pipe knows neither.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::packet::Packet;

/// What is left of the blocks of a file while they are read, the first one first.
pub(super) struct Blocks {
    /// Bytes from the next block to the end of the file.
    left: u64,
    /// The sample after the last block. The first block may be one of a longer stream.
    end: Option<u64>,
}

impl Blocks {
    /// Those of a file that begins with `fLaC`.
    ///
    /// Errors: it cannot be read, or ends within its metadata.
    pub fn of(mut file: impl Read + Seek) -> io::Result<Self> {
        let size = file.seek(SeekFrom::End(0))?;
        // The magic, then metadata blocks: a bit that tells the last one, a type, the length.
        let (mut at, mut is_last) = (4, false);
        while !is_last {
            file.seek(SeekFrom::Start(at))?;
            let mut head = [0; 4];
            file.read_exact(&mut head)?;
            is_last = head[0] & 0x80 != 0;
            at += 4 + u64::from(u32::from_be_bytes(head) & 0xff_ffff);
        }
        let left = size.checked_sub(at).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Self { left, end: None })
    }

    /// Takes the next block.
    ///
    /// Errors: it does not begin where the one before ended.
    pub fn take(&mut self, packet: &Packet) -> Result<(), String> {
        let begin = packet.pts.get() as u64;
        if begin != self.end.unwrap_or(begin) {
            return Err(missing(begin));
        }
        self.end = Some(begin + packet.dur.get());
        self.left = self.left.saturating_sub(packet.data.len() as u64);
        Ok(())
    }

    /// Errors: the blocks were not all of the file.
    pub fn finish(self) -> Result<(), String> {
        match self.left {
            0 => Ok(()),
            left => Err(format!("truncated or damaged: {left} of its bytes are in no whole block")),
        }
    }
}

/// What a block says that begins behind a gap.
pub(super) fn missing(begin: u64) -> String {
    format!("damaged: samples before sample {begin} are missing")
}
