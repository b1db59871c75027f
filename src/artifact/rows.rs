//! Writes a matrix as `.npy` row by row. Few rows stay in memory; many rows go to a file. Ten
//! minutes of sound are ten megabytes of log-mel, so two hundred of them need not be in memory.

use std::io::{self, Seek, SeekFrom, Write};

use ndarray::ArrayView2;
use tempfile::NamedTempFile;

use crate::context::Spool;

/// Bytes in memory before they go to the file.
pub const SPOOL_FROM: usize = 64 << 20;

/// The header of a two-dimensional `.npy`, padded as in NumPy. Its place is reserved before the
/// rows are counted.
const HEADER: usize = 128;

/// The bytes of an artifact.
pub enum Encoded {
    Bytes(Vec<u8>),
    File(NamedTempFile),
}

/// Rows of f32 that become a `.npy`, byte for byte as [`Matrix`](super::Matrix) encodes it.
pub struct MatrixWriter<'a> {
    spool: Option<Spool<'a>>,
    limit: usize,
    file: Option<NamedTempFile>,
    bytes: Vec<u8>,
    rows: usize,
    dims: usize,
}

impl<'a> MatrixWriter<'a> {
    /// Without a spool all rows stay in memory.
    pub fn new(spool: Option<Spool<'a>>) -> Self {
        Self { spool, limit: SPOOL_FROM, file: None, bytes: vec![0; HEADER], rows: 0, dims: 0 }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of all rows so far.
    pub fn size(&self) -> usize {
        4 * self.rows * self.dims
    }

    /// Appends rows. Panics if their width differs from the rows before.
    pub fn push(&mut self, rows: ArrayView2<f32>) -> io::Result<()> {
        assert!(
            self.rows == 0 || self.dims == rows.ncols(),
            "rows of {} and {} values",
            self.dims,
            rows.ncols()
        );
        self.dims = rows.ncols();
        self.rows += rows.nrows();
        self.bytes.reserve(4 * rows.len());
        rows.iter().for_each(|x| self.bytes.extend_from_slice(&x.to_le_bytes()));
        if self.bytes.len() >= self.limit
            && let Some(make) = self.spool
        {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(make()?),
            };
            file.write_all(&self.bytes)?;
            self.bytes.clear();
        }
        Ok(())
    }

    /// The whole `.npy`.
    pub fn finish(mut self) -> io::Result<Encoded> {
        let dims = if self.rows > 0 { self.dims } else { 0 };
        let header = header(self.rows, dims);
        Ok(match self.file {
            None => {
                self.bytes[..HEADER].copy_from_slice(&header);
                Encoded::Bytes(self.bytes)
            }
            Some(mut file) => {
                file.write_all(&self.bytes)?;
                file.seek(SeekFrom::Start(0))?;
                file.write_all(&header)?;
                Encoded::File(file)
            }
        })
    }
}

/// Version 1.0 of the format: magic, length, a dictionary, spaces up to a multiple of 64 bytes.
pub(super) fn header(rows: usize, dims: usize) -> [u8; HEADER] {
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dims})}}");
    // The dictionary has more than the 53 bytes that fit into a header of 64, and two numbers of 20
    // digits fit here.
    text += &" ".repeat(HEADER - 11 - text.len());
    text.push('\n');
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(b"\x93NUMPY\x01\x00");
    header[8..10].copy_from_slice(&((HEADER - 10) as u16).to_le_bytes());
    header[10..].copy_from_slice(text.as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Artifact, Matrix};
    use ndarray::{Array2, s};
    use ndarray_npy::WriteNpyExt;
    use std::io::Read;

    fn bytes(encoded: Encoded) -> Vec<u8> {
        match encoded {
            Encoded::Bytes(bytes) => bytes,
            Encoded::File(file) => {
                let mut bytes = Vec::new();
                file.reopen().unwrap().read_to_end(&mut bytes).unwrap();
                bytes
            }
        }
    }

    #[test]
    fn rows_become_the_bytes_of_the_whole_matrix() {
        let spool = || NamedTempFile::new();
        for (rows, dims, step) in [(7, 3, 2), (1000, 128, 100), (1, 1, 1), (123_456, 2, 50_000)] {
            let all = Array2::from_shape_fn((rows, dims), |(i, j)| (i * dims + j) as f32 / 7.0);
            // As another writer of the format has it.
            let mut whole = Vec::new();
            all.write_npy(&mut whole).unwrap();
            assert!(Matrix::new(all.iter().copied().collect(), rows, dims).encode() == whole);
            for limit in [usize::MAX, 1000, 0] {
                let mut writer = MatrixWriter { limit, ..MatrixWriter::new(Some(&spool)) };
                for first in (0..rows).step_by(step) {
                    writer.push(all.slice(s![first..rows.min(first + step), ..])).unwrap();
                }
                assert_eq!((writer.rows(), writer.size()), (rows, 4 * rows * dims));
                let encoded = writer.finish().unwrap();
                assert_eq!(matches!(encoded, Encoded::File(_)), whole.len() >= limit || limit == 0);
                assert!(bytes(encoded) == whole, "{rows} x {dims} by {step}");
            }
        }
        let nothing = MatrixWriter::new(None).finish().unwrap();
        assert!(bytes(nothing) == Matrix::new(Vec::new(), 0, 0).encode());
    }
}
