//! A program of a user as a spec names it: its command line, its files, its limits, and the folder
//! of a call.
//!
//! Detectors and features that are programs share this. The files that the spec lists go into the
//! cache. So a key has their content, and a worker on another machine needs nothing but the
//! interpreter. A call runs in a folder of its own, which holds these files; it adds `job.json`,
//! the task as JSON, as the last argument.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ndarray::Array1;
use serde_json::Value;
use tempfile::TempDir;

use crate::artifact::{TensorError, Tensors};
use crate::context::Context;
use crate::diagnose::Problem;
use crate::program::{Call, CallError};
use crate::reading;
use crate::seed::Seed;

pub const MOST_MINUTES: f64 = 100_000.0;
pub const MOST_MEGABYTES: u64 = 100_000_000;
/// The most bytes of the files of a program.
pub const MOST_PROGRAM: u64 = 16 << 20;

/// The prefix of the names of the arrays with the files of a program.
const PROGRAM: &str = "program/";
/// The task of a call.
const JOB: &str = "job.json";
/// Names that the folder of every call needs: the task, and what the program says.
const RESERVED: [&str; 2] = [JOB, "said.txt"];

/// The settings that all programs have.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// The program and its arguments.
    pub run: &'a [String],
    /// Its files.
    pub files: &'a [PathBuf],
    /// The variables of the environment that it sees, besides `PATH`.
    pub environment: &'a [String],
    /// The longest time of a call.
    pub minutes: f64,
    /// The most memory in MB.
    pub megabytes: Option<u64>,
}

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("{0}")]
    Data(String),
    #[error(transparent)]
    Model(#[from] TensorError),
    #[error("cancelled")]
    Cancelled,
}

/// The folder of a call cannot be written or read.
pub fn lost(error: std::io::Error) -> Trouble {
    Trouble::Data(format!("the folder of the program: {error}"))
}

impl Program<'_> {
    /// The call in words.
    pub fn line(&self) -> String {
        self.run.join(" ")
    }

    /// The names of its files, as the program finds them.
    pub fn names(&self) -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into();
        self.files.iter().map(name).collect()
    }

    /// Settings that are out of range. `reserved` are names that the folder of a call needs besides
    /// those that every call needs.
    pub fn problems(&self, reserved: &[&str]) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.run.first().is_none_or(String::is_empty) {
            let hint = "write the program and its arguments: `run: [python3, detector.py]`";
            problems.push(Problem::new("run", "there is no program to run").hint(hint));
        }
        let mut names = BTreeSet::new();
        for name in self.names() {
            if RESERVED.iter().chain(reserved).any(|word| *word == name) {
                let message = format!("`{name}` is a name that the program's folder needs itself");
                problems.push(Problem::new("files", message).hint("give the file another name"));
            }
            if !names.insert(name.clone()) {
                let message = format!("two files have the name `{name}`");
                problems.push(Problem::new("files", message).hint("all lie in one folder"));
            }
        }
        let minutes = self.minutes > 0.0 && self.minutes <= MOST_MINUTES;
        if !minutes {
            let message =
                format!("{} minutes are not above 0 and at most {MOST_MINUTES}", self.minutes);
            problems.push(Problem::new("minutes", message));
        }
        if let Some(megabytes) = self.megabytes {
            problems.extend(Problem::outside(
                "megabytes",
                megabytes as usize,
                1,
                MOST_MEGABYTES as usize,
            ));
        }
        problems
    }

    /// The content of its files, in their order.
    ///
    /// Errors: one cannot be read, or they are too large.
    pub fn read(&self) -> Result<Vec<Vec<u8>>, String> {
        let mut room = MOST_PROGRAM;
        let read = |path: &PathBuf| {
            let wrong = |why: String| format!("`{}`: {why}", path.display());
            let bytes = reading::read(path, room).map_err(|e| wrong(e.to_string()))?;
            room -= bytes.len() as u64;
            Ok(bytes)
        };
        self.files.iter().map(read).collect()
    }

    /// Adds its files, as [`Program::read`] gives them, as arrays.
    pub fn bundle(&self, contents: &[Vec<u8>], into: &mut Tensors, prefix: &str) {
        for (name, bytes) in self.names().iter().zip(contents) {
            put(into, &format!("{prefix}{PROGRAM}{name}"), bytes);
        }
    }

    /// The arrays with its files, from what its stage was given.
    ///
    /// Errors: it was given nothing, and there are files.
    pub fn bundled(&self, given: Option<&Tensors>) -> Result<Tensors, Trouble> {
        match given {
            Some(bundle) => Ok(bundle.clone()),
            None if self.files.is_empty() => Ok(Tensors::default()),
            None => Err(Trouble::Data("the files of the program are missing".to_owned())),
        }
    }

    /// A new folder with its files.
    pub fn folder(&self, bundle: &Tensors) -> Result<TempDir, Trouble> {
        let folder = tempfile::Builder::new().prefix("humshift-").tempdir().map_err(lost)?;
        unpack(bundle, PROGRAM, folder.path())?;
        Ok(folder)
    }

    /// Calls it in a folder for a task. What it says goes to the log.
    pub fn call(&self, folder: &Path, job: &Value, cx: &Context) -> Result<(), Trouble> {
        fs::write(folder.join(JOB), job.to_string()).map_err(lost)?;
        let words: Vec<String> = self.run.iter().cloned().chain([JOB.to_owned()]).collect();
        let call = Call {
            words: &words,
            folder,
            environment: self.environment,
            limit: Duration::from_secs_f64(60.0 * self.minutes),
            memory: self.megabytes.map(|megabytes| megabytes << 20),
        };
        match call.run(&|| cx.cancelled()) {
            Ok(said) => said.iter().for_each(|line| (cx.log)(line)),
            Err(CallError::Cancelled) => return Err(Trouble::Cancelled),
            Err(error) => return Err(Trouble::Data(error.to_string())),
        }
        Ok(())
    }
}

