//! What happens in a run, for whoever wants to show it.

use std::path::PathBuf;

use super::Tally;
use crate::plan::NodeId;

/// Something that happened.
pub enum Event<'a> {
    /// The run begins; so many stages are wanted.
    Begun {
        stages: usize,
    },
    /// The node's outputs were known without running it.
    Cached {
        label: &'a str,
    },
    /// The node begins to run; `why` says what changed.
    Started {
        node: NodeId,
        label: &'a str,
        why: &'a str,
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
    /// `log` is where its log was written, if it wrote one.
    Failed {
        node: NodeId,
        label: &'a str,
        message: &'a str,
        log: Option<PathBuf>,
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
