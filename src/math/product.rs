//! Matrix products with the same bits on every processor.
//!
//! For every [`DEPTH`] steps of the inner dimension, each element of a product is one chain of
//! multiply-adds, from zero on in ascending order. The chains' results are added up in order. That
//! fixes every bit: vectors run over the columns and tiles over the rows, and neither is part of
//! any sum. The usual error bounds of the element types hold, with DEPTH + k / DEPTH in the place
//! of k.
//!
//! The fast layout is from Goto and van de Geijn 2008: columns of the right matrix are packed into
//! panels that the first-level cache holds, and a tile of the result stays in registers while it
//! runs down a panel.

use std::ops::Range;

use rayon::prelude::*;

use super::Level;
use super::lanes::Element;
use super::tile::{Block, Pack, down, pack};

/// Steps in one chain.
const DEPTH: usize = 256;

/// Columns that are packed at a time, about. With DEPTH steps they fill a quarter of a core's
/// second-level cache.
const WIDTH: usize = 512;

/// Rows that are gathered at a time from a left matrix stored by columns.
const HEIGHT: usize = 120;

/// A slice seen as a matrix. `steps` lead to the next row and to the next column.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    pub data: &'a [T],
    pub rows: usize,
    pub columns: usize,
    pub steps: [usize; 2],
}

impl<'a, T> Matrix<'a, T> {
    /// A matrix stored row by row.
    pub fn plain(data: &'a [T], columns: usize) -> Self {
        Matrix { data, rows: data.len() / columns, columns, steps: [columns, 1] }
    }

    /// The transpose of a matrix that is stored row by row.
    pub fn transposed(data: &'a [T], columns: usize) -> Self {
        Matrix { data, rows: columns, columns: data.len() / columns, steps: [1, columns] }
    }

    fn holds_all(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.steps[0] + (self.columns - 1) * self.steps[1]
                < self.data.len()
    }
}

/// c = a b, or c += a b, with c stored row by row. Runs on one thread.
///
/// Panics if the shapes do not fit.
pub fn multiply<T: Element>(a: Matrix<T>, b: Matrix<T>, c: &mut [T], accumulate: bool) {
    multiply_at(Level::current(), a, b, c, accumulate);
}

/// c = a b, with `step` numbers from one row of c to the next. The numbers between its rows stay as
/// they are.
///
/// Panics if the shapes do not fit.
pub fn multiply_rows<T: Element>(a: Matrix<T>, b: Matrix<T>, c: &mut [T], step: usize) {
    run(Level::current(), a, Right::Plain(b), c, step, false);
}

