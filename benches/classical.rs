//! The classical detectors beside scikit-learn's, one thread each, on the same vectors of 128
//! values that look like log-mel; needs `benches/peers/setup.sh scikit-learn`, without which only
//! our times are there.
//!
//! `cargo bench --bench classical [-- [quick] [TASK...]]`: all tasks or those whose names begin so,
//! with 3,000 vectors and, unless quick, with 200,000. The parties take turns, so that a machine
//! that becomes slower meanwhile does so for both, and times are those of the processor, so that
//! other work on it does not count. We have f32 vectors and answer as f64 arithmetic does;
//! scikit-learn has them as f32 or as f64 and computes in that type where it can. What starts at
//! random starts elsewhere with each of a few seeds, and never where the other party does: its
//! times are means over seeds of the minimum (median) of each, and there is the ratio of the times
//! of one iteration as well.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use humshift::context::Context;
use humshift::detector::{DetectorSpec, Examples};
use humshift::seed::Seed;
use ndarray::{Array2, Axis};
use serde_json::{Value, json};

const DIMS: usize = 128;
const SMALL: usize = 3_000;
const LARGE: usize = 200_000;
const QUERIES: usize = 400;

const HEADER: [&str; 2] = [
    "                                   humshift           scikit-learn       ratio of                 iterations ratio",
    "task                rows   minimum   median type  minimum   median minima medians target         ours theirs  each",
];

/// A detector, and the task of classical.py that is the same work.
struct Task {
    peer: &'static str,
    detector: &'static str,
    settings: Value,
    /// Whether scoring is on the clock.
    score: bool,
    /// Other starts, where there are any.
    seeds: u64,
    /// How far the scores of the parties may be apart: each where there is one answer, else their
    /// means.
    tolerance: f64,
    /// The most that the ratio of minima should be.
    target: Option<f64>,
}

fn tasks() -> Vec<(Task, Vec<usize>, &'static [&'static str])> {
    let exact = |peer, detector, settings, target| Task {
        peer,
        detector,
        settings,
        score: true,
        seeds: 1,
        tolerance: 1e-3,
        target: Some(target),
    };
    let fit = |task| Task { score: false, ..task };
    let random = |task| Task { seeds: 3, tolerance: 0.05, ..task };
    let svm = |peer, nu| fit(exact(peer, "one_class_svm", json!({ "nu": nu }), 3.0));
    let gmm = json!({ "components": 4, "tolerance": 1e-3, "max_iterations": 100, "runs": 1 });
    let kmeans = json!({ "clusters": 16, "runs": 1, "tolerance": 1e-4, "max_iterations": 300 });
    let forest = json!({ "trees": 100, "samples": 256 });
    let (small, both) = (vec![SMALL], vec![SMALL, LARGE]);
    let types: &[&str] = &["f32", "f64"];
    vec![
        (exact("knn", "knn", json!({ "k": 5 }), 0.9), both.clone(), types),
        (random(fit(exact("gmm", "gmm", gmm, 1.0))), both.clone(), types),
        (random(fit(exact("kmeans", "kmeans", kmeans, 1.0))), both.clone(), types),
        (fit(exact("pca", "pca", json!({ "components": 16 }), 1.0)), both, types),
        (
            random(exact("isolation_forest", "isolation_forest", forest, 1.0)),
            small.clone(),
            &["f32"],
        ),
        (exact("lof", "lof", json!({ "k": 10 }), 1.0), small.clone(), types),
        (exact("kde", "kde", json!({ "bandwidth": 3 }), 1.0), small.clone(), &["f64"]),
        (svm("svm_0.1", 0.1), small.clone(), &["f64"]),
        (svm("svm_0.5", 0.5), small.clone(), &["f64"]),
        (
            Task { target: None, ..exact("mahalanobis", "mahalanobis", json!({}), 1.0) },
            small,
            types,
        ),
    ]
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let quick = arguments.iter().any(|arg| arg == "quick");
    let wanted = |peer: &str| {
        let mut words = arguments.iter().filter(|arg| *arg != "quick").peekable();
        words.peek().is_none() || words.any(|word| peer.starts_with(word.as_str()))
    };
    let data = Data::new(if quick { SMALL } else { LARGE });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut peer = Peer::start(&data, folder.path());
    println!(
        "humshift beside {}; one thread each, ms",
        peer.as_ref().map_or("nothing", |peer| &peer.name)
    );
    println!("{}", HEADER.join("\n"));
    for (task, sizes, types) in tasks().iter().filter(|(task, ..)| wanted(task.peer)) {
        for &rows in sizes.iter().filter(|rows| **rows <= data.train.nrows()) {
            measure(task, rows, types, &data, peer.as_mut());
        }
    }
}

