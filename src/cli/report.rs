//! `humshift report`, and what `run` prints at its end.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::session::{Session, open_store};
use super::{CacheDir, CliError, Exit, SpecArgs, figures, output, submission};
use crate::artifact::{Artifact, Blob, MetricRow, MetricTable};
use crate::diagnose::Diagnostic;
use crate::exec::{NodeOutcome, RunOutcome, Standing, survey};
use crate::plan::NodeId;
use crate::report::{
    By, Made as Intervals, PointResults, Results, attributes, compare, csv, json, leave_one_section_out, markdown,
};
use crate::spec::Experiment;
use crate::store::{Made, Store};

#[derive(Args)]
pub struct ReportArgs {
    #[command(flatten)]
    spec: SpecArgs,
    #[command(flatten)]
    cache: CacheDir,
    /// The form of the report
    #[arg(long, value_enum, default_value = "md")]
    format: Shape,
    /// Write to a file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// All sections of all points, however many
    #[arg(long)]
    all: bool,
    /// AUC per value of each domain-shift attribute as well
    #[arg(long)]
    attributes: bool,
    /// Compare the values of a swept setting, or all settings: mean ranks over the sections, paired tests
    #[arg(long, value_name = "AXIS", num_args = 0..=1, require_equals = true, conflicts_with_all = ["select", "attributes"])]
    compare: Option<Option<String>>,
    /// Choose settings without looking at the section they are reported for
    #[arg(long, value_enum, value_name = "PROTOCOL", conflicts_with = "attributes")]
    select: Option<Protocol>,
    /// What to compare or to choose by; the official score, or of data without domains the AUC, unless said
    #[arg(long, value_name = "NUMBER", value_parser = By::NAMES)]
    by: Option<String>,
    /// Write figures to a folder as well: a spectrogram per machine and domain, curves of trainings in epochs
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// Write scores and decisions to a folder as well, as the challenge wants them and `evaluate` reads them
    #[arg(long, value_name = "DIR")]
    submission: Option<PathBuf>,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// Forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    Md,
    Csv,
    Json,
}

/// Ways to choose settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// For each section the settings that are best on all others
    LeaveOneSectionOut,
}

pub fn run(args: &ReportArgs) -> Result<Exit, CliError> {
    let store = open_store(&args.cache.cache)?;
    let session = Session::open(&args.spec, Some(&store))?;
    let standings = survey(&session.plan, &store);
    let results = results(&session, &store, |id| match &standings[id.index()] {
        Standing::Cached { record, .. } => Ok(record),
        _ => Err("not run yet".to_owned()),
    });
    if results.points.iter().all(|p| p.rows.is_empty()) {
        let message = "nothing of this experiment has been run with this cache";
        return Err(mistake("E0704", message, format!("humshift run {}", args.spec.spec.display())));
    }
    if let Some(folder) = &args.figures {
        figures::write(&session, &standings, &store, &args.spec.spec, folder)?;
    }
    if let Some(folder) = &args.submission {
        submission::write(&session, &standings, &store, &args.spec.spec, folder)?;
    }
    let shape = if args.json { Shape::Json } else { args.format };
    let text = match questioned(args, &results, shape) {
        Some(answer) => answer?,
        None => render(&results, shape, args.all, args.attributes),
    };
    match &args.output {
        None => output::text(&text),
        Some(path) => std::fs::write(path, text)
            .map_err(|error| CliError::usage("E0705", format!("`{}` cannot be written: {error}", path.display())))?,
    }
    Ok(Exit::Done)
}

/// The answer to `--compare` or `--select`, if one was given.
fn questioned(args: &ReportArgs, results: &Results, shape: Shape) -> Option<Result<String, CliError>> {
    let by = args.by.as_deref().and_then(By::parse).unwrap_or_else(|| By::usual(results));
    let answer = match (&args.compare, args.select) {
        (Some(axis), _) => compare(results, axis.as_deref(), by).map(|c| (c.text(args.all), c.json())),
        (_, Some(Protocol::LeaveOneSectionOut)) => leave_one_section_out(results, by).map(|s| (s.text(), s.json())),
        (None, None) if args.by.is_some() => {
            let message = "`--by` says what to compare or to choose by";
            return Some(Err(mistake(
                "E0710",
                message,
                "write `--compare` or `--select leave-one-section-out` with it",
            )));
        }
        (None, None) => return None,
    };
    Some(match (answer, shape) {
        (Err(why), _) => Err(mistake("E0711", why.to_string(), why.hint())),
        (Ok(_), Shape::Csv) => Err(mistake(
            "E0710",
            "comparisons and choices of settings have no form as CSV",
            "use `--format md` or `json`",
        )),
        (Ok((text, _)), Shape::Md) => Ok(text),
        (Ok((_, document)), Shape::Json) => Ok(pretty(&document)),
    })
}

