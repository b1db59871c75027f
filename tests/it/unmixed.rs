//! What `mix` gives by an attribute or a domain: `check` tells of clips that get nothing, as a run
//! would.

use crate::project::Project;
use crate::sounds;

const SPEC: &str = "\
name: levels
data: { dcase: { root: data } }
mix:
  noise: { factory: { seconds: 0.25, rate: 8000 } }
  snr_db: { lv: { L1: 3, L2: -3 } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
";
const BY_LEVEL: &str = "{ lv: { L1: 3, L2: -3 } }";
const FIRST: &str = "fan/train/section_00_source_train_normal_0002_lv_L3.wav";

/// A fan whose training clips have the levels L1, L2 and L3 in turn. Those to test with have L1.
fn project() -> Project {
    let project = Project::with(SPEC);
    for domain in ["source", "target"] {
        for (split, label) in [("train", "normal"), ("test", "normal"), ("test", "anomaly")] {
            for i in 0..4 {
                let level = if split == "train" { 1 + i % 3 } else { 1 };
                let path = format!(
                    "fan/{split}/section_00_{domain}_{split}_{label}_{i:04}_lv_L{level}.wav"
                );
                project.write(&format!("data/{path}"), sounds::clip(&path));
            }
        }
    }
    project
}

/// The mistakes of the spec with these levels.
fn told(project: &Project, levels: &str) -> String {
    project.spec(&SPEC.replace(BY_LEVEL, levels));
    project.run("check spec.yaml").exits(2).stderr
}

#[test]
fn values_without_a_level_are_told_before_anything_runs() {
    let project = project();
    let told_of = told(&project, BY_LEVEL);
    let why = format!("clip `{FIRST}`: its `lv` is `L3`, but levels are given only for L1, L2");
    let message = format!(
        "error[E0725]: there is no level of noise for 2 of 24 clips, whose `lv` is `L3`; {why}\n"
    );
    assert!(told_of.starts_with(&message), "{told_of}");
    assert!(told_of.contains("--> spec.yaml:5:17"), "{told_of}");
    assert!(told_of.contains("= help: give each value a level"), "{told_of}");
    let run = project.run("run spec.yaml").exits(1).stderr;
    assert!(run.contains(&why), "{run}");
    let json = project.run("check spec.yaml --json").exits(2).json();
    assert_eq!(json[0]["mistakes"][0]["place"]["line"], 5);

    let two = told(&project, "{ lv: { L1: 3 } }");
    assert!(two.contains("for 4 of 24 clips, whose `lv` is `L2`, `L3`; clip"), "{two}");
    let misspelt = told(&project, "{ lv: { L1: 3, L2: -3, L33: 0 } }");
    let hint = "= help: no clip has the value `L33`; did you mean `L3`?";
    assert!(misspelt.contains(hint), "{misspelt}");
    project.spec(&SPEC.replace("L2: -3", "L2: -3, L3: 0"));
    project.run("check spec.yaml").done();
    project.run("run spec.yaml").done();
}

#[test]
fn clips_without_what_decides_their_level_are_told() {
    let project = project();
    let other = told(&project, "{ vl: { L1: 3 } }");
    let message = "there is no level of noise for 24 of 24 clips; clip `fan/test/";
    assert!(other.contains(message), "{other}");
    assert!(other.contains("it has no attribute `vl`, which says its noise level"), "{other}");
    assert!(other.contains("= help: did you mean `lv`?"), "{other}");
    // One clip may lack what the others have, as those of `supplemental` folders do.
    let path = "fan/train/section_00_source_train_normal_0009_noAttribute.wav";
    project.write(&format!("data/{path}"), sounds::clip(path));
    let one = told(&project, "{ lv: { L1: 3, L2: -3, L3: 0 } }");
    assert!(one.contains(&format!("for 1 of 25 clips; clip `{path}`: it has no")), "{one}");
    assert!(one.contains("= help: write one level for all clips"), "{one}");
    // A name of 2023 and later may hide the domain of a clip to test with.
    let path = "fan/test/section_00_0001.wav";
    project.write(&format!("data/{path}"), sounds::clip(path));
    let domain = told(&project, "{ source: 3, target: { uniform: [-6, 6] } }");
    let why = format!("clip `{path}`: its domain is unknown, but the mix depends on it");
    assert!(domain.contains(&format!("for 1 of 26 clips; {why}")), "{domain}");
}

#[test]
fn each_setting_is_told_once_and_at_its_place() {
    let project = project();
    let swept = format!("[3, {BY_LEVEL}, {{ lv: {{ L1: 0, L2: 0 }} }}]");
    let line = format!("  snr_db: {BY_LEVEL}\n");
    let sweep = format!("sweep:\n  mix.seed: [0, 1]\n  mix.snr_db: {swept}\n");
    project.spec(&format!("{}{sweep}", SPEC.replace(&line, "")));
    let told_of = project.run("check spec.yaml").exits(2).stderr;
    assert_eq!(told_of.matches("E0725").count(), 1, "{told_of}");
    assert!(told_of.contains("--> spec.yaml:10:25"), "{told_of}");
    let layers = format!("  layers:\n    - snr_db: 3\n    - snr_db: {BY_LEVEL}\n");
    project.spec(&SPEC.replace(&line, &layers));
    let told_of = project.run("check spec.yaml").exits(2).stderr;
    assert!(told_of.contains("--> spec.yaml:7:21"), "{told_of}");
}

#[test]
fn types_of_noise_that_no_recording_has_are_told() {
    let project = project();
    let types = |types: &str| format!("snr_db: 3\n  types: {types}");
    project.spec(&SPEC.replace(&format!("snr_db: {BY_LEVEL}"), &types("{ attribute: lv }")));
    let told_of = project.run("check spec.yaml").exits(2).stderr;
    let message =
        "there is no type of noise for 24 of 24 clips, whose `lv` is `L1`, `L2`, `L3`; clip";
    assert!(told_of.contains(message), "{told_of}");
    assert!(told_of.contains("--> spec.yaml:6:23"), "{told_of}");
    assert!(told_of.contains("= help: give `noise` recordings of each type"), "{told_of}");
    let run = project.run("run spec.yaml").exits(1).stderr;
    assert!(run.contains("there is no noise of type `L1`; known: A, B, C, W, X, Y, Z"), "{run}");

    project.spec(&SPEC.replace(&format!("snr_db: {BY_LEVEL}"), &types("{ attribute: vl }")));
    let told_of = project.run("check spec.yaml").exits(2).stderr;
    assert!(told_of.contains("it has no attribute `vl`, which `types` names"), "{told_of}");
    assert!(told_of.contains("= help: did you mean `lv`?"), "{told_of}");
}

#[test]
fn a_clip_of_an_unknown_domain_gets_no_room_of_a_domain() {
    let project = project();
    let path = "fan/test/section_00_0001.wav";
    project.write(&format!("data/{path}"), sounds::clip(path));
    let by_domain = "snr_db: 3\n  response: { rt60: { source: 0.2, target: 0.6 } }";
    project.spec(&SPEC.replace(&format!("snr_db: {BY_LEVEL}"), by_domain));
    let told_of = project.run("check spec.yaml").exits(2).stderr;
    let why = format!("clip `{path}`: its domain is unknown, but the mix depends on it");
    let message = format!("there is no reverberation time for 1 of 25 clips; {why}");
    assert!(told_of.contains(&message), "{told_of}");
    assert!(told_of.contains("--> spec.yaml:6:21"), "{told_of}");
    let run = project.run("run spec.yaml").exits(1).stderr;
    assert!(run.contains(&why), "{run}");
}
