//! Admission on one machine: the threads and memory that jobs share.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::stage::Wants;

/// The resources of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    pub threads: usize,
    /// Expected peak memory in bytes with these threads.
    pub memory: u64,
    /// Memory limit in bytes for all jobs together.
    pub allowed: u64,
    /// Whether the job takes no more than a moment.
    pub brief: bool,
}

impl Grant {
    /// Whether the job needs more memory than the limit for all. Such a job runs alone.
    pub fn exceeds(&self) -> bool {
        self.memory > self.allowed
    }
}

/// The threads and memory of a machine, and the jobs that use them.
#[derive(Clone, Debug)]
pub struct Room {
    jobs: usize,
    memory: u64,
    /// The most jobs at once.
    slots: usize,
    taken: BTreeMap<Digest, Grant>,
}

impl Room {
    /// Room for `jobs` threads and `memory` bytes, with at most `slots` jobs at once.
    pub fn new(jobs: usize, memory: u64, slots: usize) -> Self {
        Self { jobs: jobs.max(1), memory, slots, taken: BTreeMap::new() }
    }

    /// The resources for a job that would start now; `None` if there is no room. The threads that
    /// are free once the brief jobs have ended are shared among `waiting` jobs. A job keeps its
    /// threads to its end, so it rather waits a moment than it does with fewer.
    pub fn admit(&self, wants: &Wants, waiting: usize) -> Option<Grant> {
        let (threads, memory) = self.used();
        let (free, left) = (self.jobs.saturating_sub(threads), self.memory.saturating_sub(memory));
        // A job above the memory limit runs alone. Not even a job without memory starts beside it.
        if free == 0 || self.taken.len() >= self.slots || memory > self.memory {
            return None;
        }
        let soon = free + self.taken.values().filter(|grant| grant.brief).count();
        let share = soon.div_ceil(waiting.clamp(1, soon).min(self.slots));
        let threads = wants.within(wants.threads.clamp(1, share), left);
        let memory = wants.total(threads);
        let fits = threads <= free && (self.taken.is_empty() || memory <= left);
        fits.then_some(Grant { threads, memory, allowed: self.memory, brief: wants.brief })
    }

    /// The threads and bytes in use.
    pub fn used(&self) -> (usize, u64) {
        self.taken.values().fold((0, 0), |(threads, memory): (usize, u64), grant| {
            (threads.saturating_add(grant.threads), memory.saturating_add(grant.memory))
        })
    }

    /// Reserves the resources of a job.
    pub fn take(&mut self, key: Digest, grant: Grant) {
        self.taken.insert(key, grant);
    }

    /// Frees the resources of a job that has ended.
    pub fn give_back(&mut self, key: &Digest) {
        self.taken.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_shared_and_memory_is_not_exceeded_but_by_one_alone() {
        let wants = |threads, memory| Wants { threads, memory, each: 10, brief: false };
        let mut room = Room::new(4, 100, usize::MAX);
        let threads = |room: &Room, wants: &Wants, waiting| {
            room.admit(wants, waiting).map(|grant| grant.threads)
        };
        assert_eq!(
            [1, 2, 3, 9].map(|waiting| threads(&room, &wants(8, 0), waiting)),
            [4, 2, 2, 1].map(Some)
        );
        assert_eq!(
            threads(&room, &wants(8, 80), 1),
            Some(2),
            "as many as the memory is enough for"
        );
        let alone = room.admit(&wants(8, 500), 1).unwrap();
        assert!(alone.exceeds() && alone.threads == 1);
        room.take(Digest::of(b"giant"), alone);
        assert_eq!(room.admit(&Wants { each: 0, ..wants(1, 0) }, 1), None);
        room.give_back(&Digest::of(b"giant"));
        room.take(Digest::of(b"a"), room.admit(&wants(1, 50), 1).unwrap());
        assert_eq!(
            [40, 30, 20].map(|memory| threads(&room, &wants(8, memory), 1)),
            [None, Some(1), Some(2)]
        );
        room.give_back(&Digest::of(b"a"));
        assert_eq!(threads(&room, &wants(8, 40), 1), Some(4));
        let mut one = Room::new(4, 100, 1);
        one.take(Digest::of(b"a"), one.admit(&wants(1, 0), 9).unwrap());
        assert_eq!(threads(&one, &wants(1, 0), 9), None);
    }

    #[test]
    fn a_job_waits_for_the_threads_of_brief_ones() {
        let long = Wants { threads: 9, memory: 0, each: 0, brief: false };
        let brief = Wants { threads: 1, brief: true, ..long };
        let mut room = Room::new(4, 100, usize::MAX);
        room.take(Digest::of(b"brief"), room.admit(&brief, 5).unwrap());
        let threads = |room: &Room, wants: &Wants, waiting| {
            room.admit(wants, waiting).map(|grant| grant.threads)
        };
        assert_eq!(
            [1, 2, 4].map(|waiting| threads(&room, &long, waiting)),
            [None, Some(2), Some(1)]
        );
        let few = Wants { threads: 3, ..long };
        assert_eq!((threads(&room, &few, 1), threads(&room, &brief, 1)), (Some(3), Some(1)));
        room.take(Digest::of(b"long"), room.admit(&long, 2).unwrap());
        assert_eq!((threads(&room, &long, 1), threads(&room, &brief, 1)), (None, Some(1)));
        room.give_back(&Digest::of(b"brief"));
        assert_eq!(threads(&room, &long, 1), Some(2));
    }
}
