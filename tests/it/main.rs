//! The one integration binary.

mod golden;
mod metrics_oracle;
mod oracle;

mod scikit_learn;
mod spec_errors;
mod spec_good;
