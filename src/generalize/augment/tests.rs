use super::*;
use crate::artifact::{Label, Split};
use crate::detector::Examples;
use crate::math;
use crate::seed::Seed;
use serde_json::json;
use std::collections::BTreeMap;

/// Twenty source clips around 0 and five target clips around 100 in each of two sections, (1, 3).
fn clips() -> (Vec<Clip>, Vec<Array2<f32>>) {
    let mut rng = Seed(8).rng();
    let mut all = (Vec::new(), Vec::new());
    for i in 0..50 {
        let (section, target) = (i / 25, i % 25 >= 20);
        all.0.push(Clip {
            id: format!("{i:02}"),
            machine: "fan".into(),
            section: format!("0{section}"),
            domain: Some(if target { Domain::Target } else { Domain::Source }),
            split: Split::Train,
            label: Some(Label::Normal),
            attributes: BTreeMap::new(),
        });
        let level = if target { 100.0 } else { 0.0 } + 1000.0 * section as f64;
        all.1.push(Array2::from_shape_simple_fn((1, 3), || (level + rng.normal()) as f32));
    }
    all
}

/// Applies `settings` to the clips. Returns id, domain and features of each clip.
fn augmented(settings: serde_json::Value) -> Vec<(String, Domain, Vec<f32>)> {
    let (clips, features) = clips();
    let examples = Examples {
        clips: clips.iter().collect(),
        features: features.iter().map(|f| f.view()).collect(),
    };
    let g: Generalization = serde_json::from_value(settings).unwrap();
    let made = augment(Samples::of(&examples), &g, &Context::plain(1)).unwrap();
    let one = |(clip, f): (&std::borrow::Cow<Clip>, &ndarray::CowArray<f32, ndarray::Ix2>)| {
        (clip.id.clone(), clip.domain.unwrap(), f.iter().copied().collect())
    };
    made.clips.iter().zip(&made.features).map(one).collect()
}

fn new(all: &[(String, Domain, Vec<f32>)]) -> Vec<&(String, Domain, Vec<f32>)> {
    all.iter().filter(|(id, ..)| id.contains('\t')).collect()
}

#[test]
fn smote_fills_the_target_of_each_section_with_clips_between_its_own() {
    let all = augmented(json!({"smote": {"ratio": 0.5}}));
    let new = new(&all);
    // 0.5 of 20 is 10: five are there.
    assert_eq!((all.len(), new.len()), (60, 10));
    for (id, domain, features) in new {
        let level = if id.as_str() < "25" { 100.0 } else { 1100.0 };
        assert_eq!(*domain, Domain::Target);
        assert!(features.iter().all(|x| (x - level).abs() < 5.0), "{id}: {features:?}");
    }
    assert_eq!(augmented(json!({"smote": {"ratio": 0.1}})).len(), 50);
}

#[test]
fn every_smote_clip_lies_between_two_target_clips() {
    let all = augmented(json!({"smote": {"ratio": 1.0, "neighbours": 2}}));
    let real: Vec<&Vec<f32>> = all
        .iter()
        .filter(|(id, d, _)| !id.contains('\t') && *d == Domain::Target)
        .map(|r| &r.2)
        .collect();
    let distance = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(a, b)| math::square(f64::from(a - b))).sum::<f64>().sqrt()
    };
    for (id, _, x) in new(&all) {
        let between = real.iter().any(|a| {
            real.iter()
                .any(|b| a != b && (distance(a, x) + distance(x, b) - distance(a, b)).abs() < 1e-4)
        });
        assert!(between, "{id}");
    }
}

#[test]
fn memmixup_is_mostly_target_and_a_little_source() {
    let all = augmented(json!({"memmixup": {"alpha": 0.9, "neighbours": 4}}));
    let new = new(&all);
    assert_eq!(new.len(), 40);
    for (id, domain, features) in new {
        let level = if id.as_str() < "25" { 90.0 } else { 1090.0 };
        assert_eq!(*domain, Domain::Target);
        assert!(features.iter().all(|x| (x - level).abs() < 5.0), "{id}: {features:?}");
    }
}

#[test]
fn mixup_stays_in_its_section_and_takes_the_domain_of_the_larger_part() {
    let all = augmented(json!({"mixup": {"ratio": 2.0, "alpha": 0.5}}));
    let new = new(&all);
    assert_eq!(new.len(), 100);
    for (id, domain, features) in new {
        let level = features[0] % 1000.0;
        assert_eq!(features[0] > 500.0, id.as_str() >= "25", "{id}: {features:?}");
        assert_eq!(*domain == Domain::Target, level > 50.0 && level < 500.0, "{id}: {features:?}");
    }
}

#[test]
fn domains_are_balanced_by_repeating_the_target() {
    let all = augmented(json!({"oversampling": 1.0}));
    let target: Vec<&String> =
        all.iter().filter(|(_, d, _)| *d == Domain::Target).map(|(id, ..)| id).collect();
    assert_eq!((all.len(), target.len()), (80, 40));
    assert!(
        ["20", "24", "45", "49"].iter().all(|id| target.iter().filter(|t| **t == id).count() == 4)
    );
}

#[test]
fn the_source_becomes_its_means_and_the_target_stays() {
    let all = augmented(json!({"source_means": 4}));
    assert_eq!((all.len(), new(&all).len()), (18, 8));
    assert!(new(&all).iter().all(|(_, domain, _)| *domain == Domain::Source));
    assert_eq!(augmented(json!({"source_means": 20})).len(), 50);
}

#[test]
fn one_technique_changes_no_draw_of_another() {
    let smote = |settings| -> Vec<Vec<f32>> {
        let all = augmented(settings);
        all.into_iter()
            .filter(|(id, ..)| id.matches('\t').count() == 2)
            .map(|(_, _, f)| f)
            .collect()
    };
    assert_eq!(
        smote(json!({"smote": {"ratio": 0.5}, "source_means": 21})),
        smote(json!({"smote": {"ratio": 0.5}}))
    );
}

#[test]
fn parts_are_drawn_from_the_beta_distribution() {
    let mut rng = Seed(2).rng();
    for alpha in [0.2, 1.0, 4.0] {
        let draws: Vec<f64> = (0..20_000).map(|_| rng.beta(alpha)).collect();
        let mean = draws.iter().sum::<f64>() / 2e4;
        let variance = draws.iter().map(|x| math::square(x - mean)).sum::<f64>() / 2e4;
        // Variance of Beta(a, a): 1 / (4 (2a + 1)).
        assert!((mean - 0.5).abs() < 0.01, "{alpha}: {mean}");
        assert!((variance * 4.0 * (2.0 * alpha + 1.0) - 1.0).abs() < 0.05, "{alpha}: {variance}");
    }
}
