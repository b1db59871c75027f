//! The commands of Slurm: `sbatch`, `squeue`, `scontrol`, `sacct`, `scancel`, `sinfo`.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// An element of a job array: the number of the array, and of the element.
pub type Element = (u64, u32);

/// An element that Slurm has in its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The name of the array.
    pub name: String,
    /// `PENDING`, `RUNNING`, …
    pub state: String,
    /// Why it waits.
    pub reason: String,
}

/// How Slurm ended an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its time was over.
    Timeout,
    /// It needed more memory than it asked for.
    Memory,
    /// Somebody cancelled it.
    Cancelled,
    /// Its node was lost, it was preempted, or its process ended.
    Other,
}

impl End {
    /// The end that a state of Slurm means.
    pub fn of(state: &str) -> Self {
        match state.split([' ', '+']).next().unwrap_or_default() {
            "TIMEOUT" | "DEADLINE" => End::Timeout,
            "OUT_OF_MEMORY" => End::Memory,
            "CANCELLED" => End::Cancelled,
            _ => End::Other,
        }
    }
}

/// Whether there is a Slurm that answers.
pub fn answers() -> Result<(), String> {
    call("sinfo", &["--noheader".to_owned(), "--format=%C".to_owned()], None).map(drop)
}

/// Why an array was not submitted.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request is wrong.
    Refused(String),
    /// The controller did not answer. It may have taken the array all the same.
    Silent,
}

impl Refusal {
    fn of(said: String) -> Self {
        let silent = ["nable to contact", "timed out", "emporarily", "onnection"];
        match silent.iter().any(|words| said.contains(words)) {
            true => Refusal::Silent,
            false => Refusal::Refused(said),
        }
    }
}

/// Submits a script as an array. Returns the number of the array.
pub fn submit(options: &[String], script: &str) -> Result<u64, Refusal> {
    let said = call("sbatch", options, Some(script)).map_err(Refusal::of)?;
    // `--parsable` prints the number, and on federated clusters `;` and a name.
    let number = said.trim().split(';').next().unwrap_or_default();
    let other = || format!("sbatch answered `{}`, no number of a job", said.trim());
    number.parse().map_err(|_| Refusal::Refused(other()))
}

/// All elements of this user's arrays in the queue.
pub fn queue() -> Result<BTreeMap<Element, Queued>, String> {
    let options = ["--me", "--array", "--noheader", "--states=all", "--format=%F|%K|%T|%j|%r"];
    Ok(queued(&call("squeue", &options.map(str::to_owned), None)?))
}

/// The lines of `squeue`. States of ended elements stay a while and count as not queued.
fn queued(text: &str) -> BTreeMap<Element, Queued> {
    let line = |line: &str| {
        let mut cells = line.trim().splitn(5, '|');
        let element = (cells.next()?.parse().ok()?, cells.next()?.parse().ok()?);
        let (state, name) = (cells.next()?.to_owned(), cells.next()?.to_owned());
        let reason = cells.next().unwrap_or_default().to_owned();
        lives(&state).then_some((element, Queued { name, state, reason }))
    };
    text.lines().filter_map(line).collect()
}

impl Queued {
    /// Why it will never start, if that is so.
    pub fn stuck(&self) -> Option<&str> {
        let reasons = ["PartitionTimeLimit", "PartitionNodeLimit", "BadConstraints", "JobHeld"];
        let starts = reasons.iter().any(|reason| self.reason.starts_with(reason));
        let failed = self.reason.contains("launch failed");
        (self.state == "PENDING" && (starts || failed)).then_some(&self.reason)
    }
}

/// Whether an element in this state will run on, or again.
fn lives(state: &str) -> bool {
    !matches!(
        state,
        "BOOT_FAIL"
            | "CANCELLED"
            | "COMPLETED"
            | "DEADLINE"
            | "FAILED"
            | "NODE_FAIL"
            | "OUT_OF_MEMORY"
            | "PREEMPTED"
            | "REVOKED"
            | "TIMEOUT"
    )
}

/// The state in which an element ended and its exit code, as far as Slurm remembers them: `TIMEOUT
/// 0:15`.
pub fn ended((array, element): Element) -> Option<String> {
    let job = format!("{array}_{element}");
    let shown = call("scontrol", &["show", "job", "--oneliner", &job].map(str::to_owned), None);
    let state = |text: String| {
        let value = |name: &str| text.split_whitespace().find_map(|word| word.strip_prefix(name));
        Some(format!("{} {}", value("JobState=")?, value("ExitCode=")?))
    };
    let account = || {
        let options = ["-X", "-n", "-P", "-o", "State", "-j", &job].map(str::to_owned);
        let said = call("sacct", &options, None).ok()?;
        Some(said.lines().next()?.trim().to_owned()).filter(|state| !state.is_empty())
    };
    shown.ok().and_then(state).or_else(account)
}

