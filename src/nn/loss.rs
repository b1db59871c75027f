//! The losses that training minimises, and their gradients over the outputs of a batch.
//!
//! A loss may have its own weights, such as the centres of classes. They are trained with the
//! network's weights and dropped with the loss. Sums are in f64.

use super::angular::Angular;
use super::heads::Heads;
use super::kernel::CHUNK;
use super::log_sum_exp::log_sum_exp;
use super::projection::Projection;
use rayon::prelude::*;

use crate::math;

/// A loss over a batch.
#[derive(Clone, Debug)]
pub enum Loss {
    /// The mean of the squared differences over rows and values.
    Squared,
    /// The cross-entropy: minus the log probability that a softmax of the outputs gives to the
    /// targets, as the mean over the rows. A target row holds one probability per class.
    Softmax,
    /// The cross-entropy of angles to trained centres.
    Angular(Angular),
    /// The cross-entropy of distances to subspaces of the classes.
    Projection(Projection),
    /// The sum of several losses of one embedding.
    Heads(Heads),
}

impl Loss {
    /// The loss of `output` (rows, width) for `target` (rows, values of a target). Writes the
    /// gradient with respect to each output to `gradient`.
    pub fn evaluate(
        &mut self,
        rows: usize,
        output: &[f32],
        target: &[f32],
        gradient: &mut [f32],
    ) -> f64 {
        match self {
            Loss::Squared => squared(output, target, gradient),
            Loss::Softmax => softmax(rows, output, target, gradient),
            Loss::Angular(angular) => angular.evaluate(rows, output, target, gradient),
            Loss::Projection(projection) => projection.evaluate(rows, output, target, gradient),
            Loss::Heads(heads) => heads.evaluate(rows, output, target, gradient),
        }
    }

    /// The loss alone, for validation examples. Changes nothing.
    pub fn measure(&self, rows: usize, output: &[f32], target: &[f32]) -> f64 {
        let mut unused = vec![0.0; output.len()];
        self.at_rest().evaluate(rows, output, target, &mut unused)
    }

    /// A copy that evaluation does not change.
    pub(super) fn at_rest(&self) -> Self {
        match self {
            Loss::Angular(angular) => Loss::Angular(angular.at_rest()),
            Loss::Projection(projection) => Loss::Projection(projection.at_rest()),
            Loss::Heads(heads) => Loss::Heads(heads.at_rest()),
            Loss::Squared | Loss::Softmax => self.clone(),
        }
    }

    /// The loss's own weights; none for most losses.
    pub fn weights(&self) -> Vec<&[f32]> {
        match self {
            Loss::Angular(angular) => angular.weights().into_iter().collect(),
            Loss::Projection(projection) => projection.weights().into_iter().collect(),
            Loss::Heads(heads) => heads.losses().flat_map(Loss::weights).collect(),
            Loss::Squared | Loss::Softmax => Vec::new(),
        }
    }

    /// The loss's own weights, mutable, and their gradient from the last batch.
    pub fn weights_mut(&mut self) -> Vec<(&mut [f32], &mut [f32])> {
        match self {
            Loss::Angular(angular) => angular.weights_mut().into_iter().collect(),
            Loss::Projection(projection) => projection.weights_mut().into_iter().collect(),
            Loss::Heads(heads) => heads.losses_mut().flat_map(Loss::weights_mut).collect(),
            Loss::Squared | Loss::Softmax => Vec::new(),
        }
    }

    /// Further state from earlier batches: the scales of losses that have one.
    pub fn memory(&self) -> Vec<f64> {
        match self {
            Loss::Angular(Angular { scale, .. }) | Loss::Projection(Projection { scale, .. }) => {
                vec![*scale]
            }
            Loss::Heads(heads) => heads.losses().flat_map(Loss::memory).collect(),
            Loss::Squared | Loss::Softmax => Vec::new(),
        }
    }

    /// Restores the state from [`Loss::memory`].
    pub fn remember(&mut self, memory: &[f64]) {
        match self {
            Loss::Angular(Angular { scale, .. }) | Loss::Projection(Projection { scale, .. }) => {
                *scale = memory[0];
            }
            Loss::Heads(heads) => {
                let mut rest = memory;
                for loss in heads.losses_mut() {
                    let own;
                    (own, rest) = rest.split_at(loss.memory().len());
                    loss.remember(own);
                }
            }
            Loss::Squared | Loss::Softmax => {}
        }
    }
}

