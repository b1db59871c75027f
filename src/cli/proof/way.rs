//! The way back from a key to the data sets that it depends on.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::CliError;
use crate::cli::subject::Subject;
use crate::diagnose::Diagnostic;
use crate::exec::Standing;
use crate::kind::ObjectRef;
use crate::plan::{Need, NodeId};
use crate::stage::{Item, Role, Split, StageSpec};
use crate::store::{Record, Store};

/// The data that a key leads to.
pub struct Way<'a> {
    subject: &'a Subject,
    store: &'a Store,
    /// Data sets, with the split of the clips.
    pub data: BTreeSet<(NodeId, Split)>,
    /// Mixing recipes, with the split of the clips.
    pub mixed: BTreeSet<(NodeId, Split)>,
    pub levels: bool,
    pub weights: bool,
    seen: BTreeSet<(NodeId, Role)>,
}

impl<'a> Way<'a> {
    /// Follows the inputs of a stage to the data sets.
    ///
    /// Errors: a record on the way is gone, or a key names other inputs than the plan.
    pub fn from(subject: &'a Subject, id: NodeId, store: &'a Store) -> Result<Self, CliError> {
        let (data, mixed, seen) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut way = Self { subject, store, data, mixed, levels: false, weights: false, seen };
        way.follow(id, |_| true)?;
        Ok(way)
    }

    /// Follows the inputs of a stage whose role matters.
    fn follow(&mut self, id: NodeId, matters: impl Fn(&Role) -> bool) -> Result<(), CliError> {
        self.check(id)?;
        self.weights |= self.subject.plan.node(id).given.contains_key(&Role::from(Item::Weights));
        let needs: Vec<Need> = self
            .subject
            .plan
            .needs(id)
            .iter()
            .filter(|need| matters(&need.role))
            .cloned()
            .collect();
        for need in needs {
            let outputs = self.outputs(need.node).ok_or_else(|| self.absent(need.node))?;
            if !outputs.contains_key(&need.output.to_string()) {
                return Err(self.broken(id, &format!("names a `{}` that was not made", need.role)));
            }
            self.come_to(need.node, need.output)?;
        }
        Ok(())
    }

    fn come_to(&mut self, id: NodeId, output: Role) -> Result<(), CliError> {
        if !self.seen.insert((id, output.clone())) {
            return Ok(());
        }
        match (&self.subject.plan.node(id).stage, &output) {
            (StageSpec::Dataset(_), Role::Of(split, _)) => {
                self.data.insert((id, *split));
                self.check(id)
            }
            (StageSpec::Levels(_), _) => {
                self.levels = true;
                self.check(id)
            }
            (stage, Role::Of(split, _)) => {
                if matches!(stage, StageSpec::Mixing(_)) {
                    self.mixed.insert((id, *split));
                }
                let other = |role: &Role| matches!(role, Role::Of(found, _) if found != split);
                // The recipe tells which noise recordings were mixed in.
                self.follow(id, |role| {
                    !other(role) && !matches!(role, Role::Noise(..) | Role::Response(..))
                })
            }
            _ => self.follow(id, |_| true),
        }
    }

    fn outputs(&self, id: NodeId) -> Option<&'a BTreeMap<String, ObjectRef>> {
        match &self.subject.standings[id.index()] {
            Standing::Cached { record, .. } => Some(&record.outputs),
            _ => None,
        }
    }

    /// Compares the inputs in a stage's record with the plan. Somebody may change the document of a
    /// run, but not a record, because the key is its digest.
    fn check(&self, id: NodeId) -> Result<(), CliError> {
        let node = self.subject.plan.node(id);
        let record = self.record(id)?;
        let stage = record.material.get("stage").and_then(|stage| stage.as_str());
        if stage != Some(node.stage.name()) {
            let found = stage.unwrap_or_default();
            return Err(self.broken(
                id,
                &format!("is that of the stage `{found}`, not of `{}`", node.stage.name()),
            ));
        }
        let named = record.material.get("inputs").cloned().unwrap_or_default();
        let named: BTreeMap<String, String> =
            serde_json::from_value(named).map_err(|_| self.absent(id))?;
        let mut known = BTreeSet::new();
        let given = node.given.iter().map(|(role, object)| (role, Some(object.digest)));
        let made = node.needs.iter().map(|need| {
            let outputs = self.outputs(need.node);
            (
                &need.role,
                outputs
                    .and_then(|outputs| outputs.get(&need.output.to_string()))
                    .map(|object| object.digest),
            )
        });
        for (role, digest) in given.chain(made) {
            let role = role.to_string();
            match (named.get(&role), digest) {
                (None, _) => return Err(self.broken(id, &format!("names no input `{role}`"))),
                (Some(named), Some(digest)) if *named != digest.hex() => {
                    return Err(self.broken(id, &format!("names another `{role}` than was made")));
                }
                _ => drop(known.insert(role)),
            }
        }
        match named.keys().find(|role| !known.contains(*role)) {
            None => Ok(()),
            Some(role) => Err(self
                .broken(id, &format!("names an input `{role}`, of which the plan says nothing"))),
        }
    }

    fn record(&self, id: NodeId) -> Result<Record, CliError> {
        let Standing::Cached { key, .. } = &self.subject.standings[id.index()] else {
            return Err(self.absent(id));
        };
        self.store.record(key).sound().ok_or_else(|| self.absent(id))
    }

    fn absent(&self, id: NodeId) -> CliError {
        let label = &self.subject.plan.node(id).label;
        let message = format!("no proof: the record of `{label}` is gone from the cache");
        vec![Diagnostic::new("E0708", message).hint(&self.subject.command)].into()
    }

    fn broken(&self, id: NodeId, why: &str) -> CliError {
        let label = &self.subject.plan.node(id).label;
        CliError::usage("E0708", format!("no proof: the key of `{label}` {why}"))
    }
}