fn measure(task: &Task, rows: usize, types: &[&str], data: &Data, mut peer: Option<&mut Peer>) {
    let (seeds, turns) = match (rows > SMALL, task.seeds) {
        (false, seeds) => (seeds, 10),
        (true, 1) => (1, 4),
        // Minutes in all.
        (true, _) => (2, 2),
    };
    let mut ours = Vec::new();
    let mut theirs: Vec<Vec<Vec<Turn>>> = types.iter().map(|_| Vec::new()).collect();
    for seed in 0..seeds {
        ours.push(Vec::new());
        theirs.iter_mut().for_each(|seeds| seeds.push(Vec::new()));
        for _ in 0..turns {
            let our_turn = data.turn(task, rows, seed);
            for (kind, theirs) in types.iter().zip(&mut theirs) {
                if let Some(peer) = &mut peer {
                    let their_turn = peer.turn(task, rows, kind, seed);
                    check(task, &our_turn.scores, &their_turn.scores);
                    theirs.last_mut().expect("one of this seed").push(their_turn);
                }
            }
            ours.last_mut().expect("one of this seed").push(our_turn);
        }
    }
    let ours = Times::of(ours);
    print!("{:<17}{rows:>7}{:>10.2}{:>9.2}", task.peer, ours.minimum, ours.median);
    if peer.is_none() {
        println!();
        return;
    }
    for (line, (kind, theirs)) in types.iter().zip(theirs).enumerate() {
        if line > 0 {
            print!("{:43}", "");
        }
        show(task, kind, &ours, &Times::of(theirs));
    }
}

fn show(task: &Task, kind: &str, ours: &Times, theirs: &Times) {
    let ratio = ours.minimum / theirs.minimum;
    print!("{kind:>5}{:>9.2}{:>9.2}{ratio:>7.3}", theirs.minimum, theirs.median);
    print!("{:>8.3}", ours.median / theirs.median);
    match task.target {
        Some(target) => {
            print!("{target:>7.1} {}", if ratio <= target { "met   " } else { "MISSED" })
        }
        None => print!("{:14}", ""),
    }
    if ours.iterations > 0.0 {
        let each = ratio * theirs.iterations / ours.iterations;
        print!("{:>6.1}{:>7.1}{each:>6.3}", ours.iterations, theirs.iterations);
    }
    println!();
}

/// Both parties must do the same work, so their scores must be the same, or nearly where they start
/// at random.
fn check(task: &Task, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{}", task.peer);
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let scale = mean(&theirs.iter().map(|score| score.abs()).collect::<Vec<f64>>());
    let near = |a: f64, b: f64| (a - b).abs() <= task.tolerance * scale;
    let all = if task.seeds > 1 {
        near(mean(ours), mean(theirs))
    } else {
        ours.iter().zip(theirs).all(|(a, b)| near(*a, *b))
    };
    assert!(all, "{}: scikit-learn gives {:?}, we give {:?}", task.peer, &theirs[..4], &ours[..4]);
}

/// What one fit, with its scores where they count, came to.
struct Turn {
    seconds: f64,
    iterations: f64,
    scores: Vec<f64>,
}

/// Of the turns of all seeds: means over the seeds, in ms.
struct Times {
    minimum: f64,
    median: f64,
    iterations: f64,
}

impl Times {
    fn of(mut seeds: Vec<Vec<Turn>>) -> Self {
        seeds.iter_mut().for_each(|turns| turns.sort_by(|a, b| a.seconds.total_cmp(&b.seconds)));
        let mean = |f: &dyn Fn(&[Turn]) -> f64| {
            seeds.iter().map(|turns| f(turns)).sum::<f64>() / seeds.len() as f64
        };
        Self {
            minimum: mean(&|turns| 1e3 * turns[0].seconds),
            median: mean(&|turns| {
                500.0 * (turns[(turns.len() - 1) / 2].seconds + turns[turns.len() / 2].seconds)
            }),
            iterations: mean(&|turns| turns[0].iterations),
        }
    }
}

