//! Calibration by domain: a score counts by what is usual among the normal clips of its domain. The
//! domain of a new clip is not known; it is told by the nearer training clips.
//!
//! The method is DACo (Zenodo 10.5281/zenodo.21210903, stages 1 and 2).

use ndarray::{Array1, array};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{Domain, TensorError, Tensors};
use crate::diagnose::Problem;
use crate::learn::moments::mean_and_deviation;
use crate::math;

/// More clips than any section has.
const MOST_SHRINKAGE: f64 = 1_000_000.0;

/// Scores by what is usual among the training clips of a domain, each scored without itself. The
/// domain of a clip is told by its distances to the training clips of both domains, never by its
/// name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DomainCalibration {
    /// How a score is compared with those of a domain.
    pub form: CalibrationForm,
    /// How a clip is assigned to the domains.
    pub assignment: Assignment,
    /// For `ranks`: so many clips of both domains together are added to those of a domain. A large
    /// number leaves the order of the scores as it is.
    #[schemars(range(min = 0, max = MOST_SHRINKAGE))]
    pub shrinkage: f64,
}

/// How a score is compared with those of the training clips of a domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationForm {
    /// The rank among them from 0 to 1, interpolated.
    #[default]
    Ranks,
    /// Divided by their median.
    Median,
    /// In deviations from their mean.
    Z,
}

/// How a clip is assigned to the domains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// To both, the nearer one more: exp(-distance / median score of the training clips).
    #[default]
    Soft,
    /// To the domain with the nearest training clip.
    Hard,
}

impl Default for DomainCalibration {
    fn default() -> Self {
        Self { form: CalibrationForm::default(), assignment: Assignment::default(), shrinkage: 0.0 }
    }
}

impl DomainCalibration {
    /// All settings that are out of range.
    pub fn problems(&self) -> Vec<Problem> {
        if (0.0..=MOST_SHRINKAGE).contains(&self.shrinkage) {
            return Vec::new();
        }
        let message =
            format!("a shrinkage of {} is not between 0 and {MOST_SHRINKAGE}", self.shrinkage);
        vec![Problem::new("shrinkage", message).hint("0 to 300 is usual")]
    }
}

/// The domains in the order of their arrays.
pub(super) const DOMAINS: [Domain; 2] = [Domain::Source, Domain::Target];

/// Calibrations of the domains that have training clips.
pub(super) struct Calibration {
    settings: DomainCalibration,
    /// The scores of the training clips of each domain, ascending.
    scores: [Vec<f64>; 2],
}

impl Calibration {
    /// From the score of each training clip without itself, and its domain.
    pub(super) fn fit(settings: &DomainCalibration, scored: &[(Domain, f64)]) -> Self {
        let scores = DOMAINS.map(|domain| {
            let own = scored.iter().filter(|(of, _)| *of == domain).map(|(_, score)| *score);
            let mut own: Vec<f64> = own.collect();
            own.sort_by(f64::total_cmp);
            own
        });
        Self { settings: settings.clone(), scores }
    }

    /// The calibrated score, from the distances to the nearest training clip of each domain (not a
    /// number for a domain without clips).
    pub(super) fn apply(&self, scores: &[f64], distances: &[[f64; 2]]) -> Vec<f64> {
        let mut all: Vec<f64> = self.scores.concat();
        all.sort_by(f64::total_cmp);
        let temperature = median(&all).max(1e-9);
        let one = |(score, distances): (&f64, &[f64; 2])| {
            let weights = self.weights(distances, temperature);
            let of = |domain: usize| weights[domain] * self.compared(*score, domain, &all);
            let there = |domain: &usize| !self.scores[*domain].is_empty();
            (0..2).filter(there).map(of).sum()
        };
        scores.iter().zip(distances).map(one).collect()
    }

