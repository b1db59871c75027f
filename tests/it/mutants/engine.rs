//! Counts executions and holds each to the law.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use humshift::seed::{Rng, Seed};

/// Chooses seeds: a number of executions, or `GROUP:SEED`.
const ENVIRONMENT: &str = "HUMSHIFT_MUTANTS";
/// An execution in this process may take so long.
const LIMIT: Duration = Duration::from_secs(60);
/// After so long nothing more is expected of it, and the process ends with its seed told.
const LOST: Duration = Duration::from_secs(120);
/// Breaches that are told of, and that are kept; all are counted.
const TOLD: usize = 5;
const KEPT: usize = 200;

/// What the program did with a mutant, within the law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Refused,
    Accepted,
}

/// How the law was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Panic,
    /// Aborts are signals. So is an exit code that the program does not have.
    Signal,
    Hang,
    /// A report that is not right, with exit code 0.
    Wrong,
}

#[derive(Debug)]
pub struct Breach {
    pub kind: Kind,
    pub told: String,
}

pub type Verdict = Result<Fate, Breach>;

pub fn wrong(told: impl Into<String>) -> Breach {
    Breach { kind: Kind::Wrong, told: told.into() }
}

/// One mutant: where it comes from, and what is kept of it when it breaks the law.
pub struct Case {
    pub seed: u64,
    pub rng: Rng,
    kept: Vec<(String, Vec<u8>)>,
    /// Where what is kept is written at once: one execution alone may end the process.
    folder: Option<PathBuf>,
}

impl Case {
    /// Keeps bytes under a name, for people who look at a breach.
    pub fn keep(&mut self, name: &str, bytes: impl AsRef<[u8]>) {
        if let Some(folder) = &self.folder {
            let _ = fs::create_dir_all(folder)
                .and_then(|()| fs::write(folder.join(name), bytes.as_ref()));
        }
        self.kept.push((name.to_owned(), bytes.as_ref().to_vec()));
    }
}

/// Runs the mutants of a group: `short` of them, or of a long run one for every `share` executions
/// asked for.
pub fn hold(group: &'static str, short: u64, share: u64, one: impl Fn(&mut Case) -> Verdict) {
    let asked = std::env::var_os(ENVIRONMENT).map(|text| text.to_string_lossy().into_owned());
    let seeds = match asked.as_deref().map(|text| (text, text.split_once(':'), text.parse::<u64>()))
    {
        None => 0..short,
        Some((_, _, Ok(executions))) => 0..(executions / share).max(1),
        Some((_, Some((only, seed)), _)) if seed.parse::<u64>().is_ok() => {
            let seed: u64 = seed.parse().expect("it was parsed before");
            if only == group { seed..seed + 1 } else { 0..0 }
        }
        Some((text, ..)) => {
            panic!("{ENVIRONMENT} is `{text}`: write a number of executions or GROUP:SEED")
        }
    };
    let (mut refused, mut accepted, mut breaches) = (0, 0, BTreeMap::<Kind, usize>::new());
    let mut told = Vec::new();
    let watch = Watch::new(group);
    for seed in seeds.clone() {
        let rng = Seed(seed).derive(&["mutants", group]).rng();
        let folder = (seeds.end - seeds.start == 1).then(|| place(group, seed));
        let mut case = Case { seed, rng, kept: Vec::new(), folder };
        watch.begin(seed);
        let begun = now();
        let verdict = catch_unwind(AssertUnwindSafe(|| one(&mut case)))
            .unwrap_or_else(|panic| Err(Breach { kind: Kind::Panic, told: text_of(&*panic) }));
        let verdict = match verdict {
            Ok(_) if begun.elapsed() > LIMIT => {
                Err(Breach { kind: Kind::Hang, told: format!("it took {:?}", begun.elapsed()) })
            }
            verdict => verdict,
        };
        match verdict {
            Ok(Fate::Refused) => refused += 1,
            Ok(Fate::Accepted) => accepted += 1,
            Err(breach) => {
                *breaches.entry(breach.kind).or_default() += 1;
                let number: usize = breaches.values().sum();
                let folder = if number <= KEPT {
                    keep(group, &case, &breach)
                } else {
                    "not kept".to_owned()
                };
                if number <= TOLD {
                    told.push(format!(
                        "{group}:{seed} {:?}: {} ({folder})",
                        breach.kind, breach.told
                    ));
                }
            }
        }
    }
    let count = |kind: Kind| breaches.get(&kind).copied().unwrap_or_default();
    println!(
        "{group}: {} executions, {refused} refused, {accepted} accepted, {} panics, {} signals, {} hangs, {} wrong",
        seeds.end - seeds.start,
        count(Kind::Panic),
        count(Kind::Signal),
        count(Kind::Hang),
        count(Kind::Wrong),
    );
    assert!(
        breaches.is_empty(),
        "{} break the law:\n{}",
        breaches.values().sum::<usize>(),
        told.join("\n")
    );
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("panicked").to_owned()
}

/// Writes what is known of a mutant, and gives the folder.
fn keep(group: &str, case: &Case, breach: &Breach) -> String {
    let path = place(group, case.seed);
    let _ = fs::create_dir_all(&path);
    for (name, bytes) in &case.kept {
        let _ = fs::write(path.join(name), bytes);
    }
    let _ = fs::write(path.join("breach.txt"), format!("{:?}: {}\n", breach.kind, breach.told));
    path.display().to_string()
}

/// Where the files of an execution are kept.
fn place(group: &str, seed: u64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("target/mutants/{group}-{seed}"))
}

/// A folder for files that live as long as one execution: in memory, if there is a place for it.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

#[expect(clippy::disallowed_methods, reason = "a hang is a matter of the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Ends the process when an execution never ends, which no test harness does.
struct Watch {
    state: std::sync::Arc<State>,
}

/// The seed of the execution and when it began, in milliseconds since the group's begin.
struct State {
    seed: AtomicU64,
    begun: AtomicU64,
    epoch: Instant,
}

impl State {
    fn milliseconds(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Watch {
    fn new(group: &'static str) -> Self {
        let state = State { seed: AtomicU64::new(0), begun: AtomicU64::new(1), epoch: now() };
        let state = std::sync::Arc::new(state);
        let seen = std::sync::Arc::downgrade(&state);
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let Some(state) = seen.upgrade() else { return };
                let spent =
                    state.milliseconds().saturating_sub(state.begun.load(Ordering::Relaxed));
                if u128::from(spent) > LOST.as_millis() {
                    eprintln!("{group}:{} hangs", state.seed.load(Ordering::Relaxed));
                    std::process::exit(101);
                }
            }
        });
        Self { state }
    }

    fn begin(&self, seed: u64) {
        self.state.seed.store(seed, Ordering::Relaxed);
        self.state.begun.store(self.state.milliseconds(), Ordering::Relaxed);
    }
}
