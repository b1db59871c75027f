//! Training of a dense autoencoder: mean squared error, batch normalisation, Adam.
//!
//! `burn` takes the gradients; weights, moments and running statistics stay in our own arrays. So no
//! generator and no state of `burn` reaches a result, and an update is one pass over memory instead of
//! a dozen tensor operations.

use burn::tensor::activation::relu;
use burn::tensor::module::{batch_norm_train, linear};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::Array1;

use super::network::{EPSILON, Network};

/// How fast running statistics follow the batches: Keras's `momentum` 0.99, seen from the other side.
const FOLLOW: f32 = 0.01;

/// Adam (Kingma and Ba 2015) as Keras has it: `epsilon` is added to the root of the uncorrected moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    pub rate: f64,
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
}

impl Adam {
    /// Keras's defaults with learning rate `rate`.
    pub fn new(rate: f64) -> Self {
        Self { rate, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }

    /// Moves `weights` against `gradient` in step `time` (from 1).
    fn update(&self, time: i32, weights: &mut [f32], gradient: &[f32], moments: &mut [Vec<f32>; 2]) {
        let rate = self.rate * (1.0 - self.beta_2.powi(time)).sqrt() / (1.0 - self.beta_1.powi(time));
        let (rate, epsilon) = (rate as f32, self.epsilon as f32);
        let (follow_1, follow_2) = ((1.0 - self.beta_1) as f32, (1.0 - self.beta_2) as f32);
        let [first, second] = moments;
        for (((w, &g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
            *m += (g - *m) * follow_1;
            *v += (g * g - *v) * follow_2;
            *w -= rate * *m / (v.sqrt() + epsilon);
        }
    }
}

/// An autoencoder in training.
pub struct Trainer {
    network: Network,
    adam: Adam,
    /// First and second moment of each of [`trained`]'s arrays.
    moments: Vec<[Vec<f32>; 2]>,
    time: i32,
    device: Device,
}

impl Trainer {
    /// Starts from `network`, whose output must be as wide as its input.
    pub fn new(mut network: Network, adam: Adam) -> Self {
        let moments = trained(&mut network).iter().map(|w| [vec![0.0; w.len()], vec![0.0; w.len()]]).collect();
        Self { network, adam, moments, time: 0, device: Device::flex().autodiff() }
    }

    /// One step on a batch of whole rows in C order. Gives the mean squared error before the step.
    pub fn step(&mut self, batch: Vec<f32>) -> f64 {
        let width = self.network.dense[0].kernel.nrows();
        let rows = batch.len() / width;
        let input = Tensor::<2>::from_data(TensorData::new(batch, [rows, width]), &self.device);
        let kernels: Vec<Tensor<2>> = (self.network.dense.iter())
            .map(|layer| {
                let (values, _) = layer.kernel.to_owned().into_raw_vec_and_offset();
                let data = TensorData::new(values, [layer.kernel.nrows(), layer.kernel.ncols()]);
                Tensor::from_data(data, &self.device).require_grad()
            })
            .collect();
        let vector = |values: &Array1<f32>| -> Tensor<1> {
            Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &self.device).require_grad()
        };
        let gammas: Vec<_> = self.network.norm.iter().map(|norm| vector(&norm.gamma)).collect();
        let betas: Vec<_> = self.network.norm.iter().map(|norm| vector(&norm.beta)).collect();
        let last = kernels.len() - 1;
        let bias = vector(&self.network.dense[last].bias);

        let mut x = input.clone();
        for (i, norm) in self.network.norm.iter_mut().enumerate() {
            let y = linear(x, kernels[i].clone(), None);
            let y = batch_norm_train(y, gammas[i].clone(), betas[i].clone(), EPSILON);
            follow(&mut norm.mean, y.mean);
            follow(&mut norm.variance, y.variance);
            x = relu(y.output);
        }
        let output = linear(x, kernels[last].clone(), Some(bias.clone()));
        let loss = (output - input).square().mean();

        let mut gradients = loss.backward();
        let mut taken: Vec<Vec<f32>> = Vec::new();
        taken.extend(kernels.iter().map(|w| values(w.grad_remove(&mut gradients).expect("a kernel has a gradient"))));
        for vector in gammas.iter().chain(&betas).chain([&bias]) {
            taken.push(values(vector.grad_remove(&mut gradients).expect("a trained vector has a gradient")));
        }
        self.time += 1;
        for ((weights, gradient), moments) in trained(&mut self.network).into_iter().zip(&taken).zip(&mut self.moments)
        {
            self.adam.update(self.time, weights, gradient, moments);
        }
        f64::from(loss.into_scalar::<f32>())
    }

    /// The trained network.
    pub fn finish(self) -> Network {
        self.network
    }
}

/// The arrays that are trained: kernels, gammas, betas, the last bias.
///
/// Hidden biases are not: the normalisation after them takes the batch's mean away, and with it the bias,
/// so that their gradient is exactly zero and they stay at zero.
fn trained(network: &mut Network) -> Vec<&mut [f32]> {
    let last = network.dense.len() - 1;
    let (mut arrays, mut biases) = (Vec::new(), Vec::new());
    for layer in &mut network.dense {
        arrays.push(layer.kernel.as_slice_mut().expect("kernels are in C order"));
        biases.push(layer.bias.as_slice_mut().expect("vectors are contiguous"));
    }
    let (gammas, betas): (Vec<_>, Vec<_>) =
        network.norm.iter_mut().map(|norm| (norm.gamma.as_slice_mut(), norm.beta.as_slice_mut())).unzip();
    arrays.extend(gammas.into_iter().chain(betas).map(|v| v.expect("vectors are contiguous")));
    arrays.push(biases.swap_remove(last));
    arrays
}

/// Moves running statistics towards those of a batch.
fn follow(running: &mut Array1<f32>, batch: Tensor<1>) {
    for (running, batch) in running.iter_mut().zip(values(batch)) {
        *running += (batch - *running) * FOLLOW;
    }
}

/// The values of a tensor in C order.
fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().as_slice::<f32>().expect("tensors here are f32").to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Windows;
    use crate::nn::draws;

    fn batch(rows: usize, width: usize, mut uniform: impl FnMut() -> f64) -> Vec<f32> {
        (0..rows)
            .flat_map(|_| {
                let phase = 6.0 * uniform();
                (0..width).map(|i| (phase + i as f64 / 3.0).sin() as f32).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn a_step_moves_every_trained_array_by_the_learning_rate() {
        // Adam's first step is rate * g / (|g| + epsilon'): the rate, wherever the gradient is not tiny.
        let before = Network::glorot(&[12, 8, 12], &mut draws(0.3));
        let mut trainer = Trainer::new(before.clone(), Adam::new(1e-3));
        trainer.step(batch(32, 12, draws(0.7)));
        let mut after = trainer.finish();
        let mut old = before.clone();
        for (new, old) in trained(&mut after).into_iter().zip(trained(&mut old)) {
            let largest = new.iter().zip(old).map(|(a, b)| (a - *b).abs()).fold(0.0, f32::max);
            assert!((largest - 1e-3).abs() < 2e-5, "{largest}");
        }
        assert_eq!(after.dense[0].bias, before.dense[0].bias);
        assert_ne!(after.norm[0].mean, before.norm[0].mean);
    }

    #[test]
    fn gradients_are_what_differences_say() {
        let network = Network::glorot(&[4, 3, 4], &mut draws(0.3));
        let input = batch(16, 4, draws(0.9));
        let loss = |network: &Network| Trainer::new(network.clone(), Adam::new(0.0)).step(input.clone());
        let mut trainer = Trainer::new(network.clone(), Adam::new(1e-4));
        trainer.step(input.clone());
        let (mut checked, mut steep) = (0, 0);
        for (array, moments) in trainer.moments.iter().enumerate() {
            for (i, &first) in moments[0].iter().enumerate() {
                let at = |shift: f32| {
                    let mut moved = network.clone();
                    trained(&mut moved)[array][i] += shift;
                    loss(&moved)
                };
                let slope = (at(2e-3) - at(-2e-3)) / 4e-3;
                // The first moment after one step is a tenth of the gradient.
                let gradient = f64::from(first) / 0.1;
                assert!((slope - gradient).abs() < 2e-3 + 0.02 * slope.abs(), "{array} {i}: {slope} {gradient}");
                checked += 1;
                steep += usize::from(slope.abs() > 0.02);
            }
        }
        assert!(checked == 34 && steep > 10, "{checked} {steep}");
    }

    fn train(threads: usize) -> (Network, Vec<f64>) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut uniform = draws(0.1);
            // Wide enough that matrix products are shared between threads.
            let sizes = [640, 128, 128, 8, 128, 128, 640];
            let mut trainer = Trainer::new(Network::glorot(&sizes, &mut uniform), Adam::new(1e-3));
            let losses = (0..12).map(|_| trainer.step(batch(128, 640, &mut uniform))).collect();
            (trainer.finish(), losses)
        })
    }

    #[test]
    fn one_and_two_threads_give_the_same_bits_and_the_loss_falls() {
        let (one, two) = (train(1), train(2));
        assert!(one == two);
        assert!(one.1[11] < 0.5 * one.1[0], "{:?}", one.1);
    }

    #[test]
    fn running_statistics_become_those_of_the_data() {
        let mut uniform = draws(0.1);
        let mut trainer = Trainer::new(Network::glorot(&[6, 4, 6], &mut uniform), Adam::new(0.0));
        let values = batch(500, 6, uniform);
        (0..1500).for_each(|_| {
            trainer.step(values.clone());
        });
        let network = trainer.finish();
        let rows = Windows::new(vec![&values], 6, 1).of_clip(0).to_owned();
        let hidden = rows.dot(&network.dense[0].kernel);
        let mean = hidden.mean_axis(ndarray::Axis(0)).unwrap();
        let variance = hidden.var_axis(ndarray::Axis(0), 0.0);
        for unit in 0..4 {
            assert!((network.norm[0].mean[unit] - mean[unit]).abs() < 1e-4);
            assert!((network.norm[0].variance[unit] - variance[unit]).abs() < 1e-4);
        }
    }
}
