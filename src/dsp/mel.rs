//! Mel filter banks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LANES;
use crate::math;

/// The formula from hertz to mel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MelScale {
    /// Linear up to 1 kHz, logarithmic above (Slaney's Auditory Toolbox). The default of librosa.
    #[default]
    Slaney,
    /// `2595 log10(1 + f / 700)`, as in HTK. The default of torchaudio.
    Htk,
}

/// The scaling of the triangles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MelNorm {
    /// Each triangle has the same area. The default of librosa.
    #[default]
    Slaney,
    /// Each triangle has the height one. The default of torchaudio.
    None,
}

/// Slaney's scale: 200/3 Hz a mel up to 1 kHz, then a factor of 6.4 every 27 mel.
const LINEAR_STEP: f64 = 200.0 / 3.0;
const BREAK_HZ: f64 = 1000.0;
const BREAK_MEL: f64 = BREAK_HZ / LINEAR_STEP;

fn log_step() -> f64 {
    math::ln(6.4f64) / 27.0
}

impl MelScale {
    /// The mel of a frequency in Hz.
    pub fn mel(self, hz: f64) -> f64 {
        match self {
            MelScale::Htk => 2595.0 * math::log10(1.0 + hz / 700.0),
            MelScale::Slaney if hz >= BREAK_HZ => BREAK_MEL + math::ln(hz / BREAK_HZ) / log_step(),
            MelScale::Slaney => hz / LINEAR_STEP,
        }
    }

    /// The frequency in Hz of a mel.
    pub fn hz(self, mel: f64) -> f64 {
        match self {
            MelScale::Htk => 700.0 * (math::powf(10f64, mel / 2595.0) - 1.0),
            MelScale::Slaney if mel >= BREAK_MEL => {
                BREAK_HZ * math::exp(log_step() * (mel - BREAK_MEL))
            }
            MelScale::Slaney => LINEAR_STEP * mel,
        }
    }
}

/// Triangular filters over the bins of a spectrum. A triangle covers few bins, so each row keeps
/// only its nonzero bins.
#[derive(Clone, Debug)]
pub struct MelBank {
    rows: Vec<Row>,
    weights: Vec<f32>,
}

/// One band: its first bin and its span of the weights. The span is empty if the triangle falls
/// between two bins.
#[derive(Clone, Copy, Debug)]
struct Row {
    bin: usize,
    first: usize,
    length: usize,
}

impl MelBank {
    /// Makes `mels` triangles from `fmin` to `fmax` Hz over the `frame / 2 + 1` bins of spectra at
    /// `rate` Hz, like `librosa.filters.mel`: in f64, rounded to f32 before and after scaling.
    pub fn new(
        rate: u32,
        frame: usize,
        mels: usize,
        (fmin, fmax): (f64, f64),
        scale: MelScale,
        norm: MelNorm,
    ) -> Self {
        let bin_hz = 1.0 / (frame as f64 * (1.0 / f64::from(rate)));
        let (low, high) = (scale.mel(fmin), scale.mel(fmax));
        let step = (high - low) / (mels + 1) as f64;
        let edges: Vec<f64> = (0..mels + 2)
            .map(|i| scale.hz(if i == mels + 1 { high } else { low + step * i as f64 }))
            .collect();
        let mut bank = Self { rows: Vec::with_capacity(mels), weights: Vec::new() };
        for edge in edges.windows(3) {
            let area = match norm {
                MelNorm::Slaney => 2.0 / (edge[2] - edge[0]),
                MelNorm::None => 1.0,
            };
            let weight = |bin: usize| {
                let hz = bin as f64 * bin_hz;
                let rising = (hz - edge[0]) / (edge[1] - edge[0]);
                let falling = (edge[2] - hz) / (edge[2] - edge[1]);
                (f64::from(rising.min(falling).max(0.0) as f32) * area) as f32
            };
            let first = bank.weights.len();
            let mut bin = 0;
            // Weights outside the triangle are 0, so only its bins are computed. One bin more
            // covers the rounding of its edges.
            let near = ((edge[0] / bin_hz) as usize).saturating_sub(1);
            let far = ((edge[2] / bin_hz) as usize).saturating_add(2).min(frame / 2);
            for b in near..far + 1 {
                let w = weight(b);
                if w > 0.0 {
                    if bank.weights.len() == first {
                        bin = b;
                    }
                    bank.weights.push(w);
                }
            }
            bank.rows.push(Row { bin, first, length: bank.weights.len() - first });
        }
        bank
    }

    /// The number of bands.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The number of bands that fall between two bins. They have the same value in every clip.
    pub fn empty(&self) -> usize {
        self.rows.iter().filter(|row| row.length == 0).count()
    }

    /// Whether there is no band.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Applies the filters to [`LANES`] spectra side by side: (bins, lanes) to (bands, lanes).
    pub fn apply(&self, spectra: &[[f32; LANES]], bands: &mut [[f32; LANES]]) {
        for (row, band) in self.rows.iter().zip(bands) {
            let weights = &self.weights[row.first..row.first + row.length];
            let mut sum = [0.0; LANES];
            for (weight, values) in weights.iter().zip(&spectra[row.bin..row.bin + row.length]) {
                for (sum, value) in sum.iter_mut().zip(values) {
                    *sum += weight * value;
                }
            }
            *band = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bank: &MelBank, index: usize, bins: usize) -> Vec<f32> {
        let mut row = vec![0.0; bins];
        let Row { bin, first, length } = bank.rows[index];
        row[bin..bin + length].copy_from_slice(&bank.weights[first..first + length]);
        row
    }

    #[test]
    fn both_scales_go_there_and_back() {
        for scale in [MelScale::Slaney, MelScale::Htk] {
            for hz in [0.0, 40.0, 999.0, 1000.0, 1001.0, 8000.0, 22_050.0] {
                assert!((scale.hz(scale.mel(hz)) - hz).abs() < 1e-9 * (1.0 + hz));
            }
        }
        // The two definitions meet near 1 kHz: 15 mel for Slaney, 1000 mel for HTK.
        assert!((MelScale::Slaney.mel(1000.0) - 15.0).abs() < 1e-12);
        assert!((MelScale::Htk.mel(1000.0) - 1000.0).abs() < 0.02);
    }

    #[test]
    fn triangles_have_height_one_or_area_one() {
        // Wide bands at a fine resolution, so that the sum over bins is near the area.
        let plain =
            MelBank::new(16_000, 16_384, 20, (0.0, 8000.0), MelScale::Slaney, MelNorm::None);
        let even =
            MelBank::new(16_000, 16_384, 20, (0.0, 8000.0), MelScale::Slaney, MelNorm::Slaney);
        for band in 0..20 {
            let height = row(&plain, band, 8193).into_iter().fold(0.0, f32::max);
            let area: f32 = row(&even, band, 8193).iter().sum::<f32>() * 16_000.0 / 16_384.0;
            assert!(height > 0.99 && height <= 1.0, "{height}");
            assert!((area - 1.0).abs() < 1e-3, "{area}");
        }
    }

    #[test]
    fn a_triangle_between_two_bins_is_empty() {
        let bank = MelBank::new(16_000, 256, 128, (0.0, 8000.0), MelScale::Slaney, MelNorm::Slaney);
        assert_eq!(bank.len(), 128);
        assert!(bank.rows.iter().any(|row| row.length == 0));
        let mut bands = vec![[1.0; LANES]; 128];
        bank.apply(&vec![[1.0; LANES]; 129], &mut bands);
        assert!(
            bands.iter().zip(&bank.rows).all(|(band, row)| (band[0] == 0.0) == (row.length == 0))
        );
    }
}
