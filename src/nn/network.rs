//! A dense network, its first weights, and its forward pass with batch normalisation folded in.
//!
//! The conventions are Keras's, because the field's reference autoencoder is a Keras model: kernels are
//! (inputs, outputs), every hidden layer is dense, then normalised, then rectified (the bottleneck too),
//! and the last layer is linear.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

/// What Keras adds to a variance before its root.
pub const EPSILON: f64 = 1e-3;

/// Rows put through all layers at a time: their activations stay in the cache.
const BLOCK: usize = 128;

/// `y = x kernel + bias`, with a kernel of (inputs, outputs).
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    pub kernel: Array2<f32>,
    pub bias: Array1<f32>,
}

/// Batch normalisation with its running statistics (Ioffe and Szegedy 2015).
#[derive(Clone, Debug, PartialEq)]
pub struct Norm {
    pub gamma: Array1<f32>,
    pub beta: Array1<f32>,
    pub mean: Array1<f32>,
    pub variance: Array1<f32>,
}

/// Dense layers with a normalisation and a rectifier between each and the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub dense: Vec<Dense>,
    /// One fewer than `dense`: the output is linear.
    pub norm: Vec<Norm>,
}

impl Network {
    /// A network of the layer sizes `sizes` (input first, output last) with Glorot's uniform kernels
    /// (Glorot and Bengio 2010): U(-a, a) with a = sqrt(6 / (inputs + outputs)), zero biases, and
    /// normalisations that change nothing. `uniform` draws from [0, 1), kernel by kernel, row by row.
    pub fn glorot(sizes: &[usize], uniform: &mut dyn FnMut() -> f64) -> Self {
        let dense = sizes.windows(2).map(|size| {
            let limit = (6.0 / (size[0] + size[1]) as f64).sqrt();
            let kernel = Array2::from_shape_simple_fn((size[0], size[1]), || (limit * (2.0 * uniform() - 1.0)) as f32);
            Dense { kernel, bias: Array1::zeros(size[1]) }
        });
        let norm = sizes[1..sizes.len() - 1].iter().map(|&n| Norm {
            gamma: Array1::ones(n),
            beta: Array1::zeros(n),
            mean: Array1::zeros(n),
            variance: Array1::ones(n),
        });
        Self { dense: dense.collect(), norm: norm.collect() }
    }

    /// The network for inference. A normalisation with fixed statistics is a scale and a shift of each
    /// unit, which go into the kernel and bias before it (in f64, rounded once).
    pub fn folded(&self) -> Folded {
        let mut layers = self.dense.clone();
        for (layer, norm) in layers.iter_mut().zip(&self.norm) {
            for (unit, mut column) in layer.kernel.axis_iter_mut(Axis(1)).enumerate() {
                let scale = f64::from(norm.gamma[unit]) / (f64::from(norm.variance[unit]) + EPSILON).sqrt();
                column.mapv_inplace(|w| (f64::from(w) * scale) as f32);
                let centred = f64::from(layer.bias[unit]) - f64::from(norm.mean[unit]);
                layer.bias[unit] = (centred * scale + f64::from(norm.beta[unit])) as f32;
            }
        }
        Folded { layers }
    }
}

/// A network ready for inference: dense layers with a rectifier between each and the next.
pub struct Folded {
    layers: Vec<Dense>,
}

impl Folded {
    /// Values of an input.
    pub fn inputs(&self) -> usize {
        self.layers[0].kernel.nrows()
    }

    /// The sum over all rows and values of `(output - input)^2`, in f64, for an autoencoder (outputs = inputs).
    ///
    /// `rows` (rows, inputs) may overlap in memory, as [`Windows::of_clip`](super::Windows::of_clip) does.
    pub fn squared_error(&self, rows: ArrayView2<f32>) -> f64 {
        let mut total = 0.0;
        let mut activations: Vec<Array2<f32>> =
            self.layers.iter().map(|layer| Array2::zeros((BLOCK.min(rows.nrows()), layer.bias.len()))).collect();
        for block in rows.axis_chunks_iter(Axis(0), BLOCK) {
            self.forward(block, &mut activations);
            let output = activations[self.layers.len() - 1].slice(s![..block.nrows(), ..]);
            for (x, y) in block.rows().into_iter().zip(output.rows()) {
                total += x.iter().zip(y).map(|(x, y)| f64::from(y - x).powi(2)).sum::<f64>();
            }
        }
        total
    }

