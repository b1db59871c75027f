//! The run loop: the one owner of what is ready, running, known and failed.
//!
//! A node passes through here like this:
//!
//! ```text
//! all it needs is known -> key -> record there?  yes: cached
//!                                                no:  are the bytes of its inputs there?
//!        no: whoever made them is made again first, then the node is looked at anew
//!        yes: queue -> key lock (held by another process: wait, look again) -> executor -> record
//! ```

mod failure;
mod pace;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::executor::{Executor, Finished, Heard};
use super::found::found;
use super::keys::{Keyed, Outputs, keyed};
use super::urgency::urgency;
use super::{Event, Failure, Listener, NodeOutcome, Options, RunOutcome};
use crate::context::Progress;
use crate::digest::Digest;
use crate::plan::{Frontier, NodeId, Plan};
use crate::stage::Wants;
use crate::store::{Attempt, Found, LastKeys, Made, Store, StoreError};
use pace::Pace;

/// How long to wait for a result before looking at locks and at the wish to stop.
const TICK: Duration = Duration::from_millis(100);

/// A node whose inputs keep being damaged is given up after this many tries.
const TRIES: usize = 3;

struct Running {
    wants: Wants,
    threads: usize,
    pace: Pace,
}

struct Run<'a> {
    plan: &'a Plan,
    store: &'a Store,
    options: Options,
    chosen: &'a BTreeSet<NodeId>,
    last: LastKeys,
    cancel: &'a AtomicBool,
    listener: &'a mut dyn Listener,
    frontier: Frontier,
    outputs: Vec<Option<Outputs>>,
    nodes: Vec<NodeOutcome>,
    /// Nodes whose outputs the frontier knows of.
    settled: Vec<bool>,
    keyed: BTreeMap<NodeId, Keyed>,
    /// Ready to start: those with the most work below them first.
    queue: BTreeSet<(std::cmp::Reverse<u64>, NodeId)>,
    running: BTreeMap<NodeId, Running>,
    /// Nodes that cannot be made again.
    lost: BTreeSet<NodeId>,
    /// Waiting for another process that holds their key.
    elsewhere: BTreeSet<NodeId>,
    /// Nodes that wait for outputs to be made again, and what they wait for.
    blocked: BTreeMap<NodeId, BTreeSet<NodeId>>,
    tries: BTreeMap<NodeId, usize>,
    urgency: Vec<u64>,
    revived: usize,
    giving_up: bool,
    /// Whether it was said that a stage wants more memory than there may be.
    told_of_memory: bool,
    begun: Instant,
}

/// Runs the `chosen` nodes of a plan (with all they need) as far as they are not cached.
#[expect(clippy::too_many_arguments, reason = "each is one thing that a run is made of")]
pub fn run(
    plan: &Plan,
    chosen: &BTreeSet<NodeId>,
    store: &Store,
    last: LastKeys,
    executor: &mut dyn Executor,
    options: Options,
    cancel: &Arc<AtomicBool>,
    listener: &mut dyn Listener,
) -> Result<RunOutcome, StoreError> {
    #[expect(clippy::disallowed_methods, reason = "the wall time is shown, never used")]
    let begun = Instant::now();
    listener.hear(Event::Begun { plan, stages: chosen.len() });
    let mut run = Run {
        plan,
        store,
        options,
        chosen,
        last,
        cancel,
        listener,
        frontier: Frontier::new(plan),
        outputs: vec![None; plan.len()],
        nodes: vec![NodeOutcome::NotRun; plan.len()],
        settled: vec![false; plan.len()],
        keyed: BTreeMap::new(),
        queue: BTreeSet::new(),
        running: BTreeMap::new(),
        lost: BTreeSet::new(),
        elsewhere: BTreeSet::new(),
        blocked: BTreeMap::new(),
        tries: BTreeMap::new(),
        urgency: urgency(plan),
        revived: 0,
        giving_up: false,
        told_of_memory: false,
        begun,
    };
    run.work(executor)?;
    let interrupted = cancel.load(Ordering::Relaxed) && !run.giving_up;
    let outcome = RunOutcome { nodes: run.nodes, interrupted, wall: begun.elapsed(), revived: run.revived };
    listener.hear(Event::Ended { tally: &outcome.tally() });
    Ok(outcome)
}

