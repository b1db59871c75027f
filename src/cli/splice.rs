//! `humshift report --splice`: keeps the tables of Markdown files up to date.

mod file;
mod tables;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use self::file::File;
use self::tables::{Filled, Tables};
use super::{Cache, CliError, Exit, output};
use crate::diagnose::Diagnostic;

#[derive(Args)]
pub struct SpliceArgs {
    /// Fill the tables of a Markdown file, between the markers that say how they are made; may be
    /// given several times
    #[arg(long, value_name = "FILE", conflicts_with_all = ["spec", "View", "output", "figures", "maps", "submission", "json"])]
    splice: Vec<PathBuf>,
    /// Run what is not cached first
    #[arg(long, requires = "splice", conflicts_with = "spec")]
    run: bool,
    /// Change no file; exit with 1 if a table differs from what the program makes
    #[arg(long, requires = "splice", conflicts_with = "spec")]
    check: bool,
    /// Run what is marked as costly as well
    #[arg(long, requires = "run", conflicts_with = "spec")]
    costly: bool,
}

/// The number of lines shown of a table that differs.
const LINES: usize = 6;

impl SpliceArgs {
    /// Whether stages may run.
    pub fn runs(&self) -> bool {
        self.run
    }
}

pub fn run(args: &SpliceArgs, sets: &[String], cache: &Cache) -> Result<Exit, CliError> {
    let mut mistakes: Vec<Diagnostic> = tables::wrong_sets(sets);
    let mut files = Vec::new();
    for path in &args.splice {
        match File::read(path) {
            Ok(file) => files.push(file),
            Err(more) => mistakes.extend(more),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes.into());
    }
    let mut tables = Tables::new(cache, sets, args.run, args.costly);
    let mut worst = Exit::Done;
    let mut made: Vec<BTreeMap<usize, String>> = Vec::new();
    for file in &files {
        let mut contents = BTreeMap::new();
        for (number, request) in file.requests.iter().enumerate() {
            let place = format!("{}:{}", file.path.display(), file.template.line(number));
            match tables.make(request) {
                Ok(Filled::Text(text)) => drop(contents.insert(number, text)),
                Ok(Filled::Skipped(why)) => output::tell(&format!("{place}: left as it is: {why}")),
                Ok(Filled::NotRun(why)) => {
                    output::tell(&format!("{place}: left as it is: {why}"));
                    worst = Exit::StageFailed;
                }
                Ok(Filled::Interrupted) => {
                    output::tell("interrupted; no file was changed, what ran is kept");
                    return Ok(Exit::Interrupted);
                }
                Err(CliError::Diagnostics(all)) => {
                    let marker = &file.template.markers()[number].place;
                    let at = |d: Diagnostic| match &d.place {
                        None => d.at(Some(marker.clone())),
                        Some(place) if place.source.name == "--set" => {
                            d.related(Some(marker.clone()), "in the words of this marker")
                        }
                        Some(_) => d,
                    };
                    mistakes.extend(all.into_iter().map(at));
                }
                Err(error) => return Err(error),
            }
        }
        made.push(contents);
    }
    // Two markers of one spec find the same mistakes; they are shown once.
    let mut told = Vec::new();
    mistakes.retain(|diagnostic| {
        let new = !told.contains(diagnostic);
        if new {
            told.push(diagnostic.clone());
        }
        new
    });
    if !mistakes.is_empty() {
        return Err(mistakes.into());
    }
    for (file, contents) in files.iter().zip(&made) {
        let changed = file.changed(contents);
        let (path, of) = (file.path.display(), file.requests.len());
        if args.check {
            let differ: Vec<&usize> =
                contents.keys().filter(|number| changed.contains(number)).collect();
            for number in &differ {
                let line = file.template.line(**number);
                output::text(&format!(
                    "{path}:{line}: not what the program makes\n{}",
                    file.difference(**number, &contents[*number], LINES)
                ));
            }
            output::tell(&format!(
                "{path}: compared {} of {of}, {} differ",
                contents.len(),
                differ.len()
            ));
            worst = if differ.is_empty() { worst } else { Exit::StageFailed };
        } else {
            file.write(contents)?;
            output::tell(&format!(
                "{path}: made {} of {of}, {} changed",
                contents.len(),
                changed.len()
            ));
        }
    }
    Ok(worst)
}
