//! What Slurm says: `sbatch`, `squeue`, `scontrol`, `sacct`, `scancel`, `sinfo`.

use std::collections::BTreeMap;

use super::command::call;

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
    /// It made room for another job.
    Preempted,
    /// Its node was lost, or its process ended.
    Other,
}

/// What Slurm writes into the output of a task that it kills because of its memory.
const NO_MEMORY: [&str; 3] = ["exceeded memory limit", "Exceeded job memory limit", "oom-kill"];

impl End {
    /// The end that a state of Slurm and the last lines of the output of the task mean.
    pub fn of(state: &str, said: &[String]) -> Self {
        let about_memory = |line: &String| NO_MEMORY.iter().any(|words| line.contains(words));
        match state.split([' ', '+']).next().unwrap_or_default() {
            "TIMEOUT" | "DEADLINE" => End::Timeout,
            "OUT_OF_MEMORY" => End::Memory,
            "PREEMPTED" => End::Preempted,
            // Without cgroups Slurm looks at the memory from time to time, and calls this a failure.
            "FAILED" | "CANCELLED" if said.iter().any(about_memory) => End::Memory,
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
    Silent(String),
}

impl Refusal {
    fn of(said: String) -> Self {
        match is_silent(&said) {
            true => Refusal::Silent(said),
            false => Refusal::Refused(said),
        }
    }
}

/// Whether the words of a command mean that the controller did not answer.
fn is_silent(said: &str) -> bool {
    let words = ["nable to contact", "timed out", "emporarily", "onnection", "did not end"];
    words.iter().any(|words| said.contains(words))
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
        let reasons = ["PartitionTimeLimit", "PartitionNodeLimit", "BadConstraints", "JobHoldMax"];
        let starts = reasons.iter().any(|reason| self.reason.starts_with(reason));
        let failed = self.reason.contains("launch failed");
        (self.state == "PENDING" && (starts || failed)).then_some(&self.reason)
    }

    /// Whether somebody holds it back, and may release it.
    pub fn held(&self) -> bool {
        self.state == "PENDING" && self.reason.starts_with("JobHeld")
    }
}

/// States of elements that will neither run on nor again.
const OVER: [&str; 10] = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
];

/// Whether an element in this state, with or without its exit code, will run on or again.
pub fn lives(state: &str) -> bool {
    let word = state.split([' ', '+']).next().unwrap_or_default();
    // What Slurm forgot has no state.
    word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') && !OVER.contains(&word)
}

/// The state in which an element ended and its exit code, as far as Slurm remembers them: `TIMEOUT
/// 0:15`.
///
/// Errors: the controller does not answer.
pub fn ended((array, element): Element) -> Result<Option<String>, String> {
    let job = format!("{array}_{element}");
    let shown = call("scontrol", &["show", "job", "--oneliner", &job].map(str::to_owned), None);
    if let Some(said) = shown.as_ref().err().filter(|said| is_silent(said)) {
        return Err(said.clone());
    }
    let state = |text: String| {
        let value = |name: &str| text.split_whitespace().find_map(|word| word.strip_prefix(name));
        Some(format!("{} {}", value("JobState=")?, value("ExitCode=")?))
    };
    let account = || {
        let options = ["-X", "-n", "-P", "-o", "State", "-j", &job].map(str::to_owned);
        let said = call("sacct", &options, None).ok()?;
        Some(said.lines().next()?.trim().to_owned()).filter(|state| !state.is_empty())
    };
    Ok(shown.ok().and_then(state).or_else(account))
}

/// Cancels arrays, elements such as `12_3`, or all with a name: `--name=humshift-a`. What Slurm does
/// not have any more is cancelled.
///
/// Errors: the controller does not answer.
pub fn cancel(jobs: impl IntoIterator<Item = String>) -> Result<(), String> {
    let jobs: Vec<String> = jobs.into_iter().collect();
    if jobs.is_empty() {
        return Ok(());
    }
    match call("scancel", &jobs, None) {
        Err(said) if is_silent(&said) => Err(said),
        _ => Ok(()),
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
        let ends = states.map(|state| End::of(state, &[]));
        assert_eq!(
            ends,
            [End::Timeout, End::Memory, End::Cancelled, End::Other, End::Other, End::Other]
        );
        assert_eq!(End::of("PREEMPTED 0:15", &[]), End::Preempted);
        let said = ["slurmstepd: error: Exceeded job memory limit".to_owned()];
        let states = ["FAILED 0:9", "CANCELLED 0:9", "TIMEOUT 0:15"];
        let ends = states.map(|state| End::of(state, &said));
        assert_eq!(ends, [End::Memory, End::Memory, End::Timeout]);
    }

    #[test]
    fn what_never_starts_is_told_from_what_waits() {
        let queued = |state: &str, reason: &str| Queued {
            name: String::new(),
            state: state.into(),
            reason: reason.into(),
        };
        assert_eq!(queued("PENDING", "Resources").stuck(), None);
        assert_eq!(queued("RUNNING", "JobHoldMaxRequeue").stuck(), None);
        let held = queued("PENDING", "JobHeldUser");
        assert_eq!((held.stuck(), held.held()), (None, true));
        let held = queued("PENDING", "PartitionTimeLimit");
        assert_eq!(held.stuck(), Some("PartitionTimeLimit"));
        let refusal = |said: &str| Refusal::of(said.to_owned());
        let slow = "sbatch: Socket timed out on send/recv operation";
        assert_eq!(refusal(slow), Refusal::Silent(slow.into()));
        let wrong = "sbatch: invalid partition specified: x";
        assert_eq!(refusal(wrong), Refusal::Refused(wrong.into()));
    }

    #[test]
    fn the_processors_are_counted() {
        assert_eq!(widest("0/8/0/8|2\n1/31/0/32|16+\n"), Some((40, 16)));
        assert_eq!(widest("\n"), None);
    }
}
