//! Mixing from spec to files: recipes instead of audio, the same clips for everybody, data sets
//! that read back equal.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::project::{Project, tree};
use crate::sounds::{self, Form};
use humshift::math;
use humshift::source::{names, wav};

/// The twin of two machines, small, mixed as MIMII DG was.
const TWIN: &str = "\
name: twin
data:
  synthetic:
    machines: [fan, valve]
    sections: 3
    seconds: 0.5
    rate: 8000
    clips: { source_train: 6, target_train: 4, normal: 4, anomaly: 4 }
mix: { table: mimii_dg }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
";

/// Own recordings with own noise, in folders a type.
const OWN: &str = "\
name: own
data: { folder: { root: dry, pattern: \"{machine}_{domain}_{split}_{label}_{*}.wav\" } }
mix:
  snr_db: -6
  noise: { folder: { root: noise, pattern: \"{machine}/{*}.wav\", defaults: { split: train } } }
  types: { source: [press, saw], target: [rain] }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
";

/// Twelve dry recordings, and noise that is longer, shorter and of another rate than they are.
fn own() -> Project {
    let project = Project::with(OWN);
    for domain in ["source", "target"] {
        for (split, label) in [("train", "normal"), ("test", "normal"), ("test", "anomaly")] {
            for i in 0..3 {
                let name = format!("pump_{domain}_{split}_{label}_{i}.wav");
                let bytes = sounds::wav(&sounds::hum(&name), sounds::RATE, Form::Int16);
                project.write(&format!("dry/{name}"), bytes);
            }
        }
    }
    for (kind, rate, length) in [("press", 8000, 5000), ("saw", 16_000, 9000), ("rain", 8000, 300)]
    {
        for i in 0..2 {
            let tone = |n: usize| 0.3 * ((n * n % 97) as f64 / 48.0 - 1.0) + 0.01 * i as f64;
            let samples: Vec<f64> = (0..length).map(tone).collect();
            project.write(
                &format!("noise/{kind}/{i}.wav"),
                sounds::wav(&samples, rate, Form::Float32),
            );
        }
    }
    project
}

/// The digests of a run's feature matrices, by label.
fn features(project: &Project) -> BTreeMap<String, String> {
    let plan = project.run("plan spec.yaml --json").done().json();
    let stages = plan["stages"].as_array().expect("a list");
    let of = |label: &str| label.starts_with("features/");
    let digest = |stage: &serde_json::Value| {
        format!("{} {}", stage["outputs"]["train/features"], stage["outputs"]["test/features"])
    };
    stages
        .iter()
        .filter(|s| of(s["label"].as_str().unwrap()))
        .map(|s| (s["label"].to_string(), digest(s)))
        .collect()
}

fn rows(csv: &str) -> Vec<&str> {
    csv.lines().skip(1).collect()
}

#[test]
fn what_dataset_write_writes_the_dcase_source_reads_back_equal() {
    let project = Project::with(TWIN);
    project.run("run spec.yaml").done();
    let mixed = project.report();
    let said = project.run("dataset write spec.yaml -o out").done();
    assert_eq!(said.stdout, "156 clips in out\n");
    let files = tree(&project.path("out"));
    for file in files.keys().filter(|f| f.ends_with(".wav")) {
        let name = names::parse(file.rsplit('/').next().unwrap()).unwrap();
        assert!(
            name.domain.is_some() && name.label.is_some() && !name.attributes.is_empty(),
            "{file}"
        );
    }
    for table in
        ["out/fan/attributes_00.csv", "out/valve/attributes_02.csv", "out/fan/mixing_01.csv"]
    {
        let text = fs::read_to_string(project.path(table)).unwrap();
        assert!(text.lines().count() >= 27, "{table}");
    }
    let header = fs::read_to_string(project.path("out/valve/attributes_01.csv")).unwrap();
    assert_eq!(header.lines().next(), Some("file_name,d1p,d1v,d2p,d2v"));
    // The same numbers from files: names, labels, attributes and every sample are the same.
    let synthetic = TWIN.find("  synthetic:").unwrap()..TWIN.find("mix:").unwrap();
    let mut read = TWIN.to_owned();
    read.replace_range(synthetic, "  dcase: { root: out }\n");
    project.spec(&read);
    let run = project.run("run spec.yaml").done();
    assert!(
        run.stderr.contains("nothing is mixed: recordings of `dcase` come with their noise"),
        "{}",
        run.stderr
    );
    assert_eq!(rows(&project.report()), rows(&mixed));
    // Bytes that were evicted are made again; their records alone are a hit only for those who read
    // no bytes.
    project.spec(TWIN);
    for object in tree(&project.cache()).into_keys().filter(|f| f.starts_with("objects/")) {
        fs::remove_file(project.cache().join(object)).unwrap();
    }
    project.run("dataset write spec.yaml -o again").done();
    let same = |path: &str| {
        fs::read(project.path(&format!("out/{path}"))).unwrap()
            == fs::read(project.path(&format!("again/{path}"))).unwrap()
    };
    assert!(tree(&project.path("again")).keys().all(|path| same(path)));
    // A second data set in the same place would be a mixture of two.
    let again = project.run("dataset write spec.yaml -o out").exits(2);
    assert!(again.stderr.contains("`out` is not empty; name a new folder"), "{}", again.stderr);
}

#[test]
fn a_sweep_over_ratios_keeps_recipes_and_features_and_no_audio() {
    let project = Project::with(
        &TWIN.replace("mix: { table", "sweep: { mix.snr_db: [-6, 0, 6] }\nmix: { table"),
    );
    project.run("run spec.yaml").done();
    let plan = project.plan();
    let count = |prefix: &str| plan.keys().filter(|label| label.starts_with(prefix)).count();
    // Noise of seven types, recordings of six sections; each is listened to once.
    assert_eq!((count("dataset/"), count("levels/")), (6 + 7, 6));
    assert_eq!((count("mixing/"), count("features/")), (18, 18));
    let bytes = |extension: &str| -> u64 {
        let objects = tree(&project.cache())
            .into_keys()
            .filter(|f| f.contains("objects/") && f.ends_with(extension));
        objects.map(|f| fs::metadata(project.cache().join(f)).unwrap().len()).sum()
    };
    let before = bytes("");
    project.edit("spec.yaml", "[-6, 0, 6]", "[-6, 0, 6, 12]");
    project.run("run spec.yaml").done();
    let recipe = 6 * 26 * 2 * 400;
    let features: u64 = 6 * 26 * (32 * 16 * 4 + 16 * 4 + 200);
    assert!(bytes("") - before < recipe + features, "{} bytes", bytes("") - before);
}

#[test]
fn jobs_and_executors_change_no_draw() {
    let project = Project::with(TWIN);
    project.run("run spec.yaml --jobs 1").done();
    let one = (project.report(), features(&project));
    assert!(one.1.len() == 6 && one.1.values().all(|digest| digest.len() > 40), "{:?}", one.1);
    for arguments in ["--jobs 4", "--executor process --jobs 2"] {
        fs::remove_dir_all(project.cache()).unwrap();
        project.run(&format!("run spec.yaml {arguments}")).done();
        assert_eq!((project.report(), features(&project)), one, "{arguments}");
    }
    fs::remove_dir_all(project.cache()).unwrap();
    project.run("run spec.yaml --set mix.seed=1").done();
    assert_ne!(features(&project), one.1);
}

#[test]
fn own_recordings_with_own_noise_of_any_length_and_rate() {
    let project = own();
    // Loud enough to hear, and soft enough that nothing is clipped.
    project.edit("spec.yaml", "snr_db: -6", "snr_db: 6");
    project.run("run spec.yaml").done();
    project.run("dataset write spec.yaml -o out").done();
    let recipe = fs::read_to_string(project.path("out/pump/mixing_00.csv")).unwrap();
    assert_eq!(recipe.lines().count(), 19);
    for line in recipe.lines().skip(1) {
        let target = line.contains("_target_");
        assert_eq!(target, line.contains(",rain,"), "{line}");
    }
    // The ratio that comes out: power of what was added against the mean power of all dry clips.
    let power =
        |x: &[f32]| x.iter().map(|x| math::square(f64::from(*x))).sum::<f64>() / x.len() as f64;
    let read = |path: &Path| wav::read(path, Default::default()).unwrap().samples;
    let dry: Vec<Vec<f32>> = tree(&project.path("dry")).values().map(|path| read(path)).collect();
    let signal = dry.iter().map(|x| power(x)).sum::<f64>() / dry.len() as f64;
    let out: Vec<String> =
        tree(&project.path("out")).into_keys().filter(|f| f.ends_with(".wav")).collect();
    assert_eq!(out.len(), 18);
    for file in &out {
        let mixed = read(&project.path("out").join(file));
        // Which dry clip it was: the one that leaves the least.
        let rest =
            |x: &Vec<f32>| power(&mixed.iter().zip(x).map(|(m, d)| m - d).collect::<Vec<_>>());
        let noise = dry.iter().map(rest).fold(f64::INFINITY, f64::min);
        let snr = 10.0 * math::log10(signal / noise);
        // Files are of 16 bits, whose steps are noise of their own.
        assert!((snr - 6.0).abs() < 2e-3, "{file}: {snr}");
    }
}

#[test]
fn noise_that_cannot_be_mixed_is_told() {
    let project = own();
    project.write("noise/rain/0.wav", sounds::wav(&[0.0; 400], 8000, Form::Int16));
    project.write("noise/rain/1.wav", sounds::wav(&[0.0; 400], 8000, Form::Int16));
    let run = project.run("run spec.yaml").exits(1);
    assert!(run.stderr.contains("is silent where it is mixed to it (at "), "{}", run.stderr);
    assert!(run.stderr.contains("the noise `rain/"), "{}", run.stderr);
    fs::remove_dir_all(project.path("noise/rain")).unwrap();
    let run = project.run("check spec.yaml").exits(2);
    for told in ["there is no noise of type `rain`\n --> spec.yaml:", "help: known: press, saw"] {
        assert!(run.stderr.contains(told), "{}", run.stderr);
    }
    fs::remove_dir_all(project.path("noise")).unwrap();
    let check = project.run("check spec.yaml").exits(2);
    assert!(check.stderr.contains("--set mix.noise.folder.root=DIR"), "{}", check.stderr);
    let table = OWN.replace("  snr_db: -6", "  table: mimii_dg");
    project.spec(&table.replace("  types: { source: [press, saw], target: [rain] }\n", ""));
    fs::create_dir_all(project.path("noise/A")).unwrap();
    project.write("noise/A/0.wav", sounds::wav(&[0.1; 400], 8000, Form::Int16));
    project.write("noise/stray.wav", b"");
    let check = project.run("check spec.yaml").exits(2);
    assert!(
        check
            .stderr
            .contains("the table `mimii_dg` has no section `00` of a `pump`\n --> spec.yaml:"),
        "{}",
        check.stderr
    );
}

#[test]
fn what_does_not_fit_16_bits_is_counted() {
    let project = own();
    project.edit("spec.yaml", "snr_db: -6", "snr_db: -40");
    let written = project.run("dataset write spec.yaml -o out").done();
    assert!(
        written.stderr.contains(
            "clips do not fit 16 bits and are clipped; `--set mix.gain_db=-6` makes room"
        )
    );
    let quiet = project.run("dataset write spec.yaml -o quiet --set mix.gain_db=-40").done();
    assert!(!quiet.stderr.contains("clipped"), "{}", quiet.stderr);
    let run = project.run("run spec.yaml").done().stderr;
    let warning = "clips do not fit 16 bits and are clipped; `mix.gain_db: -6` makes room";
    assert!(run.contains("warning: features/pump/00: ") && run.contains(warning), "{run}");
    let quiet = project.run("run spec.yaml --set mix.gain_db=-40").done().stderr;
    assert!(!quiet.contains("warning"), "{quiet}");
}

#[test]
fn points_of_different_noise_cannot_be_written_as_one_data_set() {
    let project = Project::with(
        &TWIN.replace("mix: { table", "sweep: { mix.snr_db: [-6, 0] }\nmix: { table"),
    );
    let told = project.run("dataset write spec.yaml -o out").exits(2).stderr;
    assert!(told.contains("E0709") && told.contains("`--set mix.snr_db=-6`"), "{told}");
    project.run("dataset write spec.yaml -o out --set mix.snr_db=0").done();
    // A sweep over what is not heard is no obstacle.
    project
        .run(
            "dataset write spec.yaml -o more --set mix.snr_db=0 --set features.log_mel.mels=[8,16]",
        )
        .done();
}

#[test]
fn recordings_that_are_no_noise_are_told_and_a_type_of_two_folders_is_one() {
    let project = own();
    project.edit("spec.yaml", "  types: { source: [press, saw], target: [rain] }\n", "");
    project.edit(
        "spec.yaml",
        "{machine}/{*}.wav\", defaults: { split: train }",
        "{machine}/{section}/{*}.wav\", defaults: { split: train }",
    );
    for (folder, seed) in [("press/a", 1.0), ("press/b", 2.0), ("press/c", 3.0), ("saw/a", 4.0)] {
        let samples: Vec<f64> =
            (0..2500).map(|n| 0.2 * (f64::from(n * n % 89) / 44.0 - 1.0) / seed).collect();
        project.write(&format!("noise/{folder}/0.wav"), sounds::wav(&samples, 8000, Form::Int16));
    }
    let check = project.run("check spec.yaml").done();
    assert!(
        check.stderr.contains("6 recordings belong to no section, `press/0.wav` for one"),
        "{}",
        check.stderr
    );
    project.run("dataset write spec.yaml -o out").done();
    let recipe = fs::read_to_string(project.path("out/pump/mixing_00.csv")).unwrap();
    let saws = recipe.lines().filter(|line| line.contains(",saw,")).count();
    assert!((4..=14).contains(&saws), "half of 18, not a quarter: {saws}");
    // The recipe speaks of the files that were written.
    let first = recipe.lines().nth(1).unwrap().split(',').next().unwrap();
    assert!(project.path("out").join(first).is_file(), "{first}");
}

#[test]
fn difficulty_changes_what_is_trained_on_and_nothing_before() {
    let project = Project::with(TWIN);
    project.run("run spec.yaml").done();
    project.run("run spec.yaml --set generalization.target_clips=9 --frozen").exits(1);
    let run = project
        .run("run spec.yaml --set generalization.target_clips=[0,2] --set generalization.source_values=1")
        .done();
    // Training of six sections at two points, and what follows. Equal scores have one table of metrics.
    let ran = |kind: &str| run.stderr.matches(&format!("] {kind}/")).count();
    assert_eq!((ran("features"), ran("pooling")), (0, 0), "{}", run.stderr);
    assert_eq!(ran("training"), 12, "{}", run.stderr);
    let trained = || {
        let sets = "--set generalization.target_clips=2 --set generalization.source_values=1";
        project.run(&format!("run spec.yaml --only training/fan/01 {sets}")).done();
        let logs = tree(&project.cache()).into_keys().filter(|f| f.starts_with("logs/"));
        let texts: Vec<String> =
            logs.map(|f| fs::read_to_string(project.cache().join(f)).unwrap()).collect();
        texts.iter().any(|t| t.contains("training/fan/01") && t.contains("5 training clips"))
    };
    // Three of the six source clips, which have two values in turn, and two of the target.
    assert!(trained());
}
