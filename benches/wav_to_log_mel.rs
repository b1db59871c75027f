//! WAV file -> log-mel of a clip of 10 s at 16 kHz, 16 bit, on one thread; beside librosa where
//! `benches/peers/setup.sh librosa` has been run.
//!
//! `cargo bench --bench wav_to_log_mel`. The parties take turns in short rounds, so that a machine
//! that becomes slower or faster meanwhile does so for all of them.

#![expect(clippy::disallowed_methods, reason = "a benchmark is about the clock")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use humshift::artifact::Channel;
use humshift::feature::log_mel::LogMel;
use humshift::feature::{Extractor, Feature};
use humshift::math;
use humshift::source::wav;

const RATE: u32 = 16_000;
const SECONDS: u32 = 10;
const ROUNDS: usize = 20;
const CLIPS: usize = 50;
const PEER_CLIPS: usize = 10;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("clip.wav");
    write_clip(&path);
    let extractor = LogMel::default().extractor(RATE).expect("the default settings are valid");
    let mut peer = Peer::start(&path);
    if let Some(peer) = &peer {
        check(&*extractor, &path, &peer.values);
    }
    let (mut read, mut hashed, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    let (mut baseline, mut cached) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        whole.extend(times(CLIPS, || features(&*extractor, &path)));
        if let Some(peer) = &mut peer {
            baseline.extend(peer.times("baseline"));
        }
        read.extend(times(CLIPS, || drop(wav::read(&path, Channel::Mean).expect("a WAV file"))));
        hashed.extend(times(CLIPS, || {
            drop(wav::read_hashed(&path, Channel::Mean).expect("a WAV file"))
        }));
        if let Some(peer) = &mut peer {
            cached.extend(peer.times("cached"));
        }
    }
    println!(
        "ms per clip of {SECONDS} s at {RATE} Hz, one thread, {ROUNDS} rounds   median  minimum"
    );
    show("humshift: WAV file -> samples", &mut read);
    show("humshift: WAV file -> samples and SHA-256", &mut hashed);
    let ours = show("humshift: WAV file -> log-mel", &mut whole);
    let Some(peer) = peer else {
        println!("librosa: not measured; run benches/peers/setup.sh librosa");
        return;
    };
    for (way, mut seconds) in
        [("as the DCASE baseline calls it", baseline), ("filter bank kept", cached)]
    {
        let theirs = show(&format!("{}, {way}", peer.name), &mut seconds);
        println!("  humshift is {:.2} times as fast (medians)", theirs / ours);
    }
}

fn features(extractor: &dyn Extractor, path: &Path) {
    let wave = wav::read(path, Channel::Mean).expect("a WAV file");
    std::hint::black_box(extractor.extract(&wave.samples).expect("long enough"));
}

/// Both parties must do the same work: a few values of frame 7 are compared.
fn check(extractor: &dyn Extractor, path: &Path, theirs: &[f32]) {
    let wave = wav::read(path, Channel::Mean).expect("a WAV file");
    let ours = extractor.extract(&wave.samples).expect("long enough");
    let near = theirs.iter().zip(ours.row(7)).all(|(a, b)| (a - b).abs() < 1e-3);
    assert!(near && !theirs.is_empty(), "librosa gives {theirs:?}, we give {:?}", ours.row(7));
}

/// A hum with harmonics in noise, the same each time.
fn write_clip(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("a writable folder");
    let mut state = 1u32;
    for i in 0..RATE * SECONDS {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 16) as f32 / 65_536.0 - 0.5;
        let phase = i as f32 / RATE as f32 * std::f32::consts::TAU * 120.0;
        let sample = 0.2 * math::sin(phase) + 0.1 * math::sin(3.0 * phase) + 0.1 * noise;
        writer.write_sample((sample * 32_767.0) as i16).expect("room on the disk");
    }
    writer.finalize().expect("room on the disk");
}

fn times(count: usize, mut work: impl FnMut()) -> Vec<f64> {
    let mut one = || {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..count).map(|_| one()).collect()
}

/// Prints and returns the median in ms.
fn show(name: &str, seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let (median, minimum) = (1e3 * seconds[seconds.len() / 2], 1e3 * seconds[0]);
    println!("{name:<64} {median:>7.3}  {minimum:>7.3}");
    median
}

/// librosa in its own process, which waits while we work.
struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    name: String,
    /// The first values of frame 7.
    values: Vec<f32>,
}

impl Peer {
    fn start(clip: &Path) -> Option<Self> {
        let peers = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
        let python = peers.join(".venv/bin/python");
        if !python.exists() {
            return None;
        }
        let mut command = Command::new(python);
        command
            .arg(peers.join("librosa_log_mel.py"))
            .arg(clip)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("python starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut peer = Self { child, input, output, name: String::new(), values: Vec::new() };
        peer.name = peer.line();
        peer.values = peer.line().split(' ').map(|x| x.parse().expect("a number")).collect();
        Some(peer)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("an answer of librosa_log_mel.py");
        line.trim().to_owned()
    }

    fn times(&mut self, way: &str) -> Vec<f64> {
        let input = self.input.as_mut().expect("open until dropped");
        writeln!(input, "{way} {PEER_CLIPS}").expect("librosa_log_mel.py still runs");
        self.line().split(' ').map(|x| x.parse().expect("a time")).collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its input is the end of the script.
        self.input = None;
        self.child.wait().ok();
    }
}
