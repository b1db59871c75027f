//! Tests of the reader of WAV files.

use super::*;
use proptest::prelude::*;

fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = [id.as_slice(), &(body.len() as u32).to_le_bytes(), body].concat();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

fn format(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let block = channels * bits.div_ceil(8);
    let mut body = [tag.to_le_bytes(), channels.to_le_bytes()].concat();
    body.extend([rate.to_le_bytes(), (rate * u32::from(block)).to_le_bytes()].concat());
    body.extend([block.to_le_bytes(), bits.to_le_bytes()].concat());
    body
}

fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    [b"RIFF".as_slice(), &(body.len() as u32 + 4).to_le_bytes(), b"WAVE", &body].concat()
}

/// A file with one `fmt ` and one `data` chunk.
fn plain(tag: u16, channels: u16, bits: u16, samples: &[u8]) -> Vec<u8> {
    file(&[chunk(b"fmt ", &format(tag, channels, 8000, bits)), chunk(b"data", samples)])
}

fn mono(bytes: &[u8], channel: Channel) -> Vec<f32> {
    let samples = parse(bytes).unwrap().mono(channel).unwrap();
    assert_eq!(by_parts(bytes, channel).unwrap(), samples);
    samples
}

fn why(bytes: &[u8]) -> String {
    let why = parse(bytes).and_then(|wav| wav.mono(Channel::Mean)).unwrap_err().to_string();
    assert_eq!(by_parts(bytes, Channel::Mean).unwrap_err(), why);
    why
}

