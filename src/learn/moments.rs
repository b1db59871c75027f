//! Mean and scatter of vectors, in one pass in f64. The pass goes block by block, so it keeps no
//! copy of the data's size.

use std::ops::{Deref, Range};

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, s};

use super::Error;
use super::product::with_matrix;
use crate::context::Context;
use crate::math::{self, Matrix, multiply, multiply_rows};

/// Rows per product.
pub(crate) const BLOCK: usize = 256;
/// The rows are split into this many parts with their own sums. The number does not depend on the
/// threads, so neither do the sums.
const PARTS: usize = 8;
/// Rows or columns per product with a triangle. The other half of the matrix is skipped in steps of
/// this size.
const PANEL: usize = 24;

/// The mean of vectors, and the sum of the outer products of their deviations from it, (dims,
/// dims). Only the lower half of the sum is valid.
pub(crate) struct Moments {
    pub(crate) mean: Array1<f64>,
    pub(crate) scatter: Array2<f64>,
}

impl Moments {
    /// The moments of `rows`. At least one row, all of equal length.
    pub(crate) fn of<R: Deref<Target = [f32]> + Sync>(
        rows: &[R],
        cx: &Context,
    ) -> Result<Self, Error> {
        let dims = rows[0].len();
        // Sums are taken about the mean of some rows. It is near the mean of all, so the later
        // correction cancels nothing.
        let some = rows.iter().step_by(rows.len().div_ceil(BLOCK));
        let count = some.len() as f64;
        let mut about = vec![0.0; dims];
        some.for_each(|row| {
            about.iter_mut().zip(row.iter()).for_each(|(sum, x)| *sum += f64::from(*x))
        });
        about.iter_mut().for_each(|sum| *sum /= count);
        let sums = cx.map(&parts(rows.len()), |blocks| {
            let (mut first, mut second) = (Array1::<f64>::zeros(dims), Array2::zeros((dims, dims)));
            let mut z = Array2::zeros((BLOCK, dims));
            for block in blocks.iter().filter(|_| !cx.cancelled()) {
                let mut z = z.slice_mut(s![..block.len(), ..]);
                for (row, mut z) in rows[block.clone()].iter().zip(z.rows_mut()) {
                    let z = z.as_slice_mut().expect("C order");
                    let values = row.iter().zip(&about).zip(z.iter_mut().zip(&mut first));
                    values.for_each(|((x, about), (z, sum))| {
                        *z = f64::from(*x) - about;
                        *sum += *z;
                    });
                }
                add_squared(z.view(), second.view_mut());
            }
            (first, second)
        });
        if cx.cancelled() {
            return Err(Error::Cancelled);
        }
        let sum = sums.into_iter().reduce(|a, b| (a.0 + b.0, a.1 + b.1));
        let (first, mut scatter) = sum.expect("at least one row");
        let off = first / rows.len() as f64;
        subtract_outer(&mut scatter, rows.len() as f64, &off);
        Ok(Self { mean: Array1::from(about) + off, scatter })
    }
}

/// Blocks of rows, in [`PARTS`] parts at most.
pub(crate) fn parts(rows: usize) -> Vec<Vec<Range<usize>>> {
    let blocks: Vec<_> = (0..rows).step_by(BLOCK).map(|row| row..rows.min(row + BLOCK)).collect();
    blocks.chunks(blocks.len().div_ceil(PARTS).max(1)).map(<[_]>::to_vec).collect()
}

/// `out` = `x` - `mean`. All in C order.
pub(crate) fn centre(x: ArrayView2<f32>, mean: &[f64], mut out: ArrayViewMut2<f64>) {
    for (x, mut out) in x.rows().into_iter().zip(out.rows_mut()) {
        let (x, out) = (x.to_slice().expect("C order"), out.as_slice_mut().expect("C order"));
        x.iter().zip(mean).zip(out).for_each(|((x, mean), out)| *out = f64::from(*x) - mean);
    }
}

