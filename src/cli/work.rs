//! Running stages: threads, memory, executor, and the form of progress.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::session::{Session, choose, closure};
use super::{Cache, CliError, output, signal, trust};
use crate::desk::Desk;
use crate::digest::Digest;
use crate::exec::{
    self, Cluster, ExecutorKind, Listener, NodeOutcome, Options, Profile, RunOutcome, Tally,
};
use crate::math::Level;
use crate::plan::NodeId;
use crate::progress::{Bars, Json, Plain, Quiet};
use crate::run::{Head, Run};
use crate::store::Store;

/// Settings for running stages.
#[derive(Args)]
pub struct Work {
    /// Threads that may be busy at once, no more than there are cores [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    jobs: Option<u32>,
    /// Memory that running stages may want together, such as 4G [default: three quarters of what is
    /// free]
    #[arg(long, value_name = "SIZE", value_parser = output::parse_size)]
    memory: Option<u64>,
    /// Where stages run: serial, threads, process or slurm
    #[arg(long, default_value = DEFAULT_EXECUTOR, value_name = "NAME", value_parser = executor)]
    executor: ExecutorKind,
    /// What to ask of Slurm: partition, time, memory, threads, by kind of stage
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Call the programs that the spec names under `command:`, with the rights of this account;
    /// `humshift trust` allows it once
    #[arg(long)]
    allow_commands: bool,
    /// Do not show progress
    #[arg(long, short)]
    quiet: bool,
    /// The form of progress on stderr
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    log_format: LogFormat,
}

/// Forms of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Bars on a terminal, lines elsewhere
    Text,
    /// One JSON object per line, for programs
    Json,
}

impl Work {
    /// The most threads in use at once.
    pub fn jobs(&self) -> usize {
        // More threads would only compete for the cores and need more memory.
        self.jobs.map_or_else(cores, |jobs| cores().min(jobs as usize))
    }

    /// Whether the user wants to hear of mistakes alone.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    fn listener(&self) -> Box<dyn Listener> {
        match (self.log_format, self.quiet, std::io::stderr().is_terminal()) {
            (LogFormat::Json, ..) => Box::new(Json),
            (LogFormat::Text, true, _) => Box::new(Quiet),
            (LogFormat::Text, false, true) => Box::<Bars>::default(),
            (LogFormat::Text, false, false) => Box::<Plain>::default(),
        }
    }

    /// Reports a run that is answered from its document like one in which all stages are cached.
    pub fn tell_known(&self, head: &Head, began: Instant) {
        let mut listener = self.listener();
        for message in head.notes.iter().cloned().chain(slow()) {
            listener.hear(exec::Event::Warning { message });
        }
        let (cached, saved_seconds, wall) = (head.stages, head.seconds, began.elapsed());
        listener.hear(exec::Event::Ended {
            tally: &Tally { cached, saved_seconds, wall, ..Tally::default() },
        });
    }

    /// The run for a cluster. Its nodes read the document of the run.
    fn cluster(&self, session: &Session, store: &Store, frozen: bool) -> Result<Cluster, CliError> {
        let profile = match &self.profile {
            None => Profile::default(),
            Some(path) => {
                let wrong = |why: String| {
                    CliError::usage("E0741", format!("the profile {}: {why}", path.display()))
                };
                let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
                Profile::read(&text).map_err(wrong)?
            }
        };
        let experiment = session.experiment.name.clone();
        let mut cluster = Cluster { experiment, run: Digest::of(b""), profile };
        if self.executor == ExecutorKind::Slurm && !frozen {
            Cluster::answers().map_err(|why| CliError::usage("E0742", why))?;
            let run = Run::of(session.head(), &session.experiment, &session.plan);
            cluster.run = run.digest();
            let mut kept = store.runs(Some(&cluster.experiment)).into_iter();
            if !kept.any(|file| file.digest == cluster.run) {
                store.keep_run(&cluster.experiment, &cluster.run, &run.write())?;
            }
        }
        Ok(cluster)
    }

    /// Runs the chosen nodes of a plan.
    pub fn run(
        &self,
        session: &Session,
        Cache { store, desk }: &Cache,
        chosen: &BTreeSet<NodeId>,
        (fail_fast, frozen): (bool, bool),
        cancel: &Arc<AtomicBool>,
    ) -> Result<RunOutcome, CliError> {
        if !self.allow_commands && !frozen {
            let spec = Some(session.spec.as_path());
            trust::needed(spec, &session.programs(), "humshift run")?;
        }
        let mut listener = self.listener();
        for message in session.notes().into_iter().chain(slow()) {
            listener.hear(exec::Event::Warning { message });
        }
        if !frozen {
            session.given.keep(store)?;
        }
        let memory = self.memory.unwrap_or_else(free_memory);
        let options = Options { jobs: self.jobs(), memory, fail_fast, frozen };
        let cluster = self.cluster(session, store, frozen)?;
        let mut executor = self.executor.open(store, desk, &options, cluster, cancel);
        let last = desk.last_keys(&session.experiment.name);
        Ok(exec::run(
            &session.plan,
            chosen,
            store,
            desk,
            last,
            &mut *executor,
            options,
            cancel,
            &mut *listener,
        )?)
    }
}

