//! Domain generalisation round any detector: `generalization` of a spec.
//!
//! Each technique is one step, and every step may be combined with every other:
//!
//! ```text
//! choose clips -> subtract temporal mean -> normalise features -> augment -> split into references
//!     -> one model a reference (the detector's own) -> normalise scores -> smallest of the cells
//! ```
//!
//! | word | does | source |
//! |---|---|---|
//! | `target_clips`, `source_clips`, `source_values`, `draw` | which clips there are | Dohi et al. 2022 (MIMII DG) |
//! | `scope` | one model a section or a machine | the baselines of 2022 |
//! | `temporal_mean_subtraction` | each band without its mean over the clip | Wilkinghoff 2023 |
//! | `feature_normalization` | zero mean, unit deviation: of all clips, a domain, a section, a clip | usual; Ulyanov et al. 2016 (a clip) |
//! | `smote` | target clips between target clips | Chawla et al. 2002 |
//! | `memmixup` | target clips with a little of their nearest source clips | Saengthong and Shinozaki, arXiv 2409.05035 (GenRep) |
//! | `mixup` | clips between any two | Zhang et al. 2018 |
//! | `source_means` | the source as the centres of its k-means, beside the raw target clips | Wilkinghoff 2023 |
//! | `oversampling` | target clips repeated | He and Garcia 2009 |
//! | `references` | a model a domain, or an attribute value; the smallest score counts | Harada et al. 2023 (selective Mahalanobis) |
//! | `local_density` | distances divided by those among the neighbours of the training clip | Wilkinghoff et al., arXiv 2509.10951 |
//! | `score_normalization` | scores in deviations from the mean of held-out training clips | the domain normalisation of GenRep |
//!
//! `score_normalization` alone moves thresholds, not areas: within a section it keeps the order of
//! scores, as long as all are of one model and one normalisation of features.
//!
//! Each technique has a version of its own ([`Technique`]), which is in the keys of the stages that
//! run it.
//!
//! Nothing here sees test clips when it fits, or the domain of a test clip when it scores: who
//! scores does not know it. This room knows no files and no stages.

mod augment;
mod choice;
mod group;
mod idle;
mod model;
mod normalize;
mod samples;
mod settings;
mod tensors;
mod versions;

pub use augment::{Pair, pairs};
pub use choice::SourceValues;
pub use model::{fit, held_out, score};
pub use normalize::subtract_temporal_mean;
pub use settings::{
    Generalization, MemMixup, Mixup, Normalization, References, ScoreNormalization, Smote,
};
pub use versions::Technique;
