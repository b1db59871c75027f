//! The integration tests, as one program: it links once.

mod golden;
mod autoencoder_oracle;
mod metrics_oracle;
mod oracle;
mod scikit_learn;
mod spec_errors;
mod spec_good;
