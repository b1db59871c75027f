//! The integration tests, as one program: it links once.

mod cache;
mod oracle;
mod project;
mod sounds;

mod architecture;
mod autoencoder_oracle;
mod cli;
mod concurrent;
mod data_errors;
mod faults;
mod freshness;
mod golden;
mod metrics_oracle;
mod parity;
mod scikit_learn;
mod spec_errors;
mod spec_good;
mod unusable;
