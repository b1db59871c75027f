//! The integration tests, as one program: it links once.

mod architecture;
mod autoencoder_oracle;
mod cache;
mod cli;
mod concurrent;
mod data_errors;
mod faults;
mod figures;
mod freshness;
mod golden;
mod metrics_oracle;
mod mixing;
mod oracle;
mod oracle_margin;
mod parity;
mod project;
mod scikit_learn;
mod scikit_learn_margin;
mod sounds;
mod spec_errors;
mod spec_good;
mod unusable;
