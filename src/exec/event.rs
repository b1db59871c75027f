//! Events of a run, for everything that shows its progress.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Tally;
use crate::plan::{NodeId, Plan};

/// An event of a run.
pub enum Event<'a> {
    /// The run begins; `chosen` are the stages it should complete.
    Begun {
        plan: &'a Plan,
        chosen: &'a BTreeSet<NodeId>,
    },
    /// The outputs of a node were in the cache. Making them once took this many seconds.
    Cached {
        node: NodeId,
        label: &'a str,
        seconds: f64,
    },
    /// A node begins to run; `why` says what changed. `recorded` gives the seconds of a node in the
    /// last run, if known; it reads a file.
    Started {
        node: NodeId,
        label: &'a str,
        why: &'a str,
        recorded: &'a dyn Fn(NodeId) -> Option<f64>,
    },
    /// Progress of a running node, at most a few times per second.
    Progress {
        node: NodeId,
        label: &'a str,
        /// Steps of the current work, such as epochs of a training.
        done: u64,
        total: u64,
        /// A short status, such as `loss 3.21`.
        text: &'a str,
        /// Estimated seconds for the remaining steps; `None` before there is an estimate.
        left_seconds: Option<f64>,
    },
    /// `again`: the record existed, and only its bytes were made again.
    Finished {
        node: NodeId,
        label: &'a str,
        seconds: f64,
        again: bool,
    },
    /// `log` is the path of its log, if it wrote one; `said` are the last lines of it.
    Failed {
        node: NodeId,
        label: &'a str,
        message: &'a str,
        log: Option<PathBuf>,
        said: &'a [String],
    },
    Skipped {
        node: NodeId,
        label: &'a str,
        because: &'a str,
    },
    /// Another process (its id, if known) is computing the same key; the run waits for it.
    Shared {
        label: &'a str,
        by: Option<u32>,
    },
    /// A message to the user that is no failure.
    Warning {
        message: String,
    },
    Ended {
        tally: &'a Tally,
    },
}

/// A receiver of events.
pub trait Listener {
    fn hear(&mut self, event: Event);

    /// Called a few times per second while jobs run.
    fn tick(&mut self) {}
}
