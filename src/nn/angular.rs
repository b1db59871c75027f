//! Classification by angles: ArcFace, AdaCos, sub-cluster AdaCos.
//!
//! Outputs and centres are normalised to length one. The logit of a centre is the cosine of the
//! angle to it, times a scale. A class has one or several centres (Wilkinghoff 2021, sub-cluster
//! AdaCos); its probability is the sum over its centres. ArcFace (Deng et al. 2019) adds a margin
//! to the angles of the right class. AdaCos (Zhang et al. 2019) has no margin. It sets the scale
//! once from the number of centres, or batch by batch from the angles.

use super::log_sum_exp::log_sum_exp;
use crate::math;
use crate::math::{Matrix, multiply};

/// How the scale of the cosines is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaling {
    /// The scale stays as given.
    Fixed,
    /// The scale follows the angles of every batch: AdaCos, eq. (11) and (12). With two classes of
    /// one centre each the scale stays at its start, because a sum over one wrong class pulls it to
    /// 0.
    Adaptive,
}

/// A loss on the angles to centres.
#[derive(Clone, Debug)]
pub struct Angular {
    /// (classes x subclusters, dims). The centres of a class are neighbours.
    centres: Vec<f32>,
    gradient: Vec<f32>,
    dims: usize,
    subclusters: usize,
    /// The factor of the cosines.
    pub scale: f64,
    scaling: Scaling,
    /// Radians added to the angles of the right class.
    margin: f64,
    trainable: bool,
}

impl Angular {
    /// A loss whose centres have the directions `centres`, (classes x subclusters, dims).
    pub fn new(
        centres: Vec<f32>,
        dims: usize,
        subclusters: usize,
        scale: f64,
        scaling: Scaling,
        margin: f64,
        trainable: bool,
    ) -> Self {
        let gradient = vec![0.0; centres.len()];
        Self { centres, gradient, dims, subclusters, scale, scaling, margin, trainable }
    }

    /// The scale at the start of AdaCos, which its fixed form keeps: sqrt(2) ln(centres - 1), eq.
    /// (9).
    pub fn adacos_scale(centres: usize) -> f64 {
        std::f64::consts::SQRT_2 * math::ln((centres.max(3) - 1) as f64)
    }

    /// A copy with a fixed scale and fixed centres.
    pub fn at_rest(&self) -> Self {
        Self { scaling: Scaling::Fixed, trainable: false, ..self.clone() }
    }

    /// The centres, if they are trained.
    pub fn weights(&self) -> Option<&[f32]> {
        self.trainable.then_some(&*self.centres)
    }

    /// The centres and their gradient, if they are trained.
    pub fn weights_mut(&mut self) -> Option<(&mut [f32], &mut [f32])> {
        self.trainable.then_some((&mut *self.centres, &mut *self.gradient))
    }

    /// See [`Loss::evaluate`](super::Loss::evaluate); `target` is (rows, classes).
    pub fn evaluate(
        &mut self,
        rows: usize,
        output: &[f32],
        target: &[f32],
        gradient: &mut [f32],
    ) -> f64 {
        let (dims, count) = (self.dims, self.centres.len() / self.dims);
        let (x, x_lengths) = unit(output, dims);
        let (w, w_lengths) = unit(&self.centres, dims);
        // (rows, centres). The cosines; `row` replaces them by the gradient of the loss.
        let mut cosines = vec![0.0f32; rows * count];
        multiply(Matrix::plain(&x, dims), Matrix::transposed(&w, dims), &mut cosines, false);
        if self.scaling == Scaling::Adaptive {
            let found = adapted(self.scale, rows, self.subclusters, &cosines, target);
            self.scale = found.unwrap_or(self.scale);
        }
        let mut loss = 0.0;
        for (cosines, target) in
            cosines.chunks_exact_mut(count).zip(target.chunks_exact(count / self.subclusters))
        {
            loss += self.row(cosines, target, rows);
        }
        let slopes = &cosines;
        multiply(Matrix::plain(slopes, count), Matrix::plain(&w, dims), gradient, false);
        tangent(gradient, &x, &x_lengths, dims);
        if self.trainable {
            multiply(
                Matrix::transposed(slopes, count),
                Matrix::plain(&x, dims),
                &mut self.gradient,
                false,
            );
            tangent(&mut self.gradient, &w, &w_lengths, dims);
        }
        loss / rows as f64
    }

