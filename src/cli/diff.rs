//! `humshift diff`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use rayon::prelude::*;
use serde_json::Value;

use super::recorded::Recorded;
use super::view::{Shape, form};
use super::{CacheDir, CliError, Exit, output};
use crate::artifact::{ClipSet, Label, Scores, Split};
use crate::document::Document;
use crate::evaluate::namesakes;
use crate::plan::NodeId;
use crate::report::{By, Changed, Clips, Diff, Pair, Side, diff};
use crate::source::SectionId;
use crate::stage::Item;
use crate::store::Store;

pub const EXAMPLES: &str = "\
Examples:
  humshift diff load-shift@3f2a load-shift@91c0
  humshift diff first.yaml second.yaml --by auc_target
  humshift diff load-shift@3f2a load-shift --clips --format csv

`humshift show` lists the runs with the first digits of their digests.";

#[derive(Args)]
pub struct DiffArgs {
    /// A run: NAME, NAME@DIGEST, or its document; or a spec
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The run that it is compared with, named in the same ways
    #[arg(value_name = "B")]
    b: PathBuf,
    /// The number that is compared; the official score, or of data without domains the AUC, unless
    /// said
    #[arg(long, value_name = "NUMBER", value_parser = By::NAMES)]
    by: Option<String>,
    /// Also the test clips whose decision changed, with their scores; both runs need a `threshold`
    #[arg(long)]
    clips: bool,
    /// All settings and clips, however many
    #[arg(long)]
    all: bool,
    /// The form of the answer
    #[arg(long, value_enum, default_value = "md")]
    format: Shape,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    #[command(flatten)]
    cache: CacheDir,
}

pub fn run(args: &DiffArgs) -> Result<Exit, CliError> {
    let cache = args.cache.look()?;
    let (a, b) =
        rayon::join(|| Recorded::open(&args.a, &cache), || Recorded::open(&args.b, &cache));
    let (a, b) = (a?, b?);
    let usual = || match (By::usual(&a.results), By::usual(&b.results)) {
        (By::Official, By::Official) => By::Official,
        _ => By::Auc,
    };
    let by = args.by.as_deref().and_then(By::parse).unwrap_or_else(usual);
    let [of_a, of_b] = [axes(&a), axes(&b)];
    let found = diff(side(&a, &of_a), side(&b, &of_b), by);
    let found = match args.clips {
        true => {
            let clips = clips(&found, &a, &b, &cache.store);
            found.with_clips(clips)
        }
        false => found,
    };
    let shape = if args.json { Shape::Json } else { args.format.on_stdout() };
    // One of the two forms is needed, and with many clips each takes its time.
    let text = match shape {
        Shape::Json => form("Two runs", &Document::default(), &found.json(), shape),
        _ => {
            form("Two runs", &found.document(args.all || shape == Shape::Csv), &Value::Null, shape)
        }
    };
    output::text(&text);
    Ok(Exit::Done)
}

fn axes(run: &Recorded) -> Vec<(String, Vec<String>)> {
    run.head.axes.iter().map(|axis| (axis.path.clone(), axis.labels.clone())).collect()
}

fn side<'a>(run: &'a Recorded, axes: &'a [(String, Vec<String>)]) -> Side<'a> {
    Side { name: &run.name, results: &run.results, settings: &run.settings, axes }
}

/// The decisions that changed between points with the same settings.
fn clips(diff: &Diff, a: &Recorded, b: &Recorded, store: &Store) -> Clips {
    let of_pair = |(number, pair): (usize, &Pair)| {
        let mut found = Clips::default();
        for section in a.head.sections.iter().filter(|section| b.head.sections.contains(section)) {
            match (
                decided(a, pair.points[0], section, store),
                decided(b, pair.points[1], section, store),
            ) {
                (Ok(left), Ok(right)) => compare(&mut found, number, section, &left, &right),
                (left, right) => {
                    found.notes.extend([left.err(), right.err()].into_iter().flatten())
                }
            }
        }
        found
    };
    let found: Vec<Clips> = diff.pairs().par_iter().enumerate().map(of_pair).collect();
    let mut all = Clips::default();
    for Clips { changed, compared, notes } in found {
        all.changed.extend(changed);
        all.compared += compared;
        all.notes.extend(notes);
    }
    let mut sets: BTreeMap<NodeId, BTreeMap<String, Label>> = BTreeMap::new();
    for changed in &mut all.changed {
        let section =
            SectionId { machine: changed.machine.clone(), section: changed.section.clone() };
        let result = a.result(diff.pairs()[changed.pair].points[0], &section);
        let Some((node, role)) = result.and_then(|node| a.need(node, (Split::Test, Item::Clips)))
        else {
            continue;
        };
        let labels = sets.entry(node).or_insert_with(|| labels(a.output(node, role, store)));
        changed.label = labels.get(&changed.clip).map_or("", |label| label.name()).to_owned();
    }
    all
}

