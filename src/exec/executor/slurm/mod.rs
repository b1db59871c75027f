//! Stages on the nodes of a cluster, by job arrays of Slurm.
//!
//! * **Batches.** Jobs that start together become arrays, one for each kind of request. Chains of
//!   nodes run in one task, and short chains share a task, so that a task lasts minutes: Slurm needs
//!   some tenths of a second for each.
//! * **Truth.** The record in the cache says that a node is done. What a worker reports, and what
//!   Slurm says of its task, only says where to look.
//! * **Loss.** The nodes of a task that Slurm lost run once more, each alone; after a time-out with
//!   twice the time, after too little memory with twice the memory. A node that is lost again has
//!   failed. What made room for others does not count as lost.
//! * **Silence.** While the controller does not answer, nothing is given up and nothing submitted.
//! * **Restart.** Batches are files in the cache. A head that starts again finds its arrays in the
//!   queue of Slurm and waits for them. Ctrl-C cancels them.

mod batch;
mod command;
mod lost;
mod profile;
mod queue;
mod silence;
mod task;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::{Executor, Finished, Grant, Lease, News};
use crate::desk::{Attempt, Desk, KeyLock};
use crate::digest::Digest;
use crate::exec::found::found;
use crate::exec::{Failure, Job};
use crate::plan::NodeId;
use crate::stage::{StageSpec, Wants};
use crate::store::{Store, Unusable};
pub use batch::{Batch, Report};
use batch::{Class, tasks};
use lost::Lost;
pub use profile::Profile;
use profile::THREADS;
use silence::{Silence, Unsure};
use task::{Place, Task};

/// Jobs are gathered for this long, while others run.
const GATHER: Duration = Duration::from_millis(500);
/// Times between two looks at the reports: from, to.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Times between two questions to Slurm: from, to.
const ASKS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// A task that Slurm does not know is given this long to appear.
const PATIENCE: Duration = Duration::from_secs(6);
/// The files of a task that came to its end are given this long to appear: file systems of clusters
/// remember for up to a minute that there was none.
const LAG: Duration = Duration::from_secs(90);
/// How long a task should last, in minutes.
const MINUTES: f64 = 5.0;
/// Slurm starts tasks in rounds that are about a second apart: stages of fewer seconds are brief.
const BRIEF: f64 = 1.0;
/// Jobs in Slurm's hands at once.
const MOST: usize = 50_000;
/// Elements of an array. Slurm's own default is 1,001.
const ELEMENTS: usize = 1000;
/// The most locks of keys that a head holds: each is an open file. Beyond them, two heads may
/// compute a key twice, and the first record wins.
const LOCKS: usize = 400;
/// Stages of these kinds begin a task. The others may follow one in it: they take little time and
/// memory.
const HEAVY: [&str; 5] = ["levels", "features", "embedding", "network", "training"];
/// A run on a cluster: the name of its experiment, its digest, and what to ask for.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub experiment: String,
    pub run: Digest,
    pub profile: Profile,
}

impl Cluster {
    /// Errors: Slurm is not installed here, or its controller does not answer.
    pub fn answers() -> Result<(), String> {
        queue::answers()
    }
}

/// A job that the schedule waits for.
struct Asked {
    job: Job,
    /// The node, and those that may follow it in its task.
    chain: Vec<NodeId>,
    grant: Grant,
    /// Held while the job runs, so that another head on this machine waits for it.
    _lock: Option<KeyLock>,
}

pub struct Slurm {
    store: Store,
    desk: Desk,
    cluster: Cluster,
    cancel: Arc<AtomicBool>,
    asked: BTreeMap<NodeId, Asked>,
    /// Nodes to be submitted, in the order of their urgency.
    pending: Vec<NodeId>,
    gathering: Option<Instant>,
    tasks: BTreeMap<Place, Task>,
    /// Held by the head of the run that takes up what another one left. A second head neither
    /// follows nor cancels the arrays of the first.
    head: Option<KeyLock>,
    /// Batches that the controller may have taken.
    unsure: BTreeMap<u32, Unsure>,
    /// The names of arrays that were submitted again, because Slurm did not seem to have them.
    strays: BTreeSet<String>,
    silence: Option<Silence>,
    /// The batches that it submitted or took up.
    batches: BTreeSet<u32>,
    /// The task of a node that is not done.
    places: BTreeMap<NodeId, Place>,
    /// Nodes of this run that a worker has made.
    made: BTreeSet<NodeId>,
    /// Failures of nodes that nobody asked for yet.
    failures: BTreeMap<NodeId, Failure>,
    lost: BTreeMap<NodeId, Lost>,
    /// Seconds and number of done stages by kind.
    seconds: BTreeMap<&'static str, (f64, u32)>,
    news: VecDeque<News>,
    looked: Option<Instant>,
    pause: Duration,
    /// When something was last submitted or reported.
    stirred: Instant,
    questioned: Option<Instant>,
    patience: Duration,
    /// The processors of the cluster, and of its widest node, by partition.
    processors: BTreeMap<Option<String>, (usize, usize)>,
    /// Whether everything went well, so that the files of batches can go.
    clean: bool,
}

