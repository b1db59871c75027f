//! `humshift publish`: sends a run to programs for viewing experiments.

mod facts;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::subject::{Subject, SubjectArgs};
use super::view::mistake;
use super::{CacheDir, CliError, Exit, output, outputs};
use crate::diagnose::Diagnostic;
use crate::publish::{Address, Credentials, Facts, Mlflow, event_files};

/// Seconds to wait for an answer of a server, as in MLflow's own client.
const PATIENCE: u64 = 120;

pub const EXAMPLES: &str = "\
Examples:
  humshift publish quickstart --mlflow http://127.0.0.1:5000
  MLFLOW_TRACKING_URI=https://mlflow.example.org humshift publish load-shift@3f2a
  humshift publish quickstart --tensorboard runs && tensorboard --logdir runs

A server that wants to know who asks is told by MLFLOW_TRACKING_TOKEN, or by MLFLOW_TRACKING_USERNAME and
MLFLOW_TRACKING_PASSWORD. A run that was published before is not published again.";

#[derive(Args)]
pub struct PublishArgs {
    #[command(flatten)]
    spec: SubjectArgs,
    /// Send settings, numbers and training curves to an MLflow server, a run for each point;
    /// without an address, or with no other target, to that in MLFLOW_TRACKING_URI
    #[arg(long, value_name = "URI", num_args = 0..=1, default_missing_value = "")]
    mlflow: Option<String>,
    /// Write numbers and training curves as event files of TensorBoard, below a folder for the run
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheDir,
}

pub fn run(args: &PublishArgs) -> Result<Exit, CliError> {
    let address = address(args)?;
    let cache = args.cache.look()?;
    let subject = Subject::open(&args.spec.spec, &args.spec.sets, &cache)?;
    let facts = facts::of(&subject, &cache.store)?;
    if facts.points.is_empty() {
        return Err(subject.unanswered(&cache.store));
    }
    let left = subject.head.points.len() - facts.points.len();
    match left {
        0 => {}
        1 => output::tell("note: 1 point has no results yet and is left out"),
        _ => output::tell(&format!("note: {left} points have no results yet and are left out")),
    }
    if let Some(folder) = &args.tensorboard {
        let files = event_files(&facts);
        for (path, bytes) in &files {
            let path = folder.join(path);
            outputs::make(path.parent().expect("it lies in the folder"))?;
            outputs::write(&path, bytes)?;
        }
        output::line(&format!("tensorboard: {} files below {}", files.len(), folder.display()));
    }
    match address {
        Some(address) => send(&facts, address),
        None => Ok(Exit::Done),
    }
}

/// The address of the server, if one is given.
fn address(args: &PublishArgs) -> Result<Option<Address>, CliError> {
    let given = args.mlflow.clone().filter(|text| !text.is_empty());
    let asked = args.mlflow.is_some() || args.tensorboard.is_none();
    let named = given.or_else(|| variable("MLFLOW_TRACKING_URI").filter(|_| asked));
    let Some(text) = named else {
        return match asked {
            true => Err(mistake(
                "E0730",
                "nobody says where to publish",
                "name a server with `--mlflow http://HOST:PORT` or MLFLOW_TRACKING_URI, or a folder with `--tensorboard DIR`",
            )),
            false => Ok(None),
        };
    };
    let address = Address::parse(&text);
    address.map(Some).map_err(|error| mistake("E0730", error.to_string(), error.hint()))
}

#[expect(clippy::disallowed_methods, reason = "people want to see when they published a run")]
fn send(facts: &Facts, address: Address) -> Result<Exit, CliError> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let [user, password, token] =
        ["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"]
            .map(variable);
    let credentials = Credentials::of(user.as_deref(), password.as_deref(), token.as_deref());
    let credentials = credentials.ok_or_else(|| {
        let hint = "set it anew, without line breaks";
        mistake("E0730", "MLFLOW_TRACKING_TOKEN has a character that cannot be sent", hint)
    })?;
    let patience = variable("MLFLOW_HTTP_REQUEST_TIMEOUT").and_then(|text| text.parse().ok());
    let patience = Duration::from_secs(patience.filter(|n| *n > 0).unwrap_or(PATIENCE));
    let place = address.text().to_owned();
    let server = Mlflow::new(address, credentials, patience, now.as_millis() as u64);
    match server.send(facts) {
        Ok(sent) => {
            output::line(&format!(
                "mlflow: {} of `{}` at {place}: {} new, {} completed, {} there already",
                if facts.points.len() == 1 {
                    "1 point".into()
                } else {
                    format!("{} points", facts.points.len())
                },
                facts.title(),
                sent.new,
                sent.added,
                sent.there
            ));
            Ok(Exit::Done)
        }
        // Nothing is wrong with the spec or the usage.
        Err(error) => {
            let diagnostic = Diagnostic::new("E0731", error.to_string()).hint(error.hint());
            CliError::from(vec![diagnostic]).tell();
            Ok(Exit::StageFailed)
        }
    }
}

fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.into_string().ok()?;
    Some(value).filter(|value| !value.trim().is_empty())
}