    /// The loss of one example. Replaces its cosines by the gradient of the mean loss.
    fn row(&self, cosines: &mut [f32], target: &[f32], rows: usize) -> f64 {
        let (s, width) = (self.scale, self.subclusters);
        let plain: Vec<f64> = cosines.iter().map(|&c| f64::from(c)).collect();
        cosines.fill(0.0);
        let mut loss = 0.0;
        for (class, &share) in target.iter().enumerate().filter(|(_, share)| **share != 0.0) {
            let own = class * width..(class + 1) * width;
            let mut logits: Vec<f64> = plain.iter().map(|c| s * c).collect();
            // d cos(angle + margin) / d cos(angle) = sin(angle + margin) / sin(angle)
            let mut slope = vec![1.0; width];
            if self.margin != 0.0 {
                for (i, slope) in own.clone().zip(&mut slope) {
                    let angle = math::acos(plain[i].clamp(-1.0 + 1e-7, 1.0 - 1e-7));
                    let moved = angle + self.margin;
                    if moved > std::f64::consts::PI {
                        // Beyond pi the cosine would rise again. A straight line pulls even the
                        // furthest outputs back.
                        logits[i] = s * (plain[i] - self.margin * math::sin(self.margin));
                        continue;
                    }
                    logits[i] = s * math::cos(moved);
                    *slope = math::sin(moved) / math::sin(angle);
                }
            }
            let all = log_sum_exp(logits.iter().copied());
            let right = log_sum_exp(logits[own.clone()].iter().copied());
            let share = f64::from(share);
            loss += share * (all - right);
            let weight = share * s / rows as f64;
            for (i, (logit, cosine)) in logits.iter().zip(cosines.iter_mut()).enumerate() {
                let mut change = math::exp(logit - all);
                if own.contains(&i) {
                    change = (change - math::exp(logit - right)) * slope[i - own.start];
                }
                *cosine += (weight * change) as f32;
            }
        }
        loss
    }
}

/// The scale for a batch: ln(mean over rows of the sum of exp(s cos)), divided by the cosine of the
/// median angle, at most 45 degrees. The angle is the one to the nearest of the `width` centres of
/// the right class. The sum is over the wrong classes; with sub-clusters it is over all centres.
/// `None` if the batch says nothing of the scale.
pub(super) fn adapted(
    scale: f64,
    rows: usize,
    width: usize,
    cosines: &[f32],
    target: &[f32],
) -> Option<f64> {
    let count = cosines.len() / rows;
    let classes = count / width;
    if width == 1 && classes < 3 {
        return None;
    }
    let mut angles = Vec::with_capacity(rows);
    let mut sums = Vec::with_capacity(rows * count);
    for (cosines, target) in cosines.chunks_exact(count).zip(target.chunks_exact(classes)) {
        let nearest =
            cosines.chunks_exact(width).map(|own| own.iter().fold(-1.0f32, |a, &b| a.max(b)));
        let angle = |(cosine, share): (f32, &f32)| {
            f64::from(*share) * math::acos(f64::from(cosine.clamp(-1.0, 1.0)))
        };
        angles.push(nearest.zip(target).map(angle).sum::<f64>());
        let class = (0..classes).fold(0, |best, c| if target[c] > target[best] { c } else { best });
        let counts = |i: &usize| width > 1 || *i != class;
        sums.extend((0..count).filter(counts).map(|i| scale * f64::from(cosines[i])));
    }
    angles.sort_by(f64::total_cmp);
    let median = angles[(rows - 1) / 2].min(std::f64::consts::FRAC_PI_4);
    let mean = log_sum_exp(sums.iter().copied()) - math::ln(rows as f64);
    (mean.is_finite() && mean > 0.0).then(|| mean / math::cos(median))
}

/// The rows normalised to length one, and their lengths before.
pub(super) fn unit(values: &[f32], dims: usize) -> (Vec<f32>, Vec<f32>) {
    let mut values = values.to_vec();
    let lengths = values
        .chunks_exact_mut(dims)
        .map(|row| {
            let length =
                row.iter().map(|&x| math::square(f64::from(x))).sum::<f64>().sqrt().max(1e-12)
                    as f32;
            row.iter_mut().for_each(|x| *x /= length);
            length
        })
        .collect();
    (values, lengths)
}

/// Turns gradients with respect to unit vectors into gradients with respect to the vectors: the
/// component along the vector vanishes.
pub(super) fn tangent(slopes: &mut [f32], units: &[f32], lengths: &[f32], dims: usize) {
    for ((slopes, unit), length) in
        slopes.chunks_exact_mut(dims).zip(units.chunks_exact(dims)).zip(lengths)
    {
        let along =
            slopes.iter().zip(unit).map(|(&s, &u)| f64::from(s) * f64::from(u)).sum::<f64>() as f32;
        slopes.iter_mut().zip(unit).for_each(|(s, u)| *s = (*s - along * u) / length);
    }
}

#[cfg(test)]
mod tests {
    use super::super::loss::{Loss, check_gradient};
    use super::*;
    use crate::nn::draws;

    fn loss(subclusters: usize, margin: f64) -> Loss {
        let mut uniform = draws(0.3);
        let centres = (0..3 * subclusters * 4).map(|_| uniform() as f32 - 0.5).collect();
        Loss::Angular(Angular::new(centres, 4, subclusters, 5.0, Scaling::Fixed, margin, true))
    }

