//! The subject of a command: a spec, or a run recorded in the cache.
//!
//! For a spec, its file and data set are read, and everything is planned. For a run, only its
//! document is read. The spec and the data need not exist any more.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;

use super::session::Session;
use super::view::mistake;
use super::{Cache, CliError, SpecArgs};
use crate::diagnose::{Diagnostic, suggest};
use crate::digest::Digest;
use crate::exec::{Standing, recorded, survey};
use crate::plan::{NodeId, Plan};
use crate::reading;
use crate::run::{Body, Frozen, Head, Run, RunError};
use crate::store::{Found, RunFile, Store};

/// The most runs named in a hint.
const NAMED: usize = 5;

/// A spec with changes to it, or a run.
#[derive(Args)]
pub struct SubjectArgs {
    /// The YAML file of the experiment; or a run: NAME, NAME@DIGEST, or its document
    #[arg(value_name = "SPEC|RUN")]
    pub spec: PathBuf,
    /// Change a setting: `detector.knn.k=3`; a list sweeps: `seed=[0,1,2]`
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub sets: Vec<String>,
}

/// The spec or run that a command shows.
pub struct Subject {
    pub head: Head,
    pub plan: Plan,
    pub standings: Vec<Standing>,
    /// The command that runs it, for hints.
    pub command: String,
    session: Option<Session>,
    /// All settings of each point, for a run.
    settings: Vec<serde_json::Value>,
    /// A record of a run that is damaged or cannot be read.
    trouble: Option<String>,
    spec: PathBuf,
}

impl Subject {
    /// Opens the spec or run that an argument names.
    ///
    /// Errors: the argument names neither; the spec or its data set is wrong; the document cannot
    /// be read.
    pub fn open(
        spec: &Path,
        sets: &[String],
        Cache { store, desk }: &Cache,
    ) -> Result<Self, CliError> {
        match document(spec, store)? {
            Some(document) if sets.is_empty() => Self::of_run(spec, document, store),
            Some(_) => {
                let message = format!("`{}` is a run, and `--set` changes specs", spec.display());
                Err(vec![Diagnostic::new("E0721", message).hint("name the spec instead")].into())
            }
            None => {
                let args = SpecArgs { spec: spec.to_owned(), sets: sets.to_owned() };
                Ok(Self::of(Session::open(&args, Some(desk))?, spec, store))
            }
        }
    }

    /// The subject of an opened spec.
    pub fn of(session: Session, spec: &Path, store: &Store) -> Self {
        let plan = session.plan.clone();
        Self {
            head: session.head(),
            standings: survey(&plan, store),
            plan,
            command: format!("humshift run {}", spec.display()),
            session: Some(session),
            settings: Vec::new(),
            trouble: None,
            spec: spec.to_owned(),
        }
    }

    /// The spec with its data set and plan, if the subject is a spec.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    fn of_run(
        name: &Path,
        Document { path, file }: Document,
        store: &Store,
    ) -> Result<Self, CliError> {
        let wrong = |error: RunError| {
            CliError::usage("E0721", format!("the run in `{}`: {error}", path.display()))
        };
        let run = Run::read(file).map_err(wrong)?;
        let plan = run.plan().map_err(wrong)?;
        let keys = run.body.nodes.iter().filter_map(|f| Some((f.node.label.as_str(), f.key?)));
        Ok(Self {
            trouble: trouble(keys, store),
            standings: recorded(&run, store),
            plan,
            command: format!("humshift run the spec of `{}`", run.head.name),
            head: run.head,
            session: None,
            settings: run.body.settings,
            spec: name.to_owned(),
        })
    }

    /// The run that it is, or would be: the planned work without results.
    pub fn run(&self) -> Run {
        match &self.session {
            Some(session) => Run::of(self.head.clone(), &session.experiment, &self.plan),
            None => Run {
                body: Body {
                    nodes: self
                        .plan
                        .nodes()
                        .map(|id| Frozen { node: self.plan.node(id).clone(), key: None })
                        .collect(),
                    settings: self.settings.clone(),
                },
                head: self.head.clone(),
            },
        }
    }

    /// The error if it has no results: it has not been run, or the cache cannot say so.
    pub fn unanswered(&self, store: &Store) -> CliError {
        let label = |id: NodeId| self.plan.node(id).label.as_str();
        let keys = self.plan.nodes().filter_map(|id| match &self.standings[id.index()] {
            Standing::WillRun(keyed) => Some((label(id), keyed.key)),
            _ => None,
        });
        let trouble = self.trouble.clone().or_else(|| trouble(keys, store));
        let nothing = || "nothing of this experiment has been run with this cache".to_owned();
        mistake("E0704", trouble.unwrap_or_else(nothing), &self.command)
    }

    /// Whether it is a run and not a spec.
    pub fn is_run(&self) -> bool {
        self.session.is_none()
    }

    /// The files that it was read from. Results must not replace them.
    pub fn files(&self) -> Vec<PathBuf> {
        self.session.as_ref().map_or_else(Vec::new, |session| session.files(&self.spec))
    }
}

