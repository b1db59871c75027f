//! Registers of x86-64.

use std::arch::x86_64::*;

use super::{Lanes, Vector};

/// 256 bits, with fused multiply-adds.
pub struct Avx2;

impl Lanes for Avx2 {
    type F32 = F32x8;
    type F64 = F64x4;
}

/// 512 bits.
pub struct Avx512;

impl Lanes for Avx512 {
    type F32 = F32x16;
    type F64 = F64x8;
}

#[derive(Clone, Copy)]
pub struct F32x8(__m256);
#[derive(Clone, Copy)]
pub struct F64x4(__m256d);
#[derive(Clone, Copy)]
pub struct F32x16(__m512);
#[derive(Clone, Copy)]
pub struct F64x8(__m512d);

/// A mask of the first `count` of eight 32-bit lanes, as the sign bits that AVX2 wants.
#[inline(always)]
fn first_of_8(count: usize) -> __m256i {
    const MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: the eight numbers from 8 - count on are within the sixteen.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8 - count.min(8)).cast()) }
}

/// As [`first_of_8`], for four 64-bit lanes.
#[inline(always)]
fn first_of_4(count: usize) -> __m256i {
    const MASKS: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];
    // SAFETY: the four numbers from 4 - count on are within the eight.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(4 - count.min(4)).cast()) }
}

/// Turns eight rows of eight numbers into columns.
#[inline(always)]
unsafe fn transpose_f32(from: *const f32, from_step: usize, to: *mut f32, to_step: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let row = |i: usize| _mm256_loadu_ps(from.add(i * from_step));
        let mut pairs = [_mm256_setzero_ps(); 8];
        for i in 0..4 {
            pairs[2 * i] = _mm256_unpacklo_ps(row(2 * i), row(2 * i + 1));
            pairs[2 * i + 1] = _mm256_unpackhi_ps(row(2 * i), row(2 * i + 1));
        }
        let mut fours = [_mm256_setzero_ps(); 8];
        for i in 0..2 {
            let [a, b, c, d] = [pairs[4 * i], pairs[4 * i + 1], pairs[4 * i + 2], pairs[4 * i + 3]];
            fours[4 * i] = _mm256_shuffle_ps::<0x44>(a, c);
            fours[4 * i + 1] = _mm256_shuffle_ps::<0xee>(a, c);
            fours[4 * i + 2] = _mm256_shuffle_ps::<0x44>(b, d);
            fours[4 * i + 3] = _mm256_shuffle_ps::<0xee>(b, d);
        }
        for i in 0..4 {
            _mm256_storeu_ps(
                to.add(i * to_step),
                _mm256_permute2f128_ps::<0x20>(fours[i], fours[4 + i]),
            );
            _mm256_storeu_ps(
                to.add((4 + i) * to_step),
                _mm256_permute2f128_ps::<0x31>(fours[i], fours[4 + i]),
            );
        }
    }
}

/// Turns four rows of four numbers into columns.
#[inline(always)]
unsafe fn transpose_f64(from: *const f64, from_step: usize, to: *mut f64, to_step: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let row = |i: usize| _mm256_loadu_pd(from.add(i * from_step));
        let (a, b) = (_mm256_unpacklo_pd(row(0), row(1)), _mm256_unpackhi_pd(row(0), row(1)));
        let (c, d) = (_mm256_unpacklo_pd(row(2), row(3)), _mm256_unpackhi_pd(row(2), row(3)));
        _mm256_storeu_pd(to, _mm256_permute2f128_pd::<0x20>(a, c));
        _mm256_storeu_pd(to.add(to_step), _mm256_permute2f128_pd::<0x20>(b, d));
        _mm256_storeu_pd(to.add(2 * to_step), _mm256_permute2f128_pd::<0x31>(a, c));
        _mm256_storeu_pd(to.add(3 * to_step), _mm256_permute2f128_pd::<0x31>(b, d));
    }
}

macro_rules! register {
    (
        $register:ident, $level:ident, $element:ty, $lanes:literal,
        $square:literal, $transpose:ident, $splat:ident, $load:ident, $store:ident, $add:ident, $fused:ident,
        |$from:ident, $count:ident| $load_some:expr,
        |$to:ident, $some:ident, $what:ident| $store_some:expr $(,)?
    ) => {
        // SAFETY of all instructions: they run only at a level that the processor has. SAFETY of
        // loads and stores: the caller's promise.
        impl Vector for $register {
            type Element = $element;
            type Level = $level;
            const LANES: usize = $lanes;
            const SQUARE: usize = $square;

            #[inline(always)]
            unsafe fn transpose(
                from: *const $element,
                from_step: usize,
                to: *mut $element,
                to_step: usize,
            ) {
                unsafe { $transpose(from, from_step, to, to_step) }
            }

            #[inline(always)]
            fn splat(x: $element) -> Self {
                Self(unsafe { $splat(x) })
            }

            #[inline(always)]
            unsafe fn load(from: *const $element) -> Self {
                Self(unsafe { $load(from) })
            }

            #[inline(always)]
            unsafe fn load_some($from: *const $element, $count: usize) -> Self {
                Self(unsafe { $load_some })
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $element) {
                unsafe { $store(to, self.0) }
            }

            #[inline(always)]
            unsafe fn store_some(self, $to: *mut $element, $some: usize) {
                let $what = self.0;
                unsafe { $store_some }
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Self(unsafe { $add(self.0, other.0) })
            }

            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                Self(unsafe { $fused(self.0, factor.0, addend.0) })
            }
        }
    };
}

register!(
    F32x8,
    Avx2,
    f32,
    8,
    8,
    transpose_f32,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_fmadd_ps,
    |from, count| _mm256_maskload_ps(from, first_of_8(count)),
    |to, count, what| _mm256_maskstore_ps(to, first_of_8(count), what),
);
register!(
    F64x4,
    Avx2,
    f64,
    4,
    4,
    transpose_f64,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_add_pd,
    _mm256_fmadd_pd,
    |from, count| _mm256_maskload_pd(from, first_of_4(count)),
    |to, count, what| _mm256_maskstore_pd(to, first_of_4(count), what),
);
register!(
    F32x16,
    Avx512,
    f32,
    16,
    8,
    transpose_f32,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_fmadd_ps,
    |from, count| _mm512_maskz_loadu_ps(((1u32 << count) - 1) as __mmask16, from),
    |to, count, what| _mm512_mask_storeu_ps(to, ((1u32 << count) - 1) as __mmask16, what),
);
register!(
    F64x8,
    Avx512,
    f64,
    8,
    4,
    transpose_f64,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_add_pd,
    _mm512_fmadd_pd,
    |from, count| _mm512_maskz_loadu_pd(((1u32 << count) - 1) as __mmask8, from),
    |to, count, what| _mm512_mask_storeu_pd(to, ((1u32 << count) - 1) as __mmask8, what),
);
