//! The two inner loops of a product: packing a panel of the right matrix, and running down it with
//! a tile of the result in registers.
//!
//! Each panel width is a kernel of its own, so that the compiler sees functions of a size that it
//! can handle.

use std::ops::Range;

use super::lanes::{Element, Lanes, Vector};
use super::level::{Kernel, Level};
use super::product::Matrix;

/// A panel to pack: rows of `b` from `first` on, side by side. Each holds its `columns` and then
/// zeros.
pub struct Pack<'a, T> {
    pub b: Matrix<'a, T>,
    pub first: usize,
    pub columns: Range<usize>,
    pub panel: &'a mut [T],
}

/// Packs a panel of `vectors` vectors.
pub fn pack<T: Element>(level: Level, vectors: usize, panel: Pack<T>) {
    level.run(Packing { vectors, panel });
}

struct Packing<'a, T> {
    vectors: usize,
    panel: Pack<'a, T>,
}

impl<T: Element> Kernel for Packing<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        self.panel.lay::<T::Vector<L>>(self.vectors);
    }
}

impl<T: Element> Pack<'_, T> {
    #[inline(always)]
    fn lay<V: Vector<Element = T>>(self, vectors: usize) {
        let Pack { b, first, columns, panel } = self;
        let ([down, across], width, count) = (b.steps, vectors * V::LANES, columns.len());
        let (from, depth) = (first * down + columns.start * across, panel.len() / width);
        assert!(count <= width && from + (depth - 1) * down + (count - 1) * across < b.data.len());
        let (from, to) = (b.data[from..].as_ptr(), panel.as_mut_ptr());
        // SAFETY: all reads and writes are within the slices, as just checked.
        unsafe {
            if across == 1 {
                for k in 0..depth {
                    for n in 0..vectors {
                        let some = count.saturating_sub(n * V::LANES).min(V::LANES);
                        let (from, to) = (
                            from.add(k * down).wrapping_add(n * V::LANES),
                            to.add(k * width + n * V::LANES),
                        );
                        (if some == V::LANES { V::load(from) } else { V::load_some(from, some) })
                            .store(to);
                    }
                }
                return;
            }
            if count < width {
                panel.fill(T::default());
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
}

/// One panel, and all rows of the result in its columns.
pub struct Block<'a, T> {
    pub a: Matrix<'a, T>,
    pub panel: &'a [T],
    /// Columns of the result.
    pub count: usize,
    /// Numbers from one row of the result to the next.
    pub row: usize,
    /// Whether to add to the present values of the result.
    pub add: bool,
    /// The result from its first row and column on.
    pub c: &'a mut [T],
}

/// Runs down a panel of `vectors` vectors.
pub fn down<T: Element>(level: Level, vectors: usize, block: Block<T>) {
    match (vectors, block.a.steps[0]) {
        (1, 1) => level.run(Down::<T, 1, 1>(block)),
        (1, _) => level.run(Down::<T, 1, 0>(block)),
        (2, 1) => level.run(Down::<T, 2, 1>(block)),
        (2, _) => level.run(Down::<T, 2, 0>(block)),
        (_, 1) => level.run(Down::<T, 3, 1>(block)),
        (_, _) => level.run(Down::<T, 3, 0>(block)),
    }
}

/// A panel of `N` vectors. `DOWN` is the step between rows of `a`, or 0 for any step. A known step
/// saves a register for each row.
struct Down<'a, T, const N: usize, const DOWN: usize>(Block<'a, T>);

impl<T: Element, const N: usize, const DOWN: usize> Kernel for Down<'_, T, N, DOWN> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Down(mut block) = self;
        // As many sums as the registers hold beside a row of the panel. There are 32 registers of
        // 512 bits, or 16 of 256.
        let wide = size_of::<T::Vector<L>>() == 64;
        let mut at = 0;
        while at < block.a.rows {
            let left = block.a.rows - at;
            at += match N {
                1 if left >= 12 => block.tile::<T::Vector<L>, 12, 1, DOWN>(at),
                2 if wide && left >= 12 => block.tile::<T::Vector<L>, 12, 2, DOWN>(at),
                2 if !wide && left >= 6 => block.tile::<T::Vector<L>, 6, 2, DOWN>(at),
                3 if wide && left >= 8 => block.tile::<T::Vector<L>, 8, 3, DOWN>(at),
                _ if left >= 4 => block.tile::<T::Vector<L>, 4, N, DOWN>(at),
                _ => block.tile::<T::Vector<L>, 1, N, DOWN>(at),
            };
        }
    }
}

impl<T: Element> Block<'_, T> {
    /// `M` rows from `at` on.
    #[inline(always)]
    fn tile<V: Vector<Element = T>, const M: usize, const N: usize, const DOWN: usize>(
        &mut self,
        at: usize,
    ) -> usize {
        let [down, across] = self.a.steps;
        let down = if DOWN > 0 { DOWN } else { down };
        let (from, depth) = (at * down, self.a.columns);
        assert!(from + (M - 1) * down + (depth - 1) * across < self.a.data.len());
        assert!(self.panel.len() == depth * N * V::LANES);
        let to = &mut self.c[at * self.row..];
        assert!((M - 1) * self.row + self.count <= to.len());
        // Lanes of the last vector that belong to the result.
        let last = self.count - (N - 1) * V::LANES;
        let mut sums = [[V::splat(T::default()); N]; M];
        // SAFETY: all places are within the slices, as just checked.
        unsafe {
            let mut b = self.panel.as_ptr();
            // One pointer for every three rows: the other two rows are one or two steps away from
            // it.
            let first = self.a.data.as_ptr().add(from);
            let mut rows = [0, 3, 6, 9].map(|m| first.wrapping_add(m * down));
            for _ in 0..depth {
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
                        (if self.add { V::load_some(to, last).add(sum) } else { sum })
                            .store_some(to, last);
                    }
                }
            }
        }
        M
    }
}
