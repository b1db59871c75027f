//! Normalises features to zero mean and unit deviation.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::Normalization;
use super::samples::Samples;
use crate::detector::DetectorError;
use crate::math;

/// Mean and deviation of each dimension.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standard {
    pub(super) mean: Array1<f64>,
    pub(super) deviation: Array1<f64>,
}

/// The normalisation of a clip's features before a detector sees them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Normalizer {
    pub(super) temporal_mean: bool,
    pub(super) by_clip: bool,
    /// One entry per group of clips.
    pub(super) standards: BTreeMap<String, Standard>,
}

impl Normalizer {
    /// Learns from training clips; `groups` holds the group of each. Errors: values that are not
    /// finite, other dims.
    pub(super) fn fit(
        samples: &Samples,
        groups: &[String],
        temporal_mean: bool,
        normalization: Option<Normalization>,
    ) -> Result<Self, DetectorError> {
        let by_clip = normalization == Some(Normalization::Clip);
        let mut normalizer = Self { temporal_mean, by_clip, standards: BTreeMap::new() };
        if by_clip || normalization.is_none() {
            return Ok(normalizer);
        }
        if let Some(i) = samples.features.iter().position(|f| f.iter().any(|x| !x.is_finite())) {
            let id = &samples.clips[i].id;
            return Err(DetectorError::Data(format!(
                "clip `{id}` has features that are not finite"
            )));
        }
        let names: BTreeSet<&String> = groups.iter().collect();
        let every: Vec<Array2<f32>> =
            samples.features.iter().map(|f| normalizer.apply(f.view(), "")).collect();
        let all = Standard::of(&every, None)?;
        for name in names {
            let features: Vec<Array2<f32>> = (groups.iter().zip(&samples.features))
                .filter(|(group, _)| *group == name)
                .map(|(_, features)| normalizer.apply(features.view(), name))
                .collect();
            normalizer.standards.insert(name.clone(), Standard::of(&features, Some(&all))?);
        }
        Ok(normalizer)
    }

    /// The normalised features of a clip, (frames, dims), as a member of the given group.
    pub(super) fn apply(&self, features: ArrayView2<f32>, group: &str) -> Array2<f32> {
        let mut features = features.to_owned();
        if self.temporal_mean {
            subtract_temporal_mean(&mut features);
        }
        if self.by_clip {
            by_clip(&mut features);
        }
        if let Some(Standard { mean, deviation }) = self.standards.get(group) {
            for mut row in features.rows_mut() {
                for ((x, m), d) in row.iter_mut().zip(mean).zip(deviation) {
                    *x = ((f64::from(*x) - m) / d) as f32;
                }
            }
        }
        features
    }

    /// Whether it changes nothing.
    pub(super) fn is_idle(&self) -> bool {
        !self.temporal_mean && !self.by_clip && self.standards.is_empty()
    }
}

impl Standard {
    /// Statistics over all frames of all clips. A constant dimension, as in a group with one
    /// vector, uses the deviation of `all`. If it is constant there, too, the deviation is 1.
    fn of(features: &[Array2<f32>], all: Option<&Self>) -> Result<Self, DetectorError> {
        let dims = features.first().map_or(0, |f| f.ncols());
        if let Some(other) = features.iter().find(|f| f.ncols() != dims) {
            return Err(DetectorError::Data(format!(
                "clips have {dims} and {} values per frame",
                other.ncols()
            )));
        }
        let rows = features.iter().map(|f| f.nrows()).sum::<usize>() as f64;
        let mut mean = Array1::<f64>::zeros(dims);
        let mut square = Array1::<f64>::zeros(dims);
        for row in features.iter().flat_map(|f| f.rows()) {
            mean.zip_mut_with(&row, |m, x| *m += f64::from(*x));
        }
        mean /= rows;
        for row in features.iter().flat_map(|f| f.rows()) {
            for ((s, x), m) in square.iter_mut().zip(row).zip(&mean) {
                *s += math::square(f64::from(*x) - m);
            }
        }
        let deviation = square.mapv(|s| (s / rows).sqrt());
        let instead = |i: usize| all.map_or(1.0, |all| all.deviation[i]);
        let deviation = deviation
            .iter()
            .enumerate()
            .map(|(i, d)| if *d > 1e-12 { *d } else { instead(i) })
            .collect();
        Ok(Self { mean, deviation })
    }
}

