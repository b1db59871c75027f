//! `humshift features`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{CliError, Exit, networks, output, outputs};
use crate::artifact::{Artifact, Channel, Matrix};
use crate::diagnose::Diagnostic;
use crate::feature::FeatureSpec;
use crate::source::{self, wav};
use crate::spec;

#[derive(Args)]
pub struct FeaturesArgs {
    /// A recording: WAV, FLAC or Ogg Vorbis
    clip: PathBuf,
    /// Where to write the matrix
    #[arg(short, long, value_name = "X.npy")]
    output: PathBuf,
    /// Take the settings of this spec (of its first point)
    #[arg(long, value_name = "SPEC")]
    spec: Option<PathBuf>,
    /// Change a setting of `log_mel`: `mels=64`, `pad=reflect`; or any of the spec:
    /// `features.spectrum.frame=512`
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    /// How several channels become one: mean, first, second, difference or cancel
    #[arg(long, default_value = "mean")]
    channel: Channel,
    /// Resample it to this rate in Hz
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(4000..=192_000))]
    rate: Option<u32>,
    /// Say what was written as JSON
    #[arg(long)]
    json: bool,
}

/// Replaces a missing spec; only its features are used.
const SPEC: &str = "data: { synthetic: {} }\nfeatures: { log_mel: {} }\npool: { mean: {} }\ndetector: { knn: {} }\n";

pub fn run(args: &FeaturesArgs) -> Result<Exit, CliError> {
    let feature = settings(args)?;
    let failed =
        |why: String| CliError::usage("E0706", format!("`{}`: {why}", args.clip.display()));
    let wave =
        wav::read(&args.clip, args.channel).map_err(|e| CliError::usage("E0706", e.to_string()))?;
    let wave = match args.rate {
        Some(rate) => source::resampled(wave, rate).map_err(failed)?,
        None => wave,
    };
    let extractor = networks::extractor(&feature, wave.rate).map_err(failed)?;
    let matrix = extractor.extract(&wave.samples).map_err(|e| failed(e.to_string()))?;
    let (frames, dims) = matrix.dim();
    let bytes = Matrix::new(matrix.into_iter().collect(), frames, dims).encode();
    let inputs =
        || args.spec.iter().flat_map(|spec| spec::files(spec)).chain([args.clip.clone()]).collect();
    outputs::save(&args.output, bytes, inputs)?;
    if args.json {
        output::json(&json!({
            "output": args.output, "frames": frames, "bins": dims, "rate": wave.rate, "features": feature,
        }));
    } else {
        output::line(&format!(
            "{}: {frames} frames x {dims} bins at {} Hz",
            args.output.display(),
            wave.rate
        ));
    }
    Ok(Exit::Done)
}

fn settings(args: &FeaturesArgs) -> Result<FeatureSpec, CliError> {
    // `mels=64` is short for `features.log_mel.mels=64`.
    let long = |set: &String| match set.split_once('=') {
        Some((name, value)) if !name.contains('.') => format!("features.log_mel.{name}={value}"),
        _ => set.clone(),
    };
    let sets: Vec<String> = args.sets.iter().map(long).collect();
    let experiment = match &args.spec {
        Some(path) => spec::load(path, &sets)?,
        None => spec::load_text("features", SPEC, &sets)?,
    };
    match experiment.points.into_iter().next() {
        Some(point) if point.data.is_scored() => {
            let message = "the spec has scores of another program, and no features".to_owned();
            Err(CliError::usage("E0704", message))
        }
        Some(point) => Ok(point.features),
        None => Err(vec![Diagnostic::new("E0704", "the spec has no points")].into()),
    }
}
