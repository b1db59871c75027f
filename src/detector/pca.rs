//! Principal components: the part of a vector outside the few directions in which training vectors
//! vary most.

use std::borrow::Cow;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, s};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, Examples, vectors};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::eigen::Eigen;
use crate::learn::moments::{BLOCK, Moments, centre};
use crate::learn::product::{multiply, product};

/// Principal components: the score is the squared length of a clip's vector outside the directions
/// in which training vectors vary most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pca {
    /// The number of directions to remove.
    #[schemars(range(min = 1, max = 100_000))]
    pub components: usize,
    /// Instead of `components`: as many directions as hold this share of the variance, such as
    /// 0.95.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub variance: Option<f64>,
}

impl Default for Pca {
    fn default() -> Self {
        Self { components: 16, variance: None }
    }
}

impl Detector for Pca {
    fn version(&self) -> u32 {
        2
    }

    fn problems(&self) -> Vec<Problem> {
        let none = (self.components == 0).then(|| {
            Problem::new("components", "0 components explain nothing")
                .hint("write 1 or more; for the distance to the mean there is `mahalanobis`")
        });
        let outside = self.variance.filter(|variance| !(*variance > 0.0 && *variance < 1.0)).map(
            |variance| {
                Problem::new("variance", format!("{variance} is not a part of the variance"))
                    .hint("write a number between 0 and 1, such as 0.95")
            },
        );
        let many = Problem::outside("components", self.components.max(1), 1, 100_000);
        none.into_iter().chain(many).chain(outside).collect()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        // The vectors; a few sums, the matrix and its rotations, about two numbers and an index for
        // each pair.
        let side = rows.min(dims);
        4 * rows * dims
            + 11 * 8 * side * side
            + 48 * side * side
            + if rows < dims { 16 * rows * dims } else { 0 }
    }

    fn fit(
        &self,
        train: &Examples,
        _: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let rows = vectors::train_rows(train)?;
        let (clips, dims) = (rows.len(), rows[0].len());
        let most = (clips - 1).min(dims - 1);
        if self.variance.is_none() && self.components > most {
            let components = self.components;
            let why = if dims <= clips {
                format!("vectors have only {dims} values, so nothing is left")
            } else {
                format!("{clips} training clips vary in at most {most} directions")
            };
            let hint = if most == 0 {
                "another detector".into()
            } else {
                format!("`components: {most}` or fewer")
            };
            return Err(DetectorError::TooFew(format!(
                "`components` is {components}, but {why}: write {hint}"
            )));
        }
        let (mean, eigen, centred) =
            if clips < dims { by_clips(&rows) } else { by_values(&rows, cx)? };
        let count = self.count(&eigen.values).min(most);
        // A direction without variance, up to rounding, does not count.
        let rounding =
            eigen.values.first().map_or(0.0, |first| first * f64::EPSILON * clips.max(dims) as f64);
        let count = eigen.values[..count].iter().take_while(|value| **value > rounding).count();
        let mut components = eigen.vectors(count);
        if let Some(centred) = centred {
            components = multiply(components.view(), centred.view());
            orthonormalise(&mut components);
        }
        let explained =
            eigen.values[..count].iter().sum::<f64>() / eigen.values.iter().sum::<f64>();
        (cx.log)(&format!("{count} components with {:.1} % of the variance", 100.0 * explained));
        let mut model = Tensors::default();
        model.put_f64("mean", mean);
        model.put_f64("components", components);
        Ok(model)
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let (mean, components) = (model.f64_1("mean")?, model.f64_2("components")?);
        let queries = vectors::test(test, mean.len())?;
        let mean = mean.to_vec();
        let blocks: Vec<usize> = (0..queries.nrows()).step_by(BLOCK).collect();
        let scores = cx.map(&blocks, |&first| {
            let x = queries.slice(s![first..queries.nrows().min(first + BLOCK), ..]);
            let (mut z, mut explained) = (Array2::zeros(x.dim()), Array2::zeros(x.dim()));
            centre(x, &mean, z.view_mut());
            let coordinates = multiply(z.view(), components.t());
            product(coordinates.view(), components, explained.view_mut());
            z -= &explained;
            z.rows().into_iter().map(|left| left.dot(&left)).collect::<Vec<f64>>()
        });
        Ok(scores.concat())
    }
}

impl Pca {
    /// The number of eigenvalues to use, largest first.
    fn count(&self, values: &[f64]) -> usize {
        let Some(variance) = self.variance else { return self.components };
        let enough = variance * values.iter().sum::<f64>();
        let mut sum = 0.0;
        // More than that share, not exactly that share, as in scikit-learn.
        let reached = values.iter().position(|value| {
            sum += value;
            sum > enough
        });
        reached.map_or(values.len(), |last| last + 1)
    }
}

/// A mean, the eigenvalues of a scatter about it, and the rows to multiply eigenvectors with.
type Decomposed = (Array1<f64>, Eigen, Option<Array2<f64>>);

/// From the scatter of values about their mean, (dims, dims).
fn by_values(rows: &[Cow<[f32]>], cx: &Context) -> Result<Decomposed, DetectorError> {
    let Moments { mean, scatter } = Moments::of(rows, cx)?;
    Ok((mean, Eigen::of(scatter), None))
}

