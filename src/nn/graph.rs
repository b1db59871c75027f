//! The structure of a network as data: nodes in the order of computation, and the positions of
//! their weights.
//!
//! A [`Builder`] takes the layers one after another and counts shapes and weights. All weights of a
//! network are one slice of numbers, so optimizer, checkpoint and gradient clipping are one pass
//! each. A [`Graph`] says which part of the slice belongs to which node. It computes nothing: that
//! is the engines' work.

use std::ops::Range;

use super::kernel::{Activation, Window};

/// The shape of an example at one point of a network. A vector is 1 x 1 x channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl Shape {
    /// A vector of `channels` values.
    pub fn vector(channels: usize) -> Self {
        Self { height: 1, width: 1, channels }
    }

    /// Number of values of an example.
    pub fn len(&self) -> usize {
        self.height * self.width * self.channels
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The padding round an image before a window slides over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// The output size is the input size divided by the stride, rounded up. An odd row goes to the
    /// end (Keras's `same`).
    Same,
    None,
}

/// The initial values of a weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    Constant(f32),
    /// U(-a, a).
    Uniform(f64),
}

/// A named part of the weights or of the running statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// `layer.kernel`, `layer.gamma` and so on.
    pub name: String,
    pub shape: Vec<usize>,
    pub range: Range<usize>,
    pub start: Start,
}

/// The operation of a node on its inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// The network's input with this number.
    Input(usize),
    /// Convolution. The node's first part is its kernel (height, width, inputs, outputs). A dense
    /// layer is a 1 x 1 convolution on a vector, with a kernel (inputs, outputs). With `bias` there
    /// is a second part.
    Conv {
        window: Window,
        bias: bool,
    },
    /// Convolution of each channel by itself with a kernel of (height, width, channels).
    Depthwise {
        window: Window,
    },
    /// Batch normalisation (parts gamma, beta; statistics mean, variance) and the activation after
    /// it. `follow` is how far the running statistics move towards those of a batch (1 - Keras's
    /// momentum; PyTorch calls it momentum).
    Norm {
        activation: Activation,
        epsilon: f64,
        follow: f32,
    },
    Activate(Activation),
    MaxPool {
        window: Window,
    },
    GlobalMean,
    GlobalMax,
    /// The same values as a vector.
    Flatten,
    Add,
    /// Concatenates vectors.
    Concat,
}

/// One step of the computation.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub name: String,
    pub op: Op,
    /// Input nodes; all come before this one.
    pub from: Vec<usize>,
    pub shape: Shape,
    /// Range in [`Graph::weights`].
    pub weights: Range<usize>,
    /// Range in [`Graph::statistics`].
    pub statistics: Range<usize>,
}

/// A network without its numbers. The last node is its output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    pub nodes: Vec<Node>,
    /// The weights that training changes.
    pub weights: Vec<Part>,
    /// The running means and variances of the normalisations.
    pub statistics: Vec<Part>,
}

impl Graph {
    /// Number of trained weights.
    pub fn weight_count(&self) -> usize {
        self.weights.last().map_or(0, |part| part.range.end)
    }

    /// Number of running statistics.
    pub fn statistic_count(&self) -> usize {
        self.statistics.last().map_or(0, |part| part.range.end)
    }

    /// The shape of the output.
    pub fn output(&self) -> Shape {
        self.nodes.last().expect("a network has nodes").shape
    }

    /// The shapes of the inputs, by number.
    pub fn inputs(&self) -> Vec<Shape> {
        self.nodes
            .iter()
            .filter(|node| matches!(node.op, Op::Input(_)))
            .map(|node| node.shape)
            .collect()
    }

    /// The node with this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// The network up to `node`, which becomes its output.
    pub fn until(&self, node: usize) -> Self {
        let nodes = self.nodes[..=node].to_vec();
        let end = |of: fn(&Node) -> usize| nodes.iter().map(of).max().unwrap_or(0);
        let (weights, statistics) = (end(|node| node.weights.end), end(|node| node.statistics.end));
        Self {
            weights: self.weights[..weights].to_vec(),
            statistics: self.statistics[..statistics].to_vec(),
            nodes,
        }
    }

