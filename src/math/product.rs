//! Products of matrices, with the same bits on every processor.
//!
//! Each element of a product is, for every [`DEPTH`] steps of the inner dimension, one chain of multiply-adds from
//! zero on in ascending order; the chains' ends are added up in order. That fixes every bit: vectors run over the columns,
//! tiles over the rows, and neither is part of any sum. The element types' usual error bounds hold, with DEPTH + k / DEPTH
//! in the place of k.
//!
//! What is fast about it is old (Goto and van de Geijn 2008): columns of the right matrix are packed into panels that
//! the first cache holds, and a tile of the result stays in registers while it runs down a panel.

use std::ops::Range;

use super::Level;
use super::lanes::{Element, Lanes, Vector};
use super::level::Kernel;

/// Steps of one chain.
const DEPTH: usize = 256;

/// Columns that are packed at a time, about: with DEPTH steps a quarter of a core's second cache.
const WIDTH: usize = 512;

/// A slice seen as a matrix; `steps` lead to the next row and to the next column.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    pub data: &'a [T],
    pub rows: usize,
    pub columns: usize,
    pub steps: [usize; 2],
}

impl<'a, T> Matrix<'a, T> {
    /// Rows one after the other.
    pub fn plain(data: &'a [T], columns: usize) -> Self {
        Matrix { data, rows: data.len() / columns, columns, steps: [columns, 1] }
    }

    /// The transpose of what `plain` gives.
    pub fn transposed(data: &'a [T], columns: usize) -> Self {
        Matrix { data, rows: columns, columns: data.len() / columns, steps: [1, columns] }
    }

    fn holds_all(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.steps[0] + (self.columns - 1) * self.steps[1] < self.data.len()
    }
}

/// c = a b, or c += a b, for c with its rows one after the other; on one thread.
///
/// Panics if the shapes do not fit.
pub fn multiply<T: Element>(a: Matrix<T>, b: Matrix<T>, c: &mut [T], accumulate: bool) {
    multiply_at(Level::current(), a, b, c, accumulate);
}

fn multiply_at<T: Element>(level: Level, a: Matrix<T>, b: Matrix<T>, c: &mut [T], accumulate: bool) {
    assert!(a.holds_all() && b.holds_all() && a.columns == b.rows && c.len() == a.rows * b.columns);
    if a.columns == 0 {
        if !accumulate {
            c.fill(T::default());
        }
        return;
    }
    level.run(Multiply { a, b, c, accumulate });
}

struct Multiply<'a, T> {
    a: Matrix<'a, T>,
    b: Matrix<'a, T>,
    c: &'a mut [T],
    accumulate: bool,
}

impl<T: Element> Kernel for Multiply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Multiply { a, b, c, accumulate } = self;
        let lanes = T::Vector::<L>::LANES;
        let mut packed = T::scratch(DEPTH.min(b.rows) * WIDTH.min(b.columns).next_multiple_of(lanes));
        for left in (0..b.columns).step_by(WIDTH) {
            let right = b.columns.min(left + WIDTH);
            for first in (0..b.rows).step_by(DEPTH) {
                let depth = DEPTH.min(b.rows - first);
                let mut at = left;
                while at < right {
                    // Panels of two vectors, the last of one or three.
                    let vectors = match (right - at).div_ceil(lanes) {
                        few @ 1..4 => few,
                        _ => 2,
                    };
                    let columns = at..right.min(at + vectors * lanes);
                    let panel = &mut packed[(at - left) * depth..][..vectors * lanes * depth];
                    match vectors {
                        1 => pack::<T::Vector<L>, 1>(b, first, &columns, panel),
                        2 => pack::<T::Vector<L>, 2>(b, first, &columns, panel),
                        _ => pack::<T::Vector<L>, 3>(b, first, &columns, panel),
                    }
                    let block = Block { a, first, depth, panel, columns, row: b.columns, add: accumulate || first > 0 };
                    match vectors {
                        1 => block.down::<T::Vector<L>, 1>(c),
                        2 => block.down::<T::Vector<L>, 2>(c),
                        _ => block.down::<T::Vector<L>, 3>(c),
                    }
                    at += vectors * lanes;
                }
            }
        }
        T::keep(packed);
    }
}

