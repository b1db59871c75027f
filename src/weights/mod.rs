//! Reads weights of networks and arrays from files of other programs, and writes files for them:
//! PyTorch's state_dicts, Keras's names, NumPy's arrays, ONNX.
//!
//! ```text
//! .pt ----torch----> arrays under PyTorch's names --modules--> arrays under our names --arrays--> Network --onnx--> .onnx
//! .safetensors ----> arrays under any of the names --autoencoder--^
//! ```
//!
//! This room takes bytes and arrays. It knows no clips and no settings, and opens no file.

pub mod arrays;
pub mod autoencoder;
mod modules;
mod numpy;
mod onnx;
mod torch;
mod zip;

pub use numpy::read_numpy;
pub use onnx::onnx;
pub use torch::read_torch;

use crate::artifact::TensorError;

/// The reason why arrays do not make a network.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An array is missing or has another shape.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// An array does not belong to the network, or two arrays have the same place.
    #[error("{0}")]
    Data(String),
}
