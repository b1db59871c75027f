//! `humshift evaluate`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::{CliError, Exit, output, outputs};
use crate::diagnose::Diagnostic;
use crate::evaluate::{self, Options, Protocol};
use crate::shown::shown;

#[derive(Args)]
pub struct EvaluateArgs {
    /// Folder with anomaly_score_*.csv and, for precision, recall and F1, decision_result_*.csv; or
    /// one with such folders
    dir: PathBuf,
    /// The year whose rules apply
    #[arg(long, value_parser = protocols())]
    protocol: Protocol,
    /// Folder with ground_truth_data (and ground_truth_domain), or an eval_data_list.csv; else the
    /// truth is read from the names of the clips
    #[arg(long, value_name = "DIR")]
    truth: Option<PathBuf>,
    /// A result.csv that these scores should give; exit code 1 if a number differs
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Evaluate only the sections that have scores, even if the truth has more
    #[arg(long)]
    partial: bool,
    /// The largest false-positive rate of pAUC
    #[arg(long, value_name = "RATE", default_value_t = 0.1)]
    max_fpr: f64,
    /// The form of the result
    #[arg(long, value_enum, default_value = "md")]
    format: Shape,
    /// Write to a file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// Forms of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shape {
    Md,
    Csv,
    Json,
    /// The result.csv of the official evaluators
    Evaluator,
}

fn protocols() -> impl TypedValueParser<Value = Protocol> {
    PossibleValuesParser::new(Protocol::ALL.map(Protocol::name))
        .try_map(|word| word.parse::<Protocol>())
}

pub fn run(args: &EvaluateArgs) -> Result<Exit, CliError> {
    let options = Options {
        protocol: args.protocol,
        truth: args.truth.as_deref(),
        max_fpr: args.max_fpr,
        partial: args.partial,
    };
    let mut evaluations = evaluate::evaluate(&args.dir, &options)?;
    if let Some(table) = &args.compare {
        evaluate::compare(&mut evaluations, table)?;
    }
    let mut told = Vec::new();
    for warning in evaluations.iter().flat_map(|e| &e.warnings) {
        if !told.contains(&warning) {
            output::tell(&shown(&format!("warning: {warning}")));
            told.push(warning);
        }
    }
    let shape = if args.json { Shape::Json } else { args.format };
    let text = match shape {
        Shape::Md => evaluate::document(&evaluations).markdown(),
        Shape::Csv => evaluate::csv(&evaluations),
        Shape::Json => evaluate::json(&evaluations),
        Shape::Evaluator => match &evaluations[..] {
            [one] => evaluate::table(one).ok_or_else(|| none_of(args.protocol.name()))?,
            _ => return Err(none_of("several systems")),
        },
    };
    match &args.output {
        None => output::text(&text),
        Some(path) => outputs::save(path, text, || inputs(args))?,
    }
    let comparisons: Vec<_> = evaluations.iter().filter_map(|e| e.comparison.as_ref()).collect();
    if shape != Shape::Md || args.output.is_some() {
        comparisons.iter().for_each(|comparison| output::tell(&shown(&comparison.verdict())));
    }
    let agree = comparisons.iter().all(|comparison| comparison.differences.is_empty());
    Ok(if agree { Exit::Done } else { Exit::StageFailed })
}

fn none_of(what: &str) -> CliError {
    let message = format!("`--format evaluator` has no table for {what}");
    let hint = "it is one system's, in the form of 2020 and of 2022 to 2026";
    vec![Diagnostic::new("E0809", message).hint(hint)].into()
}

/// The files that an evaluation may read: the tables in the folder of scores, the truth, and the
/// table to compare with.
fn inputs(args: &EvaluateArgs) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = args.truth.iter().chain(&args.compare).cloned().collect();
    let mut folders: Vec<PathBuf> =
        [Some(&args.dir), args.truth.as_ref()].into_iter().flatten().cloned().collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
            {
                files.push(path);
            }
        }
    }
    files
}
