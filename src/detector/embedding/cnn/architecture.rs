//! The networks: a small residual network over a spectrogram, convolutions over a spectrum, or
//! both.

use super::{Branch, Cnn};
use crate::dsp::Layout;
use crate::nn::{Activation, Builder, Graph, NormSettings, Padding, Shape};

/// Running statistics adapt fast, because there are few steps.
const NORM: NormSettings = NormSettings { epsilon: 1e-5, follow: 0.1 };

/// Kernel, stride and channels of the convolutions over a spectrum (after Wilkinghoff 2023).
const SPECTRUM: [(usize, usize, usize); 3] = [(256, 64, 32), (16, 4, 64), (8, 4, 64)];

/// The network up to the embedding of a clip. Its inputs come in the order of the branches:
/// spectrograms of `[frames, bands]`, spectra, and then the further spectrograms of the layout.
pub fn network(settings: &Cnn, [frames, bands]: [usize; 2], layout: &Layout) -> Graph {
    let mut b = Builder::new(NORM);
    let mut ends = Vec::new();
    for branch in &settings.branches {
        let end = match branch {
            Branch::Spectrogram => {
                let x = b.input(Shape { height: frames, width: bands, channels: 1 });
                spectrogram(&mut b, "spectrogram", x, settings)
            }
            Branch::Spectrum => {
                let x = b.input(Shape { height: 1, width: layout.bins, channels: 1 });
                spectrum(&mut b, x, settings.dims)
            }
        };
        ends.push(end);
    }
    for (frame, [height, width]) in settings.stft.iter().zip(&layout.stfts) {
        let x = b.input(Shape { height: *height, width: *width, channels: 1 });
        ends.push(spectrogram(&mut b, &format!("stft_{frame}"), x, settings));
    }
    if ends.len() > 1 {
        b.concat("embedding", &ends);
    }
    b.finish()
}

/// The network with one logit per class behind its embedding.
pub fn with_logits(graph: Graph, classes: usize) -> Graph {
    let mut b = Builder::onto(graph, NORM);
    let x = b.last();
    let x = b.activate("rectified", x, Activation::Relu);
    b.dense("logits", x, classes, true);
    b.finish()
}

/// A 7 x 7 convolution and a pool, then residual stages and their mean. Each stage but the first
/// halves the image.
fn spectrogram(b: &mut Builder, name: &str, x: usize, settings: &Cnn) -> usize {
    let at = |part: &str| format!("{name}.{part}");
    let x = b.conv(&at("conv"), x, settings.channels[0], [7, 7], [2, 2], Padding::Same, false);
    let x = b.norm(&at("norm"), x, Activation::Relu);
    let mut x = b.max_pool(&at("pool"), x, [3, 3], [2, 2], Padding::Same);
    for (i, &channels) in settings.channels.iter().enumerate() {
        let stride = if i == 0 { 1 } else { 2 };
        x = residual(b, &at(&format!("stage_{i}")), x, channels, stride);
    }
    let x = b.global_mean(&at("mean"), x);
    b.dense(&at("embedding"), x, settings.dims, true)
}

/// Two 3 x 3 convolutions with a skip connection (He et al. 2016).
fn residual(b: &mut Builder, name: &str, input: usize, channels: usize, stride: usize) -> usize {
    let at = |part: &str| format!("{name}.{part}");
    let x = b.conv(&at("conv_0"), input, channels, [3, 3], [stride, stride], Padding::Same, false);
    let x = b.norm(&at("norm_0"), x, Activation::Relu);
    let x = b.conv(&at("conv_1"), x, channels, [3, 3], [1, 1], Padding::Same, false);
    let x = b.norm(&at("norm_1"), x, Activation::Identity);
    let way_round = if stride == 1 && b.shape(input).channels == channels {
        input
    } else {
        let y = b.conv(
            &at("conv_round"),
            input,
            channels,
            [1, 1],
            [stride, stride],
            Padding::Same,
            false,
        );
        b.norm(&at("norm_round"), y, Activation::Identity)
    };
    let sum = b.add(&at("add"), x, way_round);
    b.activate(&at("relu"), sum, Activation::Relu)
}

/// Convolutions with long strides, and two dense layers. If a spectrum is shorter than a kernel,
/// the kernel shrinks to it.
fn spectrum(b: &mut Builder, mut x: usize, dims: usize) -> usize {
    for (i, (kernel, stride, channels)) in SPECTRUM.into_iter().enumerate() {
        let kernel = kernel.min(b.shape(x).width);
        x = b.conv(
            &format!("spectrum.conv_{i}"),
            x,
            channels,
            [1, kernel],
            [1, stride],
            Padding::None,
            false,
        );
        x = b.norm(&format!("spectrum.norm_{i}"), x, Activation::Relu);
    }
    let x = b.flatten("spectrum.flatten", x);
    let x = b.dense("spectrum.dense", x, 128, false);
    let x = b.norm("spectrum.norm", x, Activation::Relu);
    b.dense("spectrum.embedding", x, dims, true)
}
