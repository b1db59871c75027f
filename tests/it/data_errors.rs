//! What the owner of odd recordings is told: a snapshot for each oddity, and never a panic.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use crate::project::{Output, Project};
use crate::sounds::{self, Form, LENGTH, RATE, SPEC};

type Files = BTreeMap<String, Vec<u8>>;

/// The recordings of one machine, without tables; section 01 stays sound in most tests.
fn fan() -> Files {
    sounds::data_set()
        .into_iter()
        .filter(|(path, _)| path.contains("/fan/") && path.ends_with(".wav"))
        .collect()
}

/// The first test clip of section 00.
fn victim() -> String {
    format!("data/{}", sounds::path("fan", "test", "00", "source", "normal", 0))
}

fn with(path: &str, bytes: Vec<u8>) -> Files {
    let mut files = fan();
    files.insert(path.to_owned(), bytes);
    files
}

/// Section 00 without the clips whose path contains all of `words`.
fn without(words: &[&str]) -> Files {
    let gone =
        |path: &str| path.contains("section_00") && words.iter().all(|word| path.contains(word));
    fan().into_iter().filter(|(path, _)| !gone(path)).collect()
}

fn run(files: &Files, spec: &str) -> (Project, Output) {
    let project = Project::with(spec);
    project.write_all(files);
    let output = project.run("run spec.yaml --jobs 1 --executor serial");
    assert!(
        !output.stderr.contains("panicked") && !output.stderr.contains("a bug in humshift"),
        "{}",
        output.stderr
    );
    (project, output)
}

/// Exit code; of the report the lines of sections and the reasons of dashes; of what was said all
/// but the stages that went well. Times and folders are left out.
fn told(project: &Project, output: &Output) -> String {
    let mut text = format!("exit code {}\n", output.code);
    let ill = |line: &str| line.contains("FAILED") || line.contains("skipped");
    let told =
        output.stdout.lines().filter(|line| line.starts_with("| fan") || line.starts_with("* "));
    for line in told.chain(output.stderr.lines().filter(|line| !line.starts_with('[') || ill(line)))
    {
        let line = if line.contains(" stages ran, ") {
            line.rsplit_once(" in ").expect("a time").0
        } else {
            line
        };
        writeln!(text, "{line}").expect("a string takes all");
    }
    let real = fs::canonicalize(project.dir()).expect("it is there");
    let text = text
        .replace(&real.display().to_string(), "DIR")
        .replace(&project.dir().display().to_string(), "DIR");
    text.replace(&project.cache().display().to_string(), "CACHE")
}

fn snapshot(name: &str, files: &Files, spec: &str, code: i32) {
    let (project, output) = run(files, spec);
    let text = told(&project, &output);
    assert_eq!(output.code, code, "{name}\n{text}");
    insta::assert_snapshot!(name, text);
}

#[test]
fn broken_files_fail_their_section_and_are_named() {
    let good = sounds::clip(&victim());
    let cut = good[..good.len() / 2].to_vec();
    snapshot("truncated", &with(&victim(), cut), SPEC, 1);
    snapshot("header_alone", &with(&victim(), good[..20].to_vec()), SPEC, 1);
    snapshot("zero_length", &with(&victim(), Vec::new()), SPEC, 1);
    snapshot("zero_samples", &with(&victim(), sounds::wav(&[], RATE, Form::Int16)), SPEC, 1);
    snapshot(
        "text_renamed",
        &with(&victim(), b"file_name,label\na.wav,normal\n".to_vec()),
        SPEC,
        1,
    );
    snapshot(
        "not_a_number",
        &with(&victim(), sounds::wav(&[0.1, f64::NAN], RATE, Form::Float32)),
        SPEC,
        1,
    );
    let slow = sounds::wav(&sounds::hum(&victim()), RATE / 2, Form::Int16);
    snapshot("mixed_rates", &with(&victim(), slow), SPEC, 1);
}

