//! `humshift run`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::answer::{self, Asked};
use super::baseline::BaselineArgs;
use super::report;
use super::session::{Digests, Session, choose, closure};
use super::view;
use super::{Cache, CacheDir, CliError, Exit, SpecArgs, output, signal};
use crate::desk::Desk;
use crate::digest::Digest;
use crate::exec::{self, ExecutorKind, Listener, NodeOutcome, Options, RunOutcome, Tally};
use crate::math::Level;
use crate::plan::NodeId;
use crate::progress::{Bars, Json, Plain, Quiet};
use crate::report::Results;
use crate::run::{Head, Run};
use crate::store::Store;

#[derive(Args)]
pub struct RunArgs {
    #[command(flatten)]
    spec: SpecArgs,
    #[command(flatten)]
    cache: CacheDir,
    #[command(flatten)]
    work: Work,
    /// Only stages whose label matches, and what they need: `training/*`; prints no tables
    #[arg(long, value_name = "GLOB")]
    only: Option<String>,
    /// Stop at the first stage that fails
    #[arg(long)]
    fail_fast: bool,
    /// Run nothing; exit with 1 if any stage would have to run
    #[arg(long)]
    frozen: bool,
    /// Hash every recording, also those that seem unchanged since the last run
    #[arg(long)]
    rehash: bool,
    /// The results as one JSON document instead of tables
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    baseline: BaselineArgs,
}

/// How work is done.
#[derive(Args)]
pub struct Work {
    /// Threads that may be busy at once, no more than there are cores [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    jobs: Option<u32>,
    /// Memory that running stages may want together, such as 4G [default: three quarters of what is
    /// free]
    #[arg(long, value_name = "SIZE", value_parser = output::parse_size)]
    memory: Option<u64>,
    /// Where stages run: serial, threads or process
    #[arg(long, default_value = DEFAULT_EXECUTOR, value_name = "NAME", value_parser = executor)]
    executor: ExecutorKind,
    /// Do not show progress
    #[arg(long, short)]
    quiet: bool,
    /// How progress is told on stderr
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    log_format: LogFormat,
}

/// Forms of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Bars on a terminal, lines elsewhere
    Text,
    /// One JSON object a line, for programs
    Json,
}

impl Work {
    /// Threads that may be busy at once.
    pub fn jobs(&self) -> usize {
        // More would share the same cores, and the memory of more stages.
        self.jobs.map_or_else(cores, |jobs| cores().min(jobs as usize))
    }

    fn listener(&self) -> Box<dyn Listener> {
        match (self.log_format, self.quiet, std::io::stderr().is_terminal()) {
            (LogFormat::Json, ..) => Box::new(Json),
            (LogFormat::Text, true, _) => Box::new(Quiet),
            (LogFormat::Text, false, true) => Box::<Bars>::default(),
            (LogFormat::Text, false, false) => Box::<Plain>::default(),
        }
    }

    /// Says of a run that is answered from its document what is said of one in which all is cached.
    fn tell_known(&self, head: &Head, began: Instant) {
        let mut listener = self.listener();
        for message in head.notes.iter().cloned().chain(slow()) {
            listener.hear(exec::Event::Warning { message });
        }
        let (cached, saved_seconds, wall) = (head.stages, head.seconds, began.elapsed());
        listener.hear(exec::Event::Ended {
            tally: &Tally { cached, saved_seconds, wall, ..Tally::default() },
        });
    }

    /// Runs the chosen nodes of a plan.
    fn run(
        &self,
        session: &Session,
        Cache { store, desk }: &Cache,
        chosen: &BTreeSet<NodeId>,
        (fail_fast, frozen): (bool, bool),
    ) -> Result<RunOutcome, CliError> {
        let mut listener = self.listener();
        for message in session.notes().into_iter().chain(slow()) {
            listener.hear(exec::Event::Warning { message });
        }
        if !frozen {
            session.given.keep(store)?;
        }
        let memory = self.memory.unwrap_or_else(free_memory);
        let options = Options { jobs: self.jobs(), memory, fail_fast, frozen };
        let cancel = signal::cancel();
        let mut executor = self.executor.open(store, desk, &options, &cancel);
        let last = desk.last_keys(&session.experiment.name);
        Ok(exec::run(
            &session.plan,
            chosen,
            store,
            desk,
            last,
            &mut *executor,
            options,
            &cancel,
            &mut *listener,
        )?)
    }
}

/// What to expect of a processor without vectors of the right kind.
fn slow() -> Option<String> {
    let message = "this processor has no AVX2 with FMA (or HUMSHIFT_LEVEL asks for none): results are the same, but \
                   matrix products and with them networks take about a hundred times as long";
    (Level::current() == Level::Portable && cfg!(target_arch = "x86_64"))
        .then(|| message.to_owned())
}

/// Runs these nodes and all they need.
pub fn only(
    session: &Session,
    cache: &Cache,
    nodes: BTreeSet<NodeId>,
    work: &Work,
) -> Result<RunOutcome, CliError> {
    work.run(session, cache, &closure(&session.plan, nodes), (false, false))
}

/// Runs all nodes as `humshift run` does without options.
pub fn all(session: &Session, cache: &Cache) -> Result<RunOutcome, CliError> {
    let executor = executor(DEFAULT_EXECUTOR).expect("it is known");
    let work =
        Work { jobs: None, memory: None, executor, quiet: false, log_format: LogFormat::Text };
    let outcome = work.run(session, cache, &choose(&session.plan, None), (false, false))?;
    remember(&cache.desk, session, &outcome);
    Ok(outcome)
}

/// Where stages run unless said.
const DEFAULT_EXECUTOR: &str = "threads";

