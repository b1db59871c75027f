//! AdaProj: classification by the distance to a subspace of each class (Wilkinghoff 2024, arXiv
//! 2403.14179).
//!
//! A class has D vectors w of length one, which span its subspace. The output x of the network is
//! brought to length one. Its projection is p = sum over d of <x, w_d> w_d, brought to length one
//! as well. The logit of the class is the scale times the cosine <x, p>, which is the scale times
//! 1 - |x - p|^2 / 2. All outputs in the subspace are equally good, so a class may be spread in it.
//! The vectors are not made perpendicular to each other, as in the author's code; random ones in
//! many dimensions nearly are. The scale is that of AdaCos over the classes.
//!
//! With a = W x, G = W W' and b = G a the cosine is |a|^2 / sqrt(a'b), so no projection is stored.

use super::angular::{Scaling, adapted, tangent, unit};
use super::log_sum_exp::log_sum_exp;
use crate::math;
use crate::math::{Matrix, multiply, multiply_rows};

/// A loss on the distances to subspaces.
#[derive(Clone, Debug)]
pub struct Projection {
    /// (classes x span, dims). The vectors of a class are neighbours.
    basis: Vec<f32>,
    gradient: Vec<f32>,
    dims: usize,
    /// The vectors of a class.
    span: usize,
    /// The factor of the cosines.
    pub scale: f64,
    scaling: Scaling,
    trainable: bool,
}

/// The coordinates of a batch in the subspaces, each (rows, classes x span).
struct Coordinates {
    /// a: the products with the vectors of each class.
    along: Vec<f32>,
    /// b: `along` times the products of the vectors with each other.
    turned: Vec<f32>,
}

impl Projection {
    /// A loss whose classes are spanned by `span` vectors of `basis`, (classes x span, dims), each.
    pub fn new(
        basis: Vec<f32>,
        dims: usize,
        span: usize,
        scale: f64,
        scaling: Scaling,
        trainable: bool,
    ) -> Self {
        let gradient = vec![0.0; if trainable { basis.len() } else { 0 }];
        Self { basis, gradient, dims, span, scale, scaling, trainable }
    }

    /// A copy with a fixed scale and fixed vectors.
    pub fn at_rest(&self) -> Self {
        Self { scaling: Scaling::Fixed, trainable: false, ..self.clone() }
    }

    /// The vectors of the classes, if they are trained.
    pub fn weights(&self) -> Option<&[f32]> {
        self.trainable.then_some(&*self.basis)
    }

    /// The vectors of the classes and their gradient, if they are trained.
    pub fn weights_mut(&mut self) -> Option<(&mut [f32], &mut [f32])> {
        self.trainable.then_some((&mut *self.basis, &mut *self.gradient))
    }

    /// See [`Loss::evaluate`](super::Loss::evaluate); `target` is (rows, classes).
    pub fn evaluate(
        &mut self,
        rows: usize,
        output: &[f32],
        target: &[f32],
        gradient: &mut [f32],
    ) -> f64 {
        let (dims, span, count) = (self.dims, self.span, self.basis.len() / self.dims);
        let classes = count / span;
        let (x, x_lengths) = unit(output, dims);
        let (w, w_lengths) = unit(&self.basis, dims);
        let mut at = self.coordinates(rows, &x, &w);
        let lengths: Vec<[f64; 2]> =
            at.along.chunks_exact(span).zip(at.turned.chunks_exact(span)).map(lengths).collect();
        let cosines: Vec<f32> = lengths.iter().map(|[n, m]| (n / m) as f32).collect();
        if self.scaling == Scaling::Adaptive {
            let found = adapted(self.scale, rows, 1, &cosines, target);
            self.scale = found.unwrap_or(self.scale);
        }
        let (loss, slopes) = cross_entropy(self.scale, rows, classes, &cosines, target);
        // `along` becomes the factors of the vectors in the gradient over x, and `turned` the part
        // of the gradient over the vectors that goes through their products with each other.
        for (i, (along, turned)) in
            at.along.chunks_exact_mut(span).zip(at.turned.chunks_exact_mut(span)).enumerate()
        {
            let [n, m] = lengths[i];
            let (near, far) = (slopes[i] * 2.0 / m, slopes[i] * n / (m * m * m));
            for (a, b) in along.iter_mut().zip(turned) {
                let (old, own) = (f64::from(*a), f64::from(*b));
                *a = (near * old - far * own) as f32;
                *b = (-far * old) as f32;
            }
        }
        multiply(Matrix::plain(&at.along, count), Matrix::plain(&w, dims), gradient, false);
        tangent(gradient, &x, &x_lengths, dims);
        if self.trainable {
            self.over_basis(rows, &x, &w, &at);
            tangent(&mut self.gradient, &w, &w_lengths, dims);
        }
        loss
    }

    fn coordinates(&self, rows: usize, x: &[f32], w: &[f32]) -> Coordinates {
        let (dims, span, count) = (self.dims, self.span, self.basis.len() / self.dims);
        let (mut along, mut turned) = (vec![0.0; rows * count], vec![0.0; rows * count]);
        multiply(Matrix::plain(x, dims), Matrix::transposed(w, dims), &mut along, false);
        let mut products = vec![0.0; span * span];
        for (class, own) in w.chunks_exact(span * dims).enumerate() {
            multiply(Matrix::plain(own, dims), Matrix::transposed(own, dims), &mut products, false);
            let part = columns(&along, rows, class * span, span, count);
            let turned = &mut turned[class * span..];
            multiply_rows(part, Matrix::plain(&products, span), turned, count);
        }
        Coordinates { along, turned }
    }

