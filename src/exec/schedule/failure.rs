//! Nodes that cannot run: they failed, they need a failed node, or the run is frozen.

use std::collections::BTreeSet;

use super::state::{State, Word};
use super::{Schedule, TRIES};
use crate::digest::Digest;
use crate::plan::NodeId;

impl Schedule<'_> {
    /// A stage failed: all nodes that depend on it are skipped, and the others go on.
    pub(super) fn failed(&mut self, id: NodeId, message: String) {
        self.tell(id, Word::Failed(message.clone()));
        self.set(id, State::Failed { message });
        for next in self.hanging_on(id) {
            self.give_up(next, id);
        }
        // If the user is stopping the run, a failing stage is no further reason to give up.
        if self.options.fail_fast && !self.cancelled {
            self.giving_up = true;
            self.cancel();
        }
    }

    /// An input of a stage was damaged when it was read. It has been moved aside and is made again.
    pub(super) fn damaged(&mut self, id: NodeId, digest: &Digest) {
        let life = &mut self.lives[id.index()];
        life.tries += 1;
        if life.tries >= TRIES {
            return self.failed(
                id,
                format!("its input {digest} was damaged {TRIES} times: is the disk sound?"),
            );
        }
        let label = &self.plan.node(id).label;
        self.warn(id, format!("an input of {label} was missing or damaged; it is made again"));
        self.set(id, State::Check);
    }

    /// Gives up a node and its dependents, because one of its needs cannot be made again.
    pub(super) fn abandon(&mut self, id: NodeId, because: NodeId) {
        let mut all = self.hanging_on(id);
        all.insert(id);
        for next in all {
            self.give_up(next, because);
        }
    }

    /// A frozen run does not run this node, so its dependents are stale, too.
    pub(super) fn stale(&mut self, id: NodeId) {
        self.set(id, State::Stale);
        for next in self.hanging_on(id) {
            self.set(next, State::Stale);
        }
    }

    /// A node with a known record keeps it; only its bytes cannot be made.
    fn give_up(&mut self, id: NodeId, because: NodeId) {
        if self.is_known(id) {
            self.set(id, State::Lost);
        } else {
            self.set(id, State::Skipped { because });
            self.tell(id, Word::Skipped { because });
        }
    }

    /// The nodes that cannot go on without a node: they wait for its record or its bytes.
    fn hanging_on(&self, id: NodeId) -> BTreeSet<NodeId> {
        let (mut all, mut stack) = (BTreeSet::new(), vec![id]);
        while let Some(lost) = stack.pop() {
            for next in self.plan.dependents(lost) {
                let hangs = match self.state(*next) {
                    State::Waiting { .. } => !self.is_known(lost),
                    State::Blocked { by } => by.contains(&lost),
                    _ => false,
                };
                // Nobody waits for a node that was not chosen.
                if hangs && self.chosen.contains(next) && all.insert(*next) {
                    stack.push(*next);
                }
            }
        }
        all
    }
}
