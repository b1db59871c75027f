//! Stages on a real Slurm of four nodes, which `.ci/slurm` starts on this machine. Where there is
//! none, the tests say that they are skipped; that script installs one (as root, on Debian).
#![cfg(target_os = "linux")]

mod heads;
mod loss;
mod requests;
mod silence;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::cache;
use crate::project::{Output, Project, within};
use crate::sounds;

/// Some dozen short stages, and trainings that take a second or two.
const SPEC: &str = "\
name: slurm
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: [ { mean: {} }, { std: {} } ]
sweep:
  detector: [ { knn: {} }, { mahalanobis: {} }, { kmeans: { clusters: 5, runs: 4000 } } ]
  seed: [0, 1]
";

/// A cluster; it is gone when this is dropped.
struct Cluster {
    folder: TempDir,
}

impl Cluster {
    /// `None`, with a word, where there is no Slurm.
    fn start(test: &str) -> Option<Self> {
        Self::with(test, "4", &[])
    }

    /// A cluster of some nodes, with variables for the script.
    fn with(test: &str, nodes: &str, variables: &[(&str, &str)]) -> Option<Self> {
        let here = |name: &&str| {
            let places = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
            places.iter().any(|place| Path::new(place).join(name).exists())
        };
        if !["slurmctld", "slurmd", "sbatch", "munged"].iter().all(here) {
            eprintln!("skipped: {test}: there is no Slurm");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("slurm-").tempdir().expect("a folder");
        let cluster = Self { folder };
        let output = cluster.script_with("start", &[nodes, "2"], variables);
        // A machine may have the programs and still not let daemons run; `.ci/run` tells of that, too.
        if output.code != 0 {
            eprintln!("skipped: {test}: {}", output.stderr.trim());
            return None;
        }
        Some(cluster)
    }

    fn script(&self, command: &str, rest: &[&str]) -> Output {
        self.script_with(command, rest, &[])
    }

    fn script_with(&self, command: &str, rest: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/slurm"));
        script.arg(command).arg(self.folder.path()).args(rest).envs(variables.iter().copied());
        Output::new(script.output().expect("the script starts"))
    }

    fn settings(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    /// The program with the commands of this cluster.
    fn command(&self, project: &Project, arguments: &str) -> Command {
        let mut command = project.command(arguments);
        command.env("SLURM_CONF", self.settings());
        command
    }

    fn run(&self, project: &Project, arguments: &str) -> Output {
        Output::new(self.command(project, arguments).output().expect("the program starts"))
    }

    /// What a command of Slurm says.
    fn slurm(&self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().expect("a command"));
        command.args(words).env("SLURM_CONF", self.settings());
        String::from_utf8(command.output().expect("Slurm is here").stdout).expect("UTF-8")
    }

    /// The jobs in the queue.
    fn queued(&self) -> usize {
        self.slurm("squeue --noheader --array").lines().count()
    }

    /// Starts the program on [`TRAINING`], and writes its words to a file.
    fn head(&self, project: &Project) -> Head {
        let words = project.path(&format!("head-{}.txt", number()));
        let file = std::fs::File::create(&words).expect("the folder is there");
        let arguments = "run spec.yaml --executor slurm --profile profile.yaml";
        let mut command = self.command(project, arguments);
        let child = command.stderr(file).spawn().expect("the program starts");
        Head { child, words }
    }

    /// The running task of the training, once it is another one than `before`.
    fn training(&self, before: &str) -> String {
        let mut found = String::new();
        let look = || {
            let queue = self.slurm("squeue --noheader --array --states=RUNNING --format=%i_%k");
            let task = queue.lines().find_map(|line| line.strip_suffix("_training"));
            found = task.filter(|task| *task != before).unwrap_or_default().to_owned();
            !found.is_empty()
        };
        assert!(within(60, look), "the training runs");
        found
    }
}

fn send(signal: &str, pid: u32) {
    let sent = Command::new("kill").args([signal, &pid.to_string()]).status();
    assert!(sent.expect("kill is there").success(), "{signal} {pid}");
}

/// A number for each head of these tests.
fn number() -> usize {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// A program that runs stages on a cluster.
struct Head {
    child: std::process::Child,
    words: PathBuf,
}

impl Head {
    fn says(&self) -> String {
        std::fs::read_to_string(&self.words).expect("it is there")
    }

    /// Waits for its end; what it said is then its standard error.
    fn ends(self) -> Output {
        let said = self.words.clone();
        let mut output = Output::new(self.child.wait_with_output().expect("it ends"));
        output.stderr = std::fs::read_to_string(said).expect("it is there");
        output
    }
}

/// One short training, and the stages before and after it.
const TRAINING: &str = "\
name: slurm
data: { dcase: { root: data, machines: [fan] } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
detector: { autoencoder: { epochs: 2 } }
";

/// A project of [`TRAINING`] in which the tasks of trainings begin with a line of shell, and its
/// report.
fn training(line: &str, settings: &str) -> (Project, String) {
    let project = project(TRAINING);
    let report = project.report_of_an_empty_cache();
    project.write("line.sh", line);
    let line = project.path("line.sh").display().to_string();
    project.write(
        "profile.yaml",
        format!(
            "stages: {{ training: {{ options: ['--comment=training', '--export=ALL,KIND=training'] }} }}\n\
             setup: [ '[ \"$KIND\" != training ] || . {line}' ]\n{settings}"
        ),
    );
    (project, report)
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.script("stop", &[]);
    }
}

fn project(spec: &str) -> Project {
    let project = Project::with(spec);
    project.write_all(&sounds::data_set());
    project
}

#[test]
fn a_cluster_gives_the_report_of_one_machine_and_tells_of_failures_alike() {
    let Some(cluster) = Cluster::start("a cluster gives the report of one machine") else { return };
    let whole = project(SPEC);
    let here = whole.run("run spec.yaml --cache here").done();
    let there = cluster.run(&whole, "run spec.yaml --executor slurm").done();
    // Seeds that give the same model share its scores. Which of them runs is a matter of time, and
    // two tasks may be on their way to the same scores.
    assert!(there.ran().len() >= here.ran().len(), "{}", there.stderr);
    assert_eq!(there.stdout, here.stdout);
    assert_eq!(whole.report(), whole.report_of_an_empty_cache());
    let left = whole.cache().join("batches").read_dir().expect("a folder").count();
    assert_eq!((cluster.queued(), left), (0, 0), "nothing is left of it");

    // A stage that fails says on a cluster what it says here.
    let broken = project(SPEC);
    let recordings = sounds::data_set();
    let first = recordings.keys().find(|path| path.contains("/test/")).expect("a test clip");
    broken.write(first, b"RIFF");
    let failures = |output: &Output| -> BTreeSet<String> {
        let lines = output.stderr.lines().filter(|line| line.contains("FAILED"));
        lines.map(|line| line.split_once("] ").expect("a count").1.to_owned()).collect()
    };
    let here = broken.run("run spec.yaml --cache here").exits(1);
    let there = cluster.run(&broken, "run spec.yaml --executor slurm").exits(1);
    assert!(!failures(&here).is_empty());
    assert_eq!(failures(&there), failures(&here));

    // What no node can do is told by the stages that ask for it.
    whole.write("profile.yaml", "stages: { training: { memory: 900T } }");
    let asked = "run spec.yaml --executor slurm --profile profile.yaml --cache impossible";
    let refused = cluster.run(&whole, asked).exits(1);
    let why = refused.stderr.lines().find(|line| line.contains("FAILED")).expect("a failure");
    assert!(why.contains("training/") && why.contains("Slurm refuses its task of"), "{why}");
    let single = r#"sweep={"detector":[{"knn":{}}]}"#;
    let alone = format!("{asked} --set {single}");
    let refused = cluster.run(&whole, &alone).exits(1);
    assert!(refused.stderr.contains("Slurm refuses its task of"), "a training begins a task");
    whole.write("profile.yaml", "stages: { trainings: { threads: 2 } }");
    let mistake = cluster.run(&whole, asked).exits(2);
    assert!(mistake.stderr.contains("E0741"), "{}", mistake.stderr);
}

#[test]
fn a_lost_node_and_a_killed_head_cost_no_result() {
    let Some(cluster) = Cluster::start("a lost node and a killed head cost no result") else {
        return;
    };
    let project = project(SPEC);
    let reference = project.report_of_an_empty_cache();
    let arguments = "run spec.yaml --executor slurm";
    let done = || cache::records(&project.cache()).len();
    let mut head = cluster.command(&project, arguments).spawn().expect("the program starts");
    assert!(within(120, || done() > 3), "it has begun");
    cluster.script("kill-node", &["n2"]).done();
    head.kill().expect("it can be killed");
    head.wait_with_output().expect("it ends");
    let again = cluster.run(&project, arguments).done();
    assert_eq!(project.report(), reference, "{}", again.stderr);
    project.run("cache verify").done();
    // Slurm may start a task of the lost node again although its stages are done.
    assert!(within(120, || cluster.queued() == 0), "nothing is left in the queue");
}

#[test]
fn whoever_interrupts_the_head_cancels_what_it_submitted() {
    let Some(cluster) = Cluster::start("an interrupted head cancels what it submitted") else {
        return;
    };
    let project = project(SPEC);
    let arguments = "run spec.yaml --executor slurm";
    let head = cluster.command(&project, arguments).spawn().expect("the program starts");
    assert!(within(120, || cluster.queued() > 0), "it has begun");
    send("-INT", head.id());
    Output::new(head.wait_with_output().expect("it ends")).exits(130);
    assert!(within(120, || cluster.queued() == 0), "nothing is left in the queue");
    cluster.run(&project, arguments).done();
    assert_eq!(project.report(), project.report_of_an_empty_cache());
}
