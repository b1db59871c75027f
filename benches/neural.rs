//! Training and inference of the two neural baselines beside PyTorch eager, with one thread and
//! with two; needs `benches/peers/setup.sh neural`, without which only our times are there.
//!
//! `cargo bench --bench neural [-- CASE...]`: all cases or those whose names begin so. The parties
//! take turns, so that a machine that becomes slower meanwhile does so for both. Two ratios are
//! told: of the medians of the wall's clock, and, with one thread, of those of the processor's, to
//! which other work on the machine does not count. A third party is two trainings of ours side by
//! side with one thread each: what a run does with two cores.
//!
//! PyTorch is at its best: fused Adam, threads that spin (on a busy machine set
//! OMP_WAIT_POLICY=passive); it is halted while it is not its turn.

#![expect(clippy::disallowed_methods, reason = "a benchmark is about the clock")]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use humshift::detector::mobilenet_v2_graph;
use humshift::nn::{Cpu, Engine, Loss, Network, Shape, Trainer};
use humshift::seed::Seed;
use humshift::weights::autoencoder::graph;
use serde_json::Value;

const TURNS: usize = 5;
/// Seconds of a turn.
const SECONDS: f64 = 1.5;
const CASES: [(&str, usize, bool); 6] = [
    ("ae_train_128", 128, true),
    ("ae_train_512", 512, true),
    ("ae_infer", 309, false),
    ("mobilenet_train_128", 128, true),
    ("mobilenet_train_32", 32, true),
    ("mobilenet_infer", 250, false),
];

/// Steps or batches a second, and seconds of the processor for one.
#[derive(Clone, Copy)]
struct Turn {
    rate: f64,
    cpu: f64,
}

fn main() {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    for threads in [1, 2] {
        let mut peer = Peer::start(threads);
        let name = peer.as_ref().map_or("nothing".to_owned(), |peer| peer.name.clone());
        println!(
            "humshift with {threads} threads beside {name}; steps or batches a second, medians of {TURNS} turns"
        );
        println!(
            "case                   humshift      peer  ratio  ratio of CPU time  two side by side"
        );
        for (case, rows, trains) in CASES {
            if words.is_empty() || words.iter().any(|word| case.starts_with(word.as_str())) {
                compare(case, rows, trains, threads, peer.as_mut());
            }
        }
    }
}

fn compare(case: &str, rows: usize, trains: bool, threads: usize, mut peer: Option<&mut Peer>) {
    let mut work = Work::new(case, rows, trains);
    let mut second = (threads == 2 && trains).then(|| Work::new(case, rows, trains));
    let (mut ours, mut theirs, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.push(pool(threads).install(|| work.turn()));
        theirs.extend(peer.as_mut().map(|peer| peer.turn(case, rows, trains)));
        if let Some(second) = &mut second {
            let rates = std::thread::scope(|scope| {
                let other = scope.spawn(|| pool(1).install(|| second.turn()));
                let own = pool(1).install(|| work.turn());
                own.rate + other.join().expect("a turn ends").rate
            });
            both.push(rates);
        }
    }
    let median = |turns: &[Turn], of: fn(&Turn) -> f64| middle(turns.iter().map(of).collect());
    let rate = median(&ours, |turn| turn.rate);
    print!("{case:<20}{rate:>11.2}");
    if !theirs.is_empty() {
        let peer = median(&theirs, |turn| turn.rate);
        print!("{peer:>10.2}{:>7.2}", rate / peer);
        match threads {
            1 => print!(
                "{:>19.2}",
                median(&theirs, |turn| turn.cpu) / median(&ours, |turn| turn.cpu)
            ),
            _ => print!("{:>19}", ""),
        }
    }
    match both.is_empty() {
        true => println!(),
        false => println!("{:>18.2}", middle(both)),
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads")
}

/// A network with a batch to work on.
struct Work {
    trainer: Option<Trainer>,
    network: Network,
    rows: usize,
    input: Vec<f32>,
    target: Vec<f32>,
}

impl Work {
    fn new(case: &str, rows: usize, trains: bool) -> Self {
        let mut rng = Seed(2022).rng();
        let (graph, loss, target) = match case.starts_with("ae") {
            true => {
                (graph(&[640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]), Loss::Squared, 0)
            }
            false => (
                mobilenet_v2_graph(Shape { height: 64, width: 128, channels: 3 }, 0.5, 3),
                Loss::Softmax,
                3,
            ),
        };
        let network = Network::new(graph, &mut || rng.uniform());
        let width = network.graph.inputs()[0].len();
        let input: Vec<f32> = (0..rows * width).map(|_| rng.normal() as f32).collect();
        let target = match target {
            0 => input.clone(),
            classes => (0..rows * classes)
                .map(|i| f32::from(u8::from(i % classes == i / classes % classes)))
                .collect(),
        };
        let trainer =
            trains.then(|| Trainer::new(network.clone(), loss, Box::<Cpu>::default(), None));
        Self { trainer, network, rows, input, target }
    }

    fn turn(&mut self) -> Turn {
        let mut cpu = Cpu::default();
        let mut step = || match &mut self.trainer {
            Some(trainer) => black_box(trainer.step(1e-4, self.rows, &[&self.input], &self.target)),
            None => black_box(f64::from(cpu.infer(&self.network, &[&self.input])[0])),
        };
        step();
        let (mut steps, begun, processor) = (0, Instant::now(), processor_seconds());
        while begun.elapsed().as_secs_f64() < SECONDS {
            step();
            steps += 1;
        }
        let count = f64::from(steps);
        Turn {
            rate: count / begun.elapsed().as_secs_f64(),
            cpu: (processor_seconds() - processor) / count,
        }
    }
}

/// Seconds of the processor that this process has had.
fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists and `time` is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// PyTorch in a process of its own, asked case by case.
struct Peer {
    name: String,
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(threads: usize) -> Option<Self> {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
        let mut child = Command::new(peers.join(".venv-neural/bin/python"))
            .arg(peers.join("neural.py"))
            .args(["--serve", "--fused", "--threads", &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let questions = child.stdin.take().expect("piped");
        let mut answers = BufReader::new(child.stdout.take().expect("piped"));
        let mut name = String::new();
        answers.read_line(&mut name).ok().filter(|length| *length > 0)?;
        Some(Self { name: name.trim().to_owned(), child, questions, answers })
    }

    fn turn(&mut self, case: &str, rows: usize, trains: bool) -> Turn {
        self.signal("-CONT");
        writeln!(self.questions, "{case}").expect("the peer listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the peer answers");
        self.signal("-STOP");
        let answer: Value = serde_json::from_str(&line).expect("an answer is JSON");
        let number =
            |name: &str| answer[name].as_f64().unwrap_or_else(|| panic!("no `{name}` in {line}"));
        // It counts rows of inference, we count batches.
        let each = if trains { 1.0 } else { rows as f64 };
        Turn { rate: number("median") / each, cpu: number("cpu") }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