    fn batch() -> (Vec<f32>, Vec<f32>) {
        let mut uniform = draws(0.8);
        let output = (0..20).map(|_| uniform() as f32 * 2.0 - 1.0).collect();
        let target =
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.3, 0.7], [0.0, 0.0, 1.0], [0.5, 0.5, 0.0]];
        (output, target.concat())
    }

    #[test]
    fn slopes_are_those_of_differences_for_outputs_and_centres() {
        let (output, target) = batch();
        for (subclusters, margin) in [(1, 0.0), (3, 0.0), (1, 0.3), (2, 0.2)] {
            let mut loss = loss(subclusters, margin);
            check_gradient(&mut loss, 5, &output, &target, 3e-3);
            let mut unused = vec![0.0; 20];
            loss.evaluate(5, &output, &target, &mut unused);
            let slopes = loss.weights_mut().remove(0).1.to_vec();
            for (i, slope) in slopes.iter().enumerate() {
                let mut at = |shift: f32| {
                    let mut moved = loss.clone();
                    moved.weights_mut().remove(0).0[i] += shift;
                    moved.evaluate(5, &output, &target, &mut unused)
                };
                let found = (at(1e-3) - at(-1e-3)) / 2e-3;
                assert!(
                    (found - f64::from(*slope)).abs() < 3e-3,
                    "{subclusters} {margin} {i}: {found} {slope}"
                );
            }
        }
    }

    #[test]
    fn the_furthest_is_pulled_back_as_well() {
        // Almost opposite to its centre, so that a margin would carry it beyond the other side.
        let arcface = Angular::new(vec![1.0, 0.0, 0.0, 1.0], 2, 1, 5.0, Scaling::Fixed, 0.5, false);
        let (output, target) = ([-1.0, 0.2], [1.0, 0.0]);
        let mut loss = Loss::Angular(arcface);
        check_gradient(&mut loss, 1, &output, &target, 1e-2);
        let mut slopes = [0.0; 2];
        loss.evaluate(1, &output, &target, &mut slopes);
        assert!(slopes[1].abs() > 0.5, "{slopes:?}");
    }

    #[test]
    fn without_margin_and_subclusters_it_is_the_softmax_of_scaled_cosines() {
        let (output, target) = batch();
        let mut unused = vec![0.0; 20];
        let Loss::Angular(mut angular) = loss(1, 0.0) else { panic!() };
        let found = angular.evaluate(5, &output, &target, &mut unused);
        let (x, _) = unit(&output, 4);
        let (w, _) = unit(&angular.centres, 4);
        let logits: Vec<f32> = x
            .chunks(4)
            .flat_map(|x| {
                w.chunks(4).map(move |w| 5.0 * x.iter().zip(w).map(|(a, b)| a * b).sum::<f32>())
            })
            .collect();
        let expected = Loss::Softmax.evaluate(5, &logits, &target, &mut [0.0; 15]);
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }

    #[test]
    fn the_adaptive_scale_is_the_papers() {
        let (output, target) = batch();
        let Loss::Angular(mut angular) = loss(1, 0.0) else { panic!() };
        angular.scaling = Scaling::Adaptive;
        let (x, _) = unit(&output, 4);
        let (w, _) = unit(&angular.centres, 4);
        let cosine = |row: usize, class: usize| -> f64 {
            x[4 * row..4 * row + 4]
                .iter()
                .zip(&w[4 * class..4 * class + 4])
                .map(|(a, b)| f64::from(a * b))
                .sum()
        };
        let right = [0, 1, 2, 2, 0];
        let wrong: f64 = (0..5)
            .map(|r| {
                (0..3)
                    .filter(|c| *c != right[r])
                    .map(|c| math::exp(5.0 * cosine(r, c)))
                    .sum::<f64>()
            })
            .sum::<f64>()
            / 5.0;
        let angle = |r: usize| {
            (0..3).map(|c| f64::from(target[3 * r + c]) * math::acos(cosine(r, c))).sum::<f64>()
        };
        let mut angles: Vec<f64> = (0..5).map(angle).collect();
        angles.sort_by(f64::total_cmp);
        let expected = math::ln(wrong) / math::cos(angles[2].min(std::f64::consts::FRAC_PI_4));
        // `measure` must change nothing.
        let before = Loss::Angular(angular.clone()).measure(5, &output, &target);
        let Loss::Angular(mut fixed) = loss(1, 0.0) else { panic!() };
        assert_eq!(before, fixed.evaluate(5, &output, &target, &mut [0.0; 20]));
        angular.evaluate(5, &output, &target, &mut [0.0; 20]);
        assert!((angular.scale - expected).abs() < 1e-5, "{} {expected}", angular.scale);
        let mut two =
            Angular::new(vec![1.0, 0.0, 0.0, 1.0], 2, 1, 4.0, Scaling::Adaptive, 0.0, true);
        two.evaluate(1, &[1.0, 0.2], &[1.0, 0.0], &mut [0.0; 2]);
        assert_eq!(two.scale, 4.0, "one wrong class says nothing of the scale");
        assert!((Angular::adacos_scale(101) - 2f64.sqrt() * math::ln(100f64)).abs() < 1e-12);
    }
}
