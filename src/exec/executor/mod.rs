//! The family of executors: where jobs run, and how many at once. No executor is part of any key,
//! and one parity test checks that all give the same bytes.
//!
//! To add an executor: a file, a `mod` line and a line in [`ExecutorKind`].

mod process;
mod room;
mod serial;
mod slurm;
mod threads;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::{Failure, Job, Options};
use crate::context::Progress;
use crate::desk::{Attempt, Desk, KeyLock};
use crate::digest::Digest;
use crate::plan::NodeId;
use crate::stage::{StageSpec, Wants};
use crate::store::{Made, Store, Unusable};
pub use room::{Grant, Room};
pub use slurm::{Batch, Cluster, Profile, Report};

/// The result of a job.
pub struct Finished {
    pub job: Job,
    pub result: Result<Made, Failure>,
}

/// News of running jobs.
pub enum News {
    /// Progress of the job with this key.
    Progress(Digest, Progress),
    /// Words for the user that are no failure.
    Warning(String),
    Finished(Box<Finished>),
}

/// The result of asking for a key.
pub enum Lease {
    /// The key is ours until the lock is dropped. There is no lock if workers may compute a key
    /// twice; then the first record wins.
    Ours(Option<KeyLock>),
    /// Another process computes it; holds its process id, if known.
    Held(Option<u32>),
}

impl Lease {
    /// The lease of executors on this machine: the lock of the key.
    fn local(desk: &Desk, key: &Digest) -> Result<Self, Unusable> {
        Ok(match desk.try_lock(key)? {
            Attempt::Taken(lock) => Lease::Ours(Some(lock)),
            Attempt::Held(by) => Lease::Held(by),
        })
    }
}

/// A place where jobs run.
pub trait Executor {
    /// The resources for a job that would start now; `None` if it has to wait. `waiting` is the
    /// number of jobs that want to start, including this one. Nothing is reserved before
    /// [`Executor::start`].
    ///
    /// An executor without running jobs must admit any job, or the run would never end.
    fn admit(&mut self, wants: &Wants, waiting: usize) -> Option<Grant>;

    /// Asks for the right to compute a key.
    fn lease(&mut self, key: &Digest) -> Result<Lease, Unusable>;

    /// Whether a stage may run in the job of another one that it follows.
    fn fuses(&self, _first: &StageSpec, _next: &StageSpec) -> bool {
        false
    }

    /// Starts a job. Its key stays locked until the job has ended, even if this process ends first.
    /// The chain begins with the node of the job; an executor that [fuses](Executor::fuses) may run
    /// the others after it. They are started, too, once they are ready.
    fn start(&mut self, job: Job, chain: Vec<NodeId>, grant: Grant, lock: Option<KeyLock>);

    /// Whether it runs or ran this node in the chain of another one. A record of it is then of this
    /// run.
    fn is_making(&self, _: NodeId) -> bool {
        false
    }

    /// Whether jobs fetch what they need from the remote cache. If not, it is fetched before they
    /// start.
    fn fetches(&self) -> bool {
        true
    }

    /// No more jobs are started before the next news. An executor that gathers jobs submits them
    /// now.
    fn round(&mut self) {}

    /// The next news; `None` if there was none in time. Reporting progress is optional.
    fn wait(&mut self, timeout: Duration) -> Option<News>;

    /// The run stops. Running jobs end as soon as possible and are still reported. Jobs of this
    /// process see the cancel flag themselves.
    fn stop(&mut self) {}
}

/// An executor by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecutorKind {
    /// One job after another, in this thread: the reference for the others.
    Serial,
    /// Jobs on threads of this process.
    #[default]
    Threads,
    /// Each job in its own process. A crashing stage does not end the run.
    Process,
    /// Jobs on the nodes of a cluster, through Slurm.
    Slurm,
}

impl ExecutorKind {
    pub const ALL: &'static [(&'static str, ExecutorKind)] = &[
        ("serial", ExecutorKind::Serial),
        ("threads", ExecutorKind::Threads),
        ("process", ExecutorKind::Process),
        ("slurm", ExecutorKind::Slurm),
    ];

    /// The executor of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(n, _)| *n == name).map(|(_, kind)| *kind)
    }

    /// Prepares an executor for a run, whose document is in the store. Jobs check `cancel`. Only
    /// `slurm` needs the cluster.
    pub fn open(
        self,
        store: &Store,
        desk: &Desk,
        options: &Options,
        cluster: Cluster,
        cancel: &Arc<AtomicBool>,
    ) -> Box<dyn Executor> {
        let (store, desk, cancel) = (store.clone(), desk.clone(), cancel.clone());
        let room = |slots| Room::new(options.jobs, options.memory, slots);
        match self {
            ExecutorKind::Serial => Box::new(serial::Serial::new(store, desk, room(1), cancel)),
            ExecutorKind::Threads => {
                Box::new(threads::Threads::new(store, desk, room(usize::MAX), cancel))
            }
            ExecutorKind::Process => Box::new(process::new(store, desk, room(usize::MAX), cancel)),
            ExecutorKind::Slurm => Box::new(slurm::Slurm::new(store, desk, cluster, cancel)),
        }
    }
}
