//! From real recordings to the scores of a Gaussian and of principal components, against
//! scikit-learn's: fan 00 of MIMII, its log-mel pooled with three decays.

use std::path::Path;

use humshift::artifact::Channel;
use humshift::context::Context;
use humshift::detector::{DetectorSpec, Examples};
use humshift::feature::FeatureSpec;
use humshift::pool::PoolSpec;
use humshift::source::wav;
use ndarray::{Array1, Array2, Axis};
use serde_json::json;

use crate::oracle;

/// The log-mel of the first channel of a clip.
fn log_mel(clip: &Path) -> Array2<f32> {
    let wave = wav::read(clip, Channel::First).unwrap();
    let spec = FeatureSpec::parse("log_mel", &json!({})).unwrap();
    spec.member().extractor(wave.rate).unwrap().extract(&wave.samples).unwrap()
}

#[test]
fn real_clips_score_as_with_scikit_learn() {
    let Some(data) = oracle::data("real_clips_score_as_with_scikit_learn") else { return };
    let table = data.join("oracles/classical/fan_id_00_scores.csv");
    let mut table = csv::Reader::from_path(table).unwrap();
    let header = table.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 30);
    let mut normal: Vec<_> = (std::fs::read_dir(data.join("clips/mimii/fan/id_00/normal"))
        .unwrap())
    .map(|entry| entry.unwrap().path())
    .collect();
    normal.sort();
    let train: Vec<Array2<f32>> = normal[..10].iter().map(|clip| log_mel(clip)).collect();
    let test: Vec<Array2<f32>> = rows.iter().map(|row| log_mel(&data.join(&row[0]))).collect();

    for decay in ["1.0", "0.9", "0.5"] {
        let pool =
            PoolSpec::parse("gwrp", &json!({ "decay": decay.parse::<f64>().unwrap() })).unwrap();
        let pooled = |clips: &[Array2<f32>]| -> Vec<Array2<f32>> {
            clips
                .iter()
                .map(|clip| Array1::from(pool.member().pool(clip.view())).insert_axis(Axis(0)))
                .collect()
        };
        let (train, test) = (pooled(&train), pooled(&test));
        let [train, test] = [&train, &test].map(|clips| Examples {
            clips: Vec::new(),
            features: clips.iter().map(|x| x.view()).collect(),
        });
        for (column, detector, settings) in [
            (
                "gmm1_diag_neglogpdf(reg1e-6)",
                "gmm",
                json!({ "components": 1, "covariance": "diagonal" }),
            ),
            ("pca5_residual_sq", "pca", json!({ "components": 5 })),
        ] {
            let spec = DetectorSpec::parse(detector, &settings).unwrap();
            let model = spec.member().fit(&train, None, &Context::plain(0)).unwrap();
            let scores = spec.member().score(&model, &test, &Context::plain(0)).unwrap();
            let column =
                header.iter().position(|name| name == format!("r{decay}|{column}")).unwrap();
            let theirs = rows.iter().map(|row| row[column].parse::<f64>().unwrap());
            let worst =
                scores.iter().zip(theirs).map(|(s, t)| (s / t - 1.0).abs()).fold(0.0, f64::max);
            // Measured: 5e-7, what f32 features and pooled vectors leave; theirs are f64
            // throughout.
            assert!(worst < 5e-6, "{decay}, {detector}: {worst:e}");
        }
    }
}
