//! Holds training clips out in turn, to score them like new clips.

use std::collections::BTreeSet;

use super::{DetectorError, Examples};
use crate::artifact::Domain;
use crate::context::Context;
use crate::seed::Seed;

/// Number of folds.
const FOLDS: usize = 5;

/// One held-out part, as places in the examples.
pub(crate) struct Fold {
    pub(crate) train: Vec<usize>,
    pub(crate) held_out: Vec<usize>,
    /// The seed for fitting without the part.
    pub(crate) seed: Seed,
}

/// Five folds, each with a fifth of each domain. The identity of the clips decides their fold, not
/// their order, which may be chronological. Parts of one recording are held out together, unless
/// there is no other recording. Augmented clips are never held out. They train only if all clips
/// that they were made from do.
///
/// Errors: fewer than two recordings.
pub(crate) fn folds(examples: &Examples, cx: &Context) -> Result<Vec<Fold>, DetectorError> {
    let clip = |i: usize| examples.clips.get(i);
    let mut order: Vec<usize> =
        (0..examples.features.len()).filter(|i| clip(*i).is_none_or(|c| !c.is_made())).collect();
    let n = order.len();
    if n < 2 {
        let message = format!("{n} training clips cannot be held out in turn; there must be 2");
        return Err(DetectorError::TooFew(message));
    }
    let recordings: BTreeSet<&str> =
        order.iter().filter_map(|&i| clip(i)).map(|c| c.recording()).collect();
    // What is held out as one.
    let name = |i: usize| {
        clip(i).map(|c| if recordings.len() > 1 { c.recording() } else { c.id.as_str() })
    };
    order.sort_by_cached_key(|&i| match (clip(i), name(i)) {
        (Some(clip), Some(name)) => {
            (clip.domain.unwrap_or(Domain::Source), Seed(0).derive(&["fold", name]).0, i)
        }
        _ => (Domain::Source, 0, i),
    });
    let groups: Vec<&[usize]> =
        order.chunk_by(|a, b| name(*a).is_some() && name(*a) == name(*b)).collect();
    let count = FOLDS.min(groups.len());
    let one = |f: usize| {
        let held_out: BTreeSet<usize> =
            groups.iter().skip(f).step_by(count).copied().flatten().copied().collect();
        let ids: BTreeSet<&str> =
            held_out.iter().filter_map(|&i| clip(i)).map(|c| c.id.as_str()).collect();
        let known = |&i: &usize| match clip(i) {
            Some(clip) => !clip.parents().iter().any(|parent| ids.contains(parent)),
            None => !held_out.contains(&i),
        };
        let train = (0..examples.features.len()).filter(known).collect();
        Fold {
            train,
            held_out: held_out.into_iter().collect(),
            seed: cx.seed.derive(&["fold", &f.to_string()]),
        }
    };
    Ok((0..count).map(one).collect())
}

/// Says that an error concerns the clips of a fold, which has fewer.
pub(crate) fn in_fold(error: DetectorError) -> DetectorError {
    error.reworded(|message| {
        format!("without a fifth of the clips, to score them as new: {message}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Clip, Split};
    use ndarray::Array2;

    #[test]
    fn every_clip_is_held_out_once() {
        for n in [2, 3, 5, 23] {
            let x = Array2::<f32>::zeros((n, 1));
            let examples = Examples {
                clips: Vec::new(),
                features: x.axis_chunks_iter(ndarray::Axis(0), 1).collect(),
            };
            let folds = folds(&examples, &Context::plain(1)).unwrap();
            let mut out: Vec<usize> = folds.iter().flat_map(|f| f.held_out.clone()).collect();
            out.sort();
            assert_eq!(out, (0..n).collect::<Vec<_>>());
            assert!(
                folds.iter().all(|f| f.train.len() + f.held_out.len() == n && !f.train.is_empty())
            );
        }
    }

    #[test]
    fn parts_of_a_recording_are_held_out_together() {
        let whole = |number: usize| Clip {
            id: format!("{number}.wav"),
            machine: "fan".into(),
            section: "00".into(),
            domain: Some(if number > 8 { Domain::Target } else { Domain::Source }),
            split: Split::Train,
            label: None,
            attributes: Default::default(),
        };
        let parts = |recordings: usize| -> Vec<Clip> {
            (0..recordings).flat_map(|n| (0..4).map(move |s| whole(n).part(f64::from(s)))).collect()
        };
        for (recordings, count) in [(1, 4), (2, 2), (11, 5)] {
            let clips = parts(recordings);
            let x = Array2::<f32>::zeros((clips.len(), 1));
            let features = x.axis_chunks_iter(ndarray::Axis(0), 1).collect();
            let examples = Examples { clips: clips.iter().collect(), features };
            let folds = folds(&examples, &Context::plain(1)).unwrap();
            assert_eq!(folds.len(), count);
            let mut out: Vec<usize> = folds.iter().flat_map(|f| f.held_out.clone()).collect();
            out.sort();
            assert_eq!(out, (0..clips.len()).collect::<Vec<_>>());
            for fold in folds {
                assert_eq!(fold.train.len() + fold.held_out.len(), clips.len());
                let of = |places: &[usize]| -> BTreeSet<&str> {
                    places.iter().map(|&i| clips[i].recording()).collect()
                };
                let apart = of(&fold.train).is_disjoint(&of(&fold.held_out));
                assert!(apart || recordings == 1, "{recordings}: {:?}", fold.held_out);
            }
        }
    }
}