/// Subtracts from each band of (frames, bands) its mean over the frames. This removes everything
/// that is constant in a clip.
pub fn subtract_temporal_mean(features: &mut Array2<f32>) {
    let Some(mean) = features.mapv(f64::from).mean_axis(Axis(0)) else { return };
    for mut row in features.rows_mut() {
        row.zip_mut_with(&mean, |x, m| *x = (f64::from(*x) - m) as f32);
    }
}

/// Normalises each band over its frames; a single vector over its values.
fn by_clip(features: &mut Array2<f32>) {
    let axis = if features.nrows() == 1 { Axis(1) } else { Axis(0) };
    for mut lane in features.lanes_mut(axis) {
        let n = lane.len() as f64;
        let mean = lane.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let variance = lane.iter().map(|&x| math::square(f64::from(x) - mean)).sum::<f64>() / n;
        let deviation = if variance.sqrt() > 1e-12 { variance.sqrt() } else { 1.0 };
        lane.mapv_inplace(|x| ((f64::from(x) - mean) / deviation) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{CowArray, array};

    fn samples(features: &[Array2<f32>]) -> Samples<'_> {
        Samples {
            clips: Vec::new(),
            features: features.iter().map(|f| CowArray::from(f.view())).collect(),
        }
    }

    #[test]
    fn groups_have_their_own_mean_and_deviation() {
        let features =
            [array![[1.0, 5.0]], array![[3.0, 5.0]], array![[10.0, 7.0]], array![[30.0, 7.0]]];
        let groups: Vec<String> = ["a", "a", "b", "b"].map(String::from).into();
        let n = Normalizer::fit(&samples(&features), &groups, false, Some(Normalization::Domain))
            .unwrap();
        assert_eq!(n.apply(features[1].view(), "a"), array![[1.0, 0.0]]);
        assert_eq!(n.apply(features[2].view(), "b"), array![[-1.0, 0.0]]);
        // One vector has no deviation.
        let groups: Vec<String> = ["a", "a", "a", "b"].map(String::from).into();
        let n = Normalizer::fit(&samples(&features), &groups, false, Some(Normalization::Domain))
            .unwrap();
        assert!(n.standards["b"].deviation[0] > 10.0, "{:?}", n.standards["b"]);
    }

    #[test]
    fn clips_are_normalised_by_frames_or_by_values() {
        let n = Normalizer::fit(&samples(&[]), &[], false, Some(Normalization::Clip)).unwrap();
        assert_eq!(n.apply(array![[1.0, 3.0]].view(), ""), array![[-1.0, 1.0]]);
        assert_eq!(
            n.apply(array![[1.0, 30.0], [3.0, 30.0]].view(), ""),
            array![[-1.0, 0.0], [1.0, 0.0]]
        );
    }

    #[test]
    fn temporal_means_go_before_anything_is_learnt() {
        let features = [array![[1.0, 5.0], [3.0, 7.0]]];
        let n = Normalizer::fit(
            &samples(&features),
            &["all".to_owned()],
            true,
            Some(Normalization::Global),
        )
        .unwrap();
        assert_eq!(n.standards["all"].mean, array![0.0, 0.0]);
        assert_eq!(
            n.apply(array![[0.0, 0.0], [4.0, 8.0]].view(), "all"),
            array![[-2.0, -4.0], [2.0, 4.0]]
        );
        assert!(Normalizer::default().is_idle() && !n.is_idle());
    }
}
