//! The loops that take most of the time of training and inference, on plain slices.
//!
//! Images are `f32` in the order example, row, column, channel (NHWC). Neighbouring channels are
//! neighbours in memory, so every loop here runs over channels and fills the vector registers at
//! any image size. A dense layer is a convolution over an image of one pixel. The number of
//! examples follows from the lengths.
//!
//! Work is split over the ambient rayon pool in chunks whose size depends on shapes alone, and
//! partial sums are added in the order of the chunks. So the bits of a result depend neither on the
//! number of threads nor on the processor.
//!
//! This room knows no layers, parameters or graphs. The caller owns all buffers. Slices whose
//! lengths contradict each other are mistakes of the caller and panic.

mod activation;
mod conv;
mod correlate;
mod depthwise;
mod gather;
mod norm;
mod pool;
mod rows;
mod sight;
mod spread;

pub use activation::{Activation, activate, activate_backward};
pub use conv::{convolve, convolve_input, convolve_kernel};
pub use depthwise::{depthwise, depthwise_input, depthwise_kernel};
pub use norm::{backward, moments, normalize};
pub use pool::{global_max, global_mean, global_mean_backward, max_pool, max_pool_backward};
pub(super) use rows::CHUNK;
pub use rows::{add_bias, bias_gradient};

/// The geometry of a sliding window. Sizes are [rows, columns].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub input: [usize; 2],
    pub output: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// Padding rows above and columns to the left. The padding below and to the right follows from
    /// the output.
    pub pad: [usize; 2],
}

impl Window {
    /// The window of a dense layer: one pixel of an image of one pixel.
    pub fn dense() -> Window {
        Window { input: [1; 2], output: [1; 2], kernel: [1; 2], stride: [1; 2], pad: [0; 2] }
    }

    /// Pixels of the input.
    fn pixels_in(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Pixels of the output.
    fn pixels_out(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Weights of the kernel for one pair of channels.
    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Whether every output pixel uses only the input pixel at its own place.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1; 2]
            && self.stride == [1; 2]
            && self.pad == [0; 2]
            && self.input == self.output
    }

    /// Pairs (place in the kernel, place in the input) that output `at` uses along `axis`.
    fn seen_by(&self, axis: usize, at: usize) -> Vec<(usize, usize)> {
        let first = at * self.stride[axis];
        (0..self.kernel[axis])
            .filter(|k| (self.pad[axis]..self.pad[axis] + self.input[axis]).contains(&(first + k)))
            .map(|k| (k, first + k - self.pad[axis]))
            .collect()
    }

    /// Pairs (place in the kernel, place in the output) that use input `at` along `axis`.
    fn seeing(&self, axis: usize, at: usize) -> Vec<(usize, usize)> {
        let stride = self.stride[axis];
        (0..self.kernel[axis])
            .filter_map(|k| Some((k, (at + self.pad[axis]).checked_sub(k)?)))
            .filter(|(_, ahead)| ahead % stride == 0 && ahead / stride < self.output[axis])
            .map(|(k, ahead)| (k, ahead / stride))
            .collect()
    }
}

/// The number of examples: `length` over `each`.
fn examples(length: usize, each: usize) -> usize {
    assert_eq!(length % each, 0, "{length} numbers are not a multiple of {each}");
    length / each
}

#[cfg(test)]
mod testing {
    use crate::math::at_every_level;

    /// Numbers in [-1, 1) that look random enough.
    pub fn draws(count: usize, seed: f64) -> Vec<f32> {
        let mut x = seed.fract().abs() + 0.012_345_67;
        (0..count)
            .map(|_| {
                x = (x * 997.0 + 0.123_456_7).fract();
                (2.0 * x - 1.0) as f32
            })
            .collect()
    }

    pub fn dot(a: &[f32], b: &[f32]) -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }

    pub fn assert_close(got: &[f32], want: &[f64], tolerance: f64) {
        assert_eq!(got.len(), want.len());
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            let distance = (f64::from(*got) - want).abs();
            assert!(distance <= tolerance * (1.0 + want.abs()), "[{i}]: {got} is not {want}");
        }
    }

    /// The result of `run`, after a check that one thread and three threads give the same bits at
    /// every level of the processor.
    pub fn same_bits(run: impl Fn() -> Vec<f32> + Send + Sync) -> Vec<f32> {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(&run)
        };
        let mut all = at_every_level(|| [with(1), with(3)]).into_iter();
        let (_, [one, three]) = all.next().expect("a level");
        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert!(bits(&one) == bits(&three));
        for (level, [first, second]) in all {
            assert!(bits(&one) == bits(&first) && bits(&one) == bits(&second), "{level:?}");
        }
        one
    }
}