fn squared(output: &[f32], target: &[f32], gradient: &mut [f32]) -> f64 {
    let scale = 2.0 / output.len() as f32;
    let chunks =
        output.par_chunks(CHUNK).zip(target.par_chunks(CHUNK)).zip(gradient.par_chunks_mut(CHUNK));
    let sums: Vec<f64> = chunks
        .map(|((output, target), gradient)| squared_chunk(output, target, scale, gradient))
        .collect();
    sums.iter().sum::<f64>() / output.len() as f64
}

fn squared_chunk(output: &[f32], target: &[f32], scale: f32, gradient: &mut [f32]) -> f64 {
    let mut sum = 0.0f64;
    // Blocks are summed in f32, which vectorizes, and their sums in f64.
    let blocks = output.chunks(256).zip(target.chunks(256)).zip(gradient.chunks_mut(256));
    for ((output, target), gradient) in blocks {
        let mut lanes = [0.0f32; 16];
        for (i, ((y, t), g)) in output.iter().zip(target).zip(gradient).enumerate() {
            let d = y - t;
            lanes[i % 16] += d * d;
            *g = scale * d;
        }
        sum += lanes.iter().map(|&x| f64::from(x)).sum::<f64>();
    }
    sum
}

fn softmax(rows: usize, output: &[f32], target: &[f32], gradient: &mut [f32]) -> f64 {
    let classes = output.len() / rows;
    let mut loss = 0.0;
    let examples = output.chunks_exact(classes).zip(target.chunks_exact(classes));
    for ((logits, target), gradient) in examples.zip(gradient.chunks_exact_mut(classes)) {
        let log_sum = log_sum_exp(logits.iter().map(|&x| f64::from(x)));
        for ((&logit, &target), g) in logits.iter().zip(target).zip(gradient) {
            let log_p = f64::from(logit) - log_sum;
            let target = f64::from(target);
            if target != 0.0 {
                loss -= target * log_p;
            }
            *g = ((math::exp(log_p) - target) / rows as f64) as f32;
        }
    }
    loss / rows as f64
}

/// For tests: checks a gradient against differences of the loss.
#[cfg(test)]
pub(super) fn check_gradient(
    loss: &mut Loss,
    rows: usize,
    output: &[f32],
    target: &[f32],
    tolerance: f64,
) {
    let mut gradient = vec![0.0; output.len()];
    let mut unused = gradient.clone();
    loss.clone().evaluate(rows, output, target, &mut gradient);
    assert!(gradient.iter().any(|g| g.abs() > 1e-3));
    for i in 0..output.len() {
        let mut at = |shift: f32| {
            let mut moved = output.to_vec();
            moved[i] += shift;
            loss.clone().evaluate(rows, &moved, target, &mut unused)
        };
        let slope = (at(1e-3) - at(-1e-3)) / 2e-3;
        assert!((slope - f64::from(gradient[i])).abs() < tolerance, "{i}: {slope} {}", gradient[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::draws;

    #[test]
    fn losses_are_their_definitions_and_slopes() {
        let mut uniform = draws(0.4);
        let output: Vec<f32> = (0..12).map(|_| uniform() as f32 * 4.0 - 2.0).collect();
        let target: Vec<f32> = (0..12).map(|_| uniform() as f32).collect();
        let mut gradient = vec![0.0; 12];
        let expected: f64 =
            output.iter().zip(&target).map(|(a, b)| math::square(f64::from(a - b))).sum::<f64>()
                / 12.0;
        assert!(
            (Loss::Squared.evaluate(3, &output, &target, &mut gradient) - expected).abs() < 1e-6
        );
        check_gradient(&mut Loss::Squared, 3, &output, &target, 1e-3);

        let target = [0.0, 1.0, 0.0, 0.0, 0.25, 0.0, 0.75, 0.0, 0.0, 0.0, 0.0, 1.0];
        let expected: f64 = (0..3)
            .map(|row| {
                let logits = &output[4 * row..4 * row + 4];
                let sum: f64 = logits.iter().map(|&x| math::exp(f64::from(x))).sum();
                (0..4)
                    .map(|c| {
                        -f64::from(target[4 * row + c])
                            * math::ln(math::exp(f64::from(logits[c])) / sum)
                    })
                    .sum::<f64>()
            })
            .sum();
        assert!(
            (Loss::Softmax.evaluate(3, &output, &target, &mut gradient) - expected / 3.0).abs()
                < 1e-12
        );
        check_gradient(&mut Loss::Softmax, 3, &output, &target, 1e-3);
    }
}