    /// The gradient over unit vectors of the classes. With the coordinates a it is the sum over
    /// rows of r x' + v a' W, where r and v are what `evaluate` left in `at`.
    fn over_basis(&mut self, rows: usize, x: &[f32], w: &[f32], at: &Coordinates) {
        let (dims, span, count) = (self.dims, self.span, self.basis.len() / self.dims);
        multiply(
            Matrix::transposed(&at.along, count),
            Matrix::plain(x, dims),
            &mut self.gradient,
            false,
        );
        let (mut along, mut products) = (vec![0.0; rows * span], vec![0.0; span * span]);
        let parts = self.gradient.chunks_exact_mut(span * dims).zip(w.chunks_exact(span * dims));
        for (class, (gradient, own)) in parts.enumerate() {
            multiply(Matrix::plain(x, dims), Matrix::transposed(own, dims), &mut along, false);
            let part = columns(&at.turned, rows, class * span, span, count);
            let turned =
                Matrix { rows: span, columns: rows, steps: [part.steps[1], part.steps[0]], ..part };
            multiply(turned, Matrix::plain(&along, span), &mut products, false);
            multiply(Matrix::plain(&products, span), Matrix::plain(own, dims), gradient, true);
        }
    }
}

/// `width` columns of a matrix of `count` columns, from column `from` on.
fn columns(data: &[f32], rows: usize, from: usize, width: usize, count: usize) -> Matrix<'_, f32> {
    Matrix { data: &data[from..], rows, columns: width, steps: [count, 1] }
}

/// |a|^2, and the length of the projection. An output perpendicular to a subspace has the cosine 0.
fn lengths((along, turned): (&[f32], &[f32])) -> [f64; 2] {
    let square = along.iter().map(|&a| math::square(f64::from(a))).sum();
    let both = along.iter().zip(turned).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    [square, both.max(1e-24).sqrt()]
}

/// The mean cross-entropy of a softmax of the scaled cosines, and its gradient over each cosine.
fn cross_entropy(
    scale: f64,
    rows: usize,
    classes: usize,
    cosines: &[f32],
    target: &[f32],
) -> (f64, Vec<f64>) {
    let (mut loss, mut slopes) = (0.0, Vec::with_capacity(rows * classes));
    for (cosines, target) in cosines.chunks_exact(classes).zip(target.chunks_exact(classes)) {
        let logits = cosines.iter().map(|&c| scale * f64::from(c));
        let all = log_sum_exp(logits.clone());
        let whole: f64 = target.iter().map(|&share| f64::from(share)).sum();
        for (logit, &share) in logits.zip(target) {
            let share = f64::from(share);
            loss += share * (all - logit);
            slopes.push(scale / rows as f64 * (whole * math::exp(logit - all) - share));
        }
    }
    (loss / rows as f64, slopes)
}

#[cfg(test)]
mod tests {
    use super::super::loss::{Loss, check_gradient};
    use super::*;
    use crate::nn::oracle::{assert_near, floats, number, parts};

    #[test]
    fn loss_scale_and_gradients_are_those_of_torch() {
        for case in parts()["adaproj"].as_array().unwrap() {
            let (output, target) = (floats(&case["output"]), floats(&case["target"]));
            let (dims, span) = (number(&case["dims"]) as usize, number(&case["span"]) as usize);
            let scaling = if case["adaptive"] == true { Scaling::Adaptive } else { Scaling::Fixed };
            let basis = floats(&case["basis"]);
            let mut loss =
                Projection::new(basis, dims, span, number(&case["scale"]), scaling, true);
            let rows = output.len() / dims;
            let mut gradient = vec![0.0; output.len()];
            let found = loss.evaluate(rows, &output, &target, &mut gradient);
            assert!((found - number(&case["loss"])).abs() < 1e-5, "{found}");
            assert!((loss.scale - number(&case["scale_after"])).abs() < 1e-4, "{}", loss.scale);
            assert_near(&gradient, &case["over_output"], 2e-5);
            assert_near(loss.weights_mut().unwrap().1, &case["over_basis"], 2e-5);
            let before = Loss::Projection(loss.clone());
            let measured = before.measure(rows, &output, &target);
            loss.scaling = Scaling::Fixed;
            assert_eq!(measured, loss.evaluate(rows, &output, &target, &mut gradient));
        }
    }

    #[test]
    fn slopes_are_those_of_differences_and_the_whole_subspace_is_right() {
        let case = &parts()["adaproj"][0];
        let dims = number(&case["dims"]) as usize;
        let new = |span| {
            let basis = floats(&case["basis"]);
            Loss::Projection(Projection::new(basis, dims, span, 4.0, Scaling::Fixed, false))
        };
        let (output, target) = (floats(&case["output"]), floats(&case["target"]));
        let span = number(&case["span"]) as usize;
        check_gradient(&mut new(span), output.len() / dims, &output, &target, 3e-3);
        assert!(new(span).weights().is_empty());
        // Two perpendicular vectors: every output between them has the cosine 1.
        let basis = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        let mut plane = Projection::new(basis, 3, 2, 9.0, Scaling::Fixed, true);
        let mut at = |x: [f32; 3]| plane.evaluate(1, &x, &[1.0, 0.0], &mut [0.0; 3]);
        assert!((at([3.0, 4.0, 0.0]) - at([-0.2, 0.9, 0.0])).abs() < 1e-6);
        assert!(at([0.0, 0.0, 2.0]) > 8.9 && at([1.0, 0.0, 0.0]) < 2e-4);
    }
}
