//! What commands show: a spec, or a run that was frozen into the cache.
//!
//! A spec is read, its data set looked at, and everything planned. A run is read alone: neither its spec nor its data
//! need be there any more.

use std::path::{Path, PathBuf};

use clap::Args;

use super::session::Session;
use super::{CliError, SpecArgs};
use crate::diagnose::Diagnostic;
use crate::exec::{Standing, recorded, survey};
use crate::plan::Plan;
use crate::run::{Head, Run};
use crate::store::{RunFile, Store};

/// Of a hint this many runs are named.
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

/// What a command shows.
pub struct Subject {
    pub head: Head,
    pub plan: Plan,
    pub standings: Vec<Standing>,
    /// The command that makes it, for hints.
    pub command: String,
    session: Option<Session>,
    spec: PathBuf,
}

impl Subject {
    /// Reads what an argument names.
    ///
    /// Errors: it names nothing; the spec or its data set is wrong; the document is none.
    pub fn open(spec: &Path, sets: &[String], store: &Store) -> Result<Self, CliError> {
        match document(spec, store)? {
            Some(path) if sets.is_empty() => Self::of_run(spec, &path, store),
            Some(_) => {
                let message = format!("`{}` is a run, and `--set` changes specs", spec.display());
                Err(vec![Diagnostic::new("E0721", message).hint("name the spec instead")].into())
            }
            None => Self::of_spec(spec, sets, store),
        }
    }

    fn of_spec(spec: &Path, sets: &[String], store: &Store) -> Result<Self, CliError> {
        let args = SpecArgs { spec: spec.to_owned(), sets: sets.to_owned() };
        Ok(Self::of(Session::open(&args, Some(store))?, spec, store))
    }

    /// A spec that was opened.
    pub fn of(session: Session, spec: &Path, store: &Store) -> Self {
        let plan = session.plan.clone();
        Self {
            head: session.head(),
            standings: survey(&plan, store),
            plan,
            command: format!("humshift run {}", spec.display()),
            session: Some(session),
            spec: spec.to_owned(),
        }
    }

    /// What was opened, if it is a spec.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    fn of_run(name: &Path, path: &Path, store: &Store) -> Result<Self, CliError> {
        let wrong = |why: String| CliError::usage("E0721", format!("the run in `{}`: {why}", path.display()));
        let file = store.open_run(path).map_err(|error| wrong(error.to_string()))?;
        let run = Run::read(file).map_err(|error| wrong(error.to_string()))?;
        let plan = run.plan().map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            standings: recorded(&run, store),
            plan,
            command: format!("humshift run the spec of `{}`", run.head.name),
            head: run.head,
            session: None,
            spec: name.to_owned(),
        })
    }

    /// Whether it is a run, not a spec.
    pub fn is_run(&self) -> bool {
        self.session.is_none()
    }

    /// The files that it was read from: nothing may be written in their place.
    pub fn files(&self) -> Vec<PathBuf> {
        self.session.as_ref().map_or_else(Vec::new, |session| session.files(&self.spec))
    }
}

/// The document that an argument names, if it names a run.
pub fn document(argument: &Path, store: &Store) -> Result<Option<PathBuf>, CliError> {
    if argument.is_file() {
        return Ok(Some(argument.to_owned()).filter(|path| is_document(path, store)));
    }
    let text = argument.to_string_lossy();
    let (name, digest) = name_and_digest(&text);
    let runs = store.runs(Some(name));
    let mut found = runs.iter().filter(|run| run.digest.hex().starts_with(digest));
    match (found.next(), found.next()) {
        (Some(_), Some(_)) if !digest.is_empty() => Err(several(name, digest, &runs)),
        (Some(run), _) => Ok(Some(run.path.clone())),
        (None, _) if runs.is_empty() => Ok(None),
        (None, _) => Err(several(name, digest, &runs)),
    }
}

/// Whether a file is the document of a run.
pub fn is_document(path: &Path, store: &Store) -> bool {
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    is_json && store.open_run(path).is_ok_and(|file| Run::read_head(file).is_ok())
}

/// The parts of `NAME@DIGEST`; without a digest all of it is the name.
pub fn name_and_digest(text: &str) -> (&str, &str) {
    match text.rsplit_once('@') {
        Some((name, digest)) if !digest.is_empty() => (name, digest),
        _ => (text, ""),
    }
}

/// No run has this digest, or more than one.
fn several(name: &str, digest: &str, runs: &[RunFile]) -> CliError {
    let named: Vec<String> = runs.iter().take(NAMED).map(|run| format!("{name}@{}", &run.digest.hex()[..12])).collect();
    let message = format!("no run, or more than one, is `{name}@{digest}`");
    vec![Diagnostic::new("E0721", message).hint(format!("the newest are {}", named.join(", ")))].into()
}
