//! The metrics of the field as pure functions on slices.
//!
//! Published tables are compared to the last digit, so every function here follows the reference
//! implementations (scikit-learn, SciPy, NumPy) in the order of their floating-point operations, not
//! only in their definition. Nothing here knows clips, domains or files.

mod counts;
mod gamma;
mod mean;
mod quantile;
mod roc;
mod simplex;
mod sum;

pub use counts::{f1, precision, recall};
pub use gamma::{Gamma, GammaError};
pub use mean::{SectionMetrics, arithmetic_mean, harmonic_mean, official_score};
pub use quantile::quantile;
pub use roc::{Ties, auc, pauc};
