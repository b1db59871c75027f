//! humshift: declarative experiments for anomalous sound detection under domain shift.

pub mod artifact;
pub mod canon;
pub mod cli;
pub mod detector;
pub mod diagnose;
pub mod digest;
pub mod dsp;
pub mod exec;
pub mod family;
pub mod feature;
pub mod metric;
pub mod nn;
pub mod plan;
pub mod pool;
pub mod progress;
pub mod report;
pub mod seed;
pub mod source;
pub mod spec;
pub mod stage;
pub mod store;
