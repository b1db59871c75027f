//! Long recordings that are cut into clips, from spec to files.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::flac::of_wav;
use crate::project::{Output, Project, tree};
use crate::sounds::{self, Form, LENGTH, RATE};
use humshift::artifact::Channel;
use humshift::source::wav;

/// Recordings of three clips and an end.
const SPEC: &str = "\
name: long
data:
  folder:
    root: long
    pattern: \"{machine}_{domain}_{split}_{label}_{*}.wav\"
    cut: { seconds: SECONDS }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
";

/// Samples of the end of a recording.
const END: usize = LENGTH / 4;

fn spec() -> String {
    SPEC.replace("SECONDS", &(LENGTH as f64 / f64::from(RATE)).to_string())
}

/// Long recordings below `long/`, and below `short/` the clips that they are cut into.
fn project() -> Project {
    let project = Project::with(&spec());
    for domain in ["source", "target"] {
        for (split, label) in [("train", "normal"), ("test", "normal"), ("test", "anomaly")] {
            for i in 0..2 {
                let name = format!("pump_{domain}_{split}_{label}_{i}");
                let parts: Vec<Vec<f64>> =
                    (0..4).map(|part| sounds::hum(&format!("{name}_{part}"))).collect();
                let whole = parts.concat();
                let whole = &whole[..3 * LENGTH + END];
                project.write(&format!("long/{name}.wav"), sounds::wav(whole, RATE, Form::Int24));
                for (part, samples) in parts.iter().take(3).enumerate() {
                    let at = (part * LENGTH) as f64 / f64::from(RATE);
                    let name = format!("short/{name}#{at:09.3}.wav");
                    project.write(&name, sounds::wav(samples, RATE, Form::Int24));
                }
            }
        }
    }
    project
}

/// What the plan knows of the outputs of the stages of features.
fn features(plan: &Output) -> Vec<Value> {
    let plan = plan.json();
    let stages = plan["stages"].as_array().expect("a list");
    let of = |stage: &&Value| stage["label"].as_str().unwrap().starts_with("features/");
    let outputs: Vec<Value> =
        stages.iter().filter(of).map(|stage| stage["outputs"].clone()).collect();
    assert!(!outputs.is_empty() && outputs.iter().all(|o| o["train/features"].is_string()));
    outputs
}

#[test]
fn a_cut_recording_gives_what_its_clips_as_files_give() {
    let project = project();
    let check = project.run("check spec.yaml").done();
    let note = "`data.folder`: `cut` makes 36 clips of ";
    assert!(check.stderr.contains(note), "{}", check.stderr);
    assert!(check.stderr.contains("left out: 12 ends, "), "{}", check.stderr);
    let cut = project.run("run spec.yaml --quiet").done().stdout;
    let of_cut = features(&project.run("plan spec.yaml --json").done());
    let seconds = format!("\n    cut: {{ seconds: {} }}", LENGTH as f64 / f64::from(RATE));
    project.edit("spec.yaml", &seconds, "");
    project.edit("spec.yaml", "root: long", "root: short");
    let short = project.run("run spec.yaml --quiet").done().stdout;
    assert_eq!(features(&project.run("plan spec.yaml --json").done()), of_cut);
    assert_eq!(short, cut);
}

#[test]
fn flac_is_cut_as_wav_is_and_damage_is_told() {
    let project = project();
    let as_wav = project.run("run spec.yaml").done().stdout;
    let of_wavs = features(&project.run("plan spec.yaml --json").done());
    for (name, path) in tree(&project.path("long")) {
        let bytes = of_wav(&fs::read(&path).unwrap());
        project.write(&format!("long/{}", name.replace(".wav", ".flac")), bytes);
        fs::remove_file(path).unwrap();
    }
    project.edit("spec.yaml", "_{*}.wav", "_{*}.flac");
    let check = project.run("check spec.yaml").done();
    let note = "`data.folder`: `cut` makes 36 clips of ";
    assert!(check.stderr.contains(note), "{}", check.stderr);
    let run = project.run("run spec.yaml").done();
    assert_eq!(run.stdout, as_wav);
    // The recordings are others; what is made of them is the same from the features on.
    assert!(run.ran().iter().all(|l| l.starts_with("dataset/") || l.starts_with("features/")));
    assert_eq!(features(&project.run("plan spec.yaml --json").done()), of_wavs);
    let name = "long/pump_source_train_normal_0.flac";
    let mut bytes = fs::read(project.path(name)).unwrap();
    bytes[5000] ^= 1;
    project.write(name, &bytes);
    let told = project.run("run spec.yaml").exits(1).stderr;
    assert!(told.contains(&format!("{name}: damaged: ")), "{told}");
    bytes.truncate(9000);
    project.write(name, &bytes);
    let told = project.run("check spec.yaml").exits(2).stderr;
    assert!(told.contains(&format!("{name}: truncated: ")), "{told}");
}

