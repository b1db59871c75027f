//! Compares log-mel of real and synthetic recordings with librosa's, where the recordings are
//! available.

use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::Feature;
use super::log_mel::{Floor, LogMel};
use crate::artifact::Channel;
use crate::dsp::{MelNorm, MelScale, Padding};
use crate::source::wav;

#[expect(clippy::disallowed_methods, reason = "tests find recordings through the environment")]
fn data(test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let root = std::env::var("HUMSHIFT_TEST_DATA").map_or(beside, PathBuf::from);
    if !root.is_dir() {
        eprintln!("skipped: {test}: no ../shared/data");
        return None;
    }
    Some(root)
}

fn features(settings: &LogMel, path: &Path) -> Array2<f32> {
    assert_eq!(settings.problems(), []);
    let wave = wav::read(path, Channel::Mean).unwrap();
    settings.extractor(wave.rate).unwrap().extract(&wave.samples).unwrap()
}

/// Within 0.01 dB where librosa is within 80 dB of its peak, within 0.5 dB below. There the
/// rounding noise of an FFT in f32 shows (librosa's is in f64). Returns the largest distance in the
/// upper part.
fn assert_near(name: &str, ours: &Array2<f32>, librosa: &Array2<f32>) -> f32 {
    assert_eq!(ours.dim(), librosa.dim(), "{name}");
    let peak = librosa.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut worst = 0f32;
    for ((at, a), b) in ours.indexed_iter().zip(librosa) {
        let (distance, loud) = ((a - b).abs(), *b > peak - 80.0);
        assert!(
            distance <= if loud { 0.01 } else { 0.5 },
            "{name} at {at:?}: {a} is not librosa's {b}"
        );
        worst = worst.max(if loud { distance } else { 0.0 });
    }
    worst
}

#[test]
fn every_oracle_matrix_of_synthetic_signals_is_met() {
    let Some(root) = data("every_oracle_matrix_of_synthetic_signals_is_met") else { return };
    let folder = root.join("oracles/logmel");
    let mut rows = csv::Reader::from_path(folder.join("index.csv")).unwrap();
    let mut seen = 0;
    for row in rows.records().map(Result::unwrap) {
        let settings = LogMel {
            frame: row[3].parse().unwrap(),
            hop: row[4].parse().unwrap(),
            mels: row[5].parse().unwrap(),
            scale: if &row[6] == "true" { MelScale::Htk } else { MelScale::Slaney },
            norm: if &row[7] == "none" { MelNorm::None } else { MelNorm::Slaney },
            center: &row[8] == "true",
            pad: if &row[9] == "reflect" { Padding::Reflect } else { Padding::Zero },
            ..LogMel::default()
        };
        let theirs: Array2<f32> = ndarray_npy::read_npy(folder.join(&row[0])).unwrap();
        let ours = features(&settings, &folder.join(&row[1]));
        let theirs = theirs.reversed_axes();
        let worst = assert_near(&row[0], &ours, &theirs);
        // Broadband signals agree far better than the stated tolerance.
        assert!(worst < 1e-4 || row[1].starts_with("sweep"), "{} is {worst} dB off", &row[0]);
        seen += 1;
    }
    assert_eq!(seen, 45);
}

#[test]
fn real_clips_give_librosas_features_for_both_paddings_and_floors() {
    let Some(root) = data("real_clips_give_librosas_features_for_both_paddings_and_floors") else {
        return;
    };
    let folder = root.join("oracles/logmel_real_clips");
    let mut rows = csv::Reader::from_path(folder.join("index.csv")).unwrap();
    let mut seen = 0;
    for row in rows.records().map(Result::unwrap) {
        let pad = if &row[1] == "reflect" { Padding::Reflect } else { Padding::Zero };
        let bytes = std::fs::read(folder.join(row[2].replace(".f32", ".librosa.f32"))).unwrap();
        let values = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let theirs =
            Array2::from_shape_vec((row[3].parse().unwrap(), row[4].parse().unwrap()), values)
                .unwrap();
        // On real recordings, whose bands are never near 2e-16, the two floors agree.
        for floor in [Floor::Max, Floor::Add] {
            let ours = features(&LogMel { pad, floor, ..LogMel::default() }, &root.join(&row[0]));
            let worst = assert_near(&row[2], &ours, &theirs);
            assert!(worst < 1e-3, "{} is {worst} dB off", &row[2]);
            seen += 1;
        }
    }
    assert_eq!(seen, 20);
}

#[test]
fn originals_of_eight_channels_are_read_and_mixed() {
    let Some(root) = data("originals_of_eight_channels_are_read_and_mixed") else { return };
    for label in ["normal", "abnormal"] {
        let path = root.join(format!("clips/mimii_8ch/fan/id_00/{label}/00000000.wav"));
        let bytes = std::fs::read(&path).unwrap();
        let header = wav::parse(&bytes).unwrap().header;
        assert_eq!(
            (header.rate, header.channels, header.encoding),
            (16_000, 8, wav::Encoding::Pcm16)
        );
        // hound reads sample by sample: an independent, slow reader of the same file.
        let all: Vec<i16> =
            hound::WavReader::open(&path).unwrap().into_samples().map(Result::unwrap).collect();
        let (mean, digest) = wav::read_hashed(&path, Channel::Mean).unwrap();
        let first = wav::read(&path, Channel::First).unwrap();
        assert_eq!(digest, crate::digest::Digest::of(&bytes));
        assert_eq!((mean.samples.len(), first.samples.len()), (header.frames, header.frames));
        for (i, block) in all.chunks(8).enumerate() {
            let sum: i32 = block.iter().map(|&x| i32::from(x)).sum();
            assert_eq!(mean.samples[i], sum as f32 / (8.0 * 32_768.0));
            assert_eq!(first.samples[i], f32::from(block[0]) / 32_768.0);
        }
        let extractor = LogMel::default().extractor(mean.rate).unwrap();
        assert_eq!(extractor.extract(&mean.samples).unwrap().dim(), (313, 128));
    }
}
