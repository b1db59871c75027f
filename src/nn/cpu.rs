//! The engine for the processor: forward and backward pass over a graph, with our own kernels.
//!
//! Buffers for activations and gradients are reused between batches. Results do not depend on the
//! number of threads, because the kernels split work in chunks of fixed size and sum in order.

use super::engine::Engine;
use super::graph::{Node, Op};
use super::kernel;
use super::network::Network;

/// The values of a network's computation on one batch.
#[derive(Default)]
pub struct Cpu {
    /// The output of each node; for inputs a copy.
    outputs: Vec<Vec<f32>>,
    /// What else the backward pass needs.
    kept: Vec<Kept>,
    /// The gradient of the loss with respect to each node's output, during the backward pass.
    gradients: Vec<Option<Vec<f32>>>,
    /// Unused buffers.
    free: Vec<Vec<f32>>,
}

#[derive(Default)]
struct Kept {
    mean: Vec<f32>,
    inverse_deviation: Vec<f32>,
    /// Positions of the largest values.
    which: Vec<u32>,
}

impl Engine for Cpu {
    fn infer(&mut self, network: &Network, inputs: &[&[f32]]) -> &[f32] {
        let nodes = &network.graph.nodes;
        self.begin(nodes.len());
        let mut last_use = vec![0; nodes.len()];
        for (i, node) in nodes.iter().enumerate() {
            node.from.iter().for_each(|&from| last_use[from] = i);
        }
        for i in 0..nodes.len() {
            self.forward(network, i, inputs, None);
            for (from, &last) in last_use.iter().enumerate().take(i) {
                if last == i {
                    let buffer = std::mem::take(&mut self.outputs[from]);
                    self.give(buffer);
                }
            }
        }
        self.outputs.last().expect("a network has nodes")
    }

    fn train(&mut self, network: &mut Network, inputs: &[&[f32]]) -> &[f32] {
        let count = network.graph.nodes.len();
        self.begin(count);
        let mut statistics = std::mem::take(&mut network.statistics);
        for i in 0..count {
            self.forward(network, i, inputs, Some(&mut statistics));
        }
        network.statistics = statistics;
        self.outputs.last().expect("a network has nodes")
    }

    fn backward(&mut self, network: &Network, slopes: &[f32], gradient: &mut [f32]) {
        let nodes = &network.graph.nodes;
        // Nodes below the first weights need no gradient.
        let mut learns = vec![false; nodes.len()];
        for (i, node) in nodes.iter().enumerate() {
            learns[i] = !node.weights.is_empty() || node.from.iter().any(|&from| learns[from]);
        }
        let mut first = self.take(slopes.len());
        first.copy_from_slice(slopes);
        self.gradients.iter_mut().for_each(|g| *g = None);
        self.gradients[nodes.len() - 1] = Some(first);
        for (i, node) in nodes.iter().enumerate().rev() {
            if let Some(dy) = self.gradients[i].take() {
                match learns[i] {
                    true => self.back(network, node, i, dy, &learns, gradient),
                    false => self.give(dy),
                }
            }
        }
    }
}

impl Cpu {
    fn begin(&mut self, nodes: usize) {
        for i in 0..self.outputs.len() {
            let buffer = std::mem::take(&mut self.outputs[i]);
            self.give(buffer);
        }
        self.outputs.resize_with(nodes, Vec::new);
        self.kept.resize_with(nodes, Kept::default);
        self.gradients.resize_with(nodes, || None);
    }

    /// A buffer of `len` values with arbitrary content.
    fn take(&mut self, len: usize) -> Vec<f32> {
        let fits = (self.free.iter().enumerate())
            .filter(|(_, b)| b.capacity() >= len)
            .min_by_key(|(_, b)| b.capacity());
        let mut buffer = match fits.map(|(place, _)| place) {
            // A much larger buffer is left for a larger need.
            Some(place) if self.free[place].capacity() <= 2 * len + 1024 => {
                self.free.swap_remove(place)
            }
            _ => Vec::with_capacity(len),
        };
        buffer.resize(len, 0.0);
        buffer
    }

    fn give(&mut self, buffer: Vec<f32>) {
        if buffer.capacity() > 0 {
            self.free.push(buffer);
        }
    }

