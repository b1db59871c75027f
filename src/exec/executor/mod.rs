//! The family of executors: where jobs run. None of them is part of any key, and one parity test holds
//! all of them to the same bytes.
//!
//! To add one: a file, a `mod` line and a line in [`ExecutorKind`].

mod process;
mod serial;
mod threads;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::{Failure, Job};
use crate::context::Progress;
use crate::digest::Digest;
use crate::store::{KeyLock, Made, Store};

/// The result of a job.
pub struct Finished {
    pub job: Job,
    pub result: Result<Made, Failure>,
}

/// What is heard of jobs at work.
pub enum Heard {
    /// How far the job of a key is.
    Progress(Digest, Progress),
    Finished(Box<Finished>),
}

/// A place where jobs run.
pub trait Executor {
    /// Jobs that can be at work at once; the threads of each are the coordinator's decision.
    fn slots(&self) -> usize {
        usize::MAX
    }

    /// Begins a job. Its key stays locked until it has ended, even if this process ends first.
    fn start(&mut self, job: Job, lock: KeyLock);

    /// The next news; `None` if there was none in time. Whether there is news of progress is the executor's choice.
    fn wait(&mut self, timeout: Duration) -> Option<Heard>;
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
    pub const ALL: &'static [(&'static str, ExecutorKind)] =
        &[("serial", ExecutorKind::Serial), ("threads", ExecutorKind::Threads), ("process", ExecutorKind::Process)];

    /// The executor of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(n, _)| *n == name).map(|(_, kind)| *kind)
    }

    /// Makes it ready for a run. `cancel` is looked at by jobs.
    pub fn open(self, store: &Store, cancel: &Arc<AtomicBool>) -> Box<dyn Executor> {
        let (store, cancel) = (store.clone(), cancel.clone());
        match self {
            ExecutorKind::Serial => Box::new(serial::Serial::new(store, cancel)),
            ExecutorKind::Threads => Box::new(threads::Threads::new(store, cancel)),
            ExecutorKind::Process => Box::new(process::new(store, cancel)),
        }
    }
}
