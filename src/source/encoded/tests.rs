//! Tests of the readers of FLAC and Ogg, with files of libsndfile (`tests/data/make_recordings.py`).

use super::*;
use crate::artifact::Channel;
use crate::source::wav::Wav;

const TONE_16: &[u8] = include_bytes!("../../../tests/data/tone16.flac");
const TONE_24: &[u8] = include_bytes!("../../../tests/data/tone24.flac");
const TONE: &[u8] = include_bytes!("../../../tests/data/tone.ogg");

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

#[test]
fn heads_are_those_of_the_files() {
    for bytes in [TONE_16, TONE_24, TONE] {
        let whole = decode(bytes).unwrap().unwrap().header;
        assert_eq!(head(&bytes[..100]), Some(Header { frames: 0, ..whole }));
        assert_eq!(head(&bytes[..20]), None);
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
