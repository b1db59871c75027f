//! `humshift cache`.

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;

use super::remote::{self, MoveArgs};
use super::{Cache, CacheDir, CliError, Exit, examples, output};
use crate::desk::{Checkpoints, Desk};
use crate::exec::is_whole;
use crate::progress::duration;
use crate::run::Run;
use crate::shown::shown;
use crate::store::{GcPolicy, RunFile, Store, Usage};

#[derive(Args)]
pub struct CacheArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the stages that are done
    #[command(after_help = examples::CACHE_LS)]
    Ls(Common),
    /// Show counts and sizes
    #[command(after_help = examples::CACHE_STAT)]
    Stat(Common),
    /// Check everything, and move damaged files to `bad/`
    #[command(after_help = examples::CACHE_VERIFY)]
    Verify(Common),
    /// Evict objects, least recently used first; records and metric tables stay
    #[command(after_help = examples::CACHE_GC)]
    Gc(GcArgs),
    /// Send stages and runs to a remote cache
    #[command(after_help = examples::CACHE_PUSH)]
    Push(MoveArgs),
    /// Fetch stages and runs from a remote cache
    #[command(after_help = examples::CACHE_PULL)]
    Pull(MoveArgs),
}

#[derive(Args)]
struct Common {
    #[command(flatten)]
    cache: CacheDir,
    /// One JSON document instead of lines
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct GcArgs {
    #[command(flatten)]
    common: Common,
    /// Leave at most this much, such as 2G
    #[arg(long, value_name = "SIZE", value_parser = output::parse_size)]
    max_size: Option<u64>,
    /// Evict objects not used for longer than this, such as 30d or 12h
    #[arg(long, value_name = "AGE", value_parser = output::parse_age)]
    older_than: Option<std::time::Duration>,
    /// What to keep whatever its age: `records` are kilobytes, and answer an unchanged experiment
    /// in full
    #[arg(long, value_enum, value_name = "WHAT", conflicts_with_all = ["max_size", "older_than"])]
    keep: Option<Keep>,
    /// Remove old documents of runs; each experiment keeps its newest one and its newest complete
    /// one
    #[arg(long)]
    runs: bool,
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
}

/// The parts that a small cache keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Keep {
    /// Records and metric tables
    Records,
}

pub fn run(args: &CacheArgs) -> Result<Exit, CliError> {
    match &args.command {
        Command::Ls(common) => ls(&common.cache.existing()?.store, common.json),
        Command::Stat(common) => stat(&common.cache.existing()?, common.json),
        Command::Verify(common) => verify(&common.cache.existing()?.store, common.json),
        Command::Gc(args) => gc(&args.common.cache.existing()?, args),
        Command::Push(args) => remote::push(args),
        Command::Pull(args) => remote::pull(args),
    }
}

fn ls(store: &Store, as_json: bool) -> Result<Exit, CliError> {
    let mut rows: Vec<_> = store
        .records()?
        .into_iter()
        .filter_map(|(key, record)| Some((key, record.sound()?)))
        .collect();
    rows.sort_by(|a, b| a.1.label.cmp(&b.1.label).then(a.0.cmp(&b.0)));
    if as_json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(key, r)| json!({ "key": key, "label": r.label, "seconds": r.seconds, "outputs": r.outputs }))
            .collect();
        output::json(&rows);
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for (key, record) in rows {
        let bytes = record.outputs.values().map(|o| o.bytes).sum();
        let here = if record.outputs.values().all(|o| store.has(o)) { "" } else { "  (evicted)" };
        let (size, time) = (output::size(bytes), duration(record.seconds));
        text.push_str(&format!("{key}  {size:>9}  {time:>12}  {}{here}\n", shown(&record.label)));
    }
    output::text(&text);
    Ok(Exit::Done)
}

/// Counts and sizes of both parts of the cache.
#[derive(Serialize)]
struct Stat {
    #[serde(flatten)]
    usage: Usage,
    #[serde(flatten)]
    kept: Checkpoints,
}

