//! Local outlier factors, kernel densities, core points and isolation forests against scikit-learn,
//! on the numbers of `tests/data/density.json`.

use std::collections::BTreeMap;

use humshift::context::Context;
use humshift::detector::{DetectorSpec, Examples};
use humshift::math;
use ndarray::{Array2, Axis};
use serde_json::{Value, json};

#[derive(serde::Deserialize)]
struct Reference {
    train: Vec<Vec<f32>>,
    test: Vec<Vec<f32>>,
    repeated: Vec<Vec<f32>>,
    scores: BTreeMap<String, Vec<f64>>,
    repeated_scores: BTreeMap<String, Vec<f64>>,
    forest: Forest,
}

/// Scores of isolation forests over many seeds.
#[derive(serde::Deserialize)]
struct Forest {
    trees: usize,
    samples: usize,
    seeds: usize,
    mean: Vec<f64>,
    std: Vec<f64>,
    rank_correlation: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../data/density.json")).unwrap()
}

fn matrix(rows: &[Vec<f32>]) -> Array2<f32> {
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

fn scores(
    name: &str,
    settings: &Value,
    train: &Array2<f32>,
    test: &Array2<f32>,
    seed: u64,
) -> Vec<f64> {
    fn examples(x: &Array2<f32>) -> Examples<'_> {
        Examples { clips: Vec::new(), features: x.axis_chunks_iter(Axis(0), 1).collect() }
    }
    let (spec, cx) = (DetectorSpec::parse(name, settings).unwrap(), Context::plain(seed));
    let model = spec.member().fit(&examples(train), None, &cx).unwrap();
    spec.member().score(&model, &examples(test), &cx).unwrap()
}

/// The settings that a line such as `lof k=5 cosine` or `kde scott` names.
fn settings(line: &str) -> (&str, Value) {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["lof", k, metric] => {
            ("lof", json!({ "k": k[2..].parse::<u64>().unwrap(), "metric": metric }))
        }
        ["kde", bandwidth] => (
            "kde",
            json!({ "bandwidth": bandwidth.parse().map_or(json!(bandwidth), |h: f64| json!(h)) }),
        ),
        ["dbscan", points, radius, metric] => {
            let (word, value) = radius.split_once('=').expect("a word and a number");
            let (points, value) = (points.parse::<u64>().unwrap(), value.parse::<f64>().unwrap());
            ("dbscan", json!({ "min_points": points, word: value, "metric": metric }))
        }
        _ => panic!("{line}"),
    }
}

fn check(train: &[Vec<f32>], test: &[Vec<f32>], scores_of: &BTreeMap<String, Vec<f64>>) {
    let (train, test) = (matrix(train), matrix(test));
    for (line, theirs) in scores_of {
        let (name, settings) = settings(line);
        let ours = scores(name, &settings, &train, &test, 0);
        assert_eq!(ours.len(), theirs.len());
        for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            let off = (ours - theirs).abs();
            assert!(
                off <= 1e-9 * theirs.abs(),
                "{line}, number {i}: {ours} against {theirs}, off by {off:e}"
            );
        }
    }
}

#[test]
fn densities_are_those_of_scikit_learn() {
    let reference = reference();
    assert_eq!((reference.scores.len(), reference.repeated_scores.len()), (14, 4));
    check(&reference.train, &reference.test, &reference.scores);
    check(&reference.repeated, &reference.test, &reference.repeated_scores);
}

#[test]
fn isolation_forests_are_drawn_from_the_distribution_of_scikit_learns() {
    let Reference { train, test, forest, .. } = reference();
    let (train, test) = (matrix(&train), matrix(&test));
    let settings = json!({ "trees": forest.trees, "samples": forest.samples });
    let seeds = 100;
    let all: Vec<Vec<f64>> =
        (0..seeds).map(|seed| scores("isolation_forest", &settings, &train, &test, seed)).collect();

    let n = seeds as f64;
    let mut squares = 0.0;
    for (i, (theirs, std)) in forest.mean.iter().zip(&forest.std).enumerate() {
        let mean = all.iter().map(|scores| scores[i]).sum::<f64>() / n;
        let variance =
            all.iter().map(|scores| math::square(scores[i] - mean)).sum::<f64>() / (n - 1.0);
        let deviation = (mean - theirs) / (std * (1.0 / n + 1.0 / forest.seeds as f64).sqrt());
        assert!(
            deviation.abs() < 4.0,
            "vector {i}: {mean} against {theirs}, {deviation} standard errors"
        );
        let ratio = math::ln(variance.sqrt() / std).abs();
        assert!(
            ratio < 0.35,
            "vector {i}: a deviation of {} between seeds, against {std}",
            variance.sqrt()
        );
        squares += math::square(deviation);
    }
    // Around 1 if the distributions are the same; vectors of one seed depend on each other.
    let square = squares / forest.mean.len() as f64;
    assert!(square < 2.0, "{square}");

    let worse = all
        .iter()
        .filter(|scores| rank_correlation(scores, &forest.mean) < forest.rank_correlation)
        .count();
    assert!(
        worse <= 5,
        "{worse} of {seeds} seeds order the vectors worse than 99 of 100 seeds of scikit-learn"
    );
}

/// Spearman's, of values without ties.
fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |values: &[f64]| {
        let rank = |x: &f64| values.iter().filter(|y| *y < x).count() as f64;
        values.iter().map(rank).collect::<Vec<_>>()
    };
    let n = a.len() as f64;
    let squares: f64 = ranks(a).iter().zip(ranks(b)).map(|(a, b)| math::square(a - b)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}
