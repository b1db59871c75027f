mod metrics_oracle;
mod oracle;
//! The integration tests, as one program: it links once.

mod spec_errors;
mod spec_good;
