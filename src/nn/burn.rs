//! The engine for GPUs: a graph over `burn`'s tensors. `burn`'s autodiff is the backward pass.
//!
//! Every operator is one of `burn`'s own, so this engine also checks our kernels. With the feature
//! `burn-flex`, `burn` computes on the processor, and tests compare outputs, running statistics and
//! gradients with those of [`super::Cpu`].
//!
//! Weights stay in [`Network`] and travel with each batch in one piece; gradients return the same
//! way. `burn` holds no state between batches and draws no random numbers. Initialisation,
//! optimiser and storage stay outside this engine. Sums are in `f32`, in an order that the device
//! chooses, and tensor cores may round factors to fewer digits. So the numbers are close to those
//! of the processor, but not equal.

use burn::tensor::activation::relu;
use burn::tensor::module::{batch_norm, batch_norm_train, conv2d, linear, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData};

use super::engine::Engine;
use super::graph::{Op, Part, Shape};
use super::kernel::{Activation, Window};
use super::network::Network;

/// A device that `burn` computes on.
pub struct Burn {
    device: Device,
    /// The output, as C-order rows of [`Shape`], and the weights of the last training batch.
    kept: Option<(Tensor<4>, Vec<Tensor<1>>)>,
    answer: Vec<f32>,
}

impl Burn {
    /// The processor. Slow; for tests.
    #[cfg(feature = "burn-flex")]
    pub fn flex() -> Self {
        Self::on(Device::flex())
    }

    /// The first NVIDIA device, if there is one. The driver and NVRTC are looked for at run time.
    #[cfg(feature = "cuda")]
    pub fn cuda() -> Option<Self> {
        let none = Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec().is_empty();
        (!none).then(|| Self::on(Device::cuda(0)))
    }

    /// The device that `wgpu` ranks best (Vulkan, Metal, DirectX), if there is one.
    #[cfg(feature = "wgpu")]
    pub fn wgpu() -> Option<Self> {
        let none = Device::enumerate(burn::tensor::DeviceType::Wgpu).into_vec().is_empty();
        (!none).then(|| Self::on(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)))
    }

    fn on(device: Device) -> Self {
        Self { device, kept: None, answer: Vec::new() }
    }
}

impl Engine for Burn {
    fn infer(&mut self, network: &Network, inputs: &[&[f32]]) -> &[f32] {
        let weights = parts(&network.weights, &network.graph.weights, &self.device);
        let statistics = parts(&network.statistics, &network.graph.statistics, &self.device);
        let output =
            run(network, inputs, &weights, &mut Moments::Running(statistics), &self.device);
        self.answer = download(vec![output.flatten(0, 3)]);
        &self.answer
    }

    fn train(&mut self, network: &mut Network, inputs: &[&[f32]]) -> &[f32] {
        let device = self.device.clone().autodiff();
        let weights: Vec<Tensor<1>> = parts(&network.weights, &network.graph.weights, &device)
            .into_iter()
            .map(Tensor::require_grad)
            .collect();
        let mut moments = Moments::Batch(Vec::new());
        let output = run(network, inputs, &weights, &mut moments, &device);
        let Moments::Batch(moments) = moments else { unreachable!("as it began") };
        // Reading waits for the device, so all tensors are read at once.
        let read = [vec![output.clone().inner().flatten(0, 3)], moments].concat();
        self.answer = download(read);
        let batch = self.answer.split_off(self.answer.len() - network.statistics.len());
        for node in &network.graph.nodes {
            if let Op::Norm { follow, .. } = node.op {
                for part in &network.graph.statistics[node.statistics.clone()] {
                    let range = part.range.clone();
                    let pairs = network.statistics[range.clone()].iter_mut().zip(&batch[range]);
                    pairs.for_each(|(running, batch)| *running += (batch - *running) * follow);
                }
            }
        }
        self.kept = Some((output, weights));
        &self.answer
    }

    fn backward(&mut self, _: &Network, slopes: &[f32], gradient: &mut [f32]) {
        let (output, weights) =
            self.kept.take().expect("a batch in training comes before its backward pass");
        let slopes = Tensor::<4>::from_data(
            TensorData::new(slopes.to_vec(), output.dims()),
            &output.device(),
        );
        let mut found = (output * slopes).sum().backward();
        // A weight without influence on the output has no gradient.
        let read = |w: &Tensor<1>| {
            w.grad_remove(&mut found).unwrap_or_else(|| w.clone().inner().zeros_like())
        };
        gradient.copy_from_slice(&download(weights.iter().map(read).collect()));
    }
}

/// The means and variances for the normalisations.
enum Moments {
    /// Collects those of the batch, in the order of [`super::Graph::statistics`].
    Batch(Vec<Tensor<1>>),
    Running(Vec<Tensor<1>>),
}

