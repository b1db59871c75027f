//! A detector in any language: a program that is called for training and for scoring.
//!
//! The files that the spec lists go into the cache with the model. So a key has their content, and
//! a worker on another machine needs nothing but the interpreter. The program runs in a folder of
//! its own, which holds these files and the following; the call adds `job.json` as the last
//! argument.
//!
//! | file | content |
//! |---|---|
//! | `job.json` | `task` (`fit` or `score`), `settings`, `seed`, and the names of the other files |
//! | `features.npy` | float32, (frames, dims), the frames of all clips one below another |
//! | `clips.csv` | `clip,first,frames` and, for training alone, `machine,section,domain,attributes`; clips to score are numbers in an order that says nothing |
//! | `model/` | what training leaves there, scoring finds there |
//! | `scores.csv` | `clip,score`, which scoring writes |

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ndarray::Array1;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Detector, DetectorError, Examples, Takes};
use crate::artifact::{Artifact, Domain, Matrix, Tensors};
use crate::context::Context;
use crate::diagnose::Problem;
use crate::program::{Call, CallError};
use crate::reading;
use crate::seed::Seed;

/// A program of one's own, called for training and for scoring. A run with one needs
/// `--allow-commands`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Command {
    /// The program and its arguments. It runs in a folder with `files` and gets the name of a
    /// JSON file with its task as a last argument.
    #[schemars(example = serde_json::json!(["python3", "detector.py"]))]
    pub run: Vec<String>,
    /// The files of the program. Their content is part of the keys of its results.
    #[schemars(extend("x-path" = "file"), example = serde_json::json!(["detector.py"]))]
    pub files: Vec<PathBuf>,
    /// Settings that the program gets as JSON.
    #[schemars(with = "Map<String, Value>")]
    pub settings: BTreeMap<String, Value>,
    /// What it takes of a clip: all frames, or the pooled vector.
    pub takes: Form,
    /// Whether it draws random numbers, so that a sweep over seeds trains it anew.
    pub seeded: bool,
    /// The variables of the environment that it sees, besides `PATH`.
    pub environment: Vec<String>,
    /// The longest time of a call in minutes.
    #[schemars(range(max = MOST_MINUTES), extend("exclusiveMinimum" = 0))]
    pub minutes: f64,
    /// The most memory of the program in MB. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MOST_MEGABYTES))]
    pub megabytes: Option<u64>,
}

/// What a program takes of a clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// One vector for each clip, made by `pool`.
    #[default]
    Vectors,
    /// All frames.
    Frames,
}

const MOST_MINUTES: f64 = 100_000.0;
const MOST_MEGABYTES: u64 = 100_000_000;
/// The most bytes of the files of a program, and of the model that it leaves.
pub const MOST_PROGRAM: u64 = 16 << 20;
const MOST_MODEL: u64 = 1 << 30;

/// Names of the arrays with the files of the program, and of its model.
const PROGRAM: &str = "program/";
const MODEL: &str = "file/";

impl Default for Command {
    fn default() -> Self {
        Self {
            run: Vec::new(),
            files: Vec::new(),
            settings: BTreeMap::new(),
            takes: Form::default(),
            seeded: false,
            environment: Vec::new(),
            minutes: 60.0,
            megabytes: None,
        }
    }
}

impl Command {
    /// The call in words.
    pub fn line(&self) -> String {
        self.run.join(" ")
    }

    /// The names of its files, as the program finds them.
    pub fn names(&self) -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into();
        self.files.iter().map(name).collect()
    }

    /// The files of the program as arrays.
    ///
    /// Errors: one cannot be read, or they are too large.
    pub fn bundle(&self) -> Result<Tensors, String> {
        let mut bundle = Tensors::default();
        let mut room = MOST_PROGRAM;
        for (path, name) in self.files.iter().zip(self.names()) {
            let wrong = |why: String| format!("`{}`: {why}", path.display());
            let bytes = reading::read(path, room).map_err(|e| wrong(e.to_string()))?;
            room -= bytes.len() as u64;
            put(&mut bundle, &format!("{PROGRAM}{name}"), &bytes);
        }
        Ok(bundle)
    }
}

