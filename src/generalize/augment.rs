//! Augmentation: additional training clips between the recordings.
//!
//! Pairs come from one section, so that new clips have a section, too. Every random draw uses a
//! seed named by the technique, so one technique does not change the draws of another.

use ndarray::{Array2, ArrayView2};

use super::samples::Samples;
use super::{Generalization, MemMixup, Mixup, Smote};
use crate::artifact::{Clip, Domain};
use crate::context::Context;
use crate::detector::DetectorError;
use crate::learn::lloyd::centres;
use crate::learn::neighbours::{Metric, Neighbour, nearest};
use crate::seed::Rng;

/// Applies the augmentations of `g`. Interpolation comes first, on recordings alone: nothing lies
/// between a clip and its copy, and ratios to a few centres would give too few clips.
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

/// Replaces the source clips of each section by their k-means centres. The target clips stay.
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

/// For each section: the places of the target clips, and how many are missing to a ratio of `ratio`
/// per source clip.
fn missing(samples: &Samples, ratio: f64) -> Vec<(Vec<usize>, usize)> {
    let (source, target) = (samples.sections(Domain::Source), samples.sections(Domain::Target));
    let wanted = source.iter().map(|places| (ratio * places.len() as f64).floor() as usize);
    wanted
        .zip(target)
        .map(|(wanted, target)| (wanted.saturating_sub(target.len()), target))
        .map(|(n, t)| (t, n))
        .collect()
}

/// Repeats target clips in turn.
fn oversample(samples: &mut Samples, ratio: f64) {
    for (target, missing) in missing(samples, ratio) {
        for i in 0..if target.is_empty() { 0 } else { missing } {
            let more = samples.take(&[target[i % target.len()]]);
            samples.clips.extend(more.clips);
            samples.features.extend(more.features);
        }
    }
}

/// Adds target clips, each between a random target clip and one of its nearest neighbours.
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

/// A point between two rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub from: usize,
    pub to: usize,
    /// The position between the rows, 0..1.
    pub part: f64,
}

impl Pair {
    /// The point itself, (dims).
    pub fn blend(&self, rows: ArrayView2<f32>) -> Vec<f32> {
        blend(rows.row(self.from), rows.row(self.to), 1.0 - self.part)
    }
}

/// `count` draws of SMOTE (Chawla et al. 2002) among `rows` (rows, dims), at least two: a row, one
/// of its nearest other rows, and a point between them.
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

/// Adds target clips: each target clip mixed with a little of each of its nearest source clips,
/// without random draws.
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

/// Adds clips between random pairs of a section. A new clip gets the domain of its larger part.
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

/// The clips at `places` as one row each, (clips, frames · dims), and their common shape (frames,
/// dims).
///
/// Errors: clips of different lengths, which cannot be mixed; values that are not finite.
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
    let message =
        format!("source clips have {} values, but target clips have {}", a.ncols(), b.ncols());
    Err(DetectorError::Data(message))
}

#[cfg(test)]
mod tests;
