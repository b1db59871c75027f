//! The features of a section's clips: one `.npy` with the rows of all clips, and a CSV that assigns
//! the rows to clips.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArrayView2, s};

use super::npy::NpyHead;
use super::rows;
use super::{Artifact, Blob, DecodeError, Kind};

/// A matrix of f32 in C order. It is owned or a view of the bytes of a `.npy` file (a memory map,
/// say).
///
/// Its bytes are a NumPy file: `numpy.load(path, mmap_mode="r")`.
#[derive(Clone)]
pub struct Matrix {
    data: Data,
    rows: usize,
    dims: usize,
}

#[derive(Clone)]
enum Data {
    Owned(Arc<Vec<f32>>),
    /// The bytes of a whole `.npy` file and the offset of its first number.
    Npy(Blob, usize),
}

impl Matrix {
    /// A matrix of `values`, row by row. Panics if `values.len()` is not `rows * dims`.
    pub fn new(values: Vec<f32>, rows: usize, dims: usize) -> Self {
        assert_eq!(values.len(), rows * dims, "a {rows} x {dims} matrix");
        Self { data: Data::Owned(Arc::new(values)), rows, dims }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Says that these rows are not needed for now.
    pub fn release(&self, rows: Range<usize>) {
        if let Data::Npy(bytes, offset) = &self.data {
            let [start, end] = [rows.start, rows.end].map(|row| offset + 4 * self.dims * row);
            bytes.release(start..end);
        }
    }

    /// The matrix, (rows, dims), without a copy.
    pub fn view(&self) -> ArrayView2<'_, f32> {
        let values: &[f32] = match &self.data {
            Data::Owned(values) => values,
            Data::Npy(bytes, offset) => {
                // `decode` checked alignment and length.
                // SAFETY: any four bytes are an f32.
                let (_, values, _) = unsafe { bytes[*offset..].align_to::<f32>() };
                &values[..self.rows * self.dims]
            }
        };
        ArrayView2::from_shape((self.rows, self.dims), values).expect("length checked when made")
    }
}

impl Artifact for Matrix {
    const KIND: Kind = Kind::Npy;

    fn encode(&self) -> Vec<u8> {
        let mut bytes = rows::header(self.rows, self.dims).to_vec();
        bytes.reserve(4 * self.rows * self.dims);
        self.view().iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
        bytes
    }

    fn decode(bytes: Blob) -> Result<Self, DecodeError> {
        let wrong = |why: String| DecodeError::new("feature matrix (.npy)", why);
        let head = NpyHead::read(&bytes).map_err(wrong)?;
        let &[rows, dims] = &head.shape[..] else {
            return Err(wrong(format!("it has {} axes, not 2", head.shape.len())));
        };
        if head.descr != "<f4" {
            return Err(wrong("its numbers are not `<f4`, of 32 bits".into()));
        }
        if head.fortran_order && rows > 1 && dims > 1 {
            return Err(wrong("it is not in C order".into()));
        }
        if head.count(&bytes, 4).is_none() {
            return Err(wrong(format!("its numbers are not the {rows} x {dims} of its head")));
        }
        let offset = head.begin;
        // Bytes in memory may begin at an address that does not fit an f32.
        if !bytes[offset..].as_ptr().cast::<f32>().is_aligned() {
            let values = bytes[offset..].as_chunks::<4>().0.iter();
            return Ok(Self::new(values.map(|x| f32::from_le_bytes(*x)).collect(), rows, dims));
        }
        Ok(Self { data: Data::Npy(bytes, offset), rows, dims })
    }
}

/// The rows of one clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub first: usize,
    pub frames: usize,
}

/// The rows of each clip in the matrix, by clip id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureIndex(pub BTreeMap<String, Span>);

impl FeatureIndex {
    /// The index of clips whose rows follow one another in the given order.
    pub fn consecutive<'a>(clips: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let mut first = 0;
        let spans = clips.into_iter().map(|(id, frames)| {
            let span = Span { first, frames };
            first += frames;
            (id.to_owned(), span)
        });
        Self(spans.collect())
    }
}

impl Artifact for FeatureIndex {
    const KIND: Kind = Kind::Csv;

    fn encode(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["clip", "first", "frames"]).expect("writing to memory");
        for (id, span) in &self.0 {
            writer
                .write_record([id, &span.first.to_string(), &span.frames.to_string()])
                .expect("writing to memory");
        }
        writer.into_inner().expect("writing to memory")
    }

    fn decode(bytes: Blob) -> Result<Self, DecodeError> {
        let wrong = |why: String| DecodeError::new("feature index", why);
        let rows =
            csv::Reader::from_reader(&bytes[..]).into_deserialize::<(String, usize, usize)>();
        let spans = rows.map(|row| row.map(|(id, first, frames)| (id, Span { first, frames })));
        Ok(Self(spans.collect::<Result<_, _>>().map_err(|e| wrong(e.to_string()))?))
    }
}

/// A matrix and its index, as the stages after features read them.
#[derive(Clone)]
pub struct FeatureSet {
    pub matrix: Matrix,
    pub index: FeatureIndex,
}

impl FeatureSet {
    /// The rows of one clip, (frames, dims). `None` if the clip is unknown or the index does not
    /// fit.
    pub fn clip(&self, id: &str) -> Option<ArrayView2<'_, f32>> {
        let span = self.index.0.get(id)?;
        let end = span.first.checked_add(span.frames).filter(|&end| end <= self.matrix.rows())?;
        Some(self.matrix.view().slice_move(s![span.first..end, ..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_survives_its_bytes_at_any_alignment() {
        let matrix = Matrix::new((0..600).map(|x| x as f32 / 7.0).collect(), 200, 3);
        let bytes = matrix.encode();
        assert_eq!((bytes.len() - 2400) % 64, 0);
        for shift in 0..4 {
            let mut shifted = vec![0; shift];
            shifted.extend(&bytes);
            struct Tail(Vec<u8>, usize);
            impl std::ops::Deref for Tail {
                type Target = [u8];
                fn deref(&self) -> &[u8] {
                    &self.0[self.1..]
                }
            }
            assert_eq!(
                Matrix::decode(Blob::new(Tail(shifted, shift))).unwrap().view(),
                matrix.view()
            );
        }
        assert!(Matrix::decode(Blob::new(bytes[..bytes.len() - 1].to_vec())).is_err());
        assert!(Matrix::decode(Blob::new(b"\x93NUMPY".to_vec())).is_err());
    }

    #[test]
    fn an_index_survives_its_bytes_and_finds_rows() {
        let index = FeatureIndex::consecutive([("a", 1), ("b", 2)]);
        assert_eq!(FeatureIndex::decode(Blob::new(index.encode())).unwrap(), index);
        let set = FeatureSet { matrix: Matrix::new(vec![0.0, 1.0, 2.0], 3, 1), index };
        assert_eq!(set.clip("b").unwrap().as_slice(), Some(&[1.0, 2.0][..]));
        assert!(set.clip("c").is_none());
    }
}
