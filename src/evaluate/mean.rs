//! Means over sections, with sums in the published order.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metric::{arithmetic_mean, harmonic_mean};

use super::{Metric, SectionResult};

/// The kind of mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mean {
    Arithmetic,
    Harmonic,
}

impl Mean {
    /// The mean of a row of numbers, as in the evaluators for both domains together.
    pub fn along(self, values: &[f64]) -> Option<f64> {
        match self {
            Mean::Arithmetic => arithmetic_mean(values),
            Mean::Harmonic => harmonic_mean(values),
        }
    }

    /// The mean of a column of a table, as in the baselines: NumPy adds the rows one after the
    /// other.
    pub fn down(self, values: &[f64]) -> Option<f64> {
        let count = values.len() as f64;
        let sum = |term: fn(f64) -> f64| values.iter().fold(0.0, |sum, x| sum + term(*x));
        (!values.is_empty()).then(|| match self {
            Mean::Arithmetic => sum(|x| x) / count,
            Mean::Harmonic => count / sum(|x| 1.0 / x.max(f64::EPSILON)),
        })
    }
}

/// Both means of each metric.
#[derive(Clone, Debug, Serialize)]
pub struct Means {
    pub arithmetic_mean: BTreeMap<Metric, f64>,
    pub harmonic_mean: BTreeMap<Metric, f64>,
}

/// Means of the metrics that all of the sections have.
pub fn means(sections: &[SectionResult]) -> Means {
    let metrics = sections.first().map_or(Vec::new(), |s| s.values.keys().copied().collect());
    let column = |metric: &Metric| -> Option<Vec<f64>> {
        sections.iter().map(|s| s.values.get(metric).copied()).collect()
    };
    let of =
        |mean: Mean| metrics.iter().filter_map(|m| Some((*m, mean.down(&column(m)?)?))).collect();
    Means { arithmetic_mean: of(Mean::Arithmetic), harmonic_mean: of(Mean::Harmonic) }
}
