//! Tests of the content of ONNX files, with a separate reader of protocol buffers.
//! benches/peers/check_onnx.py checks by hand that onnxruntime computes the same as the engine.

use std::collections::BTreeMap;

use super::*;
use crate::nn::{Builder, NormSettings, Padding, draws};

const NORM: NormSettings = NormSettings { epsilon: 1e-3, follow: 0.01 };

/// Integers and floats by their bits, other fields by their bytes.
enum Field<'a> {
    Bits(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, by number.
struct Fields<'a>(BTreeMap<u64, Vec<Field<'a>>>);

fn read(mut bytes: &[u8]) -> Fields<'_> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let length = bytes.iter().position(|byte| *byte < 0x80).unwrap() + 1;
        let (number, rest) = bytes.split_at(length);
        *bytes = rest;
        number.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
    }
    let mut fields = BTreeMap::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Bits(varint(&mut bytes)),
            kind => {
                let length = if kind == 5 { 4 } else { varint(&mut bytes) as usize };
                let (content, rest) = bytes.split_at(length);
                bytes = rest;
                match kind {
                    2 => Field::Bytes(content),
                    5 => Field::Bits(u32::from_le_bytes(content.try_into().unwrap()).into()),
                    _ => panic!("a field of kind {kind}"),
                }
            }
        };
        fields.entry(key >> 3).or_insert_with(Vec::new).push(field);
    }
    Fields(fields)
}

impl<'a> Fields<'a> {
    fn bytes(&self, field: u64) -> Vec<&'a [u8]> {
        let bytes = |field: &Field<'a>| match field {
            Field::Bytes(bytes) => *bytes,
            Field::Bits(_) => panic!("a number"),
        };
        self.0.get(&field).into_iter().flatten().map(bytes).collect()
    }

    fn text(&self, field: u64) -> Vec<&'a str> {
        self.bytes(field).into_iter().map(|bytes| str::from_utf8(bytes).unwrap()).collect()
    }

    fn messages(&self, field: u64) -> Vec<Fields<'a>> {
        self.bytes(field).into_iter().map(read).collect()
    }

    fn integers(&self, field: u64) -> Vec<u64> {
        let bits = |field: &Field| match field {
            Field::Bits(bits) => *bits,
            Field::Bytes(_) => panic!("bytes"),
        };
        self.0.get(&field).into_iter().flatten().map(bits).collect()
    }
}

/// Each node as `Kind(inputs) -> output attribute value`, each initializer with shape and values,
/// inputs and output with their shapes, where 0 means any size.
struct Read {
    nodes: Vec<String>,
    initializers: BTreeMap<String, (Vec<u64>, Vec<f32>)>,
    ends: Vec<(String, Vec<u64>)>,
}

fn exported(network: &Network) -> Read {
    let bytes = onnx(network, "network");
    assert_eq!(bytes, onnx(network, "network"));
    let model = read(&bytes);
    assert_eq!((model.integers(1), model.text(2)), (vec![8], vec!["humshift"]));
    let opset = &model.messages(8)[0];
    assert_eq!((opset.text(1), opset.integers(2)), (vec![""], vec![17]));
    let graph = &model.messages(7)[0];
    assert_eq!(graph.text(2), ["network"]);
    let nodes = graph.messages(1).into_iter().map(|node| {
        assert_eq!(node.text(2), node.text(3));
        let attributes: String = (node.messages(5).iter())
            .map(|attribute| match attribute.integers(20)[0] {
                1 => format!(
                    " {} {}",
                    attribute.text(1)[0],
                    f32::from_bits(attribute.integers(2)[0] as u32)
                ),
                2 => format!(" {} {}", attribute.text(1)[0], attribute.integers(3)[0]),
                7 => format!(" {} {:?}", attribute.text(1)[0], attribute.integers(8)),
                kind => panic!("an attribute of type {kind}"),
            })
            .collect();
        format!(
            "{}({}) -> {}{attributes}",
            node.text(4)[0],
            node.text(1).join(", "),
            node.text(2)[0]
        )
    });
    let initializers = graph.messages(5).into_iter().map(|tensor| {
        let bytes = tensor.bytes(9)[0];
        let values = match tensor.integers(2)[0] {
            1 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            _ => bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f32).collect(),
        };
        (tensor.text(8)[0].to_owned(), (tensor.integers(1), values))
    });
    let ends = [graph.messages(11), graph.messages(12)].into_iter().flatten().map(|value| {
        let tensor = &value.messages(2)[0].messages(1)[0];
        assert_eq!(tensor.integers(1), [1]);
        let size = |dimension: &Fields| dimension.integers(1).first().copied().unwrap_or(0);
        (value.text(1)[0].to_owned(), tensor.messages(2)[0].messages(1).iter().map(size).collect())
    });
    Read { nodes: nodes.collect(), initializers: initializers.collect(), ends: ends.collect() }
}

fn numbered(builder: Builder) -> Network {
    let mut network = Network::new(builder.finish(), &mut draws(0.3));
    network.weights.iter_mut().enumerate().for_each(|(i, weight)| *weight = i as f32);
    network
        .statistics
        .iter_mut()
        .enumerate()
        .for_each(|(i, statistic)| *statistic = 0.5 + i as f32);
    network
}

fn end(name: &str, shape: &[u64]) -> (String, Vec<u64>) {
    (name.to_owned(), shape.to_vec())
}

