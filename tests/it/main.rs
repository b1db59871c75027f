mod cache;
mod metrics_oracle;
mod oracle;
mod project;
mod sounds;

mod concurrent;
mod faults;
mod freshness;
mod parity;
mod spec_errors;
mod unusable;
