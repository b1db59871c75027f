//! The Welch spectrum of a clip in logarithmic bands: a fine spectrum of the whole clip with few
//! numbers.
//!
//! With the centre of a few target clips and the covariance of the source clips
//! (`mahalanobis: { centre: target, spread: source }`) it tells the fan of DCASE 2026 best among
//! features without a network (mihajloz11/asd-esp32s3, whose bands these are).

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Extractor, Feature, FeatureError, checked, framing_problems};
use crate::diagnose::Problem;
use crate::dsp::{Framing, LANES, Padding, Stft};
use crate::math;

/// The floor of powers.
const EPSILON: f64 = 1e-20;
const MOST_BANDS: usize = 10_000;
const MOST_HZ: f64 = 1e6;

/// The Welch spectrum (mean of the power spectra of overlapping frames, Hann window) in logarithmic
/// bands of a clip, in dB: one vector a clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Welch {
    /// Samples per frame, and per FFT.
    #[schemars(range(min = 2, max = super::MAX_FRAME))]
    pub frame: usize,
    /// Samples from one frame to the next; at most `frame`.
    #[schemars(range(min = 1, max = super::MAX_FRAME))]
    pub hop: usize,
    /// The number of bands. Each has the mean power of one bin of the FFT or more.
    #[schemars(range(min = 1, max = MOST_BANDS))]
    pub bands: usize,
    /// The lower end of the lowest band in Hz.
    #[schemars(range(max = MOST_HZ), extend("exclusiveMinimum" = 0))]
    pub fmin: f64,
    /// The upper end of the highest band in Hz.
    #[schemars(range(max = MOST_HZ), extend("exclusiveMinimum" = 0))]
    pub fmax: f64,
    /// Whether the mean over the bands is subtracted, so that loudness does not count.
    pub remove_level: bool,
}

impl Default for Welch {
    fn default() -> Self {
        Self { frame: 8192, hop: 4096, bands: 96, fmin: 10.0, fmax: 4000.0, remove_level: true }
    }
}

impl Feature for Welch {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = framing_problems(self.frame, self.hop);
        problems.extend(Problem::outside("bands", self.bands, 1, MOST_BANDS));
        for (name, hz) in [("fmin", self.fmin), ("fmax", self.fmax)] {
            if !(hz > 0.0 && hz <= MOST_HZ) {
                let message = format!("`{name}` is {hz} Hz, not above 0 and at most {MOST_HZ}");
                problems.push(Problem::new(name, message));
            }
        }
        if problems.is_empty() && self.fmin >= self.fmax {
            let message = format!("`fmin` is {} Hz, and `fmax` {} Hz", self.fmin, self.fmax);
            problems.push(Problem::new("fmax", message).hint("bands go from `fmin` up to `fmax`"));
        }
        problems
    }

    fn extractor(&self, rate: u32) -> Result<Box<dyn Extractor>, FeatureError> {
        let Self { frame, hop, .. } = *checked(self)?;
        let ends = self.ends(rate).map_err(FeatureError::Settings)?;
        let stft = Stft::new(Framing { frame, hop, center: false, padding: Padding::Zero });
        Ok(Box::new(WelchExtractor { settings: self.clone(), stft, ends }))
    }

    fn dims(&self) -> usize {
        self.bands
    }

    /// One frame a clip: in estimates, a clip of ten seconds has one.
    fn hop(&self) -> usize {
        160_000
    }
}

impl Welch {
    /// The first bin of each band, and the bin after the last band. Each edge is at least one bin
    /// above the edge before it.
    fn ends(&self, rate: u32) -> Result<Vec<usize>, String> {
        let bin = |hz: f64| (hz * self.frame as f64 / f64::from(rate)).ceil() as usize;
        let mut ends = vec![bin(self.fmin)];
        let ratio = math::ln(self.fmax / self.fmin);
        for band in 1..=self.bands {
            let hz = self.fmin * math::exp(ratio * band as f64 / self.bands as f64);
            ends.push(bin(hz).max(ends[band - 1] + 1));
        }
        let bins = self.frame / 2 + 1;
        match ends[self.bands] <= bins {
            true => Ok(ends),
            false => Err(format!(
                "{} bands up to {} Hz need {} bins, but frames of {} samples at {rate} Hz have {bins}: \
                 take fewer bands, a lower `fmax` or a longer `frame`",
                self.bands, self.fmax, ends[self.bands], self.frame
            )),
        }
    }
}

