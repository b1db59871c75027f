//! Empirical quantiles, without an assumed distribution.

/// The quantile `q` of `values`, linearly interpolated between two of them: `numpy.quantile(values,
/// q)` to the last bit. `None` without values, with NaN, and if `q` is not in [0, 1].
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    if values.is_empty() || values.iter().any(|x| x.is_nan()) || !(0.0..=1.0).contains(&q) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = (values.len() - 1) as f64 * q;
    let (left, share) = (place.floor() as usize, place.fract());
    let (a, b) = (sorted[left], sorted[(left + 1).min(values.len() - 1)]);
    if a == b || share == 0.0 {
        return Some(a);
    }
    // Interpolates from the nearer end, like NumPy, so that the result stays between the two.
    Some(if share < 0.5 { a + (b - a) * share } else { b - (b - a) * (1.0 - share) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// numpy 2.4.6: `numpy.quantile([0.3, -1.7, 2.2, 0.1, 5.9], q)`.
    #[test]
    fn quantiles_are_those_of_numpy() {
        let values = [0.3, -1.7, 2.2, 0.1, 5.9];
        for (q, expected) in NUMPY {
            assert_eq!(quantile(&values, q), Some(expected), "{q}");
        }
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[1.0, f64::NAN], 0.5), None);
        assert_eq!(quantile(&values, 1.01), None);
        assert_eq!(quantile(&values, f64::NAN), None);
    }

    const NUMPY: [(f64, f64); 9] = [
        (0.0, -1.7),
        (0.1, -0.9799999999999999),
        (0.25, 0.1),
        (0.3333333333333333, 0.16666666666666666),
        (0.5, 0.3),
        (0.77, 2.4960000000000004),
        (0.9, 4.420000000000001),
        (0.95, 5.16),
        (1.0, 5.9),
    ];

    proptest! {
        #[test]
        fn a_quantile_has_its_share_of_the_values_below(
            values in prop::collection::vec(-9.0..9.0_f64, 1..50), q in 0.0..=1.0_f64
        ) {
            let at = quantile(&values, q).unwrap();
            let below = values.iter().filter(|x| **x <= at).count() as f64;
            prop_assert!(below >= ((values.len() - 1) as f64 * q).floor());
            prop_assert!(values.iter().any(|x| *x >= at) && values.iter().any(|x| *x <= at));
        }
    }
}
