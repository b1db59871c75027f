//! The metrics of the field as pure functions on slices.
//!
//! Users compare with published tables to the last digit. So every function here follows the
//! reference implementations (scikit-learn, SciPy, NumPy) in the order of their floating-point
//! operations, not only in their definition. Nothing here knows clips, domains or files.

mod bootstrap;
mod counts;
mod gamma;
mod kolmogorov_smirnov;
mod mean;
mod quantile;
mod ranks;
mod roc;
mod simplex;
mod student;
mod sum;
mod wilcoxon;

pub use bootstrap::{Area, Interval, bootstrap_interval};
pub use counts::{f1, precision, recall};
pub use gamma::{Gamma, GammaError};
pub use kolmogorov_smirnov::kolmogorov_smirnov;
pub use mean::{SectionMetrics, arithmetic_mean, harmonic_mean, official_score};
pub use quantile::quantile;
pub use ranks::{Friedman, critical_difference, friedman, mean_ranks, rank_correlation};
pub use roc::{Ties, auc, pauc, roc_curve};
pub use student::{PairedMean, paired_mean, student_quantile};
pub use wilcoxon::{Wilcoxon, holm, least_p, wilcoxon};