/// The first of these records that is there and of no use.
fn trouble<'a>(mut keys: impl Iterator<Item = (&'a str, Digest)>, store: &Store) -> Option<String> {
    keys.find_map(|(label, key)| match store.lookup(&key) {
        Found::Damaged(why) => Some(format!("the record of `{label}` is damaged: {why}")),
        Found::Unreadable(why) => Some(format!("the record of `{label}` cannot be read: {why}")),
        _ => None,
    })
}

/// The document of a run, and its path.
pub struct Document {
    pub path: PathBuf,
    pub file: File,
}

impl Document {
    /// The document in a file, if the file begins like one.
    pub fn begins(path: &Path) -> Option<Self> {
        let open = || reading::open(path);
        // A document with damage further on counts as a run, too. The damage is reported when it is
        // read.
        let is_run =
            !matches!(Run::read_head(open().ok()?), Err(RunError::Another | RunError::Io(_)));
        open().ok().filter(|_| is_run).map(|file| Self { path: path.to_owned(), file })
    }

    /// The document of a run in the cache.
    pub fn of(run: &RunFile, store: &Store) -> Result<Self, CliError> {
        let wrong = |error| {
            CliError::usage("E0721", format!("the run in `{}`: {error}", run.path.display()))
        };
        Ok(Self { path: run.path.clone(), file: store.open_run(run).map_err(wrong)? })
    }
}

/// The document of the run that an argument names: a file that begins like a document, or NAME or
/// NAME@DIGEST.
pub fn document(argument: &Path, store: &Store) -> Result<Option<Document>, CliError> {
    if argument.is_file() {
        return Ok(Document::begins(argument));
    }
    let text = argument.to_string_lossy();
    let (name, digest) = name_and_digest(&text);
    let runs = store.runs(Some(name));
    let mut found = runs.iter().filter(|run| run.digest.hex().starts_with(digest));
    match (found.next(), found.next()) {
        (Some(_), Some(_)) if !digest.is_empty() => Err(several(name, digest, &runs)),
        (Some(run), _) => Document::of(run, store).map(Some),
        (None, _) if runs.is_empty() && may_be_file(argument) => Ok(None),
        (None, _) if runs.is_empty() => Err(mistake(
            "E0721",
            format!("no spec and no run is called `{text}`"),
            near(name, store),
        )),
        (None, _) => Err(several(name, digest, &runs)),
    }
}

/// Whether an argument that names no run is meant as a file.
fn may_be_file(argument: &Path) -> bool {
    let endings = ["yaml", "yml", "json"];
    let is_named =
        |end: &std::ffi::OsStr| endings.iter().any(|known| end.eq_ignore_ascii_case(known));
    argument.extension().is_some_and(is_named)
        || argument.components().count() != 1
        || argument.symlink_metadata().is_ok()
}

/// The experiment that a name may mean, or all that have runs.
pub fn near(name: &str, store: &Store) -> String {
    let names: BTreeSet<String> = store.runs(None).into_iter().map(|run| run.experiment).collect();
    match names.is_empty() {
        true => "nothing has been run with this cache; `humshift run SPEC` runs a spec".to_owned(),
        false => suggest(name, names.iter().map(String::as_str)),
    }
}

/// The parts of `NAME@DIGEST`. Without a digest, the whole text is the name. Names of experiments
/// contain no `@`.
pub fn name_and_digest(text: &str) -> (&str, &str) {
    match text.rsplit_once('@') {
        Some((name, digest)) if !digest.is_empty() => (name, digest),
        _ => (text, ""),
    }
}

/// The error if no run has this digest, or several have it.
fn several(name: &str, digest: &str, runs: &[RunFile]) -> CliError {
    let named: Vec<String> =
        runs.iter().take(NAMED).map(|run| format!("{name}@{}", &run.digest.hex()[..12])).collect();
    let message = format!("no run, or more than one, is `{name}@{digest}`");
    vec![Diagnostic::new("E0721", message).hint(format!("the newest are {}", named.join(", ")))]
        .into()
}
