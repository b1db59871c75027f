//! `humshift show`: the runs that a cache has recorded.
//!
//! Heads of documents are read, and the tables that they name. Nothing is planned, locked or written.

use std::path::{Path, PathBuf};

use clap::Args;
use rayon::prelude::*;

use super::session::look_at_store;
use super::subject::{is_document, name_and_digest};
use super::view::{Shape, first_equals, mistake, no_table, pretty};
use super::{CacheDir, CliError, Exit, output, report, when};
use crate::diagnose::suggest;
use crate::digest::Digest;
use crate::document::{Cell, Document, Table};
use crate::report::{Listed, NoTable, points_table, runs_table, sort};
use crate::run::Run;
use crate::shown::shown;
use crate::store::{RunFile, Store};

/// As many digits of a digest are shown: enough to type.
const DIGITS: usize = 8;

pub const EXAMPLES: &str = "\
Examples:
  humshift show
  humshift show --sort best --top 5
  humshift show classical_shootout --points --where detector=knn --sort official --top 10";

#[derive(Args)]
pub struct ShowArgs {
    /// Runs to show: NAME for all runs of an experiment, NAME@DIGEST, or a document. All runs if none is named
    #[arg(value_name = "EXPERIMENT|RUN")]
    runs: Vec<PathBuf>,
    /// A row for each point of the runs instead of a row for each run
    #[arg(long)]
    points: bool,
    /// Sort by a column: numbers from the largest, texts from A to Z. Otherwise the newest run is first
    #[arg(long, value_name = "COLUMN")]
    sort: Option<String>,
    /// Turn the order round
    #[arg(long)]
    reverse: bool,
    /// Only points with this value of a swept setting, and the runs that have some; or only this machine or section
    #[arg(long = "where", value_name = "AXIS=VALUE", value_parser = first_equals)]
    filters: Vec<(String, String)>,
    /// Only the first N rows
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// The form of the table
    #[arg(long, value_enum, default_value = "md")]
    format: Shape,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    #[command(flatten)]
    cache: CacheDir,
}

pub fn run(args: &ShowArgs) -> Result<Exit, CliError> {
    let store = look_at_store(&args.cache.cache)?;
    let files = files(&args.runs, &store)?;
    let read: Vec<Result<Listed, String>> = files.par_iter().map(|file| listed(file, &store)).collect();
    let mut found = Vec::new();
    for read in read {
        match read {
            Ok(run) => found.push(run),
            Err(why) => output::tell(&format!("warning: {why}")),
        }
    }
    let found = narrowed(found, &args.filters)?;
    let mut table = if args.points { points_table(&found) } else { runs_table(&found) };
    if let Some(column) = &args.sort {
        sort(&mut table, column).map_err(no_table)?;
    }
    if args.reverse {
        table.rows.reverse();
    }
    let of = table.rows.len();
    table.rows.truncate(args.top.unwrap_or(usize::MAX));
    output::text(&text(table, of, args));
    Ok(Exit::Done)
}

fn text(table: Table, of: usize, args: &ShowArgs) -> String {
    let what = if args.points { "points" } else { "runs" };
    match if args.json { Shape::Json } else { args.format } {
        Shape::Json => {
            let rows = table.rows.iter().map(|row| {
                let cell = |cell: &Cell| cell.value.map_or_else(|| cell.text.as_str().into(), Into::into);
                table.columns.iter().cloned().zip(row.iter().map(cell)).collect::<serde_json::Map<_, _>>()
            });
            pretty(&serde_json::json!({ what: rows.collect::<Vec<_>>() }))
        }
        Shape::Csv => Document::default().table(table).csv(),
        Shape::Md if of == 0 => {
            format!("There are no {what} in `{}`.\n", shown(&args.cache.cache.display().to_string()))
        }
        Shape::Md => {
            let cut = (table.rows.len() < of).then(|| format!("{} of {of} {what}. ", table.rows.len()));
            let numbers = "Numbers are in %. Times are in UTC.";
            let numbers = if args.points { "Numbers are in %." } else { numbers };
            Document::default().table(table).text(cut.unwrap_or_default() + numbers).markdown()
        }
    }
}

/// The documents that are meant, the newest first.
fn files(named: &[PathBuf], store: &Store) -> Result<Vec<RunFile>, CliError> {
    if named.is_empty() {
        return Ok(store.runs(None));
    }
    let mut found: Vec<RunFile> = Vec::new();
    for name in named {
        let files = if name.is_file() { vec![outside(name, store)?] } else { inside(name, store)? };
        found.extend(
            files.into_iter().filter(|file| found.iter().all(|known| known.path != file.path)).collect::<Vec<_>>(),
        );
    }
    Ok(found)
}

/// The runs of a name.
fn inside(argument: &Path, store: &Store) -> Result<Vec<RunFile>, CliError> {
    let text = argument.to_string_lossy();
    let (name, digest) = name_and_digest(&text);
    let all = store.runs(Some(name));
    let known = all.len();
    let runs: Vec<RunFile> = all.into_iter().filter(|run| run.digest.hex().starts_with(digest)).collect();
    if !runs.is_empty() {
        return Ok(runs);
    }
    let message = format!("no run is called `{text}`");
    let hint = match known {
        0 => {
            let mut names: Vec<String> = store.runs(None).into_iter().map(|run| run.experiment).collect();
            names.sort();
            names.dedup();
            match names.is_empty() {
                true => "nothing has been run with this cache".to_owned(),
                false => suggest(name, names.iter().map(String::as_str)),
            }
        }
        _ => format!("`humshift show {name}` lists the runs of this experiment"),
    };
    Err(mistake("E0721", message, hint))
}

/// A document that lies anywhere.
fn outside(path: &Path, store: &Store) -> Result<RunFile, CliError> {
    if !is_document(path, store) {
        let message = format!("`{}` is not the document of a run", path.display());
        return Err(mistake("E0721", message, "name an experiment; `humshift show` alone lists all"));
    }
    let named = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
    let modified = std::fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(std::time::UNIX_EPOCH);
    let digest = named.unwrap_or_else(|| Digest::of(b""));
    Ok(RunFile { experiment: String::new(), digest, path: path.to_owned(), modified })
}

fn listed(file: &RunFile, store: &Store) -> Result<Listed, String> {
    let wrong = |why: String| format!("the run in `{}` is left out: {why}", file.path.display());
    let document = store.open_run(&file.path).map_err(|error| wrong(error.to_string()))?;
    let head = Run::read_head(document).map_err(|error| wrong(error.to_string()))?;
    Ok(Listed {
        digest: file.digest.hex()[..DIGITS].to_owned(),
        recorded: when::utc(file.modified),
        stages: head.stages,
        complete: head.complete,
        results: report::as_far_as_known(&head, store),
    })
}

/// The runs of which the filters speak.
fn narrowed(runs: Vec<Listed>, filters: &[(String, String)]) -> Result<Vec<Listed>, CliError> {
    if filters.is_empty() {
        return Ok(runs);
    }
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for run in runs {
        let Listed { digest, recorded, stages, complete, results } = run;
        match results.narrowed(filters) {
            Ok(results) => kept.push(Listed { digest, recorded, stages, complete, results }),
            Err(why) => refused.push(why),
        }
    }
    // Of many reasons the nearest one: an unknown value is nearer than an unknown axis.
    let rank = |why: &NoTable| match why {
        NoTable::Unknown { .. } => 2,
        NoTable::Value { .. } => 1,
        _ => 0,
    };
    match refused.into_iter().min_by_key(rank) {
        Some(why) if kept.is_empty() => Err(no_table(why)),
        _ => Ok(kept),
    }
}