/// A warning about a processor without the expected vector instructions.
fn slow() -> Option<String> {
    let message = "this processor has no AVX2 with FMA (or HUMSHIFT_LEVEL asks for none): results are the same, but \
                   matrix products and with them networks take about a hundred times as long";
    (Level::current() == Level::Portable && cfg!(target_arch = "x86_64"))
        .then(|| message.to_owned())
}

/// Runs these nodes and all their needs.
pub fn only(
    session: &Session,
    cache: &Cache,
    nodes: BTreeSet<NodeId>,
    work: &Work,
) -> Result<RunOutcome, CliError> {
    work.run(session, cache, &closure(&session.plan, nodes), (false, false), &signal::cancel())
}

/// Runs all nodes as `humshift run` does without options.
pub fn all(session: &Session, cache: &Cache) -> Result<RunOutcome, CliError> {
    all_of(session, cache, false, &signal::cancel())
}

/// Runs all nodes without progress, for callers that handle the signals of the process themselves.
pub fn quietly(session: &Session, cache: &Cache) -> Result<RunOutcome, CliError> {
    all_of(session, cache, true, &Arc::default())
}

fn all_of(
    session: &Session,
    cache: &Cache,
    quiet: bool,
    cancel: &Arc<AtomicBool>,
) -> Result<RunOutcome, CliError> {
    let executor = executor(DEFAULT_EXECUTOR).expect("it is known");
    let (profile, log_format, allow_commands) = (None, LogFormat::Text, false);
    let work =
        Work { jobs: None, memory: None, executor, profile, allow_commands, quiet, log_format };
    let outcome = work.run(session, cache, &choose(&session.plan, None), (false, false), cancel)?;
    remember(&cache.desk, session, &outcome);
    Ok(outcome)
}

/// The default place of stages.
const DEFAULT_EXECUTOR: &str = "threads";

fn executor(name: &str) -> Result<ExecutorKind, String> {
    let known: Vec<&str> = ExecutorKind::ALL.iter().map(|(n, _)| *n).collect();
    ExecutorKind::named(name).ok_or_else(|| crate::diagnose::suggest(name, known))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Three quarters of the free memory; 4 GB if the system does not tell.
fn free_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"));
    let kilobytes: Option<u64> = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
    kilobytes.map_or(4_000_000_000, |kb| kb * 1024 / 4 * 3)
}

/// Keeps the keys for `explain`. A failure to write them loses only that.
pub fn remember(desk: &Desk, session: &Session, outcome: &RunOutcome) {
    let keys = session.plan.nodes().filter_map(|id| match &outcome.nodes[id.index()] {
        NodeOutcome::Cached { key, .. } | NodeOutcome::Ran { key, .. } => {
            Some((session.plan.node(id).label.clone(), *key))
        }
        _ => None,
    });
    if let Err(error) = desk.remember_keys(&session.experiment.name, &keys.collect()) {
        output::tell(&format!("warning: `explain` will not know of this run: {error}"));
    }
}
