//! What earlier reports left in a package: which experiment wrote a file, and which text of a form
//! is ours.
//!
//! It is a file at the top of the package, where no evaluator looks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::CliError;
use super::super::outputs::{self, Folder};
use crate::digest::Digest;

/// The name of the file.
const RECORD: &str = ".humshift-submission";

/// The record of a package. Without its file nothing is known, and everything stays.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Files of scores, decisions and tables by their path in the package.
    files: BTreeMap<String, Origin>,
    /// The digest of the last text that was made for each form.
    forms: BTreeMap<String, Digest>,
    #[serde(skip)]
    package: PathBuf,
}

/// How a file came into a package.
#[derive(Serialize, Deserialize)]
struct Origin {
    experiment: String,
    /// Its clips are of an evaluation set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    evaluation: bool,
}

/// Where the text of a form goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// To its own place: nobody changed the file there.
    Own,
    /// To this path beside a file that a person changed.
    Beside(String),
    /// Nowhere: a person has the same text already, and changed it.
    Known,
    /// Nowhere: a person changed the file beside it, too.
    Taken(String),
}

impl Record {
    pub fn read(package: &Path) -> Self {
        let bytes = fs::read(package.join(RECORD)).unwrap_or_default();
        let mut record: Self = serde_json::from_slice(&bytes).unwrap_or_default();
        record.package = package.to_owned();
        record.files.retain(|path, _| package.join(path).is_file());
        record
    }

    /// Writes it into the new package.
    pub fn write(&self, folder: &Folder) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(self).expect("records are JSON");
        outputs::write(&folder.place(RECORD)?, format!("{text}\n").as_bytes())
    }

    /// Notes who wrote a file.
    pub fn wrote(&mut self, path: String, experiment: &str, evaluation: bool) {
        self.files.insert(path, Origin { experiment: experiment.to_owned(), evaluation });
    }

    /// Forgets a file.
    pub fn removed(&mut self, path: &str) {
        self.files.remove(path);
    }

    /// Whether a report wrote a file, or one of this experiment.
    pub fn knows(&self, path: &str, experiment: Option<&str>) -> bool {
        let origin = self.files.get(path);
        origin.is_some_and(|origin| experiment.is_none_or(|name| origin.experiment == name))
    }

    /// Whether the clips of a file are known to be of an evaluation set.
    pub fn is_evaluation(&self, path: &str) -> bool {
        self.files.get(path).is_some_and(|origin| origin.evaluation)
    }

    /// Where the new text of a form goes, so that no word of a person is lost, and that none is told
    /// of a text that is not new.
    pub fn form(&mut self, path: &str, text: &str) -> Place {
        let made = Digest::of(text.as_bytes());
        let before = self.forms.get(path).copied();
        let is_ours = |path: &str| {
            let file = self.package.join(path);
            let ours = |bytes: Vec<u8>| [Some(made), before].contains(&Some(Digest::of(&bytes)));
            fs::read(&file).map_or(fs::symlink_metadata(&file).is_err(), ours)
        };
        let beside = format!("{path}.new");
        let place = match is_ours(path) {
            true => Place::Own,
            false if before == Some(made) => Place::Known,
            false if is_ours(&beside) => Place::Beside(beside),
            false => return Place::Taken(beside),
        };
        self.forms.insert(path.to_owned(), made);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_person_stay() {
        let home = tempfile::tempdir().unwrap();
        let (path, beside) = ("a.meta.yaml", "a.meta.yaml.new");
        let write = |path: &str, text: &str| fs::write(home.path().join(path), text).unwrap();
        let mut record = Record::read(home.path());
        let mut form = |text: &str| {
            let place = record.form(path, text);
            match &place {
                Place::Own => write(path, text),
                Place::Beside(beside) => write(beside, text),
                Place::Known | Place::Taken(_) => {}
            }
            place
        };
        assert_eq!(["one", "one", "two"].map(&mut form), [const { Place::Own }; 3]);
        write(path, "mine");
        assert_eq!(form("two"), Place::Known);
        for text in ["three", "four"] {
            assert_eq!(form(text), Place::Beside(beside.to_owned()));
            assert_eq!(form(text), Place::Known);
        }
        write(beside, "mine, too");
        for _ in 0..2 {
            assert_eq!(form("five"), Place::Taken(beside.to_owned()));
        }
        fs::remove_file(home.path().join(beside)).unwrap();
        assert_eq!(form("five"), Place::Beside(beside.to_owned()));
        // What was offered is taken.
        fs::rename(home.path().join(beside), home.path().join(path)).unwrap();
        assert_eq!(form("six"), Place::Own);
        // Without the record, every other text may be a person's.
        assert_eq!(Record::read(home.path()).form(path, "six"), Place::Own);
        assert_eq!(Record::read(home.path()).form(path, "7"), Place::Beside(beside.to_owned()));
    }

    #[test]
    fn files_are_known_by_their_experiment_as_long_as_they_are_there() {
        let home = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::write(home.path().join(name), "").unwrap();
        }
        let mut record = Record::read(home.path());
        record.wrote("a".into(), "one", true);
        record.wrote("b".into(), "two", false);
        record.wrote("gone".into(), "two", false);
        fs::write(home.path().join(RECORD), serde_json::to_vec(&record).unwrap()).unwrap();
        let mut record = Record::read(home.path());
        let known = |record: &Record| ["a", "b", "gone"].map(|path| record.knows(path, None));
        assert_eq!(known(&record), [true, true, false]);
        assert!(record.knows("a", Some("one")) && !record.knows("a", Some("two")));
        assert_eq!(["a", "b"].map(|path| record.is_evaluation(path)), [true, false]);
        record.removed("a");
        assert_eq!(known(&record), [false, true, false]);
        fs::write(home.path().join(RECORD), "damaged").unwrap();
        assert_eq!(known(&Record::read(home.path())), [false; 3]);
    }
}
