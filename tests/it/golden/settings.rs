//! Settings that members of families are run with, so that every branch is held.

use serde_json::{Value, json};

/// The settings of a member: its defaults, if it has any, and others. `{}` stands for the defaults.
pub fn settings(family: &str, name: &str) -> Vec<Value> {
    let mut all = vec![json!({})];
    all.extend(match (family, name) {
        ("feature", "vectors") => vec![json!({"axes": ["dim", "time", "band"]})],
        ("feature", "onnx") => vec![
            json!({"window": 3, "hop": 2, "axes": ["time", "band", "one", "dim"]}),
            json!({"input": "log_mel", "window": 3, "layout": ["mel", "batch", "frame"]}),
        ],
        // Two frames of two values from the size of the clip, in the head of NumPy.
        ("feature", "command") => {
            const CALL: &str = r#"
                tail -n +2 clips.csv | while IFS=, read -r clip wav npy; do
                    shape="{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }"
                    printf '\223NUMPY\001\000v\000%-117s\n%016d' "$shape" "$(wc -c < "$wav")" > "$npy"
                done"#;
            return vec![json!({"run": ["sh", "-c", CALL]})];
        }
        // Frames of the default are longer than the wave.
        ("feature", "welch") => {
            let small = json!({"frame": 1024, "hop": 512, "bands": 12, "fmin": 100});
            let loud =
                json!({"frame": 255, "hop": 100, "bands": 5, "fmin": 300, "remove_level": false});
            return vec![small, loud];
        }
        ("feature", "clip_spectrum") => vec![json!({"stft": [64, 256]})],
        ("feature", "lpc") => vec![json!({"frame": 255, "hop": 100, "order": 7, "bins": 5})],
        ("pool", "gwrp") => vec![json!({"decay": 0.5})],
        ("pool", "rdp") => vec![json!({"gamma": 4.5, "bands": 2})],
        ("pool", "gem") => vec![json!({"p": 2.5})],
        ("pool", "rdp_gem") => vec![json!({"gamma": 16, "p": 2, "bands": 2})],
        ("threshold", "fixed") => return vec![json!({"value": 0.5})],
        ("threshold", _) => vec![json!({"percentile": 0.5, "scores": "training"})],
        ("source", "folder") => {
            return vec![json!({
                "root": "data",
                "pattern": "{machine}/{section}_{domain}_{split}_{label}_{attr.load}_{*}.wav",
            })];
        }
        ("source", "dcase" | "scores") => return vec![json!({"root": "data"})],
        ("source", "phm2012") => return vec![json!({"root": "data", "sections": ["00"]})],
        ("embedder", name) => return embedder(name),
        ("detector", name) => return detector(name),
        _ => Vec::new(),
    });
    all
}

fn embedder(name: &str) -> Vec<Value> {
    if name == "autoencoder" {
        return vec![json!({"window": 2, "layers": [8, 3, 8], "epochs": 3, "batch": 16})];
    }
    let small = |more: Value| {
        let mut all = json!({"channels": [4, 8], "dims": 4, "epochs": 2, "batch": 8});
        all.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        all
    };
    let attribute = json!({
        "branches": ["spectrum"], "labels": "attribute", "loss": {"softmax": {}}, "mixup": 0.0, "balance": true,
    });
    vec![
        small(json!({"loss": {"adacos": {}}})),
        small(attribute),
        small(json!({"loss": {"adaproj": {"subspace_dims": 3}}})),
        small(json!({"spec_augment": {"time_masks": 2, "time_width": 3, "frequency_width": 4}})),
        small(json!({"featex": {"weight": 0.5}})),
        small(json!({"subspace_loss": {}, "loss": {"adaproj": {"subspace_dims": 3}}})),
    ]
}

