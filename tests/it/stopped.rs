//! A run that is stopped while it holds a key, and many runs at once: who waits, goes on, and
//! nobody does twice what another has done.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::cache;
use crate::project::{Output, Project, within};

/// A training of about a second.
const SPEC: &str = "\
name: held
data: { synthetic: { machines: [fan], seconds: 1.0, clips: { source_train: 20, target_train: 2, normal: 3, anomaly: 3 } } }
features: { log_mel: { frame: 512, hop: 256, mels: 16 } }
detector: { autoencoder: { window: 2, layers: [64, 8, 64], epochs: 300 } }
";

fn send(signal: &str, pid: u32) {
    let sent =
        Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill is there");
    assert!(sent.success(), "{signal} {pid}");
}

/// A run whose words are heard while it is at work.
struct Heard {
    child: Child,
    said: Arc<Mutex<String>>,
    stderr: JoinHandle<()>,
    stdout: JoinHandle<String>,
}

impl Heard {
    fn start(project: &Project, arguments: &str) -> Self {
        let mut child = project.command(arguments).spawn().expect("the program starts");
        let said = Arc::new(Mutex::new(String::new()));
        let (heard, stderr) = (said.clone(), child.stderr.take().expect("a pipe"));
        let stderr = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let mut said = heard.lock().expect("nobody panics while hearing");
                said.push_str(&line.expect("the program writes UTF-8"));
                said.push('\n');
            }
        });
        let mut stdout = child.stdout.take().expect("a pipe");
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).expect("the program writes UTF-8");
            text
        });
        Self { child, said, stderr, stdout }
    }

    fn says(&self, text: &str) -> bool {
        self.said.lock().expect("nobody panics while hearing").contains(text)
    }

    fn end(mut self) -> Output {
        let status = self.child.wait().expect("it ends");
        self.stderr.join().expect("nobody panics while hearing");
        let stdout = self.stdout.join().expect("nobody panics while hearing");
        let stderr = self.said.lock().expect("nobody panics while hearing").clone();
        let stdout = stdout.into_bytes();
        Output::new(std::process::Output { status, stdout, stderr: stderr.into_bytes() })
    }
}

/// A run that was stopped in its training; the cache has all that comes before.
fn stopped(project: &Project, arguments: &str) -> Heard {
    let _ = fs::remove_dir_all(project.cache());
    let run = Heard::start(project, arguments);
    let has_features = || {
        project.cache().join("records").exists()
            && cache::records(&project.cache()).iter().any(|r| r.label.starts_with("features"))
    };
    let holds = || {
        fs::read_dir(project.cache().join("locks"))
            .is_ok_and(|mut locks| has_features() && locks.next().is_some())
    };
    assert!(within(60, holds), "no training began");
    // The lock may have been that of the stage before.
    std::thread::sleep(Duration::from_millis(50));
    send("-STOP", run.child.id());
    assert!(holds(), "the training was over before it was stopped");
    run
}

/// What the second run says of whom it waits for.
fn waits_for(run: &Heard) -> String {
    match fs::metadata("/proc/locks") {
        Ok(_) => format!("waiting for process {}, which computes training/fan", run.child.id()),
        // The system does not say who holds a lock.
        Err(_) => "waiting for another run that computes training/fan".to_owned(),
    }
}

fn waiter(project: &Project, holder: &Heard) -> Heard {
    let mut waiter = Heard::start(project, "run spec.yaml --jobs 1");
    let line = waits_for(holder);
    assert!(within(60, || waiter.says(&line)), "it never said `{line}`");
    std::thread::sleep(Duration::from_millis(300));
    assert!(waiter.child.try_wait().expect("ours").is_none(), "it did not wait");
    waiter
}

#[test]
fn who_waits_for_a_stopped_run_goes_on_when_that_does() {
    let project = Project::with(SPEC);
    let report = project.report_of_an_empty_cache();
    let all: BTreeSet<String> = project.plan().into_keys().collect();
    let holder = stopped(&project, "run spec.yaml --jobs 1");
    let waiter = waiter(&project, &holder);
    send("-CONT", holder.child.id());
    let (holder, waiter) = (holder.end().done(), waiter.end().done());
    assert_eq!(holder.stdout, waiter.stdout);
    let (a, b) = (holder.ran(), waiter.ran());
    assert!(a.contains("training/fan") && a.is_disjoint(&b), "{a:?} {b:?}");
    assert_eq!(a.union(&b).cloned().collect::<BTreeSet<_>>(), all);
    assert_eq!(project.report(), report);
    project.run("cache verify").done();
}

