//! The distance between two empirical distributions.

/// The statistic of Kolmogorov and Smirnov: the largest distance between the shares of `a` and of
/// `b` that are at most x, over all x. From 0 (alike) to 1 (apart). As
/// `scipy.stats.ks_2samp(a, b).statistic`. `None` if one of them is empty or has a NaN.
pub fn kolmogorov_smirnov(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() || a.iter().chain(b).any(|x| x.is_nan()) {
        return None;
    }
    let sorted = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted
    };
    let (a, b) = (sorted(a), sorted(b));
    let share = |sorted: &[f64], x: f64| {
        sorted.partition_point(|value| *value <= x) as f64 / sorted.len() as f64
    };
    let apart = a.iter().chain(&b).map(|x| (share(&a, *x) - share(&b, *x)).abs());
    Some(apart.fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.ks_2samp` of SciPy 1.17.
    #[test]
    fn distances_are_those_of_scipy() {
        let a = [0.3, -1.7, 2.2, 0.1, 5.9, 0.3, 1.4];
        for (b, expected) in [
            (vec![0.3, 0.2, 9.0], 1.0 / 3.0),
            (vec![10.0, 11.0], 1.0),
            (a.to_vec(), 0.0),
            (vec![1.4, 1.4, 2.5, 3.0, -2.0], 0.371_428_571_428_571_4),
        ] {
            let found = kolmogorov_smirnov(&a, &b).unwrap();
            assert!((found - expected).abs() < 1e-15, "{found} {expected}");
        }
        assert_eq!(kolmogorov_smirnov(&a, &[]), None);
        assert_eq!(kolmogorov_smirnov(&[f64::NAN], &a), None);
    }
}
