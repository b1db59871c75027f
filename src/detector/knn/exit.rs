//! Cluster exit detection: the neighbourhood of a training clip ends where the distances jump.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnose::Problem;

/// The neighbourhood of a training clip ends before a jump of the distances (cluster exit
/// detection: Wilkinghoff et al., Interspeech 2026, arXiv 2602.18777).
///
/// With the distances d_1 <= ... <= d_K to the nearest others, the ratios are d_k / d_{k+1}, and
/// each is averaged with the next. The first k whose mean ratio lies below the quantile of all is
/// the size of the neighbourhood; without one it is K - 2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterExit {
    /// The share of the ratios that count as a jump.
    #[schemars(range(min = 0, max = 1))]
    pub quantile: f64,
    /// Where the smallest mean ratio is less than this, the neighbourhood has two clips. The paper
    /// has such a bound without its value here, so 0 turns it off.
    #[schemars(range(min = 0, max = 1))]
    pub least_ratio: f64,
}

impl Default for ClusterExit {
    fn default() -> Self {
        Self { quantile: 0.04, least_ratio: 0.0 }
    }
}

impl ClusterExit {
    /// All settings that are out of range.
    pub(super) fn problems(&self) -> Vec<Problem> {
        [("quantile", self.quantile), ("least_ratio", self.least_ratio)]
            .into_iter()
            .filter(|(_, value)| !(0.0..=1.0).contains(value))
            .map(|(field, value)| {
                Problem::new(field, format!("`{field}` is {value}, outside 0..1"))
                    .hint("the paper has `quantile: 0.04`")
            })
            .collect()
    }

    /// How many of the nearest others belong to the neighbourhood, from the distances to all of
    /// them in ascending order. Two or fewer stay as they are: they have no two ratios.
    pub(super) fn size(&self, distances: &[f64]) -> usize {
        let all = distances.len();
        if all <= 2 {
            return all;
        }
        let ratio = |k: usize| match distances[k + 1] {
            // Distances of 0 are one cluster.
            0.0 => 1.0,
            next => distances[k] / next,
        };
        let smooth: Vec<f64> = (0..all - 2).map(|k| (ratio(k) + ratio(k + 1)) / 2.0).collect();
        let mut sorted = smooth.clone();
        sorted.sort_by(f64::total_cmp);
        if sorted[0] < self.least_ratio {
            return 2;
        }
        let bound = quantile(&sorted, self.quantile);
        let exit = smooth.iter().position(|ratio| *ratio < bound);
        exit.map_or(all - 2, |place| place + 1).max(1)
    }
}

/// The quantile of ascending values, with linear interpolation, as NumPy's `quantile`.
fn quantile(sorted: &[f64], at: f64) -> f64 {
    let place = at * (sorted.len() - 1) as f64;
    let low = (place.floor() as usize).min(sorted.len() - 1);
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (place - low as f64) * (sorted[high] - sorted[low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbourhood_ends_at_the_first_jump() {
        let exit = ClusterExit { quantile: 0.2, least_ratio: 0.0 };
        // Ratios .5, 1, .1, 1, 1; mean ratios .75, .55, .55, 1; their quantile .2 is .55, so
        // nothing lies below it.
        assert_eq!(exit.size(&[1.0, 2.0, 2.0, 20.0, 20.0, 20.0]), 4);
        // Ratios .5, 1, .1, .9, 1; mean ratios .75, .55, .5, .95; the quantile is .53.
        assert_eq!(exit.size(&[1.0, 2.0, 2.0, 20.0, 20.0 / 0.9, 20.0 / 0.9]), 3);
        assert_eq!(exit.size(&[1.0, 50.0]), 2);
        assert_eq!(exit.size(&[0.0; 5]), 3);
        let wary = ClusterExit { least_ratio: 0.52, ..exit };
        assert_eq!(wary.size(&[1.0, 2.0, 2.0, 20.0, 20.0 / 0.9, 20.0 / 0.9]), 2);
    }
}
