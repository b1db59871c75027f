//! MobileNetV2 (Sandler et al. 2018), layer by layer and with the layer names of Keras's
//! applications.

use crate::nn::{Activation, Builder, Graph, NormSettings, Padding, Shape};

/// As in Keras's applications: `follow` is 1 minus their momentum of 0.999.
pub const NORM: NormSettings = NormSettings { epsilon: 1e-3, follow: 0.001 };

/// Channels, blocks and the first block's stride of each stage (table 2 of the paper).
const STAGES: [(f64, usize, usize); 7] = [
    (16.0, 1, 1),
    (24.0, 2, 2),
    (32.0, 3, 2),
    (64.0, 4, 2),
    (96.0, 3, 1),
    (160.0, 3, 2),
    (320.0, 1, 1),
];

/// The network for images of `input`, with `width` times the channels of the paper, and one logit
/// per class.
pub fn mobilenet_v2(input: Shape, width: f64, classes: usize) -> Graph {
    let mut b = Builder::new(NORM);
    let x = b.input(input);
    let x = b.conv("Conv1", x, divisible(32.0 * width), [3, 3], [2, 2], Padding::Same, false);
    let mut x = b.norm("bn_Conv1", x, Activation::Relu6);
    let mut number = 0;
    for (channels, blocks, stride) in STAGES {
        // Keras truncates a fraction of a channel here, and only here.
        let outputs = divisible((channels * width).trunc());
        for block in 0..blocks {
            let stride = if block == 0 { stride } else { 1 };
            x = inverted_residual(&mut b, x, number, outputs, stride);
            number += 1;
        }
    }
    let last = if width > 1.0 { divisible(1280.0 * width) } else { 1280 };
    let x = b.conv("Conv_1", x, last, [1, 1], [1, 1], Padding::None, false);
    let x = b.norm("Conv_1_bn", x, Activation::Relu6);
    let x = b.global_mean("global_average_pooling2d", x);
    b.dense("predictions", x, classes, true);
    b.finish()
}

/// Expand six times, filter each channel by itself, project. A skip connection is added if the
/// shape stays the same.
fn inverted_residual(
    b: &mut Builder,
    input: usize,
    number: usize,
    outputs: usize,
    stride: usize,
) -> usize {
    let prefix = if number == 0 { "expanded_conv".to_owned() } else { format!("block_{number}") };
    let channels = b.shape(input).channels;
    let mut x = input;
    if number > 0 {
        x = b.conv(
            &format!("{prefix}_expand"),
            x,
            6 * channels,
            [1, 1],
            [1, 1],
            Padding::None,
            false,
        );
        x = b.norm(&format!("{prefix}_expand_BN"), x, Activation::Relu6);
    }
    x = b.depthwise(&format!("{prefix}_depthwise"), x, [3, 3], [stride, stride], Padding::Same);
    x = b.norm(&format!("{prefix}_depthwise_BN"), x, Activation::Relu6);
    x = b.conv(&format!("{prefix}_project"), x, outputs, [1, 1], [1, 1], Padding::None, false);
    x = b.norm(&format!("{prefix}_project_BN"), x, Activation::Identity);
    if channels == outputs && stride == 1 {
        x = b.add(&format!("{prefix}_add"), input, x);
    }
    x
}

/// The multiple of 8 nearest to `channels`, at least 8 and at least nine tenths of it.
fn divisible(channels: f64) -> usize {
    let nearest = (((channels + 4.0) as usize) / 8 * 8).max(8);
    if (nearest as f64) < 0.9 * channels { nearest + 8 } else { nearest }
}
