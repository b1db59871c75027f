//! What a stage sees beside its inputs: a seed, a number of threads, a wish to stop, a log,
//! somebody who wants to know how far it is, a place for what it has reached.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::seed::Seed;

/// Makes a file that is removed when nobody keeps it.
pub type Spool<'a> = &'a (dyn Fn() -> io::Result<NamedTempFile> + Sync);

/// The surroundings of a stage. Nothing here may change a result except the seed.
pub struct Context<'a> {
    pub seed: Seed,
    /// Threads the stage may use, at least 1.
    pub threads: usize,
    /// Set when the run is being given up.
    pub cancel: &'a AtomicBool,
    /// One line for the log of the stage.
    pub log: &'a (dyn Fn(&str) + Sync),
    /// Told how far the stage is, as often as it likes: somebody else decides what is shown.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// For what takes so long that a run that was killed should not begin it again.
    pub checkpoint: Option<&'a dyn Checkpoint>,
    /// Where outputs go that are too large to be held; they are held if none.
    pub spool: Option<Spool<'a>>,
}

/// How far a stage is. It says nothing of time: that is told by whoever has a clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps of the current fit that are done, from which follows the time that is left.
    pub done: u64,
    pub total: u64,
    /// A few words on where it stands, such as `epoch 3 of 100, loss 3.21`.
    pub text: String,
}

/// A place for what a fit has reached, which survives the process.
///
/// A stage may fit several models, each with a seed of its own: `part` tells them apart. What is
/// loaded is what was once saved for the same part of a stage with the same key, or nothing; it may
/// be long before what was reached last.
pub trait Checkpoint: Sync {
    /// What an earlier try has left, one that did not get to its end.
    fn load(&self, part: Seed) -> Option<Vec<u8>>;

    /// Keeps what `make` gives in the place of what was kept before, or, where that was a moment
    /// ago, does nothing. What cannot be kept is no error.
    fn save(&self, part: Seed, make: &dyn Fn() -> Vec<u8>);
}

impl Context<'_> {
    /// Whether the stage should stop as soon as it can; what it returns then is thrown away.
    pub fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// What an earlier try of the fit that has this seed had reached when it was killed; see
    /// [`Checkpoint`].
    pub fn load_checkpoint(&self) -> Option<Vec<u8>> {
        self.checkpoint?.load(self.seed)
    }

    /// Keeps what the fit that has this seed has reached, often enough and no oftener; see
    /// [`Checkpoint`].
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
        // Inside a job the ambient pool is the job's own (see `exec`), so stages never share
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
