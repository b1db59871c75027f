//! From the queue to work: which node starts next, and which waits because its key is being
//! computed.

use super::Schedule;
use super::state::{State, Word};
use crate::digest::Digest;
use crate::exec::executor::Grant;
use crate::plan::NodeId;
use crate::stage::Wants;

/// The number of queued nodes that are offered to the executor. A later node may be smaller and
/// fit, but checking the whole queue each time costs more than it gains.
const LOOKED_AT: usize = 64;

impl Schedule<'_> {
    /// The most urgent node that the executor admits, with its grant. `admit` gets the wants of a
    /// node and the number of nodes that want to start. `claim` follows.
    pub(in crate::exec) fn offer(
        &mut self,
        mut admit: impl FnMut(&Wants, usize) -> Option<Grant>,
    ) -> Option<(NodeId, Grant)> {
        let waiting = self.queue.len();
        let (id, grant) =
            self.queue.iter().take(LOOKED_AT).enumerate().find_map(|(passed, (.., id))| {
                let State::Queued { wants } = &self.lives[id.index()].state else {
                    unreachable!("it is in the queue")
                };
                Some((*id, admit(wants, waiting - passed)?))
            })?;
        self.tell_of_memory(id, &grant);
        Some((id, grant))
    }

    /// Whether an offered node with this key may start. If another node of this run computes the
    /// key, this one waits for it and shares its outcome. `recorded`, `held` or `started` follows.
    pub(in crate::exec) fn claim(&mut self, id: NodeId, key: &Digest) -> bool {
        let Some(first) = self.running.get(key) else { return true };
        if let State::Running { twins, .. } = &mut self.lives[first.index()].state {
            twins.push(id);
        }
        self.set(id, State::Twin);
        false
    }

    /// A node and those that may run after it, one after the other: each needs nothing but nodes
    /// before it in the chain and nodes that are known, and `fuses` allows it.
    pub(in crate::exec) fn chain(&self, id: NodeId, fuses: impl Fn(NodeId) -> bool) -> Vec<NodeId> {
        let mut chain = vec![id];
        let waits = |id: &NodeId| {
            self.chosen.contains(id) && matches!(self.state(*id), State::Waiting { .. })
        };
        while let Some(last) = chain.last() {
            let has_all = |next: &NodeId| {
                let mut needs = self.plan.needs(*next).iter().map(|need| need.node);
                needs.all(|need| chain.contains(&need) || self.is_known(need))
            };
            let follows = |next: &&NodeId| fuses(**next) && waits(next) && has_all(next);
            let Some(next) = self.plan.dependents(*last).iter().find(follows) else { break };
            chain.push(*next);
        }
        chain
    }

    /// Fact: another process (its id, if known) computes the key of a node.
    pub(in crate::exec) fn held(&mut self, id: NodeId, key: Digest, by: Option<u32>) {
        self.tell(id, Word::Shared(by));
        self.set(id, State::Elsewhere { key });
    }

    /// Fact: the job of a node has started.
    pub(in crate::exec) fn started(&mut self, id: NodeId, key: Digest) {
        self.set(id, State::Running { key, twins: Vec::new() });
    }

    /// Nodes whose keys other processes compute. For each, `recorded` or `freed` must follow.
    pub(in crate::exec) fn elsewhere(&self) -> Vec<(NodeId, Digest)> {
        self.elsewhere.iter().map(|(id, key)| (*id, *key)).collect()
    }

    /// Fact: the other process gave up the key of a node and left no record.
    pub(in crate::exec) fn freed(&mut self, id: NodeId) {
        self.set(id, State::Check);
    }

    /// The node that computes a key.
    pub(in crate::exec) fn at_work(&self, key: &Digest) -> Option<NodeId> {
        self.running.get(key).copied()
    }

    /// Warns once if a stage needs more memory than the limit for all and runs all the same.
    fn tell_of_memory(&mut self, id: NodeId, grant: &Grant) {
        if !grant.exceeds() || self.told_of_memory {
            return;
        }
        self.told_of_memory = true;
        let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
        let (wanted, allowed) = (megabytes(grant.memory), megabytes(grant.allowed));
        let label = &self.plan.node(id).label;
        let message = format!(
            "{label} wants about {wanted} MB, and stages may want {allowed} MB together (--memory): it runs alone and may \
             exceed that"
        );
        self.warn(id, message);
    }
}
