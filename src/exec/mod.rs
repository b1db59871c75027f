//! Running a plan: one thread owns all state of a run; workers get jobs and return results.
//!
//! Clocks, threads, processes and panics are used only here. Listeners do the printing. The law:
//! the result equals the result with an empty cache, whatever was cached, lost, damaged or made
//! meanwhile by another process.

mod chain;
mod checkpoint;
mod coordinator;
mod event;
pub mod executor;
mod found;
mod keys;
mod options;
mod outcome;
mod pools;
mod reason;
mod remote;
mod schedule;
mod teller;
mod urgency;
mod verify;
mod worker;

pub use chain::run_task;
pub use coordinator::run;
pub use event::{Event, Listener};
pub use executor::{Cluster, ExecutorKind, Profile};
pub use found::is_whole;
pub use keys::{Outputs, Standing, key_of, recorded, survey};
pub use options::Options;
pub use outcome::{NodeOutcome, RunOutcome, Tally};
pub use reason::{Change, changes};
pub use remote::{find, pull, push};
pub use verify::{Verified, verify};
pub use worker::{Failure, Job, perform, run_job};
