//! `humshift report --submission`: the package of the challenge.
//!
//! ```text
//! DIR/teams/<team>/<system>/anomaly_score_<machine>_section_<section>_test.csv      file name, score
//!                           decision_result_<machine>_section_<section>_test.csv    file name, 0 or 1: with a `threshold`
//!                           <system>.meta.yaml                                      a form to complete
//! DIR/teams_result/<system>_result.csv               the table of the evaluators, where the truth is known, and over
//!                                                    how many sections its means are
//! DIR/.humshift-submission                           which experiment wrote what
//! ```
//!
//! Each point of a sweep is a system named by its settings. Several experiments may make a system: a
//! report leaves alone what it does not make. `humshift evaluate DIR` reads the scores, as the
//! evaluators do.

mod meta;
mod record;
mod section;
mod settings;
mod system;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;

use super::cached::Cached;
use super::check::warn;
use super::outputs::Folder;
use super::subject::Subject;
use super::{CliError, output};
use crate::evaluate::listed;
use crate::report::Results;
use crate::store::Store;
use record::Record;
use system::{Notes, System, sheets};

/// Where a submission goes, and its labels.
#[derive(Args)]
pub struct SubmissionArgs {
    /// Write the package of the challenge to a folder as well: scores and decisions in
    /// teams/TEAM/SYSTEM, as `evaluate` reads them, with a meta file to complete, and tables of
    /// results where the truth is known
    #[arg(long, value_name = "DIR")]
    pub submission: Option<PathBuf>,
    /// The team's label, such as Author_Institute_task2. Default: the name of the experiment
    #[arg(long, value_name = "LABEL", requires = "submission", value_parser = label)]
    team: Option<String>,
    /// The system's label. Default: that of the team with `_1`. In a sweep the settings of each
    /// point follow it; `--where` chooses points
    #[arg(long, value_name = "LABEL", requires = "submission", value_parser = label)]
    system: Option<String>,
}

/// A label that may name a folder.
fn label(text: &str) -> Result<String, String> {
    let is_safe = |c: char| c.is_alphanumeric() || "-.+_".contains(c);
    match text.starts_with(|c: char| c.is_alphanumeric()) && text.chars().all(is_safe) {
        true => Ok(text.to_owned()),
        false => Err("a label has letters, digits, `_`, `-`, `.` and `+`, and begins with a letter or a digit".into()),
    }
}

/// Writes the package of every point.
pub fn write(
    subject: &Subject,
    store: &Store,
    results: &Results,
    folder: &Path,
    args: &SubmissionArgs,
) -> Result<(), CliError> {
    let cache = Cached { subject, store, without: "no submission" };
    let head = &subject.head;
    let own = name(std::iter::once(&head.name));
    let team = args.team.clone().unwrap_or(own.trim_start_matches('.').to_owned());
    let system = args.system.clone().unwrap_or(format!("{team}_1"));
    let points: Vec<usize> = results.points.iter().map(|point| point.number).collect();
    let systems = match points.as_slice() {
        [_] => vec![system],
        points => {
            let settings = points.iter().map(|p| name(head.settings(&head.points[*p]).values()));
            distinct(settings.map(|settings| format!("{system}_{settings}")))?
        }
    };
    let settings = subject.run().body.settings;
    let mut package = Package {
        cache,
        new: Folder::begin(folder)?,
        old: folder.to_owned(),
        record: Record::read(folder),
        notes: Notes::default(),
    };
    for ((point, label), shown) in points.into_iter().zip(&systems).zip(&results.points) {
        let settings = settings.get(point).unwrap_or(&serde_json::Value::Null);
        System { point, label, place: format!("teams/{team}/{label}"), settings }
            .write(&mut package, shown)?;
    }
    package.finish()
}

/// A package that is being written.
struct Package<'a> {
    cache: Cached<'a>,
    new: Folder,
    /// The folder that it will have. It may hold files of earlier reports.
    old: PathBuf,
    record: Record,
    notes: Notes,
}

impl Package<'_> {
    /// Puts everything in its place, and says what was done.
    fn finish(self) -> Result<(), CliError> {
        let Self { new, old, record, notes, .. } = self;
        record.write(&new)?;
        new.finish(&notes.removed)?;
        let tables = match (notes.tables, notes.reasons.is_empty()) {
            (0, true) => {
                "no table of results, because the truth about the clips is not known".to_owned()
            }
            (0, false) => "no table of results".to_owned(),
            (1, _) => "1 table of results".to_owned(),
            (n, _) => format!("{n} tables of results"),
        };
        output::tell(&format!(
            "submission: {} files of scores and decisions in {}, {tables}; complete `{}` in *.meta.yaml",
            notes.written,
            old.display(),
            meta::MARK
        ));
        let all = |names: BTreeSet<String>| listed(&names.into_iter().collect::<Vec<_>>());
        if !notes.removed.is_empty() {
            output::tell(&format!("removed from earlier reports: {}", notes.removed.join(", ")));
        }
        notes.forms.iter().for_each(|line| output::tell(line));
        notes.reasons.iter().for_each(|why| warn(&format!("not in a table of results: {why}")));
        let is_told = notes.tables == 0 && notes.reasons.is_empty();
        if !is_told && !notes.unknown.is_empty() {
            let sections = all(notes.unknown);
            let why = "the truth about their clips is not known";
            output::tell(&format!("not in the tables of results, because {why}: {sections}"));
        }
        for (remedy, sections) in notes.undecided {
            let sections = all(sections);
            warn(&format!(
                "the official evaluators skip a system without decision_result files, which are missing for \
                 {sections}{remedy}"
            ));
        }
        if sheets(&old).iter().any(|name| name.starts_with("anomaly_score_")) {
            warn(&format!(
                "`{0}` has files of scores besides the package, and `evaluate {0}` reads those alone; \
                 `evaluate {0}/teams` reads the package",
                old.display()
            ));
        }
        Ok(())
    }
}

/// One label per point. Labels that differ only in case would be one folder on some systems.
fn distinct(names: impl Iterator<Item = String>) -> Result<Vec<String>, CliError> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let label = |(point, name): (usize, String)| match seen.insert(name.to_lowercase(), point) {
        None => Ok(name),
        Some(other) => {
            let message = format!(
                "no submission: points {other} and {point} of the sweep would both be in `{name}`"
            );
            Err(CliError::usage("E0708", message))
        }
    };
    names.enumerate().map(label).collect()
}

/// Settings as a folder name: `knn k=3` and `0` become `knn_k_3-0`.
fn name<'a>(settings: impl Iterator<Item = &'a String>) -> String {
    let safe =
        |text: &String| text.replace(|c: char| !c.is_alphanumeric() && !"-.+".contains(c), "_");
    settings.map(safe).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_names_of_folders() {
        assert!(["A_B_task2_1", "x", "ü-1.5+"].iter().all(|text| label(text).is_ok()));
        assert!(["", "..", ".x", "a/b", "a b", "a\\b"].iter().all(|text| label(text).is_err()));
    }

    #[test]
    fn points_have_folders_of_their_own() {
        let of = |settings: &[&str]| {
            distinct(settings.iter().map(|s| name(std::iter::once(&(*s).to_owned()))))
        };
        assert_eq!(of(&["knn k=3", "0"]).ok(), Some(vec!["knn_k_3".into(), "0".into()]));
        for same in [["knn k=3", "knn k 3"], ["A", "a"]] {
            let Err(CliError::Diagnostics(told)) = of(&same) else { panic!("{same:?}") };
            assert!(told[0].message.contains("points 0 and 1 of the sweep"), "{told:?}");
        }
    }
}
