//! Admission: which queued jobs start now, and with how many threads.

use std::ops::Bound;

use super::Run;
use crate::exec::executor::Executor;
use crate::exec::found::found;
use crate::exec::reason::why;
use crate::exec::{Event, Job, NodeOutcome};
use crate::plan::NodeId;
use crate::stage::{LONGEST, Wants};
use crate::store::{Attempt, StoreError};

use super::Running;
use super::pace::Pace;

/// Queued jobs that are looked at after the first that does not fit.
const LOOKED_AT: usize = 64;

impl Run<'_> {
    pub(super) fn start_what_fits(&mut self, executor: &mut dyn Executor) -> Result<(), StoreError> {
        let mut next = self.queue.first().copied();
        let mut passed = 0;
        while let Some(entry) = next {
            let (id, free) = (entry.1, self.free_threads());
            if free == 0 || self.running.len() >= executor.slots() || self.stopping() {
                return Ok(());
            }
            next = self.queue.range((Bound::Excluded(entry), Bound::Unbounded)).next().copied();
            let wants = self.wants(id);
            let used: u64 = self.running.values().map(|r| r.wants.total(r.threads)).sum();
            let left = self.options.memory.saturating_sub(used);
            let share = free.div_ceil((self.queue.len() - passed).min(free).min(executor.slots()));
            let threads = wants.within(wants.threads.clamp(1, share), left);
            if !self.running.is_empty() && wants.total(threads) > left {
                // What comes behind may be smaller; to look at the whole queue each time would cost more than it gives.
                passed += 1;
                if passed == LOOKED_AT {
                    return Ok(());
                }
                continue;
            }
            self.tell_of_memory(id, wants.total(threads));
            self.queue.remove(&entry);
            self.start(id, wants, threads, executor)?;
        }
        Ok(())
    }

    fn wants(&self, id: NodeId) -> Wants {
        let sizes = self.keyed[&id].inputs.iter().map(|(role, object)| (role.clone(), object.bytes));
        let node = self.plan.node(id);
        let longest = Some((LONGEST.to_owned(), node.longest)).filter(|(_, samples)| *samples > 0);
        node.stage.wants(&sizes.chain(longest).collect())
    }

    /// Says of the first stage that wants more memory than all may want together, that it gets it all the same.
    fn tell_of_memory(&mut self, id: NodeId, wanted: u64) {
        if wanted <= self.options.memory || self.told_of_memory {
            return;
        }
        self.told_of_memory = true;
        let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
        let (wanted, allowed) = (megabytes(wanted), megabytes(self.options.memory));
        let label = self.plan.node(id).label.as_str();
        let message = format!(
            "{label} wants about {wanted} MB, and stages may want {allowed} MB together (--memory): it runs alone and may \
             exceed that"
        );
        self.listener.hear(Event::Warning { message });
    }

    fn free_threads(&self) -> usize {
        self.options.jobs.saturating_sub(self.running.values().map(|r| r.threads).sum())
    }

    fn start(
        &mut self,
        id: NodeId,
        wants: Wants,
        threads: usize,
        executor: &mut dyn Executor,
    ) -> Result<(), StoreError> {
        let key = self.keyed[&id].key;
        if self.running.keys().any(|other| self.keyed[other].key == key) {
            // Two points ask for the same: what comes of one is what comes of the other.
            self.elsewhere.insert(id);
            return Ok(());
        }
        let lock = match self.store.try_lock(&key)? {
            Attempt::Taken(lock) => lock,
            Attempt::Held(by) => {
                let label = self.plan.node(id).label.as_str();
                self.listener.hear(Event::Shared { label, by });
                self.elsewhere.insert(id);
                return Ok(());
            }
        };
        // Between the first look and the lock another process may have made it.
        let record = found(self.store, &self.plan.node(id).stage, &key).sound();
        if let Some(record) = record.filter(|record| self.complete(id, record)) {
            drop(lock);
            return self.made(id, NodeOutcome::Cached { key, record });
        }
        let (node, keyed) = (self.plan.node(id), &self.keyed[&id]);
        let why = why(keyed, self.last.get(&node.label), self.store);
        self.listener.hear(Event::Started { node: id, label: &node.label, why: &why });
        let job = Job {
            key,
            label: node.label.clone(),
            stage: node.stage.clone(),
            inputs: keyed.inputs.clone(),
            material: keyed.material.clone(),
            threads,
        };
        self.running.insert(id, Running { wants, threads, pace: Pace::default() });
        executor.start(job, lock);
        Ok(())
    }
}
