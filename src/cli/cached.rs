//! What the stages of a plan left in the cache, for commands that show it.

use std::path::Path;

use super::CliError;
use crate::artifact::{Artifact, Blob};
use crate::diagnose::Diagnostic;
use crate::exec::Standing;
use crate::plan::{NodeId, Plan};
use crate::store::{Store, StoreError};

/// What stages left behind.
pub struct Cached<'a> {
    pub plan: &'a Plan,
    pub standings: &'a [Standing],
    pub store: &'a Store,
    pub spec: &'a Path,
    /// What there will not be where something is not there: `no figure`.
    pub without: &'static str,
}

impl Cached<'_> {
    /// The node that fills a role of another. Panics if it has no such role: the plan gave it one.
    pub fn need(&self, id: NodeId, role: &str) -> NodeId {
        let need = self.plan.needs(id).into_iter().find(|need| need.role == role);
        need.unwrap_or_else(|| panic!("`{}` needs `{role}`", self.plan.node(id).label)).node
    }

    pub fn artifact<A: Artifact>(&self, id: NodeId, role: &str) -> Result<A, CliError> {
        let label = &self.plan.node(id).label;
        let absent = |why: &str, hint: String| -> CliError {
            vec![Diagnostic::new("E0708", format!("{} without `{label}`: {why}", self.without)).hint(hint)].into()
        };
        let run = format!("humshift run {}", self.spec.display());
        let Standing::Cached { record, .. } = &self.standings[id.index()] else {
            return Err(absent("it has not been run with this cache", run));
        };
        let object = record.outputs.get(role).ok_or_else(|| absent("its record has no such output", run.clone()))?;
        let bytes = self.store.read(object).map_err(|error| match error {
            // Records outlive their objects, and what nobody asks for is not made again.
            StoreError::Damaged { .. } => absent("its bytes are gone or damaged", format!("{run} --only '{label}'")),
            other => CliError::Store(other),
        })?;
        A::decode(Blob::new(bytes)).map_err(|error| CliError::usage("E0708", format!("`{label}`: {error}")))
    }
}
