//! What computes a network: forward and backward over a batch.

use super::network::Network;

/// A device and the code for it.
pub trait Engine: Send {
    /// The output (rows, values) for `inputs`, each (rows, values of an example) in C order, with
    /// running statistics.
    fn infer(&mut self, network: &Network, inputs: &[&[f32]]) -> &[f32];

    /// The output for a batch in training: normalisations take the statistics of the batch, and the
    /// running ones in `network` follow. What [`Engine::backward`] needs is kept.
    fn train(&mut self, network: &mut Network, inputs: &[&[f32]]) -> &[f32];

    /// From how the loss changes with the output of the last [`Engine::train`] to how it changes
    /// with every weight, written to `gradient`.
    fn backward(&mut self, network: &Network, slopes: &[f32], gradient: &mut [f32]);
}
