//! Domain generalisation for any detector: `generalization` in a spec.
//!
//! Each technique is one step, and all steps can be combined:
//!
//! ```text
//! choose clips -> subtract temporal mean -> normalise features -> augment -> split into references
//!     -> one model per reference (the detector's own) -> normalise scores -> smallest of the cells
//! ```
//!
//! | word | does | source |
//! |---|---|---|
//! | `target_clips`, `source_clips`, `source_values`, `draw` | choose the training clips | Dohi et al. 2022 (MIMII DG) |
//! | `scope` | one model per section or per machine | the baselines of 2022 |
//! | `temporal_mean_subtraction` | subtracts from each band its mean over the clip | Wilkinghoff 2023 |
//! | `feature_normalization` | zero mean, unit deviation over all clips, a domain, a section, a clip | usual; Ulyanov et al. 2016 (a clip) |
//! | `smote` | target clips between target clips | Chawla et al. 2002 |
//! | `memmixup` | target clips with a little of their nearest source clips | Saengthong and Shinozaki, arXiv 2409.05035 (GenRep) |
//! | `mixup` | clips between any two | Zhang et al. 2018 |
//! | `source_means` | the source as its k-means centres, with unchanged target clips | Wilkinghoff 2023 |
//! | `oversampling` | target clips repeated | He and Garcia 2009 |
//! | `references` | one model per domain or attribute value; the smallest score counts | Harada et al. 2023 (selective Mahalanobis) |
//! | `local_density` | distances compared with those among the neighbours of the training clip | Wilkinghoff et al., arXiv 2509.10951; Matsumoto et al., DCASE 2025 workshop |
//! | `domain_calibration` | scores compared with those of the training clips of the nearer domain | DACo, Zenodo 10.5281/zenodo.21210903 |
//! | `score_normalization` | scores in deviations from the mean of held-out training clips | the domain normalisation of GenRep |
//!
//! `score_normalization` alone changes thresholds but no AUC: within a section it keeps the order
//! of scores, as long as all scores come from one model and one feature normalisation.
//!
//! Each technique has its own version ([`Technique`]), which is part of the keys of the stages that
//! run it.
//!
//! Nothing here sees test clips in fitting, or the domain of a test clip in scoring, because the
//! domain is unknown then. This room knows no files and no stages.

mod augment;
mod choice;
mod group;
mod idle;
mod model;
mod normalize;
mod pseudo;
mod samples;
mod settings;
mod tensors;
mod versions;

pub use augment::{Pair, pairs};
pub use choice::SourceValues;
pub use model::{fit, held_out, score};
pub use normalize::subtract_temporal_mean;
pub use pseudo::{PSEUDO_VERSION, Pseudo, pseudo_anomalies};
pub use settings::{
    Generalization, MemMixup, Mixup, Normalization, References, ScoreNormalization, Smote,
};
pub use versions::Technique;
