//! Two heads of one run.

use std::collections::BTreeSet;

use super::{Cluster, training};
use crate::project::{Project, within};

/// A program that keeps what its worker reports under a second name: the head removes the first when
/// all went well.
const KEEPS: &str = "\
#!/bin/sh
: >> \"$7/batches/$3/$4.$5.jsonl\"
ln -f \"$7/batches/$3/$4.$5.jsonl\" \"MADE/$SLURM_JOB_ID\"
exec PROGRAM \"$@\"
";

/// A project whose workers write down which stages they made.
fn keeping() -> (Project, String) {
    let (project, report) = training("sleep 6", "");
    std::fs::create_dir(project.path("made")).expect("nobody else is there");
    let made = project.path("made").display().to_string();
    let script = KEEPS.replace("PROGRAM", env!("CARGO_BIN_EXE_humshift")).replace("MADE", &made);
    project.write("keeps.sh", script);
    let program = project.path("keeps.sh");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).expect("it is ours");
    let profile = std::fs::read_to_string(project.path("profile.yaml")).expect("it is there");
    project.write("profile.yaml", format!("{profile}program: {}\n", program.display()));
    (project, report)
}

/// The stages that workers made.
fn made(project: &Project) -> Vec<String> {
    let files = project.path("made").read_dir().expect("a folder").flatten();
    let texts = files.map(|file| std::fs::read_to_string(file.path()).expect("lines of JSON"));
    let all = texts.collect::<String>();
    all.lines().filter(|line| line.contains("Made")).map(str::to_owned).collect()
}

#[test]
fn two_heads_make_each_stage_once() {
    let Some(cluster) = Cluster::start("two heads make each stage once") else { return };
    let (project, report) = keeping();
    let heads = [cluster.head(&project), cluster.head(&project)];
    let [first, second] = heads.map(|head| head.ends().done());
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(project.report(), report);
    let made = made(&project);
    let once: BTreeSet<&String> = made.iter().collect();
    assert_eq!((made.len(), once.len()), (project.plan().len(), made.len()), "{made:?}");
}

#[test]
fn a_second_head_takes_up_what_the_first_one_left() {
    let Some(cluster) = Cluster::start("a second head takes up what is left") else { return };
    let (project, report) = keeping();
    let mut first = cluster.head(&project);
    cluster.training("");
    let second = cluster.head(&project);
    let waits = || second.says().contains("which computes training/fan");
    assert!(within(30, waits), "it waits: {}", second.says());
    first.child.kill().expect("it can be killed");
    first.child.wait().expect("it ends");
    second.ends().done();
    assert_eq!(project.report(), report);
    let made = made(&project);
    let once: BTreeSet<&String> = made.iter().collect();
    assert_eq!((made.len(), once.len()), (project.plan().len(), made.len()), "{made:?}");
    assert!(within(30, || cluster.queued() == 0), "nothing is left in the queue");
}