#[test]
fn a_dense_network_is_products_and_normalisations() {
    let mut builder = Builder::new(NORM);
    let x = builder.input(Shape::vector(3));
    let x = builder.dense("a", x, 2, false);
    let x = builder.norm("b", x, Activation::Relu);
    builder.dense("c", x, 4, true);
    let read = exported(&numbered(builder));
    assert_eq!(
        read.nodes,
        [
            "MatMul(input_0, a.kernel) -> a",
            "BatchNormalization(a, b.gamma, b.beta, b.mean, b.variance) -> b/normal epsilon 0.001",
            "Relu(b/normal) -> b",
            "Gemm(b, c.kernel, c.bias) -> c",
        ]
    );
    assert_eq!(read.ends, [end("input_0", &[0, 3]), end("c", &[0, 4])]);
    let of = |name: &str| read.initializers[name].clone();
    assert_eq!(read.initializers.len(), 7);
    assert_eq!(of("a.kernel"), (vec![3, 2], (0..6).map(|i| i as f32).collect()));
    assert_eq!(of("b.beta"), (vec![2], vec![8.0, 9.0]));
    assert_eq!(of("b.variance"), (vec![2], vec![2.5, 3.5]));
    assert_eq!(of("c.bias").0, [4]);
}

#[test]
fn images_are_turned_and_so_are_kernels() {
    let mut builder = Builder::new(NORM);
    let x = builder.input(Shape { height: 5, width: 4, channels: 2 });
    let x = builder.conv("a", x, 3, [3, 3], [2, 2], Padding::Same, true);
    let x = builder.norm("b", x, Activation::Identity);
    let y = builder.depthwise("c", x, [1, 2], [1, 1], Padding::Same);
    let y = builder.activate("d", y, Activation::Relu6);
    let x = builder.add("e", x, y);
    builder.max_pool("f", x, [2, 2], [2, 2], Padding::None);
    let read = exported(&numbered(builder));
    assert_eq!(
        read.nodes,
        [
            "Transpose(input_0) -> input_0/nchw perm [0, 3, 1, 2]",
            "Conv(input_0/nchw, a.kernel, a.bias) -> a kernel_shape [3, 3] strides [2, 2] pads [1, 0, 1, 1]",
            "BatchNormalization(a, b.gamma, b.beta, b.mean, b.variance) -> b epsilon 0.001",
            "Conv(b, c.kernel) -> c kernel_shape [1, 2] strides [1, 1] pads [0, 0, 0, 1] group 3",
            "Clip(c, constant/zero, constant/six) -> d",
            "Add(b, d) -> e",
            "MaxPool(e) -> f kernel_shape [2, 2] strides [2, 2] pads [0, 0, 0, 0]",
            "Flatten(f) -> f/vector",
        ]
    );
    assert_eq!(read.ends, [end("input_0", &[0, 5, 4, 2]), end("f/vector", &[0, 3])]);
    let (shape, values) = &read.initializers["a.kernel"];
    assert_eq!(shape, &[3, 2, 3, 3]);
    for (at, value) in values.iter().enumerate() {
        let (output, input, row, column) = (at / 18, at / 9 % 2, at / 3 % 3, at % 3);
        assert_eq!(*value, (((row * 3 + column) * 2 + input) * 3 + output) as f32);
    }
    // 54 weights and 3 biases of `a`, 6 weights of `b`; ours are (column, channel).
    assert_eq!(
        read.initializers["c.kernel"],
        (vec![3, 1, 1, 2], vec![63.0, 66.0, 64.0, 67.0, 65.0, 68.0])
    );
    assert_eq!(read.initializers["constant/six"], (vec![], vec![6.0]));
}

#[test]
fn vectors_and_images_meet_as_they_must() {
    let mut builder = Builder::new(NORM);
    let image = builder.input(Shape { height: 2, width: 2, channels: 2 });
    let vector = builder.input(Shape::vector(2));
    let mean = builder.global_mean("mean", image);
    let largest = builder.global_max("largest", image);
    let flat = builder.flatten("flat", image);
    let pixel = builder.depthwise("pixel", vector, [3, 3], [1, 1], Padding::Same);
    let sum = builder.add("sum", pixel, mean);
    builder.concat("all", &[mean, largest, flat, sum, vector]);
    let read = exported(&numbered(builder));
    assert_eq!(
        read.nodes,
        [
            "Transpose(input_0) -> input_0/nchw perm [0, 3, 1, 2]",
            "ReduceMean(input_0/nchw) -> mean axes [2, 3] keepdims 0",
            "ReduceMax(input_0/nchw) -> largest axes [2, 3] keepdims 0",
            "Transpose(input_0/nchw) -> input_0/nchw/nhwc perm [0, 2, 3, 1]",
            "Flatten(input_0/nchw/nhwc) -> input_0/nchw/nhwc/vector",
            "Unsqueeze(input_1, constant/axes) -> input_1/pixel",
            "Conv(input_1/pixel, pixel.kernel) -> pixel kernel_shape [3, 3] strides [1, 1] pads [1, 1, 1, 1] group 2",
            "Unsqueeze(mean, constant/axes) -> mean/pixel",
            "Add(pixel, mean/pixel) -> sum",
            "Flatten(sum) -> sum/vector",
            "Concat(mean, largest, input_0/nchw/nhwc/vector, sum/vector, input_1) -> all axis 1",
        ]
    );
    assert_eq!(
        read.ends,
        [end("input_0", &[0, 2, 2, 2]), end("input_1", &[0, 2]), end("all", &[0, 16])]
    );
    assert_eq!(read.initializers["constant/axes"], (vec![2], vec![2.0, 3.0]));
}
