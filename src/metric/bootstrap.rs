//! The stratified bootstrap: how far an area under the ROC curve would move with other clips.
//!
//! Normals and anomalies are resampled separately, with replacement, each to its own number, so
//! that every resample has both (Efron and Tibshirani 1993, section 8). The scores are sorted once.
//! A resample is a count of the draws of each distinct score, and one walk down the counts gives
//! its area.

use super::quantile;
use super::roc::{Ranking, Ties};

/// The area to compute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Area {
    /// [`super::auc`].
    Whole(Ties),
    /// [`super::pauc`] up to this false-positive rate.
    Partial(f64),
}

/// The ends of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// The percentile interval that holds the share `level` of the areas of `resamples` resamples.
///
/// `draw(n)` returns a random number in 0..n. It is called once per normal and then once per
/// anomaly, resample by resample. The interval says how far the choice of test clips moves the
/// area. It does not say how far another training would move it. If normals and anomalies are apart
/// in every resample (an area of 1), the interval has no width: the bootstrap knows only the given
/// clips.
///
/// `None` if there is no area, if `resamples` is 0, and if `level` is not in (0, 1).
pub fn bootstrap_interval(
    normal: &[f64],
    anomaly: &[f64],
    area: Area,
    resamples: usize,
    level: f64,
    mut draw: impl FnMut(usize) -> usize,
) -> Option<Interval> {
    if resamples == 0 || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let mut ranking = Ranking::new(normal, anomaly)?;
    let (of_normal, of_anomaly) = (ranking.places(normal), ranking.places(anomaly));
    let mut areas = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        ranking.clear();
        of_normal.iter().for_each(|_| ranking.add_normal(of_normal[draw(of_normal.len())]));
        of_anomaly.iter().for_each(|_| ranking.add_anomaly(of_anomaly[draw(of_anomaly.len())]));
        areas.push(match area {
            Area::Whole(ties) => ranking.auc(ties),
            Area::Partial(max_fpr) => ranking.pauc(max_fpr)?,
        });
    }
    let outside = (1.0 - level) / 2.0;
    Some(Interval { low: quantile(&areas, outside)?, high: quantile(&areas, 1.0 - outside)? })
}

#[cfg(test)]
mod tests {
    use crate::math;
    use proptest::prelude::*;

    use super::super::{auc, pauc};
    use super::*;

    /// Uniform in [0, 1) (splitmix64).
    fn uniform(state: &mut u64) -> f64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(state: &mut u64, n: usize) -> usize {
        (uniform(state) * n as f64) as usize
    }

    fn normals(state: &mut u64, n: usize, mean: f64) -> Vec<f64> {
        let one = |state: &mut u64| {
            let radius = (-2.0 * math::ln(1.0 - uniform(state))).sqrt();
            mean + radius * math::cos(std::f64::consts::TAU * uniform(state))
        };
        (0..n).map(|_| one(state)).collect()
    }

    /// Anomalies score one deviation above the normals, so the area is Φ(1/√2) = 0.76025.
    #[test]
    fn as_many_intervals_hold_the_truth_as_the_level_says() {
        let truth = 0.760_249_938_906_523_3;
        let mut state = 5;
        let sets = 400;
        let mut held = 0;
        for _ in 0..sets {
            let (normal, anomaly) = (normals(&mut state, 60, 0.0), normals(&mut state, 40, 1.0));
            let draw = |n| below(&mut state, n);
            let found =
                bootstrap_interval(&normal, &anomaly, Area::Whole(Ties::Half), 400, 0.9, draw)
                    .unwrap();
            held += usize::from((found.low..=found.high).contains(&truth));
        }
        // 90 % within three deviations of a count of 400 (1.5 % each). The percentile method is a
        // little short.
        assert!((0.845..=0.945).contains(&(held as f64 / sets as f64)), "{held} of {sets}");
    }

    #[test]
    fn where_there_is_no_area_there_is_no_interval() {
        let of = |normal: &[f64], anomaly: &[f64], area, resamples, level| {
            bootstrap_interval(normal, anomaly, area, resamples, level, |_| 0)
        };
        let whole = Area::Whole(Ties::Half);
        assert_eq!(of(&[], &[1.0], whole, 9, 0.9), None);
        assert_eq!(of(&[f64::NAN], &[1.0], whole, 9, 0.9), None);
        assert_eq!(of(&[0.0], &[1.0], whole, 0, 0.9), None);
        assert_eq!(of(&[0.0], &[1.0], Area::Partial(0.0), 9, 0.9), None);
        assert_eq!(
            [0.0, 1.0, f64::NAN].map(|level| of(&[0.0], &[1.0], whole, 9, level)),
            [None; 3]
        );
        assert_eq!(of(&[0.0], &[1.0], whole, 9, 0.9), Some(Interval { low: 1.0, high: 1.0 }));
    }

    #[test]
    fn the_ends_are_quantiles_of_the_areas_of_the_resamples() {
        let (normal, anomaly) = ([0.1, 0.4, 0.4, 0.8], [0.3, 0.4, 0.9]);
        for area in [Area::Whole(Ties::Half), Area::Whole(Ties::Zero), Area::Partial(0.3)] {
            let mut state = 1;
            let found =
                bootstrap_interval(&normal, &anomaly, area, 50, 0.8, |n| below(&mut state, n))
                    .unwrap();
            let mut state = 1;
            let areas: Vec<f64> = (0..50)
                .map(|_| {
                    let n = normal.map(|_| normal[below(&mut state, 4)]);
                    let a = anomaly.map(|_| anomaly[below(&mut state, 3)]);
                    match area {
                        Area::Whole(ties) => auc(&n, &a, ties).unwrap(),
                        Area::Partial(max_fpr) => pauc(&n, &a, max_fpr).unwrap(),
                    }
                })
                .collect();
            let end = |q| quantile(&areas, q).unwrap();
            assert_eq!(
                (found.low, found.high),
                (end((1.0 - 0.8) / 2.0), end(1.0 - (1.0 - 0.8) / 2.0))
            );
            assert!(found.low < found.high);
        }
    }

    proptest! {
        /// A draw of every clip once gives the sample itself.
        #[test]
        fn the_sample_itself_has_its_own_area(
            normal in prop::collection::vec(-5i32..5, 1..40), anomaly in prop::collection::vec(-5i32..5, 1..40),
            max_fpr in 0.01..=1.0_f64,
        ) {
            let float = |scores: &[i32]| scores.iter().map(|s| f64::from(*s) / 3.0).collect::<Vec<_>>();
            let (normal, anomaly) = (float(&normal), float(&anomaly));
            let of = |area| {
                let mut next = (0..normal.len()).chain(0..anomaly.len());
                bootstrap_interval(&normal, &anomaly, area, 1, 0.5, |_| next.next().unwrap()).unwrap().low
            };
            for ties in [Ties::Half, Ties::Zero] {
                prop_assert_eq!(Some(of(Area::Whole(ties))), auc(&normal, &anomaly, ties));
            }
            prop_assert_eq!(Some(of(Area::Partial(max_fpr))), pauc(&normal, &anomaly, max_fpr));
        }
    }
}
