//! The spectrum of a whole clip: one frame as long as the clip. It resolves tones that short frames
//! cannot separate.
//!
//! It is the input of the second branch of Wilkinghoff's (2021, 2023) networks. Clips of equal
//! length have equally many bins; a network that gets other lengths reports an error.

use ndarray::Array2;
use rustfft::num_complex::Complex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Extractor, Feature, FeatureError};
use crate::diagnose::Problem;
use crate::dsp::any_length;
use crate::math;

/// The magnitude spectrum of the whole clip: one frame as long as the clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClipSpectrum {
    /// The logarithm `ln(magnitude + floor)` instead of the magnitude. Samples lie in -1..1.
    pub log: bool,
    /// Added to the magnitude before the logarithm.
    #[schemars(range(max = 1e6), extend("exclusiveMinimum" = 0))]
    pub floor: f64,
}

impl Default for ClipSpectrum {
    fn default() -> Self {
        Self { log: true, floor: 1e-4 }
    }
}

impl Feature for ClipSpectrum {
    fn version(&self) -> u32 {
        2
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(self.floor > 0.0 && self.floor.is_finite()) {
            let message = format!("`floor` is {}, not above 0", self.floor);
            problems.push(Problem::new("floor", message).hint("1e-4 is the default"));
        } else {
            problems.extend(Problem::beyond("floor", self.floor, 1e6));
        }
        problems
    }

    fn extractor(&self, _rate: u32) -> Result<Box<dyn Extractor>, FeatureError> {
        Ok(Box::new(self.clone()))
    }

    /// The one frame has half as many values as the clip has samples. For the estimate that equals
    /// one value for every second sample.
    fn dims(&self) -> usize {
        1
    }

    fn hop(&self) -> usize {
        2
    }
}

impl Extractor for ClipSpectrum {
    fn extract(&self, samples: &[f32]) -> Result<Array2<f32>, FeatureError> {
        let bins = samples.len() / 2;
        if bins == 0 {
            return Err(FeatureError::TooShort { samples: samples.len(), frame: 2 });
        }
        let mut values: Vec<Complex<f32>> = samples.iter().map(|&x| Complex::new(x, 0.0)).collect();
        any_length(values.len(), false).process(&mut values);
        // The bin at half the sampling rate is left out, so that the count is even.
        let value = |x: &Complex<f32>| match self.log {
            true => math::ln(math::hypot(x.re, x.im) + self.floor as f32),
            false => math::hypot(x.re, x.im),
        };
        let row: Vec<f32> = values[..bins].iter().map(value).collect();
        if !row.iter().all(|x| x.is_finite()) {
            return Err(FeatureError::NotFinite { first: 0 });
        }
        Ok(Array2::from_shape_vec((1, bins), row).expect("one row"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_one_bin_of_half_the_clips_length() {
        let tone: Vec<f32> = (0..1000)
            .map(|i| math::cos(std::f64::consts::TAU * 37.0 * i as f64 / 1000.0) as f32)
            .collect();
        let plain = ClipSpectrum { log: false, ..ClipSpectrum::default() };
        let x = plain.extractor(16_000).unwrap().extract(&tone).unwrap();
        assert_eq!(x.dim(), (1, 500));
        assert!((x[[0, 37]] - 500.0).abs() < 1e-2, "{}", x[[0, 37]]);
        assert!(x.iter().enumerate().all(|(i, v)| i == 37 || *v < 1e-2));
        let log = ClipSpectrum::default().extractor(16_000).unwrap().extract(&tone).unwrap();
        assert!((log[[0, 37]] - math::ln(x[[0, 37]] + 1e-4)).abs() < 1e-6);
    }

    #[test]
    fn clips_that_have_none_say_why() {
        let of = |samples: &[f32]| {
            ClipSpectrum::default().extractor(8000).unwrap().extract(samples).unwrap_err()
        };
        assert_eq!(of(&[0.5]), FeatureError::TooShort { samples: 1, frame: 2 });
        assert_eq!(of(&[f32::MAX; 16]), FeatureError::NotFinite { first: 0 });
    }
}
