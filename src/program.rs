//! Programs of users: one is called in a folder of its own, within limits of time and memory.
//!
//! The room knows no detectors and no clips. Whether a program may be called is decided before.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A call of a program.
pub struct Call<'a> {
    /// The program and its arguments.
    pub words: &'a [String],
    /// Where it runs. It finds its files there and leaves its results.
    pub folder: &'a Path,
    /// The variables of the environment that it sees besides `PATH`, by name.
    pub environment: &'a [String],
    /// How long it may take.
    pub limit: Duration,
    /// The most address space in bytes.
    pub memory: Option<u64>,
}

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum CallError {
    #[error("`{0}` cannot be started: {1}")]
    NotStarted(String, String),
    #[error("`{program}` ended with {status}{said}")]
    Failed { program: String, status: String, said: String },
    #[error("`{0}` took longer than {1} minutes and was ended")]
    TooLong(String, f64),
    #[error("cancelled")]
    Cancelled,
}

/// The file in the folder of a call with all that the program said.
const SAID: &str = "said.txt";
/// Bytes and lines of it that are told.
const TOLD: (u64, usize) = (16 << 10, 20);

/// Variables that make a program's results depend on less: no threads of its own, no random hashes,
/// English.
const FIXED: [(&str, &str); 8] = [
    ("OMP_NUM_THREADS", "1"),
    ("OPENBLAS_NUM_THREADS", "1"),
    ("MKL_NUM_THREADS", "1"),
    ("NUMEXPR_NUM_THREADS", "1"),
    ("NUMBA_NUM_THREADS", "1"),
    ("PYTHONHASHSEED", "0"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("LC_ALL", "C.UTF-8"),
];

impl Call<'_> {
    /// Runs the program to its end and returns the last lines it said. If it takes too long, or
    /// `cancelled` turns true, the program and all that it started are killed.
    ///
    /// # Errors
    /// It cannot be started, fails, or takes longer than the limit.
    pub fn run(&self, cancelled: &dyn Fn() -> bool) -> Result<Vec<String>, CallError> {
        let program = self.words.first().map_or("", String::as_str);
        let not_started = |e: io::Error| CallError::NotStarted(program.to_owned(), e.to_string());
        let said = fs::File::create(self.folder.join(SAID)).map_err(not_started)?;
        let mut command = Command::new(program);
        command.args(&self.words[1.min(self.words.len())..]).current_dir(self.folder);
        command.stdin(Stdio::null()).stdout(said.try_clone().map_err(not_started)?).stderr(said);
        command.env_clear().envs(FIXED).env("TMPDIR", self.folder);
        for name in ["PATH"].into_iter().chain(self.environment.iter().map(String::as_str)) {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // A group of its own, so that what it starts can be ended with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        self.limit_memory(&mut command);
        let mut child = command.spawn().map_err(not_started)?;
        let begun = now();
        let status = loop {
            match child.try_wait().map_err(not_started)? {
                Some(status) => break status,
                None if cancelled() => {
                    end(&mut child);
                    return Err(CallError::Cancelled);
                }
                None if begun.elapsed() > self.limit => {
                    end(&mut child);
                    let minutes = self.limit.as_secs_f64() / 60.0;
                    return Err(CallError::TooLong(program.to_owned(), minutes));
                }
                None => std::thread::sleep(pause(begun.elapsed())),
            }
        };
        let lines = last_lines(&self.folder.join(SAID));
        if status.success() {
            return Ok(lines);
        }
        let said = match lines.is_empty() {
            true => " and said nothing".to_owned(),
            false => format!(":\n{}", lines.join("\n")),
        };
        Err(CallError::Failed { program: program.to_owned(), status: told(status), said })
    }

    #[cfg(unix)]
    fn limit_memory(&self, command: &mut Command) {
        let Some(bytes) = self.memory else { return };
        let limit = move || {
            let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
            // SAFETY: `setrlimit` reads the struct and may be called between fork and exec.
            match unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        // SAFETY: the closure calls `setrlimit` alone and allocates nothing unless that fails.
        unsafe { std::os::unix::process::CommandExt::pre_exec(command, limit) };
    }

    #[cfg(not(unix))]
    fn limit_memory(&self, _: &mut Command) {}
}

#[expect(clippy::disallowed_methods, reason = "a limit of time, never a result")]
fn now() -> Instant {
    Instant::now()
}

/// Between two looks: short for a short program.
fn pause(since: Duration) -> Duration {
    (since / 20).clamp(Duration::from_millis(1), Duration::from_millis(100))
}

fn end(child: &mut std::process::Child) {
    #[cfg(unix)]
    if let Ok(group) = i32::try_from(child.id()) {
        // SAFETY: a signal to the group that this call made.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn told(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal {signal}");
    }
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

/// The last lines of a file.
fn last_lines(path: &Path) -> Vec<String> {
    let (bytes, lines) = TOLD;
    let read = || -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(bytes)))?;
        let mut text = Vec::new();
        file.take(bytes).read_to_end(&mut text)?;
        Ok(text)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, limit: f64, memory: Option<u64>) -> Result<Vec<String>, CallError> {
        let folder = tempfile::tempdir().unwrap();
        let words = ["sh".to_owned(), "-c".to_owned(), script.to_owned()];
        let (environment, limit) = ([], Duration::from_secs_f64(limit));
        let call =
            Call { words: &words, folder: folder.path(), environment: &environment, limit, memory };
        call.run(&|| false)
    }

    #[test]
    fn a_program_says_what_it_did_and_why_it_failed() {
        assert_eq!(run("echo one; echo two >&2", 10.0, None).unwrap(), ["one", "two"]);
        let failed = run("echo no such thing >&2; exit 3", 10.0, None).unwrap_err();
        assert_eq!(failed.to_string(), "`sh` ended with exit code 3:\nno such thing");
        let killed = run("kill -9 $$", 10.0, None).unwrap_err().to_string();
        assert_eq!(killed, "`sh` ended with signal 9 and said nothing");
        let words = ["/no/such/program".to_owned()];
        let folder = tempfile::tempdir().unwrap();
        let limit = Duration::from_secs(1);
        let call =
            Call { words: &words, folder: folder.path(), environment: &[], limit, memory: None };
        let missing = call.run(&|| false).unwrap_err().to_string();
        assert!(missing.starts_with("`/no/such/program` cannot be started"), "{missing}");
    }

    #[test]
    fn it_sees_little_of_the_environment() {
        let seen = run("env | sort", 10.0, None).unwrap().join("\n");
        assert!(seen.contains("OMP_NUM_THREADS=1") && seen.contains("PATH="), "{seen}");
        assert!(!seen.contains("CARGO"), "{seen}");
    }

    #[test]
    fn what_takes_too_long_ends_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let alive = folder.path().join("alive");
        let script = format!("(sleep 0.4; touch {}) & sleep 30", alive.display());
        let late = run(&script, 0.1, None).unwrap_err();
        assert!(matches!(late, CallError::TooLong(..)), "{late}");
        std::thread::sleep(Duration::from_millis(600));
        assert!(!alive.exists(), "its child went on");
    }

    #[test]
    fn too_much_memory_is_refused() {
        let hungry = "x=0123456789; while :; do x=$x$x; done";
        assert!(run(hungry, 20.0, Some(64 << 20)).is_err());
    }
}
