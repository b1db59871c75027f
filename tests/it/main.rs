mod autoencoder_oracle;
mod metrics_oracle;
mod oracle;

mod spec_errors;
