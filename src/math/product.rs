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

/// Rows of a left matrix whose columns lie together that are gathered at a time.
const HEIGHT: usize = 120;

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
    assert!(b.holds_all() && a.columns == b.rows && c.len() == a.rows * b.columns);
    level.run(Multiply { a, b: Right::Plain(b), c, accumulate });
}

/// A right matrix, packed once for many products.
pub struct Packed<T: Element> {
    level: Level,
    rows: usize,
    columns: usize,
    panels: Vec<T>,
}

impl<T: Element> Packed<T> {
    /// Panics if `b` reaches beyond its slice.
    pub fn new(b: Matrix<T>) -> Self {
        Self::new_at(Level::current(), b)
    }

    fn new_at(level: Level, b: Matrix<T>) -> Self {
        assert!(b.holds_all());
        Packed { level, rows: b.rows, columns: b.columns, panels: level.run(Pack(b)) }
    }

    /// What [`multiply`] gives for the packed matrix.
    pub fn multiply(&self, a: Matrix<T>, c: &mut [T], accumulate: bool) {
        assert!(a.columns == self.rows && c.len() == a.rows * self.columns);
        self.level.run(Multiply { a, b: Right::Packed(self), c, accumulate });
    }
}

impl<T: Element> Drop for Packed<T> {
    fn drop(&mut self) {
        T::keep(std::mem::take(&mut self.panels));
    }
}

enum Right<'a, T: Element> {
    Plain(Matrix<'a, T>),
    Packed(&'a Packed<T>),
}

struct Multiply<'a, T: Element> {
    a: Matrix<'a, T>,
    b: Right<'a, T>,
    c: &'a mut [T],
    accumulate: bool,
}

impl<T: Element> Kernel for Multiply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Multiply { a, b, c, accumulate } = self;
        let (depth, columns) = match b {
            Right::Plain(b) => (b.rows, b.columns),
            Right::Packed(b) => (b.rows, b.columns),
        };
        assert!(a.holds_all());
        if depth == 0 && !accumulate {
            c.fill(T::default());
        }
        let lanes = T::Vector::<L>::LANES;
        let room = DEPTH.min(depth) * WIDTH.min(columns).next_multiple_of(lanes);
        let mut scratch = T::scratch(room + DEPTH * HEIGHT);
        let (panels, strips) = scratch.split_at_mut(room);
        let mut at = 0;
        for (rows, columns) in blocks(depth, columns) {
            let length = rows.len() * columns.len().next_multiple_of(lanes);
            let panels = match b {
                Right::Packed(b) => &b.panels[at..at + length],
                Right::Plain(b) => {
                    pack_block::<T::Vector<L>>(b, rows.clone(), &columns, &mut panels[..length]);
                    &panels[..length]
                }
            };
            at += length;
            let add = accumulate || rows.start > 0;
            let row = c.len() / a.rows.max(1);
            // A tile takes neighbours of a column: where a row of `a` is long, each is in a line of its own.
            let gathers = a.steps[0] == 1 && columns.len() > 3 * lanes;
            let height = if gathers { HEIGHT } else { a.rows.max(1) };
            for top in (0..a.rows).step_by(height) {
                let mut part = Matrix { data: &a.data[top * a.steps[0] + rows.start * a.steps[1]..], ..a };
                (part.rows, part.columns) = (height.min(a.rows - top), rows.len());
                if gathers {
                    part = gather_strips(part, strips);
                }
                let mut left = 0;
                while left < columns.len() {
                    let vectors = panel_vectors(columns.len() - left, lanes);
                    let width = vectors * lanes;
                    let panel = &panels[left * rows.len()..][..width * rows.len()];
                    let count = width.min(columns.len() - left);
                    let block = Block { a: part, panel, count, row, add };
                    let c = &mut c[top * row + columns.start + left..];
                    match vectors {
                        1 => block.down::<T::Vector<L>, 1>(c),
                        2 => block.down::<T::Vector<L>, 2>(c),
                        _ => block.down::<T::Vector<L>, 3>(c),
                    }
                    left += width;
                }
            }
        }
        T::keep(scratch);
    }
}

struct Pack<'a, T>(Matrix<'a, T>);

impl<T: Element> Kernel for Pack<'_, T> {
    type Output = Vec<T>;

    #[inline(always)]
    fn run<L: Lanes>(self) -> Vec<T> {
        let Pack(b) = self;
        let size = |columns: &Range<usize>| columns.len().next_multiple_of(T::Vector::<L>::LANES);
        let mut panels = T::scratch(blocks(b.rows, b.columns).map(|(rows, columns)| rows.len() * size(&columns)).sum());
        let mut at = 0;
        for (rows, columns) in blocks(b.rows, b.columns) {
            let length = rows.len() * size(&columns);
            pack_block::<T::Vector<L>>(b, rows, &columns, &mut panels[at..at + length]);
            at += length;
        }
        panels
    }
}

/// The rows and columns of the right matrix's blocks, in the order in which they are used.
fn blocks(rows: usize, columns: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let cut = |length: usize, at: usize, step: usize| at..length.min(at + step);
    (0..columns).step_by(WIDTH).flat_map(move |left| {
        (0..rows).step_by(DEPTH).map(move |top| (cut(rows, top, DEPTH), cut(columns, left, WIDTH)))
    })
}

/// Vectors of the next panel: two, of the last one to three.
#[inline(always)]
fn panel_vectors(columns: usize, lanes: usize) -> usize {
    match columns.div_ceil(lanes) {
        few @ 1..4 => few,
        _ => 2,
    }
}

