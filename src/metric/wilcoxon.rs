//! Whether one of two systems is better over the same sections: the signed-rank test of Wilcoxon
//! (1945), with Holm's correction for many pairs.

use super::gamma::Gamma;
use super::ranks::ranks;
use crate::math;

/// The result of the test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wilcoxon {
    /// The smaller of the rank sums of positive and of negative differences.
    pub statistic: f64,
    /// The probability of so small a statistic if the sign of each difference is chance; two-sided.
    pub p: f64,
    /// Number of differences that are not zero.
    pub count: usize,
    /// Whether `p` comes from counting all signs. Otherwise it comes from the normal distribution.
    pub exact: bool,
}

/// With ties or zeros, all signs are counted up to this many differences, as in SciPy.
const FEW: usize = 13;
/// Without ties and zeros, up to this many.
const MANY: usize = 50;

/// `scipy.stats.wilcoxon(differences)`: two-sided, zeros left out (`zero_method="wilcox"`), and
/// with `method="auto"`.
///
/// Exact for at most 50 differences without zeros and without ties among their sizes, and for at
/// most 13 differences otherwise. Beyond that the normal approximation, corrected for ties. If all
/// differences are zero, p is 1. `None` without differences, and with NaN.
pub fn wilcoxon(differences: &[f64]) -> Option<Wilcoxon> {
    if differences.is_empty() || differences.iter().any(|d| d.is_nan()) {
        return None;
    }
    let signed: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let count = signed.len();
    if count == 0 {
        return Some(Wilcoxon { statistic: 0.0, p: 1.0, count, exact: true });
    }
    let (ranks, ties) = ranks(&signed.iter().map(|d| d.abs()).collect::<Vec<_>>());
    let (plus, minus) =
        ranks.iter().zip(&signed).fold((0.0, 0.0), |(plus, minus), (rank, d)| match *d > 0.0 {
            true => (plus + rank, minus),
            false => (plus, minus + rank),
        });
    let statistic = f64::min(plus, minus);
    let untouched = ties.is_empty() && count == differences.len();
    let exact = differences.len() <= if untouched { MANY } else { FEW };
    let p = if exact {
        by_counting(&ranks, statistic)
    } else {
        by_approximation(count as f64, &ties, plus)
    };
    Some(Wilcoxon { statistic, p, count, exact })
}

/// Twice the share of all sign assignments whose sum of positive ranks is at most `statistic`.
fn by_counting(ranks: &[f64], statistic: f64) -> f64 {
    // Tied ranks are whole or half numbers.
    let doubled: Vec<usize> = ranks.iter().map(|r| (2.0 * r) as usize).collect();
    let mut share = vec![0.0; doubled.iter().sum::<usize>() + 1];
    share[0] = 1.0;
    for rank in doubled {
        for at in (0..share.len()).rev() {
            let with = if at >= rank { share[at - rank] } else { 0.0 };
            share[at] = 0.5 * (share[at] + with);
        }
    }
    let below: f64 = share[..=(2.0 * statistic) as usize].iter().sum();
    (2.0 * below).min(1.0)
}

fn by_approximation(n: f64, ties: &[usize], plus: f64) -> f64 {
    let tied: f64 = ties.iter().map(|t| *t as f64).map(|t| t * t * t - t).sum();
    let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - tied / 2.0) / 24.0;
    let distance = plus - n * (n + 1.0) / 4.0;
    // The square of a standard normal variable.
    Gamma { shape: 0.5, loc: 0.0, scale: 2.0 }.sf(distance * distance / variance)
}

/// The smallest p of the exact test for `count` differences: all have the same sign.
pub fn least_p(count: usize) -> f64 {
    math::powi(0.5_f64, i32::try_from(count).unwrap_or(i32::MAX) - 1).min(1.0)
}

/// Corrects p for multiple tests (Holm 1979, step-down), in the given order. The smallest p is
/// multiplied by the number of tests, the next one by one less, and so on. Each result is at least
/// the one before it and at most 1.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut corrected, mut floor) = (vec![0.0; p.len()], 0.0_f64);
    for (done, i) in order.into_iter().enumerate() {
        floor = floor.max((p[i] * (p.len() - done) as f64).min(1.0));
        corrected[i] = floor;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_differences_cannot_be_significant() {
        for n in 1..=12 {
            let all: Vec<f64> = (1..=n).map(|d| d as f64).collect();
            let found = wilcoxon(&all).unwrap();
            assert_eq!((found.statistic, found.p, found.exact), (0.0, least_p(n), true), "{n}");
        }
        assert_eq!(least_p(3), 0.25);
        assert!(least_p(5) > 0.05 && least_p(6) < 0.05);
    }

    #[test]
    fn the_order_of_the_two_does_not_matter() {
        for n in [7, 13, 14, 50, 51, 70] {
            let differences: Vec<f64> = (0..n).map(|i| f64::from((i * 37) % 101 - 30)).collect();
            let turned: Vec<f64> = differences.iter().map(|d| -d).collect();
            let (a, b) = (wilcoxon(&differences).unwrap(), wilcoxon(&turned).unwrap());
            assert!((a.p - b.p).abs() < 1e-15 && a.statistic == b.statistic, "{n}: {a:?} {b:?}");
        }
    }

    #[test]
    fn nothing_has_no_test_and_no_difference_is_none() {
        assert_eq!((wilcoxon(&[]), wilcoxon(&[1.0, f64::NAN])), (None, None));
        assert_eq!(wilcoxon(&[0.0; 4]).unwrap().p, 1.0);
        assert_eq!(wilcoxon(&[0.0, -0.0, 2.0]).unwrap().count, 1);
    }

    #[test]
    fn corrected_p_rise_with_p() {
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
        assert_eq!(holm(&[0.9, 0.7]), [1.0, 1.0]);
        assert_eq!(holm(&[]), [0.0; 0]);
    }
}
