//! The level of each frame and nothing else: a test of what a detector can do from loudness alone.

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Extractor, Feature, FeatureError, checked, framing_problems};
use crate::diagnose::Problem;
use crate::math;

/// The floor of the mean square, the same as in `log_mel`: -156.5 dB.
const EPSILON: f64 = f64::EPSILON;

/// Only the level of each frame, in dB: `10 log10(max(mean square, 2.2e-16))`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rms {
    /// Samples per frame.
    #[schemars(range(min = 2, max = super::MAX_FRAME))]
    pub frame: usize,
    /// Samples from one frame to the next; at most `frame`.
    #[schemars(range(min = 1, max = super::MAX_FRAME))]
    pub hop: usize,
}

impl Default for Rms {
    fn default() -> Self {
        Self { frame: 1024, hop: 512 }
    }
}

impl Feature for Rms {
    fn version(&self) -> u32 {
        2
    }

    fn problems(&self) -> Vec<Problem> {
        framing_problems(self.frame, self.hop)
    }

    fn extractor(&self, _rate: u32) -> Result<Box<dyn Extractor>, FeatureError> {
        checked(self)?;
        Ok(Box::new(self.clone()))
    }

    fn dims(&self) -> usize {
        1
    }

    fn hop(&self) -> usize {
        self.hop
    }
}

impl Extractor for Rms {
    fn extract(&self, samples: &[f32]) -> Result<Array2<f32>, FeatureError> {
        let Self { frame, hop } = *self;
        if samples.len() < frame {
            return Err(FeatureError::TooShort { samples: samples.len(), frame });
        }
        let level = |start: usize| {
            let square = samples[start..start + frame]
                .iter()
                .map(|x| f64::from(*x) * f64::from(*x))
                .sum::<f64>();
            // `max` would replace a NaN by the floor.
            if square.is_nan() {
                f32::NAN
            } else {
                (10.0 * math::log10((square / frame as f64).max(EPSILON))) as f32
            }
        };
        let levels: Vec<f32> = (0..=samples.len() - frame).step_by(hop).map(level).collect();
        if let Some(first) = levels.iter().position(|x| !x.is_finite()) {
            return Err(FeatureError::NotFinite { first });
        }
        Ok(Array2::from_shape_vec((levels.len(), 1), levels).expect("one value a frame"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_frames() {
        let mut samples = vec![0.5; 100];
        samples.extend([0.0; 100]);
        let extractor = Rms { frame: 100, hop: 50 }.extractor(16_000).unwrap();
        let levels: Vec<f32> = extractor.extract(&samples).unwrap().into_iter().collect();
        let expected = [10.0 * math::log10(0.25_f32), 10.0 * math::log10(0.125_f32), -156.5356];
        assert!(
            levels.len() == 3 && levels.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3),
            "{levels:?}"
        );
        assert_eq!(
            extractor.extract(&[0.0; 9]).unwrap_err(),
            FeatureError::TooShort { samples: 9, frame: 100 }
        );
        assert_eq!(
            extractor.extract(&[f32::NAN; 100]).unwrap_err(),
            FeatureError::NotFinite { first: 0 }
        );
    }
}