    /// The weights of the domains; their sum is one.
    fn weights(&self, distances: &[f64; 2], temperature: f64) -> [f64; 2] {
        if let Some(only) = self.scores.iter().position(|scores| !scores.is_empty())
            && self.scores[1 - only].is_empty()
        {
            return [1.0 - only as f64, only as f64];
        }
        let [source, target] = *distances;
        let of_target = match self.settings.assignment {
            Assignment::Hard => f64::from(u8::from(target < source)),
            // The form of the softmax that cannot overflow.
            Assignment::Soft => {
                let least = source.min(target);
                let [a, b] = [source, target].map(|d| math::exp((least - d) / temperature));
                b / (a + b)
            }
        };
        [1.0 - of_target, of_target]
    }

    /// A score beside those of a domain.
    fn compared(&self, score: f64, domain: usize, all: &[f64]) -> f64 {
        let own = &self.scores[domain];
        match self.settings.form {
            CalibrationForm::Ranks => {
                let (n, m) = (own.len() as f64, self.settings.shrinkage);
                // Without shrinkage, nothing of the other domain is computed.
                match m > 0.0 {
                    true => (n * rank(own, score) + m * rank(all, score)) / (n + m),
                    false => rank(own, score),
                }
            }
            CalibrationForm::Median => score / median(own).max(1e-12),
            CalibrationForm::Z => {
                let (mean, deviation) = mean_and_deviation(own);
                (score - mean) / (deviation + 1e-12)
            }
        }
    }

    /// The arrays in a model: the scores of each domain under its name, and `calibration` = [form,
    /// assignment, shrinkage].
    pub(super) fn encode(&self, model: &mut Tensors) {
        for (domain, scores) in DOMAINS.iter().zip(&self.scores) {
            model.put_f64(&format!("calibration/{domain}"), Array1::from(scores.clone()));
        }
        let DomainCalibration { form, assignment, shrinkage } = self.settings;
        let numbers = array![form as u8 as f64, assignment as u8 as f64, shrinkage];
        model.put_f64("calibration", numbers);
    }

    /// The calibration of a model, if it has one.
    pub(super) fn decode(model: &Tensors) -> Result<Option<Self>, TensorError> {
        if !model.0.contains_key("calibration") {
            return Ok(None);
        }
        let numbers = model.f64_1("calibration")?;
        let number = |at: usize| numbers.get(at).copied().unwrap_or_default();
        let form = match number(0) as u8 {
            0 => CalibrationForm::Ranks,
            1 => CalibrationForm::Median,
            _ => CalibrationForm::Z,
        };
        let assignment = if number(1) == 0.0 { Assignment::Soft } else { Assignment::Hard };
        let settings = DomainCalibration { form, assignment, shrinkage: number(2) };
        let mut scores = [Vec::new(), Vec::new()];
        for (domain, scores) in DOMAINS.iter().zip(&mut scores) {
            *scores = model.f64_1(&format!("calibration/{domain}"))?.to_vec();
        }
        Ok(Some(Self { settings, scores }))
    }
}

