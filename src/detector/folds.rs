//! Training clips held out in turn, to be scored as if they were new.

use super::{DetectorError, Examples};
use crate::artifact::{Context, Domain};
use crate::seed::Seed;

/// Parts of the training clips.
const FOLDS: usize = 5;

/// One part held out, as places in the examples.
pub(crate) struct Fold {
    pub(crate) train: Vec<usize>,
    pub(crate) held_out: Vec<usize>,
    /// For what is fitted without the part.
    pub(crate) seed: Seed,
}

/// Five folds, each with a fifth of each domain. Which clips go together is decided by their identity, not by their
/// order, which may be that of time.
///
/// Errors: fewer than two clips.
pub(crate) fn folds(examples: &Examples, cx: &Context) -> Result<Vec<Fold>, DetectorError> {
    let n = examples.features.len();
    if n < 2 {
        let message = format!("{n} training clips cannot be held out in turn; there must be 2");
        return Err(DetectorError::Data(message));
    }
    let rank = |&i: &usize| match examples.clips.get(i) {
        Some(clip) => (clip.domain.unwrap_or(Domain::Source), Seed(0).derive(&["fold", &clip.id]).0, i),
        None => (Domain::Source, 0, i),
    };
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_cached_key(rank);
    let count = FOLDS.min(n);
    let mut fold = vec![0; n];
    order.iter().enumerate().for_each(|(rank, &place)| fold[place] = rank % count);
    let one = |f: usize| {
        let (train, held_out) = (0..n).partition(|&i| fold[i] != f);
        Fold { train, held_out, seed: cx.seed.derive(&["fold", &f.to_string()]) }
    };
    Ok((0..count).map(one).collect())
}

/// Mean and deviation, (0, 0) of nothing.
pub(crate) fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn every_clip_is_held_out_once() {
        for n in [2, 3, 5, 23] {
            let x = Array2::<f32>::zeros((n, 1));
            let examples = Examples { clips: Vec::new(), features: x.axis_chunks_iter(ndarray::Axis(0), 1).collect() };
            let folds = folds(&examples, &Context::plain(1)).unwrap();
            let mut out: Vec<usize> = folds.iter().flat_map(|f| f.held_out.clone()).collect();
            out.sort();
            assert_eq!(out, (0..n).collect::<Vec<_>>());
            assert!(folds.iter().all(|f| f.train.len() + f.held_out.len() == n && !f.train.is_empty()));
        }
    }
}
