//! Stages that need more than their task asks for: once more with twice of it.

use super::{Cluster, training};
use crate::project::within;

/// Takes more memory than the task has, which Slurm or the kernel notices within some seconds.
const GREEDY: &str = "\
[ -s first ] || echo $SLURM_MEM_PER_NODE > first
if [ $SLURM_MEM_PER_NODE -le $(($(cat first) * TIMES)) ]; then
    { head -c $((SLURM_MEM_PER_NODE + 100))M /dev/zero; sleep 10; } | tail > /dev/null
fi
";

/// A stage that needs more memory than its task has, on a cluster that kills it in this way.
fn greedy(test: &str, kills: &str, state: &str) {
    let variables = [("LOCAL_SLURM_MEMORY", kills)];
    let Some(cluster) = Cluster::with(test, "1", &variables) else { return };
    for (times, code) in [("1", 0), ("2", 1)] {
        let (project, report) = training(&GREEDY.replace("TIMES", times), "");
        let output = cluster.head(&project).ends().exits(code);
        let first = std::fs::read_to_string(project.path("first")).expect("the training began");
        let twice = 2 * first.trim().parse::<u64>().expect("a number");
        let told = |words: &str| {
            let line = output.stderr.lines().find(|line| line.contains(words));
            line.unwrap_or_else(|| panic!("{words}:\n{}", output.stderr)).to_owned()
        };
        let again = told(&format!("training/fan runs again, with {twice} MB: "));
        assert!(again.contains(&format!("with {state}")), "{again}");
        if code == 0 {
            assert_eq!(project.report(), report);
        } else {
            let failed = told("training/fan FAILED: ");
            let had = format!("with {state} (it had {twice} MB); its last words: ");
            assert!(failed.contains(&had), "{failed}");
        }
    }
}

#[test]
fn a_stage_that_the_kernel_kills_for_its_memory_gets_twice_as_much() {
    greedy("a stage that the kernel kills for its memory", "cgroup", "OUT_OF_MEMORY 0:125");
}

#[test]
fn a_stage_that_slurm_kills_for_its_memory_gets_twice_as_much() {
    greedy("a stage that Slurm kills for its memory", "polled", "FAILED 0:9");
}

#[test]
fn a_stage_whose_time_is_over_gets_twice_as_much() {
    let Some(cluster) = Cluster::start("a stage whose time is over") else { return };
    let (project, report) =
        training("[ -e again ] || { touch again; sleep 300; }", "all: { time: 10 }\n");
    let head = cluster.head(&project);
    let task = cluster.training("");
    assert!(within(30, || project.path("again").exists()), "it waits");
    // The least that Slurm lets anybody ask for is a minute. It looks twice a minute.
    cluster.slurm(&format!("scontrol update JobId={task} EndTime=now"));
    let output = head.ends().done();
    let again =
        format!("training/fan runs again, with 20 min: Slurm ended its task {task} with TIMEOUT");
    assert!(output.stderr.contains(&again), "{}", output.stderr);
    assert_eq!(project.report(), report);
}

#[test]
#[ignore = "takes four minutes: the least time of Slurm is a minute, and it has to pass twice"]
fn a_stage_whose_time_is_over_twice_has_failed() {
    let Some(cluster) = Cluster::start("a stage whose time is over twice") else { return };
    let (project, _) = training("sleep 300", "all: { time: '1' }\n");
    let output = cluster.head(&project).ends().exits(1);
    let again = "training/fan runs again, with 2 min: Slurm ended its task";
    assert_eq!(output.stderr.matches(again).count(), 1, "{}", output.stderr);
    let line = output.stderr.lines().find(|line| line.contains("training/fan FAILED: "));
    let line = line.unwrap_or_else(|| panic!("{}", output.stderr));
    assert!(line.contains("with TIMEOUT") && line.contains("(it had 2 min)"), "{line}");
    assert!(line.contains("DUE TO TIME LIMIT"), "these are the last words: {line}");
}

#[test]
fn a_task_that_would_wait_for_ever_is_cancelled() {
    let partition = "PartitionName=brief Nodes=ALL MaxTime=1 State=UP\n";
    let variables = [("LOCAL_SLURM_EXTRA", partition)];
    let Some(cluster) = Cluster::with("a task that would wait for ever", "1", &variables) else {
        return;
    };
    let (project, _) = training("", "all: { partition: brief, time: 10 }\n");
    let output = cluster.head(&project).ends().exits(1);
    let why = "Slurm will not start its task: PartitionTimeLimit";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    assert!(within(30, || cluster.queued() == 0), "nothing is left in the queue");
}