impl Run<'_> {
    fn work(&mut self, executor: &mut dyn Executor) -> Result<(), StoreError> {
        loop {
            while let Some(id) = self.frontier.take() {
                self.consider(id)?;
            }
            if self.stopping() {
                self.queue.clear();
                self.elsewhere.clear();
            }
            self.start_what_fits(executor)?;
            if self.running.is_empty() && self.elsewhere.is_empty() {
                // Starting can settle a node that another process has made meanwhile, and so open others.
                if self.queue.is_empty() && self.frontier.is_idle() {
                    return Ok(());
                }
                continue;
            }
            if self.running.is_empty() {
                std::thread::sleep(TICK);
            } else {
                match executor.wait(TICK) {
                    Some(Heard::Finished(finished)) => self.finished(*finished)?,
                    Some(Heard::Progress(key, progress)) => self.progressed(&key, &progress),
                    None => {}
                }
            }
            self.look_elsewhere()?;
            self.listener.tick();
        }
    }

    fn stopping(&self) -> bool {
        self.giving_up || self.cancel.load(Ordering::Relaxed)
    }

    fn label(&self, id: NodeId) -> &str {
        &self.plan.node(id).label
    }

    /// All that a node needs is known: is it cached, or must it run?
    fn consider(&mut self, id: NodeId) -> Result<(), StoreError> {
        if !self.chosen.contains(&id) {
            return Ok(());
        }
        let keyed = keyed(self.plan, id, &self.outputs).expect("a node is considered when its inputs are known");
        // The bytes of a result are wanted by the report, those of a node that nothing chosen needs by who chose
        // it, those of a node looked at again by whoever asked; those in between only by stages that run.
        let is_end = !self.plan.dependents(id).iter().any(|next| self.chosen.contains(next));
        let bytes_wanted = self.settled[id.index()] || is_end;
        match self.record(id, &keyed.key) {
            Some(record) if !bytes_wanted || self.complete(id, &record) => {
                self.made(id, NodeOutcome::Cached { key: keyed.key, record })
            }
            _ => {
                self.keyed.insert(id, keyed);
                self.prepare(id)
            }
        }
    }

    /// The record of a node, if there is one. That there is a damaged one is told.
    fn record(&mut self, id: NodeId, key: &Digest) -> Option<Made> {
        match found(self.store, &self.plan.node(id).stage, key) {
            Found::Damaged(why) => {
                let message = format!("the record of {} is damaged ({why}); it is made again", self.label(id));
                self.listener.hear(Event::Warning { message });
                None
            }
            found => found.sound(),
        }
    }

    /// Whether the outputs of a record are there. Those of a result are read, because no stage reads them
    /// later: damage to them would be found when it is too late to make them again.
    fn complete(&self, id: NodeId, record: &Made) -> bool {
        let is_there =
            |object| if self.plan.is_result(id) { self.store.read(object).is_ok() } else { self.store.has(object) };
        record.outputs.values().all(is_there)
    }

    /// Queues a node, after having made again what is gone of its inputs.
    fn prepare(&mut self, id: NodeId) -> Result<(), StoreError> {
        if self.options.frozen {
            self.nodes[id.index()] = NodeOutcome::Stale;
            for next in self.frontier.fail(id) {
                self.nodes[next.index()] = NodeOutcome::Stale;
            }
            return Ok(());
        }
        if let Some((role, _)) = self.plan.node(id).given.iter().find(|(_, object)| !self.store.has(object)) {
            self.failed(id, format!("its input {role} is gone from the cache; run again"));
            return Ok(());
        }
        let gone: BTreeSet<NodeId> = (self.plan.needs(id).iter())
            .filter(|need| !self.store.has(&self.keyed[&id].inputs[&need.role.to_string()]))
            .map(|need| need.node)
            .collect();
        if gone.is_empty() {
            self.queue.insert((std::cmp::Reverse(self.urgency[id.index()]), id));
            return Ok(());
        }
        if let Some(lost) = gone.iter().find(|producer| self.lost.contains(producer)) {
            self.abandon(id, *lost);
            return Ok(());
        }
        self.blocked.insert(id, gone.clone());
        for producer in gone {
            if !self.busy(producer) {
                self.revived += 1;
                let again = keyed(self.plan, producer, &self.outputs).expect("it was settled before");
                self.keyed.insert(producer, again);
                self.prepare(producer)?;
            }
        }
        Ok(())
    }

    /// Whether a node is on its way already.
    fn busy(&self, id: NodeId) -> bool {
        self.running.contains_key(&id)
            || self.elsewhere.contains(&id)
            || self.blocked.contains_key(&id)
            || self.queue.contains(&(std::cmp::Reverse(self.urgency[id.index()]), id))
    }

    fn progressed(&mut self, key: &Digest, progress: &Progress) {
        let Some((id, running)) = self.running.iter_mut().find(|(id, _)| self.keyed[*id].key == *key) else { return };
        let Progress { done, total, text } = progress;
        let left_seconds = running.pace.hear(self.begun.elapsed().as_secs_f64(), *done, *total);
        let label = self.plan.node(*id).label.as_str();
        let (node, done, total) = (*id, *done, *total);
        self.listener.hear(Event::Progress { node, label, done, total, text, left_seconds });
    }

    fn finished(&mut self, finished: Finished) -> Result<(), StoreError> {
        let Finished { job, result } = finished;
        let id = *self.running.keys().find(|id| self.keyed[*id].key == job.key).expect("only running jobs finish");
        self.running.remove(&id);
        match result {
            Ok(record) => {
                let label = self.plan.node(id).label.as_str();
                let again = self.settled[id.index()];
                self.listener.hear(Event::Finished { node: id, label, seconds: record.seconds, again });
                self.made(id, NodeOutcome::Ran { key: job.key, record })
            }
            Err(Failure::Cancelled) => Ok(()),
            Err(Failure::Store(message)) => Err(StoreError::Io {
                path: self.store.root().display().to_string(),
                source: std::io::Error::other(message),
            }),
            Err(Failure::Input(digest)) => self.damaged(id, digest),
            Err(Failure::Stage(message)) => {
                self.failed(id, message);
                Ok(())
            }
        }
    }

    fn damaged(&mut self, id: NodeId, digest: Digest) -> Result<(), StoreError> {
        let tries = self.tries.entry(id).or_insert(0);
        *tries += 1;
        if *tries >= TRIES {
            self.failed(id, format!("its input {digest} was damaged {TRIES} times: is the disk sound?"));
            return Ok(());
        }
        let message = format!("an input of {} was missing or damaged; it is made again", self.label(id));
        self.listener.hear(Event::Warning { message });
        self.prepare(id)
    }

    /// A node has its outputs, for the first time or again.
    fn made(&mut self, id: NodeId, outcome: NodeOutcome) -> Result<(), StoreError> {
        if self.settled[id.index()] {
            let record = outcome.record().expect("it was made");
            if self.outputs[id.index()].as_ref() != Some(&record.outputs) {
                let label = self.label(id);
                let message = format!("{label} gave other bytes than last time: this stage is not deterministic");
                self.listener.hear(Event::Warning { message });
                self.outputs[id.index()] = Some(record.outputs.clone());
            }
        } else {
            self.settle(id, outcome);
        }
        // Its key document is the largest thing that is known of it, and nobody asks for it any more.
        self.keyed.remove(&id);
        for waiter in self.unblock(id) {
            self.consider(waiter)?;
        }
        Ok(())
    }

    /// Nodes that waited for this one alone.
    fn unblock(&mut self, id: NodeId) -> Vec<NodeId> {
        for gone in self.blocked.values_mut() {
            gone.remove(&id);
        }
        let free: Vec<NodeId> = self.blocked.iter().filter(|(_, gone)| gone.is_empty()).map(|(id, _)| *id).collect();
        free.iter().for_each(|id| drop(self.blocked.remove(id)));
        free
    }

    fn settle(&mut self, id: NodeId, outcome: NodeOutcome) {
        let label = self.plan.node(id).label.as_str();
        if let NodeOutcome::Cached { .. } = outcome {
            self.listener.hear(Event::Cached { node: id, label });
        }
        self.outputs[id.index()] = outcome.record().map(|r| r.outputs.clone());
        self.nodes[id.index()] = outcome;
        self.settled[id.index()] = true;
        self.frontier.settle(id);
    }

    /// Looks at keys that other processes hold: made, or given up by them?
    fn look_elsewhere(&mut self) -> Result<(), StoreError> {
        for id in self.elsewhere.clone() {
            let key = self.keyed[&id].key;
            let record = found(self.store, &self.plan.node(id).stage, &key).sound();
            if let Some(record) = record.filter(|record| self.complete(id, record)) {
                self.elsewhere.remove(&id);
                self.made(id, NodeOutcome::Cached { key, record })?;
            } else if let Attempt::Taken(lock) = self.store.try_lock(&key)? {
                drop(lock);
                self.elsewhere.remove(&id);
                self.prepare(id)?;
            }
        }
        Ok(())
    }
}
