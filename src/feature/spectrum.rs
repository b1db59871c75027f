//! Magnitude spectrograms, linear in frequency.

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Extractor, Feature, FeatureError, checked, framing_problems};
use crate::diagnose::Problem;
use crate::dsp::{Decibel, Framing, LANES, Padding, Stft};

/// The floor of magnitudes in dB, the same as in `log_mel`.
const EPSILON: f32 = f64::EPSILON as f32;

/// Magnitude spectrograms, linear in frequency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Spectrum {
    /// Samples per frame, and per FFT. A frame has `frame / 2 + 1` bins.
    #[schemars(range(min = 2, max = super::MAX_FRAME))]
    pub frame: usize,
    /// Samples from one frame to the next; at most `frame`.
    #[schemars(range(min = 1, max = super::MAX_FRAME))]
    pub hop: usize,
    /// Whether clips are padded by half a frame at both ends.
    pub center: bool,
    /// The content of the padding.
    pub pad: Padding,
    /// Levels in dB, `20 log10(max(magnitude, 2.2e-16))`, instead of magnitudes.
    pub db: bool,
}

impl Default for Spectrum {
    fn default() -> Self {
        Self { frame: 1024, hop: 512, center: true, pad: Padding::Zero, db: true }
    }
}

impl Feature for Spectrum {
    fn version(&self) -> u32 {
        2
    }

    fn problems(&self) -> Vec<Problem> {
        framing_problems(self.frame, self.hop)
    }

    fn extractor(&self, _rate: u32) -> Result<Box<dyn Extractor>, FeatureError> {
        let Self { frame, hop, center, pad, db } = *checked(self)?;
        let stft = Stft::new(Framing { frame, hop, center, padding: pad });
        Ok(Box::new(SpectrumExtractor { stft, frame, decibel: db.then(|| Decibel::new(20.0)) }))
    }

    fn dims(&self) -> usize {
        self.frame / 2 + 1
    }

    fn hop(&self) -> usize {
        self.hop
    }
}

struct SpectrumExtractor {
    stft: Stft,
    frame: usize,
    decibel: Option<Decibel>,
}

impl Extractor for SpectrumExtractor {
    fn extract(&self, samples: &[f32]) -> Result<Array2<f32>, FeatureError> {
        let (frames, bins) = (self.stft.frames(samples.len()), self.stft.bins());
        if frames == 0 {
            return Err(FeatureError::TooShort { samples: samples.len(), frame: self.frame });
        }
        let mut scratch = self.stft.scratch();
        let mut spectra = vec![[0.0f32; LANES]; bins];
        let mut matrix = vec![0.0; frames * bins];
        for (block, rows) in matrix.chunks_mut(LANES * bins).enumerate() {
            self.stft.power(samples, block * LANES, &mut scratch, &mut spectra);
            let values = spectra.as_flattened_mut();
            if !values.iter().all(|x| x.is_finite()) {
                return Err(FeatureError::NotFinite { first: block * LANES });
            }
            values.iter_mut().for_each(|x| *x = x.sqrt());
            if let Some(decibel) = &self.decibel {
                values.iter_mut().for_each(|x| *x = x.max(EPSILON));
                decibel.apply(values);
            }
            for (lane, row) in rows.chunks_exact_mut(bins).enumerate() {
                for (value, bin) in row.iter_mut().zip(&spectra) {
                    *value = bin[lane];
                }
            }
        }
        Ok(Array2::from_shape_vec((frames, bins), matrix).expect("rows of one length"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::testing::{assert_ends, samples};
    use crate::math;

    fn features(settings: Spectrum) -> Array2<f32> {
        settings.extractor(8000).unwrap().extract(&samples()).unwrap()
    }

    #[test]
    fn magnitudes_in_db_are_those_of_numpy() {
        // Values printed by tests/data/log_mel.py.
        let settings = Spectrum { frame: 64, hop: 32, ..Spectrum::default() };
        let first = [-8.9008, -1.7183, 1.2144, 2.3953, 3.2721];
        let matrix = features(settings.clone());
        assert_ends(
            &matrix,
            (47, settings.dims()),
            first,
            [0.0079, 3.3113, 2.6219, -0.2552, 0.0079],
        );
        let linear = features(Spectrum { db: false, ..settings });
        assert!((20.0 * math::log10(linear[[0, 1]]) - matrix[[0, 1]]).abs() < 1e-4);
    }

    #[test]
    fn silence_is_the_floor_and_clips_too_short_are_refused() {
        let extractor =
            Spectrum { center: false, ..Spectrum::default() }.extractor(16_000).unwrap();
        let matrix = extractor.extract(&[0.0; 2048]).unwrap();
        assert!(matrix.iter().all(|x| (x - 20.0 * math::log10(EPSILON)).abs() < 1e-3));
        assert_eq!(
            extractor.extract(&[0.0; 9]).unwrap_err(),
            FeatureError::TooShort { samples: 9, frame: 1024 }
        );
        assert_eq!(
            extractor.extract(&[1e30; 1024]).unwrap_err(),
            FeatureError::NotFinite { first: 0 }
        );
        assert!(Spectrum { hop: 0, ..Spectrum::default() }.extractor(16_000).is_err());
    }
}
