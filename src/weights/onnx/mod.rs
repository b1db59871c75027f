//! Writes networks as ONNX, so that other programs can run them: inference, opset 17, f32.
//!
//! Inputs and outputs have the engines' shapes: (N, values), or (N, height, width, channels) for
//! images; N is open. Inside, images are (N, channels, height, width), as ONNX needs, and kernels
//! are transposed to match. The bytes depend on the network and the name alone.

#[cfg(test)]
mod tests;
mod write;

use crate::nn::{Activation, Graph, Network, Node, Op, Shape, Window};
use crate::protobuf::Message;
use write::{Writer, float, integer, integers, model, sliding, value_info};

/// The bytes of an ONNX file of the network; `name` becomes the graph's name. Values have the names
/// of the nodes that compute them: inputs are `input_0` and so on, the output is the last node.
pub fn onnx(network: &Network, name: &str) -> Vec<u8> {
    let Graph { nodes, .. } = &*network.graph;
    let mut export = Export { network, writer: Writer::default(), values: Vec::new() };
    for node in nodes {
        let (name, image) = export.node(node);
        export.values.push(Value { name, shape: node.shape, image });
    }
    let last = nodes.len() - 1;
    let output = match nodes[last].shape {
        Shape { height: 1, width: 1, .. } => export.vector(last),
        _ => export.rows_first(last),
    };
    let inputs = nodes.iter().filter(|node| matches!(node.op, Op::Input(_)));
    let inputs: Vec<Message> = inputs.map(|node| value_info(&node.name, node.shape)).collect();
    model(name, export.writer, &inputs, &value_info(&output, nodes[last].shape))
}

/// The output of a node.
struct Value {
    /// The name in ONNX.
    name: String,
    shape: Shape,
    /// Whether the shape in ONNX is (N, channels, height, width) rather than (N, channels).
    image: bool,
}

struct Export<'a> {
    network: &'a Network,
    writer: Writer,
    /// The values of the nodes so far.
    values: Vec<Value>,
}