/// Computes the nodes. Images are (rows, channels, height, width); vectors are images of one pixel.
/// The result is (rows, height, width, channels), as in our own kernels.
fn run(
    network: &Network,
    inputs: &[&[f32]],
    weights: &[Tensor<1>],
    moments: &mut Moments,
    on: &Device,
) -> Tensor<4> {
    let nodes = &network.graph.nodes;
    let mut outputs: Vec<Option<Tensor<4>>> = Vec::new();
    let mut last_use = vec![nodes.len(); nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        node.from.iter().for_each(|&from| last_use[from] = i);
    }
    for (i, node) in nodes.iter().enumerate() {
        let x = |which: usize| {
            outputs[node.from[which]].clone().expect("nodes are kept until their last use")
        };
        let weight = |part: usize| weights[node.weights.start + part].clone();
        let channels = node.shape.channels;
        let y = match node.op {
            Op::Input(number) => {
                let Shape { height, width, channels } = node.shape;
                let rows = inputs[number].len() / node.shape.len();
                let data =
                    TensorData::new(inputs[number].to_vec(), [rows, height, width, channels]);
                Tensor::from_data(data, on).permute([0, 3, 1, 2])
            }
            Op::Conv { window, bias } => {
                let (x, bias) = (x(0), bias.then(|| weight(1)));
                let [rows, inputs, ..] = x.dims();
                if window == Window::dense() {
                    let kernel = weight(0).reshape([inputs, channels]);
                    linear::<2>(x.reshape([rows, inputs]), kernel, bias)
                        .reshape([rows, channels, 1, 1])
                } else {
                    let [height, width] = window.kernel;
                    let kernel =
                        weight(0).reshape([height, width, inputs, channels]).permute([3, 2, 0, 1]);
                    conv2d(
                        x,
                        kernel,
                        bias,
                        ConvOptions::new_with_padding(window.stride, padding(window), [1, 1], 1),
                    )
                }
            }
            Op::Depthwise { window } => {
                let [height, width] = window.kernel;
                let kernel = weight(0).reshape([height, width, channels, 1]).permute([2, 3, 0, 1]);
                let options =
                    ConvOptions::new_with_padding(window.stride, padding(window), [1, 1], channels);
                conv2d(x(0), kernel, None, options)
            }
            Op::Norm { activation, epsilon, .. } => {
                let y = match moments {
                    Moments::Batch(gathered) => {
                        let y = batch_norm_train(x(0), weight(0), weight(1), epsilon);
                        gathered.extend([y.mean.inner(), y.variance.inner()]);
                        y.output
                    }
                    Moments::Running(parts) => {
                        let [mean, variance] =
                            [0, 1].map(|which| parts[node.statistics.start + which].clone());
                        batch_norm(x(0), weight(0), weight(1), mean, variance, epsilon)
                    }
                };
                activate(y, activation)
            }
            Op::Activate(activation) => activate(x(0), activation),
            Op::MaxPool { window } => {
                let options = MaxPoolOptions::new(window.kernel).with_stride(window.stride);
                max_pool2d(x(0), options.with_padding_pairs(padding(window)))
            }
            Op::GlobalMean => pixels(x(0)).mean_dim(2).unsqueeze_dim(3),
            Op::GlobalMax => pixels(x(0)).max_dim(2).unsqueeze_dim(3),
            Op::Flatten => vector(x(0)),
            Op::Add => x(0) + x(1),
            Op::Concat => {
                Tensor::cat((0..node.from.len()).map(|which| vector(x(which))).collect(), 1)
            }
        };
        outputs.push(Some(y));
        node.from
            .iter()
            .filter(|&&from| last_use[from] == i)
            .for_each(|&from| outputs[from] = None);
    }
    outputs.pop().flatten().expect("a network has nodes").permute([0, 2, 3, 1])
}

fn activate(x: Tensor<4>, activation: Activation) -> Tensor<4> {
    match activation {
        Activation::Identity => x,
        Activation::Relu => relu(x),
        // A clamp to 0 would pass gradients at 0. Channels with the same value everywhere are
        // exactly there.
        Activation::Relu6 => relu(x).clamp_max(6.0),
    }
}

/// (rows, channels, height, width) to (rows, channels, pixels).
fn pixels(x: Tensor<4>) -> Tensor<3> {
    x.flatten(2, 3)
}

/// Turns images into vectors, with values in the order (height, width, channels).
fn vector(x: Tensor<4>) -> Tensor<4> {
    let [rows, channels, height, width] = x.dims();
    x.permute([0, 2, 3, 1]).reshape([rows, height * width * channels, 1, 1])
}

/// The padding (before, after) of rows and columns. Rows that a stride leaves over at the end are
/// not read.
fn padding(window: Window) -> [(usize, usize); 2] {
    [0, 1].map(|axis| {
        let seen = (window.output[axis] - 1) * window.stride[axis] + window.kernel[axis];
        (window.pad[axis], seen.saturating_sub(window.input[axis] + window.pad[axis]))
    })
}

/// Splits a slice into the tensors of its parts, copied to the device together.
fn parts(numbers: &[f32], parts: &[Part], device: &Device) -> Vec<Tensor<1>> {
    if parts.is_empty() {
        return Vec::new();
    }
    let all = Tensor::<1>::from_data(TensorData::new(numbers.to_vec(), [numbers.len()]), device);
    parts.iter().map(|part| all.clone().slice([part.range.clone()])).collect()
}

/// The values of all tensors, one after another.
fn download(tensors: Vec<Tensor<1>>) -> Vec<f32> {
    match tensors.is_empty() {
        true => Vec::new(),
        false => Tensor::cat(tensors, 0).into_data().try_into_vec().expect("tensors here are f32"),
    }
}

#[cfg(test)]
mod tests;
