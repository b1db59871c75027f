//! From metric tables to the tables of the field. Pure: records in, text out.

mod aggregate;
mod markdown;
mod tidy;

pub use aggregate::{Group, Line, Stat};
pub use markdown::{attributes, markdown};
pub use tidy::{csv, json};

use std::collections::BTreeMap;

use crate::artifact::MetricRow;

/// All results of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Results {
    pub name: String,
    pub question: Option<String>,
    /// Paths of the swept settings, in the order of the file.
    pub axes: Vec<String>,
    pub points: Vec<PointResults>,
}

/// The results of one point of the sweep.
#[derive(Clone, Debug, Default)]
pub struct PointResults {
    /// Swept settings by path, as labels.
    pub settings: BTreeMap<String, String>,
    /// What `where:` can ask for besides: variant names of all families, swept or not.
    pub facts: BTreeMap<String, String>,
    /// Rows of all sections, in order of machine and section.
    pub rows: Vec<MetricRow>,
    /// Sections without a metric table, and why: `failed`, `not run`.
    pub absent: Vec<(String, String, String)>,
}

/// The path whose values are repetitions, not settings: results are averaged over it.
pub const SEED: &str = "seed";

impl PointResults {
    /// Whether a `where:` filter speaks of this point. Values match a label or its first word; keys match a
    /// path or its last word.
    pub fn matches(&self, filter: &BTreeMap<String, String>) -> bool {
        filter.iter().all(|(key, wanted)| {
            let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
            let mut known = self.settings.iter().chain(&self.facts);
            known.any(|(path, label)| {
                (path == key || last(path) == *key)
                    && (label == wanted || label.split(' ').next() == Some(wanted.as_str()))
            })
        })
    }
}
