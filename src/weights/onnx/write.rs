//! The messages of onnx.proto that a network needs. The numbers of fields and types come from that
//! file.

use std::collections::BTreeSet;

use crate::nn::{Shape, Window};
use crate::protobuf::Message;

const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// TensorProto.DataType.
const FLOAT: i64 = 1;
const INT64: i64 = 7;

/// The nodes and initializers of a graph.
#[derive(Default)]
pub struct Writer {
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    /// Names of values that exist already.
    known: BTreeSet<String>,
}

impl Writer {
    /// Writes a node and returns the name of its output, which is also the node's name.
    pub fn node(
        &mut self,
        kind: &str,
        inputs: &[String],
        output: &str,
        attributes: &[Message],
    ) -> String {
        let node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
        self.nodes.push(node.text(2, output).text(3, output).text(4, kind).messages(5, attributes));
        output.to_owned()
    }

    /// Writes the same values in another order as `VALUE/WORD`, once; returns that name.
    pub fn turn(&mut self, kind: &str, value: &str, word: &str, attributes: &[Message]) -> String {
        let output = format!("{value}/{word}");
        if self.known.insert(output.clone()) {
            self.node(kind, &[value.to_owned()], &output, attributes);
        }
        output
    }

    /// Writes the vector `value` as an image of one pixel, `VALUE/pixel`, once.
    pub fn unsqueeze(&mut self, value: &str) -> String {
        let output = format!("{value}/pixel");
        if self.known.insert(output.clone()) {
            let axes = "constant/axes".to_owned();
            if self.known.insert(axes.clone()) {
                let bytes = [2i64, 3].map(i64::to_le_bytes).concat();
                self.initializers.push(tensor(&axes, &[2], INT64, &bytes));
            }
            self.node("Unsqueeze", &[value.to_owned(), axes], &output, &[]);
        }
        output
    }

    /// An initializer of f32.
    pub fn floats(
        &mut self,
        name: &str,
        shape: &[usize],
        values: impl Iterator<Item = f32>,
    ) -> String {
        let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
        self.initializers.push(tensor(name, shape, FLOAT, &bytes));
        name.to_owned()
    }

    /// Writes a constant, once.
    pub fn constant(&mut self, name: &str, value: f32) -> String {
        if self.known.insert(name.to_owned()) {
            self.floats(name, &[], std::iter::once(value));
        }
        name.to_owned()
    }
}

/// The file of a graph.
pub fn model(name: &str, writer: Writer, inputs: &[Message], output: &Message) -> Vec<u8> {
    let graph = Message::default()
        .messages(1, &writer.nodes)
        .text(2, name)
        .messages(5, &writer.initializers);
    let graph = graph.messages(11, inputs).message(12, output);
    let opset = Message::default().text(1, "").integer(2, OPSET);
    let model = Message::default().integer(1, IR_VERSION).text(2, "humshift");
    model.message(7, &graph).message(8, &opset).finish()
}

/// An input or output with any number of rows.
pub fn value_info(name: &str, shape: Shape) -> Message {
    let sizes = match shape {
        Shape { height: 1, width: 1, channels } => vec![channels],
        Shape { height, width, channels } => vec![height, width, channels],
    };
    let rows = Message::default().text(2, "N");
    let sizes = sizes.iter().map(|&size| Message::default().integer(1, size as i64));
    let dimensions: Vec<Message> = std::iter::once(rows).chain(sizes).collect();
    let shape = Message::default().messages(1, &dimensions);
    let tensor = Message::default().integer(1, FLOAT).message(2, &shape);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}

fn tensor(name: &str, shape: &[usize], kind: i64, bytes: &[u8]) -> Message {
    let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
    Message::default().integers(1, &shape).integer(2, kind).text(8, name).bytes(9, bytes)
}

/// The attributes of a sliding window: kernel, strides, and padding on each of the four sides.
pub fn sliding(window: Window) -> Vec<Message> {
    let Window { input, output, kernel, stride, pad } = window;
    // Without padding some last rows may be left over; with padding there are none.
    let after = |axis: usize| {
        ((output[axis] - 1) * stride[axis] + kernel[axis]).saturating_sub(input[axis] + pad[axis])
    };
    let signed = |sizes: &[usize]| sizes.iter().map(|&size| size as i64).collect::<Vec<i64>>();
    vec![
        integers("kernel_shape", &signed(&kernel)),
        integers("strides", &signed(&stride)),
        integers("pads", &signed(&[pad[0], pad[1], after(0), after(1)])),
    ]
}

/// An attribute with an integer.
pub fn integer(name: &str, value: i64) -> Message {
    Message::default().text(1, name).integer(3, value).integer(20, 2)
}

/// An attribute with several integers.
pub fn integers(name: &str, values: &[i64]) -> Message {
    Message::default().text(1, name).integers(8, values).integer(20, 7)
}

/// An attribute with an f32.
pub fn float(name: &str, value: f32) -> Message {
    Message::default().text(1, name).float(2, value).integer(20, 1)
}
