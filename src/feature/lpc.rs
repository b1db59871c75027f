//! The spectrum of linear prediction: the envelope of each frame's spectrum, without its harmonics.
//!
//! The autocorrelation method (Makhoul, "Linear prediction: a tutorial review", 1975): a frame under
//! a Hann window, its autocorrelation, the recursion of Levinson and Durbin. On MIMII the envelope
//! finds valves that a mean log-mel spectrum does not (Saengthong and Shinozaki, arXiv 2603.13749).

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Extractor, Feature, FeatureError, checked, framing_problems};
use crate::diagnose::Problem;
use crate::dsp::hann;
use crate::math;

/// The floor of powers, the same as in `log_mel`: -156.5 dB.
const EPSILON: f64 = f64::EPSILON;
/// Noise that is added to a frame, relative to its power: without it a pure tone has no predictor.
const WHITE: f64 = 1e-9;
const MOST_ORDER: usize = 200;
const MOST_BINS: usize = 10_000;

/// The spectrum of the linear predictor of each frame, in dB at equal distances from 0 to half the
/// sample rate: the envelope of the spectrum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lpc {
    /// Samples per frame.
    #[schemars(range(min = 2, max = super::MAX_FRAME))]
    pub frame: usize,
    /// Samples from one frame to the next; at most `frame`.
    #[schemars(range(min = 1, max = super::MAX_FRAME))]
    pub hop: usize,
    /// The number of coefficients: about two for each resonance.
    #[schemars(range(min = 1, max = MOST_ORDER))]
    pub order: usize,
    /// The number of frequencies.
    #[schemars(range(min = 1, max = MOST_BINS))]
    pub bins: usize,
}

impl Default for Lpc {
    fn default() -> Self {
        Self { frame: 1024, hop: 512, order: 20, bins: 128 }
    }
}

impl Feature for Lpc {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = framing_problems(self.frame, self.hop);
        problems.extend(Problem::outside("order", self.order, 1, MOST_ORDER));
        problems.extend(Problem::outside("bins", self.bins, 1, MOST_BINS));
        if problems.is_empty() && self.order >= self.frame {
            let message = format!(
                "an order of {} needs frames of more samples than {}",
                self.order, self.frame
            );
            problems.push(Problem::new("order", message).hint("20 suits frames of 1024 samples"));
        }
        problems
    }

    fn extractor(&self, _rate: u32) -> Result<Box<dyn Extractor>, FeatureError> {
        let Self { frame, order, bins, .. } = *checked(self)?;
        // The middles of equal parts of the spectrum.
        let angle = |bin: usize| std::f64::consts::PI * (bin as f64 + 0.5) / bins as f64;
        let turns = (0..bins)
            .flat_map(|bin| (1..=order).map(move |k| math::sin_cos(-(k as f64) * angle(bin))));
        Ok(Box::new(LpcExtractor {
            settings: self.clone(),
            window: hann(frame).into_iter().map(f64::from).collect(),
            turns: turns.collect(),
        }))
    }

    fn dims(&self) -> usize {
        self.bins
    }

    fn hop(&self) -> usize {
        self.hop
    }
}

struct LpcExtractor {
    settings: Lpc,
    window: Vec<f64>,
    /// Sine and cosine of each coefficient at each frequency, (bins, order).
    turns: Vec<(f64, f64)>,
}

