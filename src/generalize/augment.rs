//! More training clips than there are recordings: new ones between them.
//!
//! Pairs are of one section, so that new clips have a section, too. Every draw comes from a seed
//! named by the technique, so that one technique does not change what another draws.

use ndarray::{Array2, ArrayView2};

use super::samples::Samples;
use super::{Generalization, MemMixup, Mixup, Smote};
use crate::artifact::{Clip, Domain};
use crate::context::Context;
use crate::detector::DetectorError;
use crate::learn::lloyd::centres;
use crate::learn::neighbours::{Metric, Neighbour, nearest};
use crate::seed::Rng;

/// Applies what `g` asks for. What interpolates comes first, from recordings alone: between a clip
/// and its copy there is nothing, and centres are too few to count by.
pub(super) fn augment<'a>(
    mut samples: Samples<'a>,
    g: &Generalization,
    cx: &Context,
) -> Result<Samples<'a>, DetectorError> {
    let own = |name: &str| Context { seed: cx.seed.derive(&["generalization", name]), ..*cx };
    if let Some(settings) = &g.smote {
        smote(&mut samples, settings, &own("smote"))?;
    }
    if let Some(settings) = &g.memmixup {
        memmixup(&mut samples, settings, &own("memmixup"))?;
    }
    if let Some(settings) = &g.mixup {
        mixup(&mut samples, settings, &own("mixup"))?;
    }
    if let Some(count) = g.source_means {
        samples = source_means(&samples, count, &own("source_means"))?;
    }
    if let Some(ratio) = g.oversampling {
        oversample(&mut samples, ratio);
    }
    Ok(samples)
}

/// The source clips of each section become the centres of their k-means, beside the target clips as
/// they are.
fn source_means<'a>(
    samples: &Samples<'a>,
    count: usize,
    cx: &Context,
) -> Result<Samples<'a>, DetectorError> {
    let mut kept = Samples::default();
    for places in samples.sections(Domain::Source).into_iter().filter(|p| !p.is_empty()) {
        if places.len() <= count {
            let all = samples.take(&places);
            kept.clips.extend(all.clips);
            kept.features.extend(all.features);
            continue;
        }
        let (flat, shape) = flat(samples, &places)?;
        let cx = Context { seed: cx.seed.derive(&[&samples.clips[places[0]].section]), ..*cx };
        for (i, centre) in centres(flat.view(), count, &cx)?.rows().into_iter().enumerate() {
            let mut clip = Clip::between(&[&samples.clips[places[0]]], i);
            clip.attributes.clear();
            let centre: Vec<f32> = centre.iter().map(|&x| x as f32).collect();
            kept.push(clip, Array2::from_shape_vec(shape, centre).expect("the shape of the clips"));
        }
    }
    for places in samples.sections(Domain::Target) {
        let all = samples.take(&places);
        kept.clips.extend(all.clips);
        kept.features.extend(all.features);
    }
    Ok(kept)
}

/// How many target clips are missing to `ratio` for each source clip, section by section, with the
/// target's places.
fn missing(samples: &Samples, ratio: f64) -> Vec<(Vec<usize>, usize)> {
    let (source, target) = (samples.sections(Domain::Source), samples.sections(Domain::Target));
    let wanted = source.iter().map(|places| (ratio * places.len() as f64).floor() as usize);
    wanted
        .zip(target)
        .map(|(wanted, target)| (wanted.saturating_sub(target.len()), target))
        .map(|(n, t)| (t, n))
        .collect()
}

/// Target clips are repeated in turn.
fn oversample(samples: &mut Samples, ratio: f64) {
    for (target, missing) in missing(samples, ratio) {
        for i in 0..if target.is_empty() { 0 } else { missing } {
            let more = samples.take(&[target[i % target.len()]]);
            samples.clips.extend(more.clips);
            samples.features.extend(more.features);
        }
    }
}

