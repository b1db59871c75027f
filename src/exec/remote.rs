//! Threads for the remote cache: requests wait for a server, so many are under way at once.
//!
//! Before a run, [`find`] asks for the records of all stages, as far as their keys are known.
//! During a run, [`Uploads`] sends each stage that was made. [`push`] and [`pull`] move many stages.
//! The store knows what travels in which order; here is only how many at a time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use super::Outputs;
use super::found::found;
use super::keys::keyed;
use crate::digest::Digest;
use crate::plan::{NodeId, Plan};
use crate::store::{Moved, Store};

/// Requests for records at once. A record is small, and an answer takes some 50 ms.
const ASKED: usize = 16;
/// Stages that are sent or fetched at once. Their bytes share one line.
const MOVED: usize = 8;

/// Brings the records of the chosen nodes into the cache, as far as the remote cache has them. A
/// key is known when the outputs of all inputs are, so this goes in waves. Without a remote cache
/// it does nothing.
pub fn find(plan: &Plan, chosen: &BTreeSet<NodeId>, store: &Store, cancel: &AtomicBool) {
    if !store.has_remote() {
        return;
    }
    let mut outputs: Vec<Option<Outputs>> = vec![None; plan.len()];
    let mut left: Vec<NodeId> = chosen.iter().copied().collect();
    while !cancel.load(Ordering::Relaxed) {
        let known = |id: &NodeId| keyed(plan, *id, |need| outputs[need.index()].as_ref());
        let (ready, rest): (Vec<_>, Vec<_>) =
            left.into_iter().map(|id| (id, known(&id))).partition(|(_, keyed)| keyed.is_some());
        let made = each(&ready, ASKED, |(id, keyed)| {
            let key = keyed.as_ref().filter(|_| !cancel.load(Ordering::Relaxed))?.key;
            found(store, &plan.node(*id).stage, &key).sound()
        });
        let mut new = false;
        for ((id, _), made) in ready.iter().zip(made) {
            new |= made.is_some();
            outputs[id.index()] = made.map(|made| made.outputs);
        }
        left = rest.into_iter().map(|(id, _)| id).collect();
        if !new {
            return;
        }
    }
}

/// Sends stages that are done. Returns how many arrived whole, and how many as records alone.
pub fn push(store: &Store, keys: &[Digest], cancel: &AtomicBool) -> (usize, usize) {
    count(&each(keys, MOVED, |key| stopped(cancel, || store.push(key))))
}

/// Fetches stages with their outputs. Returns as [`push`].
pub fn pull(store: &Store, keys: &[Digest], cancel: &AtomicBool) -> (usize, usize) {
    count(&each(keys, ASKED, |key| stopped(cancel, || store.pull(key))))
}

fn stopped(cancel: &AtomicBool, work: impl FnOnce() -> Moved) -> Moved {
    if cancel.load(Ordering::Relaxed) { Moved::Nothing } else { work() }
}

fn count(moved: &[Moved]) -> (usize, usize) {
    let of = |wanted| moved.iter().filter(|moved| **moved == wanted).count();
    (of(Moved::Whole), of(Moved::Record))
}

/// The results for all items, in their order, with so many threads.
fn each<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            scope.spawn(|| {
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(item) = items.get(number)
                {
                    let result = work(item);
                    done.lock().expect("nobody panics with it").push((number, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("nobody panics with it");
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Sends stages while others run. Without a remote cache it does nothing.
pub struct Uploads {
    keys: Option<mpsc::Sender<Digest>>,
    threads: Vec<JoinHandle<()>>,
}

impl Uploads {
    /// What is waiting when `cancel` is set is not sent.
    pub fn new(store: &Store, cancel: &Arc<AtomicBool>) -> Self {
        if !store.has_remote() {
            return Self { keys: None, threads: Vec::new() };
        }
        let (keys, waiting) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let upload = || {
            let (store, cancel, waiting) = (store.clone(), cancel.clone(), waiting.clone());
            std::thread::spawn(move || {
                let next = || waiting.lock().expect("nobody panics with it").recv().ok();
                while let Some(key) = next() {
                    stopped(&cancel, || store.push(&key));
                }
            })
        };
        Self { keys: Some(keys), threads: (0..MOVED).map(|_| upload()).collect() }
    }

    /// Sends the stage of a key when there is time.
    pub fn add(&self, key: Digest) {
        if let Some(keys) = &self.keys {
            // The threads live as long as the sender.
            let _ = keys.send(key);
        }
    }

    /// Waits until all is sent.
    pub fn finish(mut self) {
        drop(self.keys.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_the_order_of_their_items() {
        let items: Vec<usize> = (0..100).collect();
        let wait = |i: &usize| {
            std::thread::sleep(std::time::Duration::from_micros((97 * i % 13) as u64 * 50));
            i * i
        };
        assert_eq!(each(&items, 7, wait), items.iter().map(|i| i * i).collect::<Vec<_>>());
        assert_eq!(each(&[] as &[usize], 7, |i| *i), Vec::<usize>::new());
    }
}
