//! Features in any language: a program that is called for the clips of a section.
//!
//! The stage calls it, once for the training clips and once for the test clips; here are the
//! settings. The folder of a call holds the files of the program and the following.
//!
//! | file | content |
//! |---|---|
//! | `job.json` | `task` (`features`), `settings`, and the names of the other files |
//! | `clips.csv` | `clip,wav,npy`: clips are numbers in an order that says nothing |
//! | `clips/` | the recordings, or what is heard of them where noise or a choice of channels changes that |
//! | `features/` | the `.npy` files that the program writes, (frames, dims) each |

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Extractor, Feature, FeatureError};
use crate::command::{self, MOST_MEGABYTES, MOST_MINUTES, Program};
use crate::diagnose::Problem;

/// A program of one's own, called with the clips of a section to make their features. A run with one
/// needs `--allow-commands`, or `humshift trust` once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Command {
    /// The program and its arguments. It runs in a folder with `files` and gets the name of a
    /// JSON file with its task as a last argument.
    #[schemars(example = serde_json::json!(["python3", "features.py"]))]
    pub run: Vec<String>,
    /// The files of the program. Their content is part of the keys of its results.
    #[schemars(extend("x-path" = "file"), example = serde_json::json!(["features.py"]))]
    pub files: Vec<PathBuf>,
    /// Settings that the program gets as JSON.
    #[schemars(with = "Map<String, Value>")]
    pub settings: BTreeMap<String, Value>,
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

/// Names that the folder of a call needs.
const RESERVED: [&str; 3] = ["clips.csv", "clips", "features"];

impl Default for Command {
    fn default() -> Self {
        Self {
            run: Vec::new(),
            files: Vec::new(),
            settings: BTreeMap::new(),
            environment: Vec::new(),
            minutes: 60.0,
            megabytes: None,
        }
    }
}

impl Command {
    /// What it shares with other programs.
    pub fn own(&self) -> Program<'_> {
        Program {
            run: &self.run,
            files: &self.files,
            environment: &self.environment,
            minutes: self.minutes,
            megabytes: self.megabytes,
        }
    }

    /// The settings that give other values for the same clips and files.
    pub fn keyed(&self) -> Value {
        command::keyed(json!(self), &self.own())
    }
}

impl Feature for Command {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        self.own().problems(&RESERVED)
    }

    fn program(&self) -> Option<Program<'_>> {
        Some(self.own())
    }

    /// It is called for all clips of a section, not for the samples of one.
    fn extractor(&self, _: u32) -> Result<Box<dyn Extractor>, FeatureError> {
        let message = "`command` calls a program for the clips of a section; `humshift run` does";
        Err(FeatureError::Settings(message.to_owned()))
    }

    fn dims(&self) -> usize {
        768
    }

    fn hop(&self) -> usize {
        3200
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_names_of_files_and_no_limits() {
        let of = |more: Value| {
            let mut settings = json!({"run": ["python3", "f.py"], "settings": {"bands": 8}});
            settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value::<Command>(settings).unwrap()
        };
        let plain = of(json!({"files": ["a/f.py"]}));
        assert_eq!(plain.keyed()["files"], json!(["f.py"]));
        let other = of(json!({"files": ["b/f.py"], "minutes": 5, "megabytes": 100}));
        assert_eq!(other.keyed(), plain.keyed());
        assert_ne!(of(json!({"files": ["b/g.py"]})).keyed(), plain.keyed());
        assert!(plain.problems().is_empty());
        let wrong = of(json!({"run": [], "files": ["a/clips", "a/f.py", "f.py"], "minutes": 0}));
        let fields: Vec<String> = wrong.problems().into_iter().map(|p| p.field).collect();
        assert_eq!(fields, ["run", "files", "files", "minutes"]);
    }
}
