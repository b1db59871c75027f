//! Each job on its own plain thread, as many at once as there is room for.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::{Executor, Finished, Grant, Lease, News, Room};
use crate::context::Progress;
use crate::desk::{Desk, KeyLock};
use crate::digest::Digest;
use crate::exec::{Failure, Job, perform};
use crate::plan::NodeId;
use crate::stage::Wants;
use crate::store::{Made, Store, Unusable};

type Work = fn(
    &Store,
    &Desk,
    &Job,
    Option<&KeyLock>,
    &AtomicBool,
    &(dyn Fn(Progress) + Sync),
) -> Result<Made, Failure>;

/// Runs each job on its own thread.
pub struct Threads {
    store: Store,
    desk: Desk,
    room: Room,
    cancel: Arc<AtomicBool>,
    work: Work,
    sender: Sender<News>,
    news: Receiver<News>,
}

impl Threads {
    pub fn new(store: Store, desk: Desk, room: Room, cancel: Arc<AtomicBool>) -> Self {
        Self::with(store, desk, room, cancel, |store, desk, job, _, cancel, tell| {
            perform(store, desk, job, cancel, tell)
        })
    }

    /// Threads that use `work` in place of `perform`.
    pub fn with(store: Store, desk: Desk, room: Room, cancel: Arc<AtomicBool>, work: Work) -> Self {
        let (sender, news) = channel();
        Self { store, desk, room, cancel, work, sender, news }
    }
}

impl Executor for Threads {
    fn admit(&mut self, wants: &Wants, waiting: usize) -> Option<Grant> {
        self.room.admit(wants, waiting)
    }

    fn lease(&mut self, key: &Digest) -> Result<Lease, Unusable> {
        Lease::local(&self.desk, key)
    }

    fn start(&mut self, job: Job, _: Vec<NodeId>, grant: Grant, lock: Option<KeyLock>) {
        self.room.take(job.key, grant);
        let (store, desk, cancel) = (self.store.clone(), self.desk.clone(), self.cancel.clone());
        let (sender, work) = (self.sender.clone(), self.work);
        let failed = self.sender.clone();
        let unstarted = job.clone();
        let spawned = std::thread::Builder::new().spawn(move || {
            let tell = |progress| {
                let _ = sender.send(News::Progress(job.key, progress));
            };
            let run = std::panic::AssertUnwindSafe(|| {
                work(&store, &desk, &job, lock.as_ref(), &cancel, &tell)
            });
            let caught = std::panic::catch_unwind(run);
            let result = caught.unwrap_or_else(|_| {
                Err(Failure::Stage("a bug in humshift: the worker panicked".into()))
            });
            // The key must be free before the end of the job is reported.
            drop(lock);
            // The receiver is gone if the run was cancelled.
            let _ = sender.send(News::Finished(Box::new(Finished { job, result })));
        });
        if let Err(error) = spawned {
            let result = Err(Failure::Stage(format!("no thread can be started: {error}")));
            let _ = failed.send(News::Finished(Box::new(Finished { job: unstarted, result })));
        }
    }

    fn wait(&mut self, timeout: Duration) -> Option<News> {
        let heard = self.news.recv_timeout(timeout).ok()?;
        if let News::Finished(finished) = &heard {
            self.room.give_back(&finished.job.key);
        }
        Some(heard)
    }
}
