//! Specs: reading YAML into an [`Experiment`], with all defaults filled in and all points of the
//! sweep.
//!
//! [`load`] reads a file, the files it extends and the `--set` arguments. It reports all mistakes
//! at once, each with its place in the text. The steps: `yaml` (text to nodes with places),
//! `extends` and `set` (changes), `sweep` and `points` (combinations), `decode`, `rules` and
//! `expect` (nodes to configs). All of them are called by `resolve`, the only entry. Nothing here
//! reads audio, the cache, the environment or the working directory. Only `extends` reads files.
//!
//! | code | says |
//! |---|---|
//! | E0101 | the text is not YAML |
//! | E0102 | the file is not UTF-8 |
//! | E0103 | too large: bytes, values (aliases expanded) or nesting |
//! | E0104 | an alias inside the value it names |
//! | E0105 | a key set twice |
//! | E0106 | a tag |
//! | E0107 | a key that is not a word |
//! | E0108 | a second document |
//! | E0109 | a number that is not finite |
//! | E0110 | an empty file, or one that is not a map |
//! | E0111 | a `--set` that is not `path=value` |
//! | E0112 | `<<` without a map |
//! | E0201 | an unknown word at the top |
//! | E0202 | a word reserved for later |
//! | E0203 | an unknown variant: source, feature, pool, detector or network |
//! | E0204 | an unknown setting |
//! | E0205 | a variant that is not a map with one key |
//! | E0206 | an unknown metric, or one listed twice |
//! | E0207 | a missing setting |
//! | E0301 | a value of the wrong type |
//! | E0302 | a value that is not one of the choices |
//! | E0303 | a value out of range |
//! | E0401 | a sweep or axis that is not a list or range |
//! | E0402 | a path that cannot be swept or set, or that affects no point |
//! | E0403 | an invalid range |
//! | E0404 | `zip` of unequal lengths or of the wrong form |
//! | E0405 | a setting swept twice, or over one value twice |
//! | E0406 | `exclude` of unknown settings, of no point or of all points |
//! | E0407 | more points than the limit |
//! | E0408 | an axis without values |
//! | E0409 | a swept setting that a value of another axis sets too |
//! | E0501 | a file that cannot be read |
//! | E0502 | files that extend each other |
//! | E0503 | `extends` of a file that is not a map, or not YAML by its ending |
//! | E0601 | a missing section |
//! | E0602 | a detector of vectors without a pool |
//! | E0603 | an expectation of the wrong form |
//! | E0604 | an expectation of a metric that is not computed |
//! | E0605 | an expectation of points that do not exist |
//! | E0606 | local density without distances |
//! | E0607 | interpolated waveforms for an embedding that needs more than frames |
//! | E0609 | a word about recordings or training beside scores of another program |

mod decode;
mod docs;
mod expect;
mod extends;
mod label;
mod misfits;
mod mistakes;
mod node;
mod passage;
mod plain;
mod points;
mod range;
mod resolve;
mod rules;
mod scalar;
mod schema;
mod set;
mod sweep;
mod tree;
mod wire;
pub mod words;
mod yaml;

pub use docs::reference;
pub use passage::Passage;
pub use schema::schema;
pub use words::Published;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::detector::DetectorSpec;
use crate::diagnose::Diagnostic;
use crate::feature::FeatureSpec;
use crate::pool::PoolSpec;
use crate::source::SourceSpec;
use crate::stage::metrics::MetricsSpec;
use crate::stage::{Generalization, Mix};
use crate::threshold::ThresholdSpec;

/// A resolved experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    pub name: String,
    pub question: Option<String>,
    /// The swept settings, in file order.
    pub axes: Vec<Axis>,
    /// At least one; the first axis varies slowest.
    pub points: Vec<Point>,
    pub expect: Vec<Expect>,
    /// Results of others that stand beside ours.
    pub published: Option<Published>,
    /// Notes for readers of the results; they are no errors.
    pub notes: Vec<String>,
}

/// One swept setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Path into the file, such as `detector` or `features.log_mel.mels`.
    pub path: String,
    /// The labels of its values, in file order.
    pub labels: Vec<String>,
    /// The values as written in the file.
    pub values: Vec<serde_json::Value>,
}

/// Words that say how recordings become scores. Scores of another program have none of them.
pub const OF_SOUNDS: [&str; 6] = ["mix", "features", "pool", "detector", "generalization", "seed"];

