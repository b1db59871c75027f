//! Support vector machines, Mahalanobis distances per domain, classifiers and non-negative factors
//! against scikit-learn, on the numbers of `tests/data/margin.json`.

use std::collections::BTreeMap;

use humshift::artifact::{Clip, Domain, Split};
use humshift::context::Context;
use humshift::detector::{DetectorSpec, Examples};
use humshift::math;
use ndarray::{Array2, Axis};
use serde_json::{Value, json};

#[derive(serde::Deserialize)]
struct Reference {
    train: Vec<Vec<f32>>,
    test: Vec<Vec<f32>>,
    labels: Labels,
    test_labels: Labels,
    scores: BTreeMap<String, Vec<f64>>,
    forest: Vec<f64>,
    extra_trees: Vec<f64>,
    errors: BTreeMap<String, f64>,
}

#[derive(serde::Deserialize)]
struct Labels {
    section: Vec<usize>,
    load: Vec<usize>,
    domain: Vec<usize>,
}

impl Labels {
    fn clips(&self) -> Vec<Clip> {
        let clip = |i: usize| Clip {
            id: i.to_string(),
            machine: "fan".into(),
            section: self.section[i].to_string(),
            domain: Some([Domain::Source, Domain::Target][self.domain[i]]),
            split: Split::Train,
            label: None,
            attributes: [("load".to_owned(), self.load[i].to_string())].into(),
        };
        (0..self.section.len()).map(clip).collect()
    }
}

/// The training and the test clips with their vectors.
struct Data {
    clips: [Vec<Clip>; 2],
    vectors: [Array2<f32>; 2],
}

impl Data {
    fn of(reference: &Reference) -> Self {
        let matrix = |rows: &[Vec<f32>]| {
            Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
        };
        Self {
            clips: [reference.labels.clips(), reference.test_labels.clips()],
            vectors: [matrix(&reference.train), matrix(&reference.test)],
        }
    }

    fn examples(&self, i: usize) -> Examples<'_> {
        let features = self.vectors[i].axis_chunks_iter(Axis(0), 1).collect();
        Examples { clips: self.clips[i].iter().collect(), features }
    }

    /// The scores of the test clips, or those of the training clips.
    fn scores(&self, name: &str, settings: &Value, of: usize) -> Vec<f64> {
        let spec = DetectorSpec::parse(name, settings).unwrap();
        let model = spec.member().fit(&self.examples(0), None, &Context::plain(3)).unwrap();
        spec.member().score(&model, &self.examples(of), &Context::plain(3)).unwrap()
    }
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../data/margin.json")).unwrap()
}

/// The settings that a line such as `classifier svc rbf section` names, and how far off its scores
/// may be, as a part of the greatest.
fn settings(line: &str) -> (Value, f64) {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["one_class_svm", kernel, nu, gamma, standardize] => {
            let gamma = gamma.parse::<f64>().map_or(json!(gamma), |gamma| json!(gamma));
            let (nu, standardize) = (nu.parse::<f64>().unwrap(), standardize == "true");
            (
                json!({ "kernel": kernel, "nu": nu, "gamma": gamma, "standardize": standardize }),
                1e-4,
            )
        }
        ["mahalanobis", covariance] => {
            (json!({ "covariance": covariance, "selective": true }), 1e-9)
        }
        ["classifier", "lda", covariance, labels] => {
            (json!({ "lda": { "covariance": covariance }, "labels": labels }), 1e-9)
        }
        ["classifier", "svc", kernel, labels] => {
            (json!({ "svc": { "kernel": kernel, "c": 2 }, "labels": labels }), 1e-3)
        }
        ["classifier", "naive_bayes", smoothing, labels] => {
            let smoothing = smoothing.parse::<f64>().unwrap();
            (json!({ "naive_bayes": { "var_smoothing": smoothing }, "labels": labels }), 1e-9)
        }
        ["classifier", "logistic_regression", c, labels] => {
            let c = c.parse::<f64>().unwrap();
            (json!({ "logistic_regression": { "c": c }, "labels": labels }), 1e-4)
        }
        _ => panic!("{line}"),
    }
}

#[test]
fn scores_are_those_of_scikit_learn() {
    let reference = reference();
    let data = Data::of(&reference);
    assert_eq!(reference.scores.len(), 24);
    for (line, theirs) in &reference.scores {
        let (settings, tolerance) = settings(line);
        let ours = data.scores(line.split(' ').next().unwrap(), &settings, 1);
        let size = theirs.iter().map(|s| s.abs()).fold(0.0, f64::max);
        let off = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / size;
        assert_eq!(ours.len(), theirs.len());
        assert!(off <= tolerance, "{line}: off by {off:e} of {size}");
    }
}

#[test]
fn forests_vote_as_scikit_learn_s() {
    let reference = reference();
    let data = Data::of(&reference);
    for (name, theirs) in
        [("random_forest", &reference.forest), ("extra_trees", &reference.extra_trees)]
    {
        let ours = data.scores("classifier", &json!({ name: { "trees": 2000, "min_leaf": 3 } }), 1);
        for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            // Two forests of other draws; one tree's vote has a deviation of at most 0.5.
            let p = math::exp(-ours);
            assert!((p - theirs).abs() < 0.05, "{name}, clip {i}: {p} against {theirs}");
        }
    }
}

#[test]
fn spectra_rebuild_as_well_as_scikit_learn_s() {
    let reference = reference();
    let data = Data::of(&reference);
    for (line, theirs) in &reference.errors {
        let settings = json!({ "components": 3, "linear": line == "nmf true" });
        let ours = data.scores("nmf", &settings, 0);
        let ours = ours.iter().sum::<f64>() / ours.len() as f64;
        // Of one start, against the best of ten.
        assert!((0.99 * theirs..1.05 * theirs).contains(&ours), "{line}: {ours} against {theirs}");
    }
}
