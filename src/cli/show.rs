//! `humshift show`: the runs that a cache has recorded.
//!
//! Heads of documents are read, and the tables that they name. Nothing is planned, locked or
//! written.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use rayon::prelude::*;

use super::subject::{Document as Found, name_and_digest, near};
use super::view::{Shape, first_equals, form, mistake, no_table};
use super::{CacheDir, CliError, Exit, output, report, when};
use crate::digest::Digest;
use crate::document::{Cell, Document, Table};
use crate::reading;
use crate::report::{Listed, NoTable, points_table, runs_table, sort};
use crate::run::Run;
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
    /// Runs to show: NAME for all runs of an experiment, NAME@DIGEST, or a document. All runs if
    /// none is named
    #[arg(value_name = "EXPERIMENT|RUN")]
    runs: Vec<PathBuf>,
    /// A row for each point of the runs instead of a row for each run
    #[arg(long)]
    points: bool,
    /// Sort by a column: numbers from the largest, texts from A to Z. Otherwise the newest run is
    /// first
    #[arg(long, value_name = "COLUMN")]
    sort: Option<String>,
    /// Turn the order round
    #[arg(long)]
    reverse: bool,
    /// Only points with this value of a swept setting, and the runs that have some; or only this
    /// machine or section
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
    let store = args.cache.look()?.store;
    let places = places(&args.runs, &store)?;
    let read: Vec<Result<Listed, String>> =
        places.par_iter().map(|place| listed(place, &store)).collect();
    let mut found = Vec::new();
    for read in read {
        match read {
            Ok(run) => found.push(run),
            Err(why) => output::tell(&format!("warning: {why}")),
        }
    }
    let found = narrowed(found, &args.filters)?;
    let mut table = if args.points { points_table(&found) } else { runs(found) };
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

/// A row a run, each made on a thread of its own: a run may have hundreds of points.
fn runs(found: Vec<Listed>) -> Table {
    let tables: Vec<Table> = found.into_par_iter().map(|run| runs_table(&[run])).collect();
    let mut table = runs_table(&[]);
    table.rows.extend(tables.into_iter().flat_map(|table| table.rows));
    table
}

fn text(table: Table, of: usize, args: &ShowArgs) -> String {
    let unit = if args.points { "points" } else { "runs" };
    let shape = if args.json { Shape::Json } else { args.format.on_stdout() };
    let rows = table.rows.iter().map(|row| {
        let cell = |cell: &Cell| cell.value.map_or_else(|| cell.text.as_str().into(), Into::into);
        table.columns.iter().cloned().zip(row.iter().map(cell)).collect::<serde_json::Map<_, _>>()
    });
    if shape == Shape::Json {
        let programs = serde_json::json!({ unit: rows.collect::<Vec<_>>() });
        return form("What was run", &Document::default(), &programs, shape);
    }
    let cut = (table.rows.len() < of).then(|| format!("{} of {of} {unit}. ", table.rows.len()));
    let people = match of {
        0 if shape != Shape::Csv => Document::default()
            .text(format!("There are no {unit} in `{}`.", args.cache.cache.display())),
        _ => Document::default().table(table),
    };
    let numbers =
        if args.points { "Numbers are in %." } else { "Numbers are in %. Times are in UTC." };
    let people = if of == 0 { people } else { people.text(cut.unwrap_or_default() + numbers) };
    form("What was run", &people, &serde_json::Value::Null, shape)
}

/// Where the document of a run lies.
enum Place {
    Cache(RunFile),
    Elsewhere(PathBuf),
}

impl Place {
    fn path(&self) -> &Path {
        match self {
            Self::Cache(run) => &run.path,
            Self::Elsewhere(path) => path,
        }
    }

    fn open(&self, store: &Store) -> std::io::Result<File> {
        match self {
            Self::Cache(run) => store.open_run(run),
            Self::Elsewhere(path) => reading::open(path),
        }
    }

    /// The first digits of the digest that a document has for its name.
    fn digits(&self) -> String {
        let digest = self.path().file_stem().and_then(|stem| stem.to_str()?.parse::<Digest>().ok());
        digest.map_or_else(String::new, |digest| digest.hex()[..DIGITS].to_owned())
    }

    fn modified(&self) -> Option<SystemTime> {
        match self {
            Self::Cache(run) => Some(run.modified),
            Self::Elsewhere(path) => std::fs::metadata(path).and_then(|meta| meta.modified()).ok(),
        }
    }
}

/// The documents that are meant, the newest first, each once.
fn places(named: &[PathBuf], store: &Store) -> Result<Vec<Place>, CliError> {
    if named.is_empty() {
        return Ok(store.runs(None).into_iter().map(Place::Cache).collect());
    }
    let mut found: Vec<Place> = Vec::new();
    for name in named {
        let places = if name.is_file() { vec![elsewhere(name)?] } else { inside(name, store)? };
        for place in places {
            if found.iter().all(|known| known.path() != place.path()) {
                found.push(place);
            }
        }
    }
    Ok(found)
}

/// The runs of a name.
fn inside(argument: &Path, store: &Store) -> Result<Vec<Place>, CliError> {
    let text = argument.to_string_lossy();
    let (name, digest) = name_and_digest(&text);
    let all = store.runs(Some(name));
    let known = all.len();
    let runs: Vec<Place> = all
        .into_iter()
        .filter(|run| run.digest.hex().starts_with(digest))
        .map(Place::Cache)
        .collect();
    if !runs.is_empty() {
        return Ok(runs);
    }
    let message = format!("no run is called `{text}`");
    let hint = match known {
        0 => near(name, store),
        _ => format!("`humshift show {name}` lists the runs of this experiment"),
    };
    Err(mistake("E0721", message, hint))
}

/// A document that lies anywhere.
fn elsewhere(path: &Path) -> Result<Place, CliError> {
    match Found::begins(path) {
        Some(_) => Ok(Place::Elsewhere(path.to_owned())),
        None => {
            let message = format!("`{}` is not the document of a run", path.display());
            Err(mistake("E0721", message, "name an experiment; `humshift show` alone lists all"))
        }
    }
}

fn listed(place: &Place, store: &Store) -> Result<Listed, String> {
    let wrong = |why: String| format!("the run in `{}` is left out: {why}", place.path().display());
    let document = place.open(store).map_err(|error| wrong(error.to_string()))?;
    let head = Run::read_head(document).map_err(|error| wrong(error.to_string()))?;
    Ok(Listed {
        digest: place.digits(),
        recorded: place.modified().map_or_else(String::new, when::utc),
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
