//! Detectors and pools against numpy and scikit-learn, on the numbers of
//! `tests/data/classical.json`.

use std::collections::BTreeMap;

use humshift::context::Context;
use humshift::detector::{DetectorSpec, Examples};
use humshift::pool::PoolSpec;
use ndarray::{Array2, Axis};
use serde_json::{Value, json};

#[derive(serde::Deserialize)]
struct Reference {
    train: Vec<Vec<f32>>,
    test: Vec<Vec<f32>>,
    few: Vec<Vec<f32>>,
    frames: Vec<Vec<f32>>,
    scores: BTreeMap<String, Vec<f64>>,
    few_scores: BTreeMap<String, Vec<f64>>,
    pools: BTreeMap<String, Vec<f64>>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../data/classical.json")).unwrap()
}

fn matrix(rows: &[Vec<f32>]) -> Array2<f32> {
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

/// The detector and settings that a line such as `knn k=5 cosine kth` names.
fn detector(line: &str) -> DetectorSpec {
    let words: Vec<&str> = line.split(' ').collect();
    let settings = match words[..] {
        ["knn", k, metric, reduce] => {
            json!({ "k": k[2..].parse::<u64>().unwrap(), "metric": metric, "reduce": reduce })
        }
        ["mahalanobis", covariance] => json!({ "covariance": covariance }),
        _ => panic!("{line}"),
    };
    DetectorSpec::parse(words[0], &settings).unwrap()
}

fn close(what: &str, ours: impl Iterator<Item = f64>, theirs: &[f64], tolerance: f64) {
    let ours: Vec<f64> = ours.collect();
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let off = (ours - theirs).abs() / theirs.abs();
        assert!(off <= tolerance, "{what}, number {i}: {ours} against {theirs}, off by {off:e}");
    }
}

fn check(train: &[Vec<f32>], test: &[Vec<f32>], scores: &BTreeMap<String, Vec<f64>>) {
    let (train, test) = (matrix(train), matrix(test));
    fn examples(x: &Array2<f32>) -> Examples<'_> {
        Examples { clips: Vec::new(), features: x.axis_chunks_iter(Axis(0), 1).collect() }
    }
    for (line, theirs) in scores {
        let spec = detector(line);
        let model = spec.member().fit(&examples(&train), None, &Context::plain(0)).unwrap();
        let ours = spec.member().score(&model, &examples(&test), &Context::plain(0)).unwrap();
        close(line, ours.into_iter(), theirs, 1e-6);
    }
}

#[test]
fn scores_are_those_of_scikit_learn() {
    let reference = reference();
    assert_eq!(reference.scores.len(), 9);
    check(&reference.train, &reference.test, &reference.scores);
    check(&reference.few, &reference.test, &reference.few_scores);
}

#[test]
fn pools_are_those_of_numpy() {
    let reference = reference();
    let frames = matrix(&reference.frames);
    assert_eq!(reference.pools.len(), 5);
    for (line, theirs) in &reference.pools {
        let (name, settings) = match line.split_once(' ') {
            Some((name, decay)) => (name, json!({ "decay": decay.parse::<f64>().unwrap() })),
            None => (line.as_str(), Value::Object(Default::default())),
        };
        let ours = PoolSpec::parse(name, &settings).unwrap().member().pool(frames.view());
        // One rounding to f32.
        close(line, ours.into_iter().map(f64::from), theirs, 1e-7);
    }
}
