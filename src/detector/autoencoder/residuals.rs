//! The score of the DCASE 2023 baseline: the distance of a clip's mean residual from zero, under
//! the covariance of the residuals of each domain. The smaller distance counts.
//!
//! It follows that baseline's code, which differs from its paper. The covariance is that of the
//! residuals of single frames around their mean, divided by one less than the number of windows
//! (not of frames). The distance averages a matrix over all pairs of a clip's frames, which equals
//! the distance of their mean. There is one difference to the code: the mean is that of all
//! residuals, not of each training batch.

use ndarray::{Array2, ArrayView2};

use crate::artifact::{Clip, Domain, Tensors};
use crate::context::Context;
use crate::detector::DetectorError;
use crate::learn::{cholesky, product};

/// The Cholesky factors of the covariances, (dims, dims) each.
pub struct Covariances(Vec<Array2<f64>>);

/// The names of the domains' tensors. Clips without a domain count as source.
const NAMES: [&str; 2] = ["residual.source.factor", "residual.target.factor"];

/// Adds the factors to `model`. `residuals` returns the residuals of a clip, (windows, `width`) in
/// C order; every `dims` values are a frame.
pub fn fit(
    clips: &[&Clip],
    [dims, width]: [usize; 2],
    residuals: impl Fn(usize) -> Vec<f32>,
    cx: &Context,
    model: &mut Tensors,
) -> Result<(), DetectorError> {
    for (target, name) in NAMES.into_iter().enumerate() {
        let is_target = |clip: &Clip| usize::from(clip.domain == Some(Domain::Target));
        let (mut products, mut sum) = (Array2::<f64>::zeros((dims, dims)), vec![0.0; dims]);
        let (mut frames, mut windows, mut count) = (0, 0, 0);
        for (i, _) in clips.iter().enumerate().filter(|(_, clip)| is_target(clip) == target) {
            if cx.cancelled() {
                return Err(DetectorError::Cancelled);
            }
            let values = residuals(i);
            let rows = values.len() / dims;
            let x = Array2::from_shape_fn((rows, dims), |(r, d)| f64::from(values[r * dims + d]));
            products += &product::multiply(x.t(), x.view());
            x.rows().into_iter().for_each(|row| sum.iter_mut().zip(row).for_each(|(s, v)| *s += v));
            frames += rows;
            windows += values.len() / width;
            count += 1;
        }
        if count == 0 {
            continue;
        }
        let (samples, divisor) = (frames as f64, (windows as f64 - 1.0).max(1.0));
        let covariance = Array2::from_shape_fn((dims, dims), |(i, j)| {
            (products[[i, j]] - sum[i] * sum[j] / samples) / divisor
        });
        let domain = if target == 1 { "target" } else { "source" };
        let factor = cholesky::factor(covariance).map_err(|at| {
            let message = format!(
                "the covariance of the residuals of {count} clips of the {domain} domain ({frames} frames) is not positive definite at dimension {at}: write `score: mse`, or give more clips"
            );
            DetectorError::TooFew(message)
        })?;
        model.put_f64(name, factor);
    }
    Ok(())
}

impl Covariances {
    /// Reads the factors of a model.
    pub fn read(model: &Tensors) -> Result<Self, DetectorError> {
        // A domain without training clips has no factor. If both are missing, the error names the
        // first.
        let there: Vec<&str> =
            NAMES.into_iter().filter(|name| model.0.contains_key(*name)).collect();
        let names = if there.is_empty() { &NAMES[..1] } else { &there[..] };
        names
            .iter()
            .map(|name| Ok(model.f64_2(name)?.to_owned()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The smaller of the squared distances of the mean of `residuals`, (frames, dims) in C order.
    pub fn distance(&self, residuals: &[f32]) -> f64 {
        let dims = self.0[0].nrows();
        let frames = ArrayView2::from_shape((residuals.len() / dims, dims), residuals)
            .expect("whole frames");
        let mean: Vec<f64> = frames
            .columns()
            .into_iter()
            .map(|column| column.iter().map(|&x| f64::from(x)).sum::<f64>() / frames.nrows() as f64)
            .collect();
        let distances =
            self.0.iter().map(|factor| cholesky::squared_norm(factor.view(), &mut mean.clone()));
        distances.fold(f64::INFINITY, f64::min)
    }
}