#[expect(clippy::disallowed_methods, reason = "decides only when to look, never a result")]
fn now() -> Instant {
    Instant::now()
}

impl Slurm {
    /// Takes up what an earlier head of the run left in Slurm's queue.
    pub fn new(store: Store, desk: Desk, cluster: Cluster, cancel: Arc<AtomicBool>) -> Self {
        let mut slurm = Self {
            store,
            desk,
            cluster,
            cancel,
            asked: BTreeMap::new(),
            pending: Vec::new(),
            gathering: None,
            tasks: BTreeMap::new(),
            head: None,
            unsure: BTreeMap::new(),
            strays: BTreeSet::new(),
            silence: None,
            batches: BTreeSet::new(),
            places: BTreeMap::new(),
            made: BTreeSet::new(),
            failures: BTreeMap::new(),
            lost: BTreeMap::new(),
            seconds: BTreeMap::new(),
            news: VecDeque::new(),
            looked: None,
            pause: LOOKS.0,
            stirred: now(),
            questioned: None,
            patience: ASKS.0,
            processors: BTreeMap::new(),
            clean: true,
        };
        slurm.lead();
        slurm
    }

    /// Becomes the head that takes up what others left, unless there is one. If the first head ends
    /// before its run, a second one comes after it.
    fn lead(&mut self) {
        if self.head.is_some() || self.silence.is_some() {
            return;
        }
        let Ok(Attempt::Taken(lock)) = self.desk.try_lock(&self.cluster.run) else { return };
        let begun = now();
        match self.take_up() {
            Ok(()) => {
                self.head = Some(lock);
                self.pending.retain(|node| !self.places.contains_key(node));
            }
            // It tries again when Slurm answers.
            Err(said) => self.unanswered(begun, &said),
        }
    }

    fn done(&mut self, node: NodeId, result: Result<crate::store::Made, Failure>) {
        let Some(asked) = self.asked.remove(&node) else { return };
        if let Ok(made) = &result {
            let (seconds, count) = self.seconds.entry(asked.job.stage.name()).or_default();
            (*seconds, *count) = (*seconds + made.seconds, *count + 1);
        } else {
            self.clean = false;
        }
        let finished = Finished { job: asked.job, result };
        self.news.push_back(News::Finished(Box::new(finished)));
    }

    /// The record of an asked node, if it is in the cache by now.
    fn look_up(&mut self, node: NodeId) -> bool {
        let Some(asked) = self.asked.get(&node) else { return true };
        let record = found(&self.store, &asked.job.stage, &asked.job.key).sound();
        // A record may outlive its objects, which the stage then makes again.
        let whole = record.filter(|made| made.outputs.values().all(|o| self.store.has(o)));
        let Some(made) = whole else { return false };
        self.done(node, Ok(made));
        true
    }

    fn submit_later(&mut self, node: NodeId) {
        if self.asked.contains_key(&node) {
            self.pending.push(node);
            self.gathering.get_or_insert_with(now);
        }
    }

    fn class(&self, asked: &Asked) -> Class {
        let kind = asked.job.stage.name();
        let mut request = self.cluster.profile.request(kind);
        let lost = self.lost.get(&asked.chain[0]).copied().unwrap_or_default();
        if let Some(minutes) = request.time.as_deref().and_then(profile::minutes) {
            request.time =
                (lost.time > 0).then(|| (minutes << lost.time).to_string()).or(request.time);
        }
        let least = request.memory.as_deref().and_then(profile::megabytes).unwrap_or(0);
        // An estimate, and what the program itself takes.
        let expected = (asked.grant.memory + asked.grant.memory / 4) / (1 << 20) + 256;
        let megabytes = least.max(expected).next_multiple_of(256) << lost.memory;
        Class { request, threads: asked.job.threads, megabytes, alone: lost.times > 0 }
    }

    /// Submits what was gathered.
    fn submit(&mut self) {
        self.gathering = None;
        let mut classes: BTreeMap<Class, Vec<NodeId>> = BTreeMap::new();
        for node in std::mem::take(&mut self.pending) {
            let Some(asked) = self.asked.get(&node) else { continue };
            classes.entry(self.class(asked)).or_default().push(node);
        }
        for (class, nodes) in classes {
            if self.silence.is_some() {
                // They wait for the next answer.
                nodes.into_iter().for_each(|node| self.submit_later(node));
                continue;
            }
            let seconds = 60.0 * self.cluster.profile.task_minutes.unwrap_or(MINUTES);
            // A class that Slurm refused may have taken nodes of this one with it.
            let chain = |node: &NodeId| {
                let chain = &self.asked.get(node)?.chain;
                Some(if class.alone { vec![*node] } else { chain.clone() })
            };
            let chains: Vec<Vec<NodeId>> = nodes.iter().filter_map(chain).collect();
            let each = nodes.iter().map(|node| self.expected(*node)).sum::<Option<f64>>();
            let (processors, _) = self.processors(&class.request.partition);
            let at_once = if class.alone { usize::MAX } else { processors / class.threads };
            let each = each.map(|all| all / nodes.len() as f64);
            for tasks in tasks(chains, each, seconds, at_once).chunks(ELEMENTS) {
                self.submit_array(&class, tasks);
            }
        }
    }

