//! Neural networks on plain arrays: the dense autoencoder, its training, its forward pass.
//!
//! Training takes gradients from `burn`; everything that decides a result (initial weights, the order of
//! the batches, the optimizer's state) is ours and is handed in, so that trainings in parallel share no
//! hidden generator and a model depends on its inputs and its seed alone. Inference does without `burn`.
//!
//! This room knows no clips, settings, seeds or files.

mod network;
mod train;
mod windows;

pub use network::{Dense, Folded, Network, Norm};
pub use train::{Adam, Trainer};
pub use windows::Windows;

/// For tests: numbers in [0, 1) that look random enough.
#[cfg(test)]
fn draws(mut x: f64) -> impl FnMut() -> f64 {
    move || {
        x = (x * 997.0 + 0.123_456_7).fract();
        x
    }
}
