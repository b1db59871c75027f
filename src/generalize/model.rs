//! Fits and scores a detector with all techniques.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::Generalization;
use super::augment::augment;
use super::group::Cell;
use super::normalize::Normalizer;
use super::samples::Samples;
use crate::artifact::{Clip, Tensors};
use crate::context::Context;
use crate::detector::{Detector, DetectorError, Examples, folds, in_fold};
use crate::learn::moments::mean_and_deviation;

/// Fits a detector to the training clips that `g` chose, with the techniques of `g`. `weights` as
/// in [`Detector::fit`].
pub fn fit(
    g: &Generalization,
    detector: &dyn Detector,
    train: &Examples,
    weights: Option<&Tensors>,
    cx: &Context,
) -> Result<Tensors, DetectorError> {
    if g.only_chooses() || train.features.is_empty() {
        return detector.fit(train, weights, cx);
    }
    let none = |word: &str| {
        DetectorError::Data(format!(
            "`{word}` needs distances to training clips; this detector has none"
        ))
    };
    let dense = g
        .local_density
        .map(|density| detector.with_local_density(density).ok_or_else(|| none("local_density")));
    let dense = dense.transpose()?;
    let detector = dense.as_deref().unwrap_or(detector);
    let calibrated = g
        .domain_calibration
        .as_ref()
        .map(|by| detector.with_domain_calibration(by).ok_or_else(|| none("domain_calibration")));
    let calibrated = calibrated.transpose()?;
    let detector = calibrated.as_deref().unwrap_or(detector);
    let mut fitted = Trained::fit(g, detector, train, weights, cx)?;
    if g.score_normalization.is_some() {
        fitted.compare(g, detector, train, weights, cx)?;
    }
    Ok(fitted.encode())
}

/// One score per test clip, by a model of [`fit`].
pub fn score(
    detector: &dyn Detector,
    model: Tensors,
    test: &Examples,
    cx: &Context,
) -> Result<Vec<f64>, DetectorError> {
    match Trained::decode(model)? {
        Ok(fitted) => fitted.score(detector, test, cx),
        Err(plain) => detector.score(&plain, test, cx),
    }
}

/// A score for each recording among the training clips, with its place. The model for a score has
/// seen neither the recording nor anything made from it.
///
/// Errors: fewer than two recordings.
pub fn held_out(
    g: &Generalization,
    detector: &dyn Detector,
    train: &Examples,
    weights: Option<&Tensors>,
    cx: &Context,
) -> Result<BTreeMap<usize, f64>, DetectorError> {
    let mut scores = BTreeMap::new();
    for fold in folds(train, cx)? {
        let own = Context { seed: fold.seed, ..*cx };
        let model = fit(g, detector, &train.take(&fold.train), weights, &own).map_err(in_fold)?;
        let held_out =
            score(detector, model, &train.take(&fold.held_out), &own).map_err(in_fold)?;
        scores.extend(fold.held_out.into_iter().zip(held_out));
    }
    Ok(scores)
}

/// The result of a fit.
pub(super) struct Trained {
    pub(super) cells: BTreeSet<Cell>,
    pub(super) normalizer: Normalizer,
    /// One model per reference.
    pub(super) models: BTreeMap<String, Tensors>,
    /// Mean and deviation of held-out scores, by group.
    pub(super) scores: BTreeMap<String, (f64, f64)>,
}

impl Trained {
    fn fit(
        g: &Generalization,
        detector: &dyn Detector,
        train: &Examples,
        weights: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Self, DetectorError> {
        let samples = Samples::of(train);
        let groups: Vec<String> =
            samples.clips.iter().map(|clip| Cell::of(clip, g).features).collect();
        let normalizer = Normalizer::fit(
            &samples,
            &groups,
            g.temporal_mean_subtraction,
            g.feature_normalization,
        )?;
        let cells = samples.clips.iter().map(|clip| Cell::of(clip, g)).collect();
        let mut normal = Samples::default();
        for ((clip, features), group) in samples.clips.iter().zip(&samples.features).zip(&groups) {
            if normalizer.is_idle() {
                normal.clips.push(clip.clone());
                normal.features.push(features.clone());
            } else {
                normal.push(clip.as_ref().clone(), normalizer.apply(features.view(), group));
            }
        }
        let normal = augment(normal, g, cx)?;
        let mut references: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, clip) in normal.clips.iter().enumerate() {
            references.entry(Cell::of(clip, g).reference).or_default().push(place);
        }
        // Centres of clips have no attributes, so they cannot form a reference.
        let known: BTreeSet<String> =
            samples.clips.iter().map(|clip| Cell::of(clip, g).reference).collect();
        references.retain(|name, _| known.contains(name));
        let mut models = BTreeMap::new();
        for (name, places) in references {
            (cx.log)(&format!(
                "reference `{name}`: {} clips, {} of them real",
                places.len(),
                real(&normal, &places)
            ));
            let own = match g.references {
                None => Context { ..*cx },
                Some(_) => Context { seed: cx.seed.derive(&["reference", &name]), ..*cx },
            };
            let model = detector.fit(&normal.take(&places).examples(), weights, &own);
            models.insert(name.clone(), model.map_err(|e| of_reference(g, &name, e))?);
        }
        // Drops groups without a model: their clips became others.
        let cells: BTreeSet<Cell> = cells;
        let cells = cells.into_iter().filter(|cell| models.contains_key(&cell.reference)).collect();
        Ok(Self { cells, normalizer, models, scores: BTreeMap::new() })
    }