    /// The processors of a partition, and of its widest node; a guess if Slurm does not tell.
    fn processors(&mut self, partition: &Option<String>) -> (usize, usize) {
        if let Some(known) = self.processors.get(partition) {
            return *known;
        }
        let Some(told) = queue::processors(partition.as_deref()) else { return (64, THREADS) };
        self.processors.insert(partition.clone(), told);
        told
    }

    /// Whether Slurm has as many tasks as it can run, and short ones at that. Further tasks would
    /// only wait behind them. Gathered longer, their jobs share tasks.
    fn is_crowded(&mut self) -> bool {
        let next = self.pending.iter().find(|node| self.asked.contains_key(node)).copied();
        let Some(asked) = next.and_then(|node| self.asked.get(&node)) else { return false };
        let class = self.class(asked);
        let (processors, _) = self.processors(&class.request.partition);
        let at_once = (processors / class.threads).max(1);
        let brief = next.and_then(|node| self.expected(node)).is_none_or(|each| each < BRIEF);
        brief && !class.alone && self.tasks.len() >= at_once
    }

    /// The seconds of a stage, from those of its kind that are done.
    fn expected(&self, node: NodeId) -> Option<f64> {
        let (seconds, count) = self.seconds.get(self.asked.get(&node)?.job.stage.name())?;
        Some(seconds / f64::from(*count))
    }
}

impl Executor for Slurm {
    fn admit(&mut self, wants: &Wants, _: usize) -> Option<Grant> {
        let threads = wants.threads.clamp(1, self.cluster.profile.most_threads());
        let grant =
            Grant { threads, memory: wants.total(threads), allowed: u64::MAX, brief: wants.brief };
        (self.asked.len() < MOST).then_some(grant)
    }

    fn fuses(&self, first: &StageSpec, next: &StageSpec) -> bool {
        let request = |stage: &StageSpec| self.cluster.profile.request(stage.name());
        !HEAVY.contains(&next.name()) && request(first) == request(next)
    }

    fn fetches(&self) -> bool {
        false
    }

    fn is_making(&self, node: NodeId) -> bool {
        self.made.contains(&node) || self.places.contains_key(&node)
    }

    fn lease(&mut self, key: &Digest) -> Result<Lease, Unusable> {
        self.lead();
        Ok(match Lease::local(&self.desk, key)? {
            Lease::Ours(_) if self.asked.len() >= LOCKS => Lease::Ours(None),
            lease => lease,
        })
    }

    fn start(&mut self, mut job: Job, chain: Vec<NodeId>, grant: Grant, lock: Option<KeyLock>) {
        let node = chain[0];
        let request = self.cluster.profile.request(job.stage.name());
        let (_, widest) = self.processors(&request.partition);
        let most = request.threads.unwrap_or(THREADS.min(widest));
        job.threads = job.threads.clamp(1, most.max(1));
        self.asked.insert(node, Asked { job, chain, grant, _lock: lock });
        if let Some(failure) = self.failures.remove(&node) {
            self.done(node, Err(failure));
        } else if !self.places.contains_key(&node) {
            // It is not on its way in the chain of another one.
            self.submit_later(node);
        }
    }

    fn round(&mut self) {
        let gathered = self.gathering.is_some_and(|since| since.elapsed() >= GATHER);
        let idle = self.tasks.is_empty() && self.unsure.is_empty();
        if !self.pending.is_empty()
            && self.silence.is_none()
            && (idle || gathered && !self.is_crowded())
        {
            self.submit();
        }
    }

    fn wait(&mut self, timeout: Duration) -> Option<News> {
        let until = now() + timeout;
        loop {
            self.look();
            if let Some(news) = self.news.pop_front() {
                return Some(news);
            }
            let left = until.saturating_duration_since(now());
            if left.is_zero() {
                return None;
            }
            std::thread::sleep(left.min(LOOKS.0));
        }
    }

    fn stop(&mut self) {
        self.cancel_all();
        self.silence = None;
        self.tasks.clear();
        self.places.clear();
        self.pending.clear();
        for node in self.asked.keys().copied().collect::<Vec<_>>() {
            self.done(node, Err(Failure::Cancelled));
        }
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        let strays = std::mem::take(&mut self.strays);
        strays.iter().for_each(|name| drop(queue::cancel([format!("--name={name}")])));
        if self.clean && self.places.is_empty() {
            self.batches.iter().for_each(|number| self.desk.drop_batch(&self.cluster.run, *number));
        }
    }
}
