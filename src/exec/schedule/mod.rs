//! The schedule of a run: the states of all nodes, as one state machine.
//!
//! It has no clock, no disk and no thread. Facts go in: a record exists, inputs are gone, a job
//! ended. Questions, and messages for the listener, come out. So tests can drive it through ten
//! thousand runs in a few seconds.
//!
//! ```text
//!              record there
//! Waiting ---> Ready ---------------------------------------> Made
//!              |   ^ inputs are there again                   ^ |
//!    no record |   |                                          | | its bytes are gone, and
//!              v   |                                          | | somebody needs them
//!              Check ---> Blocked                             | v
//!              |  inputs gone                                 | Check
//!              v                                              |
//!              Queued ---> Running ---------------------------+
//!              |  |                                           |
//!              |  +------> Elsewhere: another process has     |
//!              |           the key. It makes it --------------+
//!              |           or gives up ---> Check
//!              +---------> Twin: this run computes the key already ---> Ready
//! ```
//!
//! A node ends as `Made`, `Failed`, `Skipped`, `Lost`, `Stale` or `Left`.

mod failure;
mod start;
mod state;

#[cfg(test)]
mod simulator;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::urgency::urgency;
use super::{Failure, NodeOutcome, Options, Outputs};
use crate::digest::Digest;
use crate::plan::{NodeId, Plan};
use crate::stage::Wants;
use crate::store::Made;
pub(super) use state::{Action, Inputs, Word};
use state::{Life, State};

/// A node is given up after its inputs were damaged this many times.
const TRIES: usize = 3;

/// The state of a run over a plan.
pub(super) struct Schedule<'a> {
    plan: &'a Plan,
    chosen: &'a BTreeSet<NodeId>,
    options: Options,
    lives: Vec<Life>,
    urgency: Vec<u64>,
    /// Indexes of the nodes by state, to avoid searching all nodes; `set` updates them. This one:
    /// nodes in `Ready` or `Check` that nothing was asked for yet.
    unasked: BTreeSet<NodeId>,
    /// `Queued` nodes. Brief ones come first, because they hold up others for a moment only; then
    /// the nodes with the most work on the way to the end.
    queue: BTreeSet<(Reverse<bool>, Reverse<u64>, NodeId)>,
    running: BTreeMap<Digest, NodeId>,
    elsewhere: BTreeMap<NodeId, Digest>,
    /// Messages for the listener, and `Stop`.
    actions: VecDeque<Action>,
    revived: usize,
    cancelled: bool,
    giving_up: bool,
    /// Whether a warning about a stage above the memory limit was given.
    told_of_memory: bool,
}

impl<'a> Schedule<'a> {
    /// A schedule that knows no record yet. Nodes without needs are ready.
    pub(super) fn new(plan: &'a Plan, chosen: &'a BTreeSet<NodeId>, options: Options) -> Self {
        let waiting = |id: NodeId| {
            let needs: BTreeSet<NodeId> = plan.needs(id).iter().map(|need| need.node).collect();
            Life { state: State::Waiting { missing: needs.len() }, known: None, tries: 0 }
        };
        let mut schedule = Self {
            plan,
            chosen,
            options,
            lives: plan.nodes().map(waiting).collect(),
            urgency: urgency(plan),
            unasked: BTreeSet::new(),
            queue: BTreeSet::new(),
            running: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            actions: VecDeque::new(),
            revived: 0,
            cancelled: false,
            giving_up: false,
            told_of_memory: false,
        };
        plan.nodes().for_each(|id| schedule.ready_if_nothing_is_missing(id));
        schedule
    }

