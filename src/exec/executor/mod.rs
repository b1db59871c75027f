//! The family of executors: where jobs run, and how many at once. None of them is part of any key,
//! and one parity test holds all of them to the same bytes.
//!
//! To add one: a file, a `mod` line and a line in [`ExecutorKind`].

mod process;
mod room;
mod serial;
mod threads;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::{Failure, Job, Options};
use crate::context::Progress;
use crate::desk::{Attempt, Desk, KeyLock};
use crate::digest::Digest;
use crate::stage::Wants;
use crate::store::{Made, Store, Unusable};
pub use room::{Grant, Room};

/// The result of a job.
pub struct Finished {
    pub job: Job,
    pub result: Result<Made, Failure>,
}

/// What is heard of jobs at work.
pub enum News {
    /// How far the job of a key is.
    Progress(Digest, Progress),
    Finished(Box<Finished>),
}

/// What became of the wish to compute a key.
pub enum Lease {
    /// The key is ours until the lock is dropped. There is no lock where workers may compute a key
    /// twice, because the first record wins.
    Ours(Option<KeyLock>),
    /// Another process computes it: its number, if the system tells.
    Held(Option<u32>),
}

impl Lease {
    /// The lease of those whose jobs run on this machine: the lock of the key.
    fn local(desk: &Desk, key: &Digest) -> Result<Self, Unusable> {
        Ok(match desk.try_lock(key)? {
            Attempt::Taken(lock) => Lease::Ours(Some(lock)),
            Attempt::Held(by) => Lease::Held(by),
        })
    }
}

/// A place where jobs run.
pub trait Executor {
    /// What a job gets that starts now; `None` if it has to wait. `waiting` is the number of jobs
    /// that want to start, this one included. Nothing is taken before [`Executor::start`].
    ///
    /// An executor at which no job is at work admits any job; else a run would never end.
    fn admit(&mut self, wants: &Wants, waiting: usize) -> Option<Grant>;

    /// Asks for the right to compute a key.
    fn lease(&mut self, key: &Digest) -> Result<Lease, Unusable>;

    /// Begins a job. Its key stays locked until it has ended, even if this process ends first.
    fn start(&mut self, job: Job, grant: Grant, lock: Option<KeyLock>);

    /// No more jobs are started before the next news: whoever gathers jobs sends them off now.
    fn round(&mut self) {}

    /// The next news; `None` if there was none in time. Whether there is news of progress is the
    /// executor's choice.
    fn wait(&mut self, timeout: Duration) -> Option<News>;

    /// The run stops. Jobs at work end as soon as they can, and are still heard of. Jobs of this
    /// process see the wish to stop themselves.
    fn stop(&mut self) {}
}

/// An executor by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecutorKind {
    /// One job after the other, in this thread: the reference for the others.
    Serial,
    /// Jobs on threads of this process.
    #[default]
    Threads,
    /// Each job in a process of its own: what a cluster needs, and what survives a crashing stage.
    Process,
}

impl ExecutorKind {
    pub const ALL: &'static [(&'static str, ExecutorKind)] = &[
        ("serial", ExecutorKind::Serial),
        ("threads", ExecutorKind::Threads),
        ("process", ExecutorKind::Process),
    ];

    /// The executor of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(n, _)| *n == name).map(|(_, kind)| *kind)
    }

    /// Makes it ready for a run. `cancel` is looked at by jobs.
    pub fn open(
        self,
        store: &Store,
        desk: &Desk,
        options: &Options,
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
        }
    }
}
