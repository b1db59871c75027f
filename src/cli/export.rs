//! `humshift export`.

use std::path::PathBuf;

use clap::Args;

use super::cached::Cached;
use super::subject::{Subject, SubjectArgs};
use super::{CacheDir, CliError, Exit, outputs};
use crate::artifact::{Artifact, Tensors};
use crate::diagnose::{Diagnostic, suggest};
use crate::stage::{Item, StageSpec};
use crate::weights::onnx;

#[derive(Args)]
pub struct ExportArgs {
    #[command(flatten)]
    spec: SubjectArgs,
    /// Label of a training stage, as `plan` shows it
    label: String,
    /// The file: `.onnx` for the network in a portable form, `.safetensors` for all arrays of the
    /// model
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    cache: CacheDir,
}

pub fn run(args: &ExportArgs) -> Result<Exit, CliError> {
    let cache = args.cache.look()?;
    let subject = Subject::open(&args.spec.spec, &args.spec.sets, &cache)?;
    let plan = &subject.plan;
    let models = || {
        plan.nodes().filter(|id| {
            matches!(plan.node(*id).stage, StageSpec::Training(_) | StageSpec::Network(_))
        })
    };
    let labels: Vec<&str> = models().map(|id| plan.node(id).label.as_str()).collect();
    let Some(id) = models().find(|id| plan.node(*id).label == args.label) else {
        let message = format!("no stage that makes a model is called `{}`", args.label);
        return Err(
            vec![Diagnostic::new("E0703", message).hint(suggest(&args.label, labels))].into()
        );
    };
    let cached = Cached { subject: &subject, store: &cache.store, without: "no model" };
    let model: Tensors = cached.artifact(id, Item::Model)?;
    let bytes = match args.output.extension().and_then(|e| e.to_str()) {
        Some("safetensors") => model.encode(),
        Some("onnx") => {
            let exported = match &plan.node(id).stage {
                StageSpec::Training(stage) => stage.detector.member().export(&model),
                _ => None,
            };
            let within = model.0.keys().any(|name| name.starts_with("model/"));
            let network = exported.filter(|_| !within).ok_or_else(|| {
                let (message, hint) = match within {
                    true => (
                        format!("`{}` is more than a network: `generalization` normalises what goes in", args.label),
                        "train without it, or write all arrays as `.safetensors`",
                    ),
                    false => (
                        format!("`{}` has no network that could be written as ONNX", args.label),
                        "`autoencoder` and `mobilenet_v2` have; any model can be written as `.safetensors`",
                    ),
                };
                CliError::from(vec![Diagnostic::new("E0712", message).hint(hint)])
            })?;
            let network = network
                .map_err(|error| CliError::usage("E0712", format!("`{}`: {error}", args.label)))?;
            onnx(&network, &args.label)
        }
        _ => {
            let message = format!(
                "`{}` ends neither in `.onnx` nor in `.safetensors`",
                args.output.display()
            );
            return Err(CliError::usage("E0712", message));
        }
    };
    outputs::save(&args.output, bytes, || subject.files())?;
    Ok(Exit::Done)
}
