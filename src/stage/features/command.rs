//! The features of a user's program: clips are laid out for it, it is called, and what it wrote is
//! read and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Ix1, Ix2};
use serde_json::json;
use tempfile::TempDir;

use super::{Features, Listed};
use crate::artifact::{Artifact, Audio, Blob, Channel, Split, Tensors};
use crate::command::{Program, Trouble, blind, lost};
use crate::context::Context;
use crate::digest::Digest;
use crate::feature::command::Command;
use crate::reading;
use crate::source::wav;
use crate::stage::StageError;
use crate::weights::read_numpy;

/// The most bytes of the file of a clip.
const LARGEST: u64 = 1 << 30;
/// The most bytes of arrays that are kept for a later attempt.
const KEPT: u64 = 256 << 20;

impl From<Trouble> for StageError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Cancelled => StageError::Cancelled,
            other => StageError::Data(other.to_string()),
        }
    }
}

/// What a program made of the clips of a split.
pub(super) struct Called {
    /// The call in words, for messages.
    line: String,
    /// The number of each clip.
    numbers: BTreeMap<String, usize>,
    made: Made,
}

enum Made {
    /// Files in the folder of the call.
    Files(TempDir),
    /// Arrays by number, that an earlier attempt at the stage has left.
    Kept(Tensors),
}

impl Called {
    /// Calls the program for clips. An earlier attempt at the stage, which ended after this call, is
    /// continued.
    pub(super) fn of(
        features: &Features,
        command: &Command,
        bundle: &Tensors,
        (split, clips): (Split, &[Listed]),
        cx: &Context,
    ) -> Result<Self, StageError> {
        let names: Vec<&str> = clips.iter().map(|item| item.clip).collect();
        let order = blind(&names);
        let numbers =
            order.iter().enumerate().map(|(number, place)| (names[*place].to_owned(), number));
        let numbers: BTreeMap<String, usize> = numbers.collect();
        let line = command.own().line();
        let part = cx.seed.derive(&["features", split.name()]);
        let kept = cx.checkpoint.and_then(|checkpoint| checkpoint.load(part));
        let kept = kept.and_then(|bytes| Tensors::decode(Blob::new(bytes)).ok());
        if let Some(kept) = kept.filter(|kept| kept.0.len() == clips.len()) {
            (cx.log)(&format!("{split}: as an earlier attempt has left them"));
            return Ok(Self { line, numbers, made: Made::Kept(kept) });
        }
        let clips: Vec<&Listed> = order.iter().map(|place| &clips[*place]).collect();
        let folder = call(features, command, bundle, &clips, cx)?;
        let size = sizes(folder.path(), &numbers, &line)?;
        let called = Self { line, numbers, made: Made::Files(folder) };
        // After the call for the test clips, the stage is done.
        if split == Split::Train && size <= KEPT {
            let arrays = || called.arrays().map(|arrays| arrays.encode()).unwrap_or_default();
            cx.checkpoint.iter().for_each(|checkpoint| checkpoint.save(part, &arrays));
        }
        Ok(called)
    }

    /// The arrays of all clips by number, if they are sound. Others must not be kept.
    fn arrays(&self) -> Option<Tensors> {
        let (mut arrays, mut dims) = (Tensors::default(), None);
        for (clip, number) in &self.numbers {
            let frames = self.frames(clip).ok()?;
            if *dims.get_or_insert(frames.ncols()) != frames.ncols() {
                return None;
            }
            arrays.put_f32(&number.to_string(), frames);
        }
        Some(arrays)
    }

    /// The frames of a clip.
    ///
    /// Errors: its file cannot be read, is no array of floats with one or two axes, is empty, or has
    /// a number that is not finite.
    pub(super) fn frames(&self, clip: &str) -> Result<Array2<f32>, StageError> {
        let number = self.numbers[clip];
        let wrong = |why: String| StageError::Clip {
            clip: clip.to_owned(),
            why: format!("{} of `{}`: {why}", file(number), self.line),
        };
        let frames = match &self.made {
            Made::Kept(arrays) => {
                let name = number.to_string();
                arrays.f32_2(&name).map_err(|e| wrong(e.to_string()))?.to_owned()
            }
            Made::Files(folder) => {
                let bytes = reading::read(&folder.path().join(path(number)), LARGEST);
                let bytes = bytes.map_err(|e| wrong(e.to_string()))?;
                let array = read_numpy(&bytes, None).map_err(|e| wrong(e.why))?;
                let shape = array.shape().to_vec();
                match shape.len() {
                    1 => array
                        .into_dimensionality::<Ix1>()
                        .map(|row| row.insert_axis(ndarray::Axis(0))),
                    _ => array.into_dimensionality::<Ix2>(),
                }
                .map_err(|_| wrong(format!("its shape is {shape:?}, not (frames, dims)")))?
                .as_standard_layout()
                .into_owned()
            }
        };
        if frames.is_empty() {
            return Err(wrong(format!("there are no numbers in its shape {:?}", frames.dim())));
        }
        match frames.indexed_iter().find(|(_, x)| !x.is_finite()) {
            None => Ok(frames),
            Some(((frame, value), odd)) => {
                Err(wrong(format!("value {value} of frame {frame} is {odd}")))
            }
        }
    }
}