    /// Number of values of all nodes together for one example. Training keeps about twice as many.
    pub fn activations(&self) -> usize {
        self.nodes.iter().map(|node| node.shape.len()).sum()
    }
}

/// The settings that all normalisations of a network share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormSettings {
    pub epsilon: f64,
    pub follow: f32,
}

/// Builds a [`Graph`]. Every method adds a node and returns its number.
pub struct Builder {
    graph: Graph,
    norm: NormSettings,
}

impl Builder {
    /// Begins a network whose normalisations use `norm`.
    pub fn new(norm: NormSettings) -> Self {
        Self { graph: Graph::default(), norm }
    }

    /// Continues a network; new nodes come after its own.
    pub fn onto(graph: Graph, norm: NormSettings) -> Self {
        Self { graph, norm }
    }

    /// The last node.
    pub fn last(&self) -> usize {
        self.graph.nodes.len() - 1
    }

    /// Adds the next input.
    pub fn input(&mut self, shape: Shape) -> usize {
        let number = self.graph.inputs().len();
        self.node(&format!("input_{number}"), Op::Input(number), vec![], shape)
    }

    /// A dense layer of `units`. Its input must be a vector.
    pub fn dense(&mut self, name: &str, from: usize, units: usize, bias: bool) -> usize {
        self.conv(name, from, units, [1, 1], [1, 1], Padding::None, bias)
    }

    /// A convolution with Glorot's uniform kernel (Glorot and Bengio 2010): U(-a, a), a = sqrt(6 /
    /// (inputs + outputs)), with both counted over all places of the kernel.
    #[expect(clippy::too_many_arguments, reason = "each is one thing that a layer is made of")]
    pub fn conv(
        &mut self,
        name: &str,
        from: usize,
        channels: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: Padding,
        bias: bool,
    ) -> usize {
        let input = self.shape(from);
        let window = slide(input, kernel, stride, padding);
        let area = (kernel[0] * kernel[1]) as f64;
        let limit = (6.0 / (area * (input.channels + channels) as f64)).sqrt();
        let first = self.graph.weights.len();
        match (input.height, input.width, kernel) {
            (1, 1, [1, 1]) => {
                self.weight(name, "kernel", &[input.channels, channels], Start::Uniform(limit))
            }
            _ => self.weight(
                name,
                "kernel",
                &[kernel[0], kernel[1], input.channels, channels],
                Start::Uniform(limit),
            ),
        }
        if bias {
            self.weight(name, "bias", &[channels], Start::Constant(0.0));
        }
        let shape = Shape { height: window.output[0], width: window.output[1], channels };
        let node = self.node(name, Op::Conv { window, bias }, vec![from], shape);
        self.own(node, first);
        node
    }

    /// A convolution of each channel by itself. The limit is Glorot's, counted as in Keras for such
    /// kernels.
    pub fn depthwise(
        &mut self,
        name: &str,
        from: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: Padding,
    ) -> usize {
        let input = self.shape(from);
        let window = slide(input, kernel, stride, padding);
        let area = (kernel[0] * kernel[1]) as f64;
        let limit = (6.0 / (area * (input.channels + 1) as f64)).sqrt();
        let first = self.graph.weights.len();
        self.weight(name, "kernel", &[kernel[0], kernel[1], input.channels], Start::Uniform(limit));
        let shape =
            Shape { height: window.output[0], width: window.output[1], channels: input.channels };
        let node = self.node(name, Op::Depthwise { window }, vec![from], shape);
        self.own(node, first);
        node
    }

    /// Batch normalisation (Ioffe and Szegedy 2015), then `activation`.
    pub fn norm(&mut self, name: &str, from: usize, activation: Activation) -> usize {
        let shape = self.shape(from);
        let first = self.graph.weights.len();
        self.weight(name, "gamma", &[shape.channels], Start::Constant(1.0));
        self.weight(name, "beta", &[shape.channels], Start::Constant(0.0));
        let statistics = self.graph.statistics.len();
        for (word, value) in [("mean", 0.0), ("variance", 1.0)] {
            let at = self.graph.statistic_count();
            let part = part(name, word, &[shape.channels], at, Start::Constant(value));
            self.graph.statistics.push(part);
        }
        let NormSettings { epsilon, follow } = self.norm;
        let node = self.node(name, Op::Norm { activation, epsilon, follow }, vec![from], shape);
        self.own(node, first);
        self.graph.nodes[node].statistics = statistics..statistics + 2;
        node
    }

