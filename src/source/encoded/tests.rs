//! Tests of the readers of FLAC and Ogg, with files of libsndfile (`tests/data/make_recordings.py`).

use super::*;
use crate::artifact::{Channel, Segment};
use crate::source::SourceError;
use crate::source::wav::{self, Wav};

const TONE_16: &[u8] = include_bytes!("../../../tests/data/tone16.flac");
const TONE_24: &[u8] = include_bytes!("../../../tests/data/tone24.flac");
const TONE: &[u8] = include_bytes!("../../../tests/data/tone.ogg");
/// Of 30,000 samples in several pages, with long and short blocks.
const BEATS: &[u8] = include_bytes!("../../../tests/data/beats.ogg");

#[derive(serde::Deserialize)]
struct Expected {
    tone16: Vec<i16>,
    tone24: Vec<[i32; 2]>,
    tone: Vec<f32>,
}

fn expected() -> Expected {
    serde_json::from_str(include_str!("../../../tests/data/recordings.json")).unwrap()
}

fn heard(bytes: &[u8], channel: Channel) -> (Header, Vec<f32>) {
    let Decoded { header, data } = decode(bytes).unwrap().unwrap();
    (header, Wav { header, data: &data }.mono(channel).unwrap())
}

fn told(bytes: &[u8]) -> String {
    decode(bytes).unwrap().err().unwrap()
}

#[test]
fn flac_has_the_samples_of_wav() {
    let Expected { tone16, tone24, .. } = expected();
    let (header, samples) = heard(TONE_16, Channel::Mean);
    assert_eq!((header.rate, header.channels, header.frames), (8000, 1, 500));
    let same: Vec<f32> = tone16.iter().map(|x| f32::from(*x) / 32_768.0).collect();
    assert_eq!(samples, same);
    let (header, samples) = heard(TONE_24, Channel::Second);
    assert_eq!((header.rate, header.channels, header.frames), (44_100, 2, 200));
    let same: Vec<f32> = tone24.iter().map(|both| both[1] as f32 / 8_388_608.0).collect();
    assert_eq!(samples, same);
}

#[test]
fn vorbis_has_the_samples_of_libvorbis() {
    let (header, samples) = heard(TONE, Channel::Mean);
    assert_eq!((header.rate, header.channels, header.frames), (8000, 1, 500));
    let theirs = expected().tone;
    let off = samples.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    // Both compute with f32, in different orders.
    assert!(samples.len() == theirs.len() && off < 2e-6, "{off}");
}

/// A FLAC file of 8 blocks, large enough that a block is looked for by bisection.
fn long() -> Vec<u8> {
    let samples: Vec<i32> = (0..60_000).map(|i| i * 7919 % 2_000_011 - 1_000_000).collect();
    made::flac(&samples, 2, 48_000, 24)
}

#[test]
fn a_part_has_the_samples_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut unknown = long();
    // The encoder of a pipe does not know the number of samples.
    unknown[22..26].fill(0);
    let (long, path) = (long(), |name: &str| folder.path().join(name));
    for (name, bytes, frames) in [
        ("tone16.flac", TONE_16, 500),
        ("tone24.flac", TONE_24, 200),
        ("tone.ogg", TONE, 500),
        ("beats.ogg", BEATS, 30_000),
        ("long.flac", long.as_slice(), 30_000),
        ("unknown.flac", unknown.as_slice(), 30_000),
    ] {
        let path = path(name);
        std::fs::write(&path, bytes).unwrap();
        let whole = decode(bytes).unwrap().unwrap().header;
        // Both times: what was found is remembered.
        for _ in 0..2 {
            assert_eq!(wav::locate(&path).unwrap(), whole, "{name}");
        }
        assert_eq!(whole.frames, frames);
        let channel = if whole.channels == 2 { Channel::Difference } else { Channel::Mean };
        let all = wav::read(&path, channel).unwrap();
        let seventh = frames / 7;
        let parts = [(0, frames), (0, 1), (frames - 1, 1), (seventh, 4 * seventh), (4095, 2)];
        let blocks = [(4096, 4096), (8191, 12_290), (20_480, 9520), (25_919, 3)];
        for (start, count) in parts.into_iter().chain(blocks) {
            if start + count > frames {
                continue;
            }
            let part = Segment { start: start as u64, frames: count as u64 };
            let read = wav::read_range(&path, channel, part).unwrap();
            assert_eq!(read.rate, all.rate);
            assert!(read.samples == all.samples[start..start + count], "{name} {start}+{count}");
        }
        for (start, count) in [(0, frames + 1), (frames, 1), (5, 0)] {
            let part = Segment { start: start as u64, frames: count as u64 };
            let why = wav::read_range(&path, channel, part).unwrap_err().to_string();
            assert!(why.contains(", too few for the clip") || why.contains("truncated"), "{why}");
        }
    }
}

