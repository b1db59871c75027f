//! `humshift run`.

use std::collections::BTreeMap;
use std::time::Instant;

use clap::Args;

use super::answer::{self, Asked};
use super::baseline::BaselineArgs;
use super::remote::{self, RemoteArgs};
use super::report;
use super::session::{Digests, Session, choose};
use super::verdict::{self, Case, VerdictArgs};
use super::view;
use super::work::{Work, remember};
use super::{Cache, CacheDir, CliError, Exit, SpecArgs, output, signal};
use crate::context::WARNING;
use crate::desk::Desk;
use crate::digest::Digest;
use crate::document::Document;
use crate::exec::{self, NodeOutcome, RunOutcome, Verified};
use crate::report::Results;
use crate::run::{Head, Run};
use crate::shown::visible;
use crate::store::Store;

/// The most warnings that are repeated.
const WARNINGS: usize = 5;

#[derive(Args)]
pub struct RunArgs {
    #[command(flatten)]
    spec: SpecArgs,
    #[command(flatten)]
    cache: CacheDir,
    #[command(flatten)]
    remote: RemoteArgs,
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
    /// Compute a share of the cached stages again and compare the bytes [default: 0.1]
    #[arg(
        long,
        value_name = "SHARE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "0.1",
        value_parser = share,
        conflicts_with = "frozen"
    )]
    verify: Option<f64>,
    /// The results as one JSON document instead of tables
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    baseline: BaselineArgs,
    #[command(flatten)]
    verdict: VerdictArgs,
}

pub fn run(args: &RunArgs) -> Result<Exit, CliError> {
    // `--frozen` makes nothing, not even a cache, but keeps what comes from a remote one.
    let looks = args.frozen && args.remote.remote.is_none();
    let cache = if looks { args.cache.look()? } else { args.cache.open()? };
    let cache = args.remote.behind(cache)?;
    let Cache { store, desk } = &cache;
    #[expect(clippy::disallowed_methods, reason = "the wall time is shown, never used")]
    let began = Instant::now();
    if args.only.is_none()
        && !args.rehash
        && args.verify.is_none()
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
    // A spec that was edited meanwhile is a different question.
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
    remote::find(&session, &run, &digest, &chosen, store);
    let outcome = args.work.run(
        &session,
        &cache,
        &chosen,
        (args.fail_fast, args.frozen),
        &signal::cancel(),
    )?;
    if !args.frozen {
        remember(desk, &session, &outcome);
        complete(&mut run, &outcome);
        keep(&run, &digest, store);
    }
    remote::conclude(&run, &digest, store, args.work.is_quiet());
    let cancel = signal::cancel();
    let verified = args.verify.filter(|_| !outcome.interrupted).map(|share| {
        exec::verify(&session.plan, &outcome, share, store, args.work.jobs(), &cancel)
    });
    let stopped = verified.is_some() && cancel.load(std::sync::atomic::Ordering::Relaxed);
    if outcome.interrupted || stopped {
        output::tell("interrupted; what is done is kept");
        return Ok(Exit::Interrupted);
    }
    let (results, lost) = report::from_outcome(&run.head, &session.plan, &outcome, store);
    if args.only.is_none() {
        output::text(&view::of_run(&results, args.json));
    }
    tell_warnings(&session, &outcome, desk);
    let stages = verdict::stages(&session, &outcome);
    let undone = chosen.iter().any(|id| matches!(outcome.nodes[id.index()], NodeOutcome::NotRun));
    if outcome.failed() + outcome.stale() > 0 || undone {
        args.conclude(&run.head, &results, &stages, None)?;
        tell_logs(&outcome, desk);
        return Ok(Exit::StageFailed);
    }
    if verified.is_some_and(|verified| !tell_verified(&verified)) {
        return Ok(Exit::StageFailed);
    }
    if !lost.is_empty() {
        // The work is done, but the cache has lost its result, so there is no answer.
        lost.iter().for_each(|why| output::tell(&format!("error: the cache lost a result: {why}")));
        return Ok(Exit::CacheUnusable);
    }
    if let Some(asked) = asked.filter(|_| run.head.complete) {
        asked.remember(&session, digest, &run.head, desk);
    }
    if args.only.is_some() {
        return Ok(Exit::Done);
    }
    args.judge(&run.head, &results, stages)
}

impl RunArgs {
    /// Prints the tables, and checks the expectations.
    fn answer(&self, head: &Head, results: &Results) -> Result<Exit, CliError> {
        output::text(&view::of_run(results, self.json));
        self.judge(head, results, Vec::new())
    }

    /// Compares the results with the expectations of the spec and with the baseline.
    fn judge(
        &self,
        head: &Head,
        results: &Results,
        mut cases: Vec<Case>,
    ) -> Result<Exit, CliError> {
        let (kept, changes) = self.baseline.hold(results)?;
        if let Some(changes) = &changes {
            output::text(&format!("\n{}", changes.markdown()));
        }
        cases.extend(verdict::expectations(head, results));
        cases.extend(kept);
        self.conclude(head, results, &cases, changes)?;
        Ok(verdict::exit(&cases))
    }

    fn conclude(
        &self,
        head: &Head,
        results: &Results,
        cases: &[Case],
        changes: Option<Document>,
    ) -> Result<(), CliError> {
        self.verdict.conclude(head, cases, || view::document_of_run(results), changes)
    }
}

/// A share from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is no share from 0 to 1");
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(wrong)
}

/// Says what a comparison with the cache found. Returns whether all bytes are the same.
fn tell_verified(Verified { same, gone, wrong }: &Verified) -> bool {
    wrong.iter().for_each(|wrong| output::tell(&format!("error: {wrong}")));
    let gone = match gone {
        0 => String::new(),
        gone => format!("; the inputs of {gone} more are not in the cache"),
    };
    let all = same + wrong.len();
    output::tell(&format!("verified: {same} of {all} stages gave the cached bytes again{gone}"));
    wrong.is_empty()
}

/// Writes the document of a run. If that fails, only reports of the run alone are lost.
fn keep(run: &Run, digest: &Digest, store: &Store) {
    // A complete document stays until there is a newer complete one.
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

/// Fills in the keys and results of the nodes.
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

/// Repeats the failures at the end, where they are seen.
pub fn repeat_failures(session: &Session, outcome: &RunOutcome, desk: &Desk) {
    verdict::tell(&verdict::stages(session, outcome));
    tell_logs(outcome, desk);
}

/// Repeats the warnings of stages that ran.
fn tell_warnings(session: &Session, outcome: &RunOutcome, desk: &Desk) {
    let mut all = Vec::new();
    for id in session.plan.nodes() {
        let NodeOutcome::Ran { key, .. } = &outcome.nodes[id.index()] else { continue };
        let (log, label) = (desk.log_tail(key), &session.plan.node(id).label);
        let warnings = log.lines().filter_map(|line| line.strip_prefix(WARNING));
        all.extend(warnings.map(|line| format!("{label}: {line}")));
    }
    for line in all.iter().take(WARNINGS) {
        output::tell(&format!("warning: {}", visible(line)));
    }
    if all.len() > WARNINGS {
        let (more, logs) = (all.len() - WARNINGS, desk.logs());
        output::tell(&format!("warning: {more} more warnings are in {}", logs.display()));
    }
}

fn tell_logs(outcome: &RunOutcome, desk: &Desk) {
    if outcome.failed() > 0 {
        output::tell(&format!("  logs are in {}", desk.logs().display()));
    }
}
