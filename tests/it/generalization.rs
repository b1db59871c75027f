//! Domain generalisation, thresholds and submissions, from spec to tables.

use std::fs;

use crate::project::{Project, tree};

/// The twin of one machine, two sections, small.
const SPEC: &str = "\
name: small
data:
  synthetic:
    machines: [fan]
    sections: 2
    seconds: 0.5
    rate: 8000
    clips: { source_train: 20, target_train: 4, normal: 6, anomaly: 6 }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
";

fn with(more: &str) -> Project {
    Project::with(&format!("{SPEC}{more}"))
}

/// The labels of the stages that a run of the project would run.
fn to_run(project: &Project) -> Vec<String> {
    project
        .plan()
        .into_iter()
        .filter(|(_, standing)| standing != "cached")
        .map(|(label, _)| label)
        .collect()
}

#[test]
fn every_technique_works_with_every_other() {
    let project = with(
        "sweep:
  generalization.feature_normalization: [ ~, domain, section, clip ]
  generalization.smote: [ ~, { ratio: 0.5 }, { ratio: 0.5, on: waveforms } ]
  generalization.references: [ ~, domain, attribute ]
  generalization.score_normalization: [ ~, section, domain, attribute ]
generalization: { mixup: { ratio: 0.5 }, memmixup: { neighbours: 2 }, scope: machine }
",
    );
    let results = project.run("run spec.yaml --json").done().json();
    let points = results["points"].as_array().expect("a list");
    assert_eq!(points.len(), 144);
    assert!(points.iter().all(|p| p["official"].is_number()), "every point has a score");
    let different: std::collections::BTreeSet<String> =
        points.iter().map(|p| p["official"].to_string()).collect();
    assert!(different.len() > 20, "{} different scores", different.len());
}

#[test]
fn a_technique_reruns_training_alone_and_waveforms_add_their_own_stages() {
    let project = with("");
    project.run("run spec.yaml").done();
    let spec = fs::read_to_string(project.path("spec.yaml")).unwrap();
    let change = |line: &str| project.write("spec.yaml", format!("{spec}{line}\n"));
    change("generalization: { smote: { ratio: 0.5 } }");
    let stages = to_run(&project);
    assert!(
        stages.iter().all(|s| ["training", "scoring", "metrics"].iter().any(|w| s.starts_with(w))),
        "{stages:?}"
    );
    change("generalization: { smote: { ratio: 0.5, on: waveforms } }");
    let stages = to_run(&project);
    assert!(stages.iter().any(|s| s.starts_with("interpolation/")), "{stages:?}");
    assert!(!stages.iter().any(|s| s.starts_with("features/")), "{stages:?}");
    change("generalization: { temporal_mean_subtraction: true }");
    let stages = to_run(&project);
    assert!(stages.iter().any(|s| s.starts_with("pooling/")), "{stages:?}");
    change("generalization: { references: ~, smote: ~ }");
    assert_eq!(to_run(&project), Vec::<String>::new());
}

#[test]
fn a_threshold_trains_nothing_again_and_another_share_only_counts() {
    let project = with("threshold: { gamma: { scores: held_out } }\n");
    project.edit("spec.yaml", "threshold: { gamma: { scores: held_out } }\n", "");
    project.run("run spec.yaml").done();
    let spec = fs::read_to_string(project.path("spec.yaml")).unwrap();
    let change = |line: &str| project.write("spec.yaml", format!("{spec}{line}\n"));
    change("threshold: { gamma: { percentile: 0.9 } }");
    let stages = to_run(&project);
    assert!(
        stages.iter().all(|s| s.starts_with("calibration/") || s.starts_with("metrics/")),
        "{stages:?}"
    );
    project.run("run spec.yaml").done();
    change("threshold: { quantile: { percentile: 0.8 } }");
    assert!(to_run(&project).iter().all(|s| s.starts_with("metrics/")), "{:?}", to_run(&project));
}

