//! The environment of a stage beside its inputs: a seed, a number of threads, a stop flag, a log, a
//! progress callback, and a store for checkpoints.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::seed::Seed;

/// Makes a file that is removed unless somebody keeps it.
pub type Spool<'a> = &'a (dyn Fn() -> io::Result<NamedTempFile> + Sync);

/// The start of a log line that a run repeats at its end.
pub const WARNING: &str = "warning: ";

/// The environment of a stage. Only the seed may change a result.
pub struct Context<'a> {
    pub seed: Seed,
    /// Threads the stage may use, at least 1.
    pub threads: usize,
    /// Set when the run is being cancelled.
    pub cancel: &'a AtomicBool,
    /// Writes one line to the log of the stage. A run repeats those that begin with [`WARNING`].
    pub log: &'a (dyn Fn(&str) + Sync),
    /// Takes progress reports, as often as the stage likes. The receiver decides what to show.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// For work that takes long, so that a killed run need not begin it again.
    pub checkpoint: Option<&'a dyn Checkpoint>,
    /// A place for outputs that are too large for memory. Without it, they stay in memory.
    pub spool: Option<Spool<'a>>,
}

/// The progress of a stage. It has no time: the receiver has a clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Finished steps of the current fit. The remaining time follows from them.
    pub done: u64,
    pub total: u64,
    /// A few words about the state, such as `epoch 3 of 100, loss 3.21`.
    pub text: String,
}

/// A place for the state of a fit, which survives the process.
///
/// A stage may fit several models, each with its own seed; `part` identifies them. Loading returns
/// a state that was saved for the same part of a stage with the same key, or nothing. The state may
/// be much older than the last one.
pub trait Checkpoint: Sync {
    /// The state that an earlier, unfinished attempt has left.
    fn load(&self, part: Seed) -> Option<Vec<u8>>;

    /// Replaces the saved state by the result of `make`. If the last save was a moment ago, it does
    /// nothing. A failure to save is no error.
    fn save(&self, part: Seed, make: &dyn Fn() -> Vec<u8>);
}

impl Context<'_> {
    /// Whether the stage should stop as soon as it can. Its result is then thrown away.
    pub fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// The state of an earlier attempt at the fit with this seed, if that was killed; see
    /// [`Checkpoint`].
    pub fn load_checkpoint(&self) -> Option<Vec<u8>> {
        self.checkpoint?.load(self.seed)
    }

    /// Saves the state of the fit with this seed, but not too often; see [`Checkpoint`].
    pub fn save_checkpoint(&self, make: impl Fn() -> Vec<u8>) {
        if let Some(checkpoint) = self.checkpoint {
            checkpoint.save(self.seed, &make);
        }
    }

    /// Maps in parallel on the stage's threads and returns the results in order.
    pub fn map<T: Sync, R: Send>(&self, items: &[T], f: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
        use rayon::prelude::*;
        if self.threads <= 1 || items.len() <= 1 {
            return items.iter().map(f).collect();
        }
        // Inside a job the ambient pool belongs to the job (see `exec`), so stages never share
        // threads.
        items.par_iter().map(&f).collect()
    }

    /// A context for tests and for library users: the given seed, one thread, no log.
    pub fn plain(seed: u64) -> Context<'static> {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Context {
            seed: Seed(seed),
            threads: 1,
            cancel: &NEVER,
            log: &|_| {},
            progress: &|_| {},
            checkpoint: None,
            spool: None,
        }
    }
}
