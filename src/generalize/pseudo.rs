//! Anomalies made from normal training clips, to choose among detectors without real ones.
//!
//! That such anomalies choose well if they are of several kinds: Wilkinghoff and Tan, "Can we predict
//! anomaly detection performance from embedding-space geometry?", on DCASE 2022 to 2025. No test
//! clip is seen.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array2, ArrayView2, Axis};

use super::samples::domain_of;
use super::{Generalization, fit, score};
use crate::artifact::{Clip, Domain, Tensors};
use crate::context::Context;
use crate::detector::{Detector, DetectorError, Examples, folds, in_fold};
use crate::seed::Seed;

/// Raised whenever the same clips give other scores.
pub const PSEUDO_VERSION: u32 = 2;

/// Attributes with more values are counters and times.
const MOST_VALUES: usize = 16;
/// At least so many clips of a kind, and so many to train without them.
const LEAST: usize = 2;

/// The scores of normal clips that the model has not seen, and those of clips that it should find
/// anomalous, by kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pseudo {
    pub normal: Vec<f64>,
    pub kinds: BTreeMap<String, Vec<f64>>,
}

/// Scores of held-out training clips as they are, and as anomalies of these kinds:
///
/// * `permuted`: the values of each frame (or of the vector) in another order, the same for all
///   frames of a clip;
/// * `other`: clips of other machines and sections, `others`, at most as many as training clips;
/// * `domain`: the target clips, by a model of the source clips;
/// * an attribute and its value: the clips that have it, by a model of the others.
///
/// Errors: those of [`super::held_out`]. A kind whose model has too few clips is left out.
pub fn pseudo_anomalies(
    g: &Generalization,
    detector: &dyn Detector,
    train: &Examples,
    others: &Examples,
    weights: Option<&Tensors>,
    cx: &Context,
) -> Result<Pseudo, DetectorError> {
    let mut found = Pseudo::default();
    let strangers = strangers(train, others);
    let folds = folds(train, cx)?;
    let count = folds.len();
    for (number, fold) in folds.into_iter().enumerate() {
        let own = Context { seed: fold.seed, ..*cx };
        let model = fit(g, detector, &train.take(&fold.train), weights, &own).map_err(in_fold)?;
        let held_out = train.take(&fold.held_out);
        let permuted: Vec<Array2<f32>> = held_out
            .clips
            .iter()
            .zip(&held_out.features)
            .map(|(clip, frames)| permuted(&clip.id, frames.view()))
            .collect();
        let permuted = Examples {
            clips: held_out.clips.clone(),
            features: permuted.iter().map(Array2::view).collect(),
        };
        let (model, own) = (&model, &own);
        found.normal.extend(score(detector, model.clone(), &held_out, own).map_err(in_fold)?);
        let scores = score(detector, model.clone(), &permuted, own).map_err(in_fold)?;
        found.kinds.entry("permuted".to_owned()).or_default().extend(scores);
        let share: Vec<_> = strangers.iter().skip(number).step_by(count).collect();
        if !share.is_empty() {
            let share = Examples {
                clips: share.iter().map(|(clip, _)| clip).collect(),
                features: share.iter().map(|(_, frames)| frames.view()).collect(),
            };
            let scores = score(detector, model.clone(), &share, own).map_err(in_fold)?;
            found.kinds.entry("other".to_owned()).or_default().extend(scores);
        }
    }
    for (kind, places) in groups(train) {
        let without: BTreeSet<usize> = places.iter().copied().collect();
        let rest = places_of(train, |place, _| !without.contains(&place));
        if places.len() < LEAST || rest.len() < LEAST {
            continue;
        }
        let own = Context { seed: cx.seed.derive(&["pseudo", &kind]), ..*cx };
        match fit(g, detector, &train.take(&rest), weights, &own) {
            Ok(model) => {
                let scores = score(detector, model, &train.take(&places), &own)?;
                found.kinds.insert(kind, scores);
            }
            Err(DetectorError::TooFew(why)) => {
                (cx.log)(&format!("no pseudo-anomalies of `{kind}`: {why}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Clips of other machines and sections as if they were of the sections of `train`: evenly spaced
/// ones, at most as many as there are training clips, with as many values in a row.
fn strangers<'a>(train: &Examples, others: &Examples<'a>) -> Vec<(Clip, ArrayView2<'a, f32>)> {
    let width = train.features.first().map(|frames| frames.ncols());
    let fit: Vec<usize> = (0..others.clips.len())
        .filter(|place| Some(others.features[*place].ncols()) == width)
        .collect();
    let most = train.clips.len().min(fit.len());
    let stranger = |number: usize| {
        let place = fit[number * fit.len() / most];
        let (clip, home) = (others.clips[place], train.clips[number % train.clips.len()]);
        let (machine, section) = (home.machine.clone(), home.section.clone());
        (Clip { machine, section, ..clip.clone() }, others.features[place])
    };
    (0..most).map(stranger).collect()
}

/// The recordings (not clips made from them) for which `wanted` holds.
fn places_of(train: &Examples, wanted: impl Fn(usize, &Clip) -> bool) -> Vec<usize> {
    let clips = train.clips.iter().enumerate();
    let real = clips.filter(|(place, clip)| !clip.is_made() && wanted(*place, clip));
    real.map(|(place, _)| place).collect()
}

/// The clips of each kind of anomaly that is made by leaving clips out.
fn groups(train: &Examples) -> BTreeMap<String, Vec<usize>> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for clip in train.clips.iter().filter(|clip| !clip.is_made()) {
        for (name, value) in &clip.attributes {
            values.entry(name).or_default().insert(value);
        }
    }
    let mut groups = BTreeMap::new();
    for (name, values) in values.iter().filter(|(_, v)| (2..=MOST_VALUES).contains(&v.len())) {
        for value in values {
            let has = |_, clip: &Clip| clip.attributes.get(*name).is_some_and(|v| v == value);
            groups.insert(format!("{name} {value}"), places_of(train, has));
        }
    }
    let of_target = places_of(train, |_, clip| domain_of(clip) == Domain::Target);
    groups.insert("domain".to_owned(), of_target);
    groups
}

/// The frames with their values in an order that depends on the name of the clip alone.
fn permuted(id: &str, frames: ArrayView2<f32>) -> Array2<f32> {
    let mut rng = Seed(0).derive(&["permuted", id]).rng();
    let mut order: Vec<usize> = (0..frames.ncols()).collect();
    rng.shuffle(&mut order);
    frames.select(Axis(1), &order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Split;
    use crate::detector::DetectorSpec;
    use serde_json::json;

    #[test]
    fn anomalies_are_made_of_normal_clips_alone() {
        let mut rng = Seed(5).rng();
        // Two speeds and two domains, far apart; bands of different level.
        let vector = |speed: usize, target: bool, rng: &mut crate::seed::Rng| {
            let of = |band: usize| {
                10.0 * band as f64 + 3.0 * speed as f64 + 30.0 * f64::from(u8::from(target))
            };
            Array2::from_shape_fn((1, 4), |(_, band)| (of(band) + 0.1 * rng.normal()) as f32)
        };
        let clips: Vec<Clip> = (0..24)
            .map(|place| Clip {
                id: format!("fan/{place}.wav"),
                machine: "fan".into(),
                section: "00".into(),
                domain: Some(if place < 20 { Domain::Source } else { Domain::Target }),
                split: Split::Train,
                label: None,
                attributes: [("vel".to_owned(), (place % 2).to_string())].into(),
            })
            .collect();
        let features: Vec<Array2<f32>> =
            (0..24).map(|place| vector(place % 2, place >= 20, &mut rng)).collect();
        let train = Examples {
            clips: clips.iter().collect(),
            features: features.iter().map(Array2::view).collect(),
        };
        let detector = DetectorSpec::parse("knn", &json!({})).unwrap();
        let (g, cx) = (Generalization::default(), Context::plain(0));
        // A machine with levels of its own, and one whose vectors have another length.
        let (near, long) = (Array2::from_elem((1, 4), 200.0f32), Array2::zeros((1, 5)));
        let stranger = Clip { machine: "valve".into(), ..clips[0].clone() };
        let others = Examples {
            clips: vec![&stranger; 3],
            features: vec![near.view(), long.view(), near.view()],
        };
        let made = |others: &Examples| {
            pseudo_anomalies(&g, detector.member(), &train, others, None, &cx).unwrap()
        };
        let found = made(&others);
        assert_eq!(found.normal.len(), 24);
        let names: Vec<&str> = found.kinds.keys().map(String::as_str).collect();
        assert_eq!(names, ["domain", "other", "permuted", "vel 0", "vel 1"]);
        assert_eq!(found.kinds["domain"].len(), 4);
        let most = found.normal.iter().copied().fold(0.0, f64::max);
        // A held-out clip is near others; a target clip without target clips is not.
        assert!(found.kinds["domain"].iter().all(|score| *score > 10.0 * most));
        assert!(found.kinds["vel 1"].iter().all(|score| *score > most));
        assert_eq!(found.kinds["other"].len(), 2);
        assert!(found.kinds["other"].iter().all(|score| *score > 10.0 * most));
        assert_eq!(made(&others), found, "nothing is drawn anew");
        assert!(!made(&Examples::default()).kinds.contains_key("other"));
    }
}
