//! Several systems over the same sections: mean ranks, and whether they differ by more than chance.
//!
//! The method of Demšar (2006, Journal of Machine Learning Research 7): ranks within each section,
//! Friedman's test whether any system differs, and Nemenyi's critical difference between two mean
//! ranks. The sections are the independent observations; their numbers of clips do not matter.

use super::gamma::Gamma;
use super::sum::sum;

/// The mean rank of each system over the sections, 1 for the highest value. Equal values share the
/// mean of their ranks.
///
/// `sections` has one row per section and one value per system in each. `None` without sections or
/// systems, if rows differ in length, and with NaN.
pub fn mean_ranks(sections: &[Vec<f64>]) -> Option<Vec<f64>> {
    let systems = systems(sections)?;
    let ranks: Vec<Vec<f64>> = sections.iter().map(|row| descending(row)).collect();
    let mean =
        |s: usize| sum(&ranks.iter().map(|r| r[s]).collect::<Vec<_>>()) / sections.len() as f64;
    Some((0..systems).map(mean).collect())
}

fn systems(sections: &[Vec<f64>]) -> Option<usize> {
    let systems = sections.first()?.len();
    let sound = sections.iter().all(|row| row.len() == systems && row.iter().all(|x| !x.is_nan()));
    (systems > 0 && sound).then_some(systems)
}

fn descending(row: &[f64]) -> Vec<f64> {
    ranks(&row.iter().map(|x| -x).collect::<Vec<_>>()).0
}

/// The rank of each value, 1 for the lowest and the mean rank for equal ones
/// (`scipy.stats.rankdata`), and the size of each group of two or more equal values.
pub(super) fn ranks(values: &[f64]) -> (Vec<f64>, Vec<usize>) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let (mut ranks, mut ties, mut before) = (vec![0.0; values.len()], Vec::new(), 0);
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = before as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|i| ranks[*i] = rank);
        before += equal.len();
        if equal.len() > 1 {
            ties.push(equal.len());
        }
    }
    (ranks, ties)
}

/// Spearman's correlation of two columns: the correlation of their ranks (`scipy.stats.spearmanr`).
///
/// `None` if the columns differ in length, have fewer than two values, have a NaN, or if one of them has
/// equal values only.
pub fn rank_correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() || a.len() < 2 || a.iter().chain(b).any(|x| x.is_nan()) {
        return None;
    }
    let middle = (a.len() + 1) as f64 / 2.0;
    let [a, b] =
        [a, b].map(|column| ranks(column).0.iter().map(|r| r - middle).collect::<Vec<_>>());
    let product =
        |a: &[f64], b: &[f64]| sum(&a.iter().zip(b).map(|(x, y)| x * y).collect::<Vec<_>>());
    let rho = product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt();
    rho.is_finite().then_some(rho)
}

/// Friedman's test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Friedman {
    /// Chi-squared with (systems - 1) degrees of freedom if no system differs.
    pub statistic: f64,
    pub p: f64,
}

/// `scipy.stats.friedmanchisquare`, corrected for ties: whether any of the systems ranks higher
/// than others over the sections. Chi-squared is an approximation that is good from about ten
/// sections or five systems on.
///
/// `None` where [`mean_ranks`] is `None`, with fewer than three systems, and if all systems are
/// equal in every section.
pub fn friedman(sections: &[Vec<f64>]) -> Option<Friedman> {
    let systems = systems(sections).filter(|k| *k >= 3)?;
    let (k, n) = (systems as f64, sections.len() as f64);
    let mut sums = vec![0.0; systems];
    let mut tied = 0.0;
    for row in sections {
        let (ranks, ties) = ranks(row);
        sums.iter_mut().zip(ranks).for_each(|(total, rank)| *total += rank);
        tied += ties.iter().map(|t| *t as f64).map(|t| t * (t * t - 1.0)).sum::<f64>();
    }
    let correction = 1.0 - tied / (k * (k * k - 1.0) * n);
    if correction <= 0.0 {
        return None;
    }
    let squares: f64 = sums.iter().map(|s| s * s).sum();
    let statistic = (12.0 / (k * n * (k + 1.0)) * squares - 3.0 * n * (k + 1.0)) / correction;
    let chi_squared = Gamma { shape: (k - 1.0) / 2.0, loc: 0.0, scale: 2.0 };
    Some(Friedman { statistic, p: chi_squared.sf(statistic) })
}

