//! What a stage sees beside its inputs: a seed, a number of threads, a wish to stop, a log.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::seed::Seed;

/// The surroundings of a stage. Nothing here may change a result except the seed.
pub struct Context<'a> {
    pub seed: Seed,
    /// Threads the stage may use, at least 1.
    pub threads: usize,
    /// Set when the run is being given up.
    pub cancel: &'a AtomicBool,
    /// One line for the log of the stage.
    pub log: &'a (dyn Fn(&str) + Sync),
}

impl Context<'_> {
    /// Whether the stage should stop as soon as it can; what it returns then is thrown away.
    pub fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// Maps in parallel on the stage's threads and returns the results in order.
    pub fn map<T: Sync, R: Send>(&self, items: &[T], f: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
        use rayon::prelude::*;
        if self.threads <= 1 || items.len() <= 1 {
            return items.iter().map(f).collect();
        }
        // Inside a job the ambient pool is the job's own (see `exec`), so stages never share threads.
        items.par_iter().map(&f).collect()
    }

    /// A context for tests and for library users: the given seed, one thread, no log.
    pub fn plain(seed: u64) -> Context<'static> {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Context { seed: Seed(seed), threads: 1, cancel: &NEVER, log: &|_| {} }
    }
}