    /// Fills the first rows of `activations`, one matrix a layer.
    fn forward(&self, block: ArrayView2<f32>, activations: &mut [Array2<f32>]) {
        let n = block.nrows();
        for (i, layer) in self.layers.iter().enumerate() {
            let (done, rest) = activations.split_at_mut(i);
            let input = done.last().map_or(block.view(), |a| a.slice(s![..n, ..]));
            let mut output = rest[0].slice_mut(s![..n, ..]);
            output.assign(&layer.bias);
            general_mat_mul(1.0, &input, &layer.kernel, 1.0, &mut output);
            if i + 1 < self.layers.len() {
                output.mapv_inplace(|x| x.max(0.0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::draws;

    /// The definition, unit by unit in f64, with normalisation as its own step.
    fn slow(network: &Network, input: &[f64]) -> Vec<f64> {
        let mut x = input.to_vec();
        for (i, layer) in network.dense.iter().enumerate() {
            x = (0..layer.bias.len())
                .map(|unit| {
                    let y: f64 = x.iter().zip(layer.kernel.column(unit)).map(|(x, &w)| x * f64::from(w)).sum();
                    let y = y + f64::from(layer.bias[unit]);
                    let Some(norm) = network.norm.get(i) else { return y };
                    let at = |values: &Array1<f32>| f64::from(values[unit]);
                    let y = (y - at(&norm.mean)) / (at(&norm.variance) + 1e-3).sqrt();
                    (y * at(&norm.gamma) + at(&norm.beta)).max(0.0)
                })
                .collect();
        }
        x
    }

    #[test]
    fn the_folded_forward_pass_is_the_definition() {
        let mut uniform = draws(0.5);
        let mut network = Network::glorot(&[6, 9, 2, 9, 6], &mut uniform);
        for norm in &mut network.norm {
            norm.gamma.mapv_inplace(|_| 0.5 + uniform() as f32);
            norm.beta.mapv_inplace(|_| uniform() as f32 - 0.3);
            norm.mean.mapv_inplace(|_| uniform() as f32 - 0.5);
            norm.variance.mapv_inplace(|_| uniform() as f32 + 0.1);
        }
        network.dense[1].bias.fill(0.25);
        let rows = Array2::from_shape_simple_fn((2 * BLOCK + 3, 6), || uniform() as f32 * 4.0);
        let expected: f64 = rows
            .rows()
            .into_iter()
            .map(|row| {
                let x: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
                slow(&network, &x).iter().zip(&x).map(|(y, x)| (y - x).powi(2)).sum::<f64>()
            })
            .sum();
        let found = network.folded().squared_error(rows.view());
        assert!((found / expected - 1.0).abs() < 1e-5, "{found} {expected}");
    }

    #[test]
    fn glorot_keeps_its_limits_and_fills_them() {
        let network = Network::glorot(&[40, 80, 40], &mut draws(0.5));
        let limit = (6.0f32 / 120.0).sqrt();
        let kernel = &network.dense[0].kernel;
        assert!(kernel.iter().all(|w| w.abs() <= limit));
        let variance = kernel.iter().map(|w| w * w).sum::<f32>() / kernel.len() as f32;
        assert!((variance / (limit * limit / 3.0) - 1.0).abs() < 0.1, "{variance}");
        assert_eq!((network.dense.len(), network.norm.len()), (2, 1));
        assert!(network.dense.iter().all(|layer| layer.bias.iter().all(|&b| b == 0.0)));
    }
}