fn multiply_at<T: Element>(
    level: Level,
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    accumulate: bool,
) {
    assert!(c.len() == a.rows * b.columns);
    run(level, a, Right::Plain(b), c, b.columns, accumulate);
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
        let size = |columns: &Range<usize>| columns.len().next_multiple_of(level.lanes::<T>());
        let length =
            blocks(b.rows, b.columns).map(|(rows, columns)| rows.len() * size(&columns)).sum();
        let mut panels = T::scratch(length);
        let (mut rest, mut parts) = (&mut panels[..], Vec::new());
        for (rows, columns) in blocks(b.rows, b.columns) {
            let (part, more) = rest.split_at_mut(rows.len() * size(&columns));
            parts.push((rows, columns, part));
            rest = more;
        }
        // Uses all threads: those that wait for the matrix have nothing else to do.
        parts
            .into_par_iter()
            .for_each(|(rows, columns, part)| pack_block(level, b, &rows, &columns, part));
        Packed { level, rows: b.rows, columns: b.columns, panels }
    }

    /// As [`multiply`], with the packed matrix on the right.
    pub fn multiply(&self, a: Matrix<T>, c: &mut [T], accumulate: bool) {
        assert!(c.len() == a.rows * self.columns);
        run(self.level, a, Right::Packed(self), c, self.columns, accumulate);
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

/// The product at a level.
fn run<T: Element>(
    level: Level,
    a: Matrix<T>,
    b: Right<T>,
    c: &mut [T],
    step: usize,
    accumulate: bool,
) {
    let (depth, width) = match b {
        Right::Plain(b) => {
            assert!(b.holds_all());
            (b.rows, b.columns)
        }
        Right::Packed(b) => (b.rows, b.columns),
    };
    assert!(a.holds_all() && a.columns == depth && width <= step.max(1));
    if a.rows == 0 || width == 0 {
        return;
    }
    let c = &mut c[..(a.rows - 1) * step + width];
    if depth == 0 && !accumulate {
        c.chunks_mut(step).for_each(|row| row[..width].fill(T::default()));
    }
    let lanes = level.lanes::<T>();
    let room = DEPTH.min(depth) * WIDTH.min(width).next_multiple_of(lanes);
    let mut scratch = T::scratch(room + DEPTH * HEIGHT);
    let (fresh, strips) = scratch.split_at_mut(room);
    let mut at = 0;
    for (rows, columns) in blocks(depth, width) {
        let length = rows.len() * columns.len().next_multiple_of(lanes);
        let panels = match b {
            Right::Packed(b) => &b.panels[at..at + length],
            Right::Plain(b) => {
                pack_block(level, b, &rows, &columns, &mut fresh[..length]);
                &fresh[..length]
            }
        };
        at += length;
        // A tile reads neighbours of a column. If the rows of `a` are long, each neighbour is in
        // another cache line.
        let gathers = a.steps[0] == 1 && columns.len() > 3 * lanes;
        let height = if gathers { HEIGHT } else { a.rows };
        for top in (0..a.rows).step_by(height) {
            let mut part =
                Matrix { data: &a.data[top * a.steps[0] + rows.start * a.steps[1]..], ..a };
            (part.rows, part.columns) = (height.min(a.rows - top), rows.len());
            if gathers {
                part = gather_strips(part, strips);
            }
            for (left, vectors) in panels_of(columns.len(), lanes) {
                let width = vectors * lanes;
                let panel = &panels[left * rows.len()..][..width * rows.len()];
                let count = width.min(columns.len() - left);
                let c = &mut c[top * step + columns.start + left..];
                let add = accumulate || rows.start > 0;
                down(level, vectors, Block { a: part, panel, count, row: step, add, c });
            }
        }
    }
    T::keep(scratch);
}

/// The rows and columns of the right matrix's blocks, in the order in which they are used.
fn blocks(rows: usize, columns: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let cut = |length: usize, at: usize, step: usize| at..length.min(at + step);
    (0..columns).step_by(WIDTH).flat_map(move |left| {
        (0..rows).step_by(DEPTH).map(move |top| (cut(rows, top, DEPTH), cut(columns, left, WIDTH)))
    })
}

/// The panels of so many columns: the start of each panel and its number of vectors. A panel has
/// two vectors; the last one has up to three.
fn panels_of(columns: usize, lanes: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut left = 0;
    std::iter::from_fn(move || {
        let vectors = match columns.checked_sub(left)?.div_ceil(lanes) {
            0 => return None,
            few @ 1..4 => few,
            _ => 2,
        };
        let panel = (left, vectors);
        left = columns.min(left + vectors * lanes);
        Some(panel)
    })
}

fn pack_block<T: Element>(
    level: Level,
    b: Matrix<T>,
    rows: &Range<usize>,
    columns: &Range<usize>,
    panels: &mut [T],
) {
    let lanes = level.lanes::<T>();
    for (left, vectors) in panels_of(columns.len(), lanes) {
        let width = vectors * lanes;
        let panel = &mut panels[left * rows.len()..][..width * rows.len()];
        let columns = columns.start + left..columns.end.min(columns.start + left + width);
        pack(level, vectors, Pack { b, first: rows.start, columns, panel });
    }
}

/// A copy of a left matrix stored by columns, with its columns one right after the other.
fn gather_strips<'a, T: Element>(a: Matrix<'a, T>, to: &'a mut [T]) -> Matrix<'a, T> {
    let to = &mut to[..a.rows * a.columns];
    for (column, to) in to.chunks_exact_mut(a.rows).enumerate() {
        to.copy_from_slice(&a.data[column * a.steps[1]..][..a.rows]);
    }
    Matrix { data: to, steps: [1, a.rows], ..a }
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
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
            })
            .collect()
    }

    /// Rows, inner dimension, columns. The shapes cover whole tiles and panels, remainders, and
    /// several blocks of either matrix.
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
                    let numbers = |count, seed| {
                        draws(count, seed).into_iter().map(|x| x as $element).collect()
                    };
                    let a: Vec<$element> = numbers(rows * inner, 1);
                    let b: Vec<$element> = numbers(inner * columns, 2);
                    let before: Vec<$element> = numbers(rows * columns, 3);
                    let whole = |data, rows, columns, steps| Matrix { data, rows, columns, steps };
                    for (a_turned, b_turned, accumulate) in [
                        (false, false, false),
                        (true, false, true),
                        (false, true, false),
                        (true, true, true),
                    ] {
                        let a =
                            whole(&a, rows, inner, if a_turned { [1, rows] } else { [inner, 1] });
                        let b = whole(
                            &b,
                            inner,
                            columns,
                            if b_turned { [1, inner] } else { [columns, 1] },
                        );
                        let at = |m: Matrix<$element>, i: usize, j: usize| {
                            m.data[i * m.steps[0] + j * m.steps[1]]
                        };
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
                        let expected: Vec<_> = (0..rows * columns)
                            .map(|at| element(at / columns, at % columns))
                            .collect();
                        for level in Level::available() {
                            let mut c = before.clone();
                            multiply_at(level, a, b, &mut c, accumulate);
                            let bits: Vec<_> = c.iter().map(|x| x.to_bits()).collect();
                            let mut again = before.clone();
                            Packed::new_at(level, b).multiply(a, &mut again, accumulate);
                            assert!(
                                again.iter().zip(&c).all(|(x, y)| x.to_bits() == y.to_bits()),
                                "{level:?}"
                            );
                            assert!(
                                bits == expected,
                                "{level:?} {rows} x {inner} x {columns} {a_turned} {b_turned}"
                            );
                        }
                    }
                }
            }
        };
    }

    agrees!(products_have_the_bits_of_the_definition_at_every_level, f32, fused_f32);
    agrees!(products_of_f64_do_too, f64, fused_f64);

    #[test]
    fn rows_may_lie_apart() {
        let (a, b) = (draws(15, 1), draws(6, 2));
        let (mut whole, mut apart) = (vec![0.0; 10], vec![7.0; 5 * 4]);
        multiply(Matrix::plain(&a, 3), Matrix::plain(&b, 2), &mut whole, false);
        multiply_rows(Matrix::plain(&a, 3), Matrix::plain(&b, 2), &mut apart[1..], 4);
        for (row, whole) in apart.chunks(4).zip(whole.chunks(2)) {
            assert_eq!(row, [7.0, whole[0], whole[1], 7.0]);
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for level in Level::available() {
            let (a, b) = ([1.0f32, f32::NAN, f32::INFINITY, 0.0], [0.0f32, 1.0, 1.0, 0.0]);
            let mut c = [7.0; 4];
            multiply_at(level, Matrix::plain(&a, 2), Matrix::plain(&b, 2), &mut c, false);
            assert!(
                c[0].is_nan() && c[1].is_nan() && c[2].is_nan() && c[3] == f32::INFINITY,
                "{level:?}: {c:?}"
            );
        }
    }
}
