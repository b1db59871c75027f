use super::*;
use crate::artifact::{Domain, Label, Split};
use crate::detector::DetectorSpec;
use crate::seed::Seed;
use ndarray::Array2;
use serde_json::{Value, json};

/// Source clips around 0 with deviation 1, target clips around 50 with deviation 5, in two sections
/// 1,000 apart.
fn clips(source: usize, target: usize, split: Split) -> Vec<(Clip, Array2<f32>)> {
    let mut rng = Seed(if split == Split::Train { 3 } else { 4 }).rng();
    let mut all = Vec::new();
    for section in 0..2 {
        for i in 0..source + target {
            let is_target = i >= source;
            let clip = Clip {
                id: format!("{split}{section}{i:03}"),
                machine: "fan".into(),
                section: format!("0{section}"),
                domain: Some(if is_target { Domain::Target } else { Domain::Source }),
                split,
                label: Some(Label::Normal),
                attributes: [("vel".to_owned(), (i % 2).to_string())].into(),
            };
            let (level, deviation) = if is_target { (50.0, 5.0) } else { (0.0, 1.0) };
            let level = level + 1000.0 * section as f64;
            all.push((
                clip,
                Array2::from_shape_simple_fn((1, 4), || (level + deviation * rng.normal()) as f32),
            ));
        }
    }
    all
}

fn examples(clips: &[(Clip, Array2<f32>)]) -> Examples<'_> {
    Examples {
        clips: clips.iter().map(|c| &c.0).collect(),
        features: clips.iter().map(|c| c.1.view()).collect(),
    }
}

fn knn() -> DetectorSpec {
    DetectorSpec::parse("knn", &json!({})).unwrap()
}

fn scores(settings: Value) -> Vec<f64> {
    let (train, test) = (clips(40, 8, Split::Train), clips(10, 10, Split::Test));
    let g: Generalization = serde_json::from_value(settings).unwrap();
    let cx = Context::plain(5);
    let model = fit(&g, knn().member(), &examples(&train), None, &cx).unwrap();
    score(knn().member(), model, &examples(&test), &cx).unwrap()
}

fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}

#[test]
fn the_nearest_of_two_references_is_the_nearest_of_all() {
    assert_eq!(scores(json!({"references": "domain"})), scores(json!({})));
    assert_eq!(scores(json!({"references": "attribute"})), scores(json!({})));
}

#[test]
fn domains_compared_with_themselves_score_alike() {
    let plain = scores(json!({}));
    assert!(mean(&plain[10..20]) > 4.0 * mean(&plain[..10]), "the target is sparse");
    let compared = scores(json!({"references": "domain", "score_normalization": "domain"}));
    assert!(
        mean(&compared[10..20]).abs() < 1.5 && mean(&compared[..10]).abs() < 1.5,
        "{compared:?}"
    );
    let dense = scores(json!({"local_density": 3}));
    assert!(mean(&dense[10..20]) < 2.0 * mean(&dense[..10]), "{dense:?}");
}

#[test]
fn sections_and_domains_have_their_own_normal() {
    // Over all clips the section's level is most of the deviation; within a section it is none.
    let global = scores(json!({"feature_normalization": "global"}));
    let section = scores(json!({"feature_normalization": "section"}));
    assert!(mean(&section) > 10.0 * mean(&global), "{} {}", mean(&section), mean(&global));
    let domain =
        scores(json!({"feature_normalization": "domain", "score_normalization": "section"}));
    assert!(domain.iter().all(|s| s.is_finite()));
}

#[test]
fn models_survive_their_bytes() {
    use crate::artifact::{Artifact, Blob};
    let train = clips(12, 4, Split::Train);
    let g: Generalization = serde_json::from_value(json!({
        "feature_normalization": "section", "references": "domain", "score_normalization": "attribute",
        "temporal_mean_subtraction": false, "smote": {"ratio": 0.5},
    }))
    .unwrap();
    let cx = Context::plain(5);
    let model = fit(&g, knn().member(), &examples(&train), None, &cx).unwrap();
    let again = Tensors::decode(Blob::new(model.encode())).unwrap();
    let score = |model| score(knn().member(), model, &examples(&train), &cx).unwrap();
    assert_eq!(score(model), score(again));
}

