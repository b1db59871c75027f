//! Axes of spectrograms, from the settings of their features.

use crate::feature::FeatureSpec;
use crate::report::Axis;

/// Marks of a mel axis in Hz.
const MEL_MARKS: [f64; 8] = [0.0, 500.0, 1e3, 2e3, 4e3, 8e3, 16e3, 32e3];

/// Whether a feature is a spectrogram in dB.
pub fn in_decibels(feature: &FeatureSpec) -> bool {
    match feature {
        FeatureSpec::LogMel(_) => true,
        FeatureSpec::Spectrum(spectrum) => spectrum.db,
        // All other features have no frequencies.
        _ => false,
    }
}

/// The axis of the frames in seconds; in frames if the rate is unknown.
pub fn time(feature: &FeatureSpec, rate: Option<u32>, frames: usize) -> Axis {
    let (frame, hop, center) = match feature {
        FeatureSpec::LogMel(s) => (s.frame, s.hop, s.center),
        FeatureSpec::Spectrum(s) => (s.frame, s.hop, s.center),
        FeatureSpec::Vectors(_) | FeatureSpec::Onnx(_) | FeatureSpec::Command(_) => {
            return Axis::counted("Frame", frames);
        }
        other => (other.member().hop(), other.member().hop(), false),
    };
    let Some(rate) = rate.map(f64::from) else { return Axis::counted("Frame", frames) };
    let first = if center { 0.0 } else { frame as f64 / 2.0 / rate };
    Axis::linear("Time (s)", frames, first, hop as f64 / rate)
}

/// The axis of the bands; in numbers of bands if the rate is unknown.
pub fn frequency(feature: &FeatureSpec, rate: Option<u32>, bins: usize) -> Axis {
    const TITLE: &str = "Frequency (kHz)";
    match (feature, rate.map(f64::from)) {
        (FeatureSpec::LogMel(s), Some(rate)) => {
            let (low, high) = (s.scale.mel(s.fmin), s.scale.mel(s.fmax.unwrap_or(rate / 2.0)));
            let step = (high - low) / (bins + 1) as f64;
            // The centre of band 0 lies one step above the lowest edge of the filter bank.
            Axis::new(TITLE, bins, &MEL_MARKS.map(|hz| hz / 1e3), |khz| {
                (s.scale.mel(1e3 * khz) - low) / step - 1.0
            })
        }
        (FeatureSpec::Spectrum(s), Some(rate)) => {
            Axis::linear(TITLE, bins, 0.0, rate / 1e3 / s.frame as f64)
        }
        (FeatureSpec::LogMel(_), None) => Axis::counted("Mel band", bins),
        (FeatureSpec::Vectors(_) | FeatureSpec::Onnx(_) | FeatureSpec::Command(_), _) => {
            Axis::counted("Value", bins)
        }
        _ => Axis::counted("Bin of the FFT", bins),
    }
}