fn stat(cache: &Cache, as_json: bool) -> Result<Exit, CliError> {
    let stat = Stat { usage: cache.store.usage()?, kept: cache.desk.checkpoints() };
    if as_json {
        output::json(&stat);
        return Ok(Exit::Done);
    }
    let Stat { usage, kept } = stat;
    output::line(&format!("{} records, {}", usage.records, output::size(usage.record_bytes)));
    for (kind, (count, bytes)) in &usage.objects {
        output::line(&format!("{count} objects .{kind}, {}", output::size(*bytes)));
    }
    if kept.checkpoints > 0 {
        let size = output::size(kept.checkpoint_bytes);
        output::line(&format!(
            "{} checkpoints of stages that did not get to their end, {size}",
            kept.checkpoints
        ));
    }
    Ok(Exit::Done)
}

fn verify(store: &Store, as_json: bool) -> Result<Exit, CliError> {
    let audit = store.verify(is_whole)?;
    if as_json {
        output::json(&audit);
    } else {
        audit
            .damaged_objects
            .iter()
            .for_each(|path| output::line(&format!("damaged object: {path}")));
        audit
            .damaged_records
            .iter()
            .for_each(|key| output::line(&format!("damaged record: {key}")));
        let damaged = audit.damaged_objects.len() + audit.damaged_records.len();
        if damaged > audit.not_moved.len() {
            let moved = damaged - audit.not_moved.len();
            output::line(&format!("{moved} moved to {}", store.root().join("bad").display()));
        }
        audit
            .not_moved
            .iter()
            .for_each(|path| output::line(&format!("cannot be moved, and is still there: {path}")));
        if audit.foreign_records > 0 {
            let count = audit.foreign_records;
            output::line(&format!(
                "{count} records are of another version of humshift and were left alone"
            ));
        }
        output::line(&format!(
            "{} objects and {} records read, {damaged} damaged, {} objects evicted earlier",
            audit.objects, audit.records, audit.evicted
        ));
    }
    let sound = audit.damaged_objects.is_empty() && audit.damaged_records.is_empty();
    Ok(if sound { Exit::Done } else { Exit::StageFailed })
}

fn gc(Cache { store, desk }: &Cache, args: &GcArgs) -> Result<Exit, CliError> {
    let objects = args.max_size.is_some() || args.older_than.is_some() || args.keep.is_some();
    if !objects && !args.runs {
        return Err(CliError::usage(
            "E0707",
            "say what may stay: --max-size SIZE, --older-than AGE, --keep records, or --runs",
        ));
    }
    let runs = if args.runs {
        store.drop_old_runs(|run| is_complete(run, store), args.dry_run)?
    } else {
        0
    };
    if !objects {
        match args.common.json {
            true => output::json(&json!({ "runs": runs })),
            false => output::line(&runs_line(runs, args.dry_run)),
        }
        return Ok(Exit::Done);
    }
    let max_bytes = args.keep.map_or(args.max_size, |_| Some(0));
    let young = args.keep.is_some();
    let policy = GcPolicy { max_bytes, older_than: args.older_than, young, dry_run: args.dry_run };
    let report = store.gc(&policy)?;
    let checkpoints = clear(desk, store, args);
    if args.common.json {
        let mut document = json!(report);
        document["checkpoints"] = json!(checkpoints);
        document["runs"] = json!(runs);
        output::json(&document);
    } else {
        if args.runs {
            output::line(&runs_line(runs, args.dry_run));
        }
        let verb = if args.dry_run { "would evict" } else { "evicted" };
        let (gone, kept) = (output::size(report.evicted_bytes), output::size(report.kept_bytes));
        output::line(&format!(
            "{verb} {} objects, {gone}; {} objects stay, {kept}",
            report.evicted, report.kept
        ));
        if checkpoints > 0 {
            output::line(&format!("{verb} {checkpoints} checkpoints"));
        }
    }
    Ok(Exit::Done)
}

/// Clears remains from the desk. Returns the number of removed checkpoints.
fn clear(desk: &Desk, store: &Store, args: &GcArgs) -> usize {
    desk.clear(args.older_than, |key| store.lookup(key).sound().is_some(), args.dry_run)
}

/// Whether every stage of a run has a result, by its document.
pub fn is_complete(run: &RunFile, store: &Store) -> bool {
    store.open_run(run).is_ok_and(|file| Run::read_head(file).is_ok_and(|head| head.complete))
}

fn runs_line(runs: usize, dry_run: bool) -> String {
    let verb = if dry_run { "would remove" } else { "removed" };
    format!("{verb} {runs} documents of earlier runs")
}
