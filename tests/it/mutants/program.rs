//! The real program, with a limit of time and of memory.

use std::fs::{self, File};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use super::engine::{Breach, Fate, Kind, Verdict, folder, now};
use crate::project::Project;

/// Exit codes that the program has.
const CODES: [i32; 6] = [0, 1, 2, 3, 4, 130];
/// Address space of one process.
const MEMORY: u64 = 3 << 30;

pub struct Program<'a> {
    project: &'a Project,
    seconds: u64,
}

/// How a process ended and what it said.
pub struct Ran {
    /// `None` if it was stopped because it did not end by itself.
    pub status: Option<ExitStatus>,
    pub stdout: String,
    pub stderr: String,
}

impl<'a> Program<'a> {
    pub fn new(project: &'a Project) -> Self {
        Self { project, seconds: 60 }
    }

    /// Another limit of time.
    pub fn within(self, seconds: u64) -> Self {
        Self { seconds, ..self }
    }

    /// Runs the program with arguments given as one text.
    pub fn run(&self, arguments: &str) -> Ran {
        self.run_with(arguments, &[])
    }

    /// The same with more arguments, which may hold spaces.
    pub fn run_with(&self, arguments: &str, more: &[&str]) -> Ran {
        let mut command = self.project.command(arguments);
        command.args(more);
        // Files take any amount of text while nobody reads.
        let said = folder();
        let (out, err) = (said.path().join("out"), said.path().join("err"));
        command
            .stdout(File::create(&out).expect("a file"))
            .stderr(File::create(&err).expect("a file"));
        limit(&mut command);
        let mut child = command.spawn().expect("the program starts");
        let status = wait(&mut child, Duration::from_secs(self.seconds));
        let text =
            |path| String::from_utf8_lossy(&fs::read(path).expect("it was made")).into_owned();
        Ran { status, stdout: text(&out), stderr: text(&err) }
    }
}

#[cfg(unix)]
fn limit(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    let set = || {
        for (what, most) in [(libc::RLIMIT_AS, MEMORY), (libc::RLIMIT_CORE, 0)] {
            let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
            // SAFETY: the limit lives as long as the call.
            if unsafe { libc::setrlimit(what, &limit) } != 0 {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec only `setrlimit` is called.
    unsafe { command.pre_exec(set) };
}

#[cfg(not(unix))]
fn limit(_command: &mut std::process::Command) {}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let (begun, mut pause) = (now(), Duration::from_micros(500));
    loop {
        if let Some(status) = child.try_wait().expect("ours") {
            return Some(status);
        }
        if begun.elapsed() > limit {
            child.kill().expect("ours");
            child.wait().expect("ours");
            return None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

impl Ran {
    /// The exit code; -1 of processes that have none.
    pub fn code(&self) -> i32 {
        self.status.and_then(|status| status.code()).unwrap_or(-1)
    }

    /// The first words that say what went wrong.
    fn reason(&self) -> String {
        let lines = self.stderr.lines().chain(self.stdout.lines());
        let telling = |line: &&str| {
            ["panicked", "bug", "failed", "error"].iter().any(|word| line.contains(word))
        };
        let lines: Vec<&str> = lines.filter(telling).take(3).collect();
        lines.join(" / ").chars().take(400).collect()
    }
}

/// The law for a process, but for what it reports.
pub fn judged(ran: &Ran) -> Verdict {
    let breach =
        |kind, what: String| Err(Breach { kind, told: format!("{what}: {}", ran.reason()) });
    let Some(status) = ran.status else { return breach(Kind::Hang, "it did not end".into()) };
    if ran.stderr.contains("panicked at")
        || ran.stdout.contains("a bug in humshift")
        || ran.code() == 101
    {
        return breach(Kind::Panic, "it panicked".into());
    }
    match ran.code() {
        0 => Ok(Fate::Accepted),
        code if CODES.contains(&code) => Ok(Fate::Refused),
        _ => breach(Kind::Signal, format!("{status}")),
    }
}
