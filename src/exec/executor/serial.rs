//! One job after the other. As it works in the coordinator's own thread, nobody hears how far it is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::{Executor, Finished, Heard};
use crate::exec::{Job, perform};
use crate::store::{KeyLock, Store};

/// Runs a job when it is started.
pub struct Serial {
    store: Store,
    cancel: Arc<AtomicBool>,
    done: VecDeque<Finished>,
}

impl Serial {
    pub fn new(store: Store, cancel: Arc<AtomicBool>) -> Self {
        Self { store, cancel, done: VecDeque::new() }
    }
}

impl Executor for Serial {
    fn slots(&self) -> usize {
        1
    }

    fn start(&mut self, job: Job, lock: KeyLock) {
        let result = perform(&self.store, &job, &self.cancel, &|_| {});
        drop(lock);
        self.done.push_back(Finished { job, result });
    }

    fn wait(&mut self, timeout: Duration) -> Option<Heard> {
        let next = self.done.pop_front();
        if next.is_none() {
            std::thread::sleep(timeout);
        }
        next.map(|finished| Heard::Finished(Box::new(finished)))
    }
}