#[test]
fn spectra_of_unequal_clips() {
    let spec = SPEC.replace("log_mel: { frame: 256, hop: 128, mels: 16 }", "clip_spectrum: {}");
    assert_ne!(spec, SPEC);
    let mut longer = sounds::hum("valve");
    longer.extend(sounds::hum("fan"));
    snapshot(
        "spectra_of_unequal_clips",
        &with(&victim(), sounds::wav(&longer, RATE, Form::Int16)),
        &spec,
        1,
    );
}

#[test]
fn clips_of_all_lengths() {
    let short = sounds::wav(&sounds::hum(&victim())[..100], RATE, Form::Int16);
    let long = sounds::wav(&sounds::hum(&victim()).repeat(3), RATE, Form::Int16);
    let uncentred = SPEC.replace("mels: 16", "mels: 16, center: false");
    snapshot("shorter_than_a_frame", &with(&victim(), short.clone()), &uncentred, 1);
    // Padding makes a frame of anything.
    run(&with(&victim(), short), SPEC).1.done();
    run(&with(&victim(), long.clone()), SPEC).1.done();
    run(&with(&victim(), long), &uncentred).1.done();
    run(&with(&victim(), sounds::wav(&[0.0; LENGTH], RATE, Form::Int16)), SPEC).1.done();
}

#[test]
fn samples_of_24_bit_and_float_are_read() {
    let reference = run(&fan(), SPEC).1.done();
    for form in [Form::Int24, Form::Float32] {
        let files = fan().into_keys().map(|path| {
            let bytes = sounds::wav(&sounds::hum(path.trim_start_matches("data/")), RATE, form);
            (path, bytes)
        });
        let found = run(&files.collect(), SPEC).1.done();
        // The rounding to 16 bit is far below the noise; ranks can only change between equals.
        let numbers = |text: &str| -> Vec<f64> {
            text.split(['|', ' ']).filter_map(|word| word.trim_matches('*').parse().ok()).collect()
        };
        let (a, b) = (numbers(&reference.stdout), numbers(&found.stdout));
        assert!(!a.is_empty() && a.len() == b.len(), "{form:?}");
        assert!(
            a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 6.0),
            "{form:?}\n{}\n{}",
            reference.stdout,
            found.stdout
        );
    }
}

#[test]
fn folders_without_a_data_set() {
    snapshot("missing_folder", &Files::new(), SPEC, 2);
    let project = Project::with(SPEC);
    let channels = project.run("check spec.yaml --set data.dcase.channel=[first,second,cancel]");
    let missing = channels.exits(2).stderr;
    assert_eq!(
        missing.matches("E0701").count(),
        1,
        "a folder that many points lack is told once: {missing}"
    );
    fs::create_dir(project.path("data")).expect("it is not there yet");
    let output = project.run("run spec.yaml");
    insta::assert_snapshot!("empty_root", told(&project, &output));
    assert_eq!((output.code, project.run("check spec.yaml").code), (2, 2));
    let readme = Files::from([("data/README.md".to_owned(), b"recordings to come".to_vec())]);
    snapshot("no_recordings", &readme, SPEC, 2);
    let deeper = fan()
        .into_iter()
        .map(|(path, bytes)| (path.replace("data/", "data/raw/more/"), bytes))
        .collect();
    snapshot("two_levels_deeper", &deeper, SPEC, 2);
}

#[test]
fn recordings_of_no_section_are_told_and_left_out() {
    let stray = "data/fan/test/recording 7.wav";
    let (project, output) = run(&with(stray, sounds::clip("stray")), SPEC);
    insta::assert_snapshot!("stray", told(&project, &output));
    let clean = run(&fan(), SPEC).1.done();
    assert_eq!((output.code, output.stdout), (0, clean.stdout));
    let check = project.run("check spec.yaml").done();
    assert!(
        check.stderr.starts_with("warning: 1 recording belongs to no section"),
        "{}",
        check.stderr
    );
}

