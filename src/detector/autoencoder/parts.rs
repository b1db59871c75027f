//! The places in a clip where the autoencoder errs.

use ndarray::{Array2, ArrayView2};

use super::{Autoencoder, FrameRange, Predict};
use crate::artifact::Tensors;
use crate::detector::{DetectorError, Examples};
use crate::math;

impl Autoencoder {
    /// The squared error of each value of a clip, as the mean over the windows that predict it; 0
    /// for values that no window predicts.
    pub(super) fn errors(
        &self,
        model: &Tensors,
        frames: ArrayView2<f32>,
    ) -> Result<Array2<f32>, DetectorError> {
        let dims = frames.ncols();
        let network = self.read(model, dims)?;
        let clip = Examples { clips: Vec::new(), features: vec![frames] };
        let residuals = self.residuals(&network, &self.values(&clip, dims)?[0], dims);
        let from = self.frames.map_or(0, |FrameRange { from, .. }| from);
        let first = match self.predict {
            Predict::All => from,
            Predict::Centre => from + self.window / 2,
        };
        let (mut sums, mut counts) =
            (Array2::<f64>::zeros(frames.dim()), vec![0_u32; frames.nrows()]);
        for (window, residuals) in residuals.chunks(self.outputs(dims)).enumerate() {
            for (frame, residuals) in residuals.chunks(dims).enumerate() {
                let at = first + window + frame;
                counts[at] += 1;
                sums.row_mut(at)
                    .iter_mut()
                    .zip(residuals)
                    .for_each(|(sum, r)| *sum += math::square(f64::from(*r)));
            }
        }
        for (mut row, count) in sums.rows_mut().into_iter().zip(counts) {
            row /= f64::from(count.max(1));
        }
        Ok(sums.mapv(|error| error as f32))
    }
}