/// What the reader of parts gives for the whole of a file with these bytes.
fn by_parts(bytes: &[u8], channel: Channel) -> Result<Vec<f32>, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let read = || {
        let frames = locate(file.path())?.frames as u64;
        read_range(file.path(), channel, crate::artifact::Segment { start: 0, frames })
    };
    match read() {
        Ok(wave) => Ok(wave.samples),
        Err(SourceError::File { why, .. }) => Err(why),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn every_encoding_spans_minus_one_to_one() {
    let read = |tag, bits, samples: &[u8]| mono(&plain(tag, 1, bits, samples), Channel::Mean);
    assert_eq!(read(1, 8, &[0, 128, 192]), [-1.0, 0.0, 0.5]);
    assert_eq!(read(1, 16, &[0, 0x80, 0, 0x40]), [-1.0, 0.5]);
    assert_eq!(read(1, 24, &[0, 0, 0x80, 0, 0, 0x40, 1, 0, 0]), [-1.0, 0.5, 1.0 / 8_388_608.0]);
    assert_eq!(read(1, 32, &[0, 0, 0, 0x80, 0, 0, 0, 0x40]), [-1.0, 0.5]);
    assert_eq!(read(3, 32, &[(-1f32).to_le_bytes(), 0.25f32.to_le_bytes()].concat()), [-1.0, 0.25]);
    assert_eq!(read(3, 64, &[(-1f64).to_le_bytes(), 0.25f64.to_le_bytes()].concat()), [-1.0, 0.25]);
}

#[test]
fn one_of_two_channels_their_difference_or_what_the_second_does_not_explain() {
    let steps: Vec<[i16; 2]> = (0..3000i32)
        .map(|i| {
            let far = (i * i % 4001) as i16 - 2000;
            [far / 2 + (i % 50 * 10) as i16, far]
        })
        .collect();
    let bytes: Vec<u8> = steps.as_flattened().iter().flat_map(|x| x.to_le_bytes()).collect();
    let bytes = plain(1, 2, 16, &bytes);
    let [first, second] = [0, 1].map(|number: usize| -> Vec<f32> {
        steps.iter().map(|both| f32::from(both[number]) / 32_768.0).collect()
    });
    assert_eq!(mono(&bytes, Channel::First), first);
    assert_eq!(mono(&bytes, Channel::Second), second);
    let differences: Vec<f32> = first.iter().zip(&second).map(|(a, b)| a - b).collect();
    assert_eq!(mono(&bytes, Channel::Difference), differences);
    assert_eq!(mono(&bytes, Channel::Cancel), crate::dsp::cancel(&first, &second));
}

#[test]
fn one_channel_has_no_second() {
    let bytes = plain(1, 1, 16, &[0; 8]);
    for channel in [Channel::Second, Channel::Difference, Channel::Cancel] {
        let why = parse(&bytes).unwrap().mono(channel).unwrap_err().to_string();
        assert_eq!(why, format!("it has one channel, and `channel: {channel}` needs two"));
    }
    let nan = f32::NAN.to_le_bytes();
    let bytes = plain(3, 2, 32, &[[0; 4], [0; 4], [0; 4], nan].concat());
    assert_eq!(
        parse(&bytes).unwrap().mono(Channel::Cancel).unwrap_err(),
        WavError::NotFinite { index: 1 }
    );
}

#[test]
fn channels_are_averaged_or_the_first_is_taken() {
    let samples: Vec<u8> = [16_384i16, -8192, 0, 32].iter().flat_map(|x| x.to_le_bytes()).collect();
    let bytes = plain(1, 2, 16, &samples);
    assert_eq!(mono(&bytes, Channel::Mean), [0.125, 16.0 / 32_768.0]);
    assert_eq!(mono(&bytes, Channel::First), [0.5, 0.0]);
    let header = Header { rate: 8000, channels: 2, encoding: Encoding::Pcm16, frames: 2 };
    assert_eq!(parse(&bytes).unwrap().header, header);
}

#[test]
fn other_chunks_and_the_extensible_header_are_understood() {
    let mut extensible = format(0xfffe, 1, 8000, 16);
    extensible.extend([22, 0, 16, 0, 4, 0, 0, 0, 1, 0]);
    extensible.extend([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
    let (list, fact) = (chunk(b"LIST", b"odd"), chunk(b"fact", &[1, 0, 0, 0]));
    let data = chunk(b"data", &[0, 0x40]);
    let bytes = file(&[
        list.clone(),
        chunk(b"fmt ", &extensible),
        fact,
        list,
        data.clone(),
        b"trailing".to_vec(),
    ]);
    assert_eq!(mono(&bytes, Channel::Mean), [0.5]);
    extensible[24] = 6;
    assert!(
        why(&file(&[chunk(b"fmt ", &extensible), data.clone()]))
            .contains("A-law (format tag 0x0006)")
    );
    extensible[30] = 9;
    assert!(
        why(&file(&[chunk(b"fmt ", &extensible), data.clone()]))
            .contains("unknown extensible sub-format")
    );
    let short = why(&file(&[chunk(b"fmt ", &extensible[..18]), data]));
    assert_eq!(short, "broken header: an extensible `fmt ` chunk has 40 bytes, not 18");
}

#[test]
fn whatever_is_wrong_with_a_file_is_said() {
    let good = plain(1, 2, 16, &[0; 8]);
    // The file's stated length ends at the data, but samples follow.
    let stopped = [b"RIFF\x24\0\0\0".as_slice(), &good[8..40], &[0; 4], &good[44..]].concat();
    let streamed_in_a_frame = { [&good[..40], &[0xff; 4], &good[44..51]].concat() };
    let never = "the length of the `data` chunk was never filled in (a recording that was cut off or piped); write the \
                 header anew, such as by `sox --ignore-length in.wav out.wav`";
    let closed = file(&[
        chunk(b"fmt ", &format(1, 2, 8000, 16)),
        chunk(b"data", &[]),
        chunk(b"LIST", b"INFO"),
    ]);
    let tagged = [b"ID3\x03\0\0\0\0\x01\x02".as_slice(), &[0; 130], &good].concat();
    let cut_in_two = { [&good[..40], &[0, 0, 0, 0x40], &good[44..]].concat() };
    let only = |id, body: &[u8]| file(&[chunk(id, body)]);
    let fmt = |channels, rate| {
        file(&[chunk(b"fmt ", &format(1, channels, rate, 16)), chunk(b"data", &[0; 8])])
    };
    let mut blocks = good.clone();
    blocks[32] = 3;
    let table: [(Vec<u8>, &str); 23] = [
        (vec![], "the file is empty"),
        (
            b"file,score\n1,2\n".to_vec(),
            "not a WAV file: it begins with `file,sco` where `RIFF` should be",
        ),
        (b"RIFF\0\0\0\0AVI ".to_vec(), "not a WAV file: a RIFF file of type `AVI `"),
        (good[..9].to_vec(), "truncated: the file ends before its `fmt ` chunk"),
        (
            good[..30].to_vec(),
            "truncated: the `fmt ` chunk should have 16 bytes, the file has 10 of them",
        ),
        (good[..38].to_vec(), "truncated: the file ends before its `data` chunk"),
        (
            good[..47].to_vec(),
            "truncated: the `data` chunk should have 8 bytes, the file has 3 of them",
        ),
        (
            cut_in_two,
            "truncated: the `data` chunk should have 1073741824 bytes, the file has 8 of them",
        ),
        (streamed_in_a_frame, never),
        (stopped, never),
        (closed, "the data chunk holds no samples"),
        (tagged, "not a WAV file: an ID3 tag stands before `RIFF`; write the file without its tag"),
        (b"ID3\x03\0\0\0\0\0\x02  \xff\xfb".to_vec(), "not a WAV file: an MP3 file"),
        (b"ID3".to_vec(), "not a WAV file: an MP3 file"),
        (
            only(b"fmt ", &[0; 15]),
            "broken header: the `fmt ` chunk has 15 bytes, at least 16 are needed",
        ),
        (only(b"data", &[0; 8]), "broken header: the `data` chunk comes before the `fmt ` chunk"),
        (fmt(0, 8000), "broken header: it has 0 channels"),
        (fmt(1, 0), "broken header: its sample rate is 0 Hz"),
        (blocks, "broken header: 2 channels of 2 bytes do not make the stated blocks of 3 bytes"),
        (plain(1, 2, 16, &[]), "the data chunk holds no samples"),
        (
            plain(1, 2, 16, &[0; 7]),
            "the data chunk has 7 bytes, not a multiple of 4 (2 channels of 2 bytes)",
        ),
        (plain(3, 1, 32, &f32::NAN.to_le_bytes()), "sample 0 is not a finite number"),
        (plain(3, 1, 64, &1e300f64.to_le_bytes()), "sample 0 is not a finite number"),
    ];
    for (bytes, message) in table {
        assert_eq!(why(&bytes), message);
    }
    let flac = parse(b"fLaC....").err().expect("it is none").to_string();
    assert_eq!(flac, "not a WAV file: a FLAC file");
    for (tag, bits, name) in [
        (2, 4, "Microsoft ADPCM (format tag 0x0002)"),
        (7, 8, "mu-law (format tag 0x0007)"),
        (0x1234, 8, "an unknown codec (format tag 0x1234)"),
        (1, 12, "PCM of 12 bit"),
        (3, 16, "float of 16 bit"),
    ] {
        assert!(
            why(&plain(tag, 1, bits, &[0; 8]))
                .starts_with(&format!("the samples are stored as {name};"))
        );
    }
}

#[test]
fn a_length_that_was_never_filled_in_is_that_of_the_file() {
    let good = plain(1, 1, 16, &[0, 0x40, 0, 0x80, 0, 0x20]);
    let expected = mono(&good, Channel::Mean);
    assert_eq!(expected, [0.5, -1.0, 0.25]);
    // The lengths of the file and of its data, as ffmpeg, sox, arecord, espeak and a switched-off
    // recorder leave them.
    for (whole, data) in [
        (0xffff_ffff_u32, 0xffff_ffff_u32),
        (0x7fff_f024, 0x7fff_f000),
        (0x8000_0024, 0x8000_0000),
        (0xffff_ffff, 0xffff_ffd3),
        (42, 0xffff_ffff),
        (0, 0),
        (0xffff_ffff, 0),
    ] {
        let bytes = [
            b"RIFF".as_slice(),
            &whole.to_le_bytes(),
            &good[8..40],
            &data.to_le_bytes(),
            &good[44..],
        ]
        .concat();
        assert_eq!(mono(&bytes, Channel::Mean), expected, "{whole:x} {data:x}");
    }
}

#[test]
fn a_small_file_of_the_long_form_is_read() {
    let lengths = |data: u64| [&[0; 8], data.to_le_bytes().as_slice(), &[0; 12]].concat();
    let (fmt, samples) = (chunk(b"fmt ", &format(1, 1, 8000, 16)), [0, 0x40, 0, 0x80, 9, 9]);
    for magic in [b"RF64", b"BW64"] {
        let long = |data: u64| {
            let body = [
                chunk(b"ds64", &lengths(data)),
                fmt.clone(),
                b"data\xff\xff\xff\xff".to_vec(),
                samples.to_vec(),
            ];
            [magic.as_slice(), &[0xff; 4], b"WAVE", &body.concat()].concat()
        };
        assert_eq!(mono(&long(4), Channel::Mean), [0.5, -1.0], "what follows the data is none");
        let cut =
            "truncated: the `data` chunk should have 5000000000 bytes, the file has 6 of them";
        assert_eq!(why(&long(5_000_000_000)), cut);
        // As ffmpeg leaves it in a pipe (`-rf64 always`), and as other programs do.
        for never in [0, u64::MAX] {
            assert_eq!(mono(&long(never), Channel::Mean), [0.5, -1.0, 2313.0 / 32_768.0]);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), long(4)).unwrap();
        assert_eq!(head(file.path()).unwrap().rate, 8000);
        let mut within = long(0);
        within.pop();
        assert!(why(&within).starts_with("the length of the `data` chunk was never filled in"));
    }
}

#[test]
fn files_are_read_with_the_digest_of_their_bytes_and_errors_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let bytes = plain(1, 1, 16, &[0, 0x40]);
    std::fs::write(&path, &bytes).unwrap();
    let expected = Wave { rate: 8000, samples: vec![0.5] };
    assert_eq!(read(&path, Channel::Mean).unwrap(), expected);
    assert_eq!(read_hashed(&path, Channel::First).unwrap(), (expected, Digest::of(&bytes)));
    std::fs::write(&path, "text").unwrap();
    let why = read(&path, Channel::Mean).unwrap_err().to_string();
    assert!(why.contains("a.wav: not a WAV file: it begins with `text`"), "{why}");
    let missing = folder.path().join("b.wav");
    assert!(read_hashed(&missing, Channel::Mean).unwrap_err().to_string().contains("b.wav: "));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(parse(&bytes).is_err());
    }

    #[test]
    fn no_damage_makes_the_reader_panic(
        tag in prop::sample::select(vec![1u16, 3, 0xfffe]), channels in 0u16..4,
        bits in prop::sample::select(vec![8u16, 16, 24, 32, 64]), samples in prop::collection::vec(any::<u8>(), 0..64),
        cut in 0usize..120, damage in prop::collection::vec((0usize..120, any::<u8>()), 0..4),
    ) {
        let mut bytes = plain(tag, channels, bits, &samples);
        bytes.truncate(bytes.len().saturating_sub(cut).max(20));
        for (at, value) in damage {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        let two = [Channel::Second, Channel::Difference, Channel::Cancel];
        for channel in [Channel::Mean, Channel::First].into_iter().chain(two) {
            if let Ok(samples) = parse(&bytes).and_then(|wav| wav.mono(channel)) {
                prop_assert!(!samples.is_empty() && samples.len() <= bytes.len());
            }
        }
    }

    #[test]
    fn what_hound_writes_is_read(samples in prop::collection::vec(any::<i16>(), 1..50)) {
        let spec = hound::WavSpec {
            channels: 1, sample_rate: 44_100, bits_per_sample: 16, sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        samples.iter().for_each(|&x| writer.write_sample(x).unwrap());
        writer.finalize().unwrap();
        let expected: Vec<f32> = samples.iter().map(|&x| f32::from(x) / 32_768.0).collect();
        prop_assert_eq!(mono(bytes.get_ref(), Channel::Mean), expected);
    }
}

#[test]
fn of_two_formats_the_last_holds_with_and_without_the_samples() {
    let fmt = |rate| chunk(b"fmt ", &format(1, 1, rate, 16));
    let bytes = file(&[fmt(8000), fmt(96_000), chunk(b"data", &[0; 8])]);
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), &bytes).unwrap();
    assert_eq!(parse(&bytes).unwrap().header.rate, 96_000);
    assert_eq!(head(path.path()).unwrap().rate, 96_000);
}