#[inline(always)]
fn pack_block<V: Vector>(b: Matrix<V::Element>, rows: Range<usize>, columns: &Range<usize>, panels: &mut [V::Element]) {
    let mut left = 0;
    while left < columns.len() {
        let vectors = panel_vectors(columns.len() - left, V::LANES);
        let width = vectors * V::LANES;
        let panel = &mut panels[left * rows.len()..][..width * rows.len()];
        let columns = columns.start + left..columns.end.min(columns.start + left + width);
        match vectors {
            1 => pack::<V, 1>(b, rows.start, &columns, panel),
            2 => pack::<V, 2>(b, rows.start, &columns, panel),
            _ => pack::<V, 3>(b, rows.start, &columns, panel),
        }
        left += width;
    }
}

/// The left matrix, whose columns lie together, with the same columns one right after the other.
#[inline(always)]
fn gather_strips<'a, T: Element>(a: Matrix<'a, T>, to: &'a mut [T]) -> Matrix<'a, T> {
    let to = &mut to[..a.rows * a.columns];
    for (column, to) in to.chunks_exact_mut(a.rows).enumerate() {
        to.copy_from_slice(&a.data[column * a.steps[1]..][..a.rows]);
    }
    Matrix { data: to, steps: [1, a.rows], ..a }
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
    panel: &'a [T],
    /// Columns of the result.
    count: usize,
    /// Numbers from one row of the result to the next.
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
        let (from, depth) = (at * down, self.a.columns);
        assert!(from + (M - 1) * down + (depth - 1) * across < self.a.data.len());
        assert!(self.panel.len() == depth * N * V::LANES);
        let to = &mut c[at * self.row..];
        assert!((M - 1) * self.row + self.count <= to.len());
        // Lanes of the last vector that are the result's.
        let last = self.count - (N - 1) * V::LANES;
        let mut sums = [[V::splat(T::default()); N]; M];
        // SAFETY: all places are within the slices, as just checked.
        unsafe {
            let mut b = self.panel.as_ptr();
            // A pointer for every three rows: the others are one or two steps of one register from it.
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
                        (if self.add { V::load_some(to, last).add(sum) } else { sum }).store_some(to, last);
                    }
                }
            }
        }
        M
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::fused::{fused_f32, fused_f64};

    /// Numbers in [-1, 1), most of them with all their bits.
    fn draws(count: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
            })
            .collect()
    }

    /// Rows, inner dimension, columns: whole tiles and panels, what is left of them, several blocks of either.
    const SHAPES: [[usize; 3]; 12] = [
        [1, 1, 1],
        [12, 256, 32],
        [13, 257, 33],
        [64, 640, 128],
        [5, 3, 7],
        [25, 40, 49],
        [7, 600, 530],
        [31, 16, 96],
        [3, 0, 4],
        [2, 9, 1025],
        [64, 128, 8],
        [24, 300, 17],
    ];

    macro_rules! agrees {
        ($name:ident, $element:ty, $fused:path) => {
            #[test]
            fn $name() {
                for [rows, inner, columns] in SHAPES {
                    let numbers = |count, seed| draws(count, seed).into_iter().map(|x| x as $element).collect();
                    let a: Vec<$element> = numbers(rows * inner, 1);
                    let b: Vec<$element> = numbers(inner * columns, 2);
                    let before: Vec<$element> = numbers(rows * columns, 3);
                    let whole = |data, rows, columns, steps| Matrix { data, rows, columns, steps };
                    for (a_turned, b_turned, accumulate) in
                        [(false, false, false), (true, false, true), (false, true, false), (true, true, true)]
                    {
                        let a = whole(&a, rows, inner, if a_turned { [1, rows] } else { [inner, 1] });
                        let b = whole(&b, inner, columns, if b_turned { [1, inner] } else { [columns, 1] });
                        let at = |m: Matrix<$element>, i: usize, j: usize| m.data[i * m.steps[0] + j * m.steps[1]];
                        // The definition, from the head of this file.
                        let element = |i: usize, j: usize| {
                            let mut sum = accumulate.then(|| before[i * columns + j]);
                            for first in (0..inner).step_by(DEPTH) {
                                let chain = (first..inner.min(first + DEPTH))
                                    .fold(0.0, |chain, k| $fused(at(a, i, k), at(b, k, j), chain));
                                sum = Some(sum.map_or(chain, |sum| sum + chain));
                            }
                            sum.unwrap_or(0.0).to_bits()
                        };
                        let expected: Vec<_> =
                            (0..rows * columns).map(|at| element(at / columns, at % columns)).collect();
                        for level in Level::available() {
                            let mut c = before.clone();
                            multiply_at(level, a, b, &mut c, accumulate);
                            let bits: Vec<_> = c.iter().map(|x| x.to_bits()).collect();
                            let mut again = before.clone();
                            Packed::new_at(level, b).multiply(a, &mut again, accumulate);
                            assert!(again.iter().zip(&c).all(|(x, y)| x.to_bits() == y.to_bits()), "{level:?}");
                            assert!(bits == expected, "{level:?} {rows} x {inner} x {columns} {a_turned} {b_turned}");
                        }
                    }
                }
            }
        };
    }

    agrees!(products_have_the_bits_of_the_definition_at_every_level, f32, fused_f32);
    agrees!(products_of_f64_do_too, f64, fused_f64);

    #[test]
    fn what_is_not_a_number_stays_so() {
        for level in Level::available() {
            let (a, b) = ([1.0f32, f32::NAN, f32::INFINITY, 0.0], [0.0f32, 1.0, 1.0, 0.0]);
            let mut c = [7.0; 4];
            multiply_at(level, Matrix::plain(&a, 2), Matrix::plain(&b, 2), &mut c, false);
            assert!(c[0].is_nan() && c[1].is_nan() && c[2].is_nan() && c[3] == f32::INFINITY, "{level:?}: {c:?}");
        }
    }
}
