//! `humshift report`, and the tables at the end of `run`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use rayon::prelude::*;

use super::splice::{self, SpliceArgs};
use super::subject::Subject;
use super::submission::{self, SubmissionArgs};
use super::view::{Shape, View};
use super::{CacheDir, CliError, Exit, SpecArgs, answer, figures, html, maps, output, outputs};
use crate::artifact::{Artifact, Blob, MetricRow, MetricTable};
use crate::exec::{NodeOutcome, RunOutcome, Standing};
use crate::kind::ObjectRef;
use crate::mimii_dg;
use crate::plan::{NodeId, Plan};
use crate::report::{IntervalMethod, PointResults, Published, Results};
use crate::run::{Head, ResultRef};
use crate::source::SectionId;
use crate::store::{Made, Store};

#[derive(Args)]
pub struct ReportArgs {
    /// The YAML file of the experiment; or a run: NAME, NAME@DIGEST, or its document
    #[arg(value_name = "SPEC|RUN", required_unless_present = "splice")]
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
    /// Write figures to a folder as well: all of the HTML report, a spectrogram per machine and
    /// domain, curves of trainings in epochs
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// Write maps of the clips of each machine to a folder as well (t-SNE of the vectors that are
    /// scored)
    #[arg(long, value_name = "DIR")]
    maps: Option<PathBuf>,
    #[command(flatten)]
    submission: SubmissionArgs,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    #[command(flatten)]
    splice: SpliceArgs,
}

pub fn run(args: &ReportArgs) -> Result<Exit, CliError> {
    let Some(spec) = &args.spec else {
        let cache = if args.splice.runs() { args.cache.open()? } else { args.cache.look()? };
        return splice::run(&args.splice, &args.sets, &cache);
    };
    let cache = args.cache.look()?;
    let shape = if args.json { Shape::Json } else { args.format };
    let shape = if args.output.is_none() { shape.on_stdout() } else { shape };
    let question = SpecArgs { spec: spec.clone(), sets: args.sets.clone() };
    if args.figures.is_none()
        && args.maps.is_none()
        && args.submission.submission.is_none()
        && args.output.is_none()
        && !(shape == Shape::Html && args.view.is_whole())
        && let Some((.., results)) = answer::known(&question, &cache)
    {
        output::text(&args.view.text(&args.view.narrowed(results)?, shape)?);
        return Ok(Exit::Done);
    }
    let subject = Subject::open(spec, &args.sets, &cache)?;
    let results = from_cache(&subject, &cache.store);
    if results.points.iter().all(|p| p.rows.is_empty()) {
        return Err(subject.unanswered(&cache.store));
    }
    if let Some(folder) = &args.maps {
        maps::write(&subject, &cache.store, folder)?;
    }
    if let Some(folder) = &args.submission.submission {
        // Labels change what tables show, not the names of systems.
        let chosen = args.view.chosen(&results)?;
        submission::write(&subject, &cache.store, &chosen, folder, &args.submission)?;
    }
    let results = args.view.narrowed(results)?;
    if let Some(folder) = &args.figures {
        figures::write(&subject, &cache.store, &results, folder)?;
    }
    let text = match shape {
        Shape::Html if args.view.is_whole() => html::text(&subject, &cache.store, &results),
        shape => args.view.text(&results, shape)?,
    };
    match &args.output {
        None => output::text(&text),
        Some(path) => outputs::save(path, text, || subject.files())?,
    }
    Ok(Exit::Done)
}

/// The results in the cache.
pub fn from_cache(subject: &Subject, store: &Store) -> Results {
    let table = |id: NodeId| match &subject.standings[id.index()] {
        Standing::Cached { record, .. } => table_of(record),
        Standing::WillRun(keyed) if store.lookup(&keyed.key).sound().is_some() => {
            Err("its table is missing or damaged: run it again".to_owned())
        }
        _ => Err("not run yet".to_owned()),
    };
    results(&subject.head, store, table).0
}

/// The results of a run, and those that the cache has lost.
pub fn from_outcome(
    head: &Head,
    plan: &Plan,
    outcome: &RunOutcome,
    store: &Store,
) -> (Results, Vec<String>) {
    let table = |id: NodeId| match &outcome.nodes[id.index()] {
        NodeOutcome::Cached { record, .. } | NodeOutcome::Ran { record, .. } => table_of(record),
        NodeOutcome::Failed { message } => Err(message.clone()),
        NodeOutcome::Skipped { because } => Err(format!("{} failed", plan.node(*because).label)),
        NodeOutcome::NotRun | NodeOutcome::Stale => Err("not run".to_owned()),
    };
    let (results, lost) = results(head, store, table);
    (
        results,
        lost.into_iter().map(|(node, why)| format!("{}: {why}", plan.node(node).label)).collect(),
    )
}

