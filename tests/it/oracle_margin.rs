//! Detectors end to end on real recordings of a fan (MIMII), against numpy and scikit-learn: wav,
//! log-mel, pool, detector. Ten normal clips train; ten others and twenty anomalies are scored.

use std::collections::BTreeMap;
use std::path::Path;

use humshift::artifact::Channel;
use humshift::context::Context;
use humshift::detector::{DetectorSpec, Examples};
use humshift::feature::FeatureSpec;
use humshift::pool::PoolSpec;
use humshift::source::wav;
use ndarray::{Array2, Axis};
use serde_json::{Value, json};

use crate::oracle;

/// The log-mel frames of clips, by path below `data`.
fn frames(data: &Path, ids: &[String]) -> Vec<Array2<f32>> {
    let log_mel = FeatureSpec::parse("log_mel", &json!({})).unwrap();
    let extractor = log_mel.member().extractor(16_000).unwrap();
    let extract = |id: &String| {
        let wave = wav::read(&data.join(id), Channel::Mean).unwrap();
        assert_eq!(wave.rate, 16_000, "{id}");
        extractor.extract(&wave.samples).unwrap()
    };
    ids.iter().map(extract).collect()
}

fn pooled(frames: &[Array2<f32>], pool: &PoolSpec) -> Array2<f32> {
    let rows: Vec<Vec<f32>> =
        frames.iter().map(|frames| pool.member().pool(frames.view())).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

#[test]
fn scores_of_a_real_fan_are_those_of_scikit_learn() {
    let Some(data) = oracle::data("scores_of_a_real_fan_are_those_of_scikit_learn") else { return };
    let mut table =
        csv::Reader::from_path(data.join("oracles/classical/fan_id_00_scores.csv")).unwrap();
    let rows: Vec<BTreeMap<String, String>> = table.deserialize().map(Result::unwrap).collect();
    let test: Vec<String> = rows.iter().map(|row| row["clip"].clone()).collect();
    let normal = data.join("clips/mimii/fan/id_00/normal");
    let names = std::fs::read_dir(normal)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let ids = names.map(|name| format!("clips/mimii/fan/id_00/normal/{name}"));
    let mut train: Vec<String> = ids.filter(|id| !test.contains(id)).collect();
    train.sort();
    assert_eq!((train.len(), test.len()), (10, 30));
    let (train, test) = (frames(&data, &train), frames(&data, &test));

    // LIBSVM stopped at its own 1e-3, of sums near 4.
    let svm = json!({ "nu": 0.5, "standardize": false });
    let cases: [(&str, &str, Value, f64); 3] = [
        ("ocsvm_rbf_gamma_scale_nu0.5", "one_class_svm", svm, 5e-4),
        ("ledoitwolf_mahalanobis_sq", "mahalanobis", json!({}), 1e-4),
        (
            "diag_mahalanobis_sq(var ddof=0)",
            "mahalanobis",
            json!({ "covariance": "diagonal" }),
            1e-4,
        ),
    ];
    for (decay, pool, settings) in [
        ("1.0", "mean", json!({})),
        ("0.9", "gwrp", json!({ "decay": 0.9 })),
        ("0.5", "gwrp", json!({ "decay": 0.5 })),
    ] {
        let pool = PoolSpec::parse(pool, &settings).unwrap();
        let (train, test) = (pooled(&train, &pool), pooled(&test, &pool));
        let examples = |x| Examples {
            clips: Vec::new(),
            features: Array2::axis_chunks_iter(x, Axis(0), 1).collect(),
        };
        for (column, name, settings, tolerance) in &cases {
            let spec = DetectorSpec::parse(name, settings).unwrap();
            let model = spec.member().fit(&examples(&train), None, &Context::plain(0)).unwrap();
            let mut ours =
                spec.member().score(&model, &examples(&test), &Context::plain(0)).unwrap();
            if let Ok(offset) = model.f64_1("offset") {
                // The table has scikit-learn's `score_samples`, ours is its `decision_function`.
                ours.iter_mut().for_each(|score| *score -= offset[0]);
            }
            let column = format!("r{decay}|{column}");
            let theirs: Vec<f64> = rows.iter().map(|row| row[&column].parse().unwrap()).collect();
            let size = theirs.iter().map(|s| s.abs()).sum::<f64>() / theirs.len() as f64;
            let off =
                ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / size;
            println!("{column}: off by {off:e}");
            assert!(off <= *tolerance, "{column}: off by {off:e} of {size}");
        }
    }
}
