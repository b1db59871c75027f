//! Products of ndarray's matrices by [`crate::math`]. ndarray's own `dot` of two matrices gives
//! other bits on other processors. Its products with vectors are plain loops and may be used.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, LinalgScalar};

use crate::math::{self, Element, Matrix};

/// With so few rows on the left, a right matrix in Fortran order is not packed.
const FEW: usize = 8;

/// `out` = a · b for a (m, k), b (k, n), out (m, n), with any strides: `b.t()` costs nothing.
///
/// Panics if the shapes do not fit.
pub(crate) fn product<T: LinalgScalar + Element>(
    a: ArrayView2<T>,
    b: ArrayView2<T>,
    mut out: ArrayViewMut2<T>,
) {
    let ((m, k), (inner, n)) = (a.dim(), b.dim());
    assert!(
        k == inner && out.dim() == (m, n),
        "{:?} times {:?} into {:?}",
        a.dim(),
        b.dim(),
        out.dim()
    );
    if m <= FEW && b.strides()[0] == 1 && n > FEW {
        // Transposes the product, with the same sums: packing `b` would cost more than the product.
        let mut turned = Array2::zeros((n, m));
        product(b.t(), a.t(), turned.view_mut());
        return out.assign(&turned.t());
    }
    match out.as_slice_mut() {
        Some(slice) => with_matrix(a, |a| with_matrix(b, |b| math::multiply(a, b, slice, false))),
        None => out.assign(&multiply(a, b)),
    }
}

/// Calls `f` with a view as a slice and its steps. A view that is not contiguous is copied first.
pub(crate) fn with_matrix<T: LinalgScalar>(view: ArrayView2<T>, f: impl FnOnce(Matrix<T>)) {
    let (rows, columns) = view.dim();
    let steps: Vec<usize> =
        view.strides().iter().filter_map(|step| usize::try_from(*step).ok()).collect();
    match (view.as_slice_memory_order(), &steps[..]) {
        (Some(data), &[down, across]) => f(Matrix { data, rows, columns, steps: [down, across] }),
        _ => f(Matrix {
            steps: [columns, 1],
            rows,
            columns,
            data: &view.iter().copied().collect::<Vec<T>>(),
        }),
    }
}

/// a · b as a new matrix in C order.
pub(crate) fn multiply<T: LinalgScalar + Element>(a: ArrayView2<T>, b: ArrayView2<T>) -> Array2<T> {
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
            Array2::from_shape_fn((a.nrows(), b.ncols()), |(i, j)| {
                (0..a.ncols()).map(|k| a[[i, k]] * b[[k, j]]).sum()
            })
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
