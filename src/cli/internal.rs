//! `humshift internal`: what other processes of the program call.

use std::sync::atomic::AtomicBool;

use clap::{Args, Subcommand};

use super::{CacheDir, CliError, Exit, output};
use crate::digest::Digest;
use crate::exec::run_job;

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
}

pub fn run(args: &InternalArgs) -> Result<Exit, CliError> {
    let Command::RunJob { key, cache } = &args.command;
    // A worker that is to stop is killed: what it has not committed does not exist.
    match run_job(&cache.cache, key, &AtomicBool::new(false)) {
        Ok(_) => Ok(Exit::Done),
        Err(failure) => {
            output::json(&failure);
            Ok(Exit::StageFailed)
        }
    }
}
