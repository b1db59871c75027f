//! `score --figure`: the part of the spectrogram that drove a score.

use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2, Axis as Along};

use super::model::Chosen;
use super::way::{Recording, Way};
use crate::artifact::{Artifact, Matrix, Split, Tensors};
use crate::cli::cached::Cached;
use crate::cli::{CliError, axes, output, outputs};
use crate::math;
use crate::report::{Driven, driven};
use crate::stage::{Item, StageSpec};

/// The most recordings that are drawn; they have the highest scores.
const MOST: usize = 6;

/// Draws the recordings with the highest scores.
///
/// Errors: the features have no bands; the normal frames are not in the cache; the file cannot be
/// written.
pub fn write(
    cached: &Cached,
    chosen: &Chosen,
    way: &Way,
    scored: &[(&Recording, f64)],
    path: &Path,
) -> Result<(), CliError> {
    let (node, features) = cached.features(&chosen.section.section, chosen.result)?;
    let wrong = |why: String| CliError::usage("E0708", format!("no figure: {why}"));
    if !axes::in_decibels(&features.feature) {
        return Err(wrong(format!("`{}` is no spectrogram in dB", features.feature.name())));
    }
    let mut drawn: Vec<(&Recording, f64)> = scored.to_vec();
    drawn.sort_by(|a, b| b.1.total_cmp(&a.1));
    drawn.truncate(MOST);
    if drawn.is_empty() {
        return Err(wrong("no recording has a score".into()));
    }
    let recordings: Vec<Recording> =
        drawn.iter().map(|(recording, _)| (*recording).clone()).collect();
    let frames = way.frames(&recordings, node).map_err(|error| wrong(error.to_string()))?;
    let of = |recording: &Recording| frames.clip(&recording.path).expect("it was just made");
    let errors = drawn.iter().map(|(recording, _)| errors(cached, chosen, way, of(recording)));
    let errors = errors.collect::<Option<Result<Vec<_>, String>>>().transpose().map_err(wrong)?;
    let (parts, unit) = match errors {
        Some(errors) => (errors, "Squared error"),
        None => {
            let normal: Matrix = cached.artifact(node, (Split::Train, Item::Features))?;
            let normal = Normal::of(normal.view());
            (
                drawn.iter().map(|(recording, _)| normal.deviations(of(recording))).collect(),
                "Deviations from normal",
            )
        }
    };
    let rows = drawn.iter().zip(&parts).map(|((recording, score), part)| {
        let level = of(recording);
        Driven {
            title: format!("{}: {score:.4}", recording.path),
            time: axes::time(&features.feature, way.rate, level.nrows()),
            frequency: axes::frequency(&features.feature, way.rate, level.ncols()),
            level,
            part: part.view(),
        }
    });
    let read = || drawn.iter().map(|(recording, _)| recording.path.clone().into()).collect();
    outputs::save(path, driven(&rows.collect::<Vec<_>>(), unit), read)?;
    let more = if scored.len() > MOST { ", those with the highest scores" } else { "" };
    output::tell(&format!("figure: {} recordings{more}, in {}", drawn.len(), path.display()));
    Ok(())
}

/// The detector's own error at each value, if it has one and the features are not changed further.
fn errors(
    cached: &Cached,
    chosen: &Chosen,
    way: &Way,
    frames: ArrayView2<f32>,
) -> Option<Result<Array2<f32>, String>> {
    let StageSpec::Training(stage) = &cached.subject.plan.node(chosen.training).stage else {
        return None;
    };
    let model = Tensors::decode(way.model()?).ok()?;
    if model.0.keys().any(|name| name.starts_with("model/")) {
        return None;
    }
    let errors = stage.detector.member().parts(&model, frames)?;
    Some(errors.map_err(|error| error.to_string()))
}

/// Statistics of the frames of normal training clips, band by band.
struct Normal {
    mean: Array1<f64>,
    deviation: Array1<f64>,
}

impl Normal {
    fn of(frames: ArrayView2<f32>) -> Self {
        let (rows, dims) = (frames.nrows().max(1) as f64, frames.ncols());
        let mut mean = Array1::<f64>::zeros(dims);
        for row in frames.axis_iter(Along(0)) {
            mean.zip_mut_with(&row, |m, x| *m += f64::from(*x));
        }
        mean /= rows;
        let mut deviation = Array1::<f64>::zeros(dims);
        for row in frames.axis_iter(Along(0)) {
            for ((d, x), m) in deviation.iter_mut().zip(row).zip(&mean) {
                *d += math::square(f64::from(*x) - m);
            }
        }
        Self { mean, deviation: deviation.mapv(|d| (d / rows).sqrt()) }
    }

    /// The distance of each value from its mean, in standard deviations. A constant band counts as
    /// 0.
    fn deviations(&self, frames: ArrayView2<f32>) -> Array2<f32> {
        Array2::from_shape_fn(frames.dim(), |(frame, band)| match self.deviation[band] {
            d if d > 1e-12 => {
                ((f64::from(frames[[frame, band]]) - self.mean[band]).abs() / d) as f32
            }
            _ => 0.0,
        })
    }
}
