//! Writes the samples of a clip for other programs.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::source::Wave;

/// Writes one channel: with 16 bits if they hold every sample exactly, or else as floats of 32 bits.
///
/// Errors: the file cannot be written.
pub fn write(path: &Path, wave: &Wave) -> Result<(), hound::Error> {
    let step = |x: &f32| Some(x * 32768.0).filter(|x| x.fract() == 0.0 && in_range(*x));
    let steps: Option<Vec<i16>> = wave.samples.iter().map(|x| Some(step(x)? as i16)).collect();
    let (bits, format) = match steps {
        Some(_) => (16, SampleFormat::Int),
        None => (32, SampleFormat::Float),
    };
    let spec = WavSpec {
        channels: 1,
        sample_rate: wave.rate,
        bits_per_sample: bits,
        sample_format: format,
    };
    let mut writer = WavWriter::create(path, spec)?;
    match steps {
        Some(steps) => steps.into_iter().try_for_each(|x| writer.write_sample(x))?,
        None => wave.samples.iter().try_for_each(|x| writer.write_sample(*x))?,
    }
    writer.finalize()
}

fn in_range(step: f32) -> bool {
    (f32::from(i16::MIN)..=f32::from(i16::MAX)).contains(&step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Channel;
    use crate::source::wav;

    #[test]
    fn samples_survive_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wav");
        for (samples, bytes) in [
            (vec![-1.0, 0.5, 32767.0 / 32768.0, 0.0], 2),
            (vec![1.0, 0.25, 0.0], 4),
            (vec![1.0 / 65536.0, 0.5], 4),
        ] {
            let wave = Wave { rate: 8000, samples };
            write(&path, &wave).unwrap();
            assert_eq!(wav::read(&path, Channel::Mean).unwrap(), wave);
            assert_eq!(wav::head(&path).unwrap().encoding.bytes(), bytes);
        }
    }
}
