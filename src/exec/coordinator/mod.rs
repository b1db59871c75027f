//! The loop of a run: it asks the schedule for the next action, does it, and reports the result.
//!
//! It owns the store, the desk, the executor and the listener, and decides nothing. [`Schedule`]
//! decides what happens when.

mod pace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::executor::{Executor, Finished, Grant, Lease, News};
use super::found::found;
use super::keys::{Keyed, keyed};
use super::reason::{since_last, why};
use super::remote::Uploads;
use super::schedule::{Action, Inputs, Schedule, Word};
use super::{Event, Failure, Job, Listener, Options, RunOutcome};
use crate::context::Progress;
use crate::desk::{Desk, LastKeys};
use crate::digest::Digest;
use crate::plan::{Need, NodeId, Plan};
use crate::stage::{LONGEST, Wants};
use crate::store::{Found, Made, ObjectRef, Store, Unusable};
use pace::Pace;

/// How long to wait for a result before checking locks and the cancel flag.
const TICK: Duration = Duration::from_millis(100);

struct Run<'a> {
    plan: &'a Plan,
    schedule: Schedule<'a>,
    store: &'a Store,
    desk: &'a Desk,
    executor: &'a mut dyn Executor,
    listener: &'a mut dyn Listener,
    last: LastKeys,
    cancel: &'a AtomicBool,
    /// The pace of each running job.
    paces: BTreeMap<Digest, Pace>,
    /// The last lines of the logs of stages that failed.
    said: BTreeMap<NodeId, Vec<String>>,
    begun: Instant,
    uploads: Uploads,
}

/// Runs the `chosen` nodes of a plan, as far as they are not cached. `chosen` must contain all
/// nodes that they need.
#[expect(clippy::too_many_arguments, reason = "each is one thing that a run is made of")]
pub fn run(
    plan: &Plan,
    chosen: &BTreeSet<NodeId>,
    store: &Store,
    desk: &Desk,
    last: LastKeys,
    executor: &mut dyn Executor,
    options: Options,
    cancel: &Arc<AtomicBool>,
    listener: &mut dyn Listener,
) -> Result<RunOutcome, Unusable> {
    #[expect(clippy::disallowed_methods, reason = "the wall time is shown, never used")]
    let begun = Instant::now();
    listener.hear(Event::Begun { plan, chosen });
    let schedule = Schedule::new(plan, chosen, options);
    let mut run = Run {
        plan,
        schedule,
        store,
        desk,
        executor,
        listener,
        last,
        cancel,
        paces: BTreeMap::new(),
        said: BTreeMap::new(),
        begun,
        uploads: Uploads::new(store, cancel),
    };
    if let Err(error) = run.work() {
        run.executor.stop();
        return Err(error);
    }
    run.uploads.finish();
    let interrupted = cancel.load(Ordering::Relaxed) && !run.schedule.gave_up();
    let said = run.said;
    let (nodes, revived) = run.schedule.end();
    let outcome = RunOutcome { nodes, said, interrupted, wall: begun.elapsed(), revived };
    listener.hear(Event::Ended { tally: &outcome.tally() });
    Ok(outcome)
}

