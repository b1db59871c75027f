//! What a run costs beside its work: the whole process of a run in which everything is cached, and
//! the first run of stages that do next to nothing. Beside ninja, make and snakemake where they are
//! installed (`benches/peers/setup.sh snakemake`).
//!
//! `cargo bench --bench orchestration [-- 10000]`: 1,000 stages, and 10,000 as well. The plan is
//! one data set and, for each point of a sweep, a chain of five stages; every stage has a record
//! and objects, every point two rows in the report. Peers have the same graph of one small file a
//! stage. All take turns, so that a machine that becomes slower meanwhile does so for all of them.
//! Times are those of the whole process, with its standard output read to the end.

#![expect(clippy::disallowed_methods, reason = "a benchmark is about the clock")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 20;
/// Features, pooling, training, scoring, metrics.
const CHAIN: usize = 5;
const HOPS: usize = 10;

fn main() {
    let large = std::env::args().any(|arg| arg == "10000");
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("small.yaml"), spec("")).expect("a writable folder");
    println!("whole process, ms{:34}median   minimum", "");
    let mut check = humshift(folder.path(), &["check", "small.yaml"]);
    show("humshift check, no sweep", &mut turns(&mut [&mut check]).remove(0));
    for chains in if large { vec![200, 2000] } else { vec![200] } {
        measure(&folder.path().join(chains.to_string()), chains);
    }
}

fn measure(folder: &Path, chains: usize) {
    let stages = 1 + CHAIN * chains;
    println!("\n{stages} stages");
    std::fs::create_dir(folder).expect("a writable folder");
    let axes = [("mels", 8, 8 + chains / HOPS), ("hop", 60, 60 + HOPS)];
    let axes = axes.map(|(name, first, end)| {
        format!("  features.log_mel.{name}: {{ range: [{first}, {end}] }}\n")
    });
    std::fs::write(folder.join("sweep.yaml"), spec(&format!("sweep:\n{}", axes.concat())))
        .expect("a writable folder");
    first_run("humshift", &mut humshift(folder, &["run", "--quiet", "sweep.yaml"]), stages);
    let mut parties = vec![
        // The answer must be there, and nothing may run for it.
        ("humshift run", humshift(folder, &["run", "--quiet", "--frozen", "sweep.yaml"])),
        ("humshift plan", humshift(folder, &["plan", "sweep.yaml"])),
        ("humshift check", humshift(folder, &["check", "sweep.yaml"])),
    ];
    for (name, mut command) in peers(folder, chains) {
        first_run(name, &mut command, stages);
        parties.push((name, command));
    }
    let mut commands: Vec<&mut Command> = parties.iter_mut().map(|(_, command)| command).collect();
    let mut times = turns(&mut commands);
    let ours = show("humshift run, all cached", &mut times[0]);
    for ((name, _), seconds) in parties.iter().zip(&mut times).skip(1) {
        let median = show(&format!("{name}, all cached"), seconds);
        if !name.starts_with("humshift") {
            println!("  {:.2} times as long as humshift run (medians)", median / ours);
        }
    }
}

/// Stages as small as they can be: seven clips of a tenth of a second.
fn spec(sweep: &str) -> String {
    let clips = "{ source_train: 2, target_train: 1, normal: 1, anomaly: 1 }";
    format!(
        "data: {{ synthetic: {{ machines: [fan], seconds: 0.1, rate: 8000, clips: {clips} }} }}\n\
         features: {{ log_mel: {{ frame: 256, hop: 128, mels: 32 }} }}\n\
         pool: {{ mean: {{}} }}\ndetector: {{ knn: {{ k: 1 }} }}\n{sweep}"
    )
}

fn humshift(folder: &Path, args: &[&str]) -> Command {
    command(folder, Path::new(env!("CARGO_BIN_EXE_humshift")), args)
}

fn command(folder: &Path, program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Those that are installed, each with its files written.
fn peers(folder: &Path, chains: usize) -> Vec<(&'static str, Command)> {
    let (mut ninja, mut make) =
        (String::from("rule copy\n  command = cp $in $out\n"), String::from("all:"));
    (0..chains).for_each(|chain| make.push_str(&format!(" {chain}.{CHAIN}")));
    for chain in 0..chains {
        for stage in 1..=CHAIN {
            let (from, to) = (input(&chain.to_string(), stage), format!("{chain}.{stage}"));
            ninja.push_str(&format!("build {to}: copy {from}\n"));
            make.push_str(&format!("\n{to}: {from}\n\tcp $< $@\n"));
        }
    }
    let ends =
        format!("rule all:\n    input: expand(\"{{chain}}.{CHAIN}\", chain=range({chains}))\n");
    let rules = (1..=CHAIN).map(|stage| {
        let from = input("{chain}", stage);
        format!(
            "rule stage{stage}:\n    input: \"{from}\"\n    output: \"{{chain}}.{stage}\"\n    shell: \"cp {{input}} {{output}}\"\n"
        )
    });
    let snakefile = ends + &rules.collect::<String>();
    let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let snakemake =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/.venv-snakemake/bin/snakemake");
    let all: [(_, PathBuf, _, _, Vec<&str>); 3] = [
        ("ninja", "ninja".into(), "build.ninja", ninja, vec![]),
        ("make", "make".into(), "Makefile", make, vec!["-j", &cores]),
        ("snakemake", snakemake, "Snakefile", snakefile, vec!["--cores", &cores]),
    ];
    let installed = all.into_iter().filter_map(|(name, program, file, text, args)| {
        // Its first run of 10,000 stages takes longer than all the rest together.
        if name == "snakemake" && chains > 200 {
            return None;
        }
        if Command::new(&program).arg("--version").stdout(Stdio::null()).status().is_err() {
            println!("{name}: not installed");
            return None;
        }
        let folder = folder.join(name);
        std::fs::create_dir(&folder).expect("a writable folder");
        std::fs::write(folder.join("root"), "0").expect("a writable folder");
        std::fs::write(folder.join(file), text).expect("a writable folder");
        Some((name, command(&folder, &program, &args)))
    });
    installed.collect()
}

/// What the file of a stage is made from.
fn input(chain: &str, stage: usize) -> String {
    if stage == 1 { "root".to_owned() } else { format!("{chain}.{}", stage - 1) }
}

/// Seconds of the whole process.
fn time(command: &mut Command) -> f64 {
    let begun = Instant::now();
    let output = command.output().expect("the program starts");
    let seconds = begun.elapsed().as_secs_f64();
    assert!(output.status.success(), "{command:?} ended with {}", output.status);
    seconds
}

/// Times of every command, taking turns.
fn turns(commands: &mut [&mut Command]) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::new(); commands.len()];
    for _ in 0..ROUNDS {
        for (command, times) in commands.iter_mut().zip(&mut times) {
            times.push(time(command));
        }
    }
    times
}

fn first_run(name: &str, command: &mut Command, stages: usize) {
    let seconds = time(command);
    println!(
        "{:<48}{:>8.2} s, {:.0} stages/s",
        format!("{name}, first run"),
        seconds,
        stages as f64 / seconds
    );
}

fn show(name: &str, seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    println!("{name:<48}{:>8.1}  {:>8.1}", 1e3 * median, 1e3 * seconds[0]);
    median
}