/// The path of the file of a clip in the folder of a call.
fn path(number: usize) -> String {
    format!("features/{number}.npy")
}

fn file(number: usize) -> String {
    format!("`{}`", path(number))
}

/// Lays out the clips and calls the program; the folder with what it left.
fn call(
    features: &Features,
    command: &Command,
    bundle: &Tensors,
    clips: &[&Listed],
    cx: &Context,
) -> Result<TempDir, StageError> {
    let program: Program = command.own();
    let folder = program.folder(bundle)?;
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("clips")).and_then(|()| fs::create_dir(at("features"))).map_err(lost)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["clip", "wav", "npy"]).expect("writing to memory");
    let mut linked = Vec::new();
    for (number, item) in clips.iter().enumerate() {
        if cx.cancelled() {
            return Err(StageError::Cancelled);
        }
        let wav = format!("clips/{number}.wav");
        linked.extend(features.place(item, &at(&wav))?.map(|file| (*item, file)));
        writer.write_record([&number.to_string(), &wav, &path(number)]).expect("writing to memory");
    }
    let table = writer.into_inner().expect("writing to memory");
    fs::write(at("clips.csv"), table).map_err(lost)?;
    let job = json!({
        "task": "features", "settings": command.settings, "clips": "clips.csv", "features": "features",
    });
    program.call(folder.path(), &job, cx)?;
    // Results are stored under the listed digest, so other samples must not replace it.
    for (item, file) in linked {
        let Audio::Wav { sha256, .. } = item.audio else { continue };
        let bytes =
            reading::read(&file, reading::RECORDING).map_err(|e| super::failed(item.clip, e))?;
        if Digest::of(&bytes) != *sha256 {
            return Err(super::failed(item.clip, "changed since it was listed"));
        }
    }
    Ok(folder)
}

/// The bytes of all files of clips.
///
/// Errors: a clip has none, or a file belongs to no clip.
fn sizes(folder: &Path, numbers: &BTreeMap<String, usize>, line: &str) -> Result<u64, StageError> {
    let (mut size, mut there) = (0, BTreeSet::new());
    for entry in fs::read_dir(folder.join("features")).map_err(lost)? {
        let entry = entry.map_err(lost)?;
        size += entry.metadata().map_err(lost)?.len();
        there.insert(format!("features/{}", entry.file_name().to_string_lossy()));
    }
    for (clip, number) in numbers {
        if !there.remove(&path(*number)) {
            let why = format!("`{line}` wrote no {}", file(*number));
            return Err(super::failed(clip, why));
        }
    }
    match there.first() {
        None => Ok(size),
        Some(extra) => Err(StageError::Data(format!("`{extra}` of `{line}` belongs to no clip"))),
    }
}

impl Features {
    /// Puts a clip into the folder of a call. Returns the path of the recording if it is a link to
    /// that: the name of a recording may tell the answer, and what is written beside a link does not
    /// lie among the recordings.
    fn place(&self, item: &Listed, file: &Path) -> Result<Option<PathBuf>, StageError> {
        if let Some(recording) = self.unchanged(item)
            && link(&recording, file).is_ok()
        {
            return Ok(Some(recording));
        }
        let wave = self.hear(item)?.wave;
        wav::write(file, &wave).map_err(|e| super::failed(item.clip, e))?;
        Ok(None)
    }

    /// The recording of a clip, if a program hears the same there: it is a WAV file of one channel,
    /// and nothing is mixed to it.
    fn unchanged(&self, item: &Listed) -> Option<PathBuf> {
        let Audio::Wav { channel: Channel::Mean | Channel::First, .. } = item.audio else {
            return None;
        };
        let is_wav = item.clip.to_ascii_lowercase().ends_with(".wav");
        if self.mixed.is_some() || !is_wav {
            return None;
        }
        let path = std::path::absolute(self.root.as_ref()?.join(item.clip)).ok()?;
        wav::head(&path).filter(|head| head.channels == 1).map(|_| path)
    }
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(from, to)
}

#[cfg(not(unix))]
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::copy(from, to).map(drop)
}
