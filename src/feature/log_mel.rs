//! Log-mel spectrograms as in librosa and the DCASE baselines.
//!
//! `20 / power * log10(max(mel, epsilon))` of `librosa.feature.melspectrogram`.
//! `librosa.power_to_db` also clips at 80 dB below the peak; the baselines do not clip, so neither
//! does this.

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Extractor, Feature, FeatureError, checked, framing_problems};
use crate::diagnose::Problem;
use crate::dsp::{Decibel, Framing, LANES, MelBank, MelNorm, MelScale, Padding, Stft};
use crate::math;

/// More bands than anybody uses. The limit keeps a typing error from asking for all memory.
const MAX_MELS: usize = 16_384;
/// No recording has frequencies this high.
const MOST_HZ: f64 = 1e6;

/// How the logarithm of silence stays finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Floor {
    /// `max(mel, epsilon)`, as in the baselines since 2022.
    #[default]
    Max,
    /// `mel + epsilon`, as in the baselines of 2020 and 2021, and in MLPerf Tiny.
    Add,
}

/// Log-mel spectrograms as in librosa and the DCASE baselines, in dB: `20 / power * log10(max(mel,
/// epsilon))`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogMel {
    /// Samples per frame, and per FFT.
    #[schemars(range(min = 2, max = super::MAX_FRAME))]
    pub frame: usize,
    /// Samples from one frame to the next; at most `frame`.
    #[schemars(range(min = 1, max = super::MAX_FRAME))]
    pub hop: usize,
    /// Number of mel bands.
    #[schemars(range(min = 1, max = MAX_MELS))]
    pub mels: usize,
    /// Exponent of the magnitude spectrum: 2 for power, 1 for magnitude.
    #[schemars(range(max = 100), extend("exclusiveMinimum" = 0))]
    pub power: f64,
    /// The formula from Hz to mel.
    pub scale: MelScale,
    /// The scaling of the mel bands' triangles.
    pub norm: MelNorm,
    /// Whether clips are padded by half a frame at both ends.
    pub center: bool,
    /// The content of the padding.
    pub pad: Padding,
    /// How the logarithm of silence stays finite.
    pub floor: Floor,
    /// The smallest mel energy (`floor: max`), or the amount added to every energy (`floor: add`).
    #[schemars(range(max = 1e6), extend("exclusiveMinimum" = 0))]
    pub epsilon: f64,
    /// Lower edge of the lowest band in Hz.
    #[schemars(range(min = 0, max = MOST_HZ))]
    pub fmin: f64,
    /// Upper edge of the highest band in Hz. Default: half the sample rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = MOST_HZ), extend("exclusiveMinimum" = 0))]
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
        2
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = framing_problems(self.frame, self.hop);
        let mut wrong = |field: &str, message: String, hint: &str| {
            problems.push(Problem::new(field, message).hint(hint));
        };
        if self.mels == 0 || self.mels > MAX_MELS {
            wrong(
                "mels",
                format!("mels is {}, not 1 to {MAX_MELS}", self.mels),
                "the baselines use `mels: 128`",
            );
        }
        if !(self.power > 0.0 && self.power.is_finite()) {
            let hint = "write `power: 2.0` for the power spectrum or `power: 1.0` for magnitudes";
            wrong("power", format!("power is {}, not a number above 0", self.power), hint);
        }
        if !(self.epsilon >= f64::from(f32::MIN_POSITIVE) && self.epsilon <= f64::from(f32::MAX)) {
            let message = format!("epsilon is {:e}, not a positive 32-bit float", self.epsilon);
            wrong("epsilon", message, "the baselines use `epsilon: 2.220446049250313e-16`");
        }
        if !(self.fmin >= 0.0 && self.fmin.is_finite()) {
            wrong(
                "fmin",
                format!("fmin is {}, not a frequency in Hz", self.fmin),
                "write 0 or more",
            );
        }
        match self.fmax {
            Some(fmax) if !(fmax > 0.0 && fmax.is_finite()) => {
                let hint = "leave it out for half the sample rate";
                wrong("fmax", format!("fmax is {fmax}, not a frequency in Hz"), hint);
            }
            Some(fmax) if self.fmin >= fmax => {
                let message = format!("fmin is {} Hz, not below fmax, {fmax} Hz", self.fmin);
                wrong(
                    "fmin",
                    message,
                    "the lowest band begins at `fmin`, the highest ends at `fmax`",
                );
            }
            _ => {}
        }
        let most = [
            ("power", self.power, 100.0),
            ("epsilon", self.epsilon, 1e6),
            ("fmin", self.fmin, MOST_HZ),
            ("fmax", self.fmax.unwrap_or(0.0), MOST_HZ),
        ];
        let most = most.into_iter().filter(|(_, value, _)| value.is_finite());
        problems
            .extend(most.filter_map(|(field, value, most)| Problem::beyond(field, value, most)));
        problems
    }

    fn doubt(&self, rate: u32) -> Option<String> {
        let half = f64::from(rate) / 2.0;
        let edges = (self.fmin, self.fmax.unwrap_or(half));
        if !self.problems().is_empty() || edges.1 > half || edges.0 >= edges.1 {
            return None;
        }
        let Self { frame, mels, scale, norm, .. } = *self;
        let empty = MelBank::new(rate, frame, mels, edges, scale, norm).empty();
        let bins = frame / 2 + 1;
        (empty > 0).then(|| {
            format!(
                "{empty} of the {mels} bands of `mels` are empty: at {rate} Hz `frame: {frame}` has {bins} frequencies, and \
                 none of them is in these bands; write fewer `mels` or a longer `frame`"
            )
        })
    }

    fn extractor(&self, rate: u32) -> Result<Box<dyn Extractor>, FeatureError> {
        let settings = checked(self)?;
        let half = f64::from(rate) / 2.0;
        let fmax = settings.fmax.unwrap_or(half);
        if fmax > half || settings.fmin >= fmax {
            let (field, hz) = if fmax > half { ("fmax", fmax) } else { ("fmin", settings.fmin) };
            let why = format!(
                "`{field}` is {hz} Hz, but clips of {rate} Hz hold nothing above {half} Hz"
            );
            return Err(FeatureError::Settings(why));
        }
        let Self {
            frame, hop, mels, center, pad, power, scale, norm, floor, epsilon, fmin, ..
        } = *settings;
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
    /// Turns `|X|^2` into the magnitude to the power of `power`.
    fn raise(&self, spectra: &mut [f32]) {
        if self.power == 1.0 {
            spectra.iter_mut().for_each(|x| *x = x.sqrt());
        } else if self.power != 2.0 {
            spectra.iter_mut().for_each(|x| *x = math::powf(*x, (self.power / 2.0) as f32));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::FeatureSpec;
    use crate::feature::testing::{assert_ends, samples};
    use serde_json::json;

    fn features(settings: serde_json::Value) -> Array2<f32> {
        let spec = FeatureSpec::parse("log_mel", &settings).unwrap();
        spec.member().extractor(8000).unwrap().extract(&samples()).unwrap()
    }

    // tests/data/log_mel.py prints the values.

    #[test]
    fn the_defaults_are_those_of_librosa() {
        let matrix = features(json!({"frame": 256, "hop": 128, "mels": 10}));
        let first = [-9.507, -9.1694, -10.0485, -10.897, -11.2863];
        assert_ends(&matrix, (12, 10), first, [-11.905, -6.8047, -6.8023, -10.6168, -7.43]);
    }

    #[test]
    fn htk_bands_without_norm_over_mirrored_ends_and_frames_of_200() {
        let matrix =
            features(json!({"frame": 200, "hop": 80, "mels": 8, "scale": "htk", "norm": "none",
            "pad": "reflect", "floor": "add", "fmin": 100.0, "fmax": 3000.0}));
        let first = [13.7243, 15.8265, 13.9376, 13.921, 10.1853];
        assert_ends(&matrix, (19, 8), first, [16.6573, 12.0389, 15.586, 18.1157, 15.3313]);
    }

    #[test]
    fn magnitudes_of_odd_frames_without_padding() {
        let matrix = features(
            json!({"frame": 125, "hop": 60, "mels": 6, "norm": "none", "center": false, "power": 1.0}),
        );
        let first = [18.8312, 18.1567, 17.2016, 19.5336, 24.3972];
        assert_ends(&matrix, (23, 6), first, [19.5605, 18.6077, 19.5178, 24.4833, 25.6363]);
    }

    #[test]
    fn silence_is_the_floor_and_the_floor_can_be_moved() {
        for (settings, db) in [
            (LogMel::default(), -156.5356),
            (LogMel { epsilon: 1e-10, ..LogMel::default() }, -100.0),
        ] {
            for floor in [Floor::Max, Floor::Add] {
                let extractor = LogMel { floor, ..settings.clone() }.extractor(16_000).unwrap();
                let matrix = extractor.extract(&[0.0; 3000]).unwrap();
                assert!(matrix.iter().all(|x| (x - db).abs() < 1e-4), "{}", matrix[[0, 0]]);
            }
        }
    }

    #[test]
    fn other_powers_are_the_magnitude_raised() {
        // 20/p log10(sum w |X|^p). A loud tone in one bin of weight w has a level that depends on p
        // only by 20/p log10(w), and w is between 0 and 1.
        let tone: Vec<f32> =
            (0..4096).map(|i| math::sin(std::f32::consts::TAU * i as f32 / 16.0)).collect();
        let level = |power: f64| {
            let settings = LogMel {
                power,
                mels: 32,
                norm: MelNorm::None,
                fmax: Some(4000.0),
                ..LogMel::default()
            };
            let matrix = settings.extractor(16_000).unwrap().extract(&tone).unwrap();
            matrix.row(4).iter().copied().fold(f32::NEG_INFINITY, f32::max)
        };
        // A Hann window of 1024 passes half of its length times half of the amplitude: 256.
        let expected = 20.0 * math::log10(256f32);
        for power in [1.0, 2.0, 3.0, 4.0] {
            assert!((level(power) - expected).abs() < 6.1, "{power}: {} {expected}", level(power));
        }
        assert!((level(3.0) - level(4.0)).abs() < (level(1.0) - level(2.0)).abs());
    }

    #[test]
    fn all_settings_out_of_range_are_reported() {
        let settings = json!({"frame": 0, "hop": 0, "mels": 0, "power": 0.0, "epsilon": 0.0, "fmin": -1.0, "fmax": -2.0});
        let spec = FeatureSpec::parse("log_mel", &settings).unwrap();
        let fields: Vec<String> = spec.member().problems().into_iter().map(|p| p.field).collect();
        assert_eq!(fields, ["frame", "hop", "mels", "power", "epsilon", "fmin", "fmax"]);
        assert!(spec.member().extractor(16_000).is_err());
        let message = |settings: LogMel| settings.problems().remove(0).message;
        assert_eq!(
            message(LogMel { hop: 2048, ..LogMel::default() }),
            "hop is 2048 samples, more than the frame of 1024: samples between frames would be lost"
        );
        assert_eq!(
            message(LogMel { fmin: 500.0, fmax: Some(500.0), ..LogMel::default() }),
            "fmin is 500 Hz, not below fmax, 500 Hz"
        );
        assert_eq!(
            message(LogMel { power: f64::NAN, ..LogMel::default() }),
            "power is NaN, not a number above 0"
        );
        assert_eq!(LogMel { mels: 500, ..LogMel::default() }.problems(), []);
    }

    #[test]
    fn clips_that_have_no_features_are_refused() {
        let why = |settings: LogMel, samples: &[f32]| {
            settings.extractor(16_000).unwrap().extract(samples).unwrap_err()
        };
        let plain = LogMel { center: false, ..LogMel::default() };
        assert_eq!(why(plain, &[0.0; 1023]), FeatureError::TooShort { samples: 1023, frame: 1024 });
        assert_eq!(why(LogMel::default(), &[]), FeatureError::TooShort { samples: 0, frame: 1024 });
        assert_eq!(why(LogMel::default(), &[1e30; 3000]), FeatureError::NotFinite { first: 0 });
        let above = LogMel { fmax: Some(8001.0), ..LogMel::default() };
        let why = above.extractor(16_000).err().unwrap().to_string();
        assert_eq!(why, "`fmax` is 8001 Hz, but clips of 16000 Hz hold nothing above 8000 Hz");
    }

    #[test]
    fn defaults_written_out_have_the_same_canonical_form() {
        let text = crate::canon::to_string(&LogMel::default()).unwrap();
        assert!(!text.contains("fmax"));
        assert_eq!(serde_json::from_str::<LogMel>(&text).unwrap(), LogMel::default());
        let some = LogMel { fmax: Some(7000.0), ..LogMel::default() };
        assert_eq!(
            serde_json::from_str::<LogMel>(&crate::canon::to_string(&some).unwrap()).unwrap(),
            some
        );
    }
}
