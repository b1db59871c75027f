//! The autoencoder's settings as written in a spec, and the presets that fill in the rest.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Scope, training};
use super::{Autoencoder, FrameRange, Predict, Score};

/// Settings as written: a preset, and the settings that override it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    preset: Option<Preset>,
    window: Option<usize>,
    layers: Option<Vec<usize>>,
    predict: Option<Predict>,
    epochs: Option<usize>,
    batch: Option<usize>,
    learning_rate: Option<f64>,
    training: training::Written,
    start_at_mean: Option<bool>,
    score: Option<Score>,
    scope: Option<Scope>,
    frames: Option<FrameRange>,
    weights: Option<String>,
}

/// Settings of published results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Preset {
    /// Dohi et al. 2022: learning rate 1e-4, batches of 128, 100 epochs.
    Paper,
    /// The repository of the DCASE 2022 baseline: learning rate 1e-3, batches of 512, 100 epochs,
    /// the last tenth of the rows held out.
    Repository,
}

impl From<Written> for Autoencoder {
    fn from(w: Written) -> Self {
        let (rate, batch, epochs, validation) = match w.preset {
            None => (1e-3, 128, 20, 0.0),
            Some(Preset::Paper) => (1e-4, 128, 100, 0.0),
            Some(Preset::Repository) => (1e-3, 512, 100, 0.1),
        };
        Self {
            window: w.window.unwrap_or(5),
            layers: w.layers.unwrap_or_else(|| vec![128, 128, 128, 128, 8, 128, 128, 128, 128]),
            predict: w.predict.unwrap_or_default(),
            epochs: w.epochs.unwrap_or(epochs),
            batch: w.batch.unwrap_or(batch),
            learning_rate: w.learning_rate.unwrap_or(rate),
            training: w.training.or(validation),
            start_at_mean: w.start_at_mean.unwrap_or(w.preset.is_none()),
            score: w.score.unwrap_or_default(),
            scope: w.scope.unwrap_or(Scope::Machine),
            frames: w.frames,
            weights: w.weights,
        }
    }
}

impl Default for Autoencoder {
    fn default() -> Self {
        Written::default().into()
    }
}