    /// Computes node `i`. In training, `statistics` are the running statistics to update.
    fn forward(
        &mut self,
        network: &Network,
        i: usize,
        inputs: &[&[f32]],
        statistics: Option<&mut Vec<f32>>,
    ) {
        let node = &network.graph.nodes[i];
        if let Op::Input(number) = node.op {
            let mut y = self.take(inputs[number].len());
            y.copy_from_slice(inputs[number]);
            self.outputs[i] = y;
            return;
        }
        let source = &network.graph.nodes[node.from[0]];
        let rows = self.outputs[node.from[0]].len() / source.shape.len();
        let (channels, outputs) = (source.shape.channels, node.shape.channels);
        let weights = |part: usize| {
            &network.weights[network.graph.weights[node.weights.start + part].range.clone()]
        };
        let mut y = self.take(rows * node.shape.len());
        let x = &self.outputs[node.from[0]];
        match node.op {
            Op::Input(_) => unreachable!("done above"),
            Op::Conv { window, bias } => {
                kernel::convolve(x, weights(0), window, [channels, outputs], &mut y);
                if bias {
                    kernel::add_bias(&mut y, weights(1));
                }
            }
            Op::Depthwise { window } => kernel::depthwise(x, weights(0), window, channels, &mut y),
            Op::Norm { activation, epsilon, follow } => {
                let kept = &mut self.kept[i];
                kept.mean.resize(channels, 0.0);
                kept.inverse_deviation.resize(channels, 0.0);
                let part = |which: usize| {
                    network.graph.statistics[node.statistics.start + which].range.clone()
                };
                match statistics {
                    Some(running) => {
                        let mut variance = vec![0.0; channels];
                        kernel::moments(x, channels, &mut kept.mean, &mut variance);
                        for (values, which) in [(&kept.mean, 0), (&variance, 1)] {
                            let running = &mut running[part(which)];
                            running
                                .iter_mut()
                                .zip(values)
                                .for_each(|(r, b)| *r += (b - *r) * follow);
                        }
                        kept.inverse_deviation = inverse_deviation(&variance, epsilon);
                    }
                    None => {
                        kept.mean.copy_from_slice(&network.statistics[part(0)]);
                        kept.inverse_deviation =
                            inverse_deviation(&network.statistics[part(1)], epsilon);
                    }
                }
                let scale: Vec<f32> =
                    weights(0).iter().zip(&kept.inverse_deviation).map(|(g, i)| g * i).collect();
                let shift: Vec<f32> = weights(1)
                    .iter()
                    .zip(&kept.mean)
                    .zip(&scale)
                    .map(|((b, m), s)| b - m * s)
                    .collect();
                kernel::normalize(x, &scale, &shift, activation, &mut y);
            }
            Op::Activate(activation) => kernel::activate(x, activation, &mut y),
            Op::MaxPool { window } => {
                let which = &mut self.kept[i].which;
                which.resize(y.len(), 0);
                kernel::max_pool(x, window, channels, &mut y, which);
            }
            Op::GlobalMean => kernel::global_mean(x, channels, &mut y),
            Op::GlobalMax => {
                let which = &mut self.kept[i].which;
                which.resize(y.len(), 0);
                kernel::global_max(x, channels, &mut y, which);
            }
            Op::Flatten => y.copy_from_slice(x),
            Op::Add => {
                let other = &self.outputs[node.from[1]];
                y.iter_mut().zip(x).zip(other).for_each(|((y, a), b)| *y = a + b);
            }
            Op::Concat => {
                let mut at = 0;
                for &from in &node.from {
                    let part = &self.outputs[from];
                    let width = part.len() / rows;
                    for (y, x) in y.chunks_exact_mut(outputs).zip(part.chunks_exact(width)) {
                        y[at..at + width].copy_from_slice(x);
                    }
                    at += width;
                }
            }
        }
        self.outputs[i] = y;
    }