/// For fewer clips than values: from the products of centred clips, (clips, clips). The eigenvalues
/// are the same, and the eigenvectors say how much of each clip a direction has.
fn by_clips(rows: &[Cow<[f32]>]) -> Decomposed {
    let mut z = Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| f64::from(rows[i][j]));
    let mean = z.mean_axis(ndarray::Axis(0)).expect("at least one clip");
    z -= &mean;
    let eigen = Eigen::of(multiply(z.view(), z.t()));
    (mean, eigen, Some(z))
}

/// Gram-Schmidt, twice: rounding leaves directions of small variance less orthogonal than they
/// should be.
fn orthonormalise(vectors: &mut Array2<f64>) {
    for i in 0..vectors.nrows() {
        let (before, mut vector) = vectors.multi_slice_mut((s![..i, ..], s![i, ..]));
        for _ in 0..2 {
            let norm = vector.dot(&vector).sqrt();
            vector.mapv_inplace(|x| x / norm);
            let before: ArrayView2<f64> = before.view();
            let along = before.dot(&vector);
            let off: Array1<f64> = along.dot(&before);
            vector -= &off;
        }
        let norm = ArrayView1::dot(&vector.view(), &vector).sqrt();
        vector.mapv_inplace(|x| x / norm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn examples(vectors: &Array2<f32>) -> Examples<'_> {
        Examples {
            clips: Vec::new(),
            features: vectors.axis_chunks_iter(ndarray::Axis(0), 1).collect(),
        }
    }

    fn random(rows: usize, dims: usize) -> Array2<f32> {
        let mut rng = Seed(6).rng();
        Array2::from_shape_fn((rows, dims), |(_, j)| {
            (-40.0 + rng.normal() * (1.0 + j as f64)) as f32
        })
    }

    fn fit(pca: Pca, train: &Array2<f32>) -> Result<Tensors, String> {
        pca.fit(&examples(train), None, &Context::plain(0)).map_err(|e| e.to_string())
    }

    fn scores(pca: Pca, train: &Array2<f32>, test: &Array2<f32>) -> Vec<f64> {
        pca.score(&fit(pca.clone(), train).unwrap(), &examples(test), &Context::plain(0)).unwrap()
    }

    #[test]
    fn clips_and_values_give_the_same_directions() {
        for (clips, dims) in [(40, 12), (300, 60), (9, 9)] {
            let x = random(clips, dims);
            let rows: Vec<Cow<[f32]>> =
                x.outer_iter().map(|row| Cow::Owned(row.to_vec())).collect();
            let (_, by_values, _) = by_values(&rows, &Context::plain(0)).unwrap();
            let (_, by_clips, centred) = by_clips(&rows);
            let mut vectors = multiply(by_clips.vectors(4).view(), centred.unwrap().view());
            orthonormalise(&mut vectors);
            let cosines = vectors.dot(&by_values.vectors(4).t());
            assert!(
                (cosines.mapv(f64::abs) - Array2::<f64>::eye(4)).iter().all(|d| d.abs() < 1e-11),
                "{cosines}"
            );
            assert!((0..4).all(|i| (by_values.values[i] / by_clips.values[i] - 1.0).abs() < 1e-12));
        }
    }

    #[test]
    fn what_varies_is_taken_away_and_the_rest_is_the_score() {
        // Everything varies along (3, 4, 0). A step of 2 upwards is not explained.
        let x = Array2::from_shape_fn((20, 3), |(i, j)| [3.0, 4.0, 0.0][j] * i as f32);
        let test = ndarray::array![[300.0, 400.0, 2.0], [-4.0, 3.0, 0.0]];
        for pca in
            [Pca { components: 1, ..Pca::default() }, Pca { variance: Some(0.9), ..Pca::default() }]
        {
            let found = scores(pca, &x, &test);
            assert!((found[0] - 4.0).abs() < 1e-9 && (found[1] - 25.0).abs() < 1e-9, "{found:?}");
        }
        // The second direction does not count, whatever rounding left of it.
        let two = fit(Pca { components: 2, ..Pca::default() }, &x).unwrap();
        assert_eq!(two.f64_2("components").unwrap().dim(), (1, 3));
        let same = scores(
            Pca { components: 1, ..Pca::default() },
            &Array2::ones((5, 3)),
            &Array2::zeros((1, 3)),
        );
        assert_eq!(same, [3.0]);
    }

    #[test]
    fn settings_that_leave_nothing_are_refused() {
        let wide = fit(Pca::default(), &random(10, 40)).unwrap_err();
        let most = "`components` is 16, but 10 training clips vary in at most 9 directions: write `components: 9` or fewer";
        assert_eq!(wide, most);
        let narrow = fit(Pca::default(), &random(100, 16)).unwrap_err();
        assert!(
            narrow.contains("vectors have only 16 values")
                && narrow.ends_with("`components: 15` or fewer"),
            "{narrow}"
        );
        let one = fit(Pca { components: 1, ..Pca::default() }, &random(1, 16)).unwrap_err();
        assert!(one.ends_with("write another detector"), "{one}");
        let problems = Pca { components: 0, variance: Some(1.0) }.problems();
        assert_eq!(
            problems.iter().map(|p| p.field.as_str()).collect::<Vec<_>>(),
            ["components", "variance"]
        );
    }
}
