//! `humshift report`, and what `run` prints at its end.

use std::path::PathBuf;

use clap::Args;

use super::census::Census;
use super::session::{Session, look_at_store, open_store};
use super::splice::{self, SpliceArgs};
use super::view::{Shape, View, mistake};
use super::{CacheDir, CliError, Exit, SpecArgs, figures, output, outputs, submission};
use crate::artifact::{Artifact, Blob, MetricRow, MetricTable};
use crate::exec::{NodeOutcome, RunOutcome, Standing, survey};
use crate::plan::NodeId;
use crate::report::{IntervalMethod, PointResults, Results};
use crate::spec::Experiment;
use crate::store::{Made, Store};

#[derive(Args)]
pub struct ReportArgs {
    /// The YAML file of the experiment
    #[arg(required_unless_present = "splice")]
    spec: Option<PathBuf>,
    /// Change a setting: `detector.knn.k=3`; a list sweeps: `seed=[0,1,2]`
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    cache: CacheDir,
    /// The form of the report
    #[arg(long, value_enum, default_value = "md")]
    format: Shape,
    /// Write to a file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    view: View,
    /// Write figures to a folder as well: a spectrogram per machine and domain, curves of trainings in epochs
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// Write scores and decisions to a folder as well, as the challenge wants them and `evaluate` reads them
    #[arg(long, value_name = "DIR")]
    submission: Option<PathBuf>,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    #[command(flatten)]
    splice: SpliceArgs,
}

pub fn run(args: &ReportArgs) -> Result<Exit, CliError> {
    let Some(spec) = &args.spec else {
        return splice::run(&args.splice, &args.sets, &open_store(&args.cache.cache)?);
    };
    let store = look_at_store(&args.cache.cache)?;
    let session = Session::open(&SpecArgs { spec: spec.clone(), sets: args.sets.clone() }, Some(&store))?;
    let standings = survey(&session.plan, &store);
    let results = from_cache(&session, &standings, &store);
    if results.points.iter().all(|p| p.rows.is_empty()) {
        let message = "nothing of this experiment has been run with this cache";
        return Err(mistake("E0704", message, format!("humshift run {}", spec.display())));
    }
    if let Some(folder) = &args.figures {
        figures::write(&session, &standings, &store, spec, folder)?;
    }
    if let Some(folder) = &args.submission {
        submission::write(&session, &standings, &store, spec, folder)?;
    }
    let shape = if args.json { Shape::Json } else { args.format };
    let text = args.view.text(&args.view.narrowed(results)?, shape)?;
    match &args.output {
        None => output::text(&text),
        Some(path) => outputs::save(path, text, || session.files(spec))?,
    }
    Ok(Exit::Done)
}

/// The results of what is cached.
pub fn from_cache(session: &Session, standings: &[Standing], store: &Store) -> Results {
    results(session, store, |id| match &standings[id.index()] {
        Standing::Cached { record, .. } => Ok(record),
        Standing::WillRun(keyed) if store.lookup(&keyed.key).sound().is_some() => {
            Err("its table is missing or damaged: run it again".to_owned())
        }
        _ => Err("not run yet".to_owned()),
    })
    .0
}

/// The results of a run, and which of them the cache does not give back.
pub fn from_outcome(session: &Session, outcome: &RunOutcome, store: &Store) -> (Results, Vec<String>) {
    results(session, store, |id| match &outcome.nodes[id.index()] {
        NodeOutcome::Cached { record, .. } | NodeOutcome::Ran { record, .. } => Ok(record),
        NodeOutcome::Failed { message } => Err(message.clone()),
        NodeOutcome::Skipped { because } => Err(format!("{} failed", session.plan.node(*because).label)),
        NodeOutcome::NotRun | NodeOutcome::Stale => Err("not run".to_owned()),
    })
}

fn results<'a>(
    session: &Session,
    store: &Store,
    record: impl Fn(NodeId) -> Result<&'a Made, String>,
) -> (Results, Vec<String>) {
    let Session { experiment, plan, .. } = session;
    let mut lost = Vec::new();
    let idle = match experiment.points.iter().all(|point| point.generalization.is_plain()) {
        true => vec![Vec::new(); experiment.points.len()],
        false => Census::of(session).idle(&experiment.points),
    };
    let points = experiment.points.iter().zip(&plan.results).zip(idle).map(|((point, nodes), idle)| {
        let mut found = PointResults { settings: point.settings.clone(), idle, ..Default::default() };
        for (section, node) in nodes {
            let read = |record| {
                table(record, store).inspect_err(|why| lost.push(format!("{}: {why}", plan.node(*node).label)))
            };
            match record(*node).and_then(read) {
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
    let points = points.collect();
    let results = Results {
        name: experiment.name.clone(),
        question: experiment.question.clone(),
        axes: experiment.axes.iter().map(|axis| axis.path.clone()).collect(),
        points,
        intervals: same_intervals(experiment),
    };
    (results, lost)
}

/// How the intervals were made, if at all points in the same way.
fn same_intervals(experiment: &Experiment) -> Option<IntervalMethod> {
    let mut made = experiment.points.iter().map(|point| point.metrics.intervals.as_ref());
    let first = made.next()?;
    first
        .filter(|_| made.all(|other| other == first))
        .map(|i| IntervalMethod { level: i.level, resamples: i.resamples })
}

fn table(record: &Made, store: &Store) -> Result<Vec<MetricRow>, String> {
    let object = record.outputs.get("metrics").ok_or("its record has no metrics")?;
    let bytes = store.read(object).map_err(|e| e.to_string())?;
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
