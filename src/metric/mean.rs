//! Means over sections, as in the official evaluators.

use super::sum::sum;

/// The evaluators replace smaller values by this one before a harmonic mean
/// (`sys.float_info.epsilon`), so that one zero does not hide everything else.
const FLOOR: f64 = f64::EPSILON;

/// The arithmetic mean; `None` without values.
pub fn arithmetic_mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| sum(values) / values.len() as f64)
}

/// The harmonic mean of the values, each raised to at least 2.220446049250313e-16. `None` without
/// values, and if a value is NaN.
///
/// Computed as n over the sum of the inverses, like older releases of SciPy; published tables agree
/// to the last digit. SciPy 1.17 computes one over the mean of the inverses.
pub fn harmonic_mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() || values.iter().any(|x| x.is_nan()) {
        return None;
    }
    let inverses: Vec<f64> = values.iter().map(|x| 1.0 / x.max(FLOOR)).collect();
    Some(values.len() as f64 / sum(&inverses))
}

/// The three numbers of a section in the official score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SectionMetrics {
    pub auc_source: f64,
    pub auc_target: f64,
    pub pauc: f64,
}

/// The official score of DCASE task 2 since 2022: the harmonic mean over AUC (source), AUC (target)
/// and pAUC of all sections of all machines. `None` without sections.
pub fn official_score(sections: &[SectionMetrics]) -> Option<f64> {
    let values: Vec<f64> =
        sections.iter().flat_map(|s| [s.auc_source, s.auc_target, s.pauc]).collect();
    harmonic_mean(&values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_score_is_the_harmonic_mean_of_all_three() {
        let section = SectionMetrics { auc_source: 0.5, auc_target: 0.25, pauc: 1.0 };
        assert_eq!(official_score(&[section]), Some(3.0 / 7.0));
        assert_eq!(official_score(&[]), None);
    }

    #[test]
    fn a_zero_sinks_the_harmonic_mean_to_its_floor_and_not_to_nothing() {
        let mean = harmonic_mean(&[0.0, 1.0]).unwrap();
        assert!((mean / (2.0 * f64::EPSILON) - 1.0).abs() < 1e-12, "{mean}");
        assert_eq!(harmonic_mean(&[0.5, f64::NAN]), None);
        assert_eq!(harmonic_mean(&[]), None);
        assert_eq!(arithmetic_mean(&[1.0, 2.0]), Some(1.5));
        assert_eq!(arithmetic_mean(&[]), None);
    }
}