#[test]
fn a_submission_evaluates_to_the_table_it_came_from() {
    let project = with("threshold: { gamma: { percentile: 0.8 } }\n");
    let ours = project.run("run spec.yaml --json").done().json();
    project.run("report spec.yaml --submission out").done();
    let theirs = project.run("evaluate out --protocol dcase2022 --json").done().json();
    assert_eq!(theirs["official_score"], ours["points"][0]["official"]);
    let text = theirs.to_string();
    for row in ours["points"][0]["rows"].as_array().expect("a list") {
        if ["precision", "recall"].contains(&row["metric"].as_str().expect("a text")) {
            assert!(text.contains(&row["value"].to_string()), "{row} is not in {text}");
        }
    }
    // Decisions of another spec do not stay beside new scores.
    let decisions = || {
        let names = fs::read_dir(project.path("out/teams/small/small_1"))
            .expect("a folder")
            .flatten()
            .map(|file| file.file_name());
        names.filter(|name| name.to_string_lossy().starts_with("decision_result_")).count()
    };
    assert!(decisions() > 0);
    project.edit("spec.yaml", "threshold: { gamma: { percentile: 0.8 } }\n", "");
    project.run("run spec.yaml").done();
    project.run("report spec.yaml --submission out").done();
    assert_eq!(decisions(), 0);
}

#[test]
fn a_package_has_a_form_to_complete_and_the_table_of_the_evaluators() {
    let project =
        with("threshold: { gamma: { percentile: 0.8 } }\nsweep: { detector.knn.k: [1, 2] }\n");
    project.run("run spec.yaml").done();
    let labels = "--team A_B_task2 --system A_B_task2_1";
    let told = project.run(&format!("report spec.yaml --submission out {labels}")).done().stderr;
    assert!(
        told.contains(
            "8 files of scores and decisions in out, 2 tables of results; complete `FILL IN`"
        ),
        "{told}"
    );
    project.run("report spec.yaml --set detector.knn.k=2 --submission one").done();
    let names = || tree(&project.path("one")).into_keys().collect::<Vec<String>>();
    let place = "teams/small/small_1";
    let all = [
        ".humshift-submission".to_owned(),
        format!("{place}/anomaly_score_fan_section_00_test.csv"),
        format!("{place}/anomaly_score_fan_section_01_test.csv"),
        format!("{place}/decision_result_fan_section_00_test.csv"),
        format!("{place}/decision_result_fan_section_01_test.csv"),
        format!("{place}/small_1.meta.yaml"),
        "teams_result/small_1_result.csv".to_owned(),
    ];
    assert_eq!(names(), all);
    // One point of a sweep is one system. Files that no report made stay beside it.
    let saw = format!("one/{place}/anomaly_score_saw_section_00_test.csv");
    project.write(&saw, "a.wav,1\n");
    let told = project.run("report spec.yaml --where k=2 --submission one").done().stderr;
    assert!(told.contains("because the truth about their clips is not known: saw 00\n"), "{told}");
    project.remove(&saw);
    assert_eq!(names(), all);
    project.run("report spec.yaml --where section=00 --where k=2 --submission part").done();
    let table = |path: &str| fs::read_to_string(project.path(path)).unwrap();
    let part = table("part/teams_result/small_1_result.csv");
    assert!(part.ends_with("\nnumber of sections,,1\n"), "{part}");
    project.run("report spec.yaml --where k=2 --submission one").done();
    project.run("report spec.yaml --submission two").done();
    let systems: Vec<_> =
        fs::read_dir(project.path("two/teams/small")).unwrap().flatten().collect();
    let mut systems: Vec<_> = systems.iter().map(|entry| entry.file_name()).collect();
    systems.sort();
    assert_eq!(systems, ["small_1_1", "small_1_2"]);
    let evaluated =
        project.run("evaluate one --protocol dcase2026 --format evaluator").done().stdout;
    let counted = format!("{evaluated}number of sections,,2\n");
    assert_eq!(counted, table("one/teams_result/small_1_result.csv"));
    assert_eq!(counted, table("out/teams_result/A_B_task2_1_2_result.csv"));
    insta::assert_snapshot!("evaluator_table", evaluated);
    let form = table("one/teams/small/small_1/small_1.meta.yaml");
    insta::assert_snapshot!("meta", form);
    let compared = project
        .run("evaluate one --protocol dcase2022 --compare one/teams_result/small_1_result.csv")
        .done();
    assert!(
        compared.stdout.contains("42 numbers agree, 42 of them to the last digit"),
        "{}",
        compared.stdout
    );
    project.write("fewer.csv", counted.replace("sections,,2", "sections,,1"));
    let fewer = project.run("evaluate one --protocol dcase2022 --compare fewer.csv").exits(1);
    assert!(fewer.stdout.contains("1 of 42 numbers differ"), "{}", fewer.stdout);
    // All systems of a package, in their own words.
    let all = project.run("evaluate out --protocol dcase2022 --json").done().json();
    assert_eq!(all["systems"][1]["system"], "teams/A_B_task2/A_B_task2_1_2");
    let several =
        project.run("evaluate out --protocol dcase2022 --format evaluator").exits(2).stderr;
    assert!(
        several.contains("error[E0809]: `--format evaluator` has no table for several systems"),
        "{several}"
    );
    let odd = project.run("report spec.yaml --submission out --team ../x").exits(2).stderr;
    assert!(odd.contains("a label has letters, digits"), "{odd}");
}

