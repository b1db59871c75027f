//! humshift: declarative experiments for anomalous sound detection under domain shift.

pub mod artifact;
pub mod canon;
pub mod detector;
pub mod diagnose;
pub mod digest;
pub mod exec;
pub mod dsp;
pub mod family;
pub mod feature;
pub mod plan;
pub mod metric;
pub mod pool;
pub mod progress;
pub mod report;
pub mod seed;
pub mod source;
pub mod spec;
pub mod stage;
pub mod store;
