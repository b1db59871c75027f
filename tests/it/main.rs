//! The integration tests, as one program: it links once.

mod cache;
mod oracle;
mod project;
mod sounds;

mod autoencoder_oracle;
mod concurrent;
mod faults;
mod freshness;
mod golden;
mod metrics_oracle;
mod oracle;

mod parity;
mod scikit_learn;
mod spec_errors;
mod spec_good;
mod unusable;
