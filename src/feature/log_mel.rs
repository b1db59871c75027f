//! Log-mel spectrograms as librosa and the DCASE baselines make them.
//!
//! `20 / power * log10(max(mel, epsilon))` of `librosa.feature.melspectrogram`, without the clipping at
//! 80 dB below the peak that `librosa.power_to_db` adds: the baselines do not clip.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{Extractor, Feature, FeatureError, checked, framing_problems};
use crate::diagnose::Problem;
use crate::dsp::{Decibel, Framing, LANES, MelBank, MelNorm, MelScale, Padding, Stft};

/// More bands than anybody uses; keeps a slip of the finger from asking for all memory.
const MAX_MELS: usize = 16_384;

/// What keeps the logarithm of silence finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Floor {
    /// `max(mel, epsilon)`: the baselines since 2022.
    #[default]
    Max,
    /// `mel + epsilon`: the baselines of 2020 and 2021, and MLPerf Tiny.
    Add,
}

/// Settings of `log_mel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogMel {
    /// Samples of a frame, and of its FFT.
    pub frame: usize,
    /// Samples from one frame to the next.
    pub hop: usize,
    /// Mel bands.
    pub mels: usize,
    /// Exponent of the magnitude spectrum: 2 for power, 1 for magnitude.
    pub power: f64,
    pub scale: MelScale,
    pub norm: MelNorm,
    /// Whether clips are padded by half a frame at both ends.
    pub center: bool,
    /// What clips are padded with.
    pub pad: Padding,
    pub floor: Floor,
    pub epsilon: f64,
    /// Lower edge of the lowest band in Hz.
    pub fmin: f64,
    /// Upper edge of the highest band in Hz; absent: half the sample rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fmax: Option<f64>,
}

impl Default for LogMel {
    fn default() -> Self {
        Self {
            frame: 1024,
            hop: 512,
            mels: 128,
            power: 2.0,
            scale: MelScale::Slaney,
            norm: MelNorm::Slaney,
            center: true,
            pad: Padding::Zero,
            floor: Floor::Max,
            epsilon: f64::EPSILON,
            fmin: 0.0,
            fmax: None,
        }
    }
}

impl Feature for LogMel {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = framing_problems(self.frame, self.hop);
        let mut wrong = |field: &str, message: String, hint: &str| {
            problems.push(Problem::new(field, message).hint(hint));
        };
        if self.mels == 0 || self.mels > MAX_MELS {
            wrong("mels", format!("mels is {}, not 1 to {MAX_MELS}", self.mels), "the baselines use `mels: 128`");
        }
        if !(self.power > 0.0 && self.power.is_finite()) {
            let hint = "write `power: 2.0` for the power spectrum or `power: 1.0` for magnitudes";
            wrong("power", format!("power is {}, not a number above 0", self.power), hint);
        }
        if !(self.epsilon >= f64::from(f32::MIN_POSITIVE) && self.epsilon <= f64::from(f32::MAX)) {
            let message = format!("epsilon is {:e}, which is no positive 32-bit float", self.epsilon);
            wrong("epsilon", message, "the baselines use `epsilon: 2.220446049250313e-16`");
        }
        if !(self.fmin >= 0.0 && self.fmin.is_finite()) {
            wrong("fmin", format!("fmin is {}, not a frequency in Hz", self.fmin), "write 0 or more");
        }
        match self.fmax {
            Some(fmax) if !(fmax > 0.0 && fmax.is_finite()) => {
                let hint = "leave it out for half the sample rate";
                wrong("fmax", format!("fmax is {fmax}, not a frequency in Hz"), hint);
            }
            Some(fmax) if self.fmin >= fmax => {
                let message = format!("fmin is {} Hz, not below fmax, {fmax} Hz", self.fmin);
                wrong("fmin", message, "the lowest band begins at `fmin`, the highest ends at `fmax`");
            }
            _ => {}
        }
        problems
    }

    fn extractor(&self, rate: u32) -> Result<Box<dyn Extractor>, FeatureError> {
        let settings = checked(self)?;
        let half = f64::from(rate) / 2.0;
        let fmax = settings.fmax.unwrap_or(half);
        if fmax > half || settings.fmin >= fmax {
            let (field, hz) = if fmax > half { ("fmax", fmax) } else { ("fmin", settings.fmin) };
            let why = format!("`{field}` is {hz} Hz, but clips of {rate} Hz hold nothing above {half} Hz");
            return Err(FeatureError::Settings(why));
        }
        let Self { frame, hop, mels, center, pad, power, scale, norm, floor, epsilon, fmin, .. } = *settings;
        Ok(Box::new(LogMelExtractor {
            stft: Stft::new(Framing { frame, hop, center, padding: pad }),
            bank: MelBank::new(rate, frame, mels, (fmin, fmax), scale, norm),
            frame,
            power,
            floor,
            epsilon: epsilon as f32,
            decibel: Decibel::new(20.0 / power),
        }))
    }

    fn dims(&self) -> usize {
        self.mels
    }

    fn hop(&self) -> usize {
        self.hop
    }
}

struct LogMelExtractor {
    stft: Stft,
    bank: MelBank,
    frame: usize,
    power: f64,
    floor: Floor,
    epsilon: f32,
    decibel: Decibel,
}

impl LogMelExtractor {
    /// Powers of magnitudes, as `power` asks, from `|X|^2`.
    fn raise(&self, spectra: &mut [f32]) {
        if self.power == 1.0 {
            spectra.iter_mut().for_each(|x| *x = x.sqrt());
        } else if self.power != 2.0 {
            spectra.iter_mut().for_each(|x| *x = x.powf((self.power / 2.0) as f32));
        }
    }

    fn decibels(&self, bands: &mut [f32]) {
        let epsilon = self.epsilon;
        match self.floor {
            Floor::Max => bands.iter_mut().for_each(|x| *x = x.max(epsilon)),
            Floor::Add => bands.iter_mut().for_each(|x| *x += epsilon),
        }
        self.decibel.apply(bands);
    }
}

impl Extractor for LogMelExtractor {
    fn extract(&self, samples: &[f32]) -> Result<Array2<f32>, FeatureError> {
        let (frames, mels) = (self.stft.frames(samples.len()), self.bank.len());
        if frames == 0 {
            return Err(FeatureError::TooShort { samples: samples.len(), frame: self.frame });
        }
        let mut scratch = self.stft.scratch();
        let mut spectra = vec![[0.0; LANES]; self.stft.bins()];
        let mut bands = vec![[0.0; LANES]; mels];
        let mut matrix = vec![0.0; frames * mels];
        for (block, rows) in matrix.chunks_mut(LANES * mels).enumerate() {
            self.stft.power(samples, block * LANES, &mut scratch, &mut spectra);
            self.raise(spectra.as_flattened_mut());
            self.bank.apply(&spectra, &mut bands);
            if !bands.as_flattened().iter().all(|x| x.is_finite()) {
                return Err(FeatureError::NotFinite { first: block * LANES });
            }
            self.decibels(bands.as_flattened_mut());
            for (lane, row) in rows.chunks_exact_mut(mels).enumerate() {
                for (value, band) in row.iter_mut().zip(&bands) {
                    *value = band[lane];
                }
            }
        }
        Ok(Array2::from_shape_vec((frames, mels), matrix).expect("rows of one length"))
    }
}
