//! Elementary functions that do not call the system's C library. The C library rounds the last bits
//! differently on other systems and, by run-time dispatch, on other processors.
//!
//! The functions come from the `libm` crate (musl's, in Rust), which uses plain additions and
//! multiplications in a fixed order. Tests hold them to one unit in the last place: in f64 at
//! values computed with 50 digits, in f32 over their range against f64. `clippy.toml` forbids the
//! standard library's versions, except square roots, rounding and absolute values: those are exact
//! everywhere.

/// `f32` or `f64`.
pub trait Real: Copy + std::ops::Mul<Output = Self> + std::ops::Div<Output = Self> {
    const ONE: Self;
    fn exp(self) -> Self;
    fn exp2(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn log10(self) -> Self;
    fn pow(self, exponent: Self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn sin_cos(self) -> (Self, Self);
    fn acos(self) -> Self;
    fn hypot(self, other: Self) -> Self;
}

macro_rules! real {
    ($real:ty, $exp:ident, $exp2:ident, $ln:ident, $ln_1p:ident, $log10:ident, $pow:ident, $sin:ident, $cos:ident,
     $sin_cos:ident, $acos:ident, $hypot:ident) => {
        impl Real for $real {
            const ONE: Self = 1.0;

            fn exp(self) -> Self {
                libm::$exp(self)
            }
            fn exp2(self) -> Self {
                libm::$exp2(self)
            }
            fn ln(self) -> Self {
                libm::$ln(self)
            }
            fn ln_1p(self) -> Self {
                libm::$ln_1p(self)
            }
            fn log10(self) -> Self {
                libm::$log10(self)
            }
            fn pow(self, exponent: Self) -> Self {
                libm::$pow(self, exponent)
            }
            fn sin(self) -> Self {
                libm::$sin(self)
            }
            fn cos(self) -> Self {
                libm::$cos(self)
            }
            fn sin_cos(self) -> (Self, Self) {
                libm::$sin_cos(self)
            }
            fn acos(self) -> Self {
                libm::$acos(self)
            }
            fn hypot(self, other: Self) -> Self {
                libm::$hypot(self, other)
            }
        }
    };
}

real!(f32, expf, exp2f, logf, log1pf, log10f, powf, sinf, cosf, sincosf, acosf, hypotf);
real!(f64, exp, exp2, log, log1p, log10, pow, sin, cos, sincos, acos, hypot);

/// e to the power of `x`.
pub fn exp<T: Real>(x: T) -> T {
    x.exp()
}

/// 2 to the power of `x`.
pub fn exp2<T: Real>(x: T) -> T {
    x.exp2()
}

/// The natural logarithm.
pub fn ln<T: Real>(x: T) -> T {
    x.ln()
}

/// ln(1 + x).
pub fn ln_1p<T: Real>(x: T) -> T {
    x.ln_1p()
}

/// The logarithm to base 10.
pub fn log10<T: Real>(x: T) -> T {
    x.log10()
}

/// `x` to the power of `exponent`.
pub fn powf<T: Real>(x: T, exponent: T) -> T {
    x.pow(exponent)
}

/// `x` to a whole power, by repeated squaring from the lowest bit of the exponent on. The standard
/// library's `powi` does not promise an order.
#[inline]
pub fn powi<T: Real>(x: T, exponent: i32) -> T {
    let (mut rest, mut square, mut power) = (exponent.unsigned_abs(), x, T::ONE);
    while rest > 0 {
        if rest & 1 == 1 {
            power = power * square;
        }
        square = square * square;
        rest >>= 1;
    }
    if exponent < 0 { T::ONE / power } else { power }
}

/// `x` times itself.
#[inline(always)]
pub fn square<T: Real>(x: T) -> T {
    x * x
}

/// The sine of radians.
pub fn sin<T: Real>(x: T) -> T {
    x.sin()
}

/// The cosine of radians.
pub fn cos<T: Real>(x: T) -> T {
    x.cos()
}

/// Sine and cosine of radians.
pub fn sin_cos<T: Real>(x: T) -> (T, T) {
    x.sin_cos()
}

/// The angle in radians, from 0 to pi, whose cosine is `x`.
pub fn acos<T: Real>(x: T) -> T {
    x.acos()
}

/// The square root of x² + y².
pub fn hypot<T: Real>(x: T, y: T) -> T {
    x.hypot(y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_powers() {
        assert_eq!(
            [powi(3.0, 0), powi(3.0, 1), powi(3.0, 5), powi(2.0, -3)],
            [1.0, 3.0, 243.0, 0.125]
        );
        assert_eq!(powi(0.1f64, 3), 0.1 * (0.1 * 0.1));
        assert_eq!(powi(2.0f64, -1074), f64::from_bits(0), "as squares overflow first");
        assert_eq!(square(-3.0f32), 9.0);
    }

    /// Values from a computation with 50 digits (mpmath), rounded once.
    #[test]
    fn functions_are_within_a_unit_in_the_last_place() {
        let near = |found: f64, exact: f64| {
            let apart = found.to_bits().abs_diff(exact.to_bits());
            assert!(apart <= 1, "{found:?} is {apart} units from {exact:?}");
        };
        near(exp(1.0), std::f64::consts::E);
        near(exp(-0.5), 0.606_530_659_712_633_4);
        near(exp(-700.0), 9.859_676_543_759_77e-305);
        near(ln(10.0), std::f64::consts::LN_10);
        near(ln(1e-300), -690.775_527_898_213_7);
        near(log10(2.0), std::f64::consts::LOG10_2);
        near(ln_1p(1e-10), 9.999_999_999_500_001e-11);
        near(exp2(0.5), std::f64::consts::SQRT_2);
        near(powf(10.0, 0.3), 1.995_262_314_968_879_6);
        near(sin(1.0), 0.841_470_984_807_896_5);
        near(cos(1.0), 0.540_302_305_868_139_7);
        near(sin(1e6), -0.349_993_502_171_292_94);
        near(acos(-0.25), 1.823_476_581_936_975_4);
        near(hypot(3.0, 4.0), 5.0);
        assert!(
            ln(-1.0f64).is_nan()
                && exp(f64::NEG_INFINITY) == 0.0
                && ln(0.0f64) == f64::NEG_INFINITY
        );
    }

    /// How many units in the last place `found` is from `exact`, at most.
    fn apart(found: f32, exact: f64) -> f64 {
        let rounded = exact as f32;
        let unit =
            f64::from(f32::from_bits(rounded.abs().to_bits() + 1)) - f64::from(rounded.abs());
        (f64::from(found) - exact).abs() / unit
    }

    #[test]
    fn functions_of_f32_are_those_of_f64() {
        type Pair = (&'static str, fn(f32) -> f32, fn(f64) -> f64, [f32; 2]);
        let pairs: [Pair; 8] = [
            ("exp", exp, exp, [-80.0, 80.0]),
            ("exp2", exp2, exp2, [-120.0, 120.0]),
            ("ln", ln, ln, [1e-30, 1e30]),
            ("ln_1p", ln_1p, ln_1p, [-0.99, 1e3]),
            ("log10", log10, log10, [1e-30, 1e30]),
            ("sin", sin, sin, [-1e3, 1e3]),
            ("cos", cos, cos, [-1e3, 1e3]),
            ("acos", acos, acos, [-0.999, 0.999]),
        ];
        for (name, narrow, wide, [low, high]) in pairs {
            for i in 0..20_000 {
                let x = low + (high - low) * i as f32 / 20_000.0;
                let worst = apart(narrow(x), wide(f64::from(x)));
                assert!(worst <= 1.0, "{name}({x}) is {worst} units off");
            }
        }
        for i in 0..20_000 {
            let (x, y) = (0.01 + i as f32 * 0.003, (i % 613) as f32 * 0.01 - 3.0);
            let wide = [powf(f64::from(x), f64::from(y)), hypot(f64::from(x), f64::from(y))];
            for (found, exact) in [powf(x, y), hypot(x, y)].into_iter().zip(wide) {
                assert!(apart(found, exact) <= 1.0, "{x} {y}: {found} {exact}");
            }
        }
    }
}
