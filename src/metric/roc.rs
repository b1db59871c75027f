//! Areas under the ROC curve.
//!
//! The shortest way to the AUC would be to count pairs. It is more precise, but it differs from
//! published tables in the last digit (0.9 where they say 0.9000000000000001). Those come from
//! `sklearn.metrics.roc_auc_score`: rates by division, collinear points dropped, trapezoids added
//! by NumPy's pairwise sum. The same steps in the same order give the same bits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sum::sum;

/// The value of a tie between a normal and an anomalous clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// One half, as in scikit-learn and the official evaluators.
    #[default]
    Half,
    /// Zero, as H(0) in eq. (1) of Dohi et al. 2022.
    Zero,
}

/// The probability that an anomaly scores higher than a normal clip, in O(n log n).
///
/// With [`Ties::Half`] equal to `roc_auc_score` of scikit-learn to the last bit; with
/// [`Ties::Zero`] eq. (1) of Dohi et al. 2022. `None` if either side is empty or any score is NaN
/// or infinite: such scores have no meaningful rank.
pub fn auc(normal: &[f64], anomaly: &[f64], ties: Ties) -> Option<f64> {
    Some(Ranking::of(normal, anomaly)?.auc(ties))
}

/// Partial AUC up to the false-positive rate `max_fpr`, scaled to 0.5 for chance and 1 for perfect
/// (McClish 1989). Equal to `roc_auc_score(max_fpr=...)` of scikit-learn to the last bit, which
/// cuts the curve at `max_fpr` by linear interpolation. Ties count one half. The lowest value is
/// below 0.5: 0.4737 for `max_fpr` 0.1.
///
/// `None` where [`auc`] is `None`, and if `max_fpr` is not in (0, 1].
pub fn pauc(normal: &[f64], anomaly: &[f64], max_fpr: f64) -> Option<f64> {
    Ranking::of(normal, anomaly)?.pauc(max_fpr)
}

/// The points (false-positive rate, true-positive rate) of the ROC curve from (0, 0) to (1, 1),
/// without the points in the middle of a line. `None` where [`auc`] is `None`.
pub fn roc_curve(normal: &[f64], anomaly: &[f64]) -> Option<Vec<(f64, f64)>> {
    Some(Ranking::of(normal, anomaly)?.curve())
}

/// The distinct scores of a section in descending order, with the number of clips for each. An area
/// depends on nothing else.
pub(super) struct Ranking {
    scores: Vec<f64>,
    steps: Vec<Step>,
}

/// The numbers of clips with one score.
#[derive(Clone, Copy, Default)]
struct Step {
    normals: u64,
    anomalies: u64,
}

impl Ranking {
    /// The distinct scores, without clips. `None` if either side is empty or any score is NaN or
    /// infinite.
    pub fn new(normal: &[f64], anomaly: &[f64]) -> Option<Self> {
        if normal.is_empty()
            || anomaly.is_empty()
            || normal.iter().chain(anomaly).any(|x| !x.is_finite())
        {
            return None;
        }
        let mut scores = [normal, anomaly].concat();
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
        // By `==`, not by total order: 0.0 and -0.0 are one score.
        scores.dedup();
        Some(Self { steps: vec![Step::default(); scores.len()], scores })
    }

    /// The ranking with every clip counted once.
    fn of(normal: &[f64], anomaly: &[f64]) -> Option<Self> {
        let mut ranking = Self::new(normal, anomaly)?;
        for place in ranking.places(normal) {
            ranking.add_normal(place);
        }
        for place in ranking.places(anomaly) {
            ranking.add_anomaly(place);
        }
        Some(ranking)
    }

    /// The place of each of `scores`, which must be among the ranked ones.
    pub fn places(&self, scores: &[f64]) -> Vec<usize> {
        scores.iter().map(|score| self.scores.partition_point(|s| s > score)).collect()
    }

    pub fn add_normal(&mut self, place: usize) {
        self.steps[place].normals += 1;
    }

    pub fn add_anomaly(&mut self, place: usize) {
        self.steps[place].anomalies += 1;
    }

    /// Removes all clips.
    pub fn clear(&mut self) {
        self.steps.fill(Step::default());
    }

    /// [`auc`] of the counted clips. Both kinds must be present.
    pub fn auc(&self, ties: Ties) -> f64 {
        match ties {
            Ties::Half => area(&self.curve()),
            Ties::Zero => {
                // Anomalies with a score beat the normals of all lower scores.
                let (normals, anomalies) = self.counts();
                let (mut lower, mut won) = (normals, 0);
                for step in &self.steps {
                    lower -= step.normals;
                    won += step.anomalies * lower;
                }
                won as f64 / (normals as f64 * anomalies as f64)
            }
        }
    }

    /// [`pauc`] of the counted clips. Both kinds must be present.
    pub fn pauc(&self, max_fpr: f64) -> Option<f64> {
        if !(max_fpr > 0.0 && max_fpr <= 1.0) {
            return None;
        }
        let mut curve = self.curve();
        if max_fpr == 1.0 {
            return Some(area(&curve));
        }
        // The curve ends at (1, 1), so there is a point right of `max_fpr`, and (0, 0) is left of
        // it.
        let stop = curve.partition_point(|p| p.0 <= max_fpr);
        let ((x0, y0), (x1, y1)) = (curve[stop - 1], curve[stop]);
        curve.truncate(stop);
        curve.push((max_fpr, (y1 - y0) / (x1 - x0) * (max_fpr - x0) + y0));
        let lowest = 0.5 * (max_fpr * max_fpr);
        Some(0.5 * (1.0 + (area(&curve) - lowest) / (max_fpr - lowest)))
    }

