//! Mixing as in MIMII DG (Dohi et al. 2022, section 2).
//!
//! Let a be the mean power of all clips of a section before mixing (both domains, training and
//! test). For each clip a noise clip j is drawn and scaled to the power b_j for which gamma = 10
//! log10(a / b_j); then both are summed. With one a for all clips, a louder or quieter recording
//! keeps its level.
//!
//! Beyond the paper, a ratio may be drawn, a may be the power of the clip or of the machine, and
//! sounds may be convolved with impulse responses and recorded by two microphones.
//!
//! [`draw`] decides the mix, from identities and a seed alone. `sum` applies it to samples. Neither
//! reads a file: a recipe names a noise clip, and the caller brings its samples.

mod bounds;
mod draw;
mod drawn;
mod layer;
mod microphones;
mod ratio;
mod response;
mod sum;

pub use bounds::{DECIBELS, MILLISECONDS, decibels, milliseconds, seconds};
pub use draw::{Candidates, Draws, MixError, Signal, draw};
pub use drawn::{Drawn, Placed};
pub use layer::{Layer, Types, unknown_type};
pub use microphones::{Microphones, delay};
pub use ratio::Snr;
pub use response::{RESPONSE_VERSION, RT60, Response, decay, trimmed};
pub use sum::{Quantised, add, cut, delayed, power, quantise, scale_to};
