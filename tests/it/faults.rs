//! The law of the cache: whatever happened to it, the next run gives the report of an empty cache.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use humshift::seed::Seed;

use crate::cache::{self, DAMAGES};
use crate::project::{Output, Project, tree};
use crate::sounds::{self, SPEC};

/// A few dozen short stages, and trainings that take a while.
const LONG: &str = "\
name: faults
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
sweep:
  detector: [ { knn: {} }, { mahalanobis: {} }, { kmeans: { clusters: 5, runs: 1500 } } ]
";

fn project(spec: &str) -> Project {
    let project = Project::with(spec);
    project.write_all(&sounds::data_set());
    project
}

#[expect(clippy::disallowed_methods, reason = "kills are spread over the time a run takes")]
fn now() -> Instant {
    Instant::now()
}

/// Kills `count` runs, each with a cache of its own, at moments spread over the time a run takes;
/// each is followed by a complete run. Returns how many stages the killed ones had done.
fn kill(count: u32, executor: &str) -> (Vec<usize>, Vec<usize>) {
    let project = project(LONG);
    let reference = project.report_of_an_empty_cache();
    let arguments = format!("run spec.yaml --executor {executor}");
    let begun = now();
    project.run(&arguments).done();
    let whole = begun.elapsed();
    let mut rng = Seed(20).derive(&[executor]).rng();
    let (mut done, mut left) = (Vec::new(), Vec::new());
    for i in 0..count {
        fs::remove_dir_all(project.cache()).expect("nobody uses it");
        let mut child = project.command(&arguments).spawn().expect("the program starts");
        std::thread::sleep(whole.mul_f64((f64::from(i) + rng.uniform()) / f64::from(count)));
        child.kill().expect("it can be killed");
        child.wait_with_output().expect("it ends");
        done.push(cache::records(&project.cache()).len());
        left.push(project.run(&arguments).done().ran().len());
        assert_eq!(project.report(), reference, "killed with {} stages done", done[done.len() - 1]);
        project.run("cache verify").done();
    }
    (done, left)
}

#[test]
fn a_killed_run_costs_the_stages_it_was_at_and_nothing_else() {
    let (done, left) = kill(20, "threads");
    let stages = done[0] + left[0];
    assert!(done.iter().zip(&left).all(|(done, left)| done + left == stages), "{done:?} {left:?}");
    let places: BTreeSet<usize> = done.into_iter().collect();
    assert!(places.len() >= 3, "the kills landed in few places: {places:?}");
}

#[test]
fn workers_of_a_killed_run_do_no_harm() {
    kill(5, "process");
}

#[test]
fn damaged_objects_are_made_again() {
    let project = project(SPEC);
    project.run("run spec.yaml").done();
    let reference = project.report();
    project.forget();
    let sound = project.path("sound");
    cache::copy(&project.cache(), &sound);
    let records = cache::records(&project.cache());
    let mut stages = BTreeSet::new();
    for record in records.iter().filter(|record| record.label.ends_with("/fan/00")) {
        for (role, object) in &record.outputs {
            stages.insert((
                record.label.split('/').next().expect("a stage").to_owned(),
                role.clone(),
            ));
            // Each object in two ways: the store reads all in the same way, and tests of its own
            // hold how.
            for (damage, spoil) in
                [stages.len(), stages.len() + 3].map(|way| &DAMAGES[way % DAMAGES.len()])
            {
                // Once as it is, and once so that everybody who reads the object has to read it
                // again.
                for reread in [false, true] {
                    cache::copy(&sound, &project.cache());
                    spoil(object);
                    for reader in records.iter().filter(|r| reread && r.reads(object)) {
                        fs::remove_file(&reader.path).expect("it was there");
                    }
                    let what = format!("{role} of {} {damage}, read again: {reread}", record.label);
                    let run = project.run("run spec.yaml");
                    assert_eq!(run.code, 0, "{what}\n{}\n{}", run.stdout, run.stderr);
                    assert_eq!(project.report(), reference, "{what}\n{}", run.stderr);
                    assert_eq!(project.run("run spec.yaml --frozen").code, 0, "{what}");
                }
            }
        }
    }
    assert_eq!(stages.len(), 15, "the outputs of all stages: {stages:?}");
}

#[test]
fn damaged_records_are_misses() {
    let project = project(SPEC);
    let all = project.run("run spec.yaml").done().ran();
    let reference = project.report();
    let not_json: cache::Damage =
        ("not JSON", |path| fs::write(path, "not JSON\n\"either\"\n").expect("a file"));
    for (damage, spoil) in DAMAGES.iter().chain([&not_json]) {
        let records = cache::records(&project.cache());
        records.iter().filter(|r| r.label.ends_with("/valve/01")).for_each(|r| spoil(&r.path));
        project.forget();
        let ran = project.ran();
        let expected = if *damage == "longer by a byte" { 0 } else { 6 };
        assert_eq!(ran.len(), expected, "{damage}: {ran:?}");
        assert_eq!(project.report(), reference, "{damage}");
    }
    for record in cache::records(&project.cache()) {
        fs::remove_file(record.path).expect("it was there");
    }
    project.forget();
    assert_eq!(project.ran(), all, "all records gone");
    assert_eq!(project.report(), reference);
}

