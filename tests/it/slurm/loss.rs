//! Tasks that end without a word: what they say of their stage, and that it runs once more.

use super::{Cluster, send, training};
use crate::project::{Output, within};

/// The line about the training that failed.
fn failure(output: &Output) -> String {
    let line = output.stderr.lines().find(|line| line.contains("training/fan FAILED: "));
    line.unwrap_or_else(|| panic!("no failed training:\n{}", output.stderr)).to_owned()
}

/// The worker of the training, once it is another one than `before`.
fn worker(cache: &std::path::Path, before: u32) -> u32 {
    let is_worker = |pid: &u32| {
        let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let has = |name: &str, words: &str| String::from_utf8_lossy(&read(name)).contains(words);
        *pid != before
            && has("cmdline", "run-batch")
            && has("cmdline", &cache.display().to_string())
            && has("environ", "KIND=training")
    };
    let mut found = None;
    let look = || {
        let pids = std::fs::read_dir("/proc").expect("this is Linux").flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        found = { pids }.find(is_worker);
        found.is_some()
    };
    assert!(within(60, look), "a worker trains");
    found.expect("it was found")
}

#[test]
fn a_killed_worker_is_tried_once_more() {
    let Some(cluster) = Cluster::start("a killed worker is tried once more") else { return };
    let (project, _) = training("", "");
    // This takes a minute if nobody kills it.
    project.edit("spec.yaml", "epochs: 2", "epochs: 10000, layers: [512, 512]");
    let head = cluster.head(&project);
    let mut pid = 0;
    for _ in 0..2 {
        pid = worker(&project.cache(), pid);
        send("-KILL", pid);
    }
    let output = head.ends().exits(1);
    let again = "training/fan runs again: Slurm ended its task";
    assert_eq!(output.stderr.matches(again).count(), 1, "{}", output.stderr);
    assert!(failure(&output).contains("with FAILED 0:9"), "{}", output.stderr);
    assert!(output.stderr.contains("scoring/fan/00 skipped because of training/fan"));
}

#[test]
fn a_cancelled_task_fails_and_a_requeued_one_does_not() {
    let Some(cluster) = Cluster::start("a cancelled task fails") else { return };
    let (project, report) = training("sleep 5", "");
    let head = cluster.head(&project);
    let task = cluster.training("");
    cluster.slurm(&format!("scancel {task}"));
    let output = head.ends().exits(1);
    let why = failure(&output);
    assert!(why.contains(&format!("Slurm ended its task {task} with CANCELLED")), "{why}");
    assert!(!output.stderr.contains("runs again"), "{}", output.stderr);

    let head = cluster.head(&project);
    let task = cluster.training("");
    cluster.slurm(&format!("scontrol requeue {task}"));
    let output = head.ends().done();
    assert!(!output.stderr.contains("runs again"), "it is the same task: {}", output.stderr);
    assert_eq!(project.report(), report);
}

#[test]
fn a_task_that_makes_room_is_not_lost() {
    let partitions = "PreemptType=preempt/partition_prio\nPreemptMode=CANCEL\n\
                      PartitionName=low Nodes=ALL PriorityTier=1 MaxTime=INFINITE State=UP\n\
                      PartitionName=high Nodes=ALL PriorityTier=9 MaxTime=INFINITE State=UP\n";
    let variables = [("LOCAL_SLURM_EXTRA", partitions)];
    let Some(cluster) = Cluster::with("a task that makes room", "1", &variables) else { return };
    let (project, report) = training("sleep 3", "all: { partition: low, threads: 2 }\n");
    let head = cluster.head(&project);
    let mut task = String::new();
    for _ in 0..2 {
        task = cluster.training(&task);
        cluster.slurm("sbatch -p high -c 2 --mem=100 --output=/dev/null --wrap true");
    }
    let output = head.ends().done();
    let again = output.stderr.matches("training/fan runs again: Slurm ended its task").count();
    assert_eq!(again, 2, "{}", output.stderr);
    assert!(output.stderr.contains("with PREEMPTED"), "{}", output.stderr);
    assert_eq!(project.report(), report);
}

#[test]
fn a_task_that_somebody_holds_back_waits_for_its_release() {
    let Some(cluster) = Cluster::with("a task that is held back", "1", &[]) else { return };
    let (project, report) = training("", "");
    let busy = "sbatch --parsable -c 2 --mem=100 --output=/dev/null --wrap sleep${IFS}300";
    let busy = cluster.slurm(busy);
    let head = cluster.head(&project);
    let mut task = String::new();
    let waits = || {
        let queue = cluster.slurm("squeue --noheader --array --states=PENDING --format=%i");
        // Its jobs are elements of arrays, such as `12_0`.
        task = queue.lines().find(|id| id.contains('_')).unwrap_or_default().to_owned();
        !task.is_empty()
    };
    assert!(within(60, waits), "it waits for the node");
    cluster.slurm(&format!("scontrol hold {task}"));
    let release = format!("it goes on after `scontrol release {task}`");
    let told = within(30, || head.says().contains(&release));
    cluster.slurm(&format!("scontrol release {task}"));
    cluster.slurm(&format!("scancel {}", busy.trim()));
    let output = head.ends().done();
    assert!(told, "{}", output.stderr);
    assert_eq!(project.report(), report);
}
