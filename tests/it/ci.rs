//! A job of somebody's CI: JUnit XML, what GitHub shows, and the steps of `action.yml`.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::project::{Output, Project};
use crate::sounds;

const SPEC: &str = "name: kept\ndata: { dcase: { root: data } }\nfeatures: { log_mel: { frame: 512, hop: 256, mels: 16 } }\n\
                    pool: { mean: {} }\nsweep: { detector.knn.k: [1, 2] }\ndetector: { knn: {} }\n";

fn project() -> Project {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project
}

/// The command where GitHub runs it.
fn on_github(project: &Project, arguments: &str) -> Output {
    let mut command = project.command(arguments);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", project.path("summary.md"));
    Output::new(command.output().expect("the program starts"))
}

fn summary(project: &Project) -> String {
    fs::read_to_string(project.path("summary.md")).expect("a summary")
}

#[test]
fn a_job_that_lowers_a_score_is_caught_and_says_so_in_three_places() {
    let project = project();
    project.run("run -q spec.yaml --baseline kept.json --update-baseline").done();
    let good = on_github(&project, "run spec.yaml --baseline kept.json --junit good.xml").done();
    assert!(!good.stderr.contains("::error"), "{}", good.stderr);
    assert!(summary(&project).contains("## Means"), "{}", summary(&project));
    let junit = fs::read_to_string(project.path("good.xml")).expect("a file");
    assert!(junit.contains("tests=\"1\" failures=\"0\""), "{junit}");

    // The pull request takes the sound away that told good from bad.
    project.edit("spec.yaml", "mels: 16", "mels: 1");
    let bad = on_github(&project, "run spec.yaml --baseline kept.json --junit bad.xml").exits(3);
    let errors: Vec<&str> = bad.stderr.lines().filter(|l| l.starts_with("::error ")).collect();
    assert_eq!(errors.len(), 2, "{}", bad.stderr);
    assert!(errors[0].starts_with("::error title=baseline%3A 1::fell by "), "{}", errors[0]);
    let told = summary(&project);
    assert!(
        told.contains("## Failures") && told.contains("## Changes against the baseline"),
        "{told}"
    );
    let junit = fs::read_to_string(project.path("bad.xml")).expect("a file");
    assert!(junit.contains("<testsuite name=\"baseline\" tests=\"2\" failures=\"2\""), "{junit}");
    assert!(junit.contains("<testsuite name=\"stages\""), "{junit}");
}

#[test]
fn mistakes_are_annotated_at_their_lines_and_no_more_than_ten() {
    let wrong: String = (0..25).map(|n| format!("wrong_{n}: 1\n")).collect();
    let project = Project::with(&format!("{SPEC}{wrong}"));
    let told = on_github(&project, "check spec.yaml").exits(2).stderr;
    let errors: Vec<&str> = told.lines().filter(|line| line.starts_with("::error ")).collect();
    assert_eq!(errors.len(), 10, "{told}");
    assert!(errors[0].starts_with("::error file=spec.yaml,line=7,col=1,title=E"), "{}", errors[0]);
    assert!(errors[9].contains("16 more failures"), "{}", errors[9]);
}

#[test]
fn a_frozen_job_names_the_stages_that_would_run() {
    let project = project();
    let told = project.run("run -q spec.yaml --frozen --junit frozen.xml").exits(1).stderr;
    assert!(told.contains("stages would have to run") && told.contains("  | dataset/"), "{told}");
    let junit = fs::read_to_string(project.path("frozen.xml")).expect("a file");
    assert!(junit.contains("name=\"--frozen\""), "{junit}");
}

/// The steps of the action that are scripts, as GitHub runs them.
#[test]
fn the_steps_of_the_action_work() {
    let text = include_str!("../../action.yml");
    let action: serde_yaml::Value = serde_yaml::from_str(text).expect("YAML");
    let project = project();
    project.run("run -q spec.yaml --baseline kept.json --update-baseline").done();
    let mut inputs = BTreeMap::from([("spec", "spec.yaml"), ("baseline", "kept.json")]);
    inputs.insert("arguments", "--set name=kept --jobs 2");
    let step = |name: &str| {
        let steps = action["runs"]["steps"].as_sequence().expect("a list");
        let found = steps.iter().find(|step| step["name"].as_str() == Some(name));
        let step = found.unwrap_or_else(|| panic!("no step `{name}`"));
        let mut command = Command::new("bash");
        command.args(["-eo", "pipefail", "-c", step["run"].as_str().expect("a script")]);
        command.current_dir(project.dir()).env_remove("GITHUB_ACTIONS");
        for (variable, value) in step["env"].as_mapping().expect("variables") {
            let value = value.as_str().expect("a text");
            let given = value.strip_prefix("${{ inputs.").and_then(|v| v.strip_suffix(" }}"));
            let value = match given {
                Some(input) => inputs.get(input).copied().unwrap_or_else(|| {
                    action["inputs"][input]["default"].as_str().expect("it has a default")
                }),
                None => env!("CARGO_BIN_EXE_humshift"),
            };
            command.env(variable.as_str().expect("a name"), value);
        }
        Output::new(command.output().expect("bash starts"))
    };
    step("Run").done();
    assert!(project.path("humshift-junit.xml").exists());
    step("Report").done();
    let page = fs::read_to_string(project.path("humshift-report.html")).expect("a report");
    assert!(page.contains("<!doctype html>") || page.contains("<!DOCTYPE html>"));
    step("Keep records and metric tables, which are kilobytes").done();
    // The next job has what this one kept, and runs nothing.
    let again = step("Run").done();
    assert!(again.stderr.contains("0 stages ran"), "{}", again.stderr);
}