/// Bytes as an array of whole numbers in f32, which every reader of models understands.
pub fn put(tensors: &mut Tensors, name: &str, bytes: &[u8]) {
    let array: Array1<f32> = bytes.iter().map(|byte| f32::from(*byte)).collect();
    tensors.put_f32(name, array);
}

/// Writes the files of a model with this prefix into a folder.
pub fn unpack(tensors: &Tensors, prefix: &str, folder: &Path) -> Result<(), Trouble> {
    for name in tensors.0.keys() {
        let Some(file) = name.strip_prefix(prefix) else { continue };
        // Names come from files of a folder; a model from elsewhere may have others.
        if file.is_empty() || file.contains(['/', '\\']) || file.starts_with('.') {
            return Err(Trouble::Data(format!("`{file}` is no name of a file of a model")));
        }
        let bytes: Vec<u8> = tensors.f32_1(name)?.iter().map(|byte| *byte as u8).collect();
        fs::write(folder.join(file), bytes).map_err(lost)?;
    }
    Ok(())
}

/// The arrays whose names begin with a prefix, without it.
pub fn part(tensors: &Tensors, prefix: &str) -> Tensors {
    let own =
        tensors.0.iter().filter_map(|(name, array)| Some((name.strip_prefix(prefix)?, array)));
    Tensors(own.map(|(name, array)| (name.to_owned(), array.clone())).collect())
}

/// The places of clips in an order that says nothing of them. The names of test clips, and with
/// them their order, may tell the answer.
pub fn blind(names: &[&str]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_cached_key(|&place| (Seed(0).derive(&["blind", names[place]]).0, place));
    order
}

/// Settings as keys have them: the names of files instead of their paths, and no limits.
pub fn keyed(mut settings: Value, program: &Program) -> Value {
    if let Some(map) = settings.as_object_mut() {
        map.insert("files".to_owned(), program.names().into());
        ["minutes", "megabytes"].iter().for_each(|limit| drop(map.remove(*limit)));
    }
    settings
}
