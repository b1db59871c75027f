//! Failures: what cannot run any more because of one, and what is said of it.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use super::Run;
use crate::exec::{Event, NodeOutcome};
use crate::plan::NodeId;

impl Run<'_> {
    /// A stage failed: everything below it is skipped, everything else goes on.
    pub(super) fn failed(&mut self, id: NodeId, message: String) {
        let plan = self.plan;
        let log = self.keyed.get(&id).map(|k| self.store.log_path(&k.key)).filter(|path| path.exists());
        let label = plan.node(id).label.as_str();
        self.listener.hear(Event::Failed { node: id, label, message: &message, log });
        self.nodes[id.index()] = NodeOutcome::Failed { message };
        self.abandon(id, id);
        // A stage that fails while the user stops the run is no reason of its own to give up.
        if self.options.fail_fast && !self.cancel.load(Ordering::Relaxed) {
            self.giving_up = true;
            self.cancel.store(true, Ordering::Relaxed);
        }
    }

    /// Gives up a node and all that waits for it, be it for the first time or for bytes that were to be
    /// made again.
    pub(super) fn abandon(&mut self, id: NodeId, because: NodeId) {
        let mut skipped = BTreeSet::new();
        let mut stack = vec![id];
        while let Some(lost) = stack.pop() {
            self.lost.insert(lost);
            if !self.settled[lost.index()] {
                skipped.extend(self.frontier.fail(lost));
            }
            let waits = |(_, gone): &(&NodeId, &BTreeSet<NodeId>)| gone.contains(&lost);
            let waiters: Vec<NodeId> = self.blocked.iter().filter(waits).map(|(waiter, _)| *waiter).collect();
            for waiter in waiters {
                self.blocked.remove(&waiter);
                skipped.insert(waiter);
                stack.push(waiter);
            }
        }
        if id != because {
            skipped.insert(id);
        }
        let plan = self.plan;
        // What was settled keeps its record: it is only its bytes that nobody can have.
        for next in skipped.into_iter().filter(|next| !self.settled[next.index()]) {
            self.nodes[next.index()] = NodeOutcome::Skipped { because };
            let (label, because) = (plan.node(next).label.as_str(), plan.node(because).label.as_str());
            self.listener.hear(Event::Skipped { node: next, label, because });
        }
    }
}