    /// An activation by itself.
    pub fn activate(&mut self, name: &str, from: usize, activation: Activation) -> usize {
        self.node(name, Op::Activate(activation), vec![from], self.shape(from))
    }

    /// The largest value under a sliding window.
    pub fn max_pool(
        &mut self,
        name: &str,
        from: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: Padding,
    ) -> usize {
        let input = self.shape(from);
        let window = slide(input, kernel, stride, padding);
        let shape =
            Shape { height: window.output[0], width: window.output[1], channels: input.channels };
        self.node(name, Op::MaxPool { window }, vec![from], shape)
    }

    /// The mean of each channel over the image.
    pub fn global_mean(&mut self, name: &str, from: usize) -> usize {
        self.node(name, Op::GlobalMean, vec![from], Shape::vector(self.shape(from).channels))
    }

    /// The largest value of each channel over the image.
    pub fn global_max(&mut self, name: &str, from: usize) -> usize {
        self.node(name, Op::GlobalMax, vec![from], Shape::vector(self.shape(from).channels))
    }

    /// Turns an image into a vector.
    pub fn flatten(&mut self, name: &str, from: usize) -> usize {
        self.node(name, Op::Flatten, vec![from], Shape::vector(self.shape(from).len()))
    }

    /// The sum of two nodes of equal shape.
    pub fn add(&mut self, name: &str, a: usize, b: usize) -> usize {
        assert_eq!(self.shape(a), self.shape(b), "`{name}` adds unequal shapes");
        self.node(name, Op::Add, vec![a, b], self.shape(a))
    }

    /// Concatenates vectors.
    pub fn concat(&mut self, name: &str, from: &[usize]) -> usize {
        let channels = from.iter().map(|&i| self.shape(i).len()).sum();
        self.node(name, Op::Concat, from.to_vec(), Shape::vector(channels))
    }

    /// The shape of a node's output.
    pub fn shape(&self, node: usize) -> Shape {
        self.graph.nodes[node].shape
    }

    /// The finished network. Its output is the last node.
    pub fn finish(self) -> Graph {
        self.graph
    }

    fn node(&mut self, name: &str, op: Op, from: Vec<usize>, shape: Shape) -> usize {
        let none = self.graph.weights.len()..self.graph.weights.len();
        let node = Node { name: name.to_owned(), op, from, shape, weights: none, statistics: 0..0 };
        self.graph.nodes.push(node);
        self.graph.nodes.len() - 1
    }

    fn weight(&mut self, layer: &str, word: &str, shape: &[usize], start: Start) {
        let at = self.graph.weight_count();
        self.graph.weights.push(part(layer, word, shape, at, start));
    }

    /// Gives a node the weights from `first` on.
    fn own(&mut self, node: usize, first: usize) {
        self.graph.nodes[node].weights = first..self.graph.weights.len();
    }
}

fn part(layer: &str, word: &str, shape: &[usize], at: usize, start: Start) -> Part {
    let len: usize = shape.iter().product();
    Part { name: format!("{layer}.{word}"), shape: shape.to_vec(), range: at..at + len, start }
}

/// The window that slides over an image.
fn slide(input: Shape, kernel: [usize; 2], stride: [usize; 2], padding: Padding) -> Window {
    let input = [input.height, input.width];
    let mut window = Window { input, output: [0; 2], kernel, stride, pad: [0; 2] };
    for axis in 0..2 {
        let (n, k, s) = (input[axis], kernel[axis], stride[axis]);
        match padding {
            Padding::Same => {
                window.output[axis] = n.div_ceil(s);
                window.pad[axis] = ((window.output[axis] - 1) * s + k).saturating_sub(n) / 2;
            }
            Padding::None => {
                assert!(n >= k, "a kernel of {k} does not fit into {n}");
                window.output[axis] = (n - k) / s + 1;
            }
        }
    }
    window
}

#[cfg(test)]
mod tests;