/// Adds zᵀ · z to the lower half of `out`. The upper half becomes undefined.
pub(crate) fn add_squared(z: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
    with_matrix(z, |z| {
        let mut rows = vec![0.0; PANEL * z.columns];
        for panel in panels(z.columns) {
            let rows = &mut rows[..panel.len() * panel.end];
            let turned = Matrix {
                data: &z.data[panel.start * z.steps[1]..],
                rows: panel.len(),
                columns: z.rows,
                steps: [z.steps[1], z.steps[0]],
            };
            multiply(turned, Matrix { columns: panel.end, ..z }, rows, false);
            for (mut out, rows) in out
                .slice_mut(s![panel.clone(), ..panel.end])
                .rows_mut()
                .into_iter()
                .zip(rows.chunks(panel.end))
            {
                out.iter_mut().zip(rows).for_each(|(out, x)| *out += x);
            }
        }
    });
}

/// `out` = z · p for an upper triangular p. `out` is in C order.
pub(crate) fn triangular(z: ArrayView2<f64>, p: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
    let dims = p.ncols();
    let out = out.as_slice_mut().expect("C order");
    with_matrix(z, |z| {
        with_matrix(p, |p| {
            for panel in panels(dims) {
                let some = Matrix {
                    data: &p.data[panel.start * p.steps[1]..],
                    rows: panel.end,
                    columns: panel.len(),
                    ..p
                };
                multiply_rows(
                    Matrix { columns: panel.end, ..z },
                    some,
                    &mut out[panel.start..],
                    dims,
                );
            }
        });
    });
}

fn panels(dims: usize) -> impl Iterator<Item = Range<usize>> {
    (0..dims).step_by(PANEL).map(move |first| first..dims.min(first + PANEL))
}

/// Subtracts scale · v · vᵀ.
pub(crate) fn subtract_outer(matrix: &mut Array2<f64>, scale: f64, v: &Array1<f64>) {
    for (mut row, x) in matrix.rows_mut().into_iter().zip(v) {
        row.scaled_add(-scale * x, v);
    }
}

/// The mean and the population deviation of the values; (0, 0) without values.
pub(crate) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|x| math::square(x - mean)).sum::<f64>() / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn they_are_those_of_the_definition() {
        let mut rng = Seed(5).rng();
        // More rows than blocks of one part, more dims than a panel, a mean far above the spread.
        let x = Array2::from_shape_fn((2500, 41), |(i, j)| {
            (1000.0 + (i / 900 * j) as f64 + rng.normal()) as f32
        });
        let moments = Moments::of(
            &x.rows().into_iter().map(|r| r.to_vec()).collect::<Vec<_>>(),
            &Context::plain(0),
        )
        .unwrap();
        let x = x.mapv(f64::from);
        let mean = x.mean_axis(ndarray::Axis(0)).unwrap();
        let z = &x - &mean;
        let scatter = z.t().dot(&z);
        assert!((&moments.mean - &mean).iter().all(|d| d.abs() < 1e-10));
        for ((i, j), found) in moments.scatter.indexed_iter().filter(|((i, j), _)| j <= i) {
            assert!(
                (found - scatter[[i, j]]).abs() < 1e-9 * scatter[[i, i]].max(scatter[[j, j]]),
                "{i} {j}"
            );
        }
    }

    #[test]
    fn triangular_products_leave_out_only_zeros() {
        let mut rng = Seed(6).rng();
        let z = Array2::from_shape_simple_fn((9, 70), || rng.normal());
        let p = Array2::from_shape_fn((70, 70), |(i, j)| if i <= j { rng.normal() } else { 0.0 });
        let mut out = Array2::zeros((9, 70));
        triangular(z.view(), p.view(), out.view_mut());
        assert!((out - z.dot(&p)).iter().all(|d| d.abs() < 1e-12));
    }
}