impl Extractor for LpcExtractor {
    fn extract(&self, samples: &[f32]) -> Result<Array2<f32>, FeatureError> {
        let Lpc { frame, hop, order, bins } = self.settings;
        if samples.len() < frame {
            return Err(FeatureError::TooShort { samples: samples.len(), frame });
        }
        let frames = 1 + (samples.len() - frame) / hop;
        let mut matrix = Vec::with_capacity(frames * bins);
        for number in 0..frames {
            let windowed: Vec<f64> = samples[number * hop..number * hop + frame]
                .iter()
                .zip(&self.window)
                .map(|(x, window)| f64::from(*x) * window)
                .collect();
            let mut correlation: Vec<f64> = (0..=order)
                .map(|lag| windowed[lag..].iter().zip(&windowed).map(|(a, b)| a * b).sum())
                .collect();
            correlation[0] *= 1.0 + WHITE;
            let (coefficients, error) = levinson(&correlation);
            // Per sample, as the mean square of `rms`.
            let power = error / frame as f64;
            for turns in self.turns.chunks_exact(order) {
                let (mut re, mut im) = (1.0, 0.0);
                for (coefficient, (sin, cos)) in coefficients.iter().zip(turns) {
                    re += coefficient * cos;
                    im += coefficient * sin;
                }
                let level = 10.0 * math::log10((power / (re * re + im * im)).max(EPSILON));
                matrix.push(level as f32);
            }
        }
        if let Some(at) = matrix.iter().position(|x| !x.is_finite()) {
            return Err(FeatureError::NotFinite { first: at / bins });
        }
        Ok(Array2::from_shape_vec((frames, bins), matrix).expect("rows of one length"))
    }
}

/// The coefficients a_1.. of the prediction error filter 1 + a_1 z^-1 + .., and the power of the
/// error, from the autocorrelation at lags 0 to the order. Zeros for silence.
fn levinson(correlation: &[f64]) -> (Vec<f64>, f64) {
    let order = correlation.len() - 1;
    let mut a = vec![0.0; order];
    let mut error = correlation[0];
    for k in 0..order {
        if error <= 0.0 {
            break;
        }
        let known: f64 = (0..k).map(|j| a[j] * correlation[k - j]).sum();
        let reflection = -(correlation[k + 1] + known) / error;
        for j in 0..k.div_ceil(2) {
            let (front, back) = (a[j], a[k - 1 - j]);
            a[j] = front + reflection * back;
            a[k - 1 - j] = back + reflection * front;
        }
        a[k] = reflection;
        error *= 1.0 - reflection * reflection;
    }
    (a, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::testing::samples;

    #[test]
    fn the_recursion_solves_the_normal_equations() {
        let correlation = [4.0, 2.0, -1.0, 0.5];
        let (a, error) = levinson(&correlation);
        let at = |lag: i64| correlation[lag.unsigned_abs() as usize];
        for row in 1..=3i64 {
            let sum: f64 = (1..=3i64).map(|k| a[k as usize - 1] * at(row - k)).sum();
            assert!((sum + at(row)).abs() < 1e-12, "row {row}");
        }
        let expected: f64 = 4.0 + (1..=3).map(|k| a[k - 1] * correlation[k]).sum::<f64>();
        assert!((error - expected).abs() < 1e-12);
        assert_eq!(levinson(&[0.0, 0.0]), (vec![0.0], 0.0));
    }

    #[test]
    fn envelopes_are_those_of_scipy() {
        // tests/data/make_spectra.py
        let settings = Lpc { frame: 256, hop: 128, order: 8, bins: 6 };
        let matrix = settings.extractor(8000).unwrap().extract(&samples()).unwrap();
        assert_eq!(matrix.dim(), (10, 6));
        for (ours, theirs) in matrix.row(0).iter().zip(LPC) {
            assert!((ours - theirs).abs() < 1e-3, "{ours} {theirs}");
        }
    }

    const LPC: [f32; 6] = [-17.0714, -16.6123, -17.1774, -19.1059, -19.5197, -16.9265];

    #[test]
    fn silence_is_the_floor_and_wrong_orders_are_told() {
        let extractor = Lpc::default().extractor(16_000).unwrap();
        let silence = extractor.extract(&[0.0; 2048]).unwrap();
        let floor = 10.0 * math::log10(EPSILON) as f32;
        assert!(silence.iter().all(|x| (x - floor).abs() < 1e-3));
        let short = extractor.extract(&[0.0; 9]).unwrap_err();
        assert_eq!(short, FeatureError::TooShort { samples: 9, frame: 1024 });
        let wrong = Lpc { frame: 16, hop: 8, order: 16, bins: 4 };
        assert_eq!(wrong.problems()[0].field, "order");
    }
}
