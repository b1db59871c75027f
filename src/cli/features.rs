//! `humshift features`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::given::unread;
use super::trust::{self, Known};
use super::{CliError, Exit, networks, output, outputs, signal};
use crate::artifact::{Artifact, Audio, AudioTable, Blob, Channel, Matrix, Split, Tensors};
use crate::context::Context;
use crate::diagnose::Diagnostic;
use crate::digest::Digest;
use crate::feature::FeatureSpec;
use crate::feature::command::Command;
use crate::shown::visible;
use crate::source::{self, wav};
use crate::spec::{self, Experiment};
use crate::stage::{Features, Inputs, Item, Role, StageError, StageSpec};

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
    /// Change a setting of the features of the spec, or of `log_mel` without one: `mels=64`,
    /// `pad=reflect`; or any of the spec: `features.spectrum.frame=512`
    #[arg(long = "set", value_name = "NAME=VALUE")]
    sets: Vec<String>,
    /// How several channels become one: mean, first, second, difference or cancel
    #[arg(long, default_value = "mean")]
    channel: Channel,
    /// Resample it to this rate in Hz
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(4000..=192_000))]
    rate: Option<u32>,
    /// Call the program that makes the features, with the rights of this account; `humshift trust`
    /// allows it once
    #[arg(long)]
    allow_commands: bool,
    /// Say what was written as JSON
    #[arg(long)]
    json: bool,
}

/// Replaces a missing spec; only its features are used.
const SPEC: &str = "data: { synthetic: {} }\nfeatures: { log_mel: {} }\npool: { mean: {} }\ndetector: { knn: {} }\n";

/// The features of the clip, and its sample rate in Hz.
type Heard = (Matrix, u32);

pub fn run(args: &FeaturesArgs) -> Result<Exit, CliError> {
    let feature = settings(args)?;
    let inputs = || {
        let specs = args.spec.iter().flat_map(|spec| spec::files(spec));
        let program = feature.member().program();
        let programs = program.into_iter().flat_map(|program| program.files.iter().cloned());
        specs.chain([args.clip.clone()]).chain(programs).collect()
    };
    // A program of the user may take long, and may have effects.
    outputs::ready(&args.output, inputs)?;
    let heard = match &feature {
        FeatureSpec::Command(command) => called(args, command)?,
        _ => Some(extracted(args, &feature)?),
    };
    let Some((matrix, rate)) = heard else { return Ok(Exit::Interrupted) };
    let (frames, dims) = (matrix.rows(), matrix.dims());
    outputs::save(&args.output, matrix.encode(), inputs)?;
    if args.json {
        output::json(&json!({
            "output": args.output, "frames": frames, "bins": dims, "rate": rate, "features": feature,
        }));
    } else {
        output::line(&format!(
            "{}: {frames} frames x {dims} bins at {rate} Hz",
            visible(&args.output.to_string_lossy())
        ));
    }
    Ok(Exit::Done)
}

fn failed(args: &FeaturesArgs, why: &str) -> CliError {
    CliError::usage("E0706", format!("`{}`: {why}", args.clip.display()))
}

/// The features that this program computes.
fn extracted(args: &FeaturesArgs, feature: &FeatureSpec) -> Result<Heard, CliError> {
    let failed = |why: String| failed(args, &why);
    let wave =
        wav::read(&args.clip, args.channel).map_err(|e| CliError::usage("E0706", e.to_string()))?;
    let wave = match args.rate {
        Some(rate) => source::resampled(wave, rate).map_err(failed)?,
        None => wave,
    };
    let extractor = networks::extractor(feature, wave.rate).map_err(failed)?;
    let matrix = extractor.extract(&wave.samples).map_err(|e| failed(e.to_string()))?;
    let (frames, dims) = matrix.dim();
    Ok((Matrix::new(matrix.into_iter().collect(), frames, dims), wave.rate))
}