#[test]
fn what_dead_processes_left_is_in_nobodys_way() {
    let project = project(SPEC);
    project.run("run spec.yaml --only features/*").done();
    for record in cache::records(&project.cache()) {
        fs::write(project.cache().join(format!("locks/{}.lock", record.key)), "").expect("a file");
        fs::write(project.cache().join(format!("jobs/{}.json", record.key)), "{").expect("a file");
        fs::write(project.cache().join(format!("tmp/.tmp{}", &record.key[..6])), [0; 99])
            .expect("a file");
    }
    for file in tree(&project.cache())
        .into_values()
        .filter(|f| f.parent().is_some_and(|p| p.ends_with("memo")))
    {
        fs::write(file, "data\tsurprise\n\0").expect("a file");
    }
    for file in tree(&project.cache().join("last")).into_values() {
        fs::write(file, "[1, 2").expect("a file");
    }
    project.run("run spec.yaml --executor process").done();
    assert_eq!(project.report(), project.report_of_an_empty_cache());
}

#[test]
fn records_and_tables_alone_are_a_full_hit() {
    let project = project(SPEC);
    let first = project.run("run spec.yaml").done();
    for (name, path) in tree(&project.cache().join("objects")) {
        if !name.ends_with(".json") {
            fs::remove_file(path).expect("it was there");
        }
    }
    let again = project.run("run spec.yaml --frozen").done();
    assert_eq!((again.ran().len(), again.stdout), (0, first.stdout));
}

/// Two tables with equal bytes are one object: when one is made again, the other is there, too.
fn without_equal_tables(labels: BTreeSet<String>) -> BTreeSet<String> {
    labels.into_iter().filter(|label| !label.starts_with("metrics")).collect()
}

#[test]
fn evicted_objects_are_made_again_where_they_are_needed() {
    let project = project(&LONG.replace("1500", "2"));
    let all = project.run("run spec.yaml").done().ran();
    let reference = project.report();
    let evict = |spare: &str| {
        for (name, path) in tree(&project.cache().join("objects")) {
            if spare.is_empty() || !name.ends_with(spare) {
                fs::remove_file(path).expect("it was there");
            }
        }
    };
    // One table is gone: its stage needs clips and scores, these a model and features, and so on
    // up.
    evict(".json");
    let records = cache::records(&project.cache());
    let lost = records.iter().find(|r| r.label == "metrics/fan/00/detector=knn").expect("it ran");
    fs::remove_file(&lost.outputs["metrics"]).expect("it was there");
    let chain = ["dataset", "features", "pooling", "training", "scoring", "metrics"];
    let knn = |stage: &str| {
        if ["dataset", "features", "pooling"].contains(&stage) { "" } else { "/detector=knn" }
    };
    let expected: BTreeSet<String> =
        chain.iter().map(|stage| format!("{stage}/fan/00{}", knn(stage))).collect();
    assert_eq!(project.ran(), expected);
    assert_eq!(project.report(), reference);
    // Everything is gone but the records.
    evict("");
    assert_eq!(without_equal_tables(project.ran()), without_equal_tables(all.clone()));
    assert_eq!(project.report(), reference);
    // What is asked for is new, and what it is made of is gone: detectors are as they were, their
    // models are not.
    evict(".json");
    project.edit("spec.yaml", "name:", "metrics: [auc]\nname:");
    assert_eq!(project.ran(), all);
    assert_eq!(project.report(), project.report_of_an_empty_cache());
}

/// The schedule is simulated with thousands of such losses; here the files are real.
#[test]
fn whatever_is_lost_the_report_is_the_same() {
    let project = project(&LONG.replace("1500", "2"));
    project.run("run spec.yaml").done();
    let reference = project.report();
    for trial in 0..6 {
        let mut rng = Seed(trial).derive(&["eviction"]).rng();
        let (objects, records) = (rng.uniform(), 0.5 * rng.uniform());
        for (folder, chance) in [("objects", objects), ("records", records)] {
            for path in tree(&project.cache().join(folder)).into_values() {
                if rng.uniform() < chance {
                    fs::remove_file(path).expect("it was there");
                }
            }
        }
        let executor = ["serial", "threads", "process"][trial as usize % 3];
        project.forget();
        let run = project.run(&format!("run spec.yaml --executor {executor}")).done();
        assert!(!run.stderr.contains("warning"), "trial {trial}: {}", run.stderr);
        assert_eq!(project.report(), reference, "trial {trial}");
    }
}

