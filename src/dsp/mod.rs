//! Signal processing on plain slices: windows, frames, the power spectrogram, mel filter banks,
//! decibels, convolution, and the cancellation of a second microphone.
//!
//! The formulas are librosa's, because the published baselines use it and users compare with their
//! numbers. Samples and spectra are f32; tables are computed in f64. This room knows nothing of
//! clips, settings or files and imports none of our rooms except [`crate::math`]. It never checks
//! user input: an argument out of range is a bug of the caller.

mod cancel;
mod convolve;
mod decibel;
mod fft;
mod frames;
mod layout;
mod mel;
mod polyphase;
mod stft;
#[cfg(test)]
mod testing;
mod window;

pub use cancel::{CANCEL_VERSION, cancel};
pub use convolve::{CONVOLVE_VERSION, convolve};
pub use decibel::Decibel;
pub use fft::any_length;
pub use frames::{Framing, Padding};
pub use layout::Layout;
pub use mel::{MelBank, MelNorm, MelScale};
pub use polyphase::{POLYPHASE_VERSION, margin, polyphase};
pub use stft::{LANES, Stft, StftScratch};
pub use window::hann;
