//! The command line: one command per file, each a thin wrapper around the rooms.
//!
//! Results (tables, JSON) go to stdout, messages to stderr.

mod answer;
mod axes;
mod baseline;
mod cache;
mod cache_dir;
mod cached;
mod census;
mod channels;
mod check;
mod curves;
mod dataset;
mod diff;
mod error;
mod evaluate;
mod examples;
mod explain;
mod export;
mod features;
mod figures;
mod given;
mod heads;
mod heard;
mod html;
mod init;
mod internal;
mod library;
mod lock;
mod maps;
mod networks;
mod number;
mod output;
mod outputs;
mod peers;
mod plan;
mod proof;
mod publish;
mod recorded;
mod remote;
mod report;
mod run;
mod score;
mod session;
mod shells;
mod show;
mod signal;
mod splice;
mod subject;
mod submission;
mod trust;
mod unmixed;
mod unreadable;
mod vectors;
mod verdict;
mod view;
mod when;
mod words;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::math::{self, Level};
use cache_dir::{Cache, CacheDir};
use error::CliError;

pub use library::{Answer, RunError, run, run_with};

/// Declarative experiments for anomalous sound detection under domain shift.
#[derive(Parser)]
#[command(name = "humshift", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look for mistakes in specs and their data sets; runs nothing
    #[command(after_help = examples::CHECK)]
    Check(check::CheckArgs),
    /// Write a first spec for a folder of recordings
    #[command(after_help = examples::INIT)]
    Init(init::InitArgs),
    /// Show the stages of a spec: cached, will run, or unknown until their input ran
    #[command(after_help = examples::PLAN)]
    Plan(plan::PlanArgs),
    /// Run a spec and print its tables
    #[command(after_help = examples::RUN)]
    Run(run::RunArgs),
    /// Allow the programs of a spec once, until they change
    #[command(after_help = trust::EXAMPLES)]
    Trust(trust::TrustArgs),
    /// Say why a stage ran, or would run
    #[command(after_help = examples::EXPLAIN)]
    Explain(explain::ExplainArgs),
    /// Print the tables of what is cached; runs nothing
    #[command(after_help = examples::REPORT)]
    Report(Box<report::ReportArgs>),
    /// Show the runs that are recorded in the cache, or their points
    #[command(after_help = show::EXAMPLES)]
    Show(show::ShowArgs),
    /// Compare two runs: settings that differ, results at the same settings, clips that changed
    /// sides
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::DiffArgs),
    /// Official metrics of score files in the form of the DCASE challenge
    #[command(after_help = examples::EVALUATE)]
    Evaluate(evaluate::EvaluateArgs),
    /// Score new recordings with a model of a finished run
    #[command(after_help = score::EXAMPLES)]
    Score(score::ScoreArgs),
    /// Write the network of a trained model (.onnx or .safetensors)
    #[command(after_help = examples::EXPORT)]
    Export(export::ExportArgs),
    /// Write the digests of all stages of a run, or compare them with those of another machine
    #[command(after_help = lock::EXAMPLES)]
    Lock(lock::LockArgs),
    /// Send a run to an MLflow server, or write it for TensorBoard
    #[command(after_help = publish::EXAMPLES)]
    Publish(publish::PublishArgs),
    /// Write the feature matrix of one recording (.npy, frames x bins, f32)
    #[command(after_help = examples::FEATURES)]
    Features(features::FeaturesArgs),
    /// Write data sets
    Dataset(dataset::DatasetArgs),
    /// Look after the cache
    Cache(cache::CacheArgs),
    /// Write the JSON Schema of a spec, for completion and checks in editors
    #[command(after_help = examples::SCHEMA)]
    Schema(words::WordsArgs),
    /// Write the reference of all words of a spec (Markdown)
    #[command(after_help = examples::DOCS)]
    Docs(words::WordsArgs),
    /// Write the completions of a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(shells::CompletionsArgs),
    /// Write manual pages
    #[command(after_help = examples::MAN)]
    Man(shells::ManArgs),
    /// For other processes of humshift
    #[command(hide = true)]
    Internal(internal::InternalArgs),
}

/// A spec with changes to it.
#[derive(Args)]
struct SpecArgs {
    /// The YAML file of the experiment
    spec: PathBuf,
    /// Change a setting: `detector.knn.k=3`; a list sweeps: `seed=[0,1,2]`
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
}

/// The exit codes of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Success.
    Done = 0,
    /// A stage failed, or a stage would have to run under `--frozen`; `cache verify` found damage;
    /// `evaluate --compare` found a different table; `score` could not score a recording; a server
    /// refused data of `publish`, or `cache push` and `pull` did not move everything.
    StageFailed = 1,
    /// A spec or the usage is wrong.
    BadSpec = 2,
    /// An `expect:` of the spec does not hold.
    ExpectFailed = 3,
    /// The cache cannot be used.
    CacheUnusable = 4,
    /// Interrupted by Ctrl-C, SIGTERM or SIGHUP.
    Interrupted = 130,
}

/// Parses the arguments, runs the command and reports errors. For wrong usage, clap itself exits
/// with 2.
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    if let Some(error) = unknown_level() {
        error.tell();
        return ExitCode::from(error.exit() as u8);
    }
    let result = match command {
        Command::Check(args) => check::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Trust(args) => trust::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Lock(args) => lock::run(&args),
        Command::Publish(args) => publish::run(&args),
        Command::Features(args) => features::run(&args),
        Command::Dataset(args) => dataset::run(&args),
        Command::Cache(args) => cache::run(&args),
        Command::Schema(args) => words::schema(&args),
        Command::Docs(args) => words::docs(&args),
        Command::Completions(args) => shells::completions(&args),
        Command::Man(args) => shells::man(&args),
        Command::Internal(args) => internal::run(&args),
    };
    let exit = result.unwrap_or_else(|error| {
        error.tell();
        error.exit()
    });
    ExitCode::from(exit as u8)
}

/// A wrong value of the variable for narrower vectors, which would otherwise go unnoticed.
fn unknown_level() -> Option<CliError> {
    let asked = std::env::var_os(math::ENVIRONMENT)?;
    let known = Level::ALL.map(Level::name);
    if asked.to_str().is_some_and(|asked| known.contains(&asked)) {
        return None;
    }
    let message =
        format!("{} is `{}`; known: {}", math::ENVIRONMENT, asked.display(), known.join(", "));
    Some(CliError::usage("E0715", message))
}
