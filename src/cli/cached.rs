//! Outputs in the cache of the stages of a plan, for commands that show them.

use super::CliError;
use super::subject::Subject;
use crate::artifact::{Artifact, Blob};
use crate::diagnose::Diagnostic;
use crate::exec::Standing;
use crate::plan::{Node, NodeId};
use crate::stage::{Features, Item, Role, Split, StageSpec};
use crate::store::{Store, StoreError};

/// The outputs of stages in the cache.
pub struct Cached<'a> {
    pub subject: &'a Subject,
    pub store: &'a Store,
    /// The consequence of a missing output, for messages: `no figure`.
    pub without: &'static str,
}

impl Cached<'_> {
    /// The node that provides an input of another node.
    ///
    /// Errors: there is no such input; this happens if somebody changed the document of the run.
    pub fn need(&self, id: NodeId, role: impl Into<Role>) -> Result<NodeId, CliError> {
        let role = role.into();
        let need = self.subject.plan.needs(id).iter().find(|need| need.role == role);
        let lacking =
            || format!("{}: `{}` has no input `{role}`", self.without, self.node(id).label);
        need.map(|need| need.node).ok_or_else(|| CliError::usage("E0708", lacking()))
    }

    fn node(&self, id: NodeId) -> &Node {
        self.subject.plan.node(id)
    }

    /// The features of a section whose metrics are `result`, before pooling or embedding.
    pub fn features(&self, section: &str, result: NodeId) -> Result<(NodeId, &Features), CliError> {
        let mut node = self.scored(section, result)?;
        loop {
            match &self.node(node).stage {
                StageSpec::Features(features) => return Ok((node, features)),
                _ => node = self.need(node, (Split::Test, Item::Features))?,
            }
        }
    }

    /// The node with the vectors or frames that the detector behind `result` sees for a section.
    pub fn scored(&self, section: &str, result: NodeId) -> Result<NodeId, CliError> {
        self.need(self.need(result, Item::Scores)?, Item::Features.of(section))
    }

    pub fn artifact<A: Artifact>(&self, id: NodeId, role: impl Into<Role>) -> Result<A, CliError> {
        let label = &self.node(id).label;
        A::decode(self.blob(id, role)?)
            .map_err(|error| CliError::usage("E0708", format!("`{label}`: {error}")))
    }

    /// The bytes of an output.
    pub fn blob(&self, id: NodeId, role: impl Into<Role>) -> Result<Blob, CliError> {
        let label = &self.node(id).label;
        let absent = |why: &str, hint: String| -> CliError {
            vec![
                Diagnostic::new("E0708", format!("{} without `{label}`: {why}", self.without))
                    .hint(hint),
            ]
            .into()
        };
        let run = self.subject.command.clone();
        let Standing::Cached { record, .. } = &self.subject.standings[id.index()] else {
            return Err(absent("it has not been run with this cache", run));
        };
        let object = record
            .outputs
            .get(&role.into().to_string())
            .ok_or_else(|| absent("its record has no such output", run.clone()))?;
        let bytes = self.store.read(object).map_err(|error| match error {
            // Records outlive their objects, and bytes are made again only if a run needs them.
            StoreError::Damaged { .. } => {
                absent("its bytes are gone or damaged", format!("{run} --only '{label}'"))
            }
            other => CliError::Store(other),
        })?;
        Ok(Blob::new(bytes))
    }
}