/// The results of a document, if the cache has all of its tables.
pub fn from_document(head: &Head, store: &Store) -> Option<Results> {
    let (results, lost) = of_document(head, store);
    (lost.is_empty() && results.points.iter().all(|point| point.absent.is_empty()))
        .then_some(results)
}

/// The results of a document, as far as the cache has its tables.
pub fn as_far_as_known(head: &Head, store: &Store) -> Results {
    of_document(head, store).0
}

fn of_document(head: &Head, store: &Store) -> (Results, Vec<(NodeId, String)>) {
    let tables: BTreeMap<NodeId, ObjectRef> = head
        .points
        .iter()
        .flat_map(|point| &point.results)
        .filter_map(|r| Some((r.1, r.2?)))
        .collect();
    results(head, store, |id| tables.get(&id).copied().ok_or_else(|| "not run".to_owned()))
}

fn table_of(record: &Made) -> Result<ObjectRef, String> {
    record.outputs.get("metrics").copied().ok_or_else(|| "its record has no metrics".to_owned())
}

/// The rows of all tables, and the nodes whose tables the store has lost.
fn results(
    head: &Head,
    store: &Store,
    table: impl Fn(NodeId) -> Result<ObjectRef, String> + Sync,
) -> (Results, Vec<(NodeId, String)>) {
    let read = |node: NodeId| table(node).map(|object| rows(&object, store));
    let points = head.points.par_iter().with_min_len(16).enumerate().map(|(number, point)| {
        let mut found =
            PointResults { number, settings: head.settings(point), ..Default::default() };
        found.idle = head.idle.get(point.idle).cloned().unwrap_or_default();
        let mut lost = Vec::new();
        for ResultRef(section, node, _) in &point.results {
            let SectionId { machine, section } = &head.sections[*section];
            // Most rows have these names already, and a sweep has very many rows.
            let place = |mut row: MetricRow| {
                row.machine.clone_from(machine);
                row.section.clone_from(section);
                row
            };
            let mut absent = |why| found.absent.push((machine.clone(), section.clone(), why));
            match read(*node) {
                Ok(Ok(rows)) => found.rows.extend(rows.into_iter().map(place)),
                Ok(Err(why)) => {
                    lost.push((*node, why.clone()));
                    absent(why);
                }
                Err(why) => absent(why),
            }
        }
        (found, lost)
    });
    let (points, lost): (Vec<_>, Vec<_>) = points.collect::<Vec<_>>().into_iter().unzip();
    let results = Results {
        name: head.name.clone(),
        question: head.question.clone(),
        axes: head.axes.iter().map(|axis| axis.path.clone()).collect(),
        points,
        intervals: head
            .intervals
            .as_ref()
            .map(|i| IntervalMethod { level: i.level, resamples: i.resamples }),
        published: head.published.as_ref().map(|(table, detectors)| beside(*table, detectors)),
    };
    (results, lost.concat())
}

/// A table of published results, in the form of reports.
fn beside(table: crate::spec::Published, detectors: &[String]) -> Published {
    let crate::spec::Published::MimiiDg = table;
    let mut published = Published {
        title: "Table 3 of Dohi et al. 2022".into(),
        systems: BTreeMap::new(),
        of_points: detectors.to_vec(),
    };
    for (machine, sections) in &mimii_dg::table3().sections {
        for (section, row) in sections {
            for (system, auc) in
                [("autoencoder", row.autoencoder), ("mobilenet_v2", row.mobilenet_v2)]
            {
                let place = (machine.clone(), section.clone());
                let shares = [auc.source / 100.0, auc.target / 100.0];
                published.systems.entry(system.to_owned()).or_default().insert(place, shares);
            }
        }
    }
    published
}

fn rows(object: &ObjectRef, store: &Store) -> Result<Vec<MetricRow>, String> {
    let bytes = store.read(object).map_err(|e| e.to_string())?;
    Ok(MetricTable::decode(Blob::new(bytes)).map_err(|e| e.to_string())?.rows)
}
