//! Multiply-adds with one rounding, on processors that have no such instruction.

/// a * b + c, rounded once.
///
/// Uses f64 (Boldo and Melquiond 2008, "Emulation of FMA and correctly rounded sums"): the product
/// is exact in f64 and the sum is rounded to odd. Rounding 53 odd-rounded bits to 24 loses nothing.
#[inline(always)]
pub fn fused_f32(a: f32, b: f32, c: f32) -> f32 {
    #[cfg(any(target_feature = "fma", target_arch = "aarch64"))]
    {
        a.mul_add(b, c)
    }
    #[cfg(not(any(target_feature = "fma", target_arch = "aarch64")))]
    {
        let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
        let sum = product + c;
        // The rounding error of the sum (Knuth's two-sum). It is NaN where the sum is not finite.
        let part = sum - product;
        let lost = (product - (sum - part)) + (c - part);
        let bits = sum.to_bits();
        let inexact = (lost > 0.0) | (lost < 0.0);
        let away = (lost > 0.0) == (sum > 0.0);
        let odd = if away { bits.wrapping_add(1) } else { bits.wrapping_sub(1) };
        f64::from_bits(if inexact & (bits & 1 == 0) { odd } else { bits }) as f32
    }
}

/// a * b + c, rounded once.
#[inline(always)]
pub fn fused_f64(a: f64, b: f64, c: f64) -> f64 {
    #[cfg(any(target_feature = "fma", target_arch = "aarch64"))]
    {
        a.mul_add(b, c)
    }
    #[cfg(not(any(target_feature = "fma", target_arch = "aarch64")))]
    {
        libm::fma(a, b, c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{Element, Kernel, Lanes, Level, Vector, powi};

    /// The multiply-adds of whole slices at a level.
    struct All<'a, T>([&'a [T]; 3]);

    impl<T: Element> Kernel for All<'_, T> {
        type Output = Vec<T>;

        #[inline(always)]
        fn run<L: Lanes>(self) -> Vec<T> {
            let [a, b, c] = self.0;
            let mut out = vec![T::default(); a.len()];
            for at in (0..a.len()).step_by(T::Vector::<L>::LANES) {
                let count = (a.len() - at).min(T::Vector::<L>::LANES);
                // SAFETY: `count` numbers are left of each slice.
                unsafe {
                    let load = |from: &[T]| T::Vector::<L>::load_some(from.as_ptr().add(at), count);
                    load(a).mul_add(load(b), load(c)).store_some(out.as_mut_ptr().add(at), count);
                }
            }
            out
        }
    }

    /// Bits of all kinds: many are near each other, so that sums cancel; some are at the edges of
    /// the format.
    fn numbers(count: usize) -> Vec<u64> {
        let mut state = 7u64;
        (0..count)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                state ^ state >> 29
            })
            .collect()
    }

    #[test]
    fn every_level_rounds_once() {
        let edges = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            f32::MIN_POSITIVE,
            1e-45,
            -1e-45,
            f32::MAX,
            f32::INFINITY,
            f32::NAN,
        ];
        let mut sets: [Vec<f32>; 3] = Default::default();
        for a in edges {
            for b in edges {
                for c in edges {
                    [a, b, c].iter().zip(&mut sets).for_each(|(x, set)| set.push(*x));
                }
            }
        }
        let draws = numbers(300_000);
        for three in draws.chunks(3) {
            // Exponents near each other give sums of all kinds. Some numbers have arbitrary bits.
            let near = |bits: u64| f32::from_bits((bits as u32 & 0x80ff_ffff) + 0x3f00_0000);
            let any = |bits: u64| f32::from_bits(bits as u32);
            let one = |bits: u64| if three[0] & 3 == 0 { any(bits) } else { near(bits) };
            let [a, b] = [one(three[0] >> 20), one(three[1] >> 20)];
            let c = if three[2] & 1 == 0 {
                -(a * b) * (1.0 + (three[2] >> 40) as f32 * 1e-14)
            } else {
                one(three[2] >> 20)
            };
            [a, b, c].iter().zip(&mut sets).for_each(|(x, set)| set.push(*x));
        }
        let slices = || All([&sets[0][..], &sets[1], &sets[2]]);
        let portable = Level::Portable.run(slices());
        for level in Level::available() {
            for (i, (found, expected)) in level.run(slices()).iter().zip(&portable).enumerate() {
                let same =
                    found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
                assert!(
                    same,
                    "{level:?}: {:?} gives {found}, not {expected}",
                    sets.each_ref().map(|set| set[i])
                );
            }
        }
        // The square of 1 + 2^-12 minus its rounded value is 2^-24; rounding twice loses it.
        let x = 1.0 + powi(2.0f32, -12);
        assert_eq!(fused_f32(x, x, -(x * x)), powi(2.0f32, -24));
    }

    #[test]
    fn every_level_rounds_once_in_f64() {
        let mut sets: [Vec<f64>; 3] = Default::default();
        for three in numbers(60_000).chunks(3) {
            let near =
                |bits: u64| f64::from_bits((bits & 0x801f_ffff_ffff_ffff) + 0x3fe0_0000_0000_0000);
            let [a, b] = [near(three[0]), near(three[1])];
            let c = if three[2] & 1 == 0 { -(a * b) } else { near(three[2]) };
            [a, b, c].iter().zip(&mut sets).for_each(|(x, set)| set.push(*x));
        }
        let slices = || All([&sets[0][..], &sets[1], &sets[2]]);
        let portable = Level::Portable.run(slices());
        for level in Level::available() {
            assert!(
                level.run(slices()).iter().zip(&portable).all(|(a, b)| a.to_bits() == b.to_bits()),
                "{level:?}"
            );
        }
    }
}