fn labels(set: Option<ClipSet>) -> BTreeMap<String, Label> {
    let labels = set.iter().flat_map(ClipSet::clips);
    labels.filter_map(|clip| Some((clip.id.clone(), clip.label?))).collect()
}

fn compare(
    found: &mut Clips,
    pair: usize,
    section: &SectionId,
    (left, low): &(Scores, f64),
    (right, high): &(Scores, f64),
) {
    // Another program may have another folder before the name of a clip, or hide its attributes.
    let [own, others] = [left, right].map(|scores| scores.0.keys().map(String::as_str));
    let partners = namesakes(own, others);
    let [alone, others] = [left, right].map(|scores| scores.0.len() - partners.len());
    if alone + others > 0 {
        let SectionId { machine, section } = section;
        found.notes.insert(format!(
            "{machine} {section}: {} of A and {} of B, because the other has no clip that is surely the same",
            clips_of(alone),
            clips_of(others)
        ));
    }
    for (clip, score) in &left.0 {
        let partner = partners.get(clip.as_str()).and_then(|id| right.0.get(*id));
        let Some(other) = partner else { continue };
        found.compared += 1;
        if (score > low) != (other > high) {
            found.changed.push(Changed {
                pair,
                machine: section.machine.clone(),
                section: section.section.clone(),
                clip: clip.clone(),
                label: String::new(),
                scores: [*score, *other],
                thresholds: [*low, *high],
            });
        }
    }
}

fn clips_of(count: usize) -> String {
    if count == 1 { "1 clip".to_owned() } else { format!("{count} clips") }
}

/// A threshold that gives the decisions of another program: the largest score that it calls normal.
fn implied(scores: &Scores, decisions: &Scores) -> Option<f64> {
    let called = |clip: &String| decisions.0.get(clip).map(|decision| *decision == 1.0);
    let normal = scores.0.iter().filter(|(clip, _)| called(clip) == Some(false));
    let limit = normal.map(|(_, score)| *score).reduce(f64::max);
    let limit =
        limit.or_else(|| scores.0.values().copied().reduce(f64::min).map(f64::next_down))?;
    let agrees = |(clip, score): (&String, &f64)| called(clip) == Some(*score > limit);
    scores.0.iter().all(agrees).then_some(limit)
}

/// Scores and threshold of a section at a point, or why they are not known.
fn decided(
    run: &Recorded,
    point: usize,
    section: &SectionId,
    store: &Store,
) -> Result<(Scores, f64), String> {
    let SectionId { machine, section: name } = section;
    let rows = &run.results.points[point].rows;
    let row = rows
        .iter()
        .find(|r| (&r.machine, &r.section, r.metric.as_str()) == (machine, name, "threshold"));
    let output = |item: Item| -> Option<Scores> {
        let (node, role) = run.need(run.result(point, section)?, item)?;
        run.output(node, role, store)
    };
    let gone = || format!("{}: the scores of {machine} {name} are not in the cache", run.name);
    let limit = row.and_then(|row| row.value).map(Ok).unwrap_or_else(|| match row {
        Some(row) => {
            Err(format!("{}: there is no threshold of {machine} {name}: {}", run.name, row.missing))
        }
        None => match output(Item::Decisions) {
            None => Err(format!("{}: it has no `threshold`", run.name)),
            Some(Scores(none)) if none.is_empty() => {
                Err(format!("{}: it has no decisions of {machine} {name}", run.name))
            }
            Some(decisions) => {
                let limit = implied(&output(Item::Scores).ok_or_else(gone)?, &decisions);
                limit.ok_or_else(|| {
                    format!("{}: its decisions of {machine} {name} have no one threshold", run.name)
                })
            }
        },
    })?;
    output(Item::Scores).map(|scores| (scores, limit)).ok_or_else(gone)
}
