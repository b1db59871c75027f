//! The program as a library: a spec becomes results in one call.

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::session::Session;
use super::work::quietly;
use super::{CacheDir, SpecArgs, report, view};
use crate::report::{By, Results, csv, json, value};
use crate::run::Run;

/// The reason why there are no results, in the words of the program: all mistakes of the spec with
/// their places, or the failed stages.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RunError(String);

/// The results of an experiment.
#[derive(Clone, Debug)]
pub struct Answer {
    results: Results,
}

/// Runs a spec as `humshift run --quiet` does. Cached results are not computed again.
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
/// sweep: { detector: [ { knn: {} }, { pca: { components: 4 } } ] }
/// ")?;
/// let answer = humshift::run(&spec, &folder.path().join("cache"))?;
/// println!("{}", answer.markdown());
/// assert_eq!(answer.results().points.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(spec: &Path, cache: &Path) -> Result<Answer, RunError> {
    run_with(spec, &[], cache)
}

/// Runs a spec with changed settings: `run_with(spec, &["seed=[0,1,2]"], cache)`.
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
    /// The numbers of all points of the sweep and all sections.
    pub fn results(&self) -> &Results {
        &self.results
    }

    /// What the program prints at the end of a run: tables in Markdown, numbers in %.
    pub fn markdown(&self) -> String {
        view::document_of_run(&self.results).markdown()
    }

    /// One row per number, as in `humshift report --format csv`. Shares lie between 0 and 1.
    pub fn csv(&self) -> String {
        csv(&self.results)
    }

    /// The same JSON as `humshift report --json`.
    pub fn json(&self) -> serde_json::Value {
        json(&self.results)
    }

    /// One number as printed, such as `official` or `auc_target`, of results with a single setting.
    /// `None`: there is no such number, or there are several settings.
    pub fn value(&self, number: &str) -> Option<String> {
        value(&self.results, By::parse(number)?).ok()
    }
}