/// The median of ascending values.
fn median(sorted: &[f64]) -> f64 {
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

/// The rank of `score` among `sorted` scores from 0 to 1: i / (n + 1) at the i-th of n, and linear
/// between them and from 0 at no distance. Above the largest it approaches 1 and keeps the order.
fn rank(sorted: &[f64], score: f64) -> f64 {
    let (n, last) = (sorted.len(), *sorted.last().expect("a domain has clips"));
    let step = 1.0 / (n as f64 + 1.0);
    if score > last {
        let scale = (last - median(sorted)).max(1e-9);
        let beyond = score - last;
        return n as f64 * step + step * (beyond / (beyond + scale));
    }
    let at = sorted.partition_point(|x| *x <= score);
    if at == n {
        return n as f64 * step;
    }
    let (below, place) = match at {
        0 => (sorted[0].min(0.0), 0.0),
        _ => (sorted[at - 1], at as f64 * step),
    };
    if score <= below { place } else { place + step * (score - below) / (sorted[at] - below) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibrated(settings: DomainCalibration, score: f64, distances: [f64; 2]) -> f64 {
        let (source, target) = (Domain::Source, Domain::Target);
        let scored = [(source, 1.0), (source, 2.0), (source, 3.0), (target, 10.0)];
        let fitted = Calibration::fit(&settings, &scored);
        let mut model = Tensors::default();
        fitted.encode(&mut model);
        let again = Calibration::decode(&model).unwrap().unwrap();
        let result = fitted.apply(&[score], &[distances])[0];
        assert_eq!(again.apply(&[score], &[distances])[0], result);
        result
    }

    #[test]
    fn ranks_are_interpolated_and_never_saturate() {
        let sorted = [1.0, 2.0, 3.0];
        for (score, expected) in
            [(-1.0, 0.0), (0.0, 0.0), (0.5, 0.125), (1.0, 0.25), (2.5, 0.625), (3.0, 0.75)]
        {
            assert_eq!(rank(&sorted, score), expected, "{score}");
        }
        // Half of the way to 1 at one scale (3 - 2) above the largest.
        assert_eq!(rank(&sorted, 4.0), 0.875);
        assert!(rank(&sorted, 1e9) < rank(&sorted, 2e9) && rank(&sorted, 2e9) < 1.0);
        // Equal scores: the highest place.
        assert_eq!(rank(&[1.0, 1.0, 2.0], 1.0), 0.5);
        // Scores below zero have ranks, too.
        assert_eq!(rank(&[-2.0, -1.0], -1.5), 0.5);
    }

    #[test]
    fn a_score_counts_by_what_is_usual_in_the_nearer_domain() {
        let of = |form, assignment| DomainCalibration { form, assignment, shrinkage: 0.0 };
        let hard = |form| of(form, Assignment::Hard);
        // Near the source: two of its clips are below. Near the target: half of the way to its
        // only clip.
        assert_eq!(calibrated(hard(CalibrationForm::Ranks), 2.0, [1.0, 2.0]), 0.5);
        assert_eq!(calibrated(hard(CalibrationForm::Ranks), 5.0, [2.0, 1.0]), 0.25);
        assert_eq!(calibrated(hard(CalibrationForm::Median), 4.0, [1.0, 2.0]), 2.0);
        assert_eq!(calibrated(hard(CalibrationForm::Median), 5.0, [2.0, 1.0]), 0.5);
        let z = calibrated(hard(CalibrationForm::Z), 2.0 + (2.0f64 / 3.0).sqrt(), [1.0, 2.0]);
        assert!((z - 1.0).abs() < 1e-9);
        // As far from both: half of each.
        let soft = of(CalibrationForm::Median, Assignment::Soft);
        assert_eq!(calibrated(soft.clone(), 10.0, [3.0, 3.0]), 0.5 * 5.0 + 0.5 * 1.0);
        // The median of all scores is 2.5: e^-1 of the weight.
        let weight = 1.0 / (1.0 + math::exp(-1.0));
        let expected = weight * 5.0 + (1.0 - weight) * 1.0;
        assert!((calibrated(soft, 10.0, [1.0, 3.5]) - expected).abs() < 1e-12);
    }

    #[test]
    fn shrinkage_takes_both_domains_into_account() {
        let settings = DomainCalibration {
            form: CalibrationForm::Ranks,
            assignment: Assignment::Hard,
            shrinkage: 3.0,
        };
        // 3 source clips: 0.5 among them, and 0.4 among all four.
        let expected = (3.0 * 0.5 + 3.0 * 0.4) / 6.0;
        assert!((calibrated(settings, 2.0, [1.0, 2.0]) - expected).abs() < 1e-15);
    }

    #[test]
    fn one_domain_alone_is_enough() {
        let settings = DomainCalibration::default();
        let fitted = Calibration::fit(&settings, &[(Domain::Target, 1.0), (Domain::Target, 2.0)]);
        assert_eq!(fitted.apply(&[1.0], &[[f64::NAN, 7.0]]), [1.0 / 3.0]);
    }
}
