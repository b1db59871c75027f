//! FLAC files made on the spot (RFC 9639), as simple as the format allows: blocks of verbatim
//! samples, with the checksums that a decoder looks at.

/// Samples of a block.
const BLOCK: usize = 4096;

/// A FLAC file of samples of all channels in turn, of 16 or 24 bits.
pub fn flac(samples: &[i32], channels: usize, rate: u32, bits: u32) -> Vec<u8> {
    let frames = samples.len() / channels;
    let mut bytes = b"fLaC\x80\0\0\x22".to_vec();
    bytes.extend([(BLOCK as u16).to_be_bytes(), (BLOCK as u16).to_be_bytes()].concat());
    // The sizes of frames are not known.
    bytes.extend([0; 6]);
    let packed = u64::from(rate) << 44
        | (channels as u64 - 1) << 41
        | u64::from(bits - 1) << 36
        | frames as u64;
    bytes.extend(packed.to_be_bytes());
    // Nor is the MD5 sum.
    bytes.extend([0; 16]);
    for (number, block) in samples.chunks(BLOCK * channels).enumerate() {
        bytes.extend(frame(block, channels, bits, number));
    }
    bytes
}

fn frame(samples: &[i32], channels: usize, bits: u32, number: usize) -> Vec<u8> {
    let size = match bits {
        16 => 0b100,
        24 => 0b110,
        _ => panic!("samples of {bits} bits"),
    };
    // The length stands behind the number, the rate in the header of the file.
    let mut bytes = vec![0xff, 0xf8, 0x70, (channels as u8 - 1) << 4 | size << 1];
    assert!(number < 128, "the recording is too long for this writer");
    bytes.push(number as u8);
    bytes.extend(((samples.len() / channels - 1) as u16).to_be_bytes());
    bytes.push(checksum(&bytes, 8, 0x07) as u8);
    for channel in 0..channels {
        // Samples as they are.
        bytes.push(0b10);
        for sample in samples.iter().skip(channel).step_by(channels) {
            bytes.extend(&sample.to_be_bytes()[4 - bits as usize / 8..]);
        }
    }
    bytes.extend((checksum(&bytes, 16, 0x8005) as u16).to_be_bytes());
    bytes
}

/// A CRC of so many bits, the highest first, from zero.
fn checksum(bytes: &[u8], bits: u32, polynomial: u32) -> u32 {
    let (top, mask) = (1 << (bits - 1), (1u32 << bits) - 1);
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << (bits - 8), |sum: u32, _| {
            if sum & top != 0 { (sum << 1 ^ polynomial) & mask } else { sum << 1 & mask }
        })
    })
}

/// The same recording as a WAV file of integers.
pub fn of_wav(bytes: &[u8]) -> Vec<u8> {
    let mut reader = hound::WavReader::new(bytes).expect("a WAV file");
    let spec = reader.spec();
    let samples: Vec<i32> = reader.samples().collect::<Result<_, _>>().expect("integers");
    flac(&samples, usize::from(spec.channels), spec.sample_rate, u32::from(spec.bits_per_sample))
}
