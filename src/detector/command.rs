//! A detector in any language: a program that is called for training and for scoring.
//!
//! It is a [`Program`], so its files go into the cache with the model. The folder of a call holds
//! them and the following.
//!
//! | file | content |
//! |---|---|
//! | `job.json` | `task` (`fit` or `score`), `settings`, `seed`, and the names of the other files |
//! | `features.npy` | float32, (frames, dims), the frames of all clips one below another |
//! | `clips.csv` | `clip,first,frames` and, for training alone, `machine,section,domain,attributes`; clips to score are numbers in an order that says nothing |
//! | `model/` | what training leaves there, scoring finds there |
//! | `scores.csv` | `clip,score`, which scoring writes |

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Detector, DetectorError, Examples, Takes};
use crate::artifact::{Artifact, Domain, Matrix, Tensors};
use crate::command::{MOST_MEGABYTES, MOST_MINUTES, Program, Trouble, blind, lost, put, unpack};
use crate::context::Context;
use crate::diagnose::Problem;
use crate::reading;

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

/// The most bytes of the model that a program leaves.
const MOST_MODEL: u64 = 1 << 30;
/// The prefix of the names of the arrays with that model.
const MODEL: &str = "file/";
/// Names that the folder of a call needs.
const RESERVED: [&str; 4] = ["features.npy", "clips.csv", "scores.csv", "model"];

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
    fn own(&self) -> Program<'_> {
        Program {
            run: &self.run,
            files: &self.files,
            environment: &self.environment,
            minutes: self.minutes,
            megabytes: self.megabytes,
        }
    }
}

impl From<Trouble> for DetectorError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Data(message) => Self::Data(message),
            Trouble::Model(error) => Self::Model(error),
            Trouble::Cancelled => Self::Cancelled,
        }
    }
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

    fn programs(&self) -> Vec<(String, Program<'_>)> {
        vec![(String::new(), self.own())]
    }

    fn problems(&self) -> Vec<Problem> {
        self.own().problems(&RESERVED)
    }

    fn fit(
        &self,
        train: &Examples,
        program: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let mut model = self.own().bundled(program)?;
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
        let wrong = |why: String| {
            DetectorError::Data(format!("`scores.csv` of `{}`: {why}", self.own().line()))
        };
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
        for (number, place) in order(test).into_iter().enumerate() {
            let none = || format!("clip {number} (`{}`) has no score", name(test, place));
            found[place] = scores.remove(&number.to_string()).ok_or_else(|| wrong(none()))?;
        }
        match scores.keys().next() {
            None => Ok(found),
            Some(extra) => Err(wrong(format!("there is no clip `{extra}` to score"))),
        }
    }
}

/// The name of a clip; a number for features without clips.
fn name(examples: &Examples, place: usize) -> String {
    examples.clips.get(place).map_or_else(|| place.to_string(), |clip| clip.id.clone())
}

/// The places of clips in an order that says nothing of them.
fn order(examples: &Examples) -> Vec<usize> {
    let names: Vec<String> =
        (0..examples.features.len()).map(|place| name(examples, place)).collect();
    blind(&names.iter().map(String::as_str).collect::<Vec<_>>())
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
        let folder = self.own().folder(model)?;
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("model")).map_err(lost)?;
        unpack(model, MODEL, &at("model"))?;
        let (dims, rows) = (
            examples.features.first().map_or(0, |frames| frames.ncols()),
            examples.features.iter().map(|frames| frames.nrows()).sum::<usize>(),
        );
        let order = match task {
            "fit" => (0..examples.features.len()).collect(),
            _ => order(examples),
        };
        let values = order.iter().flat_map(|&place| examples.features[place].iter().copied());
        let matrix = Matrix::new(values.collect(), rows, dims);
        fs::write(at("features.npy"), matrix.encode()).map_err(lost)?;
        fs::write(at("clips.csv"), table(task, examples, &order)).map_err(lost)?;
        let job = json!({
            "task": task, "settings": self.settings, "seed": cx.seed.0 >> 11, "features": "features.npy",
            "clips": "clips.csv", "model": "model", "scores": "scores.csv",
        });
        self.own().call(folder.path(), &job, cx)?;
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
