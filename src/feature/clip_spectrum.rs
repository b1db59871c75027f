//! The spectrum of a whole clip: one frame as long as the clip. It resolves tones that short frames
//! cannot separate.
//!
//! Spectrograms of other frames may follow in the same row, for networks that see several
//! ([`crate::dsp::Layout`]).
//!
//! It is the input of the second branch of Wilkinghoff's (2021, 2023) networks. Clips of equal
//! length have equally many bins; a network that gets other lengths reports an error.

use ndarray::Array2;
use rustfft::num_complex::Complex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spectrum::Spectrum;
use super::{Extractor, Feature, FeatureError};
use crate::diagnose::Problem;
use crate::dsp::{Layout, any_length};
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
    /// Spectrograms that follow the spectrum, frame after frame, by their samples per frame: powers of
    /// two. The hop is half a frame.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = Layout::MOST), inner(range(min = Layout::LEAST, max = Layout::LONGEST)))]
    pub stft: Vec<usize>,
}

impl Default for ClipSpectrum {
    fn default() -> Self {
        Self { log: true, floor: 1e-4, stft: Vec::new() }
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
        problems.extend(
            Layout::refusal(&self.stft)
                .map(|message| Problem::new("stft", message).hint("write `stft: [256, 4096]`")),
        );
        problems
    }

    fn extractor(&self, rate: u32) -> Result<Box<dyn Extractor>, FeatureError> {
        let stft = |&frame: &usize| {
            let hop = (frame / 2).max(1);
            Spectrum { frame, hop, db: false, ..Spectrum::default() }.extractor(rate)
        };
        let stfts = self.stft.iter().map(stft).collect::<Result<_, _>>()?;
        Ok(Box::new(Rows { log: self.log, floor: self.floor as f32, stfts }))
    }

    /// The one frame has half as many values as the clip has samples. For the estimate that equals
    /// one value for every second sample. A spectrogram has about two for each of them.
    fn dims(&self) -> usize {
        1 + 2 * self.stft.len()
    }

    fn hop(&self) -> usize {
        2
    }
}

/// The plan for clips of one rate.
struct Rows {
    log: bool,
    floor: f32,
    stfts: Vec<Box<dyn Extractor>>,
}

impl Rows {
    fn value(&self, magnitude: f32) -> f32 {
        if self.log { math::ln(magnitude + self.floor) } else { magnitude }
    }
}

impl Extractor for Rows {
    fn extract(&self, samples: &[f32]) -> Result<Array2<f32>, FeatureError> {
        let bins = samples.len() / 2;
        if bins == 0 {
            return Err(FeatureError::TooShort { samples: samples.len(), frame: 2 });
        }
        let mut values: Vec<Complex<f32>> = samples.iter().map(|&x| Complex::new(x, 0.0)).collect();
        any_length(values.len(), false).process(&mut values);
        // The bin at half the sampling rate is left out, so that the count is even.
        let value = |x: &Complex<f32>| self.value(math::hypot(x.re, x.im));
        let mut row: Vec<f32> = values[..bins].iter().map(value).collect();
        for stft in &self.stfts {
            row.extend(stft.extract(samples)?.iter().map(|&x| self.value(x)));
        }
        if !row.iter().all(|x| x.is_finite()) {
            return Err(FeatureError::NotFinite { first: 0 });
        }
        Ok(Array2::from_shape_vec((1, row.len()), row).expect("one row"))
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
    fn spectrograms_follow_in_their_places() {
        let samples: Vec<f32> = (0..1001).map(|i| ((i * 37 % 101) as f32 - 50.0) / 60.0).collect();
        let feature = ClipSpectrum { stft: vec![64, 256], ..ClipSpectrum::default() };
        let row = feature.extractor(8000).unwrap().extract(&samples).unwrap();
        let layout = Layout::of_width(row.len(), &feature.stft).unwrap();
        assert_eq!(layout, Layout::new(500, &feature.stft));
        let row = row.as_slice().unwrap();
        let plain = ClipSpectrum::default().extractor(8000).unwrap().extract(&samples).unwrap();
        assert_eq!(&row[..500], plain.as_slice().unwrap());
        let of = Spectrum { frame: 256, hop: 128, db: false, ..Spectrum::default() };
        let expected = of.extractor(8000).unwrap().extract(&samples).unwrap();
        let found = &row[layout.stft(1)];
        assert!(found.iter().zip(&expected).all(|(x, y)| *x == math::ln(y + 1e-4)));
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
