//! Two runs with one cache: both are right, and no stage is done twice.

use std::collections::BTreeSet;
use std::thread;

use crate::project::{Output, Project};
use crate::sounds;

const SPEC: &str = "\
name: together
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 64, mels: 32 } }
pool: { mean: {} }
sweep:
  detector: [ { knn: {} }, { mahalanobis: {} }, { kmeans: { clusters: 5, runs: 300 } } ]
";

/// Runs each of `commands` at the same time.
fn together(project: &Project, commands: &[&str]) -> Vec<Output> {
    let wait = |command: &&str| {
        let child = project.command(command).spawn().expect("the program starts");
        thread::spawn(move || Output::new(child.wait_with_output().expect("it ends")))
    };
    let threads: Vec<_> = commands.iter().map(wait).collect();
    threads.into_iter().map(|thread| thread.join().expect("nobody panics").done()).collect()
}

#[test]
fn two_runs_share_the_work() {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    let all: BTreeSet<String> = project.plan().into_keys().collect();
    let reference = project.report_of_an_empty_cache();
    for commands in [["run spec.yaml --jobs 1"; 2], ["run spec.yaml --executor process"; 2]] {
        let outputs = together(&project, &commands);
        assert_eq!(outputs[0].stdout, outputs[1].stdout);
        assert_eq!(project.report(), reference);
        let (a, b) = (outputs[0].ran(), outputs[1].ran());
        let both: Vec<_> = a.intersection(&b).collect();
        assert!(both.is_empty(), "done twice: {both:?}");
        assert_eq!(a.union(&b).cloned().collect::<BTreeSet<_>>(), all, "and nothing left out");
        let left: Vec<_> =
            std::fs::read_dir(project.cache().join("locks")).expect("a folder").flatten().collect();
        assert!(left.is_empty(), "{left:?}");
        std::fs::remove_dir_all(project.cache()).expect("nobody uses it");
    }
}

#[test]
fn runs_of_different_specs_share_what_they_have_in_common() {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    let other = SPEC.replace("together", "apart").replace("{ knn: {} }", "{ knn: { k: 3 } }");
    project.write("other.yaml", other);
    let outputs = together(&project, &["run spec.yaml", "run other.yaml"]);
    let (a, b) = (outputs[0].ran(), outputs[1].ran());
    let common: Vec<_> = a.intersection(&b).filter(|label| !label.contains("knn")).collect();
    assert!(common.is_empty(), "done twice: {common:?}");
    assert_eq!(project.report(), project.report_of_an_empty_cache());
    assert_eq!(project.run("run other.yaml --frozen").done().stdout, outputs[1].stdout);
}

/// Two points of one run can ask for the same key once their inputs turn out equal: whoever comes
/// second takes what the first made, and what needs it must still run.
#[test]
fn stages_that_turn_out_equal_run_once_and_open_what_needs_them() {
    let project = Project::with(&SPEC.replace(
        "  detector: [ { knn: {} }, { mahalanobis: {} }, { kmeans: { clusters: 5, runs: 300 } } ]",
        "  data.dcase.attributes: [both, names]",
    ));
    project.edit("spec.yaml", "sweep:", "detector: { knn: {} }\nsweep:");
    let recordings = sounds::data_set();
    project.write_all(&recordings);
    project.run("run spec.yaml --jobs 1").done();
    // Another chunk after the samples: another file, the same features.
    let (path, bytes) =
        recordings.iter().find(|(path, _)| path.ends_with(".wav")).expect("there are recordings");
    let mut longer = bytes.clone();
    longer.extend(b"LIST\x04\0\0\0INFO");
    project.write(path, longer);
    let output = project.run("run spec.yaml --jobs 1").done();
    assert!(!output.stderr.contains("not run"), "{}", output.stderr);
    assert_eq!(project.run("run spec.yaml --frozen").done().stdout, output.stdout);
}
