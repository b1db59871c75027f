//! NumPy's sum, which decides the last digit of every metric.

/// The pairwise sum of `numpy.sum` over a contiguous array, operation by operation: plain below 8
/// values, eight partial sums up to 128, halves (multiples of 8) above.
pub(super) fn sum(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 8 {
        return values.iter().fold(0.0, |total, x| total + x);
    }
    if n > 128 {
        let half = n / 2 - n / 2 % 8;
        return sum(&values[..half]) + sum(&values[half..]);
    }
    let (blocks, rest) = values.as_chunks::<8>();
    let mut r = [0.0; 8];
    for block in blocks {
        r.iter_mut().zip(block).for_each(|(r, x)| *r += x);
    }
    let total = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    rest.iter().fold(total, |total, x| total + x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// numpy 2.4.6: `numpy.sum(1 / numpy.arange(1.0, n + 1))`.
    #[test]
    fn sums_are_those_of_numpy_to_the_last_bit() {
        let harmonic = |n: usize| sum(&(1..=n).map(|i| 1.0 / i as f64).collect::<Vec<_>>());
        for (n, bits) in NUMPY {
            assert_eq!(harmonic(n).to_bits(), bits, "{n}");
        }
        assert_eq!(sum(&[]), 0.0);
    }

    const NUMPY: [(usize, u64); 6] = [
        (7, 0x4004be2be2be2be2),
        (8, 0x4005be2be2be2be2),
        (63, 0x4012e9be897cd528),
        (128, 0x4015bb8ae9541ca7),
        (129, 0x4015c37b09149ba9),
        (1000, 0x401df11f45f4e61a),
    ];
}
