//! Mixing as MIMII DG was mixed (Dohi et al. 2022, section 2).
//!
//! With a = the mean power of all clips of a section before mixing (both domains, training and
//! test), a noise clip j is drawn for each clip and given the power b_j for which gamma = 10
//! log10(a / b_j); then both are summed. One a for all clips keeps what a louder or quieter
//! recording says of its machine.
//!
//! [`draw`] decides what is mixed, from identities and a seed alone; `sum` does it to samples.
//! Neither reads a file: a recipe names a noise clip, and the caller brings its samples.

mod draw;
mod layer;
mod sum;

pub use draw::{Candidates, MixError, draw};
pub use layer::{Layer, Snr, Types};
pub use sum::{Quantised, cut, power, quantise, scale_to};
