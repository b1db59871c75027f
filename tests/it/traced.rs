//! The real program, watched by `ptrace`: every system call that touches a file of the cache is
//! seen before it is made, and can be refused, cut short, or be the last that the program makes.
//!
//! Linux on x86-64 alone. Elsewhere, and where tracing is not permitted, [`run`] says why.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::project::Output;

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod calls;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod tracer;

/// What a step does to the files of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It makes, changes, names, removes or locks a file or a folder.
    Change,
    /// It opens a file for reading, reads it or maps it, or lists a folder.
    Read,
    /// It asks whether there is a file, and how long it is.
    Look,
}

/// A system call that touches a file of the cache.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    pub kind: Kind,
    pub verb: &'static str,
    /// The path below the cache; random parts of names are `*`.
    pub path: String,
    /// The new path of a file that is renamed.
    pub target: Option<String>,
}

impl Step {
    /// What the step does, without digests: `rename objects`, `write tmp`.
    pub fn class(&self) -> String {
        let path = self.target.as_ref().unwrap_or(&self.path);
        format!("{} {}", self.verb, path.split('/').next().unwrap_or_default())
    }
}

/// What becomes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Go,
    /// The process dies of SIGKILL, and the step is not made.
    Kill,
    /// The step is not made, and fails with this error number.
    Fail(i32),
    /// Only half of the bytes are read or written, as the system is free to do.
    Half,
    /// Half of the bytes are written; then the process dies.
    HalfThenKill,
}

/// Gives the verdict on each step.
pub type Judge<'a> = &'a mut dyn FnMut(&Step) -> Verdict;

/// Gives the seconds by which the system's clock is wrong when it is asked the n-th time.
pub type Clock<'a> = &'a mut dyn FnMut(u64) -> i64;

/// Runs a command, which uses the cache in this folder. It is killed, and the test fails, if it
/// does not end within the limit.
///
/// Errors: programs cannot be traced here; the text says why.
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
pub fn run<'a>(
    command: Command,
    cache: &Path,
    limit: Duration,
    judge: Judge<'a>,
    clock: Option<Clock<'a>>,
) -> Result<Output, String> {
    tracer::run(command, cache, limit, judge, clock)
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")))]
pub fn run(
    _: Command,
    _: &Path,
    _: Duration,
    _: Judge,
    _: Option<Clock>,
) -> Result<Output, String> {
    Err("programs are traced on Linux on x86-64 alone".to_owned())
}
