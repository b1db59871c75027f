//! Every number of a spec at its extremes: what `check` accepts runs within bounds.

use humshift::spec::load_text;

use super::engine::{Case, Fate, Verdict, folder, hold};
use super::mutate::NUMBERS;
use super::program::{Program, judged};
use crate::project::Project;
use crate::sounds;

/// Besides the extremes: too much, and not absurd.
const LARGE: [&str; 2] = ["1000000", "1000000000"];

/// What each word of a spec is where another is at its extremes.
const USUAL: [(&str, &str); 4] = [
    ("data", "{ dcase: { root: data, machines: [fan], sections: [\"00\"] } }"),
    ("features", "{ log_mel: { frame: 256, hop: 128, mels: 8 } }"),
    ("pool", "{ mean: {} }"),
    ("detector", "{ knn: {} }"),
];

/// Words of a spec with one number, `@`.
const SETTINGS: &[&str] = &[
    "data: { dcase: { root: data, machines: [fan], sections: [\"00\"], cut: { seconds: @ } } }",
    "data: { dcase: { root: data, machines: [fan], sections: [\"00\"], cut: { seconds: 0.1, hop: @ } } }",
    "features: { log_mel: { frame: @ } }",
    "features: { log_mel: { frame: 256, hop: @ } }",
    "features: { log_mel: { frame: 256, hop: 128, mels: @ } }",
    "features: { log_mel: { frame: 256, hop: 128, mels: 8, power: @ } }",
    "features: { log_mel: { frame: 256, hop: 128, mels: 8, epsilon: @ } }",
    "features: { log_mel: { frame: 256, hop: 128, mels: 8, fmin: @ } }",
    "features: { log_mel: { frame: 256, hop: 128, mels: 8, fmax: @ } }",
    "features: { spectrum: { frame: @ } }",
    "features: { spectrum: { frame: 256, hop: @ } }",
    "features: { rms: { frame: @ } }",
    "features: { rms: { frame: 256, hop: @ } }",
    "features: { clip_spectrum: { floor: @ } }",
    "features: { welch: { frame: @ } }",
    "features: { welch: { frame: 256, hop: @ } }",
    "features: { welch: { frame: 256, hop: 128, bands: @, fmin: 100, fmax: 2000 } }",
    "features: { welch: { frame: 256, hop: 128, bands: 4, fmin: @, fmax: 2000 } }",
    "features: { welch: { frame: 256, hop: 128, bands: 4, fmin: 100, fmax: @ } }",
    "features: { lpc: { frame: @ } }",
    "features: { lpc: { frame: 256, hop: @ } }",
    "features: { lpc: { frame: 256, hop: 128, order: @ } }",
    "features: { lpc: { frame: 256, hop: 128, bins: @ } }",
    "features: { onnx: { model: no-such-network.onnx, sample_rate: @ } }",
    "features: { onnx: { model: no-such-network.onnx, window: @ } }",
    "features: { onnx: { model: no-such-network.onnx, window: 100, hop: @ } }",
    "features: { command: { run: [no-such-program], minutes: @ } }",
    "features: { command: { run: [no-such-program], megabytes: @ } }",
    "detector: { command: { run: [no-such-program], minutes: @ } }",
    "detector: { command: { run: [no-such-program], megabytes: @ } }",
    "pool: { gwrp: { decay: @ } }",
    "pool: { rdp: { gamma: @ } }",
    "pool: { rdp: { bands: @ } }",
    "pool: { gem: { p: @ } }",
    "pool: { rdp_gem: { gamma: @ } }",
    "pool: { rdp_gem: { p: @ } }",
    "pool: { rdp_gem: { bands: @ } }",
    "detector: { knn: { bands: @ } }",
    "detector: { knn: { bands: [@] } }",
    "detector: { knn: { k: @ } }",
    "detector: { lof: { k: @ } }",
    "detector: { dbscan: { min_points: @ } }",
    "detector: { dbscan: { eps: @ } }",
    "detector: { dbscan: { quantile: @ } }",
    "detector: { kde: { bandwidth: @ } }",
    "detector: { gmm: { components: @ } }",
    "detector: { gmm: { regularization: @ } }",
    "detector: { gmm: { tolerance: @ } }",
    "detector: { gmm: { max_iterations: @ } }",
    "detector: { gmm: { runs: @ } }",
    "detector: { kmeans: { clusters: @ } }",
    "detector: { kmeans: { clusters: 2, runs: @ } }",
    "detector: { pca: { components: @ } }",
    "detector: { pca: { variance: @ } }",
    "detector: { one_class_svm: { nu: @ } }",
    "detector: { one_class_svm: { gamma: @ } }",
    "detector: { isolation_forest: { trees: @ } }",
    "detector: { isolation_forest: { samples: @ } }",
    "detector: { nmf: { components: @ } }",
    "detector: { nmf: { components: @, linear: true } }",
    "detector: { classifier: { random_forest: { trees: @ }, labels: attribute } }",
    "detector: { classifier: { random_forest: { min_leaf: @ }, labels: attribute } }",
    "detector: { classifier: { random_forest: { max_depth: @ }, labels: attribute } }",
    "detector: { classifier: { svc: { c: @ }, labels: attribute } }",
    "detector: { classifier: { svc: { gamma: @ }, labels: attribute } }",
    "detector: { classifier: { logistic_regression: { c: @ }, labels: attribute } }",
    "detector: { classifier: { nearest_neighbours: { k: @ }, labels: attribute } }",
    "detector: { classifier: { extra_trees: { trees: @ }, labels: attribute } }",
    "detector: { classifier: { extra_trees: { min_leaf: @ }, labels: attribute } }",
    "detector: { classifier: { extra_trees: { max_depth: @ }, labels: attribute } }",
    "detector: { classifier: { naive_bayes: { var_smoothing: @ }, labels: attribute } }",
    "detector: { ensemble: { detectors: [ { knn: {} }, { gmm: { components: 1 } } ], weights: [@, 1] } }",
    "detector: { autoencoder: { epochs: 1, window: @ } }",
    "detector: { autoencoder: { epochs: 1, window: 2, layers: [@] } }",
    "detector: { autoencoder: { epochs: @, window: 2, layers: [4] } }",
    "detector: { autoencoder: { epochs: 1, window: 2, layers: [4], batch: @ } }",
    "detector: { autoencoder: { epochs: 2, window: 2, layers: [4], learning_rate: @ } }",
    "detector: { autoencoder: { epochs: 1, window: 2, layers: [4], frames: { from: @, to: 10 } } }",
    "detector: { autoencoder: { epochs: 1, window: 2, layers: [4], frames: { from: 0, to: @ } } }",
    "detector: { autoencoder: { epochs: 2, window: 2, layers: [4], training: { patience: @, validation: 0.2 } } }",
    "detector: { autoencoder: { epochs: 2, window: 2, layers: [4], training: { clip_norm: @ } } }",
    "detector: { autoencoder: { epochs: 1, window: 2, layers: [4], training: { validation: @ } } }",
    "detector: { mobilenet_v2: { epochs: 1, hop: 4, width: 0.1, frames: @ } }",
    "detector: { mobilenet_v2: { epochs: 1, frames: 8, width: 0.1, hop: @ } }",
    "detector: { mobilenet_v2: { epochs: 1, frames: 8, hop: 4, width: 0.1, test_hop: @ } }",
    "detector: { mobilenet_v2: { epochs: 1, frames: 8, hop: 4, width: @ } }",
    "detector: { mobilenet_v2: { epochs: 1, frames: 8, hop: 4, width: 0.1, batch: @ } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [@], dims: 4 } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: @ } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, frames: @ } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, mixup: @ } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, copies: @ } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, loss: { sub_cluster_adacos: { clusters: @ } } } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, loss: { arcface: { scale: @ } } } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, loss: { arcface: { margin: @ } } } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, loss: { adaproj: { subspace_dims: @ } } } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, spec_augment: { time_masks: @ } } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, spec_augment: { time_width: @ } } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, spec_augment: { frequency_masks: @ } } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, spec_augment: { frequency_width: @ } } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, featex: { probability: @ } } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, featex: { weight: @ } } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, subspace_loss: { weight: @ } } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, pseudo_labels: { clusters: @ } } }, backend: { knn: {} } } }",
    "detector: { embedding: { network: { cnn: { epochs: 1, channels: [4], dims: 4, stft: [@] } }, backend: { knn: {} } } }",
    "features: { clip_spectrum: { stft: [@] } }",
    "generalization: { target_clips: @ }",
    "generalization: { source_clips: @ }",
    "generalization: { source_values: @ }",
    "generalization: { draw: @, source_clips: 4 }",
    "generalization: { source_means: @ }",
    "generalization: { oversampling: @ }",
    "generalization: { smote: { ratio: @ } }",
    "generalization: { smote: { neighbours: @ } }",
    "generalization: { memmixup: { alpha: @ } }",
    "generalization: { memmixup: { neighbours: @ } }",
    "generalization: { mixup: { ratio: @ } }",
    "generalization: { mixup: { alpha: @ } }",
    "generalization: { local_density: @ }",
    "generalization: { local_density: { neighbours: @, form: log_var_min } }",
    "generalization: { local_density: { neighbours: 4, cluster_exit: { quantile: @ } } }",
    "generalization: { local_density: { neighbours: 4, cluster_exit: { least_ratio: @ } } }",
    "generalization: { domain_calibration: { shrinkage: @ } }",
    "metrics: [ auc, { pauc: { max_fpr: @ } } ]",
    "metrics: [ auc, { intervals: { resamples: @ } } ]",
    "metrics: [ auc, { intervals: { level: @, resamples: 100 } } ]",
    "threshold: { gamma: { percentile: @ } }",
    "threshold: { quantile: { percentile: @ } }",
    "threshold: { fixed: { value: @ } }",
    "seed: @",
    "sweep: { seed: { range: [0, @] } }",
    "mix: { snr_db: @, noise: { factory: { clips: 2 } } }",
    "mix: { snr_db: 0, gain_db: @, noise: { factory: { clips: 2 } } }",
    "mix: { snr_db: 0, seed: @, noise: { factory: { clips: 2 } } }",
    "mix: { snr_db: 0, noise: { factory: { clips: @ } } }",
    "mix: { snr_db: 0, noise: { factory: { clips: 2, seconds: @ } } }",
    "mix: { snr_db: 0, noise: { factory: { clips: 2, rate: @ } } }",
    "data: { dcase: { root: data, machines: [fan], sections: [\"00\"], rate: @ } }",
    "data: { folder: { root: data, pattern: \"{machine}/{split}/{*}.wav\", rate: @ } }",
    "data: { synthetic: { seconds: @, clips: { source_train: 4, target_train: 1, normal: 2, anomaly: 2 } } }",
    "data: { synthetic: { sections: @, seconds: 0.2, clips: { source_train: 4, target_train: 1, normal: 2, anomaly: 2 } } }",
    "data: { synthetic: { rate: @, seconds: 0.2, clips: { source_train: 4, target_train: 1, normal: 2, anomaly: 2 } } }",
    "data: { synthetic: { severity: @, seconds: 0.2, clips: { source_train: 4, target_train: 1, normal: 2, anomaly: 2 } } }",
    "data: { synthetic: { seconds: 0.2, clips: { source_train: @ } } }",
    "data: { synthetic: { seconds: 0.2, clips: { source_train: 4, target_train: 1, normal: @, anomaly: 2 } } }",
    "expect: [ { metric: auc_source, at_least: @ } ]",
];