impl Export<'_> {
    /// Writes a node. Returns the name of its value, and whether that is an image.
    fn node(&mut self, node: &Node) -> (String, bool) {
        let name = node.name.as_str();
        let from = |n: usize| node.from[n];
        match node.op {
            Op::Input(_) => match node.shape {
                Shape { height: 1, width: 1, .. } => (name.to_owned(), false),
                _ => (
                    self.writer.turn("Transpose", name, "nchw", &[integers("perm", &[0, 3, 1, 2])]),
                    true,
                ),
            },
            Op::Conv { window, bias } => self.convolution(node, window, bias),
            Op::Depthwise { window } => {
                let (channels, taps) = (node.shape.channels, window.kernel[0] * window.kernel[1]);
                let shape = [channels, 1, window.kernel[0], window.kernel[1]];
                let kernel = self.weight(node, 0, &shape, |at| at % taps * channels + at / taps);
                let source = self.image(from(0));
                let mut attributes = sliding(window);
                attributes.push(integer("group", channels as i64));
                (self.writer.node("Conv", &[source, kernel], name, &attributes), true)
            }
            Op::Norm { activation, epsilon, .. } => {
                let (source, image) = self.value(from(0));
                let each = [node.shape.channels];
                let mut inputs = vec![
                    source,
                    self.weight(node, 0, &each, |at| at),
                    self.weight(node, 1, &each, |at| at),
                ];
                for part in &self.network.graph.statistics[node.statistics.clone()] {
                    let values = self.network.statistics[part.range.clone()].iter().copied();
                    inputs.push(self.writer.floats(&part.name, &part.shape, values));
                }
                let normal = match activation {
                    Activation::Identity => name.to_owned(),
                    _ => format!("{name}/normal"),
                };
                let epsilon = float("epsilon", epsilon as f32);
                let normal = self.writer.node("BatchNormalization", &inputs, &normal, &[epsilon]);
                (self.activation(activation, normal, name), image)
            }
            Op::Activate(activation) => {
                let (source, image) = self.value(from(0));
                (self.activation(activation, source, name), image)
            }
            Op::MaxPool { window } => {
                let source = self.image(from(0));
                (self.writer.node("MaxPool", &[source], name, &sliding(window)), true)
            }
            Op::GlobalMean | Op::GlobalMax => {
                let source = self.image(from(0));
                let kind = if node.op == Op::GlobalMean { "ReduceMean" } else { "ReduceMax" };
                let attributes = [integers("axes", &[2, 3]), integer("keepdims", 0)];
                (self.writer.node(kind, &[source], name, &attributes), false)
            }
            Op::Flatten => (self.vector(from(0)), false),
            Op::Add => {
                let image = node.from.iter().any(|&from| self.values[from].image);
                let same =
                    |from: &usize| if image { self.image(*from) } else { self.vector(*from) };
                let terms: Vec<String> = node.from.iter().map(same).collect();
                (self.writer.node("Add", &terms, name, &[]), image)
            }
            Op::Concat => {
                let parts: Vec<String> = node.from.iter().map(|&from| self.vector(from)).collect();
                (self.writer.node("Concat", &parts, name, &[integer("axis", 1)]), false)
            }
        }
    }

    /// A matrix product if all inputs are vectors, else a convolution.
    fn convolution(&mut self, node: &Node, window: Window, bias: bool) -> (String, bool) {
        let (source, image) = self.value(node.from[0]);
        let image = image || window != Window::dense();
        let (inputs, outputs) = (self.values[node.from[0]].shape.channels, node.shape.channels);
        let [rows, columns] = window.kernel;
        let taps = rows * columns;
        let mut operands = if image {
            let shape = [outputs, inputs, rows, columns];
            // From (tap, input, output) to (output, input, tap).
            let place = |at: usize| {
                (at % taps * inputs + at / taps % inputs) * outputs + at / (taps * inputs)
            };
            vec![self.image(node.from[0]), self.weight(node, 0, &shape, place)]
        } else {
            vec![source, self.weight(node, 0, &[inputs, outputs], |at| at)]
        };
        if bias {
            operands.push(self.weight(node, 1, &[outputs], |at| at));
        }
        let (kind, attributes) = match (image, bias) {
            (true, _) => ("Conv", sliding(window)),
            (false, true) => ("Gemm", vec![]),
            (false, false) => ("MatMul", vec![]),
        };
        (self.writer.node(kind, &operands, &node.name, &attributes), image)
    }

    fn activation(&mut self, activation: Activation, source: String, name: &str) -> String {
        match activation {
            Activation::Identity => source,
            Activation::Relu => self.writer.node("Relu", &[source], name, &[]),
            Activation::Relu6 => {
                let bounds = [("constant/zero", 0.0), ("constant/six", 6.0)]
                    .map(|(word, bound)| self.writer.constant(word, bound));
                let [zero, six] = bounds;
                self.writer.node("Clip", &[source, zero, six], name, &[])
            }
        }
    }

    /// Writes a weight in another shape: its value at `at` is ours at `place(at)`.
    fn weight(
        &mut self,
        node: &Node,
        part: usize,
        shape: &[usize],
        place: impl Fn(usize) -> usize,
    ) -> String {
        let part = &self.network.graph.weights[node.weights.start + part];
        let values = &self.network.weights[part.range.clone()];
        self.writer.floats(&part.name, shape, (0..values.len()).map(|at| values[place(at)]))
    }

    /// The value of a node, in its present form.
    fn value(&self, node: usize) -> (String, bool) {
        (self.values[node].name.clone(), self.values[node].image)
    }

    /// The value of a node as (N, channels, height, width).
    fn image(&mut self, node: usize) -> String {
        match self.value(node) {
            (name, true) => name,
            (name, false) => self.writer.unsqueeze(&name),
        }
    }

    /// The value of a node as (N, values), ordered by rows, columns, channels.
    fn vector(&mut self, node: usize) -> String {
        let (name, image) = self.value(node);
        if !image {
            return name;
        }
        let name = if self.values[node].shape.height * self.values[node].shape.width == 1 {
            name
        } else {
            self.rows_first(node)
        };
        self.writer.turn("Flatten", &name, "vector", &[])
    }

    /// The image of a node as (N, height, width, channels).
    fn rows_first(&mut self, node: usize) -> String {
        let name = self.values[node].name.clone();
        self.writer.turn("Transpose", &name, "nhwc", &[integers("perm", &[0, 2, 3, 1])])
    }
}