fn detector(name: &str) -> Vec<Value> {
    let network =
        json!({"autoencoder": {"window": 2, "layers": [8, 3, 8], "epochs": 3, "batch": 16}});
    let with = |backend: Value| json!({"network": network, "backend": backend});
    let cnn = |loss: Value| {
        let small = json!({"branches": ["spectrogram"], "channels": [4, 8], "dims": 4, "epochs": 2, "batch": 8});
        let mut network = json!({"cnn": small});
        network["cnn"]["loss"] = loss;
        json!({"network": network, "backend": {"knn": {}}})
    };
    let mut all = vec![json!({})];
    all.extend(match name {
        // The score of a clip is the number of its rows and of those of the training clips.
        "command" => {
            const CALL: &str = "if [ -e scores.csv ]; then exit 1; fi
                if grep -q '\"fit\"' \"$0\"; then tail -n 1 clips.csv > model/last; exit; fi
                echo clip,score > scores.csv
                known=$(cut -d , -f 2 model/last)
                tail -n +2 clips.csv | while IFS=, read -r clip first frames; do
                    echo \"$clip,$((known + frames))\" >> scores.csv
                done";
            return vec![json!({"run": ["sh", "-c", CALL]})];
        }
        // Without detectors it is nothing.
        "ensemble" => return vec![json!({"detectors": [{"knn": {}}, {"mahalanobis": {}}]})],
        "embedding" => {
            return vec![
                with(json!({"knn": {}})),
                with(json!({"mahalanobis": {}})),
                cnn(json!({"softmax": {}})),
                cnn(json!({"arcface": {}})),
                cnn(json!({"sub_cluster_adacos": {"clusters": 2}})),
            ];
        }
        "mobilenet_v2" => return vec![json!({"frames": 6, "hop": 1, "width": 0.1, "epochs": 2, "batch": 8})],
        "autoencoder" => vec![
            json!({"window": 3, "layers": [8, 3, 8], "epochs": 2, "predict": "centre"}),
            json!({"window": 2, "layers": [8, 3, 8], "epochs": 2, "score": "selective_mahalanobis"}),
        ],
        "knn" => vec![json!({"k": 3, "metric": "cosine"}), json!({"k": 3, "reduce": "kth"}), json!({"bands": 2}), json!({"bands": [1, 3]})],
        "lof" => vec![json!({"k": 3, "metric": "cosine"})],
        "dbscan" => vec![json!({"eps": 14.0, "min_points": 3}), json!({"quantile": 0.5, "metric": "cosine"})],
        "kde" => ["scott", "silverman", "median_nearest"].map(|rule| json!({"bandwidth": rule})).to_vec(),
        "isolation_forest" => vec![json!({"trees": 20, "samples": 8})],
        "kmeans" => vec![json!({"clusters": 4, "metric": "cosine"})],
        "gmm" => vec![
            json!({"covariance": "diagonal", "score": "best_component"}),
            json!({"components": 3, "covariance": "tied", "runs": 2}),
        ],
        // Vectors of 10 values have no 16 directions.
        "pca" => return vec![json!({"components": 4}), json!({"variance": 0.8})],
        "mahalanobis" => {
            vec![json!({"covariance": "empirical"}), json!({"covariance": "diagonal"}), json!({"selective": true}), json!({"spread": "source"}), json!({"centre": "target", "spread": "source"})]
        }
        "classifier" => vec![
            json!({"random_forest": {"trees": 20, "min_leaf": 2}}),
            json!({"random_forest": {"trees": 5}, "labels": "attribute"}),
            json!({"svc": {}}),
            json!({"svc": {"kernel": "linear"}, "labels": "attribute"}),
            json!({"lda": {}}),
            json!({"nearest_neighbours": {"k": 5}}),
            json!({"extra_trees": {"trees": 20, "min_leaf": 2}}),
            json!({"naive_bayes": {}}),
        ],
        "nmf" => vec![json!({"components": 4, "linear": true})],
        "one_class_svm" => vec![json!({"kernel": "linear", "nu": 0.5}), json!({"gamma": 0.001, "standardize": false})],
        _ => Vec::new(),
    });
    all
}