#[test]
fn a_stage_that_fails_stops_nothing_else() {
    for executor in ["serial", "threads", "process"] {
        let project = project(SPEC);
        let broken = format!("data/{}", sounds::path("fan", "test", "00", "source", "normal", 1));
        let good = fs::read(project.path(&broken)).expect("a recording");
        project.write(&broken, &good[..good.len() / 2]);
        let run = project.run(&format!("run spec.yaml --executor {executor}")).exits(1);
        assert_eq!(run.ran().len(), 24 - 5, "{}", run.stderr);
        // Between the two lines stands the end of the log.
        let last: Vec<&str> =
            run.stderr.lines().rev().filter(|line| !line.starts_with("  | ")).take(2).collect();
        assert!(
            last[1].starts_with("error: features/fan/00 failed: ") && last[1].contains("truncated"),
            "{last:?}"
        );
        assert!(last[0].starts_with("  logs are in "), "{last:?}");
        assert!(
            run.stdout.contains("valve") && run.stdout.contains("features/fan/00 failed"),
            "{}",
            run.stdout
        );
        // Failures are not remembered.
        assert_eq!(project.run("run spec.yaml").exits(1).ran().len(), 0);
        project.write(&broken, &good);
        assert_eq!(project.ran().len(), 6);
        assert_eq!(project.report(), project.report_of_an_empty_cache());
    }
}

#[test]
fn fail_fast_starts_nothing_after_a_failure() {
    let project = project(SPEC);
    project
        .write(&format!("data/{}", sounds::path("fan", "train", "00", "source", "normal", 0)), "");
    let run = project.run("run spec.yaml --fail-fast --jobs 1 --executor serial").exits(1);
    let ran = run.ran();
    assert!(ran.iter().all(|label| label.starts_with("dataset")), "{ran:?}");
    assert!(run.stderr.contains("error: features/fan/00 failed"), "{}", run.stderr);
    assert_eq!(
        project.run("run spec.yaml").exits(1).ran().len() + ran.len(),
        24 - 5,
        "the next run does the rest"
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_keeps_what_is_done() {
    for executor in ["threads", "process"] {
        let project = project(&LONG.replace("1500", "6000"));
        let reference = project.report_of_an_empty_cache();
        let arguments = format!("run spec.yaml --executor {executor}");
        let mut child = project.command(&arguments).spawn().expect("the program starts");
        // Short stages are over and a key is held: a training is at work.
        let trained = || {
            let busy = fs::read_dir(project.cache().join("locks"))
                .is_ok_and(|mut locks| locks.next().is_some());
            busy && cache::records(&project.cache())
                .iter()
                .filter(|r| r.label.starts_with("pooling"))
                .count()
                == 4
        };
        while !trained() {
            assert!(
                child.try_wait().expect("ours").is_none(),
                "the run was over before it was interrupted"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        let begun = now();
        let pid = child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .expect("kill is there");
        assert!(sent.success());
        let run = Output::new(child.wait_with_output().expect("it ends")).exits(130);
        assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?} to stop", begun.elapsed());
        assert_eq!(run.stdout, "", "no report of half a run");
        let done = cache::records(&project.cache()).len();
        let rest = project.run(&arguments).done().ran();
        assert!(
            done > 0 && !rest.is_empty() && !rest.iter().any(|l| l.starts_with("dataset")),
            "{done} {rest:?}"
        );
        assert_eq!(project.report(), reference);
    }
}

/// One long training a machine.
const TRAINING: &str = "\
name: training
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
detector: { autoencoder: { window: 2, layers: [32, 4, 32], epochs: 20000 } }
";

/// Kills a run at a training once that has kept something, spoils that, and runs it to its end;
/// gives the first epoch that each training of the second run tells of.
fn first_epochs(spoil: impl Fn(&std::path::Path)) -> Vec<usize> {
    let project = project(TRAINING);
    let reference = project.report_of_an_empty_cache();
    let mut child = project.command("run spec.yaml").spawn().expect("the program starts");
    let partial = project.cache().join("partial");
    let kept = || {
        fs::read_dir(&partial)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect::<Vec<_>>()
    };
    while kept().is_empty() {
        assert!(
            child.try_wait().expect("ours").is_none(),
            "the run was over before it kept anything"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it can be killed");
    child.wait_with_output().expect("it ends");
    kept().iter().for_each(|path| spoil(path));
    project.run("run spec.yaml").done();
    assert_eq!(project.report(), reference, "a training in two parts is one training");
    assert!(kept().is_empty(), "what is done keeps no checkpoint");
    let epoch = |line: &str| line.strip_prefix("epoch ")?.split(' ').next()?.parse().ok();
    let logs = tree(&project.cache().join("logs")).into_values();
    logs.filter_map(|log| fs::read_to_string(log).expect("logs are text").lines().find_map(epoch))
        .collect()
}

#[test]
fn a_killed_training_goes_on_from_its_last_epochs() {
    let epochs = first_epochs(|_| {});
    assert!(epochs.len() == 2 && epochs.iter().any(|first| *first > 1), "{epochs:?}");
    for (damage, spoil) in &DAMAGES[..3] {
        let epochs = first_epochs(spoil);
        assert!(epochs.iter().all(|first| *first == 1), "{damage}: {epochs:?}");
    }
}
