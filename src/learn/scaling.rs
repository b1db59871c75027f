//! Scales vectors for a detector: standardised, centred or unchanged.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// (x - mean) / scale, dimension by dimension.
#[derive(Debug)]
pub(crate) struct Scaling {
    pub(crate) mean: Array1<f64>,
    pub(crate) scale: Array1<f64>,
}

impl Scaling {
    /// Scales to mean 0 and population variance 1. A constant dimension is only centred, as in
    /// scikit-learn's `StandardScaler`.
    pub(crate) fn standard(x: ArrayView2<f64>) -> Self {
        let centred = Self::centred(x);
        let mut squares = Array1::<f64>::zeros(x.ncols());
        for row in x.rows() {
            ndarray::Zip::from(&mut squares)
                .and(row)
                .and(&centred.mean)
                .for_each(|s, x, m| *s += (x - m) * (x - m));
        }
        let clips = x.nrows() as f64;
        // A deviation this small is rounding of the mean, not variance.
        let scale = ndarray::Zip::from(&squares).and(&centred.mean).map_collect(|square, mean| {
            let deviation = (square / clips).sqrt();
            if deviation > 10.0 * clips * f64::EPSILON * mean.abs() { deviation } else { 1.0 }
        });
        Self { scale, ..centred }
    }

    /// Scales to variance 1 without centring, as `StandardScaler(with_mean=False)`.
    pub(crate) fn variance(x: ArrayView2<f64>) -> Self {
        Self { mean: Array1::zeros(x.ncols()), ..Self::standard(x) }
    }

    /// Scales to mean 0.
    pub(crate) fn centred(x: ArrayView2<f64>) -> Self {
        let mean = x.mean_axis(Axis(0)).expect("at least one clip");
        Self { scale: Array1::ones(mean.len()), mean }
    }

    /// Changes nothing.
    pub(crate) fn none(dims: usize) -> Self {
        Self { mean: Array1::zeros(dims), scale: Array1::ones(dims) }
    }

    pub(crate) fn dims(&self) -> usize {
        self.mean.len()
    }

    pub(crate) fn apply(&self, mut x: Array2<f64>) -> Array2<f64> {
        for mut row in x.rows_mut() {
            ndarray::Zip::from(&mut row)
                .and(&self.mean)
                .and(&self.scale)
                .for_each(|x, mean, scale| *x = (*x - mean) / scale);
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn dimensions_come_to_mean_0_and_variance_1_unless_they_are_constant() {
        let x = array![[1.0, 0.1, 5.0], [3.0, 0.1, 5.0], [5.0, 0.1, 8.0]];
        let scaled = Scaling::standard(x.view()).apply(x.clone());
        let root = 1.5f64.sqrt();
        let expected = array![
            [-root, 0.0, -0.5f64.sqrt()],
            [0.0, 0.0, -0.5f64.sqrt()],
            [root, 0.0, 2f64.sqrt()]
        ];
        assert!((&scaled - &expected).iter().all(|d| d.abs() < 1e-12), "{scaled}");
        assert_eq!(Scaling::variance(x.view()).apply(x.clone())[[1, 1]], 0.1);
        assert_eq!(Scaling::none(3).apply(x.clone()), x);
        assert_eq!(Scaling::centred(x.view()).apply(x)[[2, 0]], 2.0);
    }
}
