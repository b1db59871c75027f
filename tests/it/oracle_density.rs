//! Nearest neighbours and local outlier factors of real recordings, from the file to the score,
//! against numpy and scikit-learn: fan id_00 of MIMII, pooled by three decays.

use std::path::Path;

use humshift::artifact::Channel;
use humshift::context::Context;
use humshift::detector::{DensityForm, DetectorSpec, Examples, LocalDensity};
use humshift::feature::FeatureSpec;
use humshift::pool::PoolSpec;
use humshift::source::wav;
use ndarray::{Array2, ArrayView1, Axis};
use serde_json::{Value, json};

use crate::oracle;

/// Pooled vectors of `clips`, (clips, 128).
fn vectors(clips: &[&Path], decay: f64) -> Array2<f32> {
    let log_mel = FeatureSpec::parse("log_mel", &json!({})).unwrap();
    let extractor = log_mel.member().extractor(16_000).unwrap();
    let pool = PoolSpec::parse("gwrp", &json!({ "decay": decay })).unwrap();
    let mut all = Array2::zeros((0, 128));
    for clip in clips {
        let wave = wav::read(clip, Channel::First).unwrap();
        assert_eq!(wave.rate, 16_000, "{}", clip.display());
        let frames = extractor.extract(&wave.samples).unwrap();
        let pooled = pool.member().pool(frames.view());
        all.push_row(ArrayView1::from(&pooled)).unwrap();
    }
    all
}

fn examples(x: &Array2<f32>) -> Examples<'_> {
    Examples { clips: Vec::new(), features: x.axis_chunks_iter(Axis(0), 1).collect() }
}

#[test]
fn neighbours_of_real_clips_are_those_of_numpy_and_scikit_learn() {
    let Some(data) = oracle::data("neighbours_of_real_clips_are_those_of_numpy_and_scikit_learn")
    else {
        return;
    };
    let mut table =
        csv::Reader::from_path(data.join("oracles/classical/fan_id_00_scores.csv")).unwrap();
    let header = table.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let test: Vec<_> = rows.iter().map(|row| data.join(&row[0])).collect();
    let folder = data.join("clips/mimii/fan/id_00/normal");
    let mut normal: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    normal.sort();
    let train: Vec<&Path> = normal[..10].iter().map(|p| p.as_path()).collect();
    let test: Vec<&Path> = test.iter().map(|p| p.as_path()).collect();
    assert_eq!(test.len(), 30);

    // Measured: up to 6e-7. The features of the reference are f64, ours f32: 1e-5 dB apart.
    let detectors: [(&str, &str, Value); 5] = [
        ("knn1_euclid", "knn", json!({ "k": 1 })),
        ("knn3_euclid_mean", "knn", json!({ "k": 3 })),
        ("knn1_cosine", "knn", json!({ "k": 1, "metric": "cosine" })),
        // Distances divided by the mean distance of the training clip to its four nearest.
        ("knn1_rescaled_ldn_k4", "knn", json!({ "k": 1 })),
        ("lof_k5_novelty", "lof", json!({ "k": 5 })),
    ];
    let ratio = LocalDensity { neighbours: 4, form: DensityForm::Ratio, cluster_exit: None };
    for decay in [1.0, 0.9, 0.5] {
        let (x, y) = (vectors(&train, decay), vectors(&test, decay));
        let (x, y) = (examples(&x), examples(&y));
        for (column, name, settings) in &detectors {
            let column = format!("r{decay:?}|{column}");
            let at = header.iter().position(|name| name == column).expect("the column is there");
            let spec = DetectorSpec::parse(name, settings).unwrap();
            let dense = column
                .contains("_ldn_k4")
                .then(|| spec.member().with_local_density(ratio).unwrap());
            let detector = dense.as_deref().unwrap_or(spec.member());
            let model = detector.fit(&x, None, &Context::plain(0)).unwrap();
            let ours = detector.score(&model, &y, &Context::plain(0)).unwrap();
            let off = |(ours, row): (&f64, &csv::StringRecord)| {
                (ours / row[at].parse::<f64>().unwrap() - 1.0).abs()
            };
            let worst = ours.iter().zip(&rows).map(off).fold(0.0, f64::max);
            assert!(worst < 2e-6, "{column}: off by {worst:e}");
        }
    }
}
