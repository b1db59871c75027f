//! The metrics of the field as pure functions on slices.
//!
//! Published tables are compared to the last digit, so every function here follows the reference
//! implementations (scikit-learn, SciPy, NumPy) in the order of their floating-point operations, not
//! only in their definition. Nothing here knows clips, domains or files.

mod mean;
mod roc;
mod sum;

pub use mean::{SectionMetrics, arithmetic_mean, harmonic_mean, official_score};
pub use roc::{Ties, auc, pauc};
