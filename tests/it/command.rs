//! Detectors and features in another language: nobody's program is called unasked, its results are
//! its own, and its files are part of its keys.

mod features;
mod trust;

use std::process::Command;

use crate::project::Project;
use crate::sounds;

const SPEC: &str = "\
name: laws
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector:
  command: { run: [python3, nearest.py], files: [programs/nearest.py], settings: { scale: 2 } }
";

/// The distance to the nearest training vector, with the standard library alone.
const NEAREST: &str = r#"
import csv, json, math, struct, sys

def matrix(path):
    data = open(path, "rb").read()
    length = struct.unpack("<H", data[8:10])[0]
    rows, dims = eval(data[10 : 10 + length])["shape"]
    values = struct.unpack(f"<{rows * dims}f", data[10 + length :])
    return [values[i * dims : (i + 1) * dims] for i in range(rows)]

job = json.load(open(sys.argv[1]))
x = matrix(job["features"])
clips = list(csv.DictReader(open(job["clips"], newline="")))
assert len(clips) == len(x)
if job["task"] == "fit":
    assert {c["domain"] for c in clips} == {"source", "target"} and clips[0]["machine"]
    json.dump(x, open(job["model"] + "/bank.json", "w"))
    print("learned", len(x), "clips")
else:
    assert list(clips[0]) == ["clip", "first", "frames"]
    bank = json.load(open(job["model"] + "/bank.json"))
    score = lambda v: job["settings"]["scale"] * min(math.dist(v, b) for b in bank)
    table = csv.writer(open(job["scores"], "w", newline=""))
    table.writerow(["clip", "score"])
    table.writerows((c["clip"], repr(score(v))) for c, v in zip(clips, x))
"#;

/// A project with the program; `None` without Python.
fn project(test: &str) -> Option<Project> {
    let python = Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|output| output.status.success()) {
        eprintln!("{test}: skipped, there is no python3 here");
        return None;
    }
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project.write("programs/nearest.py", NEAREST);
    Some(project)
}

#[test]
fn a_spec_from_a_stranger_calls_nothing() {
    let Some(project) = project("a_spec_from_a_stranger_calls_nothing") else { return };
    project.write("programs/nearest.py", "open('/dev/stderr', 'w').write('I WAS CALLED')");
    let checked = project.run("check spec.yaml").done();
    assert!(checked.stderr.contains("`python3 nearest.py`"), "{}", checked.stderr);
    for arguments in ["run spec.yaml", "run spec.yaml --executor process", "plan spec.yaml"] {
        let output = project.run(arguments);
        assert!(!output.stderr.contains("I WAS CALLED"), "{}", output.stderr);
        if arguments.starts_with("run") {
            assert_eq!(output.code, 2);
            assert!(output.stderr.contains("error[E0730]"), "{}", output.stderr);
            assert!(output.stderr.contains("--allow-commands"), "{}", output.stderr);
        }
    }
}

#[test]
fn scores_are_those_of_the_same_code_and_are_cached() {
    let Some(project) = project("scores_are_those_of_the_same_code_and_are_cached") else { return };
    let run = |arguments: &str| project.run(&format!("run spec.yaml {arguments}")).done();
    let first = run("--allow-commands");
    assert!(first.ran().contains("training/fan/00"), "{}", first.stderr);
    // Our nearest neighbours rank the clips the same: every area is equal.
    let theirs = project.report();
    project.spec(&SPEC.replace(
        "  command: { run: [python3, nearest.py], files: [programs/nearest.py], settings: { scale: 2 } }",
        "  knn: {}",
    ));
    project.run("run spec.yaml").done();
    assert_eq!(project.report(), theirs);
    project.spec(SPEC);
    assert!(run("--allow-commands").ran().is_empty());
    // Complete, it is answered without a call, and asks for nothing.
    assert!(run("").ran().is_empty());
    // A comment in the program is another program.
    project.write("programs/nearest.py", format!("{NEAREST}# another\n"));
    let again = run("--allow-commands").ran();
    assert!(again.iter().any(|label| label.starts_with("training/")), "{again:?}");
    assert!(!again.iter().any(|label| label.starts_with("pooling/")), "{again:?}");
    // Elsewhere it is the same one.
    project.rename("programs", "elsewhere");
    project.edit("spec.yaml", "[programs/nearest.py]", "[elsewhere/nearest.py]");
    assert!(run("--allow-commands").ran().is_empty());
    // In processes of their own, the bytes are the same.
    let report = project.report();
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().display();
    run(&format!("--allow-commands --executor process --cache {cache}"));
    let other =
        project.run(&format!("report spec.yaml --format csv --cache {cache}")).done().stdout;
    assert_eq!(other, report);
    // New recordings are scored by it, too, if that is allowed.
    let clip = "data/fan/test/section_00_source_test_normal_0000_vel_10.wav";
    let refused = project.run(&format!("score laws fan/00 {clip}")).exits(2);
    assert!(refused.stderr.contains("error[E0730]"), "{}", refused.stderr);
    let scored = project.run(&format!("score laws fan/00 {clip} --allow-commands")).done().stdout;
    assert!(scored.contains("normal_0000"), "{scored}");
}

