//! `score`: new recordings get the numbers that a run gives the same recordings.

use std::collections::BTreeMap;
use std::fs;

use crate::cache;
use crate::project::{Project, tree};
use crate::sounds::{self, Form, SPEC};

/// Detectors of each kind, and what `generalization` does around them.
const DETECTORS: [(&str, &str, &str); 8] = [
    ("knn", "knn: { k: 1 }", ""),
    ("normalized", "knn: { k: 1 }", "feature_normalization: domain, score_normalization: domain"),
    (
        "references",
        "kmeans: { clusters: 2 }",
        "references: domain, smote: { ratio: 0.5, neighbours: 1 }",
    ),
    ("sections", "knn: { k: 1 }", "score_normalization: section, scope: machine"),
    ("ensemble", "ensemble: { detectors: [ { knn: { k: 1 } }, { pca: { components: 2 } } ] }", ""),
    ("classifier", "classifier: { nearest_neighbours: { k: 1 } }", ""),
    (
        "autoencoder",
        "autoencoder: { window: 2, layers: [8, 2, 8], epochs: 2 }",
        "temporal_mean_subtraction: true",
    ),
    ("embedding", EMBEDDING, ""),
];

const EMBEDDING: &str = "embedding: { network: { cnn: { epochs: 1, channels: [2, 2], dims: 4 } }, with_pool: true, backend: \
                         { knn: { k: 1 } } }";

fn project(spec: &str) -> Project {
    let project = Project::with(spec);
    project.write_all(&sounds::data_set());
    project
}

/// The scores that a run gave the test clips of a section: the lines of its table.
fn scores(project: &Project, label: &str) -> BTreeMap<String, String> {
    let records = cache::records(&project.cache());
    let record = records.iter().find(|record| record.label == label).expect("it ran");
    let text = fs::read_to_string(&record.outputs["scores"]).expect("a table");
    let line =
        |line: &str| line.rsplit_once(',').map(|(clip, score)| (clip.to_owned(), score.to_owned()));
    text.lines().skip(1).filter_map(line).collect()
}

/// Clip and score of each line of CSV.
fn scored(csv: &str) -> BTreeMap<String, String> {
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("clip,score,threshold,decision"));
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].trim_start_matches("data/").to_owned(), cells[1].to_owned())
    };
    lines.map(line).collect()
}

#[test]
fn every_detector_gives_a_recording_the_score_of_the_run_to_the_last_digit() {
    let project = project(SPEC);
    for (name, detector, generalization) in DETECTORS {
        let spec =
            SPEC.replace("name: laws", &format!("name: {name}")).replace("knn: { k: 1 }", detector);
        project.spec(&format!("{spec}generalization: {{ {generalization} }}\n"));
        project.run("run spec.yaml --quiet").done();
        for section in ["fan/00", "valve/01"] {
            let [_, number] = section.split('/').collect::<Vec<_>>()[..] else {
                panic!("a section")
            };
            let expected = scores(&project, &format!("scoring/{section}"));
            assert_eq!(expected.len(), 12, "{name}");
            let pattern =
                format!("data/{}/test/section_{number}_*.wav", &section[..section.len() - 3]);
            let together = project.run(&format!("score {name} {section} {pattern}")).done();
            assert_eq!(scored(&together.stdout), expected, "{name} {section}");
            // Which others are scored with it changes nothing.
            let clip = expected.keys().nth(5).expect("twelve clips");
            let alone =
                project.run(&format!("score spec.yaml scoring/{section} data/{clip}")).done();
            assert_eq!(scored(&alone.stdout)[clip], expected[clip], "{name} {section}");
        }
        fs::remove_dir_all(project.cache()).expect("a cache");
    }
}

#[test]
fn recordings_of_a_folder_of_ones_own() {
    let source = "folder: { root: data, pattern: \"{machine}/{split}/section_{section}_{domain}_{attr.again}_{label}_{*}.wav\" }";
    let project = project(&SPEC.replace("dcase: { root: data }", source));
    project.run("run spec.yaml --quiet").done();
    let expected = scores(&project, "scoring/fan/00");
    let found =
        project.run("score laws fan/00 data/fan/test/section_00_*.wav --format csv").done().stdout;
    assert_eq!(scored(&found), expected);
}

