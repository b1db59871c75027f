//! What the stages of a plan left in the cache, for commands that show it.

use super::CliError;
use super::subject::Subject;
use crate::artifact::{Artifact, Blob};
use crate::diagnose::Diagnostic;
use crate::exec::Standing;
use crate::plan::{Node, NodeId};
use crate::stage::{Features, Item, Role, Split, StageSpec};
use crate::store::{Store, StoreError};

/// What stages left behind.
pub struct Cached<'a> {
    pub subject: &'a Subject,
    pub store: &'a Store,
    /// What there will not be where something is not there: `no figure`.
    pub without: &'static str,
}

impl Cached<'_> {
    /// The node that fills a role of another.
    ///
    /// Errors: it has no such role, as can be in the document of a run that somebody changed.
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

    /// The features of a section whose metrics `result` has, before they were pooled or embedded.
    pub fn features(&self, section: &str, result: NodeId) -> Result<(NodeId, &Features), CliError> {
        let mut node = self.scored(section, result)?;
        loop {
            match &self.node(node).stage {
                StageSpec::Features(features) => return Ok((node, features)),
                _ => node = self.need(node, (Split::Test, Item::Features))?,
            }
        }
    }

    /// What made the vectors or frames of a section that `result` is about: what its detector sees.
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
            // Records outlive their objects, and what nobody asks for is not made again.
            StoreError::Damaged { .. } => {
                absent("its bytes are gone or damaged", format!("{run} --only '{label}'"))
            }
            other => CliError::Store(other),
        })?;
        Ok(Blob::new(bytes))
    }
}
