//! Non-negative matrix factorisation: a clip that a few spectra cannot add up to is anomalous.
//!
//! Training vectors X become W·H without negative values (Lee and Seung 1999): the rows of H are
//! spectra, and the rows of W say how much of each spectrum is in a clip. A test vector is
//! reconstructed from the same spectra, and the score is the squared error. The factors depend on
//! the seed. scikit-learn's `NMF` (`solver="cd"`) reaches the same error with other factors,
//! because the factorisation is not unique.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, Axis, array};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, Examples, vectors};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::cholesky;
use crate::learn::product::multiply;
use crate::math;

/// Non-negative matrix factorisation: the score is the squared error of a clip that is
/// reconstructed from a few spectra.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Nmf {
    /// The number of spectra.
    #[schemars(range(min = 1, max = MOST_COMPONENTS))]
    pub components: usize,
    /// Whether levels in dB become amplitudes first; 1 is the greatest amplitude of the training
    /// clips. Sounds add up as amplitudes, not as levels. Without it quiet bands count as much as
    /// loud ones.
    pub linear: bool,
}

/// The products of all pairs of spectra are held in memory, 8 bytes each: 128 MB.
const MOST_COMPONENTS: usize = 4096;
/// The largest number of sweeps over both factors.
const SWEEPS: usize = 500;
/// The fit ends when the gradient has fallen to this part of its start, as in scikit-learn.
const TOLERANCE: f64 = 1e-4;

impl Default for Nmf {
    fn default() -> Self {
        Self { components: 16, linear: false }
    }
}

impl Detector for Nmf {
    fn version(&self) -> u32 {
        2
    }

    fn seeded(&self) -> bool {
        true
    }

    fn problems(&self) -> Vec<Problem> {
        if self.components > 0 {
            return Problem::outside("components", self.components, 1, MOST_COMPONENTS)
                .into_iter()
                .collect();
        }
        vec![Problem::new("components", "0 components rebuild nothing").hint("write 1 or more")]
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        12 * rows * dims + 8 * self.components * (2 * rows + 2 * dims)
    }

    fn fit(
        &self,
        train: &Examples,
        _: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let x = vectors::train(train)?.mapv(f64::from);
        let reference = match self.linear {
            true => x.fold(f64::NEG_INFINITY, |a, b| a.max(*b)),
            false => x.fold(f64::INFINITY, |a, b| a.min(*b)),
        };
        let x = self.positive(x, reference);
        let mut model = Tensors::default();
        model.put_f64("spectra", self.factorise(x.view(), cx)?);
        model.put_f64("reference", array![reference]);
        Ok(model)
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let spectra = model.f64_2("spectra")?;
        let reference = model.f64_1("reference")?[0];
        let x = self.positive(vectors::test(test, spectra.ncols())?.mapv(f64::from), reference);
        let gram = multiply(spectra, spectra.t());
        let rows: Vec<_> = x.rows().into_iter().collect();
        Ok(cx.map(&rows, |row| {
            let error = row - &rebuild(spectra.dot(row), &gram).dot(&spectra);
            error.dot(&error)
        }))
    }
}

impl Nmf {
    fn positive(&self, x: Array2<f64>, reference: f64) -> Array2<f64> {
        match self.linear {
            true => x.mapv(|x| math::powf(10f64, (x - reference) / 20.0)),
            false => x.mapv(|x| (x - reference).max(0.0)),
        }
    }

    /// The spectra, (components, dims), by cyclic coordinate descent (Cichocki and Phan 2009) from
    /// a random start.
    fn factorise(&self, x: ArrayView2<f64>, cx: &Context) -> Result<Array2<f64>, DetectorError> {
        let mut rng = cx.seed.derive(&["nmf"]).rng();
        let size = (x.mean().unwrap_or(0.0) / self.components as f64).sqrt();
        let mut draw = |rows| {
            Array2::from_shape_simple_fn((rows, self.components), || size * rng.normal().abs())
        };
        // Both as (rows, components).
        let (mut weights, mut spectra) = (draw(x.nrows()), draw(x.ncols()));
        let mut first = 0.0;
        for round in 0..SWEEPS {
            if cx.cancelled() {
                return Err(DetectorError::Cancelled);
            }
            let violation =
                update(&mut weights, x, &spectra) + update(&mut spectra, x.t(), &weights);
            if round == 0 {
                first = violation;
            }
            if violation <= TOLERANCE * first {
                break;
            }
        }
        Ok(spectra.reversed_axes().as_standard_layout().into_owned())
    }
}