/// The difference between two mean ranks that is significant at 0.05 (Nemenyi 1963), for k systems
/// over n sections: q sqrt(k (k + 1) / (6 n)). `None` outside of 2 to 20 systems, and without
/// sections.
pub fn critical_difference(systems: usize, sections: usize) -> Option<f64> {
    let q = systems.checked_sub(2).and_then(|i| NEMENYI.get(i)).filter(|_| sections > 0)?;
    let k = systems as f64;
    Some(q * (k * (k + 1.0) / (6.0 * sections as f64)).sqrt())
}

/// The 0.95 quantile of the studentised range for 2 to 20 systems and infinitely many degrees of
/// freedom, over the root of 2: scipy 1.17.1, `studentized_range.ppf(0.95, k, inf) / sqrt(2)`.
/// Table 5 of Demšar has the first nine to three digits.
const NEMENYI: [f64; 19] = [
    1.9599639845400534,
    2.343700586378409,
    2.569031772546482,
    2.7277743708703763,
    2.8497054196100016,
    2.9483200175296744,
    3.030878449614413,
    3.1017303413033805,
    3.163683577053373,
    3.2186536073291525,
    3.268003924466142,
    3.31273859335082,
    3.3536177518523043,
    3.391230283765257,
    3.4260413793706097,
    3.4584247073473247,
    3.4886847993791976,
    3.517073008691811,
    3.5437991315177815,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;

    #[test]
    fn equal_values_share_their_ranks() {
        let sections = [vec![0.9, 0.8, 0.8], vec![0.7, 0.9, 0.6]];
        assert_eq!(mean_ranks(&sections), Some(vec![1.5, 1.75, 2.75]));
        assert_eq!(mean_ranks(&[]), None);
        assert_eq!(mean_ranks(&[vec![]]), None);
        assert_eq!(mean_ranks(&[vec![1.0], vec![1.0, 2.0]]), None);
        assert_eq!(mean_ranks(&[vec![1.0, f64::NAN]]), None);
    }

    #[test]
    fn ranks_correlate_as_scipy_says() {
        // scipy.stats.spearmanr([1, 2, 2, 4, 9], [3, 1, 4, 4, 5]).statistic
        let rho = rank_correlation(&[1.0, 2.0, 2.0, 4.0, 9.0], &[3.0, 1.0, 4.0, 4.0, 5.0]).unwrap();
        assert!((rho - 0.763_157_894_736_842_1).abs() < 1e-15, "{rho}");
        assert_eq!(rank_correlation(&[1.0, 2.0, 3.0], &[9.0, 8.0, 0.0]), Some(-1.0));
        assert_eq!(rank_correlation(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(
            rank_correlation(&[1.0], &[1.0]).or(rank_correlation(&[1.0, f64::NAN], &[1.0, 2.0])),
            None
        );
    }

    #[test]
    fn what_is_always_equal_has_no_test() {
        assert_eq!(friedman(&[vec![0.5; 4], vec![0.7; 4]]), None);
        assert_eq!(friedman(&[vec![0.5, 0.6]]), None);
        let always = vec![vec![0.9, 0.8, 0.7]; 10];
        // The statistic's upper limit: n (k - 1).
        let found = friedman(&always).unwrap();
        assert!(
            (found.statistic - 20.0).abs() < 1e-12
                && (found.p - math::exp(-10.0_f64)).abs() < 1e-18,
            "{found:?}"
        );
    }

    /// Demšar 2006: table 5, and four algorithms over 14 data sets.
    #[test]
    fn critical_differences_are_those_of_demsar() {
        let table = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164];
        for (ours, his) in NEMENYI.iter().zip(table) {
            assert!((ours - his).abs() <= 0.0011, "{ours} {his}");
        }
        assert!((critical_difference(4, 14).unwrap() - 1.25).abs() < 0.005);
        assert_eq!(
            [(1, 5), (21, 5), (0, 5), (3, 0)].map(|(k, n)| critical_difference(k, n)),
            [None; 4]
        );
    }
}
