//! The interface of the code that computes a network: forward and backward pass over a batch.

use super::network::Network;

/// A device and its code.
pub trait Engine: Send {
    /// The output (rows, values) for `inputs`, each (rows, values of an example) in C order.
    /// Normalisations use the running statistics.
    fn infer(&mut self, network: &Network, inputs: &[&[f32]]) -> &[f32];

    /// The output for a training batch. Normalisations use the statistics of the batch, and the
    /// running statistics in `network` are updated. Keeps everything that [`Engine::backward`]
    /// needs.
    fn train(&mut self, network: &mut Network, inputs: &[&[f32]]) -> &[f32];

    /// Turns the gradient of the loss with respect to the output of the last [`Engine::train`] into
    /// the gradient with respect to every weight, written to `gradient`.
    fn backward(&mut self, network: &Network, slopes: &[f32], gradient: &mut [f32]);
}
