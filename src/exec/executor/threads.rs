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
        std::thread::spawn(move || {
            let result = work(&store, &job, &cancel);
            // Nobody listens any more when the run was given up.
            let _ = sender.send(Finished { job, result });
        });
    }

    fn wait(&mut self, timeout: Duration) -> Option<Finished> {
        self.results.recv_timeout(timeout).ok()
    }
}
