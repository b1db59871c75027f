//! `humshift internal`: commands that other processes of the program call.

use std::io::Write;
use std::sync::atomic::AtomicBool;

use clap::{Args, Subcommand};

use super::{CacheDir, CliError, Exit, output};
use crate::context::Progress;
use crate::digest::Digest;
use crate::exec::{run_job, run_task};

#[derive(Args)]
pub struct InternalArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the job of a key that was left in the cache
    RunJob {
        key: Digest,
        #[command(flatten)]
        cache: CacheDir,
    },
    /// Run a task of a batch that was left in the cache for a cluster
    RunBatch {
        run: Digest,
        batch: u32,
        task: u32,
        #[command(flatten)]
        cache: CacheDir,
    },
}

pub fn run(args: &InternalArgs) -> Result<Exit, CliError> {
    let (key, cache) = match &args.command {
        Command::RunJob { key, cache } => (key, cache),
        Command::RunBatch { run, batch, task, cache } => {
            return match run_task(&cache.cache, run, *batch, *task) {
                Ok(()) => Ok(Exit::Done),
                Err(why) => Err(CliError::usage("E0740", why)),
            };
        }
    };
    // To stop a worker, it is killed; uncommitted work leaves no trace.
    let tell = |progress: Progress| {
        // If the run was killed, nobody reads this, and the job goes on.
        let line = serde_json::to_string(&progress).expect("numbers and words") + "\n";
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
    };
    match run_job(&cache.cache, key, &AtomicBool::new(false), &tell) {
        Ok(_) => Ok(Exit::Done),
        Err(failure) => {
            output::json(&failure);
            Ok(Exit::StageFailed)
        }
    }
}
