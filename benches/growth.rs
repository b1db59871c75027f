//! How time and memory grow with the number of stages, from 1,000 to 100,000.
//!
//! `cargo bench --bench growth [-- FILE.svg]`: a table, and the same as a picture. Two machines, a
//! sweep, and five stages that do next to nothing for each machine and point. Each row is a whole
//! process of its own:
//!
//! * **plan**: the spec is read, the sweep is planned, and each record is looked up.
//! * **frozen**: from the start of the first run until the document of the run is in the cache.
//! * **first run**: every stage runs, and is written.
//! * **planned anew**: everything is cached, and the memory of answered questions is gone.
//! * **answered**: nothing has changed since the last run.

#![expect(clippy::disallowed_methods, reason = "a benchmark is about the clock")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Points of the sweep on two axes. The last is the longest sweep that the program takes.
const SIZES: [(usize, usize); 5] = [(10, 10), (15, 20), (25, 40), (60, 50), (200, 50)];
const NAMES: [&str; 5] = ["plan", "frozen", "first run", "planned anew", "answered"];
const COLOURS: [&str; 5] = ["#4477aa", "#66ccee", "#cc3311", "#228833", "#aa3377"];

/// Seconds, and megabytes at most.
type Cost = (f64, f64);

fn main() {
    let picture = std::env::args().find(|argument| argument.ends_with(".svg"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    print!("{:>8}", "stages");
    NAMES.iter().for_each(|name| print!("{name:>22}"));
    println!();
    let mut rows = Vec::new();
    for (mels, hops) in SIZES {
        let stages = 2 + 10 * mels * hops;
        let row = measure(&folder.path().join(stages.to_string()), mels, hops);
        print!("{stages:>8}");
        row.iter().for_each(|(seconds, mb)| print!("{seconds:>12.3} s {mb:>5.0} MB"));
        println!();
        rows.push((stages as f64, row));
    }
    if let Some(path) = picture {
        std::fs::write(&path, svg(&rows)).expect("a writable file");
    }
}

fn measure(folder: &Path, mels: usize, hops: usize) -> [Cost; 5] {
    std::fs::create_dir(folder).expect("a writable folder");
    let clips = "{ source_train: 2, target_train: 1, normal: 1, anomaly: 1 }";
    let spec = format!(
        "name: growth\n\
         data: {{ synthetic: {{ machines: [fan, valve], seconds: 0.1, rate: 8000, clips: {clips} }} }}\n\
         features: {{ log_mel: {{ frame: 256, hop: 128, mels: 32 }} }}\n\
         pool: {{ mean: {{}} }}\ndetector: {{ knn: {{ k: 1 }} }}\n\
         sweep:\n  features.log_mel.mels: {{ range: [8, {}] }}\n  features.log_mel.hop: {{ range: [60, {}] }}\n",
        8 + mels,
        60 + hops
    );
    std::fs::write(folder.join("spec.yaml"), spec).expect("a writable folder");
    let plan = cost(start(folder, &["plan", "spec.yaml"]));
    let begun = Instant::now();
    let first = start(folder, &["run", "--quiet", "spec.yaml"]);
    let runs = folder.join("cache/runs/growth");
    while !runs.read_dir().is_ok_and(|mut files| files.next().is_some()) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let frozen = (begun.elapsed().as_secs_f64(), memory(&first));
    let first = cost((begun, first.1));
    std::fs::remove_dir_all(folder.join("cache/memo")).expect("the run made it");
    let frozen_run = ["run", "--quiet", "--frozen", "spec.yaml"];
    let anew = cost(start(folder, &frozen_run));
    // A run that may write remembers the answer.
    cost(start(folder, &["run", "--quiet", "spec.yaml"]));
    let answered = cost(start(folder, &frozen_run));
    std::fs::remove_dir_all(folder).expect("nobody uses it");
    [plan, frozen, first, anew, answered]
}

fn start(folder: &Path, args: &[&str]) -> (Instant, Child) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humshift"));
    command.args(args).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    (Instant::now(), command.stderr(Stdio::null()).spawn().expect("the program starts"))
}

/// The megabytes of a process so far, at most.
fn memory((_, child): &(Instant, Child)) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1e3
}

/// Waits for the end of a process.
fn cost((begun, child): (Instant, Child)) -> Cost {
    let (mut status, pid) = (0, child.id() as libc::pid_t);
    // SAFETY: a structure of numbers may be zero, and both outlive the call.
    let (ended, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &mut status, 0, &mut usage), usage)
    };
    assert!(ended == pid && status == 0, "the program ended with {status}");
    (begun.elapsed().as_secs_f64(), usage.ru_maxrss as f64 / 1e3)
}

/// Time above, memory below, both axes logarithmic.
fn svg(rows: &[(f64, [Cost; 5])]) -> String {
    let (left, width, height, gap) = (64.0, 420.0, 210.0, 56.0);
    let x = |stages: f64| left + width * (stages / 1e3).log10() / 2.0;
    let mut text = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 620 560\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"620\" height=\"560\" fill=\"white\"/>\n",
    );
    let panels = [("seconds", 1e-3, 1e3, 0), ("MB at most", 1.0, 1e3, 1)];
    for (number, (title, least, most, part)) in panels.into_iter().enumerate() {
        let top = 24.0 + (height + gap) * number as f64;
        let decades = f64::log10(most / least);
        let y = |value: f64| {
            top + height * (1.0 - (value.clamp(least, most) / least).log10() / decades)
        };
        let _ = writeln!(
            text,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"#888\"/>\n\
             <text x=\"{left}\" y=\"{}\">{title}</text>",
            top - 7.0
        );
        for decade in 0..=decades.round() as i32 {
            let value = least * 10f64.powi(decade);
            let at = y(value);
            let _ = writeln!(
                text,
                "<path d=\"M{left} {at:.1}h{width}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
                left - 6.0,
                at + 4.0
            );
        }
        for stages in [1e3, 1e4, 1e5] {
            let _ = writeln!(
                text,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{stages} stages</text>",
                x(stages),
                top + height + 17.0
            );
        }
        let value = |costs: &[Cost; 5], row: usize| [costs[row].0, costs[row].1][part];
        // Names of lines that end close to each other stand below each other.
        let last = &rows[rows.len() - 1].1;
        let mut order: Vec<usize> = (0..NAMES.len()).collect();
        order.sort_by(|a, b| y(value(last, *a)).total_cmp(&y(value(last, *b))));
        let (mut labels, mut above) = ([0.0; 5], f64::NEG_INFINITY);
        for row in order {
            above = f64::max(y(value(last, row)), above + 13.0);
            labels[row] = above;
        }
        for (row, (name, colour)) in NAMES.iter().zip(COLOURS).enumerate() {
            let points: Vec<String> = rows
                .iter()
                .map(|(stages, costs)| format!("{:.1},{:.1}", x(*stages), y(value(costs, row))))
                .collect();
            let _ = writeln!(
                text,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"/>\
                 <text x=\"{}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>",
                points.join(" "),
                left + width + 8.0,
                labels[row] + 4.0
            );
        }
    }
    text + "</svg>\n"
}
