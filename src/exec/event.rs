//! What happens in a run, for whoever wants to show it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Tally;
use crate::plan::{NodeId, Plan};

/// Something that happened.
pub enum Event<'a> {
    /// The run begins; these stages of the plan are wanted.
    Begun {
        plan: &'a Plan,
        chosen: &'a BTreeSet<NodeId>,
    },
    /// The node's outputs were known without running it. Once it took so many seconds.
    Cached {
        node: NodeId,
        label: &'a str,
        seconds: f64,
    },
    /// The node begins to run; `why` says what changed. `recorded` gives the seconds that a node
    /// took in the last run, if that is known; it reads a file.
    Started {
        node: NodeId,
        label: &'a str,
        why: &'a str,
        recorded: &'a dyn Fn(NodeId) -> Option<f64>,
    },
    /// How far a running node is, a few times a second at most.
    Progress {
        node: NodeId,
        label: &'a str,
        /// Steps of what it is at, such as epochs of a training.
        done: u64,
        total: u64,
        /// A few words on where it stands, such as `loss 3.21`.
        text: &'a str,
        /// Seconds that the rest of these steps will take; `None` before there is a pace.
        left_seconds: Option<f64>,
    },
    /// `again`: only its bytes were gone.
    Finished {
        node: NodeId,
        label: &'a str,
        seconds: f64,
        again: bool,
    },
    /// `log` is where its log was written, if it wrote one; `said` are its last lines.
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
    /// Another process, of this number if it is known, is computing the same key; the run waits for
    /// it.
    Shared {
        label: &'a str,
        by: Option<u32>,
    },
    /// Something a user should know that is no failure.
    Warning {
        message: String,
    },
    Ended {
        tally: &'a Tally,
    },
}

/// Somebody who hears of events.
pub trait Listener {
    fn hear(&mut self, event: Event);

    /// Called a few times a second while jobs run.
    fn tick(&mut self) {}
}