#[test]
fn a_machine_that_would_be_lost_is_an_error() {
    // All names of a folder are odd.
    let mut files = fan();
    files.insert("data/saw/train/a.wav".to_owned(), sounds::clip("a"));
    files.insert(
        "data/saw/test/section_00_source_test_normal_0000.wav".to_owned(),
        sounds::clip("b"),
    );
    let (project, run) = run(&files, SPEC);
    let check = project.run("check spec.yaml").exits(2).stderr;
    let told = "error[E0701]: the recording of `data/saw/train` cannot be used; `a.wav`: its name starts with none of";
    let told = told.replace("data/", "");
    assert!(check.starts_with(&told) && run.exits(2).stderr.starts_with(&told), "{check}");
    assert!(check.contains("choose the machines to use"), "{check}");
    project.run("check spec.yaml --set data.dcase.machines=[fan]").done();
}

#[test]
fn every_recording_that_cannot_be_read_is_told_at_check() {
    let check = |files: &Files, spec: &str| {
        let project = Project::with(spec);
        project.write_all(files);
        project.run("check spec.yaml")
    };
    let broken = |part: &str| {
        let mut files = fan();
        for (path, bytes) in files.iter_mut().filter(|(path, _)| path.contains(part)) {
            *bytes = format!("<html>{path}").into_bytes();
        }
        check(&files, SPEC).exits(2).stderr
    };
    for (part, count) in [
        ("section_00", "none of the 20 recordings of section 00 of `fan` can be read; "),
        ("train/section_00", "8 of 20 recordings of section 00 of `fan` cannot be read; "),
        ("train/section_00_target", "2 of 20 recordings of section 00 of `fan` cannot be read; "),
        ("test/section_00", "12 of 20 recordings of section 00 of `fan` cannot be read; "),
    ] {
        let told = broken(part);
        assert!(told.starts_with(&format!("error[E0722]: {count}data/fan/t")), "{part}: {told}");
        assert!(told.contains("not a WAV file: it begins with `<html>da`"), "{part}: {told}");
    }
    let one = |bytes: Vec<u8>| check(&with(&victim(), bytes), SPEC).exits(2).stderr;
    let good = sounds::clip(&victim());
    for (bytes, why) in
        [(Vec::new(), "the file is empty"), (good[..good.len() / 2].to_vec(), "truncated: ")]
    {
        let told = one(bytes);
        let expected = format!(
            "error[E0722]: 1 of 20 recordings of section 00 of `fan` cannot be read; {}: {why}",
            victim()
        );
        assert!(told.starts_with(&expected), "{told}");
    }
    let slow = sounds::wav(&sounds::hum(&victim()), RATE / 2, Form::Int16);
    let told = one(slow.clone());
    let expected = format!(
        "error[E0722]: recordings of section 00 of `fan` have rates of 4000 Hz (1) and 8000 Hz (19); {}: 4000 Hz\n",
        victim()
    );
    assert!(told.starts_with(&expected) && told.contains("write `rate: 8000` beside"), "{told}");
    let resampled = SPEC.replace("root: data }", "root: data, rate: 8000 }");
    check(&with(&victim(), slow), &resampled).done();
    // Noise may have other rates, but must be readable, too.
    let noise =
        "folder: { root: noise, pattern: \"{machine}/{*}.wav\", defaults: { split: train } }";
    let mut files = with("noise/A/0.wav", sounds::wav(&sounds::hum("a"), 11_025, Form::Int16));
    files.insert("noise/A/1.wav".to_owned(), b"x".to_vec());
    let told = check(&files, &format!("{SPEC}mix: {{ snr_db: 0, noise: {{ {noise} }} }}\n"));
    let expected =
        "error[E0722]: 1 of 2 recordings of `A` of `mix.noise` cannot be read; noise/A/1.wav: ";
    assert!(told.exits(2).stderr.starts_with(expected));
}

