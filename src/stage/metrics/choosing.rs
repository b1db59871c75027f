//! Numbers that choose among detectors and see no anomaly: they come from normal training clips.

use std::collections::BTreeMap;

use crate::artifact::{CalibrationScores, Clip, Domain};
use crate::metric::{self, Ties, arithmetic_mean, kolmogorov_smirnov};
use crate::stage::pseudo_kind;

/// The Kolmogorov-Smirnov distance between the held-out scores of the source and of the target
/// clips among `clips`: 0 if normal clips of both domains score alike, so that one threshold fits
/// both (DACo, Zenodo 10.5281/zenodo.21210903, stage 3).
///
/// Errors: why there is none.
pub(super) fn balance<'a>(
    clips: impl Iterator<Item = &'a Clip>,
    held_out: &CalibrationScores,
) -> Result<f64, String> {
    if !held_out.missing.is_empty() {
        return Err(held_out.missing.clone());
    }
    let mut scores: BTreeMap<Domain, Vec<f64>> = BTreeMap::new();
    for clip in clips {
        if let (Some(domain), Some(score)) = (clip.domain, held_out.scores.get(&clip.id)) {
            scores.entry(domain).or_default().push(*score);
        }
    }
    let of = |domain: Domain| {
        let none = || format!("no {domain} clips to train on");
        scores.get(&domain).ok_or_else(none)
    };
    let (source, target) = (of(Domain::Source)?, of(Domain::Target)?);
    kolmogorov_smirnov(source, target).ok_or_else(|| "a held-out score is NaN".to_owned())
}

/// The AUC of held-out clips against the anomalies made from training clips, mean over the kinds of
/// anomalies.
///
/// Errors: why there is none.
pub(super) fn pseudo(scores: &CalibrationScores) -> Result<f64, String> {
    if !scores.missing.is_empty() {
        return Err(scores.missing.clone());
    }
    let mut normal = Vec::new();
    let mut kinds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, score) in &scores.scores {
        match pseudo_kind(name) {
            Some(kind) => kinds.entry(kind).or_default().push(*score),
            None => normal.push(*score),
        }
    }
    let areas = kinds.values().map(|scores| metric::auc(&normal, scores, Ties::Half));
    let none = || "no anomalies could be made from the training clips".to_owned();
    areas.collect::<Option<Vec<f64>>>().and_then(|areas| arithmetic_mean(&areas)).ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Split;

    fn clip(id: &str, domain: Domain) -> Clip {
        Clip {
            id: id.into(),
            machine: "fan".into(),
            section: "00".into(),
            domain: Some(domain),
            split: Split::Train,
            label: None,
            attributes: BTreeMap::new(),
        }
    }

    fn scores(named: &[(&str, f64)]) -> CalibrationScores {
        let scores = named.iter().map(|(name, score)| ((*name).to_owned(), *score)).collect();
        CalibrationScores { scores, missing: String::new() }
    }

    #[test]
    fn domains_that_score_alike_are_balanced() {
        let clips = [
            clip("a", Domain::Source),
            clip("b", Domain::Source),
            clip("c", Domain::Target),
            clip("d", Domain::Target),
        ];
        let of = |scores: &CalibrationScores| balance(clips.iter(), scores);
        assert_eq!(of(&scores(&[("a", 1.0), ("b", 2.0), ("c", 1.0), ("d", 2.0)])), Ok(0.0));
        assert_eq!(of(&scores(&[("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0)])), Ok(1.0));
        // Scores of other sections, of a model that they share, do not count.
        let more = scores(&[("a", 1.0), ("b", 3.0), ("c", 2.0), ("d", 2.0), ("other", 9.0)]);
        assert_eq!(of(&more), Ok(0.5));
        let none = of(&scores(&[("a", 1.0), ("b", 2.0)]));
        assert_eq!(none, Err("no target clips to train on".to_owned()));
        let missing = CalibrationScores { missing: "too few".into(), ..Default::default() };
        assert_eq!(of(&missing), Err("too few".to_owned()));
    }

    #[test]
    fn every_kind_of_anomaly_weighs_the_same() {
        let found = pseudo(&scores(&[
            ("0", 1.0),
            ("1", 2.0),
            ("\tpseudo\tpermuted\t0", 3.0),
            ("\tpseudo\tvel 6\t0", 1.5),
            ("\tpseudo\tvel 6\t1", 0.5),
        ]));
        assert_eq!(found, Ok((1.0 + 0.25) / 2.0));
        assert!(pseudo(&scores(&[("0", 1.0)])).unwrap_err().starts_with("no anomalies"));
    }
}