fn mistake(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> CliError {
    vec![Diagnostic::new(code, message).hint(hint)].into()
}

fn pretty(document: &serde_json::Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(document).expect("results are JSON"))
}

/// The results in one of the forms.
pub fn render(results: &Results, shape: Shape, all: bool, by_attribute: bool) -> String {
    match shape {
        Shape::Csv => csv(results),
        Shape::Json => pretty(&json(results)),
        Shape::Md if by_attribute => {
            format!("{}\n## AUC by domain-shift attribute\n\n{}", markdown(results, all), attributes(results))
        }
        Shape::Md => markdown(results, all),
    }
}

/// The results of a run.
pub fn from_outcome(session: &Session, outcome: &RunOutcome, store: &Store) -> Results {
    results(session, store, |id| match &outcome.nodes[id.index()] {
        NodeOutcome::Cached { record, .. } | NodeOutcome::Ran { record, .. } => Ok(record),
        NodeOutcome::Failed { message } => Err(message.clone()),
        NodeOutcome::Skipped { because } => Err(format!("{} failed", session.plan.node(*because).label)),
        NodeOutcome::NotRun | NodeOutcome::Stale => Err("not run".to_owned()),
    })
}

fn results<'a>(session: &Session, store: &Store, record: impl Fn(NodeId) -> Result<&'a Made, String>) -> Results {
    let Session { experiment, plan, .. } = session;
    let points = experiment.points.iter().zip(&plan.results).map(|(point, nodes)| {
        let mut found = PointResults { settings: point.settings.clone(), ..Default::default() };
        for (section, node) in nodes {
            match record(*node).and_then(|record| table(record, store)) {
                Ok(rows) => found.rows.extend(rows.into_iter().map(|row| MetricRow {
                    machine: section.machine.clone(),
                    section: section.section.clone(),
                    ..row
                })),
                Err(why) => found.absent.push((section.machine.clone(), section.section.clone(), why)),
            }
        }
        found
    });
    Results {
        name: experiment.name.clone(),
        question: experiment.question.clone(),
        axes: experiment.axes.iter().map(|axis| axis.path.clone()).collect(),
        points: points.collect(),
        intervals: same_intervals(experiment),
    }
}

/// How the intervals were made, if at all points in the same way.
fn same_intervals(experiment: &Experiment) -> Option<Intervals> {
    let mut made = experiment.points.iter().map(|point| point.metrics.intervals.as_ref());
    let first = made.next()?;
    first.filter(|_| made.all(|other| other == first)).map(|i| Intervals { level: i.level, resamples: i.resamples })
}

fn table(record: &Made, store: &Store) -> Result<Vec<MetricRow>, String> {
    let object = record.outputs.get("metrics").ok_or("its record has no metrics")?;
    let bytes = store.get(object).map_err(|e| e.to_string())?;
    Ok(MetricTable::decode(Blob::new(bytes)).map_err(|e| e.to_string())?.rows)
}

/// Says which expectations of the spec do not hold.
pub fn expectations_hold(session: &Session, results: &Results) -> bool {
    let mut hold = true;
    for expect in &session.experiment.expect {
        let points = session.experiment.points.iter().zip(&results.points).enumerate();
        let chosen: Vec<(usize, &PointResults)> =
            points.filter(|(_, (point, _))| expect.speaks_of(point)).map(|(n, (_, found))| (n, found)).collect();
        let filter: Vec<String> = expect.filter.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let name = format!("{} of {}", expect.metric, if filter.is_empty() { "all".into() } else { filter.join(" ") });
        if chosen.is_empty() {
            output::tell(&format!("expectation failed: {name}: there is no such point"));
            hold = false;
        }
        for (number, point) in chosen {
            let value = point.number(&expect.metric);
            let low = expect.at_least.is_some_and(|limit| value.is_none_or(|v| v < limit));
            let high = expect.at_most.is_some_and(|limit| value.is_none_or(|v| v > limit));
            if low || high {
                let value = value.map_or("cannot be computed".to_owned(), |v| format!("is {v:.4}"));
                let limit = if low { expect.at_least } else { expect.at_most }.unwrap_or_default();
                let word = if low { "at least" } else { "at most" };
                output::tell(&format!("expectation failed: {name} {value} at point {number}, expected {word} {limit}"));
                hold = false;
            }
        }
    }
    hold
}
