//! Recordings: what is accepted has the samples that a reader of its own finds in the same bytes.

use humshift::artifact::Channel;
use humshift::feature::FeatureSpec;
use humshift::seed::Rng;
use humshift::source::wav;
use serde_json::json;

use super::engine::{Case, Fate, Verdict, hold, wrong};
use super::mutate::{self, integer, pick};
use super::program::{Program, judged};
use crate::project::Project;

type Chunk = ([u8; 4], Vec<u8>);

/// The `fmt ` chunk of a recording.
fn format(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut body = [tag.to_le_bytes(), channels.to_le_bytes()].concat();
    body.extend([rate.to_le_bytes(), (rate * u32::from(block)).to_le_bytes()].concat());
    body.extend([block.to_le_bytes(), bits.to_le_bytes()].concat());
    body
}

/// The extensible form of a `fmt ` chunk of the same meaning.
fn extensible(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let mut body = format(0xfffe, channels, rate, bits);
    body.extend([22, 0, bits as u8, 0, 4, 0, 0, 0]);
    body.extend(tag.to_le_bytes());
    body.extend([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
    body
}

/// Good recordings of every encoding.
fn bases() -> Vec<Vec<Chunk>> {
    let forms = [
        (1, 1, 8),
        (1, 1, 16),
        (1, 2, 16),
        (1, 1, 24),
        (1, 5, 24),
        (1, 1, 32),
        (3, 1, 32),
        (3, 2, 64),
    ];
    let mut bases = Vec::new();
    for (number, (tag, channels, bits)) in forms.into_iter().enumerate() {
        let samples = 700 * usize::from(channels);
        let sample = |i: usize| (((i * 37) % 201) as f64 - 100.0) / 128.0;
        let data: Vec<u8> = (0..samples)
            .flat_map(|i| match (tag, bits) {
                (3, 32) => (sample(i) as f32).to_le_bytes().to_vec(),
                (3, _) => sample(i).to_le_bytes().to_vec(),
                (_, 8) => vec![(sample(i) * 100.0 + 128.0) as u8],
                (_, bits) => ((sample(i) * 2_147_483_647.0) as i32).to_le_bytes()
                    [4 - usize::from(bits) / 8..]
                    .to_vec(),
            })
            .collect();
        let header = if number % 2 == 0 { format } else { extensible };
        let mut chunks = vec![(*b"fmt ", header(tag, channels, 16_000, bits)), (*b"data", data)];
        if number % 3 == 0 {
            chunks.insert(1, (*b"LIST", b"INFOISFT\x05\0\0\0made\0\0".to_vec()));
        }
        bases.push(chunks);
    }
    bases
}

fn file(chunks: &[Chunk]) -> Vec<u8> {
    let mut body = b"WAVE".to_vec();
    for (id, content) in chunks {
        body.extend_from_slice(id);
        body.extend((content.len() as u32).to_le_bytes());
        body.extend_from_slice(content);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}

/// Changes chunks and fields, and in half of the cases bytes as well.
fn mutant(rng: &mut Rng) -> Vec<u8> {
    let bases = bases();
    let (mut chunks, other) = (pick(rng, &bases).clone(), pick(rng, &bases).clone());
    for _ in 0..rng.below(3) {
        let at = rng.below(chunks.len());
        match rng.below(7) {
            0 => {
                let (from, width) = (rng.below(17), *pick(rng, &[2, 4]));
                let value = integer(rng).to_le_bytes();
                if let Some(field) = chunks[at].1.get_mut(from..) {
                    field.iter_mut().zip(&value[..width]).for_each(|(old, new)| *old = *new);
                }
            }
            1 => chunks.insert(at, pick(rng, &other).clone()),
            2 => chunks.swap(at, 0),
            3 if chunks.len() > 1 => drop(chunks.remove(at)),
            4 => chunks.insert(
                at,
                (*pick(rng, &[*b"fact", *b"junk", *b"\0\0\0\0", *b"data"]), vec![1; rng.below(9)]),
            ),
            5 => {
                let length = rng.below(chunks[at].1.len() + 1);
                chunks[at].1.truncate(length);
            }
            _ => chunks[at].0[rng.below(4)] ^= 0x20,
        }
    }
    let mut bytes = file(&chunks);
    if rng.below(3) == 0 {
        // Lengths that programs leave behind when they are cut off, and others.
        let lengths: Vec<usize> = (4..bytes.len().saturating_sub(8))
            .filter(|i| *i == 4 || bytes[..*i].ends_with(b"data") || bytes[..*i].ends_with(b"fmt "))
            .collect();
        let at = *pick(rng, &lengths);
        let drawn = integer(rng) as u32;
        let value = *pick(rng, &[0, 1, 0x7fff_f000, 0x8000_0000, 0xffff_ffff, 0xffff_ffdb, drawn]);
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    if rng.below(2) == 0 { mutate::bytes(rng, &bytes, &file(&other)) } else { bytes }
}

/// What a simple reader finds: the sample rate, and of every frame the first channel, the mean, and
/// the mean of sizes.
fn read(bytes: &[u8]) -> Option<(u32, Vec<[f64; 3]>)> {
    let number = |at: usize, width: usize| {
        Some(
            bytes
                .get(at..at + width)?
                .iter()
                .rev()
                .fold(0usize, |sum, byte| sum << 8 | usize::from(*byte)),
        )
    };
    let (mut at, mut form, mut long) = (12, None, None);
    let (header, content, length) = loop {
        let (body, length) = (at + 8, number(at + 4, 4)?);
        match bytes.get(at..at + 4)? {
            b"fmt " => {
                let tag = number(body, 2)?;
                let tag = if tag == 0xfffe { number(body + 24, 2)? } else { tag };
                form =
                    Some((tag, number(body + 2, 2)?, number(body + 4, 4)?, number(body + 14, 2)?));
            }
            b"ds64" => long = number(body + 8, 8),
            b"data" => break (form?, bytes.get(body..)?, length),
            _ => {}
        }
        at = body.checked_add(length)?.checked_add(length % 2)?;
    };
    let length = if length == 0xffff_ffff { long.unwrap_or(length) } else { length };
    // A length that was never filled in: all that follows is sound.
    let content = if length == 0 { content } else { content.get(..length).unwrap_or(content) };
    let (tag, channels, rate, bits) = header;
    if channels == 0 || bits < 8 {
        return None;
    }
    let samples: Vec<f64> =
        content.chunks_exact(bits / 8).map(|sample| decoded(tag, sample)).collect::<Option<_>>()?;
    let frame = |frame: &[f64]| {
        let mean =
            |size: fn(f64) -> f64| frame.iter().map(|x| size(*x)).sum::<f64>() / channels as f64;
        [frame[0], mean(|x| x), mean(f64::abs)]
    };
    Some((rate as u32, samples.chunks_exact(channels).map(frame).collect()))
}

fn decoded(tag: usize, sample: &[u8]) -> Option<f64> {
    Some(match (tag, sample) {
        (1, [byte]) => f64::from(*byte) / 128.0 - 1.0,
        (1, _) => {
            let mut wide = [0; 4];
            wide[4 - sample.len()..].copy_from_slice(sample);
            f64::from(i32::from_le_bytes(wide)) / 2_147_483_648.0
        }
        (3, _) if sample.len() == 4 => f64::from(f32::from_le_bytes(sample.try_into().ok()?)),
        (3, _) => f64::from_le_bytes(sample.try_into().ok()?),
        _ => return None,
    })
}

fn features() -> Vec<FeatureSpec> {
    [
        ("log_mel", json!({ "frame": 256, "hop": 128, "mels": 32 })),
        ("log_mel", json!({ "frame": 64, "hop": 1, "mels": 16, "center": false, "floor": "add" })),
        ("log_mel", json!({ "frame": 512, "hop": 512, "mels": 8, "pad": "reflect", "power": 1.0, "scale": "htk" })),
        ("spectrum", json!({ "frame": 128, "hop": 64 })),
        ("spectrum", json!({ "frame": 100, "hop": 99, "db": true, "center": false })),
        ("rms", json!({ "frame": 256, "hop": 128 })),
        ("clip_spectrum", json!({})),
        ("clip_spectrum", json!({ "log": false })),
    ]
    .map(|(name, settings)| FeatureSpec::parse(name, &settings).expect("good settings"))
    .into()
}

fn one(case: &mut Case, features: &[FeatureSpec]) -> Verdict {
    let bytes = mutant(&mut case.rng);
    case.keep("mutant.wav", &bytes);
    let Ok(parsed) = wav::parse(&bytes) else { return Ok(Fate::Refused) };
    let (Ok(first), Ok(mean)) = (parsed.mono(Channel::First), parsed.mono(Channel::Mean)) else {
        return Ok(Fate::Refused);
    };
    let Some((rate, expected)) = read(&bytes) else {
        return Err(wrong("it was accepted and is no recording"));
    };
    if (parsed.header.rate, first.len(), mean.len()) != (rate, expected.len(), expected.len()) {
        let found = (parsed.header.rate, first.len());
        return Err(wrong(format!(
            "(rate, samples) {found:?}, should be {:?}",
            (rate, expected.len())
        )));
    }
    for (i, [own, all, size]) in expected.iter().enumerate() {
        let off = |found: f32, right: f64, size: f64| {
            (f64::from(found) - right).abs() > 1e-6 * size.max(1e-30)
        };
        if off(first[i], *own, own.abs()) || off(mean[i], *all, *size) {
            return Err(wrong(format!(
                "sample {i} is {} and {}, should be {own} and {all}",
                first[i], mean[i]
            )));
        }
    }
    let feature = &features[case.rng.below(features.len())];
    let matrix = feature.member().extractor(rate).and_then(|extractor| extractor.extract(&mean));
    match matrix {
        Ok(matrix) if matrix.iter().any(|x| !x.is_finite()) => {
            Err(wrong("the features are not finite"))
        }
        Ok(_) => Ok(Fate::Accepted),
        Err(_) => Ok(Fate::Refused),
    }
}

#[test]
fn wav_files() {
    let features = features();
    hold("wav", 3000, 2, |case| one(case, &features));
}

#[test]
fn wav_files_of_the_program() {
    let project = Project::new();
    hold("wav-program", 60, 100, |case| {
        let bytes = mutant(&mut case.rng);
        case.keep("mutant.wav", &bytes);
        project.write("clip.wav", &bytes);
        let channel = *pick(&mut case.rng, &["mean", "first"]);
        let setting = *pick(
            &mut case.rng,
            &["mels=128", "frame=4096", "hop=1", "power=1", "center=false", "pad=reflect"],
        );
        let run = Program::new(&project)
            .run(&format!("features clip.wav -o out.npy --channel {channel} --set {setting}"));
        judged(&run)
    });
}