/// The features that a program of the user makes, which gets the clip as the only one of a run.
/// `None` if a signal stopped it.
///
/// Errors: a file of it cannot be read (E0702); nobody has allowed it (E0730); the clip cannot be
/// read, or the program makes no features of it (E0706).
fn called(args: &FeaturesArgs, command: &Command) -> Result<Option<Heard>, CliError> {
    let program = command.own();
    let contents = program.read().map_err(|why| CliError::from(vec![unread(&why)]))?;
    if !args.allow_commands {
        let known = Known::of(&program, contents.iter().map(|bytes| Digest::of(bytes)));
        trust::needed(args.spec.as_deref(), &BTreeSet::from([known]), "humshift features")?;
    }
    let mut bundle = Tensors::default();
    program.bundle(&contents, &mut bundle, "");
    let clip = args.clip.to_str().ok_or_else(|| failed(args, "its path is no UTF-8"))?;
    let (wave, sha256) = wav::read_hashed(&args.clip, args.channel)
        .map_err(|e| CliError::usage("E0706", e.to_string()))?;
    let audio = Audio::of_file(clip, args.channel, args.rate, sha256);
    let table = AudioTable([(clip.to_owned(), audio)].into());
    let audio = |split: Split| Role::from((split, Item::Audio)).to_string();
    let inputs = [
        (audio(Split::Train), Blob::new(AudioTable::default().encode())),
        (audio(Split::Test), Blob::new(table.encode())),
        (Role::from(Item::Weights).to_string(), Blob::new(bundle.encode())),
    ];
    let stage = StageSpec::Features(Features {
        feature: FeatureSpec::Command(command.clone()),
        root: Some(PathBuf::new()),
        source: Default::default(),
        uses: Default::default(),
        mixed: None,
        kernels: None,
    });
    let cancel = signal::cancel();
    let cx = Context { cancel: &cancel, ..Context::plain(0) };
    let made = match stage.run(&Inputs(inputs.into()), &cx) {
        Ok(made) => made.into_iter().map(|one| (one.role.to_string(), Blob::new(one.bytes))),
        Err(StageError::Cancelled) => return Ok(None),
        Err(StageError::Clip { why, .. }) => return Err(failed(args, &why)),
        Err(StageError::Source(error)) => return Err(CliError::usage("E0706", error.to_string())),
        Err(error) => return Err(failed(args, &error.to_string())),
    };
    let matrix = Inputs(made.collect())
        .get((Split::Test, Item::Features))
        .map_err(|error| failed(args, &error.to_string()))?;
    Ok(Some((matrix, args.rate.unwrap_or(wave.rate))))
}

/// The features of the spec, or `log_mel` without one, with the changes of `--set`.
fn settings(args: &FeaturesArgs) -> Result<FeatureSpec, CliError> {
    let Some(path) = &args.spec else {
        return first(spec::load_text("features", SPEC, &long(&args.sets, "log_mel"))?);
    };
    // The changes of the spec may give it other features.
    let own: Vec<String> = args.sets.iter().filter(|set| !is_short(set)).cloned().collect();
    let feature = first(spec::load(path, &own)?)?;
    if own.len() == args.sets.len() {
        return Ok(feature);
    }
    first(spec::load(path, &long(&args.sets, feature.name()))?)
}

/// Whether a change names a setting of the features alone.
fn is_short(set: &str) -> bool {
    set.split_once('=').is_some_and(|(name, _)| !name.contains('.'))
}

/// Changes of a spec: `mels=64` is short for `features.log_mel.mels=64`, where these are the
/// features.
fn long(sets: &[String], feature: &str) -> Vec<String> {
    let long = |set: &String| match is_short(set) {
        true => format!("features.{feature}.{set}"),
        false => set.clone(),
    };
    sets.iter().map(long).collect()
}

/// The features of the first point.
fn first(experiment: Experiment) -> Result<FeatureSpec, CliError> {
    match experiment.points.into_iter().next() {
        Some(point) if point.data.is_scored() => {
            let message = "the spec has scores of another program, and no features".to_owned();
            Err(CliError::usage("E0704", message))
        }
        Some(point) => Ok(point.features),
        None => Err(vec![Diagnostic::new("E0704", "the spec has no points")].into()),
    }
}