#[test]
fn decisions_are_those_of_the_run_and_a_point_is_chosen_by_its_settings() {
    let sweep = "sweep: { detector.knn.k: [1, 2] }\nthreshold: { quantile: { percentile: 0.5 } }\n";
    let project = project(&format!("{SPEC}{sweep}"));
    project.run("run spec.yaml --quiet").done();
    project.run("report spec.yaml --submission scores").done();
    let decisions = fs::read_to_string(
        project.path("scores/teams/laws/laws_1_2/decision_result_fan_section_00_test.csv"),
    )
    .expect("a file");
    let files = || tree(&project.cache()).into_keys().collect::<Vec<_>>();
    let before = files();
    let found = project.run("score laws fan/00 data/fan/test/section_00_*.wav --where k=2").done();
    assert_eq!(files(), before, "nothing is made");
    let ours = found.stdout.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let name = cells[0].rsplit('/').next().expect("a name");
        format!("{name},{}\n", u8::from(cells[3] == "anomaly"))
    });
    assert_eq!(ours.collect::<String>(), decisions);
    let by_label =
        project.run("score laws metrics/fan/00/k=2 data/fan/test/section_00_*.wav").done();
    assert_eq!(by_label.stdout, found.stdout);
    let json = project
        .run("score laws training/fan/00/k=2 data/fan/test/section_00_*.wav --json")
        .done()
        .json();
    assert_eq!(
        (json["clips"].as_array().map(Vec::len), &json["model"]),
        (Some(12), &"training/fan/00/k=2".into())
    );
    let table = project
        .run("score laws fan/00 data/fan/test/section_00_source_test_normal_0000_vel_10.wav --where k=2 --format md");
    insta::assert_snapshot!("score_table", table.done().stdout);
    let clip = "data/fan/test/section_00_source_test_normal_0000_vel_10.wav";
    let told = [
        "laws fan/00",
        "laws fam/00 --where k=1",
        "laws fan/00 --where k=7",
        "laws fan/00 --where kk=7",
        "laws scoring/fan/00/k=9",
    ];
    let told = told.map(|arguments| {
        format!(
            "score {arguments}\n{}",
            project.run(&format!("score {arguments} {clip}")).exits(2).stderr
        )
    });
    insta::assert_snapshot!("score_mistakes", told.join("\n"));
}

#[test]
fn what_cannot_be_scored_is_named_and_the_others_are_scored() {
    let project = project(SPEC);
    project.run("run spec.yaml --quiet").done();
    let good = sounds::clip("fan");
    project.write("new/a.wav", &good);
    project.write("new/b.wav", &good[..500]);
    project.write("new/c.wav", b"no recording");
    project.write("new/d.wav", sounds::wav(&sounds::hum("fan"), 16_000, Form::Int16));
    project.write("new/e.wav", sounds::wav(&[], sounds::RATE, Form::Int16));
    project.write("new/f\u{1b}[31m.wav", b"");
    project.write("new/g/h.WAV", &good);
    let run = project.run("score laws fan/00 new gone.wav new/*.flac --format csv").exits(1);
    assert_eq!(run.stdout.lines().count(), 3, "{}", run.stdout);
    insta::assert_snapshot!("score_failed", run.stderr);
    // Names on stdin.
    let mut child = project
        .command("score laws fan/00 -")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    std::io::Write::write_all(
        &mut child.stdin.take().expect("a pipe"),
        b"new/g/h.WAV\nnew/a.wav\n",
    )
    .expect("it reads");
    let found = String::from_utf8(child.wait_with_output().expect("it ends").stdout).expect("text");
    let names: Vec<&str> =
        found.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(names, ["new/g/h.WAV", "new/a.wav"]);
}

#[test]
fn a_run_without_its_data_or_with_noise_is_told_and_a_lost_model_says_what_makes_it() {
    let spec = SPEC.replace(
        "features",
        "mix: { snr_db: 0, noise: { factory: { clips: 3, seconds: 1, rate: 8000 } } }\nfeatures",
    );
    let project = project(&spec);
    project.run("run spec.yaml --quiet").done();
    project.rename("data", "elsewhere");
    project.remove("spec.yaml");
    let run = project.run("score laws fan/00 elsewhere/fan/test").done();
    assert_eq!(run.stdout.lines().count(), 1 + 24);
    insta::assert_snapshot!("score_notes", run.stderr);
    let records = cache::records(&project.cache());
    let record = records.iter().find(|record| record.label == "training/fan/00").expect("it ran");
    fs::remove_file(&record.outputs["model"]).expect("a model");
    let told = project.run("score laws fan/00 elsewhere/fan/test").exits(2);
    insta::assert_snapshot!("score_lost_model", told.stderr);
    assert_eq!(told.stdout, "");
}

#[test]
fn a_figure_shows_what_drove_the_score() {
    for (detector, unit) in [
        ("autoencoder: { window: 2, layers: [8, 2, 8], epochs: 1 }", "Squared error"),
        (
            "autoencoder: { window: 3, predict: centre, layers: [8, 2, 8], epochs: 1 }",
            "Squared error",
        ),
        ("knn: { k: 1 }", "Deviations from normal"),
    ] {
        let project = project(&SPEC.replace("knn: { k: 1 }", detector));
        project.run("run spec.yaml --quiet").done();
        let run =
            project.run("score laws fan/00 data/fan/test/section_00_*.wav --figure out.svg").done();
        assert!(
            run.stderr.contains("figure: 6 recordings, those with the highest scores, in out.svg"),
            "{}",
            run.stderr
        );
        let svg = fs::read_to_string(project.path("out.svg")).expect("a figure");
        assert!(
            svg.contains(unit) && svg.matches("<image ").count() == 14 && !svg.contains("NaN"),
            "{detector}"
        );
        let clip = "data/fan/test/section_00_source_test_normal_0000_vel_10.wav";
        let over = project.run(&format!("score laws fan/00 {clip} --figure {clip}")).exits(2);
        assert!(over.stderr.contains("E0716"), "{}", over.stderr);
    }
}