fn executor(name: &str) -> Result<ExecutorKind, String> {
    let known: Vec<&str> = ExecutorKind::ALL.iter().map(|(n, _)| *n).collect();
    ExecutorKind::named(name).ok_or_else(|| crate::diagnose::suggest(name, known))
}

pub fn run(args: &RunArgs) -> Result<Exit, CliError> {
    // Under `--frozen` nothing is made, not even a cache.
    let cache = if args.frozen { args.cache.look()? } else { args.cache.open()? };
    let Cache { store, desk } = &cache;
    #[expect(clippy::disallowed_methods, reason = "the wall time is shown, never used")]
    let began = Instant::now();
    if args.only.is_none()
        && !args.rehash
        && let Some((run, head, results)) = answer::known(&args.spec, &cache)
    {
        if !args.frozen {
            store.renew_run(&run);
        }
        args.work.tell_known(&head, began);
        return args.answer(&head, &results);
    }
    let asked = Asked::of(&args.spec);
    let digests = if args.rehash { Digests::Fresh(desk) } else { Digests::Remembered(desk) };
    let session = Session::open_with(&args.spec, digests)?;
    // What was edited while it was read is another question.
    let asked = asked.filter(|asked| Asked::of(&args.spec).as_ref() == Some(asked));
    let chosen = choose(&session.plan, args.only.as_deref());
    if chosen.is_empty() {
        let message = format!("no stage matches `{}`", args.only.as_deref().unwrap_or_default());
        return Err(CliError::usage("E0703", message));
    }
    let mut run = Run::of(session.head(), &session.experiment, &session.plan);
    let digest = run.digest();
    if !args.frozen {
        keep(&run, &digest, store);
    }
    let outcome = args.work.run(&session, &cache, &chosen, (args.fail_fast, args.frozen))?;
    if !args.frozen {
        remember(desk, &session, &outcome);
        complete(&mut run, &outcome);
        keep(&run, &digest, store);
    }
    if outcome.interrupted {
        output::tell("interrupted; what is done is kept");
        return Ok(Exit::Interrupted);
    }
    let (results, lost) = report::from_outcome(&run.head, &session.plan, &outcome, store);
    if args.only.is_none() {
        output::text(&view::of_run(&results, args.json));
    }
    repeat_failures(&session, &outcome, desk);
    let undone = chosen.iter().any(|id| matches!(outcome.nodes[id.index()], NodeOutcome::NotRun));
    if outcome.failed() + outcome.stale() > 0 || undone {
        return Ok(Exit::StageFailed);
    }
    if !lost.is_empty() {
        // The work is done and the cache does not give it back: that is no answer.
        lost.iter().for_each(|why| output::tell(&format!("error: the cache lost a result: {why}")));
        return Ok(Exit::CacheUnusable);
    }
    if let Some(asked) = asked.filter(|_| run.head.complete) {
        asked.remember(&session, digest, &run.head, desk);
    }
    if args.only.is_some() {
        return Ok(Exit::Done);
    }
    args.judge(&run.head, &results)
}

impl RunArgs {
    /// Prints tables, and says what was expected of them.
    fn answer(&self, head: &Head, results: &Results) -> Result<Exit, CliError> {
        output::text(&view::of_run(results, self.json));
        self.judge(head, results)
    }

    /// Whether results are what the spec expects, and what the baseline has.
    fn judge(&self, head: &Head, results: &Results) -> Result<Exit, CliError> {
        let held = self.baseline.hold(results)?;
        Ok(if report::expectations_hold(head, results) { held } else { Exit::ExpectFailed })
    }
}

/// Writes the document of a run. Without it there is no report of the run alone, and that is all.
fn keep(run: &Run, digest: &Digest, store: &Store) {
    // A complete document stays until there is another complete one.
    let runs = store.runs(Some(&run.head.name));
    let known = runs
        .iter()
        .find(|known| known.digest == *digest)
        .and_then(|known| store.open_run(known).ok());
    if !run.head.complete
        && known.is_some_and(|file| Run::read_head(file).is_ok_and(|head| head.complete))
    {
        return;
    }
    if let Err(error) = store.keep_run(&run.head.name, digest, &run.write()) {
        output::tell(&format!("warning: the run is not kept as a document: {error}"));
    }
}

/// Fills in what the nodes gave.
fn complete(run: &mut Run, outcome: &RunOutcome) {
    let mut tables = BTreeMap::new();
    for (number, node) in outcome.nodes.iter().enumerate() {
        if let NodeOutcome::Cached { key, record } | NodeOutcome::Ran { key, record } = node {
            run.done(number, *key, record.seconds);
            tables.extend(record.outputs.get("metrics").map(|table| (number, *table)));
        }
    }
    run.finish(&tables);
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Three quarters of the memory that is free now; 4 GB where the system does not say.
fn free_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"));
    let kilobytes: Option<u64> = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
    kilobytes.map_or(4_000_000_000, |kb| kb * 1024 / 4 * 3)
}

/// Keeps the keys for `explain`, which is all that is lost if they cannot be written.
fn remember(desk: &Desk, session: &Session, outcome: &RunOutcome) {
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

/// Failures again, last, where they are read.
pub fn repeat_failures(session: &Session, outcome: &RunOutcome, desk: &Desk) {
    for id in session.plan.nodes() {
        if let NodeOutcome::Failed { message } = &outcome.nodes[id.index()] {
            output::tell(&format!("error: {} failed: {message}", session.plan.node(id).label));
        }
    }
    if outcome.failed() > 0 {
        output::tell(&format!("  logs are in {}", desk.logs().display()));
    }
}