#[test]
fn what_a_program_does_wrong_is_told() {
    let Some(project) = project("what_a_program_does_wrong_is_told") else { return };
    let table = "table.writerows((c[\"clip\"], repr(score(v))) for c, v in zip(clips, x))";
    for (change, words) in [
        ("sys.exit('no licence')".to_owned(), "`python3` ended with exit code 1:\nno licence"),
        ("import time; time.sleep(60)".to_owned(), "took longer than 0.05 minutes and was ended"),
        ("1 / 0".to_owned(), "ZeroDivisionError"),
        (table.replace("(clips, x)", "(clips[1:], x)"), "(`fan/test/"),
        (format!("{table}; table.writerow((99, 1.0))"), "there is no clip `99` to score"),
        (table.replace("repr(score(v))", "'nan'"), "is NaN"),
        (table.replace("repr(score(v))", "'high'"), "`scores.csv` of `python3 nearest.py`"),
        ("table.writerow((0, 1)); table.writerow((0, 1))".to_owned(), "clip `0` has two scores"),
    ] {
        project.write("programs/nearest.py", NEAREST.replace(table, &change));
        let minutes = if change.contains("sleep") { 0.05 } else { 10.0 };
        project.spec(&SPEC.replace("settings:", &format!("minutes: {minutes}, settings:")));
        let failed = project.run("run spec.yaml --allow-commands --only scoring/fan/00").exits(1);
        assert!(failed.stderr.contains(words), "{words}: {}", failed.stderr);
        assert!(failed.stderr.contains("scoring/fan/00"), "{}", failed.stderr);
    }
    project.spec(&SPEC.replace("programs/nearest.py", "programs/none.py"));
    let missing = project.run("run spec.yaml --allow-commands").exits(2);
    assert!(missing.stderr.contains("a file of the program cannot be read"), "{}", missing.stderr);
}

#[test]
fn a_program_can_be_a_member_of_an_ensemble() {
    let Some(project) = project("a_program_can_be_a_member_of_an_ensemble") else { return };
    let member = "command: { run: [python3, nearest.py], files: [programs/nearest.py], settings: { scale: 1 } }";
    let of = |member: &str| {
        let ensemble =
            format!("  ensemble: {{ detectors: [ {{ {member} }}, {{ mahalanobis: {{}} }} ] }}");
        let one = "  command: { run: [python3, nearest.py], files: [programs/nearest.py], settings: { scale: 2 } }";
        SPEC.replace(one, &ensemble)
    };
    project.spec(&of(member));
    assert!(project.run("run spec.yaml").exits(2).stderr.contains("error[E0730]"));
    project.run("run spec.yaml --allow-commands").done();
    let theirs = project.report();
    project.write("programs/nearest.py", format!("{NEAREST}# another\n"));
    let again = project.run("run spec.yaml --allow-commands").done().ran();
    assert!(again.iter().any(|label| label.starts_with("training/")), "{again:?}");
    project.spec(&of("knn: {}"));
    project.run("run spec.yaml").done();
    assert_eq!(project.report(), theirs);
}
