//! What planning must know of the outside world.

use std::collections::BTreeMap;

use crate::kind::ObjectRef;
use crate::source::SourceSpec;
use crate::spec::Point;
use crate::stage::SectionId;

/// What planning must know of the outside world, gathered by the caller.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// For each distinct source (by its JSON), the listing of each section.
    pub listings: BTreeMap<String, BTreeMap<SectionId, ObjectRef>>,
    /// Weights files by path.
    pub weights: BTreeMap<String, ObjectRef>,
    /// For each source, about how many samples the longest recording of each section has, where that is known.
    pub longest: BTreeMap<String, BTreeMap<SectionId, u64>>,
}

/// Why an experiment has no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("the data set has no sections")]
    Empty,
    #[error("`{0}` was not looked at before planning")]
    Unlisted(String),
    #[error("{0}")]
    Mix(String),
}

impl Catalog {
    /// The name of a source in [`Catalog::listings`].
    pub fn source_key(source: &SourceSpec) -> String {
        serde_json::to_string(source).expect("settings are JSON")
    }

    /// The sources that a point reads: its data, and its noise.
    pub fn sources(point: &Point) -> Vec<SourceSpec> {
        let noise = point.mix.iter().map(|mix| mix.noise(&point.data));
        std::iter::once(point.data.clone()).chain(noise).collect()
    }
}