/// The spec of a number at one of its extremes.
fn spec(number: usize) -> String {
    let values: Vec<&str> = NUMBERS.iter().chain(&LARGE).copied().collect();
    // A stride without a common divisor comes by all of them, and a short run by many settings.
    let at = number * 7919 % (SETTINGS.len() * values.len());
    let line = SETTINGS[at % SETTINGS.len()].replace('@', values[at / SETTINGS.len()]);
    with(&line)
}

/// A spec of a line, and of what it wants besides.
fn with(line: &str) -> String {
    let word = line.split(':').next().expect("a word");
    let usual = USUAL
        .iter()
        .filter(|(other, _)| *other != word)
        .map(|(word, value)| format!("{word}: {value}\n"));
    format!("{}{line}\n", usual.collect::<String>())
}

fn one(case: &mut Case, project: &Project) -> Verdict {
    let text = spec(case.seed as usize);
    case.keep("spec.yaml", &text);
    project.spec(&text);
    let last = text.lines().last().expect("a line").to_owned();
    let told = |verdict: Verdict| {
        verdict.map_err(|mut breach| {
            breach.told = format!("`{last}`: {}", breach.told);
            breach
        })
    };
    if told(judged(&Program::new(project).run("check spec.yaml")))? == Fate::Refused {
        return Ok(Fate::Refused);
    }
    let cache = folder();
    let ran =
        Program::new(project).run(&format!("run spec.yaml --cache {}", cache.path().display()));
    told(judged(&ran))
}

#[test]
fn every_line_of_the_list_is_a_setting() {
    let usual = ["1", "2", "0.5", "20", "64", "16000", "0", "0.9"];
    let accepts = |line: &str, value: &str| {
        load_text("spec.yaml", &with(&line.replace('@', value)), &[]).is_ok()
    };
    let none: Vec<&&str> =
        SETTINGS.iter().filter(|line| !usual.iter().any(|value| accepts(line, value))).collect();
    assert!(none.is_empty(), "no number suits {none:#?}");
}

#[test]
fn numbers_at_their_extremes() {
    let project = Project::new();
    project.write_all(&sounds::data_set());
    hold("settings", 60, 40, |case| one(case, &project));
}
