//! The integration tests, as one program: it links once.

mod metrics_oracle;
mod oracle;
mod spec_errors;
mod spec_good;