/// New target clips, each on the way from a drawn target clip to one of its nearest.
fn smote(samples: &mut Samples, settings: &Smote, cx: &Context) -> Result<(), DetectorError> {
    for (target, missing) in missing(samples, settings.ratio) {
        if target.len() < 2 || missing == 0 {
            (cx.log)(&format!("smote: nothing to do for {} target clips", target.len()));
            continue;
        }
        let (flat, shape) = flat(samples, &target)?;
        let mut rng = cx.seed.derive(&[&samples.clips[target[0]].section]).rng();
        for (i, pair) in
            pairs(flat.view(), missing, settings, &mut rng, cx)?.into_iter().enumerate()
        {
            let parents = [pair.from, pair.to].map(|row| samples.clips[target[row]].as_ref());
            let clip = Clip::between(&parents, i);
            let new = pair.blend(flat.view());
            samples.push(clip, Array2::from_shape_vec(shape, new).expect("the shape of the clips"));
        }
    }
    Ok(())
}

/// A point on the way from one row to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub from: usize,
    pub to: usize,
    /// How far on the way, 0..1.
    pub part: f64,
}

impl Pair {
    /// The point itself, (dims).
    pub fn blend(&self, rows: ArrayView2<f32>) -> Vec<f32> {
        blend(rows.row(self.from), rows.row(self.to), 1.0 - self.part)
    }
}

/// `count` draws of SMOTE (Chawla et al. 2002) among `rows` (rows, dims), of which there are at
/// least two: a row, one of its nearest other rows, and a point between them.
pub fn pairs(
    rows: ArrayView2<f32>,
    count: usize,
    settings: &Smote,
    rng: &mut Rng,
    cx: &Context,
) -> Result<Vec<Pair>, DetectorError> {
    let found =
        nearest(rows, rows, (settings.neighbours + 1).min(rows.nrows()), Metric::Euclidean, cx)?;
    let others = |(i, found): (usize, Vec<Neighbour>)| -> Vec<usize> {
        let rows = found.iter().map(|n| n.row).filter(|row| *row != i);
        rows.take(settings.neighbours).collect()
    };
    let neighbours: Vec<Vec<usize>> = found.into_iter().enumerate().map(others).collect();
    let mut draw = || {
        let from = rng.below(rows.nrows());
        let to = neighbours[from][rng.below(neighbours[from].len())];
        Pair { from, to, part: rng.uniform() }
    };
    Ok((0..count).map(|_| draw()).collect())
}

/// Each target clip with a little of each of its nearest source clips: new target clips, without
/// draws.
fn memmixup(samples: &mut Samples, settings: &MemMixup, cx: &Context) -> Result<(), DetectorError> {
    let sections =
        samples.sections(Domain::Source).into_iter().zip(samples.sections(Domain::Target));
    for (source, target) in sections {
        if source.is_empty() || target.is_empty() {
            (cx.log)(&format!(
                "memmixup: nothing to do for {} source and {} target clips",
                source.len(),
                target.len()
            ));
            continue;
        }
        let ((sources, shape), (targets, _)) = (flat(samples, &source)?, flat(samples, &target)?);
        same_dims(&sources, &targets)?;
        let count = settings.neighbours.min(source.len());
        let found = nearest(sources.view(), targets.view(), count, Metric::Euclidean, cx)?;
        for (i, found) in found.iter().enumerate() {
            for (j, neighbour) in found.iter().enumerate() {
                let new = blend(targets.row(i), sources.row(neighbour.row), settings.alpha);
                let parents = [&samples.clips[target[i]], &samples.clips[source[neighbour.row]]];
                let clip = Clip::between(&parents.map(AsRef::as_ref), j);
                samples.push(
                    clip,
                    Array2::from_shape_vec(shape, new).expect("the shape of the clips"),
                );
            }
        }
    }
    Ok(())
}

