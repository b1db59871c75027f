//! The one integration binary.

mod golden;
mod metrics_oracle;
mod oracle;

mod spec_errors;
mod scikit_learn;
mod spec_good;
