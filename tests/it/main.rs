//! The integration tests, as one program: it links once.

mod autoencoder_oracle;
mod golden;
mod metrics_oracle;
mod oracle;

mod scikit_learn;
mod spec_errors;
mod spec_good;