    /// Passes the gradient `dy` of node `i` on to its weights and its inputs.
    fn back(
        &mut self,
        network: &Network,
        node: &Node,
        i: usize,
        mut dy: Vec<f32>,
        learns: &[bool],
        gradient: &mut [f32],
    ) {
        let graph = &network.graph;
        let from = node.from[0];
        let source = graph.nodes[from].shape;
        let (channels, outputs) = (source.channels, node.shape.channels);
        let part = |part: usize| graph.weights[node.weights.start + part].range.clone();
        match node.op {
            Op::Input(_) => self.give(dy),
            Op::Conv { window, bias } => {
                kernel::convolve_kernel(
                    &self.outputs[from],
                    &dy,
                    window,
                    [channels, outputs],
                    &mut gradient[part(0)],
                );
                if bias {
                    kernel::bias_gradient(&dy, &mut gradient[part(1)]);
                }
                if learns[from] {
                    let (mut dx, accumulate) = self.open(from);
                    let kernel = &network.weights[part(0)];
                    kernel::convolve_input(
                        &dy,
                        kernel,
                        window,
                        [channels, outputs],
                        &mut dx,
                        accumulate,
                    );
                    self.gradients[from] = Some(dx);
                }
                self.give(dy);
            }
            Op::Depthwise { window } => {
                kernel::depthwise_kernel(
                    &self.outputs[from],
                    &dy,
                    window,
                    channels,
                    &mut gradient[part(0)],
                );
                if learns[from] {
                    let (mut dx, accumulate) = self.open(from);
                    kernel::depthwise_input(
                        &dy,
                        &network.weights[part(0)],
                        window,
                        channels,
                        &mut dx,
                        accumulate,
                    );
                    self.gradients[from] = Some(dx);
                }
                self.give(dy);
            }
            Op::Norm { activation, .. } => {
                let (gamma, beta) = (&network.weights[part(0)], &network.weights[part(1)]);
                let (kept, z) = (&self.kept[i], &self.outputs[from]);
                let both = &mut gradient[part(0).start..part(1).end];
                let (dgamma, dbeta) = both.split_at_mut(channels);
                let (mean, inverse) = (&kept.mean, &kept.inverse_deviation);
                kernel::backward(&mut dy, z, mean, inverse, gamma, beta, activation, dgamma, dbeta);
                self.pass(from, dy);
            }
            Op::Activate(activation) => {
                kernel::activate_backward(&mut dy, &self.outputs[from], activation);
                self.pass(from, dy);
            }
            Op::MaxPool { .. } | Op::GlobalMax => {
                let mut dx = self.take(self.outputs[from].len());
                kernel::max_pool_backward(&dy, &self.kept[i].which, &mut dx);
                self.pass(from, dx);
                self.give(dy);
            }
            Op::GlobalMean => {
                let mut dx = self.take(self.outputs[from].len());
                kernel::global_mean_backward(&dy, channels, &mut dx);
                self.pass(from, dx);
                self.give(dy);
            }
            Op::Flatten => self.pass(from, dy),
            Op::Add => {
                let mut copy = self.take(dy.len());
                copy.copy_from_slice(&dy);
                for (from, dy) in [(node.from[1], copy), (from, dy)] {
                    match learns[from] {
                        true => self.pass(from, dy),
                        false => self.give(dy),
                    }
                }
            }
            Op::Concat => {
                let mut at = 0;
                for &from in &node.from {
                    let width = graph.nodes[from].shape.len();
                    let mut dx = self.take(dy.len() / outputs * width);
                    for (dx, dy) in dx.chunks_exact_mut(width).zip(dy.chunks_exact(outputs)) {
                        dx.copy_from_slice(&dy[at..at + width]);
                    }
                    at += width;
                    self.pass(from, dx);
                }
                self.give(dy);
            }
        }
    }

    /// The gradient buffer of a node. The flag says whether to add to it (true) or to overwrite it
    /// (false).
    fn open(&mut self, node: usize) -> (Vec<f32>, bool) {
        match self.gradients[node].take() {
            Some(begun) => (begun, true),
            None => {
                let len = self.outputs[node].len();
                (self.take(len), false)
            }
        }
    }

    /// Adds a gradient to that of a node.
    fn pass(&mut self, node: usize, gradient: Vec<f32>) {
        match &mut self.gradients[node] {
            Some(begun) => {
                begun.iter_mut().zip(&gradient).for_each(|(sum, g)| *sum += g);
                self.give(gradient);
            }
            empty => *empty = Some(gradient),
        }
    }
}

fn inverse_deviation(variance: &[f32], epsilon: f64) -> Vec<f32> {
    variance.iter().map(|&v| (1.0 / (f64::from(v) + epsilon).sqrt()) as f32).collect()
}
