use super::*;
use crate::artifact::{Label, Split};
use crate::seed::Seed;
use ndarray::{Array2, Axis};

/// Clips of the sections `00`, `01` ..., each with the attribute `load`, in turn.
fn clips(count: usize, sections: usize, loads: usize) -> Vec<Clip> {
    let clip = |i: usize| Clip {
        id: format!("fan/{i}.wav"),
        machine: "fan".into(),
        section: format!("0{}", i % sections),
        domain: None,
        split: Split::Train,
        label: Some(Label::Normal),
        attributes: [("load".to_owned(), (i / sections % loads).to_string())].into(),
    };
    (0..count).map(clip).collect()
}

/// One vector per clip, about a mean for its section and load.
fn vectors_of(clips: &[Clip], seed: u64) -> Array2<f32> {
    let mut rng = Seed(seed).rng();
    let mut x =
        Array2::from_shape_simple_fn((clips.len(), 4), || -30.0 + 2.0 * rng.normal() as f32);
    for (clip, mut row) in clips.iter().zip(x.rows_mut()) {
        row[0] += 12.0 * clip.section.parse::<f32>().unwrap();
        row[1] += 12.0 * clip.attributes["load"].parse::<f32>().unwrap();
    }
    x
}

fn examples<'a>(clips: &'a [Clip], x: &'a Array2<f32>) -> Examples<'a> {
    Examples { clips: clips.iter().collect(), features: x.axis_chunks_iter(Axis(0), 1).collect() }
}

fn read(json: &str) -> Result<Classifier, String> {
    serde_json::from_str(json).map_err(|e| e.to_string())
}

const MODELS: [&str; 10] = [
    r#"{"random_forest": {"trees": 30}}"#,
    r#"{"svc": {}}"#,
    r#"{"svc": {"kernel": "linear"}}"#,
    r#"{"lda": {}}"#,
    r#"{"lda": {"covariance": "empirical"}}"#,
    r#"{"lda": {"covariance": "diagonal"}}"#,
    r#"{"logistic_regression": {}}"#,
    r#"{"nearest_neighbours": {"k": 6}}"#,
    r#"{"extra_trees": {"trees": 30}}"#,
    r#"{"naive_bayes": {}}"#,
];

#[test]
fn clips_that_are_not_what_they_say_score_high() {
    let train = clips(120, 3, 2);
    let x = vectors_of(&train, 1);
    // The vectors of the first half of the test clips fit their labels. The vectors of the second
    // half belong to the next section.
    let mut test = clips(60, 3, 2);
    let y = vectors_of(&test, 2);
    for clip in &mut test[30..] {
        clip.section = format!("0{}", (clip.section.parse::<usize>().unwrap() + 1) % 3);
    }
    for labels in ["section", "attribute"] {
        for json in MODELS {
            let json = json.replacen('{', &format!("{{\"labels\": \"{labels}\", "), 1);
            let classifier = read(&json).unwrap();
            let model = classifier.fit(&examples(&train, &x), None, &Context::plain(1)).unwrap();
            let scores =
                classifier.score(&model, &examples(&test, &y), &Context::plain(1)).unwrap();
            // Far from all training clips the rbf machines know nothing, and votes are often equal.
            // So single clips may be out of order.
            let (right, wrong) = scores.split_at(30);
            let ordered =
                right.iter().map(|r| wrong.iter().filter(|w| *w > r).count()).sum::<usize>();
            assert!(
                scores.iter().all(|s| s.is_finite() && *s >= 0.0 && s.is_sign_positive()),
                "{json}"
            );
            assert!(
                ordered
                    >= if json.contains("svc") || json.contains("neighbours") { 850 } else { 900 },
                "{json}: {ordered} of 900"
            );
            assert_eq!(
                classifier.score(&model, &Examples::default(), &Context::plain(1)).unwrap(),
                [0.0; 0]
            );
        }
    }
}