    /// The next action, if any. Ready nodes come in plan order, which follows the spec.
    pub(super) fn next(&mut self) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        let node = self.unasked.pop_first()?;
        if let State::Check = self.state(node) {
            return Some(Action::Check(node));
        }
        // The bytes are wanted in three cases: the report needs those of a result; the user chose a
        // node that no chosen node needs; another stage asked for a known node again. Other nodes
        // only need bytes if a stage that uses them runs.
        let is_end = !self.plan.dependents(node).iter().any(|next| self.chosen.contains(next));
        Some(Action::Lookup { node, bytes: is_end || self.is_known(node) })
    }

    /// Whether there is an action to do before waiting for news.
    pub(super) fn has_next(&self) -> bool {
        !(self.actions.is_empty() && self.unasked.is_empty())
    }

    /// Whether the run has ended.
    pub(super) fn is_over(&self) -> bool {
        !self.has_next()
            && self.queue.is_empty()
            && self.running.is_empty()
            && self.elsewhere.is_empty()
    }

    /// Whether the run stopped itself because a stage failed.
    pub(super) fn gave_up(&self) -> bool {
        self.giving_up
    }

    /// The outcomes of all nodes, and the number of nodes that ran again only for their bytes.
    pub(super) fn end(self) -> (Vec<NodeOutcome>, usize) {
        (self.lives.into_iter().map(Life::outcome).collect(), self.revived)
    }

    /// The outputs of a node, once they are known.
    pub(super) fn outputs(&self, id: NodeId) -> Option<&Outputs> {
        self.lives[id.index()].known.as_ref()?.record().map(|record| &record.outputs)
    }

    /// Fact: the record of a node with this key was found, or there is none.
    pub(super) fn recorded(&mut self, id: NodeId, key: Digest, record: Option<Made>) {
        match record {
            Some(record) => self.made(id, NodeOutcome::Cached { key, record }),
            None if self.options.frozen => self.stale(id),
            None => drop(self.set(id, State::Check)),
        }
    }

    /// Fact: the record of a node was made by this run, but not by a job of its own.
    pub(super) fn ran(&mut self, id: NodeId, key: Digest, record: Made) {
        self.tell(id, Word::Finished { seconds: record.seconds, again: self.is_known(id) });
        self.made(id, NodeOutcome::Ran { key, record });
    }

    /// Fact: the state of the inputs of a node that has to run. Missing inputs are made again
    /// first.
    pub(super) fn checked(&mut self, id: NodeId, inputs: Inputs) {
        let gone = match inputs {
            Inputs::There(wants) => return drop(self.set(id, State::Queued { wants })),
            Inputs::Lost(role) => {
                return self
                    .failed(id, format!("its input {role} is gone from the cache; run again"));
            }
            Inputs::Gone(gone) => gone,
        };
        if let Some(lost) = gone.iter().find(|by| self.lives[by.index()].is_lost()) {
            return self.abandon(id, *lost);
        }
        self.set(id, State::Blocked { by: gone.clone() });
        for by in gone {
            // It may already be on its way for another node.
            if let State::Made = self.state(by) {
                self.revived += 1;
                self.set(by, State::Check);
            }
        }
    }

    /// Fact: the job of a key ended with this result.
    pub(super) fn ended(&mut self, key: &Digest, result: Result<Made, Failure>) {
        let id = *self.running.get(key).expect("only running jobs end");
        let State::Running { twins, .. } = self.set(id, State::Left) else {
            unreachable!("it is among the running")
        };
        match result {
            Ok(record) => {
                self.tell(id, Word::Finished { seconds: record.seconds, again: self.is_known(id) });
                self.made(id, NodeOutcome::Ran { key: *key, record });
            }
            Err(Failure::Cancelled) => {}
            Err(Failure::Input(digest)) => self.damaged(id, &digest),
            Err(Failure::Stage(message) | Failure::Store(message)) => self.failed(id, message),
        }
        for twin in twins {
            self.set(twin, State::Ready);
        }
    }

    /// Fact: the run is to stop. Results of running jobs are still taken; nothing else starts.
    pub(super) fn cancel(&mut self) {
        if self.cancelled {
            return;
        }
        self.cancelled = true;
        self.actions.push_back(Action::Stop);
        let queued: Vec<NodeId> = self.queue.iter().map(|(.., id)| *id).collect();
        for id in queued.into_iter().chain(self.elsewhere.keys().copied().collect::<Vec<_>>()) {
            self.set(id, State::Left);
        }
    }

    fn state(&self, id: NodeId) -> &State {
        &self.lives[id.index()].state
    }

    fn is_known(&self, id: NodeId) -> bool {
        self.lives[id.index()].known.is_some()
    }

    fn tell(&mut self, id: NodeId, word: Word) {
        self.actions.push_back(Action::Tell(id, word));
    }

    fn warn(&mut self, id: NodeId, message: String) {
        self.tell(id, Word::Warning(message));
    }

    /// The only function that changes the state of a node. Returns the old state.
    fn set(&mut self, id: NodeId, state: State) -> State {
        // A stopping run starts nothing and does not wait for other processes.
        let state = match state {
            State::Queued { .. } | State::Elsewhere { .. } if self.cancelled => State::Left,
            state => state,
        };
        let urgency = Reverse(self.urgency[id.index()]);
        let place = |wants: &Wants| (Reverse(wants.brief), urgency, id);
        match self.state(id) {
            State::Ready | State::Check => drop(self.unasked.remove(&id)),
            State::Queued { wants } => drop(self.queue.remove(&place(wants))),
            State::Running { key, .. } => drop(self.running.remove(&key.clone())),
            State::Elsewhere { .. } => drop(self.elsewhere.remove(&id)),
            _ => {}
        }
        match &state {
            State::Ready | State::Check => drop(self.unasked.insert(id)),
            State::Queued { wants } => drop(self.queue.insert(place(wants))),
            State::Running { key, .. } => drop(self.running.insert(*key, id)),
            State::Elsewhere { key } => drop(self.elsewhere.insert(id, *key)),
            _ => {}
        }
        std::mem::replace(&mut self.lives[id.index()].state, state)
    }

    /// A node has its outputs, for the first time or again.
    fn made(&mut self, id: NodeId, outcome: NodeOutcome) {
        self.set(id, State::Made);
        match self.lives[id.index()].known.take() {
            None => {
                if let NodeOutcome::Cached { record, .. } = &outcome {
                    self.tell(id, Word::Cached { seconds: record.seconds });
                }
                self.lives[id.index()].known = Some(outcome);
                for next in self.plan.dependents(id) {
                    if let State::Waiting { missing } = *self.state(*next) {
                        self.set(*next, State::Waiting { missing: missing - 1 });
                        self.ready_if_nothing_is_missing(*next);
                    }
                }
            }
            Some(before) => self.made_again(id, before, outcome),
        }
        for next in self.plan.dependents(id) {
            let State::Blocked { by } = &mut self.lives[next.index()].state else { continue };
            if by.remove(&id) && by.is_empty() {
                self.set(*next, State::Ready);
            }
        }
    }

    /// The bytes of a node were made again. It keeps its outcome and should have the same outputs
    /// as before.
    fn made_again(&mut self, id: NodeId, mut before: NodeOutcome, outcome: NodeOutcome) {
        let (Some(old), Some(new)) = (before.record_mut(), outcome.record()) else {
            unreachable!("both are known")
        };
        if old.outputs != new.outputs {
            old.outputs.clone_from(&new.outputs);
            let label = &self.plan.node(id).label;
            self.warn(
                id,
                format!("{label} gave other bytes than last time: this stage is not deterministic"),
            );
        }
        self.lives[id.index()].known = Some(before);
    }

    fn ready_if_nothing_is_missing(&mut self, id: NodeId) {
        if matches!(self.state(id), State::Waiting { missing: 0 }) && self.chosen.contains(&id) {
            self.set(id, State::Ready);
        }
    }
}