    fn counts(&self) -> (u64, u64) {
        self.steps.iter().fold((0, 0), |(n, a), step| (n + step.normals, a + step.anomalies))
    }

    /// The points (false-positive rate, true-positive rate) from (0, 0) to (1, 1), without points
    /// in the middle of a line. Dropping them keeps the area, but changes its last digit. The first
    /// score always stays, as in scikit-learn.
    fn curve(&self) -> Vec<(f64, f64)> {
        let (normals, anomalies) = self.counts();
        let (all_normals, all_anomalies) = (normals as f64, anomalies as f64);
        let mut points = Vec::with_capacity(self.steps.len() + 1);
        points.push((0.0, 0.0));
        let (mut x, mut y) = (0, 0);
        let mut steps =
            self.steps.iter().filter(|step| step.normals + step.anomalies > 0).peekable();
        let mut first = true;
        while let Some(step) = steps.next() {
            (x, y) = (x + step.normals, y + step.anomalies);
            let straight = steps.peek().is_some_and(|next| {
                next.normals == step.normals && next.anomalies == step.anomalies
            });
            if first || !straight {
                points.push((x as f64 / all_normals, y as f64 / all_anomalies));
            }
            first = false;
        }
        points
    }
}

/// The area by trapezoids, added as in `numpy.trapezoid`.
fn area(curve: &[(f64, f64)]) -> f64 {
    let trapezoids: Vec<f64> =
        curve.windows(2).map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).collect();
    sum(&trapezoids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;
    use proptest::prelude::*;

    /// Eq. (1), with `tie` for H(0).
    fn by_definition(normal: &[f64], anomaly: &[f64], tie: f64) -> f64 {
        let pair = |n: f64, a: f64| if a > n { 1.0 } else { f64::from(u8::from(a == n)) * tie };
        let won: f64 = normal.iter().flat_map(|&n| anomaly.iter().map(move |&a| pair(n, a))).sum();
        won / (normal.len() * anomaly.len()) as f64
    }

    #[test]
    fn ties_count_as_asked() {
        let (normal, anomaly) = ([0.0, 1.0], [1.0, 2.0]);
        assert_eq!(auc(&normal, &anomaly, Ties::Half), Some(0.875));
        assert_eq!(auc(&normal, &anomaly, Ties::Zero), Some(0.75));
        assert_eq!(auc(&[0.0], &[-0.0], Ties::Half), Some(0.5));
    }

    #[test]
    fn without_ranks_there_is_no_area() {
        for (normal, anomaly) in [
            (&[][..], &[1.0][..]),
            (&[1.0], &[]),
            (&[f64::NAN], &[1.0]),
            (&[1.0], &[f64::INFINITY]),
        ] {
            assert_eq!(auc(normal, anomaly, Ties::Half), None);
            assert_eq!(auc(normal, anomaly, Ties::Zero), None);
            assert_eq!(pauc(normal, anomaly, 0.1), None);
        }
        for max_fpr in [0.0, -0.1, 1.1, f64::NAN] {
            assert_eq!(pauc(&[0.0], &[1.0], max_fpr), None);
        }
    }

    #[test]
    fn partial_areas_reach_from_the_floor_to_one() {
        let (low, high): (Vec<f64>, Vec<f64>) =
            ((0..50).map(f64::from).collect(), (50..100).map(f64::from).collect());
        assert_eq!(pauc(&low, &high, 0.1), Some(1.0));
        let floor = pauc(&high, &low, 0.1).unwrap();
        assert!((floor - 0.473684210526316).abs() < 1e-15, "{floor}");
        let chance = pauc(&[1.0; 9], &[1.0; 7], 0.1).unwrap();
        assert!((chance - 0.5).abs() < 1e-15, "{chance}");
    }

    fn scores() -> impl Strategy<Value = Vec<f64>> {
        // Few distinct values, so that ties are common.
        prop::collection::vec((-9i32..9).prop_map(f64::from), 1..60)
    }

    proptest! {
        #[test]
        fn the_area_is_what_the_definition_says(normal in scores(), anomaly in scores()) {
            for (ties, tie) in [(Ties::Half, 0.5), (Ties::Zero, 0.0)] {
                let fast = auc(&normal, &anomaly, ties).unwrap();
                prop_assert!((fast - by_definition(&normal, &anomaly, tie)).abs() < 1e-12);
            }
        }

        #[test]
        fn monotone_maps_change_nothing(normal in scores(), anomaly in scores(), max_fpr in 0.01..1.0) {
            let map = |scores: &[f64]| scores.iter().map(|x| math::exp(x / 3.0) - 7.0).collect::<Vec<_>>();
            let (n, a) = (map(&normal), map(&anomaly));
            prop_assert_eq!(auc(&normal, &anomaly, Ties::Half), auc(&n, &a, Ties::Half));
            prop_assert_eq!(auc(&normal, &anomaly, Ties::Zero), auc(&n, &a, Ties::Zero));
            prop_assert_eq!(pauc(&normal, &anomaly, max_fpr), pauc(&n, &a, max_fpr));
        }

        #[test]
        fn the_whole_partial_area_is_the_area(normal in scores(), anomaly in scores()) {
            prop_assert_eq!(pauc(&normal, &anomaly, 1.0), auc(&normal, &anomaly, Ties::Half));
        }
    }
}
