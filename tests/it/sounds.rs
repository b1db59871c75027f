//! Recordings made on the spot: a data set in the DCASE layout, small enough for hundreds of runs.

use std::collections::BTreeMap;
use std::io::Cursor;

use humshift::math;
use humshift::seed::{Rng, Seed};

/// Samples a second of all recordings here.
pub const RATE: u32 = 8000;
/// Samples of a recording: a quarter of a second.
pub const LENGTH: usize = 2000;

/// Features that suit the recordings, and a detector with a pool.
pub const SPEC: &str = "\
name: laws
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
";

/// How samples are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Int16,
    Int24,
    Float32,
}

/// A WAV file of one channel.
pub fn wav(samples: &[f64], rate: u32, form: Form) -> Vec<u8> {
    let (bits_per_sample, sample_format) = match form {
        Form::Int16 => (16, hound::SampleFormat::Int),
        Form::Int24 => (24, hound::SampleFormat::Int),
        Form::Float32 => (32, hound::SampleFormat::Float),
    };
    let spec = hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample, sample_format };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("writing to memory");
    for x in samples {
        match form {
            Form::Int16 => writer.write_sample((x * 32_767.0) as i16),
            Form::Int24 => writer.write_sample((x * 8_388_607.0) as i32),
            Form::Float32 => writer.write_sample(*x as f32),
        }
        .expect("writing to memory");
    }
    writer.finalize().expect("writing to memory");
    bytes.into_inner()
}

/// A WAV file of two channels, 16 bit.
pub fn stereo(samples: &[[f64; 2]], rate: u32) -> Vec<u8> {
    let (bits_per_sample, sample_format) = (16, hound::SampleFormat::Int);
    let spec = hound::WavSpec { channels: 2, sample_rate: rate, bits_per_sample, sample_format };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("writing to memory");
    for x in samples.as_flattened() {
        writer.write_sample((x * 32_767.0) as i16).expect("writing to memory");
    }
    writer.finalize().expect("writing to memory");
    bytes.into_inner()
}

/// A hum of three harmonics in noise. The pitch depends on machine, section and domain, and each
/// clip has its own level; anomalies whistle softly, so that detectors find some of them and not
/// all.
pub fn hum(name: &str) -> Vec<f64> {
    let part = |word: &str| if name.contains(word) { 1.0 } else { 0.0 };
    let mut rng: Rng = Seed(7).derive(&[name]).rng();
    let pitch = 180.0 + 140.0 * part("valve") + 60.0 * part("section_01") + 25.0 * part("target");
    let level = 0.15 + 0.1 * rng.uniform();
    let noise = 0.02 + 0.03 * part("target");
    let whistle = 0.02 * part("anomaly") * rng.uniform();
    let whistle_hz = 1500.0 + 800.0 * rng.uniform();
    (0..LENGTH)
        .map(|i| {
            let t = std::f64::consts::TAU * i as f64 / f64::from(RATE);
            let hum: f64 = (1..4).map(|h| math::sin(t * pitch * f64::from(h)) / f64::from(h)).sum();
            level * hum + whistle * math::sin(t * whistle_hz) + noise * rng.normal()
        })
        .collect()
}

/// The recording called `name`.
pub fn clip(name: &str) -> Vec<u8> {
    wav(&hum(name), RATE, Form::Int16)
}

/// Two machines with two sections each, below `data/`: in each section 6 source and 2 target clips
/// to train on, and of each domain 3 normal and 3 anomalous ones to test with. Names say the
/// velocity, tables the microphone.
pub fn data_set() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for machine in ["fan", "valve"] {
        for section in ["00", "01"] {
            let mut table = "file_name,d1p,d1v\n".to_owned();
            for (split, domain, label, count) in [
                ("train", "source", "normal", 6),
                ("train", "target", "normal", 2),
                ("test", "source", "normal", 3),
                ("test", "source", "anomaly", 3),
                ("test", "target", "normal", 3),
                ("test", "target", "anomaly", 3),
            ] {
                for number in 0..count {
                    let name = path(machine, split, section, domain, label, number);
                    table.push_str(&format!("{name},mic,{}\n", ["near", "far"][number % 2]));
                    files.insert(format!("data/{name}"), clip(&name));
                }
            }
            files.insert(format!("data/{machine}/attributes_{section}.csv"), table.into_bytes());
        }
    }
    files
}

/// The path of a recording relative to the root of the data set.
pub fn path(
    machine: &str,
    split: &str,
    section: &str,
    domain: &str,
    label: &str,
    number: usize,
) -> String {
    let velocity = if domain == "source" { 10 + 2 * (number % 2) } else { 17 };
    format!(
        "{machine}/{split}/section_{section}_{domain}_{split}_{label}_{number:04}_vel_{velocity}.wav"
    )
}