/// Vectors that both parties see.
struct Data {
    train: Array2<f32>,
    test: Array2<f32>,
}

impl Data {
    /// Vectors that look like the mean log-mel of clips: four states of a machine, a spectrum each
    /// about -40 dB, and a deviation of 8 dB in all that neighbouring bands share.
    fn new(rows: usize) -> Self {
        let mut rng = Seed(0).rng();
        // A spectrum of 0 dB, its bands correlated by 0.9.
        let mut spectrum = |deviation: f64| -> Vec<f64> {
            let mut value = rng.normal();
            let mut step = || {
                value = 0.9 * value + (1.0f64 - 0.81).sqrt() * rng.normal();
                deviation * value
            };
            (0..DIMS).map(|_| step()).collect()
        };
        let states: Vec<Vec<f64>> = (0..4).map(|_| spectrum(3.0)).collect();
        let mut matrix = |rows: usize| {
            let mut values = Vec::with_capacity(rows * DIMS);
            for i in 0..rows {
                let off = spectrum(7.4);
                values.extend(
                    states[i % 4].iter().zip(off).map(|(state, off)| (state + off - 40.0) as f32),
                );
            }
            Array2::from_shape_vec((rows, DIMS), values).expect("its size")
        };
        let test = matrix(QUERIES);
        Self { train: matrix(rows), test }
    }

    fn turn(&self, task: &Task, rows: usize, seed: u64) -> Turn {
        fn examples<'a>(x: &'a Array2<f32>, rows: usize) -> Examples<'a> {
            let features = x.axis_chunks_iter(Axis(0), 1).take(rows).collect();
            Examples { clips: Vec::new(), features }
        }
        let spec = DetectorSpec::parse(task.detector, &task.settings).expect("valid settings");
        let (train, test) = (examples(&self.train, rows), examples(&self.test, QUERIES));
        let lines = Mutex::new(String::new());
        let log = |line: &str| lines.lock().expect("no panic").push_str(line);
        let cx = Context { log: &log, ..Context::plain(seed) };
        let score = |model| spec.member().score(model, &test, &cx).expect("valid data");
        let start = processor_seconds();
        let model = spec.member().fit(&train, None, &cx).expect("valid data");
        let scores = task.score.then(|| score(&model));
        let seconds = processor_seconds() - start;
        let scores = scores.unwrap_or_else(|| score(&model));
        let lines = lines.lock().expect("no panic");
        let count = lines.split_once(" iterations").map_or("0", |(count, _)| count);
        Turn { seconds, iterations: count.parse().expect("a number of iterations"), scores }
    }
}

/// Of this process so far.
fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a place for the answer.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "every system has this clock");
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// scikit-learn in its own process, which waits while we work.
struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    name: String,
}

impl Peer {
    fn start(data: &Data, folder: &Path) -> Option<Self> {
        let peers = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
        let python = peers.join(".venv/bin/python");
        if !python.exists() {
            return None;
        }
        let mut command = Command::new(python);
        command.arg(peers.join("classical.py"));
        for (name, matrix) in [("train.npy", &data.train), ("test.npy", &data.test)] {
            ndarray_npy::write_npy(folder.join(name), matrix).expect("room on the disk");
            command.arg(folder.join(name));
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut peer = Self { child, input, output, name: String::new() };
        peer.name = peer.line();
        Some(peer)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("an answer of classical.py");
        line.trim().to_owned()
    }

    fn turn(&mut self, task: &Task, rows: usize, kind: &str, seed: u64) -> Turn {
        let input = self.input.as_mut().expect("open until dropped");
        writeln!(input, "{} {rows} {kind} {seed}", task.peer).expect("classical.py still runs");
        let line = self.line();
        let mut numbers = line.split(' ').map(|x| x.parse::<f64>().expect("a number"));
        let mut next = || numbers.next().expect("an answer of classical.py");
        let (seconds, iterations) = (next(), next());
        Turn { seconds, iterations, scores: numbers.collect() }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its input is the end of the script.
        self.input = None;
        self.child.wait().ok();
    }
}