struct WelchExtractor {
    settings: Welch,
    stft: Stft,
    ends: Vec<usize>,
}

impl Extractor for WelchExtractor {
    fn extract(&self, samples: &[f32]) -> Result<Array2<f32>, FeatureError> {
        let Welch { frame, bands, remove_level, .. } = self.settings;
        let frames = self.stft.frames(samples.len());
        if frames == 0 {
            return Err(FeatureError::TooShort { samples: samples.len(), frame });
        }
        let bins = self.stft.bins();
        let mut scratch = self.stft.scratch();
        let mut spectra = vec![[0.0f32; LANES]; bins];
        let mut power = vec![0.0f64; bins];
        for first in (0..frames).step_by(LANES) {
            self.stft.power(samples, first, &mut scratch, &mut spectra);
            // Lanes beyond the last frame are 0.
            for (sum, lanes) in power.iter_mut().zip(&spectra) {
                *sum += lanes.iter().map(|x| f64::from(*x)).sum::<f64>();
            }
        }
        // As `scipy.signal.welch(scaling="spectrum")`: the sum of a periodic Hann window is half
        // its length, and bins inside count for both signs of the frequency.
        let scale = 1.0 / (frames as f64 * math::square(frame as f64 / 2.0));
        let last = if frame % 2 == 0 { bins - 1 } else { bins };
        for (bin, power) in power.iter_mut().enumerate() {
            *power *= scale * if bin == 0 || bin == last { 1.0 } else { 2.0 };
        }
        let level = |band: usize| {
            let inside = &power[self.ends[band]..self.ends[band + 1]];
            10.0 * math::log10(inside.iter().sum::<f64>() / inside.len() as f64 + EPSILON)
        };
        let mut levels: Vec<f64> = (0..bands).map(level).collect();
        if !levels.iter().all(|x| x.is_finite()) {
            return Err(FeatureError::NotFinite { first: 0 });
        }
        if remove_level {
            let mean = levels.iter().sum::<f64>() / bands as f64;
            levels.iter_mut().for_each(|x| *x -= mean);
        }
        let row = levels.into_iter().map(|x| x as f32).collect();
        Ok(Array2::from_shape_vec((1, bands), row).expect("one row"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::testing::samples;

    fn extract(settings: &Welch) -> Vec<f32> {
        let matrix = settings.extractor(8000).unwrap().extract(&samples()).unwrap();
        assert_eq!(matrix.nrows(), 1);
        matrix.into_iter().collect()
    }

    #[test]
    fn bands_are_those_of_scipy() {
        // tests/data/make_spectra.py
        let settings = Welch {
            frame: 256,
            hop: 128,
            bands: 6,
            fmin: 100.0,
            fmax: 3500.0,
            remove_level: false,
        };
        for (ours, theirs) in extract(&settings).iter().zip(WELCH) {
            assert!((ours - theirs).abs() < 2e-4, "{ours} {theirs}");
        }
        let level: f32 = WELCH.iter().sum::<f32>() / 6.0;
        let relative = extract(&Welch { remove_level: true, ..settings });
        for (ours, theirs) in relative.iter().zip(WELCH) {
            assert!((ours - (theirs - level)).abs() < 4e-4);
        }
    }

    const WELCH: [f32; 6] = [-30.5555, -33.8932, -30.0298, -29.6316, -33.7594, -31.9320];

    #[test]
    fn no_band_is_empty() {
        let settings = Welch { frame: 64, hop: 32, bands: 12, fmin: 10.0, ..Welch::default() };
        assert!(settings.ends(8000).unwrap().is_sorted_by(|a, b| a < b));
        let many = Welch { bands: 96, ..settings };
        let error = many.extractor(8000).err().unwrap().to_string();
        assert!(error.starts_with("96 bands up to 4000 Hz need"), "{error}");
        let short = Welch::default().extractor(16_000).unwrap().extract(&[0.0; 100]);
        assert_eq!(short.unwrap_err(), FeatureError::TooShort { samples: 100, frame: 8192 });
        let crossed = Welch { fmin: 4000.0, fmax: 10.0, ..Welch::default() };
        assert_eq!(crossed.problems()[0].field, "fmax");
    }
}
