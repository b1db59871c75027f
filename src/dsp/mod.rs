//! Signal processing on plain slices: windows, frames, the power spectrogram, mel filter banks,
//! decibels.
//!
//! The formulas are librosa's, because the published baselines are made with it and their numbers
//! are what users compare with. Samples and spectra are f32, tables are made in f64. This room
//! knows nothing of clips, settings or files, imports nothing of ours and never checks what a user
//! wrote: arguments out of range are bugs of the caller.

mod decibel;
mod fft;
mod frames;
mod mel;
mod resample;
mod stft;
mod window;

pub use decibel::Decibel;
pub use fft::any_length;
pub use frames::{Framing, Padding};
pub use mel::{MelBank, MelNorm, MelScale};
pub use resample::resample;
pub use stft::{LANES, Stft, StftScratch};
pub use window::hann;
