//! Inputs from outside the plan: listings of data sets, weights of networks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::CliError;
use super::peers::Peers;
use crate::artifact::{Artifact, Blob, Tensor, Tensors};
use crate::command::Program;
use crate::diagnose::Diagnostic;
use crate::digest::Digest;
use crate::kind::{Kind, ObjectRef};
use crate::plan::Catalog;
use crate::reading::{self, unexpanded};
use crate::spec::Point;
use crate::store::Store;
use crate::weights::read_torch;

/// Their bytes, which go into the store when a run begins.
#[derive(Default)]
pub struct Given {
    objects: BTreeMap<ObjectRef, Vec<u8>>,
    /// The files that some of them were made from, with their digests when they were read.
    files: Vec<(PathBuf, Digest)>,
    /// Scores of other programs.
    pub peers: Peers,
}

impl Given {
    /// Adds bytes and returns their reference.
    pub fn add(&mut self, kind: Kind, bytes: Vec<u8>) -> ObjectRef {
        let object = ObjectRef::of(kind, &bytes);
        self.objects.insert(object, bytes);
        object
    }

    /// Adds the scores of other programs that a point has in place of recordings.
    pub fn scores(&mut self, point: &Point, catalog: &mut Catalog, mistakes: &mut Vec<Diagnostic>) {
        let mut peers = std::mem::take(&mut self.peers);
        peers.add(point, catalog, &mut |bytes| self.add(Kind::Csv, bytes), mistakes);
        self.peers = peers;
    }

    /// Adds the weights of a point, and the files of the programs that it calls.
    pub fn weights(
        &mut self,
        point: &Point,
        catalog: &mut Catalog,
        mistakes: &mut Vec<Diagnostic>,
    ) {
        // A detector of vectors may have a network before it. Either may read a weights file.
        for detector in [&point.detector, point.detector.backend()] {
            let Some(files) = detector.given().filter(|f| !catalog.weights.contains_key(f)) else {
                continue;
            };
            let bytes = match detector.member().weights() {
                Some((_, path)) => self.read(path, mistakes),
                None => self.bundle(&detector.member().programs(), mistakes),
            };
            catalog.weights.insert(files, self.add(Kind::Safetensors, bytes));
        }
        let files = point.features.given().filter(|files| !catalog.weights.contains_key(files));
        if let Some((files, program)) = files.zip(point.features.member().program()) {
            let bytes = self.bundle(&[(String::new(), program)], mistakes);
            catalog.weights.insert(files, self.add(Kind::Safetensors, bytes));
        }
    }

    /// The files of users' programs.
    fn bundle(
        &mut self,
        programs: &[(String, Program)],
        mistakes: &mut Vec<Diagnostic>,
    ) -> Vec<u8> {
        let mut bundle = Tensors::default();
        for (prefix, program) in programs {
            match program.read() {
                Ok(contents) => {
                    program.bundle(&contents, &mut bundle, prefix);
                    let digests = contents.iter().map(|bytes| Digest::of(bytes));
                    self.files.extend(program.files.iter().cloned().zip(digests));
                }
                Err(why) => mistakes.push(unread(&why)),
            }
        }
        bundle.encode()
    }

    fn read(&mut self, path: &str, mistakes: &mut Vec<Diagnostic>) -> Vec<u8> {
        let file = Path::new(path);
        let read = reading::read(file, reading::WEIGHTS).map_err(|error| error.to_string());
        self.files.extend(read.iter().map(|bytes| (file.to_owned(), Digest::of(bytes))));
        read.and_then(safetensors).unwrap_or_else(|why| {
            let mut mistake =
                Diagnostic::new("E0702", format!("the weights `{path}` cannot be read: {why}"));
            if !file.exists() {
                mistake.hint = unexpanded(file, Some("detector.autoencoder.weights"));
            }
            mistakes.push(mistake);
            Vec::new()
        })
    }

    /// Reads a file that goes into the store as it is.
    pub fn file(&mut self, kind: Kind, path: &Path) -> Result<(ObjectRef, Vec<u8>), String> {
        let bytes = reading::read(path, reading::WEIGHTS).map_err(|error| error.to_string())?;
        self.files.push((path.to_owned(), Digest::of(&bytes)));
        Ok((self.add(kind, bytes.clone()), bytes))
    }

    /// The files of weights and programs, with their digests when they were read.
    pub fn files(&self) -> &[(PathBuf, Digest)] {
        &self.files
    }

    /// Puts all of them into the store, from which stages read them.
    pub fn keep(&self, store: &Store) -> Result<(), CliError> {
        for (object, bytes) in &self.objects {
            store.put(object.kind, bytes)?;
        }
        Ok(())
    }
}

/// A file of a user's program that cannot be read.
pub fn unread(why: &str) -> Diagnostic {
    let message = format!("a file of the program cannot be read: {why}");
    Diagnostic::new("E0702", message)
        .hint("`files` are those that the program needs, 16 MB at most")
}

/// Weights as safetensors. PyTorch files, as zip archives or in the older format, are converted.
fn safetensors(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if bytes.starts_with(b"PK") || bytes.starts_with(b"\x80") {
        let model = read_torch(&bytes).map_err(|error| error.to_string())?;
        return sound(&model).map(|()| model.encode());
    }
    match Tensors::decode(Blob::new(bytes.clone())) {
        Ok(model) => sound(&model).map(|()| bytes),
        Err(_) if bytes.starts_with(b"\x89HDF") => {
            Err("it is HDF5; write Keras's `model.weights` with safetensors, each under its `path`"
                .to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Refuses NaN and infinite weights, because they would give every clip the score NaN.
fn sound(model: &Tensors) -> Result<(), String> {
    for (name, tensor) in &model.0 {
        let values: Vec<f64> = match tensor {
            Tensor::F32(array) => array.iter().map(|x| f64::from(*x)).collect(),
            Tensor::F64(array) => array.iter().copied().collect(),
        };
        if let Some(odd) = values.iter().find(|x| !x.is_finite()) {
            return Err(format!("its array `{name}` holds {odd}"));
        }
        let last = name.trim_end_matches(":0").rsplit(['.', '/']).next().unwrap_or_default();
        let spread = ["variance", "running_var", "moving_variance"].contains(&last);
        if let Some(negative) = values.iter().find(|x| spread && **x < 0.0) {
            return Err(format!(
                "its array `{name}` holds {negative}, and a variance is 0 or more"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn weights_that_no_training_gives_are_refused_by_their_name() {
        let told = |name: &str, value: f32| {
            let mut model = Tensors::default();
            model.put_f32(name, array![1.0, value]);
            safetensors(model.encode()).err()
        };
        let nan = told("norm.0.mean", f32::NAN);
        assert_eq!(nan.as_deref(), Some("its array `norm.0.mean` holds NaN"));
        for name in [
            "norm.0.variance",
            "encoder.1.running_var",
            "model/batch_normalization/moving_variance:0",
        ] {
            let expected = format!("its array `{name}` holds -0.5, and a variance is 0 or more");
            assert_eq!(told(name, -0.5), Some(expected));
        }
        assert_eq!(told("norm.0.mean", -0.5), None);
    }
}
