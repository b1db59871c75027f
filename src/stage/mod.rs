//! Stages as data.

pub mod metrics;
