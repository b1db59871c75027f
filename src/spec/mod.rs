//! What a user writes, as resolved: every default filled in, every point of the sweep its own.

use std::collections::BTreeMap;

use crate::detector::DetectorSpec;
use crate::feature::FeatureSpec;
use crate::pool::PoolSpec;
use crate::source::SourceSpec;
use crate::stage::metrics::MetricsSpec;

/// A resolved experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    pub name: String,
    pub question: Option<String>,
    /// The swept settings, in the order of the file.
    pub axes: Vec<Axis>,
    /// At least one; the first axis varies slowest.
    pub points: Vec<Point>,
    pub expect: Vec<Expect>,
}

/// One swept setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Path into the file, such as `detector` or `features.log_mel.mels`.
    pub path: String,
}

/// One cell of the sweep: everything that is needed to run it.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Swept settings by path, each as a short label (`knn`, `knn k=5`, `64`), for tables and names.
    pub settings: BTreeMap<String, String>,
    pub data: SourceSpec,
    pub features: FeatureSpec,
    /// Pools whose vectors are joined end to end; empty: none.
    pub pool: Vec<PoolSpec>,
    pub detector: DetectorSpec,
    pub metrics: MetricsSpec,
    pub seed: u64,
}

/// A result the author of the file expects; when it does not hold, `run` exits with 3.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// `official`, `auc`, `auc_source`, `auc_target` or `pauc`.
    pub metric: String,
    /// Settings (path or its last word -> label) that choose the points it speaks of; all if empty.
    pub filter: BTreeMap<String, String>,
    pub at_least: Option<f64>,
    pub at_most: Option<f64>,
}
