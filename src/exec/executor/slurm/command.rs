//! Calling a command of Slurm, which may hang when its controller does.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::now;

/// Commands give up by themselves after some ten seconds without an answer. One that does not is
/// killed, so that the run goes on.
const LONGEST: Duration = Duration::from_secs(30);

/// Runs a command. Returns its output.
///
/// Errors: it is missing, it failed, or it took too long; the message is its last line.
pub fn call(program: &str, options: &[String], input: Option<&str>) -> Result<String, String> {
    call_for(LONGEST, program, options, input)
}

fn call_for(
    longest: Duration,
    program: &str,
    options: &[String],
    input: Option<&str>,
) -> Result<String, String> {
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    // In a job of Slurm, sbatch would take the number of that job's array for its own.
    let foreign = std::env::vars_os().map(|(name, _)| name).filter(|name| {
        name.to_str().is_some_and(|name| name.starts_with("SLURM_") && name != "SLURM_CONF")
    });
    let mut command = Command::new(program);
    for name in foreign {
        command.env_remove(name);
    }
    // Ctrl-C is for the head. A command of Slurm must come to its end.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command
        .args(options)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("`{program}` cannot be started: {e}; is Slurm installed here?"))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (status, stdout, stderr) = std::thread::scope(|scope| {
        let write = || {
            // A command that refuses its options does not read.
            stdin.zip(input).map(|(mut stdin, text)| stdin.write_all(text.as_bytes()))
        };
        scope.spawn(write);
        let (stdout, stderr) = (scope.spawn(|| text(stdout)), scope.spawn(|| text(stderr)));
        let status = wait(&mut child, longest);
        (status, stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default())
    });
    let status = status.map_err(|e| format!("`{program}` was lost: {e}"))?;
    let Some(status) = status else {
        return Err(format!("{program} did not end in {} s", longest.as_secs()));
    };
    if status.success() {
        return Ok(stdout);
    }
    let last = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it failed").trim();
    // `sbatch: error: Batch job submission failed: …`
    let said = last.strip_prefix(program).and_then(|rest| rest.strip_prefix(": "));
    let said = said.map_or(last, |said| said.strip_prefix("error: ").unwrap_or(said));
    Err(format!("{program}: {said}"))
}

fn text(stream: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is kept.
    let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The status of a command; `None` if it took too long and was killed.
fn wait(child: &mut Child, longest: Duration) -> std::io::Result<Option<ExitStatus>> {
    let (begun, mut pause) = (now(), Duration::from_millis(1));
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > longest {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str) -> Result<String, String> {
        call_for(Duration::from_secs(1), "sh", &["-c".into(), line.into()], Some("words"))
    }

    #[test]
    fn a_missing_or_failed_command_is_told() {
        let error = call("sbatch-of-nobody", &[], Some("x")).unwrap_err();
        assert!(error.starts_with("`sbatch-of-nobody` cannot be started"), "{error}");
        assert_eq!(shell("echo a >&2; echo b >&2; exit 3").unwrap_err(), "sh: b");
        assert_eq!(shell("echo sh: error: none >&2; exit 1").unwrap_err(), "sh: none");
        assert_eq!(shell("cat").unwrap(), "words");
    }

    #[test]
    fn a_command_that_hangs_is_killed() {
        assert_eq!(shell("exec sleep 60").unwrap_err(), "sh did not end in 1 s");
    }
}
