//! Pools and back-ends for vectors of pre-trained networks against their formulas in NumPy, on the
//! numbers of `tests/data/backends.json`.

use std::collections::BTreeMap;

use humshift::artifact::{Clip, Domain, Split};
use humshift::context::Context;
use humshift::detector::{DetectorSpec, Examples};
use humshift::generalize;
use humshift::pool::PoolSpec;
use humshift::stage::Generalization;
use ndarray::{Array2, Axis};
use serde_json::Value;

#[derive(serde::Deserialize)]
struct Reference {
    /// Clips of frames.
    frames: Vec<Vec<Vec<f32>>>,
    /// Pooled clips by the settings of the pool.
    pools: BTreeMap<String, Vec<Vec<f64>>>,
    train: Vec<Vec<f32>>,
    domains: Vec<Domain>,
    test: Vec<Vec<f32>>,
    scores: Vec<Scored>,
}

#[derive(serde::Deserialize)]
struct Scored {
    detector: Value,
    generalization: Value,
    scores: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../data/backends.json")).unwrap()
}

fn matrix(rows: &[Vec<f32>]) -> Array2<f32> {
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

#[test]
fn pools_are_those_of_the_formulas() {
    let reference = reference();
    for (settings, expected) in &reference.pools {
        let pool: PoolSpec = serde_json::from_str(settings).unwrap();
        for (frames, expected) in reference.frames.iter().zip(expected) {
            let pooled = pool.member().pool(matrix(frames).view());
            assert_eq!(pooled.len(), expected.len(), "{settings}");
            for (ours, theirs) in pooled.iter().zip(expected) {
                // The result is rounded to f32.
                let off = (f64::from(*ours) - theirs).abs();
                assert!(off <= 1e-7 * theirs.abs().max(0.1), "{settings}: {ours} {theirs}");
            }
        }
    }
}

#[test]
fn scores_are_those_of_the_formulas() {
    let reference = reference();
    let (train, test) = (matrix(&reference.train), matrix(&reference.test));
    let clip = |(place, domain): (usize, Option<&Domain>)| Clip {
        id: format!("fan/{place}.wav"),
        machine: "fan".into(),
        section: "00".into(),
        domain: domain.copied(),
        split: Split::Train,
        label: None,
        attributes: BTreeMap::new(),
    };
    let of_train: Vec<Clip> = reference.domains.iter().map(Some).enumerate().map(clip).collect();
    // Nothing tells the domain of a test clip.
    let of_test: Vec<Clip> = (0..test.nrows()).map(|place| clip((place, None))).collect();
    let train = Examples {
        clips: of_train.iter().collect(),
        features: train.axis_chunks_iter(Axis(0), 1).collect(),
    };
    let test = Examples {
        clips: of_test.iter().collect(),
        features: test.axis_chunks_iter(Axis(0), 1).collect(),
    };
    let cx = Context::plain(0);
    for Scored { detector, generalization, scores } in &reference.scores {
        let named = format!("{detector} {generalization}");
        let spec: DetectorSpec = serde_json::from_value(detector.clone()).unwrap();
        let settings: Generalization = serde_json::from_value(generalization.clone()).unwrap();
        assert!(settings.problems().is_empty() && spec.member().problems().is_empty(), "{named}");
        let model = generalize::fit(&settings, spec.member(), &train, None, &cx).unwrap();
        let ours = generalize::score(spec.member(), model, &test, &cx).unwrap();
        assert_eq!(ours.len(), scores.len());
        for (place, (ours, theirs)) in ours.iter().zip(scores).enumerate() {
            let off = (ours - theirs).abs();
            assert!(off <= 1e-6 * theirs.abs().max(1e-3), "{named}: {place} {ours} {theirs}");
        }
    }
}
