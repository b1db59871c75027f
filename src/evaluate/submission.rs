//! The score and decision files of one system, as submitted by a team.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::artifact::SectionId;
use crate::diagnose::Diagnostic;
use crate::reading::{Entry, entries};

use super::sheet::{self, Kind, Sheet, SheetName};
use super::{Protocol, listed};

/// The depth below the given folder at which systems are found: `teams/<team>/<system>`.
const DEPTH: usize = 3;

/// The files of one system.
#[derive(Debug)]
pub struct Submission {
    /// The folder, and the text before `anomaly_score_` in its files.
    pub name: String,
    pub system: String,
    /// By section. More than one if each domain has its own file.
    pub scores: BTreeMap<SectionId, Vec<Sheet>>,
    pub decisions: BTreeMap<SectionId, Vec<Sheet>>,
    /// Warnings about files that belong to no system with scores.
    pub warnings: Vec<String>,
}

/// A system whose files were found and not yet read.
pub struct Found {
    /// Those of [`Submission`].
    pub name: String,
    pub system: String,
    files: Files,
    warnings: Vec<String>,
}

/// Reads all systems in `folder` or, if it has no score files itself, in the folders below it.
///
/// # Errors All problems of all files.
pub fn read(folder: &Path, protocol: Protocol) -> Result<Vec<Submission>, Vec<Diagnostic>> {
    let (mut problems, mut read) = (Vec::new(), Vec::new());
    for found in find_all(folder, protocol)? {
        match found.read(protocol) {
            Ok(submission) => read.push(submission),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

/// All systems in `folder` or, if it has no score files itself, in the folders below it.
///
/// # Errors A folder cannot be read, or there are no files of scores.
pub fn find_all(folder: &Path, protocol: Protocol) -> Result<Vec<Found>, Vec<Diagnostic>> {
    let mut folders = Vec::new();
    find(folder, DEPTH, &mut BTreeSet::new(), &mut folders).map_err(|e| vec![e])?;
    if folders.is_empty() {
        let message = format!("`{}` has no score files", folder.display());
        let hint = format!("they are named like `{}`", example(protocol));
        return Err(vec![Diagnostic::new("E0801", message).hint(hint)]);
    }
    let mut found = Vec::new();
    for (at, files) in folders {
        let mut systems: BTreeMap<&str, Vec<&(PathBuf, SheetName)>> = BTreeMap::new();
        for file in &files {
            systems.entry(&file.1.system).or_default().push(file);
        }
        let below = at.strip_prefix(folder).ok().filter(|p| !p.as_os_str().is_empty());
        let shown = below
            .map(Path::to_owned)
            .or_else(|| Some(folder.canonicalize().ok()?.file_name()?.into()));
        let shown = shown.unwrap_or_default().to_string_lossy().replace('\\', "/");
        let scored = |files: &[&(PathBuf, SheetName)]| {
            files.iter().any(|(_, name)| name.kind == Kind::Score)
        };
        let mut alone: Vec<String> = systems
            .values()
            .filter(|files| !scored(files))
            .map(|files| without_scores(files))
            .collect();
        systems.retain(|_, files| scored(files));
        for (system, files) in systems {
            let name = if system.is_empty() { shown.clone() } else { format!("{shown}/{system}") };
            let (system, files) = (system.to_owned(), files.into_iter().cloned().collect());
            // Reported once, with the first system of the folder.
            found.push(Found { name, system, files, warnings: std::mem::take(&mut alone) });
        }
    }
    Ok(found)
}

impl Found {
    /// Reads its files.
    ///
    /// # Errors All problems of the files, which may be of another year.
    pub fn read(self, protocol: Protocol) -> Result<Submission, Vec<Diagnostic>> {
        let other = self.files.iter().find(|(_, name)| name.by_id == protocol.has_domains());
        if let Some((path, _)) = other {
            return Err(vec![other_year(path, protocol)]);
        }
        let mut problems = Vec::new();
        let mut made = submission(self.name, &self.system, &self.files, &mut problems);
        made.warnings = self.warnings;
        if problems.is_empty() { Ok(made) } else { Err(problems) }
    }
}

/// The warning about decisions without a system, for example because their file begins differently
/// from the score files.
fn without_scores(files: &[&(PathBuf, SheetName)]) -> String {
    let names: Vec<String> =
        files.iter().map(|(path, _)| format!("`{}`", path.display())).collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    format!("{} {are} left out: there are no score files with the same prefix", listed(&names))
}

/// An example of a file name of the year.
fn example(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Dcase2020 => "anomaly_score_fan_id_01.csv",
        Protocol::Dcase2021 => "anomaly_score_fan_section_03_source_test.csv",
        Protocol::Dcase2022 => "anomaly_score_fan_section_03_test.csv",
        _ => "anomaly_score_fan_section_00_test.csv",
    }
}

/// 2020 has ids, later years have sections.
fn other_year(path: &Path, protocol: Protocol) -> Diagnostic {
    let (path, year) = (path.display(), protocol.name());
    let message =
        format!("`{path}` is not a file of {year}, where names look like `{}`", example(protocol));
    let hint =
        if protocol.has_domains() { "--protocol dcase2020?" } else { "--protocol dcase2022?" };
    Diagnostic::new("E0802", message).hint(hint)
}

type Files = Vec<(PathBuf, SheetName)>;

/// Folders with score files, in order of their names. Each appears once, however many links lead to
/// it.
fn find(
    folder: &Path,
    depth: usize,
    seen: &mut BTreeSet<PathBuf>,
    found: &mut Vec<(PathBuf, Files)>,
) -> Result<(), Diagnostic> {
    let wrong = |e: std::io::Error| {
        Diagnostic::new("E0801", format!("`{}` cannot be read: {e}", folder.display()))
    };
    if !seen.insert(folder.canonicalize().map_err(wrong)?) {
        return Ok(());
    }
    let (folders, files): (Vec<Entry>, Vec<Entry>) =
        entries(folder).map_err(wrong)?.into_iter().partition(Entry::is_folder);
    // An entry that is not a file despite its name is reported on reading.
    let files: Files =
        files.into_iter().filter_map(|e| Some((e.path, sheet::parse_name(&e.name)?))).collect();
    if files.iter().any(|(_, name)| name.kind == Kind::Score) {
        found.push((folder.to_owned(), files));
    } else if depth > 0 {
        for folder in folders {
            find(&folder.path, depth - 1, seen, found)?;
        }
    }
    Ok(())
}

fn submission(
    name: String,
    system: &str,
    files: &[(PathBuf, SheetName)],
    problems: &mut Vec<Diagnostic>,
) -> Submission {
    let (scores, decisions) = (BTreeMap::new(), BTreeMap::new());
    let mut made =
        Submission { name, system: system.to_owned(), scores, decisions, warnings: Vec::new() };
    for (path, name) in files {
        let sheets = if name.kind == Kind::Score { &mut made.scores } else { &mut made.decisions };
        let sheets = sheets.entry(name.id.clone()).or_default();
        if let Some(other) = sheets.iter().find(|s| s.domain == name.domain || s.domain.is_none()) {
            let (a, b) = (other.path.display(), path.display());
            let message = format!("`{a}` and `{b}` both belong to {}", name.id);
            problems.push(
                Diagnostic::new("E0802", message)
                    .hint("move the files of one system to a separate folder"),
            );
            continue;
        }
        sheets.extend(sheet::read(path, name, problems));
    }
    made
}