/// One sweep over `factor`, where `x` is approximated by factor · otherᵀ. Returns how far the
/// gradient points out of the bounds.
fn update(factor: &mut Array2<f64>, x: ArrayView2<f64>, other: &Array2<f64>) -> f64 {
    let (wanted, gram) = (multiply(x, other.view()), multiply(other.t(), other.view()));
    let rows = factor.axis_iter_mut(Axis(0)).zip(wanted.rows());
    rows.map(|(row, wanted)| sweep(row, &wanted.to_owned(), &gram)).sum()
}

/// Reduces the error of one row w, component by component: the gradient of ½|x - wH|² is w·HHᵀ -
/// Hx, with `gram` and `wanted`. Returns how far the gradient points out of the bounds.
fn sweep(mut row: ArrayViewMut1<f64>, wanted: &Array1<f64>, gram: &Array2<f64>) -> f64 {
    let mut violation = 0.0;
    for t in 0..row.len() {
        let gradient = gram.row(t).dot(&row) - wanted[t];
        violation += if row[t] == 0.0 { (-gradient).max(0.0) } else { gradient.abs() };
        if gram[[t, t]] > 0.0 {
            row[t] = (row[t] - gradient / gram[[t, t]]).max(0.0);
        }
    }
    violation
}

/// The weights with which the spectra come nearest to a vector (Lawson and Hanson 1974), from the
/// spectra's products with each other and with the vector. The descent above has the same limit,
/// but creeps if spectra are much alike.
fn rebuild(wanted: Array1<f64>, gram: &Array2<f64>) -> Array1<f64> {
    let mut weights = Array1::<f64>::zeros(wanted.len());
    let mut used: Vec<usize> = Vec::new();
    let mut refused = vec![false; wanted.len()];
    // Each round adds one spectrum. Some leave again, but never to the same set.
    for _ in 0..30 * wanted.len() {
        let slope = |t: usize| wanted[t] - gram.row(t).dot(&weights);
        // A slope this small is only rounding.
        let helps = |t: &usize| !refused[*t] && !used.contains(t) && slope(*t) > 1e-12 * wanted[*t];
        let steepness = |t: usize| slope(t) / gram[[t, t]].sqrt();
        let steeper = |&s: &usize, &t: &usize| steepness(s).total_cmp(&steepness(t));
        let Some(next) = (0..wanted.len()).filter(helps).max_by(steeper) else { break };
        used.push(next);
        loop {
            let products = gram.select(Axis(0), &used).select(Axis(1), &used);
            let Ok(factor) = cholesky::factor(products) else {
                // It adds nothing beside the other spectra.
                used.retain(|t| *t != next);
                refused[next] = true;
                break;
            };
            let mut best: Vec<f64> = used.iter().map(|&t| wanted[t]).collect();
            cholesky::solve(factor.view(), &mut best);
            // Goes as far towards the new weights as no weight falls below zero.
            let falls = used.iter().zip(&best).filter(|(_, best)| **best <= 0.0);
            let (end, first) = falls.map(|(&t, best)| (weights[t] / (weights[t] - best), t)).fold(
                (1.0, None),
                |nearest, (at, t)| if at < nearest.0 { (at, Some(t)) } else { nearest },
            );
            for (&t, best) in used.iter().zip(&best) {
                weights[t] += end * (best - weights[t]);
            }
            let Some(first) = first else { break };
            // Only rounding made it seem useful; without this it would come and go for ever.
            refused[first] |= first == next && end == 0.0;
            weights[first] = 0.0;
            used.retain(|&t| t != first);
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn examples(vectors: &Array2<f32>) -> Examples<'_> {
        Examples { clips: Vec::new(), features: vectors.axis_chunks_iter(Axis(0), 1).collect() }
    }

    /// Sums of three spectra of 20 values, in dB of their amplitudes.
    fn sums(rows: usize, seed: u64) -> Array2<f32> {
        let mut rng = Seed(7).rng();
        let spectra = Array2::from_shape_simple_fn((3, 20), || math::powi(rng.uniform(), 3) + 1e-3);
        let mut rng = Seed(seed).rng();
        let weights = Array2::from_shape_simple_fn((rows, 3), || rng.uniform());
        weights.dot(&spectra).mapv(|a| (20.0 * math::log10(a) - 40.0) as f32)
    }

    #[test]
    fn sums_of_known_spectra_are_rebuilt_and_others_are_not() {
        let nmf = Nmf { components: 3, linear: true };
        let model = nmf.fit(&examples(&sums(60, 1)), None, &Context::plain(1)).unwrap();
        let mut queries = sums(10, 2);
        queries.slice_mut(ndarray::s![5.., 4]).mapv_inplace(|x| x + 10.0);
        let scores = nmf.score(&model, &examples(&queries), &Context::plain(1)).unwrap();
        let least = scores[5..].iter().copied().fold(f64::INFINITY, f64::min);
        assert!(scores[..5].iter().all(|s| *s < 0.01 * least), "{scores:?}");
    }

    #[test]
    fn test_vectors_are_rebuilt_as_well_as_can_be() {
        // Karush, Kuhn and Tucker: the error is orthogonal to the used spectra, and at an obtuse
        // angle to the others.
        for linear in [true, false] {
            let nmf = Nmf { components: 5, linear };
            let model = nmf.fit(&examples(&sums(40, 3)), None, &Context::plain(1)).unwrap();
            let spectra = model.f64_2("spectra").unwrap();
            assert!(spectra.iter().all(|x| *x >= 0.0));
            let query = sums(1, 4) + &sums(1, 5).mapv(|x| 0.1 * x);
            let x = nmf.positive(query.mapv(f64::from), model.f64_1("reference").unwrap()[0]);
            let score = nmf.score(&model, &examples(&query), &Context::plain(1)).unwrap()[0];
            // Tries all sets of spectra; the best set with positive weights counts.
            let mut best = f64::INFINITY;
            for set in 1..32usize {
                let rows: Vec<usize> = (0..5).filter(|t| set >> t & 1 == 1).collect();
                let used = spectra.select(Axis(0), &rows);
                let Ok(factor) = cholesky::factor(used.dot(&used.t())) else { continue };
                let mut right = used.dot(&x.row(0));
                cholesky::solve(factor.view(), right.as_slice_mut().unwrap());
                if right.iter().all(|w| *w >= 0.0) {
                    let error = &x.row(0) - &right.dot(&used);
                    best = best.min(error.dot(&error));
                }
            }
            assert!((score - best).abs() <= 1e-9 * best, "{linear}: {score} {best}");
        }
    }

    #[test]
    fn threads_change_nothing_and_seeds_do() {
        let (x, nmf) = (sums(80, 6), Nmf::default());
        let run = |threads: usize, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let cx = Context { threads, ..Context::plain(seed) };
            pool.install(|| {
                let model = nmf.fit(&examples(&x), None, &cx).unwrap();
                nmf.score(&model, &examples(&sums(30, 7)), &cx).unwrap()
            })
        };
        assert_eq!(run(1, 1), run(3, 1));
        assert_ne!(run(1, 1), run(1, 2));
    }

    #[test]
    fn equal_clips_are_rebuilt() {
        for linear in [true, false] {
            let nmf = Nmf { components: 2, linear };
            let x = Array2::from_elem((4, 6), -30.0);
            let model = nmf.fit(&examples(&x), None, &Context::plain(0)).unwrap();
            let scores = nmf.score(&model, &examples(&x), &Context::plain(0)).unwrap();
            assert!(scores.iter().all(|s| *s < 1e-6), "{scores:?}");
        }
        assert_eq!(Nmf { components: 0, linear: true }.problems()[0].field, "components");
    }
}