/// Lays `panel.len() / (N * LANES)` rows of `b` from `first` on side by side, each with its `columns` and then zeros.
#[inline(always)]
fn pack<V: Vector, const N: usize>(
    b: Matrix<V::Element>,
    first: usize,
    columns: &Range<usize>,
    panel: &mut [V::Element],
) {
    let ([down, across], width, count) = (b.steps, N * V::LANES, columns.len());
    let (from, depth) = (first * down + columns.start * across, panel.len() / width);
    assert!(count <= width && from + (depth - 1) * down + (count - 1) * across < b.data.len());
    let (from, to) = (b.data[from..].as_ptr(), panel.as_mut_ptr());
    // SAFETY: all that is read and written is within the slices, as just checked.
    unsafe {
        if across == 1 {
            for k in 0..depth {
                for n in 0..N {
                    let some = count.saturating_sub(n * V::LANES).min(V::LANES);
                    let (from, to) = (from.add(k * down).wrapping_add(n * V::LANES), to.add(k * width + n * V::LANES));
                    (if some == V::LANES { V::load(from) } else { V::load_some(from, some) }).store(to);
                }
            }
            return;
        }
        if count < width {
            panel.fill(V::Element::default());
        }
        let (rows, whole) = match down {
            1 => (depth / V::SQUARE * V::SQUARE, count / V::SQUARE * V::SQUARE),
            _ => (0, 0),
        };
        for j in (0..whole).step_by(V::SQUARE) {
            for k in (0..rows).step_by(V::SQUARE) {
                V::transpose(from.add(k + j * across), across, to.add(k * width + j), width);
            }
        }
        for j in 0..count {
            for k in if j < whole { rows..depth } else { 0..depth } {
                *to.add(k * width + j) = *from.add(k * down + j * across);
            }
        }
    }
}

/// One panel, and all rows of the result in its columns.
struct Block<'a, T> {
    a: Matrix<'a, T>,
    first: usize,
    depth: usize,
    panel: &'a [T],
    columns: Range<usize>,
    /// Numbers of a row of the result.
    row: usize,
    add: bool,
}

impl<T: Element> Block<'_, T> {
    #[inline(always)]
    fn down<V: Vector<Element = T>, const N: usize>(&self, c: &mut [T]) {
        match self.a.steps[0] {
            1 => self.rows::<V, N, 1>(c),
            _ => self.rows::<V, N, 0>(c),
        }
    }

    /// `DOWN` is the step between rows of `a`, or 0 for any: where it is known, no register is needed for each row.
    #[inline(always)]
    fn rows<V: Vector<Element = T>, const N: usize, const DOWN: usize>(&self, c: &mut [T]) {
        // As many sums as the registers hold beside a row of the panel: 32 registers of 512 bits, 16 of 256.
        let wide = size_of::<V>() == 64;
        let mut at = 0;
        while at < self.a.rows {
            let left = self.a.rows - at;
            at += match N {
                1 if left >= 12 => self.tile::<V, 12, 1, DOWN>(c, at),
                2 if wide && left >= 12 => self.tile::<V, 12, 2, DOWN>(c, at),
                2 if left >= 6 => self.tile::<V, 6, 2, DOWN>(c, at),
                3 if wide && left >= 8 => self.tile::<V, 8, 3, DOWN>(c, at),
                _ if left >= 4 => self.tile::<V, 4, N, DOWN>(c, at),
                _ => self.tile::<V, 1, N, DOWN>(c, at),
            };
        }
    }

    /// `M` rows from `at` on.
    #[inline(always)]
    fn tile<V: Vector<Element = T>, const M: usize, const N: usize, const DOWN: usize>(
        &self,
        c: &mut [T],
        at: usize,
    ) -> usize {
        let [down, across] = self.a.steps;
        let down = if DOWN > 0 { DOWN } else { down };
        let from = at * down + self.first * across;
        assert!(from + (M - 1) * down + (self.depth - 1) * across < self.a.data.len());
        assert!(self.panel.len() == self.depth * N * V::LANES);
        let to = &mut c[at * self.row + self.columns.start..];
        assert!((M - 1) * self.row + self.columns.len() <= to.len());
        // Lanes of the last vector that are the result's.
        let last = self.columns.len() - (N - 1) * V::LANES;
        let mut sums = [[V::splat(T::default()); N]; M];
        // SAFETY: all places are within the slices, as just checked.
        unsafe {
            let mut b = self.panel.as_ptr();
            // A pointer for every three rows: the others are one or two steps of one register from it.
            let first = self.a.data.as_ptr().add(from);
            let mut rows = [0, 3, 6, 9].map(|m| first.wrapping_add(m * down));
            for _ in 0..self.depth {
                let mut row = [V::splat(T::default()); N];
                for (n, row) in row.iter_mut().enumerate() {
                    *row = V::load(b.add(n * V::LANES));
                }
                for (m, sums) in sums.iter_mut().enumerate() {
                    let x = V::splat(*rows[m / 3].add(m % 3 * down));
                    for (sum, row) in sums.iter_mut().zip(&row) {
                        *sum = x.mul_add(*row, *sum);
                    }
                }
                rows = rows.map(|row| row.wrapping_add(across));
                b = b.add(N * V::LANES);
            }
            for (m, sums) in sums.into_iter().enumerate() {
                for (n, sum) in sums.into_iter().enumerate() {
                    let to = to.as_mut_ptr().add(m * self.row + n * V::LANES);
                    if n + 1 < N || last == V::LANES {
                        (if self.add { V::load(to).add(sum) } else { sum }).store(to);
                    } else {
                        (if self.add { V::load_some(to, last).add(sum) } else { sum }).store_some(to, last);
                    }
                }
            }
        }
        M
    }
}