#[test]
fn held_out_clips_are_not_known_to_the_model() {
    let train = clips(20, 5, Split::Train);
    let held = held_out(
        &Generalization::default(),
        knn().member(),
        &examples(&train),
        None,
        &Context::plain(1),
    );
    let held = held.unwrap();
    assert!(held.len() == 50 && held.values().all(|score| *score > 0.0));
    let one = clips(1, 0, Split::Train);
    let told = held_out(
        &Generalization::default(),
        knn().member(),
        &examples(&one[..1]),
        None,
        &Context::plain(1),
    );
    assert_eq!(
        told.unwrap_err().to_string(),
        "1 training clips cannot be held out in turn; there must be 2"
    );
}

#[test]
fn what_a_reference_cannot_do_names_it() {
    let train = clips(30, 5, Split::Train);
    let g: Generalization = serde_json::from_value(json!({"references": "domain"})).unwrap();
    let knn = DetectorSpec::parse("knn", &json!({"k": 11})).unwrap();
    let told =
        fit(&g, knn.member(), &examples(&train), None, &Context::plain(1)).unwrap_err().to_string();
    assert_eq!(told, "reference `target`: `k` is 11, but there are only 10 training clips");
    let test = clips(2, 0, Split::Test);
    let g: Generalization =
        serde_json::from_value(json!({"feature_normalization": "section"})).unwrap();
    let model =
        fit(&g, self::knn().member(), &examples(&train[..35]), None, &Context::plain(1)).unwrap();
    let told = score(self::knn().member(), model, &examples(&test), &Context::plain(1))
        .unwrap_err()
        .to_string();
    assert_eq!(told, "clip `test1000` is of section 01, which has no training clips");
}

/// A fake detector of vectors with fixed answers, which counts its calls.
struct Odd {
    scored: std::sync::atomic::AtomicUsize,
    fails_below: usize,
    error: fn() -> DetectorError,
}

impl Odd {
    fn new(fails_below: usize, error: fn() -> DetectorError) -> Self {
        Self { scored: Default::default(), fails_below, error }
    }
}

impl Detector for Odd {
    fn version(&self) -> u32 {
        1
    }

    fn fit(
        &self,
        train: &Examples,
        _: Option<&Tensors>,
        _: &Context,
    ) -> Result<Tensors, DetectorError> {
        if train.clips.len() < self.fails_below {
            return Err((self.error)());
        }
        // A model without arrays would be missing after storing and reading it.
        let mut model = Tensors::default();
        model.put_f64("clips", ndarray::array![train.clips.len() as f64]);
        Ok(model)
    }

    fn score(&self, _: &Tensors, test: &Examples, _: &Context) -> Result<Vec<f64>, DetectorError> {
        self.scored.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(test.features.iter().map(|f| f64::from(f[[0, 0]])).collect())
    }
}

#[test]
fn only_too_few_clips_excuse_a_fold() {
    // 21 clips in five folds: one fold leaves 16 training clips, four leave 17.
    let train: Vec<_> =
        clips(21, 0, Split::Train).into_iter().filter(|(clip, _)| clip.section == "00").collect();
    let g: Generalization =
        serde_json::from_value(json!({"score_normalization": "section"})).unwrap();
    let fitted = |error| fit(&g, &Odd::new(17, error), &examples(&train), None, &Context::plain(5));
    assert!(fitted(|| DetectorError::TooFew("16 clips".into())).is_ok());
    let told =
        fitted(|| DetectorError::Data("the loss became NaN".into())).unwrap_err().to_string();
    assert_eq!(told, "without a fifth of the clips, to score them as new: the loss became NaN");
}

#[test]
fn cells_of_one_model_share_its_scores() {
    let (train, test) = (clips(40, 8, Split::Train), clips(10, 10, Split::Test));
    let g: Generalization =
        serde_json::from_value(json!({"score_normalization": "attribute"})).unwrap();
    let (detector, cx) = (Odd::new(0, || DetectorError::NoClips), Context::plain(5));
    let model = fit(&g, &detector, &examples(&train), None, &cx).unwrap();
    detector.scored.store(0, std::sync::atomic::Ordering::Relaxed);
    let scores = score(&detector, model, &examples(&test), &cx).unwrap();
    // Two domains with two velocities each give four cells.
    assert_eq!(detector.scored.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert_eq!(scores.len(), 40);
}
