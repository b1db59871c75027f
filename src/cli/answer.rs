//! Answered questions: a spec whose text, data and program are unchanged since a complete run.
//!
//! After a complete run, `run` remembers its inputs. If all of them are unchanged, the tables are
//! read from the document of the run. Nothing is parsed or planned; only the results are read, and
//! their bytes are checked. If anything differs or is missing, the run goes the long way and
//! decides by keys as always. So a wrong memory only costs time.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::session::{Digests, Session, look};
use super::{Cache, SpecArgs, peers, report};
use crate::desk::Desk;
use crate::digest::Digest;
use crate::feature::vectors::Vectors;
use crate::reading;
use crate::report::Results;
use crate::run::{Head, Run};
use crate::source::{self, SourceSpec};
use crate::spec;
use crate::store::RunFile;

/// The inputs of a run.
#[derive(Serialize, Deserialize)]
pub struct Answer {
    experiment: String,
    run: Digest,
    /// The digest of the run's head, because programs with other code may write the same document.
    head: Digest,
    /// The spec and the files it extends, and weights.
    files: Vec<(PathBuf, Digest)>,
    /// Each source, and the digest of everything seen of it.
    sources: Vec<(SourceSpec, Digest)>,
    /// Files of vectors for the clips of a source, and the digest of everything seen of them.
    #[serde(default)]
    vectors: Vec<(Vectors, SourceSpec, Digest)>,
}

/// The identity of a question: arguments, working directory and program.
fn question(args: &SpecArgs) -> Option<Digest> {
    let program = std::env::current_exe().ok()?;
    let stamp = reading::stamp(&program)?;
    let here = std::env::current_dir().ok()?;
    let text = serde_json::to_vec(&(
        env!("CARGO_PKG_VERSION"),
        program,
        stamp,
        here,
        &args.spec,
        &args.sets,
    ));
    Some(Digest::of(&text.ok()?))
}

/// The answer to a question that was asked before.
pub fn known(args: &SpecArgs, Cache { store, desk }: &Cache) -> Option<(RunFile, Head, Results)> {
    let answer: Answer = serde_json::from_slice(&desk.answer(&question(args)?)?).ok()?;
    let same = |(path, digest): &(PathBuf, Digest)| digest_of(path).as_ref() == Some(digest);
    if answer.files.is_empty() || !answer.files.iter().all(same) {
        return None;
    }
    let unchanged = |(source, digest): &(SourceSpec, Digest)| match source {
        SourceSpec::Scores(scores) => {
            peers::look(scores).is_ok_and(|seen| seen.digest() == *digest)
        }
        _ => look(source, Digests::Remembered(desk)).is_ok_and(|seen| seen.digest() == *digest),
    };
    if !answer.sources.iter().all(unchanged) {
        return None;
    }
    let same_files = |(vectors, source, digest): &(Vectors, SourceSpec, Digest)| {
        let listing = source::untrusted::list(source.member()).ok()?;
        let seen =
            super::vectors::look(vectors, source, &listing, Digests::Remembered(desk)).ok()?;
        (seen.digest() == *digest).then_some(())
    };
    if !answer.vectors.iter().all(|files| same_files(files).is_some()) {
        return None;
    }
    let runs = store.runs(Some(&answer.experiment));
    let run = runs.iter().find(|run| run.digest == answer.run)?;
    let head = Run::read_head(store.open_run(run).ok()?).ok()?;
    if !head.complete || head.digest() != answer.head {
        return None;
    }
    let results = report::from_document(&head, store)?;
    Some((run.clone(), head, results))
}

/// A question as it is now: its identity, and the files of the spec.
#[derive(PartialEq)]
pub struct Asked(Digest, Vec<(PathBuf, Digest)>);

impl Asked {
    /// The question of a spec and the files it extends; `None` for a pipe, which cannot be read
    /// again.
    pub fn of(args: &SpecArgs) -> Option<Self> {
        let files = spec::files(&args.spec).into_iter();
        let files = files
            .map(|path| digest_of(&path).map(|digest| (path, digest)))
            .collect::<Option<Vec<_>>>()?;
        Some(Self(question(args)?, files))
    }

    /// Remembers the inputs of a complete run that began with these files. A failure only costs
    /// time.
    pub fn remember(self, session: &Session, run: Digest, head: &Head, desk: &Desk) {
        let experiment = session.experiment.name.clone();
        let files = self.1.into_iter().chain(session.given.files().iter().cloned()).collect();
        let vectors = session.vectors.iter();
        let vectors =
            vectors.map(|(vectors, source, seen)| (vectors.clone(), source.clone(), seen.digest()));
        let answer = Answer {
            experiment,
            run,
            head: head.digest(),
            files,
            sources: session.looked.iter().cloned().chain(session.given.peers.looked()).collect(),
            vectors: vectors.collect(),
        };
        let text = serde_json::to_vec(&answer).expect("answers are JSON");
        let _ = desk.keep_answer(&self.0, &text);
    }
}

fn digest_of(path: &Path) -> Option<Digest> {
    reading::read(path, reading::WEIGHTS).ok().map(|bytes| Digest::of(&bytes))
}
