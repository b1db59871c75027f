//! The records of a run or a spec: results, settings, and the outputs of its stages.

use std::path::Path;

use serde_json::Value;

use super::subject::{Document, Subject, document};
use super::view::mistake;
use super::{Cache, CliError, SpecArgs, answer, report};
use crate::artifact::{Artifact, Blob};
use crate::digest::Digest;
use crate::exec::Standing;
use crate::plan::NodeId;
use crate::report::Results;
use crate::run::{Frozen, Head, Run};
use crate::source::SectionId;
use crate::spec::Point;
use crate::stage::Role;
use crate::store::Store;

/// A run with its results.
pub struct Recorded {
    /// `NAME@DIGEST` for a run; the name for a spec.
    pub name: String,
    pub head: Head,
    pub results: Results,
    /// All settings of each point, with defaults.
    pub settings: Vec<Value>,
    nodes: Vec<Frozen>,
}

impl Recorded {
    /// Reads the run or spec that an argument names. A spec with a remembered answer is read as its
    /// run.
    ///
    /// Errors: the argument names neither; no part of it has been run.
    pub fn open(argument: &Path, cache: &Cache) -> Result<Self, CliError> {
        let store = &cache.store;
        let recorded = match document(argument, store)? {
            Some(document) => Self::of_run(document, store)?,
            None => {
                let question = SpecArgs { spec: argument.to_owned(), sets: Vec::new() };
                match answer::known(&question, cache) {
                    Some((run, ..)) => Self::of_run(Document::of(&run, store)?, store)?,
                    None => Self::of_subject(&Subject::open(argument, &[], cache)?, store),
                }
            }
        };
        if recorded.results.points.iter().all(|point| point.rows.is_empty()) {
            let message = format!("nothing of `{}` has been run with this cache", recorded.name);
            return Err(mistake("E0704", message, format!("humshift run {}", argument.display())));
        }
        Ok(recorded)
    }

    fn of_run(Document { path, file }: Document, store: &Store) -> Result<Self, CliError> {
        let wrong = |why: String| {
            CliError::usage("E0721", format!("the run in `{}`: {why}", path.display()))
        };
        let run = Run::read(file).map_err(|error| wrong(error.to_string()))?;
        let digest: Option<Digest> = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        let digest = digest.map_or(String::new(), |digest| format!("@{}", &digest.hex()[..8]));
        Ok(Self {
            name: format!("{}{digest}", run.head.name),
            results: report::as_far_as_known(&run.head, store),
            head: run.head,
            settings: run.body.settings,
            nodes: run.body.nodes,
        })
    }

    fn of_subject(subject: &Subject, store: &Store) -> Self {
        let node = |(id, standing): (NodeId, &Standing)| Frozen {
            node: subject.plan.node(id).clone(),
            key: match standing {
                Standing::Cached { key, .. } => Some(*key),
                _ => None,
            },
        };
        let points = subject.session().map_or(&[][..], |session| &session.experiment.points);
        Self {
            name: subject.head.name.clone(),
            results: report::from_cache(subject, store),
            head: subject.head.clone(),
            settings: points.iter().map(Point::described).collect(),
            nodes: subject.plan.nodes().zip(&subject.standings).map(node).collect(),
        }
    }

    /// The stage with the metrics of a section at a point.
    pub fn result(&self, point: usize, section: &SectionId) -> Option<NodeId> {
        let results = &self.head.points.get(point)?.results;
        results
            .iter()
            .find(|result| self.head.sections.get(result.0) == Some(section))
            .map(|result| result.1)
    }

    /// The stage that provides an input of another stage, and the role of that output.
    pub fn need(&self, node: NodeId, role: impl Into<Role>) -> Option<(NodeId, &Role)> {
        let role = role.into();
        let needs = &self.nodes.get(node.index())?.node.needs;
        needs.iter().find(|need| need.role == role).map(|need| (need.node, &need.output))
    }

    /// An output of a stage, if the cache has it.
    pub fn output<A: Artifact>(&self, node: NodeId, role: &Role, store: &Store) -> Option<A> {
        let key = self.nodes.get(node.index())?.key?;
        let made = store.lookup(&key).sound()?;
        let bytes = store.read(made.outputs.get(&role.to_string())?).ok()?;
        A::decode(Blob::new(bytes)).ok()
    }
}