#[test]
fn who_waits_for_a_stopped_run_takes_over_when_that_is_killed() {
    let project = Project::with(SPEC);
    let report = project.report_of_an_empty_cache();
    let holder = stopped(&project, "run spec.yaml --jobs 1");
    let waiter = waiter(&project, &holder);
    send("-KILL", holder.child.id());
    let holder = holder.end().exits(128 + 9);
    let waiter = waiter.end().done();
    let (a, b) = (holder.ran(), waiter.ran());
    assert!(b.contains("training/fan") && a.is_disjoint(&b), "{a:?} {b:?}");
    assert_eq!(project.report(), report);
    assert_eq!(project.run("run spec.yaml --frozen").done().stdout, waiter.stdout);
    project.run("cache verify").done();
}

/// The worker of a stopped run goes on, and what it has made is there for everybody.
#[test]
fn who_waits_for_a_stopped_run_takes_what_its_worker_makes() {
    let project = Project::with(SPEC);
    let report = project.report_of_an_empty_cache();
    let holder = stopped(&project, "run spec.yaml --jobs 1 --executor process");
    let waiter = Heard::start(&project, "run spec.yaml --jobs 1");
    let waiter = waiter.end().done();
    assert!(!waiter.ran().contains("training/fan"), "{}", waiter.stderr);
    send("-CONT", holder.child.id());
    let holder = holder.end().done();
    assert!(holder.ran().is_disjoint(&waiter.ran()), "{}\n{}", holder.stderr, waiter.stderr);
    assert_eq!(holder.stdout, waiter.stdout);
    assert_eq!(project.report(), report);
    project.run("cache verify").done();
}

/// Sweeps that overlap: the n-th has the neighbours n to n + 2.
fn sweep(n: usize) -> String {
    format!(
        "\
name: crowd {n}
data: {{ synthetic: {{ machines: [fan], seconds: 0.3, clips: {{ source_train: 6, target_train: 2, normal: 2, anomaly: 2 }} }} }}
features: {{ log_mel: {{ frame: 256, hop: 128, mels: 16 }} }}
pool: {{ mean: {{}} }}
detector: {{ knn: {{}} }}
sweep: {{ detector.knn.k: [{n}, {}, {}] }}
",
        n + 1,
        n + 2
    )
}

#[test]
fn sixteen_runs_with_one_cache_do_nothing_twice() {
    let project = Project::new();
    let specs = [1, 2, 3, 4];
    let expected = specs.map(|n| {
        project.write(&format!("{n}.yaml"), sweep(n));
        project.run(&format!("run {n}.yaml --cache alone/{n} -q")).done().stdout
    });
    assert!(expected.iter().collect::<BTreeSet<_>>().len() > 1, "they can be told apart");
    let run = |i: usize| {
        let executor = ["threads", "process"][i / 4 % 2];
        format!("run {}.yaml --jobs 1 --executor {executor}", specs[i % 4])
    };
    let runs: Vec<Heard> = (0..16).map(|i| Heard::start(&project, &run(i))).collect();
    let outputs: Vec<Output> = runs.into_iter().map(|run| run.end().done()).collect();
    for (i, output) in outputs.iter().enumerate() {
        assert_eq!(output.stdout, expected[i % 4], "{i}: {}", output.stderr);
        assert!(!output.stderr.contains("warning"), "{i}: {}", output.stderr);
    }
    // Each stage has one record, and was done by one run.
    let records = cache::records(&project.cache());
    let ran: Vec<String> = outputs.iter().flat_map(Output::ran_in_order).collect();
    assert_eq!(ran.len(), records.len(), "{ran:?}");
    // A data set, features, pools; a model, scores and metrics for each of six numbers.
    assert_eq!(records.len(), 3 + 6 * 3);
    let workers = outputs.iter().filter(|output| !output.ran_in_order().is_empty()).count();
    let held = fs::read_dir(project.cache().join("locks")).expect("a folder").count();
    assert_eq!(held, 0);
    project.run("cache verify").done();
    eprintln!("{} stages by {workers} of 16 runs", ran.len());
}
