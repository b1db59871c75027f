//! Jobs on plain threads, one each; how many at once is the coordinator's decision.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::{Executor, Finished};
use crate::exec::{Failure, Job, perform};
use crate::store::{Made, Store};

type Work = fn(&Store, &Job, &AtomicBool) -> Result<Made, Failure>;

/// Runs each job on a thread.
pub struct Threads {
    store: Store,
    cancel: Arc<AtomicBool>,
    work: Work,
    sender: Sender<Finished>,
    results: Receiver<Finished>,
}

impl Threads {
    pub fn new(store: Store, cancel: Arc<AtomicBool>) -> Self {
        Self::with(store, cancel, perform)
    }

    /// Threads that do something else with a job than to perform it.
    pub fn with(store: Store, cancel: Arc<AtomicBool>, work: Work) -> Self {
        let (sender, results) = channel();
        Self { store, cancel, work, sender, results }
    }
}

impl Executor for Threads {
    fn start(&mut self, job: Job) {
        let (store, cancel, sender, work) = (self.store.clone(), self.cancel.clone(), self.sender.clone(), self.work);
        let failed = self.sender.clone();
        let unstarted = job.clone();
        let spawned = std::thread::Builder::new().spawn(move || {
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&store, &job, &cancel)));
            let result =
                caught.unwrap_or_else(|_| Err(Failure::Stage("a bug in humshift: the worker panicked".into())));
            // Nobody listens any more when the run was given up.
            let _ = sender.send(Finished { job, result });
        });
        if let Err(error) = spawned {
            let result = Err(Failure::Stage(format!("no thread can be started: {error}")));
            let _ = failed.send(Finished { job: unstarted, result });
        }
    }

    fn wait(&mut self, timeout: Duration) -> Option<Finished> {
        self.results.recv_timeout(timeout).ok()
    }
}