/// New clips between drawn pairs of a section; such a clip is of the domain that is the larger part
/// of it.
fn mixup(samples: &mut Samples, settings: &Mixup, cx: &Context) -> Result<(), DetectorError> {
    let sections =
        samples.sections(Domain::Source).into_iter().zip(samples.sections(Domain::Target));
    for places in sections.map(|(source, target)| [source, target].concat()).filter(|p| p.len() > 1)
    {
        let (flat, shape) = flat(samples, &places)?;
        let mut rng = cx.seed.derive(&[&samples.clips[places[0]].section]).rng();
        for i in 0..(settings.ratio * places.len() as f64).floor() as usize {
            let (a, b) = (rng.below(places.len()), rng.below(places.len()));
            let part = rng.beta(settings.alpha);
            let (a, b, part) = if part < 0.5 { (b, a, 1.0 - part) } else { (a, b, part) };
            let clip = Clip::between(&[a, b].map(|row| samples.clips[places[row]].as_ref()), i);
            let new = blend(flat.row(a), flat.row(b), part);
            samples.push(clip, Array2::from_shape_vec(shape, new).expect("the shape of the clips"));
        }
    }
    Ok(())
}

/// part · a + (1 - part) · b
fn blend(a: ndarray::ArrayView1<f32>, b: ndarray::ArrayView1<f32>, part: f64) -> Vec<f32> {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| (part * f64::from(a) + (1.0 - part) * f64::from(b)) as f32)
        .collect()
}

/// The clips at `places` as one row each, (clips, frames · dims), and the (frames, dims) of all of
/// them.
///
/// Errors: clips of different lengths, between which there is nothing; values that are not finite.
fn flat(
    samples: &Samples,
    places: &[usize],
) -> Result<(Array2<f32>, (usize, usize)), DetectorError> {
    let shape = samples.features[places[0]].dim();
    let mut values = Vec::with_capacity(places.len() * shape.0 * shape.1);
    for &place in places {
        let (clip, features) = (&samples.clips[place].id, &samples.features[place]);
        if features.dim() != shape {
            let (found, first) = (features.dim(), &samples.clips[places[0]].id);
            let message = format!(
                "clips `{first}` and `{clip}` cannot be mixed: {shape:?} and {found:?} values"
            );
            return Err(DetectorError::Data(message));
        }
        if features.iter().any(|x| !x.is_finite()) {
            return Err(DetectorError::Data(format!(
                "clip `{clip}` has features that are not finite"
            )));
        }
        values.extend(features.iter());
    }
    Ok((
        Array2::from_shape_vec((places.len(), shape.0 * shape.1), values).expect("one shape"),
        shape,
    ))
}

fn same_dims(a: &Array2<f32>, b: &Array2<f32>) -> Result<(), DetectorError> {
    if a.ncols() == b.ncols() {
        return Ok(());
    }
    let message = format!("source clips have {} values and target clips {}", a.ncols(), b.ncols());
    Err(DetectorError::Data(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Label, Split};
    use crate::detector::Examples;
    use crate::math;
    use crate::seed::Seed;
    use serde_json::json;
    use std::collections::BTreeMap;

    /// Twenty source clips round 0 and five target clips round 100 in each of two sections, (1, 3).
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

    /// What `settings` make of the clips: of each, its id, its domain and its features.
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
                real.iter().any(|b| {
                    a != b && (distance(a, x) + distance(x, b) - distance(a, b)).abs() < 1e-4
                })
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
            assert_eq!(
                *domain == Domain::Target,
                level > 50.0 && level < 500.0,
                "{id}: {features:?}"
            );
        }
    }

    #[test]
    fn domains_are_balanced_by_repeating_the_target() {
        let all = augmented(json!({"oversampling": 1.0}));
        let target: Vec<&String> =
            all.iter().filter(|(_, d, _)| *d == Domain::Target).map(|(id, ..)| id).collect();
        assert_eq!((all.len(), target.len()), (80, 40));
        assert!(
            ["20", "24", "45", "49"]
                .iter()
                .all(|id| target.iter().filter(|t| **t == id).count() == 4)
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
            assert!(
                (variance * 4.0 * (2.0 * alpha + 1.0) - 1.0).abs() < 0.05,
                "{alpha}: {variance}"
            );
        }
    }
}
