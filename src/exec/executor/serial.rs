//! One job after another. The job runs in the coordinator's thread, so it reports no progress.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::{Executor, Finished, Grant, Lease, News, Room};
use crate::desk::{Desk, KeyLock};
use crate::digest::Digest;
use crate::exec::{Job, perform};
use crate::plan::NodeId;
use crate::stage::Wants;
use crate::store::{Store, Unusable};

pub struct Serial {
    store: Store,
    desk: Desk,
    room: Room,
    cancel: Arc<AtomicBool>,
    done: VecDeque<Finished>,
}

impl Serial {
    pub fn new(store: Store, desk: Desk, room: Room, cancel: Arc<AtomicBool>) -> Self {
        Self { store, desk, room, cancel, done: VecDeque::new() }
    }
}

impl Executor for Serial {
    fn admit(&mut self, wants: &Wants, waiting: usize) -> Option<Grant> {
        self.room.admit(wants, waiting)
    }

    fn lease(&mut self, key: &Digest) -> Result<Lease, Unusable> {
        Lease::local(&self.desk, key)
    }

    fn start(&mut self, job: Job, _: Vec<NodeId>, grant: Grant, lock: Option<KeyLock>) {
        self.room.take(job.key, grant);
        let result = perform(&self.store, &self.desk, &job, &self.cancel, &|_| {});
        drop(lock);
        self.done.push_back(Finished { job, result });
    }

    fn wait(&mut self, timeout: Duration) -> Option<News> {
        let Some(finished) = self.done.pop_front() else {
            std::thread::sleep(timeout);
            return None;
        };
        self.room.give_back(&finished.job.key);
        Some(News::Finished(Box::new(finished)))
    }
}