#[test]
fn a_damaged_part_is_an_error_and_the_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let why = |error: SourceError| match error {
        SourceError::File { why, .. } => why,
        other => panic!("{other}"),
    };
    let sound = long();
    let mut damaged = sound.clone();
    // Within the fourth block.
    damaged[42 + 3 * 24_600 + 5000] ^= 1;
    let path = written("damaged.flac", &damaged);
    assert_eq!(wav::locate(&path).unwrap().frames, 30_000);
    let all = wav::read(&written("sound.flac", &sound), Channel::Mean).unwrap().samples;
    for block in 0..7 {
        let part = Segment { start: 4096 * block + 10, frames: 4000 };
        match wav::read_range(&path, Channel::Mean, part) {
            Ok(read) => assert!(block != 3 && read.samples == all[part.start as usize..][..4000]),
            Err(error) => {
                assert_eq!(why(error), "damaged: samples before sample 16384 are missing");
                assert_eq!(block, 3);
            }
        }
    }
    let short = why(wav::locate(&written("short.flac", &sound[..100_000])).unwrap_err());
    assert!(short.starts_with("truncated: "), "{short}");
    let mut page = BEATS.to_vec();
    page[5000] ^= 1;
    let page = why(wav::locate(&written("page.ogg", &page)).unwrap_err());
    assert_eq!(page, "damaged: page 2 has not its checksum");
    let cut = why(wav::locate(&written("cut.ogg", &BEATS[..7000])).unwrap_err());
    assert!(cut.starts_with("truncated or damaged: "), "{cut}");
}

/// The encoder of a pipe knows neither the number of samples nor their sum.
fn piped() -> Vec<u8> {
    let mut piped = long();
    piped[21] &= 0xf0;
    piped[22..42].fill(0);
    piped
}

#[test]
fn a_flac_file_of_a_pipe_is_read_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let both = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let cut = wav::locate(&path).map(|header| header.frames);
        (decode(bytes).unwrap().map(|all| all.header.frames), cut)
    };
    let piped = piped();
    let (whole, cut) = both("sound.flac", &piped);
    assert_eq!((whole.unwrap(), cut.unwrap()), (30_000, 30_000));
    // Seven blocks of 4096 samples and a shorter one.
    let block = |number: usize| 42 + number * (8 + 2 * (1 + 3 * 4096) + 2);
    let flipped = |at: usize| {
        let mut bytes = piped.clone();
        bytes[at] ^= 1;
        bytes
    };
    let without = |number: usize| [&piped[..block(number)], &piped[block(number + 1)..]].concat();
    let broken = [
        (flipped(block(3) + 5000), "damaged: samples before sample 16384 are missing"),
        (without(3), "damaged: samples before sample 16384 are missing"),
        (flipped(block(0) + 5000), "truncated or damaged: 24588 of its bytes are in no"),
        (flipped(block(7) + 50), "truncated or damaged: "),
        (piped[..piped.len() - 2000].to_vec(), "truncated or damaged: "),
        (piped[..block(6) + 5000].to_vec(), "truncated or damaged: 5000 of its bytes"),
        ([piped.as_slice(), b"TAG"].concat(), "truncated or damaged: "),
    ];
    for (number, (bytes, why)) in broken.into_iter().enumerate() {
        let (whole, cut) = both(&format!("{number}.flac"), &bytes);
        let (whole, cut) = (whole.unwrap_err(), cut.unwrap_err().to_string());
        assert!(whole.starts_with(why), "{whole}");
        assert!(cut.ends_with(&whole), "{cut}");
    }
}

