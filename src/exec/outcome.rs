//! The outcome of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::digest::Digest;
use crate::plan::NodeId;
use crate::store::Made;

/// The outcome of a node.
#[derive(Clone, Debug)]
pub enum NodeOutcome {
    /// Its record existed, or another process made it meanwhile.
    Cached {
        key: Digest,
        record: Made,
    },
    Ran {
        key: Digest,
        record: Made,
    },
    Failed {
        message: String,
    },
    /// Not run because this node failed.
    Skipped {
        because: NodeId,
    },
    /// Not reached: `--only` left it out, or the run was stopped.
    NotRun,
    /// It would have run, but for `--frozen`.
    Stale,
}

impl NodeOutcome {
    /// Its record, if there is one now.
    pub fn record(&self) -> Option<&Made> {
        match self {
            NodeOutcome::Cached { record, .. } | NodeOutcome::Ran { record, .. } => Some(record),
            _ => None,
        }
    }

    pub(super) fn record_mut(&mut self) -> Option<&mut Made> {
        match self {
            NodeOutcome::Cached { record, .. } | NodeOutcome::Ran { record, .. } => Some(record),
            _ => None,
        }
    }
}

/// The outcome of all nodes.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// By node number.
    pub nodes: Vec<NodeOutcome>,
    /// The last lines of the logs of stages that failed.
    pub said: BTreeMap<NodeId, Vec<String>>,
    pub interrupted: bool,
    pub wall: Duration,
    /// Nodes that ran again only because their bytes were evicted or damaged.
    pub revived: usize,
}

/// The number of nodes by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    pub ran: usize,
    pub cached: usize,
    pub failed: usize,
    pub skipped: usize,
    pub stale: usize,
    pub revived: usize,
    /// Seconds of work saved by the cache.
    pub saved_seconds: f64,
    pub wall: Duration,
}

impl RunOutcome {
    pub fn tally(&self) -> Tally {
        Tally {
            ran: self.ran(),
            cached: self.cached(),
            failed: self.failed(),
            skipped: self.skipped(),
            stale: self.stale(),
            revived: self.revived,
            saved_seconds: self.saved_seconds(),
            wall: self.wall,
        }
    }

    fn count(&self, what: impl Fn(&NodeOutcome) -> bool) -> usize {
        self.nodes.iter().filter(|n| what(n)).count()
    }

    pub fn ran(&self) -> usize {
        self.count(|n| matches!(n, NodeOutcome::Ran { .. }))
    }

    pub fn cached(&self) -> usize {
        self.count(|n| matches!(n, NodeOutcome::Cached { .. }))
    }

    pub fn failed(&self) -> usize {
        self.count(|n| matches!(n, NodeOutcome::Failed { .. }))
    }

    pub fn skipped(&self) -> usize {
        self.count(|n| matches!(n, NodeOutcome::Skipped { .. } | NodeOutcome::NotRun))
    }

    pub fn stale(&self) -> usize {
        self.count(|n| matches!(n, NodeOutcome::Stale))
    }

    /// Seconds of work saved by the cache.
    pub fn saved_seconds(&self) -> f64 {
        let cached = self.nodes.iter().filter(|n| matches!(n, NodeOutcome::Cached { .. }));
        cached.filter_map(|n| n.record()).map(|r| r.seconds).sum()
    }
}
