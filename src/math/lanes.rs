//! Vectors of numbers, in the three widths that loops are compiled for.
//!
//! This file holds only the operations that our kernels need. A multiply-add rounds once at every
//! level; that is why the bits agree. The wrappers are sound only where their instructions exist,
//! so only [`super::Level::run`] names them.

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

use std::cell::RefCell;

use super::fused::{fused_f32, fused_f64};

/// A level, as the types of its vectors.
pub trait Lanes {
    type F32: Vector<Element = f32>;
    type F64: Vector<Element = f64>;
}

/// `f32` or `f64`.
pub trait Element: Copy + Send + Sync + Default + 'static {
    type Vector<L: Lanes>: Vector<Element = Self>;

    /// At least `length` numbers with arbitrary content, from a buffer of the thread. Give it back
    /// with [`Element::keep`]: fresh memory would be paged in anew for every product.
    fn scratch(length: usize) -> Vec<Self>;

    fn keep(scratch: Vec<Self>);
}

macro_rules! element {
    ($element:ty, $vector:ident) => {
        impl Element for $element {
            type Vector<L: Lanes> = L::$vector;

            fn scratch(length: usize) -> Vec<Self> {
                SCRATCH.with(|all| {
                    let mut scratch = all.$vector.borrow_mut().pop().unwrap_or_default();
                    if scratch.len() < length {
                        scratch.resize(length, 0.0);
                    }
                    scratch
                })
            }

            fn keep(scratch: Vec<Self>) {
                SCRATCH.with(|all| all.$vector.borrow_mut().push(scratch));
            }
        }
    };
}

element!(f32, F32);
element!(f64, F64);

#[expect(non_snake_case, reason = "named as the vectors are")]
#[derive(Default)]
struct Scratch {
    F32: RefCell<Vec<Vec<f32>>>,
    F64: RefCell<Vec<Vec<f64>>>,
}

thread_local!(static SCRATCH: Scratch = Scratch::default());

/// Some neighbouring numbers in a register.
pub trait Vector: Copy {
    type Element: Element<Vector<Self::Level> = Self>;
    type Level: Lanes;
    const LANES: usize;
    /// Number of rows and columns that [`Vector::transpose`] takes.
    const SQUARE: usize;

    fn splat(x: Self::Element) -> Self;

    /// # Safety
    /// `LANES` numbers must be readable at `from`.
    unsafe fn load(from: *const Self::Element) -> Self;

    /// The first `count` numbers, and zeros.
    ///
    /// # Safety
    /// `count` numbers must be readable at `from`; `count` is at most `LANES`.
    unsafe fn load_some(from: *const Self::Element, count: usize) -> Self;

    /// # Safety
    /// `LANES` numbers must be writable at `to`.
    unsafe fn store(self, to: *mut Self::Element);

    /// # Safety
    /// `count` numbers must be writable at `to`; `count` is at most `LANES`.
    unsafe fn store_some(self, to: *mut Self::Element, count: usize);

    /// Writes `SQUARE` rows of as many numbers, each `from_step` from the last, as columns.
    ///
    /// # Safety
    /// All of them must be readable and writable.
    unsafe fn transpose(
        from: *const Self::Element,
        from_step: usize,
        to: *mut Self::Element,
        to_step: usize,
    );

    fn add(self, other: Self) -> Self;

    /// self * factor + addend, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
}

/// Plain arrays, for any processor.
pub struct Portable;

impl Lanes for Portable {
    type F32 = Array<f32, 8>;
    type F64 = Array<f64, 4>;
}

/// Stands for a register at the portable level.
#[derive(Clone, Copy)]
pub struct Array<T, const LANES: usize>([T; LANES]);

macro_rules! array {
    ($element:ty, $lanes:literal, $fused:path) => {
        impl Vector for Array<$element, $lanes> {
            type Element = $element;
            type Level = Portable;
            const LANES: usize = $lanes;
            const SQUARE: usize = 4;

            #[inline(always)]
            unsafe fn transpose(
                from: *const $element,
                from_step: usize,
                to: *mut $element,
                to_step: usize,
            ) {
                for (i, j) in (0..4).flat_map(|i| (0..4).map(move |j| (i, j))) {
                    // SAFETY: the caller's promise.
                    unsafe { *to.add(j * to_step + i) = *from.add(i * from_step + j) }
                }
            }

            #[inline(always)]
            fn splat(x: $element) -> Self {
                Array([x; $lanes])
            }

            #[inline(always)]
            unsafe fn load(from: *const $element) -> Self {
                // SAFETY: the caller's promise; any alignment.
                Array(unsafe { from.cast::<[$element; $lanes]>().read_unaligned() })
            }

            #[inline(always)]
            unsafe fn load_some(from: *const $element, count: usize) -> Self {
                let mut all = [0.0; $lanes];
                // SAFETY: the caller's promise.
                unsafe { std::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), count) };
                Array(all)
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $element) {
                // SAFETY: the caller's promise; any alignment.
                unsafe { to.cast::<[$element; $lanes]>().write_unaligned(self.0) }
            }

            #[inline(always)]
            unsafe fn store_some(self, to: *mut $element, count: usize) {
                // SAFETY: the caller's promise.
                unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), to, count) }
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                Array(std::array::from_fn(|i| self.0[i] + other.0[i]))
            }

            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                // Not inlined: otherwise each of the hundreds of multiply-adds in a tile would be a
                // page of code.
                #[inline(never)]
                fn all(a: &[$element; $lanes], b: &[$element; $lanes], c: &mut [$element; $lanes]) {
                    for i in 0..$lanes {
                        c[i] = $fused(a[i], b[i], c[i]);
                    }
                }
                let mut sums = addend.0;
                all(&self.0, &factor.0, &mut sums);
                Array(sums)
            }
        }
    };
}

array!(f32, 8, fused_f32);
array!(f64, 4, fused_f64);
