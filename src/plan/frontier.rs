//! Which nodes can be worked on: the pure half of the scheduler.
//!
//! ```text
//! waiting -> ready -> settled
//!                 \-> failed, and everything below it: skipped
//! ```

use std::collections::BTreeSet;

use super::{NodeId, Plan};

/// The state of a run over a plan, without clock, disk or threads.
pub struct Frontier {
    dependents: Vec<Vec<NodeId>>,
    missing: Vec<usize>,
    state: Vec<State>,
    ready: BTreeSet<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Ready,
    Taken,
    Settled,
    Failed,
    Skipped,
}

impl Frontier {
    /// Nothing done; what needs nothing is ready.
    pub fn new(plan: &Plan) -> Self {
        let missing: Vec<usize> = plan
            .nodes()
            .map(|id| {
                let needs: BTreeSet<NodeId> = plan.needs(id).iter().map(|n| n.node).collect();
                needs.len()
            })
            .collect();
        let ready: BTreeSet<NodeId> = plan.nodes().filter(|id| missing[id.index()] == 0).collect();
        let state = plan.nodes().map(|id| if ready.contains(&id) { State::Ready } else { State::Waiting }).collect();
        Self { dependents: plan.nodes().map(|id| plan.dependents(id).to_vec()).collect(), missing, state, ready }
    }

    /// Takes a ready node, the first of the plan: its order is that of the file.
    pub fn take(&mut self) -> Option<NodeId> {
        let id = self.ready.pop_first()?;
        self.state[id.index()] = State::Taken;
        Some(id)
    }

    /// Whether nothing is ready to be taken.
    pub fn is_idle(&self) -> bool {
        self.ready.is_empty()
    }

    /// The node's outputs are known; what waited only for it becomes ready.
    pub fn settle(&mut self, id: NodeId) {
        debug_assert_eq!(self.state[id.index()], State::Taken);
        self.state[id.index()] = State::Settled;
        for i in 0..self.dependents[id.index()].len() {
            let next = self.dependents[id.index()][i];
            self.missing[next.index()] -= 1;
            if self.missing[next.index()] == 0 && self.state[next.index()] == State::Waiting {
                self.state[next.index()] = State::Ready;
                self.ready.insert(next);
            }
        }
    }

    /// The node failed. Returns what will therefore never run, in order of the plan.
    pub fn fail(&mut self, id: NodeId) -> Vec<NodeId> {
        self.state[id.index()] = State::Failed;
        let mut skipped = BTreeSet::new();
        let mut stack = self.dependents[id.index()].clone();
        while let Some(next) = stack.pop() {
            if self.state[next.index()] == State::Waiting {
                self.state[next.index()] = State::Skipped;
                skipped.insert(next);
                stack.extend(&self.dependents[next.index()]);
            }
        }
        skipped.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Rng, Seed};

    /// A frontier over a random DAG given by its needs (always of smaller numbers).
    fn frontier(needs: &[Vec<usize>]) -> Frontier {
        let dependents =
            (0..needs.len()).map(|i| (0..needs.len()).filter(|j| needs[*j].contains(&i)).map(NodeId).collect());
        let ready: BTreeSet<NodeId> = (0..needs.len()).filter(|i| needs[*i].is_empty()).map(NodeId).collect();
        Frontier {
            dependents: dependents.collect(),
            missing: needs.iter().map(Vec::len).collect(),
            state: needs.iter().map(|n| if n.is_empty() { State::Ready } else { State::Waiting }).collect(),
            ready,
        }
    }

    fn random_dag(rng: &mut Rng) -> Vec<Vec<usize>> {
        let n = 1 + rng.below(30);
        (0..n).map(|i| (0..i).filter(|_| rng.below(4) == 0).collect()).collect()
    }

    #[test]
    fn no_node_starts_early_and_every_run_ends() {
        for seed in 0..300 {
            let mut rng = Seed(seed).rng();
            let needs = random_dag(&mut rng);
            let mut frontier = frontier(&needs);
            let (mut done, mut failed, mut running) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
            loop {
                while rng.below(3) > 0 || running.is_empty() {
                    let Some(id) = frontier.take() else { break };
                    assert!(needs[id.0].iter().all(|n| done.contains(n)), "{id:?} started early");
                    running.push(id);
                }
                if running.is_empty() {
                    break;
                }
                let id = running.swap_remove(rng.below(running.len()));
                if rng.below(8) == 0 {
                    failed.extend(frontier.fail(id).iter().map(|n| n.0));
                    failed.insert(id.0);
                } else {
                    frontier.settle(id);
                    done.insert(id.0);
                }
            }
            assert_eq!(done.len() + failed.len(), needs.len(), "every node ends");
            for (i, needs) in needs.iter().enumerate() {
                assert!(!done.contains(&i) || needs.iter().all(|n| done.contains(n)));
            }
        }
    }
}
