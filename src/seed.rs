//! Seeds derived from names, and the program's only random generator.
//!
//! A seed depends on the purpose of the draw (`"training", "fan", "02"`), never on the order of
//! work, so thread counts and executors cannot change a draw. The generator is ours because the
//! cache relies on its stream, which must not change with the release of a dependency.

use crate::digest::Digest;
use crate::math;

/// A 64-bit seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// A seed for one purpose, named by `path`; different paths give independent seeds.
    pub fn derive(self, path: &[&str]) -> Self {
        let mut text = self.0.to_string();
        for name in path {
            // The length keeps ["ab", "c"] apart from ["a", "bc"].
            text.push_str(&format!("/{}:{name}", name.len()));
        }
        Self(Digest::of(text.as_bytes()).as_u64())
    }

    /// A generator started from this seed.
    pub fn rng(self) -> Rng {
        let mut state = self.0;
        Rng([0; 4].map(|_: u64| splitmix(&mut state)))
    }
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// xoshiro256** of Blackman and Vigna (2018): "Scrambled linear pseudorandom number generators".
#[derive(Clone, Debug)]
pub struct Rng([u64; 4]);

impl Rng {
    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0..n, without modulo bias. Panics when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "nothing to draw from");
        let n = n as u64;
        let limit = u64::MAX - u64::MAX % n;
        loop {
            let x = self.next_u64();
            if x < limit {
                return (x % n) as usize;
            }
        }
    }

    /// Standard normal (Box and Muller 1958; one of the two values, for a simple stream).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * math::ln(1.0 - self.uniform())).sqrt();
        radius * math::cos(std::f64::consts::TAU * self.uniform())
    }

    /// A draw from Beta(alpha, alpha), by two draws from Gamma(alpha).
    pub fn beta(&mut self, alpha: f64) -> f64 {
        let (a, b) = (self.log_gamma(alpha), self.log_gamma(alpha));
        // In logarithms, because for small alpha both draws may be too small for an f64.
        1.0 / (1.0 + math::exp(b - a))
    }

    /// The logarithm of a draw from Gamma(shape, 1): Marsaglia and Tsang 2000, with their power of
    /// a uniform below 1.
    fn log_gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let uniform = 1.0 - self.uniform();
            return self.log_gamma(shape + 1.0) + math::ln(uniform) / shape;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = math::powi(1.0 + c * x, 3);
            if v > 0.0 && math::ln(1.0 - self.uniform()) < 0.5 * x * x + d - d * v + d * math::ln(v)
            {
                return math::ln(d * v);
            }
        }
    }

    /// Puts `items` into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_not_order_decide_a_seed() {
        let seed = Seed(7);
        assert_eq!(seed.derive(&["a", "b"]), seed.derive(&["a", "b"]));
        assert_ne!(seed.derive(&["ab", "c"]), seed.derive(&["a", "bc"]));
        assert_ne!(seed.derive(&["a"]), Seed(8).derive(&["a"]));
    }

    #[test]
    fn the_stream_is_pinned() {
        // A change here changes every seeded result: all code versions would have to change.
        let mut rng = Seed(0).rng();
        assert_eq!(rng.next_u64(), 11091344671253066420);
    }

    #[test]
    fn draws_have_the_moments_they_should() {
        let mut rng = Seed(1).rng();
        let n = 100_000;
        let normal: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let mean = normal.iter().sum::<f64>() / n as f64;
        let var = normal.iter().map(|x| math::square(x - mean)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.02 && (var - 1.0).abs() < 0.02, "{mean} {var}");
        let mut counts = [0; 5];
        (0..n).for_each(|_| counts[rng.below(5)] += 1);
        assert!(counts.iter().all(|&c: &i32| (c - 20_000).abs() < 700), "{counts:?}");
    }
}