#[test]
fn one_section_is_told_apart_by_attributes() {
    let train = clips(40, 1, 2);
    let x = vectors_of(&train, 3);
    let fit = |json: &str, x| {
        read(json).unwrap().fit(&x, None, &Context::plain(0)).map_err(|e| e.to_string())
    };
    let error = fit(r#"{"lda": {}}"#, examples(&train, &x)).unwrap_err();
    assert_eq!(
        error,
        "all 40 training clips are of section `00`: there is only one class; write `labels: attribute`, or \
         another detector, such as `knn: {}`"
    );
    let model = fit(r#"{"lda": {}, "labels": "attribute"}"#, examples(&train, &x)).unwrap();
    // Half way between the two loads no combination is likely.
    let mut y = x.select(Axis(0), &[0, 1]);
    y.row_mut(1)[1] = -24.0;
    let classifier = read(r#"{"lda": {}, "labels": "attribute"}"#).unwrap();
    let scores = classifier.score(&model, &examples(&train[..2], &y), &Context::plain(0)).unwrap();
    assert!(scores[0] < scores[1], "{scores:?}");

    let same = clips(40, 1, 1);
    let error = fit(r#"{"lda": {}, "labels": "attribute"}"#, examples(&same, &x)).unwrap_err();
    assert!(
        error.contains("section `00` and have the same attributes: ")
            && error.contains("write another"),
        "{error}"
    );
}

#[test]
fn a_section_without_training_clips_is_named() {
    let (train, test) = (clips(40, 2, 1), clips(3, 3, 1));
    let (x, y) = (vectors_of(&train, 4), vectors_of(&test, 5));
    let classifier = Classifier::default();
    let model = classifier.fit(&examples(&train, &x), None, &Context::plain(0)).unwrap();
    let error =
        classifier.score(&model, &examples(&test, &y), &Context::plain(0)).unwrap_err().to_string();
    assert_eq!(
        error,
        "clip `fan/2.wav` is of section `02`, which has no training clips: the classifier knows only `00`, `01`"
    );
}

#[test]
fn threads_change_nothing_and_seeds_change_forests() {
    let train = clips(150, 3, 2);
    let x = vectors_of(&train, 6);
    for json in MODELS {
        let classifier = read(json).unwrap();
        let run = |threads: usize, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let cx = Context { threads, ..Context::plain(seed) };
            pool.install(|| {
                let model = classifier.fit(&examples(&train, &x), None, &cx).unwrap();
                let scores = classifier.score(&model, &examples(&train, &x), &cx).unwrap();
                (model, scores)
            })
        };
        assert_eq!(run(1, 1), run(3, 1), "{json}");
        assert_eq!(classifier.seeded(), run(1, 1) != run(1, 2), "{json}");
    }
}

#[test]
fn a_model_is_a_name_with_settings() {
    assert_eq!(read("{}").unwrap().model.name(), "logistic_regression");
    assert_eq!(
        read(r#"{"svc": null}"#).unwrap(),
        read(r#"{"svc": {}, "labels": "section"}"#).unwrap()
    );
    assert_eq!(
        read(r#"{"svc": {}, "lda": {}}"#).unwrap_err(),
        "it takes one model, not `svc` and `lda`"
    );
    let error = read(r#"{"forest": {}}"#).unwrap_err();
    assert!(
        error.starts_with("unknown field `forest`, expected one of `random_forest`, `svc`, `lda`"),
        "{error}"
    );
    for json in MODELS {
        let classifier = read(json).unwrap();
        assert_eq!(read(&serde_json::to_string(&classifier).unwrap()).unwrap(), classifier);
    }
    let written = serde_json::to_string(&read(r#"{"lda": {}}"#).unwrap()).unwrap();
    assert_eq!(written, r#"{"lda":{"covariance":"ledoit_wolf"},"labels":"section"}"#);
}

#[test]
fn problems_name_the_setting_of_the_model() {
    let fields = |json| -> Vec<String> {
        read(json).unwrap().problems().into_iter().map(|p| p.field).collect()
    };
    assert_eq!(
        fields(r#"{"random_forest": {"trees": 0, "min_leaf": 0, "max_depth": 0}}"#).join(" "),
        "random_forest.trees random_forest.min_leaf random_forest.max_depth"
    );
    assert_eq!(fields(r#"{"extra_trees": {"trees": 0}}"#), ["extra_trees.trees"]);
    assert_eq!(fields(r#"{"naive_bayes": {"var_smoothing": 0}}"#), ["naive_bayes.var_smoothing"]);
    assert_eq!(fields(r#"{"nearest_neighbours": {"k": 0}}"#), ["nearest_neighbours.k"]);
    assert_eq!(fields(r#"{"svc": {"c": 0, "gamma": -1}}"#), ["svc.c", "svc.gamma"]);
    assert_eq!(fields(r#"{"logistic_regression": {"c": -1}}"#), ["logistic_regression.c"]);
}

#[test]
fn constant_dimensions_are_no_matter() {
    let train = clips(60, 2, 1);
    let mut x = vectors_of(&train, 7);
    x.column_mut(3).fill(-40.0);
    for json in MODELS {
        let classifier = read(json).unwrap();
        let fitted = classifier.fit(&examples(&train, &x), None, &Context::plain(0));
        match json.contains("empirical") || json.contains("diagonal") {
            true => {
                assert!(fitted.unwrap_err().to_string().contains("write `covariance: ledoit_wolf`"))
            }
            false => {
                let scores = classifier
                    .score(&fitted.unwrap(), &examples(&train, &x), &Context::plain(0))
                    .unwrap();
                assert!(scores.iter().all(|s| s.is_finite()), "{json}");
            }
        }
    }
}
