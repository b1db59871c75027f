//! Outside data for planning.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::diagnose::{Place, Problem};
use crate::feature::vectors::Vectors;
use crate::kind::ObjectRef;
use crate::source::SourceSpec;
use crate::spec::Point;
use crate::stage::{Role, SectionId};

/// Outside data for planning, gathered by the caller.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// For each distinct source (by its JSON), the listings of its sections.
    pub listings: BTreeMap<String, BTreeMap<SectionId, ObjectRef>>,
    /// For each source with scores of another program (see [`Catalog::source_key`]), the inputs of
    /// the stage that gives them, by section.
    pub submissions: BTreeMap<String, BTreeMap<SectionId, BTreeMap<Role, ObjectRef>>>,
    /// For each source, the sections without training clips, if known. No model needs them.
    pub untrained: BTreeMap<String, BTreeSet<SectionId>>,
    /// Weights files, and files of programs, by their paths: see `DetectorSpec::given`.
    pub weights: BTreeMap<String, ObjectRef>,
    /// For each pair of vectors and source (see [`Catalog::vectors_key`]), the listing of the files
    /// of each section, and the numbers in the largest of them.
    pub vectors: BTreeMap<String, BTreeMap<SectionId, (ObjectRef, u64)>>,
    /// For each network of `features.onnx`, by the path of its file, its bytes and the kernels that
    /// compute it.
    pub networks: BTreeMap<PathBuf, (ObjectRef, Option<String>)>,
    /// For each source and section, the approximate length of the longest recording in samples, if
    /// known.
    pub longest: BTreeMap<String, BTreeMap<SectionId, u64>>,
}

/// Reasons why an experiment has no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("the data set has no sections")]
    Empty,
    #[error("`{0}` was not looked at before planning")]
    Unlisted(String),
    /// A setting of `mix` that the sources do not allow, and its place in the spec.
    #[error("{}", .0.message)]
    Mix(Problem, Option<Place>),
}

impl Catalog {
    /// The name of a source in [`Catalog::listings`].
    pub fn source_key(source: &SourceSpec) -> String {
        serde_json::to_string(source).expect("settings are JSON")
    }

    /// The name of the files of vectors for the clips of a source in [`Catalog::vectors`].
    pub fn vectors_key(vectors: &Vectors, source: &SourceSpec) -> String {
        serde_json::to_string(&(vectors, source)).expect("settings are JSON")
    }

    /// The sections that a model learns from: those with training clips, or all if none has any.
    pub fn trained<'a, T>(
        &self,
        source: &SourceSpec,
        sections: &'a [(SectionId, T)],
    ) -> Vec<&'a (SectionId, T)> {
        if sections.len() < 2 || self.untrained.is_empty() {
            return sections.iter().collect();
        }
        let untrained = self.untrained.get(&Self::source_key(source));
        let trained =
            |(id, _): &&(SectionId, T)| !untrained.is_some_and(|untrained| untrained.contains(id));
        let found: Vec<_> = sections.iter().filter(trained).collect();
        if found.is_empty() { sections.iter().collect() } else { found }
    }

    /// The sources of sounds that a point reads, with the words that they stand under: its data, its
    /// noise, and its recorded impulse responses.
    pub fn sources(point: &Point) -> Vec<(&'static str, SourceSpec)> {
        if point.data.is_scored() {
            return Vec::new();
        }
        let mix = point.mix.as_ref();
        let noise = mix.map(|mix| ("mix.noise", mix.noise(&point.data)));
        let responses = mix.and_then(|mix| mix.response.as_ref()?.from.clone());
        let responses = responses.map(|from| ("mix.response.from", from));
        std::iter::once(("data", point.data.clone())).chain(noise).chain(responses).collect()
    }
}