impl Run<'_> {
    fn work(&mut self) -> Result<(), Unusable> {
        loop {
            self.answer();
            self.start()?;
            // Starting a node may reveal a record of another process, which makes further nodes
            // ready.
            if self.schedule.has_next() {
                continue;
            }
            if self.schedule.is_over() {
                return Ok(());
            }
            self.executor.round();
            match self.executor.wait(TICK) {
                Some(News::Finished(finished)) => self.finished(*finished)?,
                Some(News::Progress(key, progress)) => self.progressed(&key, &progress),
                Some(News::Warning(message)) => self.listener.hear(Event::Warning { message }),
                None => {}
            }
            self.look_elsewhere()?;
            for message in self.store.notices() {
                self.listener.hear(Event::Warning { message });
            }
            self.listener.tick();
        }
    }

    /// Passes the cancel flag on to the schedule.
    fn heed(&mut self) {
        if self.cancel.load(Ordering::Relaxed) {
            self.schedule.cancel();
        }
    }

    /// Does what the schedule asks for.
    fn answer(&mut self) {
        while let Some(action) = self.schedule.next() {
            match action {
                Action::Lookup { node, bytes } => {
                    let key = self.keyed(node).key;
                    let record = self
                        .record(node, &key)
                        .filter(|record| !bytes || self.complete(node, record));
                    self.settle(node, key, record);
                }
                Action::Check(node) => self.schedule.checked(node, self.inputs(node)),
                Action::Tell(node, word) => self.tell(node, word),
                Action::Stop => {
                    self.cancel.store(true, Ordering::Relaxed);
                    self.executor.stop();
                }
            }
        }
    }

    /// Starts the jobs that the executor admits.
    fn start(&mut self) -> Result<(), Unusable> {
        self.heed();
        while let Some((id, grant)) =
            self.schedule.offer(|wants, waiting| self.executor.admit(wants, waiting))
        {
            let keyed = self.keyed(id);
            let key = keyed.key;
            if self.schedule.claim(id, &key) {
                match self.executor.lease(&key)? {
                    Lease::Held(by) => self.schedule.held(id, key, by),
                    // Another process may have made it between the lookup and the lock.
                    Lease::Ours(lock) => match self.whole_record(id, &key) {
                        Some(record) => self.settle(id, key, Some(record)),
                        None => {
                            let job = self.job(id, keyed, &grant);
                            self.schedule.started(id, key);
                            let stage = |id: NodeId| &self.plan.node(id).stage;
                            let fuses = |next| self.executor.fuses(stage(id), stage(next));
                            let chain = self.schedule.chain(id, fuses);
                            self.executor.start(job, chain, grant, lock);
                        }
                    },
                }
            }
            self.heed();
        }
        Ok(())
    }

    /// Passes on whether there is a record. One that this run made elsewhere counts as made by it.
    fn settle(&mut self, id: NodeId, key: Digest, record: Option<Made>) {
        match record {
            Some(record) if self.executor.is_making(id) => {
                self.tell_start(id, &self.keyed(id));
                self.schedule.ran(id, key, record);
            }
            record => self.schedule.recorded(id, key, record),
        }
    }

    fn tell_start(&mut self, id: NodeId, keyed: &Keyed) {
        let node = self.plan.node(id);
        let last = self.last.get(&node.label);
        // The record of a node on its way in a chain may be there already.
        let making = self.executor.is_making(id);
        let why = if making { since_last } else { why }(keyed, last, self.store);
        let recorded = |id: NodeId| {
            let last = self.last.get(&self.plan.node(id).label)?;
            Some(self.store.record(&last.key).sound()?.seconds)
        };
        let label = &node.label;
        self.listener.hear(Event::Started { node: id, label, why: &why, recorded: &recorded });
    }

    fn job(&mut self, id: NodeId, keyed: Keyed, grant: &Grant) -> Job {
        self.tell_start(id, &keyed);
        Job::of(keyed, self.plan.node(id), grant.threads)
    }

    fn finished(&mut self, Finished { job, result }: Finished) -> Result<(), Unusable> {
        self.heed();
        self.paces.remove(&job.key);
        if let Err(Failure::Store(message)) = result {
            let path = self.store.root().display().to_string();
            return Err(Unusable::Io { path, source: std::io::Error::other(message) });
        }
        self.schedule.ended(&job.key, result);
        Ok(())
    }

    /// Checks keys that other processes hold: they may be done or given up.
    fn look_elsewhere(&mut self) -> Result<(), Unusable> {
        for (id, key) in self.schedule.elsewhere() {
            if let Some(record) = self.whole_record(id, &key) {
                self.schedule.recorded(id, key, Some(record));
            } else if let Lease::Ours(lock) = self.executor.lease(&key)? {
                drop(lock);
                self.schedule.freed(id);
            }
        }
        Ok(())
    }

    fn keyed(&self, id: NodeId) -> Keyed {
        keyed(self.plan, id, |need| self.schedule.outputs(need))
            .expect("all that it needs is known")
    }

    /// The record of a node, if there is one. Warns about a damaged record.
    fn record(&mut self, id: NodeId, key: &Digest) -> Option<Made> {
        let node = self.plan.node(id);
        match found(self.store, &node.stage, key) {
            Found::Damaged(why) => {
                let message =
                    format!("the record of {} is damaged ({why}); it is made again", node.label);
                self.listener.hear(Event::Warning { message });
                None
            }
            Found::Unreadable(why) => {
                let message = format!("the record of {} cannot be read now: {why}", node.label);
                self.listener.hear(Event::Warning { message });
                None
            }
            found => found.sound(),
        }
    }

    fn whole_record(&self, id: NodeId, key: &Digest) -> Option<Made> {
        let record = found(self.store, &self.plan.node(id).stage, key).sound();
        record.filter(|record| self.complete(id, record))
    }

    /// Whether the outputs of a record exist. Outputs of a result are also read and checked,
    /// because no stage reads them later: damage would be found too late to make them again.
    fn complete(&self, id: NodeId, record: &Made) -> bool {
        let is_there = |object: &ObjectRef| match self.plan.is_result(id) {
            true => self.store.read(object).is_ok(),
            false => self.store.has(object),
        };
        record.outputs.values().all(is_there)
    }

    fn inputs(&self, id: NodeId) -> Inputs {
        let node = self.plan.node(id);
        if let Some((role, _)) = node.given.iter().find(|(_, object)| !self.has(object)) {
            return Inputs::Lost(role.to_string());
        }
        let object = |need: &Need| {
            self.schedule.outputs(need.node).expect("all that it needs is known")
                [&need.output.to_string()]
        };
        let gone: BTreeSet<NodeId> = node
            .needs
            .iter()
            .filter(|need| !self.has(&object(need)))
            .map(|need| need.node)
            .collect();
        if !gone.is_empty() {
            return Inputs::Gone(gone);
        }
        Inputs::There(self.wants(id))
    }

    /// Whether a job can have an object. Workers on other machines do not ask the remote cache.
    fn has(&self, object: &ObjectRef) -> bool {
        match self.executor.fetches() {
            true => self.store.has(object),
            false => self.store.fetch(object),
        }
    }

    fn wants(&self, id: NodeId) -> Wants {
        let node = self.plan.node(id);
        let given = node.given.iter().map(|(role, object)| (role.to_string(), object.bytes));
        let made = node.needs.iter().filter_map(|need| {
            let object = self.schedule.outputs(need.node)?.get(&need.output.to_string())?;
            Some((need.role.to_string(), object.bytes))
        });
        let longest = Some((LONGEST.to_owned(), node.longest)).filter(|(_, samples)| *samples > 0);
        node.stage.wants(&given.chain(made).chain(longest).collect())
    }

    fn progressed(&mut self, key: &Digest, Progress { done, total, text }: &Progress) {
        let Some(node) = self.schedule.at_work(key) else { return };
        let (label, done, total) = (self.plan.node(node).label.as_str(), *done, *total);
        let pace = self.paces.entry(*key).or_default();
        let left_seconds = pace.hear(self.begun.elapsed().as_secs_f64(), done, total);
        self.listener.hear(Event::Progress { node, label, done, total, text, left_seconds });
    }

    fn tell(&mut self, node: NodeId, word: Word) {
        let label = self.plan.node(node).label.as_str();
        match word {
            Word::Cached { seconds } => self.listener.hear(Event::Cached { node, label, seconds }),
            Word::Finished { seconds, again } => {
                self.uploads.add(self.keyed(node).key);
                self.listener.hear(Event::Finished { node, label, seconds, again })
            }
            Word::Failed(message) => {
                let key = self.keyed(node).key;
                let log = Some(self.desk.log_path(&key)).filter(|path| path.exists());
                let said = log.as_ref().map(|_| self.desk.log_end(&key)).unwrap_or_default();
                let said = self.said.entry(node).insert_entry(said).into_mut();
                self.listener.hear(Event::Failed { node, label, message: &message, log, said });
            }
            Word::Skipped { because } => {
                let because = self.plan.node(because).label.as_str();
                self.listener.hear(Event::Skipped { node, label, because });
            }
            Word::Shared(by) => self.listener.hear(Event::Shared { label, by }),
            Word::Warning(message) => self.listener.hear(Event::Warning { message }),
        }
    }
}
