//! What a network is, as data: nodes in the order they are computed, and where their weights lie.
//!
//! A [`Builder`] is told the layers one after another and keeps count of shapes and weights. All
//! weights of a network are one run of numbers, so that optimizer, checkpoint and gradient clipping
//! are one pass; a [`Graph`] says which part of it is whose. It computes nothing: that is for the
//! engines.

use std::ops::Range;

use super::kernel::{Activation, Window};

/// What an example is at some point of a network; a vector is 1 x 1 x channels.
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

    /// Values of an example.
    pub fn len(&self) -> usize {
        self.height * self.width * self.channels
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is added round an image before a window slides over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// As many outputs as inputs divided by the stride, rounded up; an odd row goes to the end
    /// (Keras's `same`).
    Same,
    None,
}

/// How a weight begins.
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

/// What a node does with the values of those it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// The network's input of this number.
    Input(usize),
    /// Convolution with a kernel of (height, width, inputs, outputs), first of the node's parts; a
    /// dense layer is one of 1 x 1 on a vector, its kernel (inputs, outputs). With `bias` there is
    /// a second part.
    Conv {
        window: Window,
        bias: bool,
    },
    /// Convolution of each channel by itself with a kernel of (height, width, channels).
    Depthwise {
        window: Window,
    },
    /// Batch normalisation (parts gamma, beta; statistics mean, variance) and what follows it.
    /// `follow` is how far the running statistics move towards those of a batch (1 - Keras's
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
    /// Vectors one after another.
    Concat,
}

/// A step of the computation.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub name: String,
    pub op: Op,
    /// Nodes before this one.
    pub from: Vec<usize>,
    pub shape: Shape,
    /// Which of [`Graph::weights`].
    pub weights: Range<usize>,
    /// Which of [`Graph::statistics`].
    pub statistics: Range<usize>,
}

/// A network without numbers. The last node is its output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    pub nodes: Vec<Node>,
    /// What training moves.
    pub weights: Vec<Part>,
    /// What training observes: the running means and variances of normalisations.
    pub statistics: Vec<Part>,
}

impl Graph {
    /// How many numbers training moves.
    pub fn weight_count(&self) -> usize {
        self.weights.last().map_or(0, |part| part.range.end)
    }

    /// How many numbers it observes.
    pub fn statistic_count(&self) -> usize {
        self.statistics.last().map_or(0, |part| part.range.end)
    }

    /// What comes out.
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

    /// The node of a name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// The network up to a node, which becomes its output.
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

    /// Values of all nodes together for one example: twice that is about what training keeps of it.
    pub fn activations(&self) -> usize {
        self.nodes.iter().map(|node| node.shape.len()).sum()
    }
}

/// Normalisation as a network has it everywhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormSettings {
    pub epsilon: f64,
    pub follow: f32,
}

/// Builds a [`Graph`]. Every method adds a node and gives its number.
pub struct Builder {
    graph: Graph,
    norm: NormSettings,
}

impl Builder {
    /// Begins a network whose normalisations are `norm`.
    pub fn new(norm: NormSettings) -> Self {
        Self { graph: Graph::default(), norm }
    }

    /// Goes on from a network; what is added is behind it.
    pub fn onto(graph: Graph, norm: NormSettings) -> Self {
        Self { graph, norm }
    }

    /// The node added last.
    pub fn last(&self) -> usize {
        self.graph.nodes.len() - 1
    }

    /// The next input.
    pub fn input(&mut self, shape: Shape) -> usize {
        let number = self.graph.inputs().len();
        self.node(&format!("input_{number}"), Op::Input(number), vec![], shape)
    }

    /// A dense layer of `units`; what comes in must be a vector.
    pub fn dense(&mut self, name: &str, from: usize, units: usize, bias: bool) -> usize {
        self.conv(name, from, units, [1, 1], [1, 1], Padding::None, bias)
    }

    /// A convolution with Glorot's uniform kernel (Glorot and Bengio 2010): U(-a, a), a = sqrt(6 /
    /// (inputs + outputs)), each counted for every place of the kernel.
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

    /// A convolution of each channel by itself; Glorot's limit as Keras counts it for such kernels.
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

    /// An image as a vector.
    pub fn flatten(&mut self, name: &str, from: usize) -> usize {
        self.node(name, Op::Flatten, vec![from], Shape::vector(self.shape(from).len()))
    }

    /// The sum of two equal shapes.
    pub fn add(&mut self, name: &str, a: usize, b: usize) -> usize {
        assert_eq!(self.shape(a), self.shape(b), "`{name}` adds unequal shapes");
        self.node(name, Op::Add, vec![a, b], self.shape(a))
    }

    /// Vectors one after another.
    pub fn concat(&mut self, name: &str, from: &[usize]) -> usize {
        let channels = from.iter().map(|&i| self.shape(i).len()).sum();
        self.node(name, Op::Concat, from.to_vec(), Shape::vector(channels))
    }

    /// The shape a node gives.
    pub fn shape(&self, node: usize) -> Shape {
        self.graph.nodes[node].shape
    }

    /// The network; its output is the node added last.
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

    /// Makes the weights from `first` on those of a node.
    fn own(&mut self, node: usize, first: usize) {
        self.graph.nodes[node].weights = first..self.graph.weights.len();
    }
}

fn part(layer: &str, word: &str, shape: &[usize], at: usize, start: Start) -> Part {
    let len: usize = shape.iter().product();
    Part { name: format!("{layer}.{word}"), shape: shape.to_vec(), range: at..at + len, start }
}

/// How a window slides over an image.
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
mod tests {
    use super::*;

    const NORM: NormSettings = NormSettings { epsilon: 1e-3, follow: 0.01 };

    #[test]
    fn shapes_and_weights_are_counted() {
        let mut builder = Builder::new(NORM);
        let x = builder.input(Shape { height: 5, width: 8, channels: 3 });
        let x = builder.conv("a", x, 4, [3, 3], [2, 2], Padding::Same, false);
        let y = builder.norm("b", x, Activation::Relu);
        let z = builder.depthwise("c", y, [3, 3], [1, 1], Padding::Same);
        let sum = builder.add("d", y, z);
        let mean = builder.global_mean("e", sum);
        builder.dense("f", mean, 2, true);
        let graph = builder.finish();
        assert_eq!(graph.nodes[1].shape, Shape { height: 3, width: 4, channels: 4 });
        assert_eq!(graph.output(), Shape::vector(2));
        let names: Vec<&str> = graph.weights.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["a.kernel", "b.gamma", "b.beta", "c.kernel", "f.kernel", "f.bias"]);
        assert_eq!((graph.weight_count(), graph.statistic_count()), (108 + 8 + 36 + 8 + 2, 8));
        assert_eq!(graph.nodes[graph.find("f").unwrap()].weights, 4..6);
        let Op::Conv { window, .. } = graph.nodes[1].op else { panic!() };
        // 5 rows with stride 2: one more above and below; 8 columns: one after.
        assert_eq!((window.output, window.pad), ([3, 4], [1, 0]));
    }
}
