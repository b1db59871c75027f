//! The words of the schedule: where a node is, what it asks for, what it tells.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::exec::NodeOutcome;
use crate::plan::NodeId;
use crate::stage::Wants;

/// Where a node is. Every change goes through `Schedule::set`.
#[derive(Clone, Debug)]
pub(in crate::exec) enum State {
    /// Nodes that it needs are not known yet: so many. A node that was not chosen stays here.
    Waiting { missing: usize },
    /// All that it needs is known, and so is its key. Its record is looked for.
    Ready,
    /// It has to run. Its inputs are looked at: are their bytes there?
    Check,
    /// These nodes are made again first, because the bytes of their outputs are gone.
    Blocked { by: BTreeSet<NodeId> },
    /// It can start as soon as the executor admits it.
    Queued { wants: Wants },
    /// Its job is at work. The twins are nodes with the same key; they wait for this one.
    Running { key: Digest, twins: Vec<NodeId> },
    /// Another node of this run has the same key and is at work.
    Twin,
    /// Another process computes its key.
    Elsewhere { key: Digest },
    /// Its record is known. It goes back to `Check` if somebody needs bytes of it that are gone.
    Made,
    /// Its record is known, but its bytes are gone and nobody can make them again.
    Lost,
    /// Its stage failed, or it cannot be run.
    Failed { message: String },
    /// It never runs, because this node failed.
    Skipped { because: NodeId },
    /// It would have to run, or needs one that would; but the run is frozen.
    Stale,
    /// It would have to run, but the run was stopped.
    Left,
}

/// A node in a run.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub state: State,
    /// What is known of its outputs: that it was cached or that it ran. Bytes that are made again
    /// change nothing here.
    pub known: Option<NodeOutcome>,
    /// How often an input was damaged while it ran.
    pub tries: usize,
}

impl Life {
    /// Whether nobody can make the bytes of its outputs.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost | State::Failed { .. } | State::Skipped { .. })
    }

    /// What became of it.
    pub(super) fn outcome(self) -> NodeOutcome {
        match self.state {
            State::Failed { message } => NodeOutcome::Failed { message },
            State::Skipped { because } => NodeOutcome::Skipped { because },
            State::Stale => NodeOutcome::Stale,
            _ => self.known.unwrap_or(NodeOutcome::NotRun),
        }
    }
}

/// What the schedule wants to be done.
#[derive(Clone, Debug)]
pub(in crate::exec) enum Action {
    /// Look for the record of a node. If `bytes` are wanted, then a record without them is none.
    /// The answer is `Schedule::recorded`.
    Lookup { node: NodeId, bytes: bool },
    /// Look whether the inputs of a node are there. The answer is `Schedule::checked`.
    Check(NodeId),
    /// Tell the listener of something that happened to a node.
    Tell(NodeId, Word),
    /// Tell the jobs at work to stop.
    Stop,
}

/// What is told of a node.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::exec) enum Word {
    /// Its record, which tells how many seconds it took, was there.
    Cached {
        seconds: f64,
    },
    /// `again`: its record was known, only its bytes were gone.
    Finished {
        seconds: f64,
        again: bool,
    },
    Failed(String),
    Skipped {
        because: NodeId,
    },
    /// Another process, of this number if it is known, computes its key.
    Shared(Option<u32>),
    Warning(String),
}

/// How the inputs of a node are.
#[derive(Clone, Debug)]
pub(in crate::exec) enum Inputs {
    /// All are there. A job with these inputs wants this.
    There(Wants),
    /// The outputs of these nodes are gone.
    Gone(BTreeSet<NodeId>),
    /// The input of this role is gone, and no stage makes it.
    Lost(String),
}
