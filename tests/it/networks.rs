//! Networks end to end: trained, drawn, taken out and taken in again.

use std::fs;

use ndarray::Array2;
use ndarray_npy::ReadNpyExt;
use serde_json::Value;

use crate::project::{Project, tree};
use crate::sounds;

use humshift::math;

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
    let files = tree(&project.path("out"));
    let curve = |machine, detector| format!("training_{machine}_detector={detector}.svg");
    let mut expected = vec!["spectrograms.svg".to_owned(), "training_curves.csv".to_owned()];
    for detector in ["autoencoder", "mobilenet_v2"] {
        expected.extend(["fan", "valve"].map(|machine| curve(machine, detector)));
    }
    assert!(expected.iter().all(|name| files.contains_key(name)), "{files:?}");
    let table = fs::read_to_string(project.path("out/training_curves.csv")).expect("a table");
    let rows = |words: [&str; 2]| {
        table.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    };
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
        project
            .write("read.yaml", spec(&format!("{{ window: 2, weights: {machine}.safetensors }}")));
        let table = |name: &str| project.run(&format!("run {name}.yaml")).done().stdout;
        assert_eq!(table("trained"), table("read"));
        project.run(&format!("report trained.yaml --submission {machine}-trained")).done();
        project.run(&format!("report read.yaml --submission {machine}-read")).done();
        let scores = |folder: String| {
            let files = tree(&project.path(&folder)).into_iter();
            // Their meta files name the settings, which differ.
            files
                .filter(|(name, _)| name.ends_with(".csv"))
                .map(|(name, path)| (name, fs::read(path).expect("a file")))
                .collect::<Vec<_>>()
        };
        assert_eq!(scores(format!("{machine}-trained")), scores(format!("{machine}-read")));
    }
}

#[test]
fn networks_are_written_as_onnx_and_nothing_else_is() {
    let project = project();
    for (detector, words) in
        [("autoencoder", ["Gemm", "dense.3.kernel"]), ("mobilenet_v2", ["Conv", "Conv1.kernel"])]
    {
        project
            .run(&format!("export spec.yaml training/fan/detector={detector} -o {detector}.onnx"))
            .done();
        let bytes = fs::read(project.path(&format!("{detector}.onnx"))).expect("it was written");
        for word in words {
            assert!(
                bytes.windows(word.len()).any(|at| at == word.as_bytes()),
                "{detector}: {word}"
            );
        }
    }
    let wrong = [
        "training/fan/detector=autoencoder -o model.h5",
        "training/fan/00/detector=knn -o model.onnx",
        "training/fan/detector=autoencode -o model.onnx",
        "training/fan/detector=autoencoder -o missing/model.onnx",
        "scoring/fan/00/detector=autoencoder -o model.onnx",
    ];
    let told: Vec<String> = wrong
        .iter()
        .map(|arguments| project.run(&format!("export spec.yaml {arguments}")).exits(2).stderr)
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    project.run("export spec.yaml training/fan/00/detector=knn -o model.safetensors").done();
    let empty = project
        .run("export spec.yaml training/fan/detector=autoencoder -o x.onnx --cache empty")
        .exits(2);
    insta::assert_snapshot!(empty.stderr);
}

/// What `tests/data/make_torch_state.py` wrote: Linear(3, 2), BatchNorm1d(2), ReLU, Linear(2, 3).
#[test]
fn a_state_dict_of_pytorch_scores_as_its_formula() {
    let text = fs::read_to_string("tests/data/torch_state.json").expect("a file of the tree");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let lines = document["plain"]["file"].as_array().expect("lines");
    let digits: String = lines.iter().map(|line| line.as_str().expect("text")).collect();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits");
    let project = Project::with(
        "name: torch\ndata: { dcase: { root: data, machines: [fan] } }\n\
         features: { log_mel: { frame: 256, hop: 128, mels: 3 } }\n\
         detector: { autoencoder: { window: 1, weights: model.pt } }\n",
    );
    project.write_all(&sounds::data_set());
    project.write("model.pt", (0..digits.len()).step_by(2).map(byte).collect::<Vec<u8>>());
    project.run("run spec.yaml").done();
    project.run("report spec.yaml --submission out").done();

    let values = |name: &str| -> Vec<f64> {
        serde_json::from_value(document["plain"]["tensors"][name]["values"].clone())
            .expect("numbers")
    };
    let [w1, b1, gamma, beta, mean, variance, w2, b2] = [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
        "3.weight",
        "3.bias",
    ]
    .map(values);
    let dense = |w: &[f64], b: &[f64], x: &[f64]| -> Vec<f64> {
        let row = |(row, b): (&[f64], &f64)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + b;
        w.chunks(x.len()).zip(b).map(row).collect()
    };
    let error = |x: &[f64]| {
        let hidden: Vec<f64> = (dense(&w1, &b1, x).iter().enumerate())
            .map(|(i, h)| {
                ((h - mean[i]) / (variance[i] + 1e-3).sqrt() * gamma[i] + beta[i]).max(0.0)
            })
            .collect();
        dense(&w2, &b2, &hidden).iter().zip(x).map(|(y, x)| math::square(y - x)).sum::<f64>() / 3.0
    };
    let tables = tree(&project.path("out"));
    let (_, scores) = tables
        .iter()
        .find(|(name, _)| name.contains("anomaly_score_fan_section_00"))
        .expect("scores");
    for line in fs::read_to_string(scores).expect("a table").lines() {
        let (clip, score) = line.split_once(',').expect("two columns");
        project.run(&format!("features data/fan/test/{clip} -o x.npy --spec spec.yaml")).done();
        let frames =
            Array2::<f32>::read_npy(fs::File::open(project.path("x.npy")).expect("a file"))
                .expect("a matrix");
        let errors = frames.rows().into_iter().map(|row| error(&row.mapv(f64::from).to_vec()));
        let expected = errors.sum::<f64>() / frames.nrows() as f64;
        let score: f64 = score.parse().expect("a number");
        assert!((score / expected - 1.0).abs() < 1e-5, "{clip}: {score}, not {expected}");
    }
}
