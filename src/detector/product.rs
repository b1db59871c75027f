//! Matrix products by the `gemm` crate: its kernels for the CPU at hand, on one thread.
//!
//! ndarray's own `dot` calls `matrixmultiply`, which has no AVX-512 kernels. Sums are made in the type of the
//! operands, in an order that depends on the kernel, so results may differ between CPU types in the last bits.

use gemm::Parallelism;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, LinalgScalar};

/// `out` = a · b for a (m, k), b (k, n), out (m, n), each of any strides: `b.t()` costs nothing.
///
/// Panics if the shapes do not fit.
pub(super) fn product<T: LinalgScalar>(a: ArrayView2<T>, b: ArrayView2<T>, mut out: ArrayViewMut2<T>) {
    let ((m, k), (inner, n)) = (a.dim(), b.dim());
    assert!(k == inner && out.dim() == (m, n), "{:?} times {:?} into {:?}", a.dim(), b.dim(), out.dim());
    let stride = |strides: &[isize]| (strides[0], strides[1]);
    let ((a_row, a_col), (b_row, b_col)) = (stride(a.strides()), stride(b.strides()));
    let (out_row, out_col) = stride(out.strides());
    // SAFETY: pointers and strides are those of views with the asserted shapes, and `out` is borrowed mutably, so
    // it overlaps nothing.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            out_col,
            out_row,
            false,
            a.as_ptr(),
            a_col,
            a_row,
            b.as_ptr(),
            b_col,
            b_row,
            T::zero(),
            T::one(),
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// a · b as a new matrix in C order.
pub(super) fn multiply<T: LinalgScalar>(a: ArrayView2<T>, b: ArrayView2<T>) -> Array2<T> {
    let mut out = Array2::zeros((a.nrows(), b.ncols()));
    product(a, b, out.view_mut());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use ndarray::s;

    #[test]
    fn products_are_those_of_the_definition_for_any_strides() {
        let mut rng = Seed(3).rng();
        let big = Array2::from_shape_simple_fn((14, 22), || rng.normal());
        let (a, b) = (big.slice(s![..;2, 1..9]), big.slice(s![3..11, ..;3]));
        let by_definition = |a: ArrayView2<f64>, b: ArrayView2<f64>| {
            Array2::from_shape_fn((a.nrows(), b.ncols()), |(i, j)| (0..a.ncols()).map(|k| a[[i, k]] * b[[k, j]]).sum())
        };
        let close = |x: Array2<f64>, y: Array2<f64>| (x - y).iter().all(|d| d.abs() < 1e-12);
        assert!(close(multiply(a, b), by_definition(a, b)));
        assert!(close(multiply(a.t(), a), by_definition(a.t(), a)));
        let mut out = Array2::from_elem((b.nrows(), 2 * b.nrows()), 7.0);
        product(b, b.t(), out.slice_mut(s![.., ..;2]));
        assert!(close(out.slice(s![.., ..;2]).to_owned(), by_definition(b, b.t())));
        assert!(out.slice(s![.., 1..;2]).iter().all(|x| *x == 7.0));
        let empty = multiply(Array2::<f32>::zeros((2, 0)).view(), Array2::zeros((0, 3)).view());
        assert_eq!(empty, Array2::<f32>::zeros((2, 3)));
    }
}
