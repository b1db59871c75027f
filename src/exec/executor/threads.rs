//! Each job on its own plain thread, as many at once as there is room for. A thread that is done
//! waits for the next job.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Executor, Finished, Grant, Lease, News, Room};
use crate::context::Progress;
use crate::desk::{Desk, KeyLock};
use crate::digest::Digest;
use crate::exec::pools::own_pool;
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

/// A job, and the lock of its key.
type Task = (Job, Option<KeyLock>);

/// Runs each job on its own thread.
pub struct Threads {
    room: Room,
    worker: Worker,
    tasks: Sender<Task>,
    news: Receiver<News>,
    /// Threads that were started, and jobs that are not done.
    threads: usize,
    busy: usize,
}

/// What each thread has.
#[derive(Clone)]
struct Worker {
    store: Store,
    desk: Desk,
    cancel: Arc<AtomicBool>,
    work: Work,
    tasks: Arc<Mutex<Receiver<Task>>>,
    news: Sender<News>,
}

impl Threads {
    pub fn new(store: Store, desk: Desk, room: Room, cancel: Arc<AtomicBool>) -> Self {
        Self::with(store, desk, room, cancel, |store, desk, job, _, cancel, tell| {
            perform(store, desk, job, cancel, tell)
        })
    }

    /// Threads that use `work` in place of `perform`.
    pub fn with(store: Store, desk: Desk, room: Room, cancel: Arc<AtomicBool>, work: Work) -> Self {
        let (news, heard) = channel();
        let (tasks, taken) = channel();
        let worker = Worker { store, desk, cancel, work, tasks: Arc::new(Mutex::new(taken)), news };
        Self { room, worker, tasks, news: heard, threads: 0, busy: 0 }
    }
}

impl Worker {
    /// Does jobs until there can be no more.
    fn live(self) {
        own_pool();
        let next = || self.tasks.lock().expect("nobody panics with it").recv().ok();
        while let Some((job, lock)) = next() {
            let tell = |progress| {
                let _ = self.news.send(News::Progress(job.key, progress));
            };
            let run = std::panic::AssertUnwindSafe(|| {
                (self.work)(&self.store, &self.desk, &job, lock.as_ref(), &self.cancel, &tell)
            });
            let caught = std::panic::catch_unwind(run);
            let result = caught.unwrap_or_else(|_| {
                Err(Failure::Stage("a bug in humshift: the worker panicked".into()))
            });
            // The key must be free before the end of the job is reported.
            drop(lock);
            // The receiver is gone if the run was cancelled.
            let _ = self.news.send(News::Finished(Box::new(Finished { job, result })));
        }
    }
}

impl Executor for Threads {
    fn admit(&mut self, wants: &Wants, waiting: usize) -> Option<Grant> {
        self.room.admit(wants, waiting)
    }

    fn lease(&mut self, key: &Digest) -> Result<Lease, Unusable> {
        Lease::local(&self.worker.desk, key)
    }

    fn start(&mut self, job: Job, _: Vec<NodeId>, grant: Grant, lock: Option<KeyLock>) {
        self.room.take(job.key, grant);
        self.busy += 1;
        if self.busy > self.threads {
            let worker = self.worker.clone();
            if let Err(error) = std::thread::Builder::new().spawn(|| worker.live()) {
                let result = Err(Failure::Stage(format!("no thread can be started: {error}")));
                drop(lock);
                let finished = Box::new(Finished { job, result });
                let _ = self.worker.news.send(News::Finished(finished));
                return;
            }
            self.threads += 1;
        }
        // This executor has a receiver of its own, so there is one.
        let _ = self.tasks.send((job, lock));
    }

    fn wait(&mut self, timeout: Duration) -> Option<News> {
        let heard = self.news.recv_timeout(timeout).ok()?;
        if let News::Finished(finished) = &heard {
            self.busy -= 1;
            self.room.give_back(&finished.job.key);
        }
        Some(heard)
    }
}
