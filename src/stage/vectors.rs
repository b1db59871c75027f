//! The files of `features.vectors`: read, compared with their listing, and checked.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::Array2;

use super::{Inputs, Item, Role, StageError};
use crate::digest::Digest;
use crate::feature::vectors::Vectors;
use crate::reading;
use crate::weights::read_numpy;

/// The most bytes of the file of a clip.
const LARGEST: u64 = 1 << 30;

/// The input `files` of a features stage: the file of each clip, by clip id.
#[derive(Debug, Default, PartialEq)]
pub struct VectorFiles(pub BTreeMap<String, (String, Digest)>);

impl VectorFiles {
    /// A CSV `clip,path,sha256`.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["clip", "path", "sha256"]).expect("writing to memory");
        for (clip, (path, sha256)) in &self.0 {
            writer.write_record([clip, path, &sha256.hex()]).expect("writing to memory");
        }
        writer.into_inner().expect("writing to memory")
    }

    /// Errors: bytes that [`VectorFiles::encode`] does not write.
    fn decode(bytes: &[u8]) -> Result<Self, StageError> {
        let rows = csv::Reader::from_reader(bytes).into_deserialize::<(String, String, Digest)>();
        let files = rows.map(|row| row.map(|(clip, path, sha256)| (clip, (path, sha256))));
        let wrong = |e| StageError::Data(format!("the listing of vectors cannot be read: {e}"));
        Ok(Self(files.collect::<Result<_, _>>().map_err(wrong)?))
    }

    /// The listing among the inputs of a stage.
    pub(super) fn of(inputs: &Inputs) -> Result<Self, StageError> {
        let bytes = inputs.0.get(&Role::from(Item::Files).to_string());
        Self::decode(bytes.map_or(&[][..], |bytes| bytes))
    }

    /// The frames of a clip, (frames, bands x dims).
    ///
    /// Errors: no file is listed; the file cannot be read, changed since it was listed, has no
    /// array of floats with the axes of the settings, no frames, or a number that is not finite.
    pub(super) fn frames(
        &self,
        vectors: &Vectors,
        root: &Path,
        clip: &str,
    ) -> Result<Array2<f32>, StageError> {
        let wrong = |why: String| StageError::Clip { clip: clip.to_owned(), why };
        let Some((path, sha256)) = self.0.get(clip) else {
            return Err(wrong("it has no file of vectors".to_owned()));
        };
        let of_file = |why: String| wrong(format!("its vectors `{path}`: {why}"));
        let bytes = reading::read(&root.join(path), LARGEST).map_err(|e| of_file(e.to_string()))?;
        // Results are stored under the listed digest, so other numbers must not replace it.
        if Digest::of(&bytes) != *sha256 {
            return Err(of_file("the file changed since it was listed; run again".to_owned()));
        }
        let array = read_numpy(&bytes, vectors.array.as_deref());
        let frames = vectors.frames(array.map_err(|e| of_file(e.why))?).map_err(of_file)?;
        if frames.is_empty() {
            return Err(of_file(format!("there are no numbers in its shape {:?}", frames.dim())));
        }
        if let Some(((frame, value), odd)) = frames.indexed_iter().find(|(_, x)| !x.is_finite()) {
            return Err(of_file(format!("value {value} of frame {frame} is {odd}")));
        }
        Ok(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Artifact, Matrix};

    #[test]
    fn a_file_is_read_as_it_was_listed_and_checked() {
        let root = tempfile::tempdir().unwrap();
        let mut files = VectorFiles::default();
        let mut write = |clip: &str, values: Vec<f32>, dims: usize| {
            let bytes = Matrix::new(values.clone(), values.len() / dims, dims).encode();
            std::fs::write(root.path().join(format!("{clip}.npy")), &bytes).unwrap();
            let file = (format!("{clip}.npy"), Digest::of(&bytes));
            files.0.insert(clip.to_owned(), file);
        };
        write("good", vec![1.0, 2.0, 3.0, 4.0], 2);
        write("odd", vec![1.0, 2.0, f32::NAN, 4.0], 2);
        write("changed", vec![1.0], 1);
        assert_eq!(VectorFiles::decode(&files.encode()).unwrap(), files);
        std::fs::write(root.path().join("changed.npy"), b"x").unwrap();
        let vectors = Vectors::default();
        let frames = |clip: &str| {
            files.frames(&vectors, root.path(), clip).map_err(|error| error.to_string())
        };
        assert_eq!(frames("good").unwrap(), ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
        let odd = "clip `odd`: its vectors `odd.npy`: value 0 of frame 1 is NaN";
        assert_eq!(frames("odd").unwrap_err(), odd);
        let changed = frames("changed").unwrap_err();
        assert!(changed.ends_with("the file changed since it was listed; run again"), "{changed}");
        assert_eq!(frames("none").unwrap_err(), "clip `none`: it has no file of vectors");
    }
}
