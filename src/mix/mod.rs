//! Mixing as in MIMII DG (Dohi et al. 2022, section 2).
//!
//! Let a be the mean power of all clips of a section before mixing (both domains, training and
//! test). For each clip a noise clip j is drawn and scaled to the power b_j for which gamma = 10
//! log10(a / b_j); then both are summed. With one a for all clips, a louder or quieter recording
//! keeps its level.
//!
//! [`draw`] decides the mix, from identities and a seed alone. `sum` applies it to samples. Neither
//! reads a file: a recipe names a noise clip, and the caller brings its samples.

mod draw;
mod layer;
mod sum;

pub use draw::{Candidates, MixError, draw};
pub use layer::{Layer, Snr, Types};
pub use sum::{Quantised, cut, power, quantise, scale_to};