/// Bytes as an array of whole numbers in f32, which every reader of models understands.
fn put(tensors: &mut Tensors, name: &str, bytes: &[u8]) {
    let array: Array1<f32> = bytes.iter().map(|byte| f32::from(*byte)).collect();
    tensors.put_f32(name, array);
}

/// Writes the files of a model with this prefix into a folder.
fn unpack(tensors: &Tensors, prefix: &str, folder: &Path) -> Result<(), DetectorError> {
    for name in tensors.0.keys() {
        let Some(file) = name.strip_prefix(prefix) else { continue };
        // Names come from files of a folder; a model from elsewhere may have others.
        if file.is_empty() || file.contains(['/', '\\']) || file.starts_with('.') {
            return Err(DetectorError::Data(format!("`{file}` is no name of a file of a model")));
        }
        let bytes: Vec<u8> = tensors.f32_1(name)?.iter().map(|byte| *byte as u8).collect();
        fs::write(folder.join(file), bytes).map_err(lost)?;
    }
    Ok(())
}

fn lost(error: std::io::Error) -> DetectorError {
    DetectorError::Data(format!("the folder of the program: {error}"))
}

impl Detector for Command {
    fn version(&self) -> u32 {
        1
    }

    fn takes(&self) -> Takes {
        match self.takes {
            Form::Vectors => Takes::Vectors,
            Form::Frames => Takes::Frames,
        }
    }

    fn seeded(&self) -> bool {
        self.seeded
    }