#[test]
fn a_cut_data_set_is_written_and_reads_back() {
    let project = project();
    project.run("dataset write spec.yaml -o out").done();
    let written: BTreeMap<String, _> = tree(&project.path("out/pump"))
        .into_iter()
        .filter(|(name, _)| name.ends_with(".wav"))
        .collect();
    assert_eq!(written.len(), 36);
    let read = |path: &std::path::Path| wav::read(path, Channel::Mean).unwrap().samples;
    let heard: Vec<Vec<f32>> = written.values().map(|path| read(path)).collect();
    for path in tree(&project.path("short")).values() {
        let clip = read(path);
        let near = |other: &&Vec<f32>| {
            other.len() == clip.len()
                && other.iter().zip(&clip).all(|(a, b)| (a - b).abs() < 1.0 / 32_768.0)
        };
        assert_eq!(heard.iter().filter(near).count(), 1, "{}", path.display());
    }
}

#[test]
fn long_noise_is_mixed_in_parts() {
    let project = project();
    let noise: Vec<f64> =
        (0..5 * LENGTH).map(|n| 0.3 * ((n * n % 97) as f64 / 48.0 - 1.0)).collect();
    project.write("noise/press/0.wav", sounds::wav(&noise, RATE, Form::Int16));
    let seconds = LENGTH as f64 / f64::from(RATE);
    let mix = format!(
        "mix:\n  snr_db: -6\n  noise: {{ folder: {{ root: noise, pattern: \"{{machine}}/{{*}}.wav\", \
         defaults: {{ split: train }}, cut: {{ seconds: {seconds} }} }} }}\nfeatures:"
    );
    project.edit("spec.yaml", "features:", &mix);
    project.run("dataset write spec.yaml -o out").done();
    let recipe = fs::read_to_string(project.path("out/pump/mixing_00.csv")).unwrap();
    let rows: Vec<&str> = recipe.lines().skip(1).collect();
    assert!(rows.len() == 36 && rows.iter().all(|row| row.contains("cut:mean:")), "{recipe}");
    let starts = rows.iter().filter_map(|row| row.split("press/0#").nth(1)?.split(".wav").next());
    let starts: std::collections::BTreeSet<&str> = starts.collect();
    assert_eq!(starts.len(), 5, "all clips of the noise are drawn: {starts:?}");
}

#[test]
fn lengths_out_of_bounds_and_odd_files_are_told_at_check() {
    let project = project();
    let told = |set: &str, code: i32| {
        let output = project.run(&format!("check spec.yaml --set data.folder.cut={set}"));
        assert_eq!(output.code, code, "{}", output.stderr);
        output.stderr
    };
    assert!(told(r#"{"seconds":0}"#, 2).contains("seconds` is 0, outside 0.01..3600"));
    assert!(told(r#"{"seconds":1,"hop":-1}"#, 2).contains("hop` is -1, outside 0.01..3600"));
    assert!(told(r#"{"seconds":1000}"#, 2).contains("it is shorter than a clip of 1000 s"));
    assert!(told(r#"{"hop":1}"#, 2).contains("seconds"));
    project.write("long/pump_source_train_normal_0.wav", "RIFF");
    assert!(told(r#"{"seconds":0.1}"#, 2).contains("pump_source_train_normal_0.wav"));
}
