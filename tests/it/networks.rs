//! Networks end to end: trained, drawn, taken out and taken in again.

use std::fs;

use crate::project::{Project, tree};
use crate::sounds;

const SPEC: &str = "\
name: networks
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
sweep:
  detector:
    - autoencoder: { window: 2, layers: [8, 4, 8], epochs: 3, training: { validation: 0.25, schedule: cosine } }
    - mobilenet_v2: { frames: 8, hop: 4, test_hop: 4, width: 0.25, batch: 8, epochs: 2 }
    - knn: {}
";

fn project() -> Project {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project.run("run spec.yaml").done();
    project
}

#[test]
fn every_training_in_epochs_has_its_curves() {
    let project = project();
    let report = project.run("report spec.yaml --figures out").done();
    assert!(report.stderr.contains("training curves"), "{}", report.stderr);
    let files: Vec<String> = tree(&project.path("out")).into_keys().filter(|name| !name.ends_with(".png")).collect();
    let curve = |machine, detector| format!("training_{machine}_detector={detector}.svg");
    let mut expected = vec!["spectrograms.svg".to_owned(), "training_curves.csv".to_owned()];
    for detector in ["autoencoder", "mobilenet_v2"] {
        expected.extend(["fan", "valve"].map(|machine| curve(machine, detector)));
    }
    expected.sort();
    assert_eq!(files, expected);
    let table = fs::read_to_string(project.path("out/training_curves.csv")).expect("a table");
    let rows = |words: [&str; 2]| table.lines().filter(|line| words.iter().all(|word| line.contains(word))).count();
    assert_eq!(rows(["autoencoder", "validation_loss"]), 2 * 3, "{table}");
    assert_eq!(rows(["mobilenet_v2", "validation_loss"]), 0, "{table}");
    assert_eq!(rows(["mobilenet_v2", "learning_rate"]), 2 * 2, "{table}");
}

#[test]
fn an_exported_model_scores_as_the_one_it_was() {
    let project = project();
    for machine in ["fan", "valve"] {
        let model = format!("training/{machine}/detector=autoencoder -o {machine}.safetensors");
        project.run(&format!("export spec.yaml {model}")).done();
        let spec = |detector: &str| {
            format!(
                "name: one\ndata: {{ dcase: {{ root: data, machines: [{machine}] }} }}\n\
                 features: {{ log_mel: {{ frame: 256, hop: 128, mels: 16 }} }}\ndetector: {{ autoencoder: {detector} }}\n"
            )
        };
        let settings = "{ window: 2, layers: [8, 4, 8], epochs: 3, training: { validation: 0.25, schedule: cosine } }";
        project.write("trained.yaml", spec(settings));
        project.write("read.yaml", spec(&format!("{{ window: 2, weights: {machine}.safetensors }}")));
        let table = |name: &str| project.run(&format!("run {name}.yaml")).done().stdout;
        assert_eq!(table("trained"), table("read"));
        project.run(&format!("report trained.yaml --submission {machine}-trained")).done();
        project.run(&format!("report read.yaml --submission {machine}-read")).done();
        let scores = |folder: String| {
            let files = tree(&project.path(&folder)).into_iter();
            files.map(|(name, path)| (name, fs::read(path).expect("a file"))).collect::<Vec<_>>()
        };
        assert_eq!(scores(format!("{machine}-trained")), scores(format!("{machine}-read")));
    }
}

#[test]
fn networks_are_written_as_onnx_and_nothing_else_is() {
    let project = project();
    for (detector, words) in [("autoencoder", ["Gemm", "dense.3.kernel"]), ("mobilenet_v2", ["Conv", "Conv1.kernel"])] {
        project.run(&format!("export spec.yaml training/fan/detector={detector} -o {detector}.onnx")).done();
        let bytes = fs::read(project.path(&format!("{detector}.onnx"))).expect("it was written");
        for word in words {
            assert!(bytes.windows(word.len()).any(|at| at == word.as_bytes()), "{detector}: {word}");
        }
    }
    let wrong = [
        "training/fan/detector=autoencoder -o model.h5",
        "training/fan/00/detector=knn -o model.onnx",
        "training/fan/detector=autoencode -o model.onnx",
        "training/fan/detector=autoencoder -o missing/model.onnx",
        "scoring/fan/00/detector=autoencoder -o model.onnx",
    ];
    let told: Vec<String> =
        wrong.iter().map(|arguments| project.run(&format!("export spec.yaml {arguments}")).exits(2).stderr).collect();
    insta::assert_snapshot!(told.join("\n"));
    project.run("export spec.yaml training/fan/00/detector=knn -o model.safetensors").done();
    let empty = project.run("export spec.yaml training/fan/detector=autoencoder -o x.onnx --cache empty").exits(2);
    insta::assert_snapshot!(empty.stderr);
}
