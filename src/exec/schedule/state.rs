//! The types of the schedule: states of nodes, questions and messages.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::exec::NodeOutcome;
use crate::plan::NodeId;
use crate::stage::Wants;

/// The state of a node. Every change goes through `Schedule::set`.
#[derive(Clone, Debug)]
pub(in crate::exec) enum State {
    /// This many of its needs are not known yet. A node that was not chosen stays here.
    Waiting { missing: usize },
    /// All its needs are known, and so is its key. Its record is looked up.
    Ready,
    /// It has to run. Its inputs are checked first: their bytes may be gone.
    Check,
    /// These nodes run again first, because the bytes of their outputs are gone.
    Blocked { by: BTreeSet<NodeId> },
    /// It can start as soon as the executor admits it.
    Queued { wants: Wants },
    /// Its job is running. The twins are nodes with the same key; they wait for this one.
    Running { key: Digest, twins: Vec<NodeId> },
    /// Another node of this run with the same key is running.
    Twin,
    /// Another process computes its key.
    Elsewhere { key: Digest },
    /// Its record is known. It returns to `Check` if a stage needs bytes of it that are gone.
    Made,
    /// Its record is known, but its bytes are gone and cannot be made again.
    Lost,
    /// Its stage failed, or it cannot run.
    Failed { message: String },
    /// It never runs, because this node failed.
    Skipped { because: NodeId },
    /// It, or a node it needs, would have to run, but the run is frozen.
    Stale,
    /// It would have to run, but the run was stopped.
    Left,
}

/// A node in a run.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub state: State,
    /// Its outcome once its outputs are known: cached or ran. Making bytes again does not change
    /// it.
    pub known: Option<NodeOutcome>,
    /// How many times an input was damaged while it ran.
    pub tries: usize,
}

impl Life {
    /// Whether the bytes of its outputs cannot be made.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost | State::Failed { .. } | State::Skipped { .. })
    }

    /// The outcome of the node.
    pub(super) fn outcome(self) -> NodeOutcome {
        match self.state {
            State::Failed { message } => NodeOutcome::Failed { message },
            State::Skipped { because } => NodeOutcome::Skipped { because },
            State::Stale => NodeOutcome::Stale,
            _ => self.known.unwrap_or(NodeOutcome::NotRun),
        }
    }
}

/// Actions that the schedule asks for.
#[derive(Clone, Debug)]
pub(in crate::exec) enum Action {
    /// Look up the record of a node. If `bytes` are wanted, a record without them counts as
    /// missing. The answer is `Schedule::recorded`.
    Lookup { node: NodeId, bytes: bool },
    /// Check whether the inputs of a node exist. The answer is `Schedule::checked`.
    Check(NodeId),
    /// Report an event of a node to the listener.
    Tell(NodeId, Word),
    /// Tell the running jobs to stop.
    Stop,
}

/// Events of a node.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::exec) enum Word {
    /// Its record existed; it names the seconds that the stage took.
    Cached {
        seconds: f64,
    },
    /// `again`: its record was known, and only its bytes were made again.
    Finished {
        seconds: f64,
        again: bool,
    },
    Failed(String),
    Skipped {
        because: NodeId,
    },
    /// Another process (its id, if known) computes its key.
    Shared(Option<u32>),
    Warning(String),
}

/// The state of the inputs of a node.
#[derive(Clone, Debug)]
pub(in crate::exec) enum Inputs {
    /// All exist. A job with these inputs has these wants.
    There(Wants),
    /// The outputs of these nodes are gone.
    Gone(BTreeSet<NodeId>),
    /// The input with this role is gone, and no stage makes it.
    Lost(String),
}
