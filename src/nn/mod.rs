//! Neural networks: their structure ([`Graph`]), their numbers ([`Network`]), the code that
//! computes them ([`Engine`]), the loss ([`Loss`]) and the training ([`Trainer`]).
//!
//! The processor's engine and its kernels are our own, because users wait for training. They cover
//! the forward and backward pass of the baselines' layers, fused where memory is the limit. Callers
//! pass in the order of batches and all random draws. So parallel trainings share no hidden
//! generator, and a model depends on its inputs and its seed alone.
//!
//! This room knows no clips, settings, seeds or files.

mod adam;
mod angular;
#[cfg(any(feature = "burn-flex", feature = "cuda", feature = "wgpu"))]
mod burn;
mod cpu;
mod engine;
mod graph;
mod heads;
mod kernel;
mod log_sum_exp;
mod loss;
mod network;
#[cfg(test)]
pub(crate) mod oracle;
mod projection;
mod train;
mod windows;

pub use angular::{Angular, Scaling};
#[cfg(any(feature = "burn-flex", feature = "cuda", feature = "wgpu"))]
pub use burn::Burn;
pub use cpu::Cpu;
pub use engine::Engine;
pub use graph::{Builder, Graph, Node, NormSettings, Op, Padding, Part, Shape};
pub use heads::{Head, Heads, View};
pub use kernel::{Activation, Window};
pub use loss::Loss;
pub use network::Network;
pub use projection::Projection;
pub use train::{State, Trainer};
pub use windows::Windows;

/// For tests: numbers in [0, 1) that look random enough.
#[cfg(test)]
pub(crate) fn draws(mut x: f64) -> impl FnMut() -> f64 {
    move || {
        x = (x * 997.0 + 0.123_456_7).fract();
        x
    }
}
