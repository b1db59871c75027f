//! Writes one dry sound of the synthetic twin as a WAV file, to be heard and looked at.
//!
//! ```text
//! cargo run --release --example twin -- OUT.wav KIND [attribute=value ...] [fault=NAME:SIZE] [unit=N] [clip=N]
//!     [seconds=10] [rate=16000]
//! ```

use std::collections::BTreeMap;

use humshift::seed::Seed;
use humshift::twin::{self, Scene};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(out), Some(kind)) = (args.next(), args.next()) else {
        return Err("OUT.wav KIND [name=value ...]".into());
    };
    let mut attributes: BTreeMap<String, String> = args
        .filter_map(|arg| {
            arg.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
        })
        .collect();
    let mut take =
        |name: &str, default: &str| attributes.remove(name).unwrap_or(default.to_owned());
    let (unit, clip) = (Seed(take("unit", "0").parse()?), Seed(take("clip", "0").parse()?));
    let (seconds, rate): (f64, f64) =
        (take("seconds", "10").parse()?, take("rate", "16000").parse()?);
    let fault = take("fault", "");
    let fault = match fault.split_once(':') {
        Some((name, size)) => Some((name, size.parse()?)),
        None => None,
    };
    let scene = Scene {
        rate,
        samples: (seconds * rate) as usize,
        unit,
        clip,
        attributes: &attributes,
        fault,
        tuning: Default::default(),
    };
    let samples = twin::render(&kind, &scene)?;
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(out, spec)?;
    for sample in samples {
        writer.write_sample((sample * 32768.0).round().clamp(-32768.0, 32767.0) as i16)?;
    }
    writer.finalize()?;
    Ok(())
}