/// Cancels arrays, or elements such as `12_3`.
pub fn cancel(jobs: impl IntoIterator<Item = String>) {
    let jobs: Vec<String> = jobs.into_iter().collect();
    if !jobs.is_empty() {
        let _ = call("scancel", &jobs, None);
    }
}

/// The processors of all nodes of the cluster or a partition, and those of its widest node.
pub fn processors(partition: Option<&str>) -> Option<(usize, usize)> {
    let mut options = ["--noheader", "--format=%C|%c"].map(str::to_owned).to_vec();
    options.extend(partition.map(|name| format!("--partition={name}")));
    widest(&call("sinfo", &options, None).ok()?)
}

/// The lines of `sinfo`: allocated / idle / other / total of each kind of node, and those of one
/// node. A `+` stands behind the least of several.
fn widest(text: &str) -> Option<(usize, usize)> {
    let line = |line: &str| {
        let (all, one) = line.trim().split_once('|')?;
        Some((all.rsplit('/').next()?.parse().ok()?, one.trim_end_matches('+').parse().ok()?))
    };
    let kinds: Vec<(usize, usize)> = text.lines().filter_map(line).collect();
    Some((kinds.iter().map(|(all, _)| all).sum(), kinds.iter().map(|(_, one)| *one).max()?))
}

/// Runs a command. Returns its output.
///
/// Errors: it is missing or it failed; the message is its last line.
fn call(program: &str, options: &[String], input: Option<&str>) -> Result<String, String> {
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
    if let (Some(mut stdin), Some(text)) = (child.stdin.take(), input) {
        // A command that refuses its options does not read.
        let _ = stdin.write_all(text.as_bytes());
    }
    let output = child.wait_with_output().map_err(|e| format!("`{program}` was lost: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it failed").trim();
    // `sbatch: error: Batch job submission failed: …`
    let said = last.strip_prefix(program).and_then(|rest| rest.strip_prefix(": "));
    let said = said.map_or(last, |said| said.strip_prefix("error: ").unwrap_or(said));
    Err(format!("{program}: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_read_and_ended_elements_are_left_out() {
        let text = "12|0|RUNNING|humshift-a|None\n12|1|PENDING|humshift-a|Resources\n\
                    12|2|COMPLETED|humshift-a|None\n13|N/A|RUNNING|other|None\n12|3|CONFIGURING|a b|x|y\n";
        let found = queued(text);
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), [(12, 0), (12, 1), (12, 3)]);
        assert_eq!(found[&(12, 1)].reason, "Resources");
        assert_eq!(
            (found[&(12, 3)].name.as_str(), found[&(12, 3)].reason.as_str()),
            ("a b", "x|y")
        );
    }

    #[test]
    fn the_end_follows_from_the_state() {
        let states = ["TIMEOUT 0:15", "OUT_OF_MEMORY", "CANCELLED by 0", "NODE_FAIL", "FAILED", ""];
        let ends = states.map(End::of);
        assert_eq!(
            ends,
            [End::Timeout, End::Memory, End::Cancelled, End::Other, End::Other, End::Other]
        );
    }

    #[test]
    fn what_never_starts_is_told_from_what_waits() {
        let queued = |state: &str, reason: &str| Queued {
            name: String::new(),
            state: state.into(),
            reason: reason.into(),
        };
        assert_eq!(queued("PENDING", "Resources").stuck(), None);
        assert_eq!(queued("RUNNING", "JobHeldUser").stuck(), None);
        let held = queued("PENDING", "PartitionTimeLimit");
        assert_eq!(held.stuck(), Some("PartitionTimeLimit"));
        let refusal = |said: &str| Refusal::of(said.to_owned());
        assert_eq!(refusal("sbatch: Socket timed out on send/recv operation"), Refusal::Silent);
        let wrong = "sbatch: invalid partition specified: x";
        assert_eq!(refusal(wrong), Refusal::Refused(wrong.into()));
    }

    #[test]
    fn the_processors_are_counted() {
        assert_eq!(widest("0/8/0/8|2\n1/31/0/32|16+\n"), Some((40, 16)));
        assert_eq!(widest("\n"), None);
    }

    #[test]
    fn a_missing_command_is_told() {
        let error = call("sbatch-of-nobody", &[], Some("x")).unwrap_err();
        assert!(error.starts_with("`sbatch-of-nobody` cannot be started"), "{error}");
        let error = call("sh", &["-c".into(), "echo a >&2; echo b >&2; exit 3".into()], None);
        assert_eq!(error.unwrap_err(), "sh: b");
        let error = call("sh", &["-c".into(), "echo sh: error: none >&2; exit 1".into()], None);
        assert_eq!(error.unwrap_err(), "sh: none");
    }
}
