//! Makes the contents for markers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::file::Request;
use crate::cli::session::Session;
use crate::cli::subject::Subject;
use crate::cli::view::{Shape, mistake};
use crate::cli::{Cache, CliError, SpecArgs, report, run, work};
use crate::diagnose::Diagnostic;
use crate::exec::Standing;
use crate::report::Results;
use crate::spec;

/// The result of a marker.
pub enum Filled {
    Text(String),
    /// Skipped on purpose, with the reason.
    Skipped(String),
    /// Stages are missing; the text is a hint.
    NotRun(String),
    Interrupted,
}

/// The results of a spec, or the reason why there are none.
#[derive(Clone)]
enum Found {
    /// The flag says whether a run was already tried; that happens once.
    Results(Box<Results>, bool),
    NoData(String),
    Interrupted,
}

/// Makes tables; the markers of one spec share its results.
pub struct Tables<'a> {
    cache: &'a Cache,
    sets: &'a [String],
    run: bool,
    costly: bool,
    found: BTreeMap<(PathBuf, Vec<String>), Found>,
}

/// `--set` beside `--splice` may only set the place of data, because the marker alone decides what
/// a table shows.
pub fn wrong_sets(sets: &[String]) -> Vec<Diagnostic> {
    let wrong = sets.iter().filter(|set| source(set).is_none());
    let told = |set: &String| {
        let message = format!("`--set {set}` would make other tables than the markers say");
        Diagnostic::new("E0710", message)
            .hint("beside `--splice` it says where data lie: --set data.dcase.root=DIR")
    };
    wrong.map(told).collect()
}

/// The source whose root an argument sets.
fn source(set: &str) -> Option<&str> {
    set.split_once('=')?.0.trim().strip_prefix("data.")?.strip_suffix(".root")
}

impl<'a> Tables<'a> {
    pub fn new(cache: &'a Cache, sets: &'a [String], run: bool, costly: bool) -> Self {
        Self { cache, sets, run, costly, found: BTreeMap::new() }
    }

    /// The content of a marker.
    pub fn make(&mut self, request: &Request) -> Result<Filled, CliError> {
        let experiment = spec::load(&request.spec.spec, &request.spec.sets)?;
        let used = |set: &&String| {
            experiment.points.iter().any(|point| source(set) == Some(point.data.name()))
        };
        let given: Vec<String> = self.sets.iter().filter(used).cloned().collect();
        let with_files =
            experiment.points.iter().find(|point| point.data.member().root().is_some());
        let absent = with_files.map(|point| point.data.name()).filter(|_| given.is_empty());
        let sets = request.spec.sets.iter().chain(&given).cloned().collect();
        let args = SpecArgs { spec: request.spec.spec.clone(), sets };
        let may_run = self.run && (self.costly || !request.costly);
        let key = (args.spec.clone(), args.sets.clone());
        let known = match self.found.get(&key) {
            // The markers of one spec may differ in being costly.
            Some(Found::Results(results, false)) if may_run && incomplete(results) => None,
            known => known.cloned(),
        };
        let found = match known {
            Some(found) => found,
            None => {
                let found = self.find(&args, may_run, absent)?;
                self.found.insert(key, found.clone());
                found
            }
        };
        let results = match found {
            Found::Interrupted => return Ok(Filled::Interrupted),
            Found::NoData(why) => return Ok(Filled::Skipped(why)),
            Found::Results(results, _) => request.view.narrowed(*results)?,
        };
        if let Some(why) =
            results.points.iter().flat_map(|point| &point.absent).map(|(.., why)| why).next()
        {
            let command = command(&args);
            return Ok(match (may_run, request.costly && !self.costly) {
                (true, _) => Filled::NotRun(format!("{why}: {command}")),
                (false, true) => Filled::Skipped(format!("costly, {why}: {command}")),
                (false, false) => Filled::NotRun(format!("{why}: {command}")),
            });
        }
        let text = request.view.text(&results, Shape::Md)?;
        if text.contains("<!--") {
            let message = "the table holds the beginning of a comment, which would end the block";
            return Err(mistake("E0713", message, "give the setting another name with `--label`"));
        }
        Ok(Filled::Text(text))
    }

    /// The results of a spec, after a run if that is allowed. The recordings of the source
    /// `may_be_absent` may be missing on this machine.
    fn find(
        &self,
        args: &SpecArgs,
        may_run: bool,
        may_be_absent: Option<&str>,
    ) -> Result<Found, CliError> {
        let session = match Session::open(args, Some(&self.cache.desk)) {
            Ok(session) => session,
            Err(CliError::Diagnostics(all))
                if all.iter().all(|d| d.code == "E0701") && may_be_absent.is_some() =>
            {
                let why =
                    all.first().map_or(String::new(), |diagnostic| diagnostic.message.clone());
                let (spec, source) = (args.spec.display(), may_be_absent.unwrap_or_default());
                let hint = format!("--set data.{source}.root=DIR says where the data are");
                return Ok(Found::NoData(format!("{spec}: {why}; {hint}")));
            }
            Err(error) => return Err(error),
        };
        let subject = Subject::of(session, &args.spec, &self.cache.store);
        let cached = |standing: &Standing| matches!(standing, Standing::Cached { .. });
        let results = report::from_cache(&subject, &self.cache.store);
        if !may_run || (subject.standings.iter().all(cached) && !incomplete(&results)) {
            return Ok(Found::Results(Box::new(results), false));
        }
        let Subject { head, plan, .. } = &subject;
        let session = subject.session().expect("it is that of a spec");
        let outcome = work::all(session, self.cache)?;
        if outcome.interrupted {
            return Ok(Found::Interrupted);
        }
        run::repeat_failures(session, &outcome, &self.cache.desk);
        Ok(Found::Results(
            Box::new(report::from_outcome(head, plan, &outcome, &self.cache.store).0),
            true,
        ))
    }
}

fn incomplete(results: &Results) -> bool {
    results.points.iter().any(|point| !point.absent.is_empty())
}

/// The command that runs a spec, quoted for a shell.
fn command(args: &SpecArgs) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,".contains(c);
    let set = |set: &String| {
        if set.chars().all(plain) { format!(" --set {set}") } else { format!(" --set '{set}'") }
    };
    format!("humshift run {}{}", args.spec.display(), args.sets.iter().map(set).collect::<String>())
}