#[test]
fn a_file_that_is_cut_has_no_more_samples_than_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let samples: Vec<i32> = (0..5000).map(|i| i * 7919 % 20_011 - 10_000).collect();
    let sound = made::flac(&samples, 1, 16_000, 16);
    let says = |bytes: &[u8], samples: u32| {
        let mut bytes = bytes.to_vec();
        bytes[22..26].copy_from_slice(&samples.to_be_bytes());
        bytes
    };
    let located = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let part = Segment { start: 2400, frames: 100 };
        (wav::locate(&path).map_err(|e| e.to_string()), wav::read_range(&path, Channel::Mean, part))
    };
    let (header, part) = located("sound.flac", &sound);
    assert_eq!((header.unwrap().frames, part.unwrap().samples.len()), (5000, 100));
    let first_block = 42 + 8 + 1 + 2 * 4096 + 2;
    let short = made::flac(&samples[..4500], 1, 16_000, 16);
    for (name, bytes, why) in [
        ("half.flac", says(&sound, 2500), "and the last block ends at sample 5000"),
        ("block.flac", says(&sound, 4096), "and the last block ends at sample 5000"),
        (
            "piece.flac",
            says(&sound[..first_block + 300], 4096),
            "bytes behind its last whole block are no block",
        ),
        ("two.flac", [sound.as_slice(), &short].concat(), ""),
    ] {
        let told = located(name, &bytes).0.unwrap_err();
        assert!(told.ends_with(why), "{name}: {told}");
    }
}

#[test]
fn heads_are_those_of_the_files() {
    for bytes in [TONE_16, TONE_24, TONE] {
        let whole = decode(bytes).unwrap().unwrap().header;
        assert_eq!(head(&bytes[..100]), Some(Ok(Header { frames: 0, ..whole })));
        assert!(head(&bytes[..20]).unwrap().is_err());
    }
    assert!(head(b"RIFF").is_none() && decode(b"RIFF").is_none() && decode(b"").is_none());
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let changed = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    assert_eq!(told(b"fLaC"), "broken header: there is no STREAMINFO block at its start");
    // The MD5 sum, and the number of samples.
    assert_eq!(
        told(&changed(TONE_16, 30)),
        "broken: its samples have not the MD5 sum of its header"
    );
    assert!(told(&changed(TONE_16, 25)).starts_with("truncated: "));
    let cut = told(&TONE_16[..TONE_16.len() - 20]);
    assert!(cut.starts_with("truncated") || cut.starts_with("broken"), "{cut}");
    let cut = told(&TONE[..TONE.len() - 20]);
    assert!(cut.starts_with("truncated or damaged: there is no whole page at byte "), "{cut}");
    assert_eq!(told(&changed(TONE, TONE.len() - 9)), "damaged: page 2 has not its checksum");
    let first = 58;
    assert_eq!(told(&TONE[..first]), "truncated: its last page is missing");
    assert_eq!(told(&[TONE, TONE].concat()), "it holds several streams; only one is read");
    let mut opus = TONE.to_vec();
    opus[28..36].copy_from_slice(b"OpusHead");
    assert_eq!(told(&opus), "an Ogg file of Opus; of Ogg only Vorbis is read");
    // The channels of the identification header.
    let mut three = TONE.to_vec();
    three[39] = 3;
    assert_eq!(head(&three).unwrap().unwrap_err(), told(&three));
    assert_eq!(
        told(&three),
        "an Ogg Vorbis file of 3 channels; the decoder is wrong for more than 2: write it as FLAC or WAV"
    );
}

#[test]
fn no_damage_makes_a_reader_panic_or_changes_samples_without_a_word() {
    for bytes in [TONE_16, TONE_24, TONE] {
        let sound = decode(bytes).unwrap().unwrap();
        for at in (4..bytes.len()).step_by(3) {
            for bit in [0, 3, 7] {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= 1 << bit;
                let Some(Ok(read)) = decode(&damaged) else { continue };
                // Comments, padding and sizes of frames are no samples; the rate has no check.
                assert_eq!(
                    (read.data == sound.data, read.header.channels),
                    (true, sound.header.channels),
                    "{at} {bit}"
                );
            }
        }
        for length in (4..bytes.len()).step_by(7) {
            assert!(decode(&bytes[..length]).unwrap().is_err(), "{length}");
        }
    }
}
