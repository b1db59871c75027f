//! The logarithm of a sum of exponentials.

use crate::math;

/// ln sum exp(x), without overflow. -infinity for an empty sum.
pub fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + math::ln(values.map(|x| math::exp(x - largest)).sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_neither_overflows_nor_loses_what_is_far_below() {
        let of = |values: &[f64]| log_sum_exp(values.iter().copied());
        assert_eq!(of(&[1e4, 1e4]), 1e4 + math::ln(2.0));
        assert_eq!(of(&[-1e4, -1e4]), -1e4 + math::ln(2.0));
        assert_eq!(of(&[3.0, f64::NEG_INFINITY]), 3.0);
        assert_eq!(of(&[f64::NEG_INFINITY; 2]), f64::NEG_INFINITY);
        assert_eq!(of(&[]), f64::NEG_INFINITY);
    }
}