#[test]
fn thresholds_are_shown_with_what_is_wrong_with_them() {
    let project = with("threshold: { gamma: { scores: training } }\n");
    let report = project.run("run spec.yaml").done().stdout;
    assert!(report.contains("write `scores: held_out`"), "{report}");
    let project = with("threshold: { quantile: { percentile: 0.9 } }\n");
    insta::assert_snapshot!("decisions", project.run("run spec.yaml").done().stdout);
}

#[test]
fn a_technique_with_nothing_to_do_is_a_note_under_the_tables_each_time() {
    let project = Project::with(&SPEC.replace("target_train: 4", "target_train: 1"));
    let spec = fs::read_to_string(project.path("spec.yaml")).unwrap();
    let smote = "generalization: { smote: { ratio: 0.5 } }\nsweep: { generalization.target_clips: [ ~, 3 ] }\n";
    project.write("spec.yaml", format!("{spec}{smote}"));
    let note =
        "`smote` makes no clips: it needs 2 target clips, but there is 1 clip (fan 00, fan 01)";
    let limit = "`target_clips: 3` leaves out nothing: there is 1 target clip to train on (fan 00, fan 01; 1 of 2 points)";
    let checked = project.run("check spec.yaml");
    assert!(
        checked.stderr.contains(&format!("warning: {note}\nwarning: {limit}\n")),
        "{}",
        checked.stderr
    );
    let first = project.run("run spec.yaml").done();
    let text = format!("\nSettings without effect:\n\n* {note}\n* {limit}\n");
    assert!(first.stdout.ends_with(&text), "{}", first.stdout);
    // All of it is cached now.
    for again in ["run spec.yaml", "report spec.yaml"] {
        assert_eq!(project.run(again).done().stdout, first.stdout);
    }
    let json = project.run("report spec.yaml --json").done().json();
    assert_eq!(json["notes"][0]["sections"], serde_json::json!(["fan 00", "fan 01"]));
    assert_eq!(json["notes"][1]["points"], serde_json::json!([1]));
    let other = project
        .run("run spec.yaml --set generalization.smote=~ --set generalization.target_clips=1")
        .done();
    assert!(!other.stdout.contains("without effect"), "{}", other.stdout);
}

#[test]
fn bands_without_a_frequency_are_told() {
    let project = Project::with(&SPEC.replace("mels: 16", "mels: 400"));
    let told = project.run("check spec.yaml").done();
    let run = project.run("run spec.yaml").done();
    let warning = told.stderr.lines().next().unwrap_or_default();
    let expected = "of the 400 bands of `mels` are empty: at 8000 Hz `frame: 256` has 129 frequencies, and none of them is \
                    in these bands; write fewer `mels` or a longer `frame`";
    assert!(
        warning.starts_with("warning: `features.log_mel`: ") && warning.ends_with(expected),
        "{warning}"
    );
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}