/// One point of the sweep, with all its settings. Where its data are scores of another program, the
/// settings of [`OF_SOUNDS`] are defaults that nothing reads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Swept settings by path, each as a short label (`knn`, `knn k=5`, `64`), for tables and
    /// names.
    #[serde(skip)]
    pub settings: BTreeMap<String, String>,
    pub data: SourceSpec,
    /// The noise to mix; `None` leaves the recordings unchanged.
    pub mix: Option<Mix>,
    /// Where the text says it, if only the data set can show that it is wrong.
    #[serde(skip)]
    pub mix_at: Passage,
    pub features: FeatureSpec,
    /// Pools whose vectors are joined in this order; empty for no pooling.
    pub pool: Vec<PoolSpec>,
    pub detector: DetectorSpec,
    /// The techniques of generalisation, and the choice of training clips.
    pub generalization: Generalization,
    pub metrics: MetricsSpec,
    /// The rule for calling a clip anomalous; `None` for no decisions.
    pub threshold: Option<ThresholdSpec>,
    pub seed: u64,
}

impl Point {
    /// All its settings, with defaults, as documents hold them.
    pub fn described(&self) -> serde_json::Value {
        let mut settings = serde_json::to_value(self).expect("settings are JSON");
        if let (true, Some(words)) = (self.data.is_scored(), settings.as_object_mut()) {
            words.retain(|word, _| !OF_SOUNDS.contains(&word.as_str()));
        }
        settings
    }
}

/// An expected result; if it does not hold, `run` exits with 3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// `official`, `auc`, `auc_source`, `auc_target` or `pauc`.
    pub metric: String,
    /// Settings (path or its last word -> label) of the points it applies to; empty for all points.
    pub filter: BTreeMap<String, String>,
    pub at_least: Option<f64>,
    pub at_most: Option<f64>,
}

/// The most messages about one spec.
const MOST_MESSAGES: usize = 100;

/// A file and all files it extends, as far as they can be read.
pub fn files(path: &Path) -> Vec<std::path::PathBuf> {
    extends::files(path)
}

/// The experiment of a file, with its base files and the `--set` arguments (`path=value`) applied.
///
/// Errors: all mistakes in it, in text order.
pub fn load(path: &Path, sets: &[String]) -> Result<Experiment, Vec<Diagnostic>> {
    let root = extends::read(path).map_err(|d| vec![d])?;
    finish(root, path, sets)
}

/// The experiment of a text called `name`. Relative paths in it start from the folder of `name`. It
/// cannot extend files.
///
/// Errors: as [`load`].
pub fn load_text(name: &str, text: &str, sets: &[String]) -> Result<Experiment, Vec<Diagnostic>> {
    let root = yaml::source(name, text.as_bytes())
        .and_then(|source| yaml::parse(&source, 0))
        .map_err(|d| vec![d])?;
    if let Some(base) = root.get("extends").filter(|n| !n.is_null()) {
        return Err(vec![
            Diagnostic::new("E0503", "`extends` works only in files").at(base.key_place()),
        ]);
    }
    finish(root, Path::new(name), sets)
}

fn finish(
    mut root: node::Node,
    path: &Path,
    sets: &[String],
) -> Result<Experiment, Vec<Diagnostic>> {
    let mut diagnostics = match root.as_map() {
        Some(_) => set::apply(&mut root, sets),
        None => Vec::new(),
    };
    let stem = path.file_stem().map_or("experiment".into(), |s| s.to_string_lossy().into_owned());
    match resolve::resolve(&root, &stem, !sets.is_empty()) {
        Ok(experiment) if diagnostics.is_empty() => Ok(experiment),
        Ok(_) => Err(diagnostics),
        Err(more) => {
            diagnostics.extend(more);
            Err(in_order(diagnostics))
        }
    }
}

/// Sorted by place, without duplicates, and limited in number.
fn in_order(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let place = |d: &Diagnostic| {
        d.place.as_ref().map(|p| (p.source.name.clone(), p.bytes.start, p.bytes.end))
    };
    let (mut seen, mut mends) = (BTreeSet::new(), BTreeSet::new());
    let mut kept: Vec<Diagnostic> = Vec::new();
    for diagnostic in diagnostics {
        // Unknown settings with the same correction are one mistake.
        let mend = diagnostic
            .hint
            .clone()
            .filter(|hint| diagnostic.code == "E0204" && hint.starts_with("write `"));
        if mend.is_some_and(|hint| !mends.insert(hint)) {
            continue;
        }
        if seen.insert((place(&diagnostic), diagnostic.code, diagnostic.message.clone())) {
            kept.push(diagnostic);
        }
    }
    kept.sort_by_cached_key(place);
    if kept.len() > MOST_MESSAGES {
        let more = kept.len() - MOST_MESSAGES;
        kept.truncate(MOST_MESSAGES);
        let last = kept.last_mut().expect("there are a hundred");
        last.hint = Some(format!("and {more} more mistakes, not shown"));
    }
    kept
}
