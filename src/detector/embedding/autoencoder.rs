//! The bottleneck of the dense autoencoder as the embedding of a clip.
//!
//! The network is that of the detector `autoencoder`, trained in the same way. The embedding is the
//! mean of the bottleneck's values over the windows of the clip. The values are taken after the
//! normalisation and before the rectifier, so that a unit with negative values still carries
//! information.

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Embedder, Hearing};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::detector::autoencoder::Autoencoder;
use crate::detector::training::Training;
use crate::detector::{Detector, DetectorError};
use crate::diagnose::Problem;

/// The bottleneck of a dense autoencoder, averaged over the windows of a clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bottleneck {
    /// Frames per window.
    #[schemars(range(min = 1, max = 1000))]
    pub window: usize,
    /// Units of the hidden layers, with the bottleneck in the middle.
    #[schemars(length(min = 1, max = 100), inner(range(min = 1, max = 65_536)))]
    pub layers: Vec<usize>,
    /// Passes over all training windows.
    #[schemars(range(min = 1, max = 100_000))]
    pub epochs: usize,
    /// Windows per training step.
    #[schemars(range(min = 2, max = 65_536))]
    pub batch: usize,
    /// Step size of Adam at the start of training.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// How the network is trained.
    pub training: Training,
}

impl Default for Bottleneck {
    fn default() -> Self {
        let Autoencoder { window, layers, epochs, batch, learning_rate, training, .. } =
            Autoencoder::default();
        Self { window, layers, epochs, batch, learning_rate, training }
    }
}

impl Bottleneck {
    fn detector(&self) -> Autoencoder {
        let Self { window, layers, epochs, batch, learning_rate, training } = self.clone();
        Autoencoder {
            window,
            layers,
            epochs,
            batch,
            learning_rate,
            training,
            ..Autoencoder::default()
        }
    }
}

impl Embedder for Bottleneck {
    fn version(&self) -> u32 {
        // A change of the network's training changes the embeddings.
        100 + self.detector().version()
    }

    fn problems(&self) -> Vec<Problem> {
        self.detector().problems()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        self.detector().memory(rows, dims)
    }

    fn fit(&self, train: &Hearing, cx: &Context) -> Result<Tensors, DetectorError> {
        self.detector().fit(&train.clips, None, cx)
    }

    fn embed(
        &self,
        model: &Tensors,
        heard: &Hearing,
        cx: &Context,
    ) -> Result<Array2<f32>, DetectorError> {
        let (detector, clips) = (self.detector(), &heard.clips);
        let dims = clips.features.first().map_or(0, |x| x.ncols());
        let network = detector.read(model, dims)?;
        let middle = network
            .graph
            .find(&format!("norm.{}", self.layers.len() / 2))
            .expect("hidden layers are normalised");
        let network = network.until(middle).linear_end();
        let width = network.graph.output().len();
        let values = detector.values(clips, dims)?;
        let vectors = cx.map(&values, |values| {
            if cx.cancelled() {
                return Err(DetectorError::Cancelled);
            }
            let outputs = detector.outputs_of(&network, values, dims);
            let mut sums = vec![0.0f64; width];
            for output in outputs.chunks_exact(width) {
                sums.iter_mut().zip(output).for_each(|(sum, &x)| *sum += f64::from(x));
            }
            let windows = (outputs.len() / width) as f64;
            Ok(sums.into_iter().map(|sum| (sum / windows) as f32).collect::<Vec<f32>>())
        });
        let vectors = vectors.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Array2::from_shape_vec((vectors.len(), width), vectors.concat())
            .expect("one vector a clip"))
    }
}