    /// Learns the scores of held-out clips for each group.
    fn compare(
        &mut self,
        g: &Generalization,
        detector: &dyn Detector,
        train: &Examples,
        weights: Option<&Tensors>,
        cx: &Context,
    ) -> Result<(), DetectorError> {
        let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut failed = None;
        for fold in folds(train, cx)? {
            let own = Context { seed: fold.seed, ..*cx };
            // A fold's clips may be too few for a model. Then the other folds, or the other groups,
            // must suffice.
            let part = match Self::fit(g, detector, &train.take(&fold.train), weights, &own) {
                Err(DetectorError::TooFew(message)) => {
                    (cx.log)(&format!("a fold is not compared: {message}"));
                    failed = Some(message);
                    continue;
                }
                part => part.map_err(in_fold)?,
            };
            let mut by_cell: BTreeMap<Cell, Vec<usize>> = BTreeMap::new();
            for place in fold.held_out {
                by_cell.entry(Cell::of(train.clips[place], g)).or_default().push(place);
            }
            // A group without remaining training clips is not compared in this fold.
            for (cell, places) in by_cell.into_iter().filter(|(cell, _)| part.cells.contains(cell))
            {
                let held = Samples::of(&train.take(&places));
                found
                    .entry(cell.scores.clone())
                    .or_default()
                    .extend(part.raw(detector, &cell, &held, &own)?);
            }
        }
        let all: Vec<f64> = found.values().flatten().copied().collect();
        if let (true, Some(message)) = (all.is_empty(), failed) {
            return Err(in_fold(DetectorError::TooFew(message)));
        }
        let (mean, deviation) = mean_and_deviation(&all);
        for name in self.cells.iter().map(|cell| &cell.scores) {
            let own = found.get(name).map_or(&[][..], Vec::as_slice);
            // A group too small for a deviation uses the statistics of all.
            let own = if own.len() < 2 { (mean, deviation) } else { mean_and_deviation(own) };
            let deviation = if own.1 > 0.0 { own.1 } else { deviation };
            if deviation.is_nan() || deviation <= 0.0 {
                let message = format!(
                    "all held-out training clips of `{name}` have the score {mean}, so scores cannot be normalised"
                );
                return Err(DetectorError::Data(message));
            }
            self.scores.insert(name.clone(), (own.0, deviation));
        }
        Ok(())
    }

    /// Scores of clips as members of a cell, before any comparison.
    fn raw(
        &self,
        detector: &dyn Detector,
        cell: &Cell,
        clips: &Samples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let model = &self.models[&cell.reference];
        if self.normalizer.is_idle() {
            return detector.score(model, &clips.examples(), cx);
        }
        let mut normal = Samples::default();
        for (clip, features) in clips.clips.iter().zip(&clips.features) {
            normal.push(
                clip.as_ref().clone(),
                self.normalizer.apply(features.view(), &cell.features),
            );
        }
        detector.score(model, &normal.examples(), cx)
    }

    fn score(
        &self,
        detector: &dyn Detector,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let mut smallest: Vec<Option<f64>> = vec![None; test.clips.len()];
        // Cells that differ only in the group that normalises their scores share the raw scores.
        let mut known: BTreeMap<(&str, &str, Option<&str>), Vec<f64>> = BTreeMap::new();
        for cell in &self.cells {
            let ours = |place: &usize| {
                cell.section.as_ref().is_none_or(|s| *s == test.clips[*place].section)
            };
            let places: Vec<usize> = (0..test.clips.len()).filter(ours).collect();
            if places.is_empty() {
                continue;
            }
            let (mean, deviation) = self.scores.get(&cell.scores).copied().unwrap_or((0.0, 1.0));
            let raw = match known.entry((&cell.reference, &cell.features, cell.section.as_deref()))
            {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    new.insert(self.raw(detector, cell, &Samples::of(&test.take(&places)), cx)?)
                }
            };
            for (place, &mut raw) in places.into_iter().zip(raw) {
                let score = (raw - mean) / deviation;
                // `f64::min` would drop a NaN.
                let smaller = |old: f64| if old.is_nan() || old <= score { old } else { score };
                smallest[place] = Some(smallest[place].map_or(score, smaller));
            }
        }
        let of = |(place, score): (usize, Option<f64>)| {
            let Clip { id, section, .. } = test.clips[place];
            let message =
                || format!("clip `{id}` is of section {section}, which has no training clips");
            score.ok_or_else(|| DetectorError::Data(message()))
        };
        smallest.into_iter().enumerate().map(of).collect()
    }
}

/// The number of recordings.
fn real(samples: &Samples, places: &[usize]) -> usize {
    places.iter().filter(|&&i| !samples.clips[i].is_made()).count()
}

fn of_reference(g: &Generalization, name: &str, error: DetectorError) -> DetectorError {
    match g.references {
        Some(_) => error.reworded(|message| format!("reference `{name}`: {message}")),
        None => error,
    }
}

#[cfg(test)]
mod tests;