#[test]
fn sections_that_lack_something_have_dashes_with_reasons() {
    snapshot("no_training_clips", &without(&["train"]), SPEC, 1);
    snapshot("no_test_clips", &without(&["test"]), SPEC, 0);
    snapshot("no_anomalies", &without(&["anomaly"]), SPEC, 0);
    snapshot("no_target_clips", &without(&["target"]), SPEC, 0);
    snapshot("no_target_normals", &without(&["target_test_normal"]), SPEC, 0);
    snapshot("no_normals_to_test", &without(&["test_normal"]), SPEC, 0);
}

#[test]
fn unlabelled_clips_are_scored_and_not_judged() {
    let unlabelled =
        |path: String| match path.split_once("_00_").filter(|_| path.contains("/test/")) {
            Some((head, _)) => {
                let number = humshift::digest::Digest::of(path.as_bytes()).as_u64() % 1_000_000;
                format!("{head}_00_{number:06}.wav")
            }
            None => path,
        };
    let files = fan().into_iter().map(|(path, bytes)| (unlabelled(path), bytes)).collect();
    snapshot("no_labels", &files, SPEC, 0);
}

#[test]
fn data_of_2020_have_ids_and_no_domains() {
    let mut files = Files::new();
    for (split, label, count) in
        [("train", "normal", 6), ("test", "normal", 4), ("test", "anomaly", 4)]
    {
        for id in ["00", "02"] {
            for number in 0..count {
                let path = format!("fan/{split}/{label}_id_{id}_{number:08}.wav");
                files.insert(format!("data/{path}"), sounds::clip(&path));
            }
        }
    }
    snapshot("year_2020", &files, SPEC, 0);
}

#[test]
fn more_neighbours_than_clips() {
    snapshot("large_k", &without(&["target_train"]), &SPEC.replace("k: 1", "k: 7"), 1);
    let kmeans = SPEC.replace("knn: { k: 1 }", "kmeans: { clusters: 9 }");
    let (_, output) = run(&fan(), &kmeans);
    assert!(
        output.stderr.contains("`clusters` is 9, but there are only 8 training clips"),
        "{}",
        output.stderr
    );
    assert_eq!(output.code, 1);
}

#[test]
fn check_names_a_section_without_normal_training_clips() {
    let check = |files: &Files, more: &str| {
        let project = Project::with(&format!("{SPEC}{more}"));
        project.write_all(files);
        project.run("check spec.yaml")
    };
    let told = check(&without(&["train"]), "");
    assert_eq!(told.code, 2, "{}", told.stderr);
    let expected_mistake = "error[E0720]: section 00 of `fan` has no normal training clips\n";
    let hint = " = help: add normal recordings to train on, or leave it out of `data`; where no name tells the \
                split, `split: { holdout: 0.3 }` of `folder` and of raw MIMII makes one\n";
    assert!(
        told.stderr.starts_with(expected_mistake) && told.stderr.contains(hint),
        "{}",
        told.stderr
    );
    // A machine's model is trained on what its other sections have.
    assert_eq!(check(&without(&["train"]), "generalization: { scope: machine }\n").code, 0);
    let none = check(&without(&["source_train"]), "generalization: { target_clips: 0 }\n");
    let expected = "`generalization` leaves section 00 of `fan` no normal clips to train on";
    assert!(none.code == 2 && none.stderr.contains(expected), "{}", none.stderr);
    assert_eq!(check(&fan(), "").code, 0);
    // What was left out is told beside the mistake: it may be what is missing.
    let mut files = without(&["train"]);
    files.insert("data/fan/test/recording 7.wav".to_owned(), sounds::clip("stray"));
    let told = check(&files, "").stderr;
    let stray = "warning: 1 recording belongs to no section, `fan/test/recording 7.wav`: ";
    assert!(told.starts_with(expected_mistake) && told.contains(stray), "{told}");
}
