//! Products of matrices that lie in slices, by the gemm crate, on one thread.

use gemm::Parallelism;

/// A slice seen as a matrix; `steps` lead to the next row and to the next column.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    pub data: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    pub steps: [usize; 2],
}

impl<'a> Matrix<'a> {
    pub fn plain(data: &'a [f32], columns: usize) -> Matrix<'a> {
        Matrix { data, rows: data.len() / columns, columns, steps: [columns, 1] }
    }

    /// The transpose of what `plain` gives.
    pub fn transposed(data: &'a [f32], columns: usize) -> Matrix<'a> {
        Matrix { data, rows: columns, columns: data.len() / columns, steps: [1, columns] }
    }

    fn holds_all(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.steps[0] + (self.columns - 1) * self.steps[1] < self.data.len()
    }
}

/// c = a b, or c += a b.
pub fn multiply(a: Matrix, b: Matrix, c: &mut [f32], accumulate: bool) {
    assert!(a.holds_all() && b.holds_all() && a.columns == b.rows && c.len() == a.rows * b.columns);
    let steps = |matrix: Matrix| matrix.steps.map(|step| step as isize);
    let ([a_row, a_column], [b_row, b_column]) = (steps(a), steps(b));
    // SAFETY: every element that the sizes and steps reach lies within its slice, as checked above.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            c.as_mut_ptr(),
            1,
            b.columns as isize,
            accumulate,
            a.data.as_ptr(),
            a_column,
            a_row,
            b.data.as_ptr(),
            b_column,
            b_row,
            if accumulate { 1.0 } else { 0.0 },
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