    fn program(&self) -> Option<&Command> {
        Some(self)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.run.first().is_none_or(String::is_empty) {
            let hint = "write the program and its arguments: `run: [python3, detector.py]`";
            problems.push(Problem::new("run", "there is no program to run").hint(hint));
        }
        let mut names = BTreeSet::new();
        for name in self.names() {
            if RESERVED.contains(&name.as_str()) {
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

    fn fit(
        &self,
        train: &Examples,
        program: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let mut model = match program {
            Some(program) => program.clone(),
            None if self.files.is_empty() => Tensors::default(),
            None => {
                let missing = "the files of the program are missing".to_owned();
                return Err(DetectorError::Data(missing));
            }
        };
        let folder = self.call("fit", &model, train, cx)?;
        let made = folder.path().join("model");
        let mut room = MOST_MODEL;
        let mut files: Vec<_> =
            fs::read_dir(&made).map_err(lost)?.collect::<Result<_, _>>().map_err(lost)?;
        files.sort_by_key(fs::DirEntry::file_name);
        for file in files {
            let name = file.file_name().to_string_lossy().into_owned();
            let wrong = |why: &str| DetectorError::Data(format!("`model/{name}` {why}"));
            if file.file_type().map_err(lost)?.is_dir() {
                return Err(wrong("is a folder; a model has files alone"));
            }
            let bytes = reading::read(&file.path(), room).map_err(|e| wrong(&e.to_string()))?;
            room -= bytes.len() as u64;
            put(&mut model, &format!("{MODEL}{name}"), &bytes);
        }
        Ok(model)
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        if test.features.is_empty() {
            return Ok(Vec::new());
        }
        let folder = self.call("score", model, test, cx)?;
        let wrong =
            |why: String| DetectorError::Data(format!("`scores.csv` of `{}`: {why}", self.line()));
        let bytes = reading::read(&folder.path().join("scores.csv"), reading::TEXT)
            .map_err(|e| wrong(e.to_string()))?;
        let mut scores = BTreeMap::new();
        for row in csv::Reader::from_reader(&bytes[..]).into_deserialize::<(String, f64)>() {
            let (clip, score) = row.map_err(|e| wrong(e.to_string()))?;
            if !score.is_finite() {
                return Err(wrong(format!("the score of clip `{clip}` is {score}")));
            }
            if scores.insert(clip.clone(), score).is_some() {
                return Err(wrong(format!("clip `{clip}` has two scores")));
            }
        }
        let mut found = vec![0.0; test.features.len()];
        for (number, place) in blind(test).into_iter().enumerate() {
            let none = || format!("clip {number} (`{}`) has no score", name(test, place));
            found[place] = scores.remove(&number.to_string()).ok_or_else(|| wrong(none()))?;
        }
        match scores.keys().next() {
            None => Ok(found),
            Some(extra) => Err(wrong(format!("there is no clip `{extra}` to score"))),
        }
    }
}

/// Names that the folder of a call needs.
const RESERVED: [&str; 6] =
    ["job.json", "features.npy", "clips.csv", "scores.csv", "model", "said.txt"];

/// The name of a clip; a number for features without clips.
fn name(examples: &Examples, place: usize) -> String {
    examples.clips.get(place).map_or_else(|| place.to_string(), |clip| clip.id.clone())
}

/// The places of clips in an order that says nothing of them. The names of test clips, and with them
/// their order, may tell the answer.
fn blind(examples: &Examples) -> Vec<usize> {
    let mut order: Vec<usize> = (0..examples.features.len()).collect();
    order
        .sort_by_cached_key(|&place| (Seed(0).derive(&["blind", &name(examples, place)]).0, place));
    order
}

impl Command {
    /// Calls the program for a task; the folder with what it left.
    fn call(
        &self,
        task: &str,
        model: &Tensors,
        examples: &Examples,
        cx: &Context,
    ) -> Result<tempfile::TempDir, DetectorError> {
        let folder = tempfile::Builder::new().prefix("humshift-").tempdir().map_err(lost)?;
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("model")).map_err(lost)?;
        unpack(model, PROGRAM, folder.path())?;
        unpack(model, MODEL, &at("model"))?;
        let (dims, rows) = (
            examples.features.first().map_or(0, |frames| frames.ncols()),
            examples.features.iter().map(|frames| frames.nrows()).sum::<usize>(),
        );
        let order = match task {
            "fit" => (0..examples.features.len()).collect(),
            _ => blind(examples),
        };
        let values = order.iter().flat_map(|&place| examples.features[place].iter().copied());
        let matrix = Matrix::new(values.collect(), rows, dims);
        fs::write(at("features.npy"), matrix.encode()).map_err(lost)?;
        fs::write(at("clips.csv"), table(task, examples, &order)).map_err(lost)?;
        let job = json!({
            "task": task, "settings": self.settings, "seed": cx.seed.0 >> 11, "features": "features.npy",
            "clips": "clips.csv", "model": "model", "scores": "scores.csv",
        });
        fs::write(at("job.json"), job.to_string()).map_err(lost)?;
        let words: Vec<String> = self.run.iter().cloned().chain(["job.json".to_owned()]).collect();
        let call = Call {
            words: &words,
            folder: folder.path(),
            environment: &self.environment,
            limit: Duration::from_secs_f64(60.0 * self.minutes),
            memory: self.megabytes.map(|megabytes| megabytes << 20),
        };
        match call.run(&|| cx.cancelled()) {
            Ok(said) => said.iter().for_each(|line| (cx.log)(line)),
            Err(CallError::Cancelled) => return Err(DetectorError::Cancelled),
            Err(error) => return Err(DetectorError::Data(error.to_string())),
        }
        Ok(folder)
    }
}

/// The clips of a task as CSV. A clip that is to be scored is a number, and nothing else is told of
/// it.
fn table(task: &str, examples: &Examples, order: &[usize]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["clip", "first", "frames"];
    if task == "fit" {
        header.extend(["machine", "section", "domain", "attributes"]);
    }
    writer.write_record(&header).expect("writing to memory");
    let mut first = 0;
    for (number, &place) in order.iter().enumerate() {
        let frames = examples.features[place].nrows();
        let name = if task == "fit" { name(examples, place) } else { number.to_string() };
        let mut row = vec![name, first.to_string(), frames.to_string()];
        if task == "fit" {
            let clip = examples.clips.get(place);
            let domain = clip.and_then(|clip| clip.domain).unwrap_or(Domain::Source);
            let text = |of: fn(&crate::artifact::Clip) -> &str| {
                clip.map_or("", |clip| of(clip)).to_owned()
            };
            let attributes =
                clip.map(|clip| json!(clip.attributes).to_string()).unwrap_or_default();
            row.extend([
                text(|c| &c.machine),
                text(|c| &c.section),
                domain.to_string(),
                attributes,
            ]);
        }
        writer.write_record(&row).expect("writing to memory");
        first += frames;
    }
    writer.into_inner().expect("writing to memory")
}
