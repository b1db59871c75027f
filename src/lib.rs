//! humshift: declarative experiments for anomalous sound detection under domain shift.
//!
//! ```text
//! experiment.yaml
//!    |  spec       parse, strict, every mistake with its place; defaults filled in; sweep expanded
//!    v
//! Experiment { points }
//!    |  plan       one node a stage; equal stages of different points are one node
//!    v
//! Plan (a DAG)     dataset -> [levels -> mixing] -> features -> [pooling] -> [network -> embedding]
//!    |                 -> training -> scoring -> metrics
//!    |  exec       for each node: key = SHA-256 of (stage, code, config, digests of inputs)
//!    |             store: record there -> cached; else run it, objects first, record last
//!    v
//! records          key -> outputs
//!    |  report     pure: metric tables -> tables of the field, CSV, JSON
//!    v
//! stdout
//! ```
//!
//! **The rooms and the one direction between them** (a test holds it):
//!
//! ```text
//! math                                   arithmetic with the same bits everywhere: imports nothing of ours
//! canon digest kind seed context diagnose family shown document protobuf agent
//!                                        foundation: imports `math` alone
//! reading                                foundation: files as people have them
//! dsp  nn  metric                        mathematics on slices and arrays: imports `math` alone
//! learn                                  mathematics that learns from vectors: foundation
//! twin                                   sounds of machines from seeds: foundation
//! artifact            -> foundation
//! command             -> artifact        programs of users: their files, their limits, their folder
//! weights             -> artifact nn     weights of networks in the files of other programs
//! mix                 -> artifact        which noise, how loud; sums of samples
//! mimii_dg            -> mix twin        the data set's tables
//! source feature pool detector -> artifact, mathematics, foundation; source -> twin mix mimii_dg, too;
//!                        feature detector -> command, too
//! threshold           -> metric          from which score on
//! generalize          -> detector learn  domain generalisation round any detector
//! evaluate            -> metric, artifact, names of source: official numbers of score files
//! stage               -> those, metric
//! spec                -> stage and the families' config types
//! plan                -> spec stage
//! disk                -> foundation      the folder of a cache: files that are there whole or not at all
//! store               -> disk            objects and records: bytes and digests only; in a folder, and in a
//!                                        remote tier behind it
//! desk                -> disk            jobs, logs, locks, checkpoints, memories of one machine: always local
//! run                 -> plan spec stage  a plan frozen as a document
//! exec                -> run plan stage store desk artifact
//! progress report     -> events, records, metric, metric tables
//! publish             -> report          results for other programs: event files and servers
//! cli                 -> everything
//! ```
//!
//! Effects live in few places: `reading` opens what a person names, `source` reads recordings,
//! `store` and `desk` read and write the cache by way of `disk`, `exec` has threads, processes and
//! the clock, `publish` and `store::remote` talk to servers by `agent`, `cli` and `progress` have
//! the terminal. Everything else is a function of its arguments.
//!
//! [`run`] is the whole program in a call: a spec becomes results. Mathematics of the field stands
//! in rooms of its own, such as [`metric`], [`dsp`], [`feature`] and [`evaluate`].
//!
//! Rooms that nobody outside needs are private, so that the compiler sees what nobody uses.

mod agent;
mod cli;
mod desk;
mod disk;
mod document;
mod exec;
mod learn;
mod program;
mod progress;
mod protobuf;
mod publish;
mod reading;
mod run;
mod shown;
mod store;

pub mod artifact;
pub mod canon;
pub mod command;
pub mod context;
pub mod detector;
pub mod diagnose;
pub mod digest;
pub mod dsp;
pub mod evaluate;
pub mod family;
pub mod feature;
pub mod generalize;
pub mod kind;
pub mod math;
pub mod metric;
pub mod mimii_dg;
pub mod mix;
pub mod nn;
pub mod plan;
pub mod pool;
pub mod report;
pub mod seed;
pub mod source;
pub mod spec;
pub mod stage;
pub mod threshold;
pub mod twin;
pub mod weights;

/// What a cache holds besides objects, as far as bytes alone tell: records, runs and work orders.
/// Others may write to a shared cache, so `fuzz/` checks these readers, too.
pub mod stored {
    pub use crate::exec::Job;
    pub use crate::run::Run;
    pub use crate::store::{Found, Made, Record};
}

pub use cli::{Answer, RunError, main, run, run_with};
