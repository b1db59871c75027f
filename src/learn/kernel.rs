//! Kernels of support vector machines.

use ndarray::{Array2, ArrayView2, Zip};

use super::product::product;
use crate::math;

/// The similarity of two vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kernel {
    /// exp(-gamma |a - b|²)
    Rbf { gamma: f64 },
    /// a·b
    Linear,
}

impl Kernel {
    /// Writes the kernel of every row of `a` with every row of `b` to `out` (rows of a, rows of b).
    /// Takes the squared lengths of the rows of each.
    ///
    /// |a|² - 2ab + |b|² loses digits where vectors are longer than their differences. Centre them
    /// first.
    pub(crate) fn fill(
        self,
        (a, a_squares): (ArrayView2<f64>, &[f64]),
        (b, b_squares): (ArrayView2<f64>, &[f64]),
        out: &mut Array2<f64>,
    ) {
        product(a, b.t(), out.view_mut());
        let Kernel::Rbf { gamma } = self else { return };
        for (mut row, a_square) in out.rows_mut().into_iter().zip(a_squares) {
            Zip::from(&mut row).and(b_squares).for_each(|k, b_square| {
                *k = math::exp(-gamma * (a_square + b_square - 2.0 * *k).max(0.0));
            });
        }
    }
}

/// The squared lengths of the rows.
pub(crate) fn squares(x: ArrayView2<f64>) -> Vec<f64> {
    x.rows().into_iter().map(|row| row.dot(&row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn kernels_are_those_of_their_formulas() {
        let (a, b) = (array![[1.0, 2.0], [0.0, 0.0]], array![[1.0, 0.0], [1.0, 2.0], [3.0, 1.0]]);
        let fill = |kernel: Kernel| {
            let mut out = Array2::zeros((2, 3));
            kernel.fill((a.view(), &squares(a.view())), (b.view(), &squares(b.view())), &mut out);
            out
        };
        assert_eq!(fill(Kernel::Linear), array![[1.0, 5.0, 5.0], [0.0, 0.0, 0.0]]);
        let expected = array![[4.0, 0.0, 5.0], [1.0, 5.0, 10.0]].mapv(|d: f64| math::exp(-0.5 * d));
        assert!(
            (fill(Kernel::Rbf { gamma: 0.5 }) - expected).iter().all(|d: &f64| d.abs() < 1e-15)
        );
    }
}
