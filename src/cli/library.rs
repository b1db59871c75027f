//! The program as a library: a spec becomes results in one call.

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::session::Session;
use super::work::quietly;
use super::{CacheDir, SpecArgs, report, view};
use crate::report::{By, Results, csv, json, value};
use crate::run::Run;

/// Why there are no results. It reads as the program would tell it: every mistake of the spec with
/// its place, or the stages that failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RunError(String);

/// The results of an experiment.
#[derive(Clone, Debug)]
pub struct Answer {
    results: Results,
}

/// Runs a spec as `humshift run --quiet` does: what `cache` has is not computed again.
///
/// Errors: a mistake in the spec or its data set, a stage that failed, a cache that cannot be used.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let spec = folder.path().join("spec.yaml");
/// std::fs::write(&spec, "
/// data: { synthetic: { machines: [fan], seconds: 1.0, clips: { source_train: 8, target_train: 2, normal: 6, anomaly: 6 } } }
/// features: { log_mel: { mels: 32 } }
/// pool: { mean: {} }
/// sweep: { detector: [ { knn: {} }, { pca: {} } ] }
/// ")?;
/// let answer = humshift::run(&spec, &folder.path().join("cache"))?;
/// println!("{}", answer.markdown());
/// assert_eq!(answer.results().points.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(spec: &Path, cache: &Path) -> Result<Answer, RunError> {
    run_with(spec, &[], cache)
}

/// The same with settings changed: `run_with(spec, &["seed=[0,1,2]"], cache)`.
///
/// Errors: as [`run`].
pub fn run_with(spec: &Path, sets: &[&str], cache: &Path) -> Result<Answer, RunError> {
    let told = |error: CliError| RunError(error.to_string());
    let cache = CacheDir { cache: PathBuf::from(cache) }.open().map_err(told)?;
    let sets = sets.iter().map(|set| (*set).to_owned()).collect();
    let session = Session::open(&SpecArgs { spec: spec.to_owned(), sets }, Some(&cache.desk))
        .map_err(told)?;
    let outcome = quietly(&session, &cache).map_err(told)?;
    let head = Run::of(session.head(), &session.experiment, &session.plan).head;
    let (results, lost) = report::from_outcome(&head, &session.plan, &outcome, &cache.store);
    let failures = super::verdict::stages(&session, &outcome);
    let failures: Vec<String> = failures.iter().filter_map(|case| case.failure()).collect();
    match failures.into_iter().chain(lost).collect::<Vec<_>>() {
        why if why.is_empty() => Ok(Answer { results }),
        why => Err(RunError(why.join("\n"))),
    }
}

impl Answer {
    /// The numbers of every point of the sweep and every section.
    pub fn results(&self) -> &Results {
        &self.results
    }

    /// What the program prints at the end of a run: tables in Markdown, numbers in %.
    pub fn markdown(&self) -> String {
        view::document_of_run(&self.results).markdown()
    }

    /// A row a number, as `humshift report --format csv`. Shares between 0 and 1.
    pub fn csv(&self) -> String {
        csv(&self.results)
    }

    /// The same as `humshift report --json`.
    pub fn json(&self) -> serde_json::Value {
        json(&self.results)
    }

    /// One number as it is printed, such as `official` or `auc_target`, of results of a single
    /// setting. `None`: there is no such number, or there are several settings.
    pub fn value(&self, number: &str) -> Option<String> {
        value(&self.results, By::parse(number)?).ok()
    }
}
