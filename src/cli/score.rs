//! `humshift score`: scores and decisions for new recordings, from a finished run.

mod clips;
mod figure;
mod model;
mod way;

use std::io::{BufReader, IsTerminal};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rayon::prelude::*;
use serde_json::json;

use super::cached::Cached;
use super::subject::Subject;
use super::trust::unasked;
use super::view::first_equals;
use super::{CacheDir, CliError, Exit, output};
use crate::artifact::{MetricRow, MetricTable};
use crate::document::{Cell, Document, Table};
use crate::stage::Item;
use clips::{Failed, Named};
use way::{Recording, Way};

pub const EXAMPLES: &str = "\
Examples:
  humshift score quickstart fan/00 --where detector=knn recording.wav
  humshift score quickstart scoring/fan/00/detector=knn recordings/ --format json
  find . -name '*.wav' | humshift score load-shift valve/01 - > scores.csv

A recording takes the way of a test clip: the same features, pool and network, and the model of the run. Noise is not
mixed to it. `humshift plan RUN` shows the labels of all stages.";

#[derive(Args)]
pub struct ScoreArgs {
    /// A finished run: NAME, NAME@DIGEST, or its document; or the spec that was run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The machine and section of the recordings, such as `fan/00`; or the label of a training,
    /// scoring or metrics stage
    label: String,
    /// Recordings (WAV, FLAC, Ogg Vorbis), folders of them, or patterns such as 'new/**/*.wav'; `-`
    /// reads names from stdin, one a line
    #[arg(value_name = "CLIP", required = true)]
    clips: Vec<PathBuf>,
    /// Which point of a sweep: the value of a swept setting
    #[arg(long = "where", value_name = "AXIS=VALUE", value_parser = first_equals)]
    filters: Vec<(String, String)>,
    /// Draw what drove the highest scores: the autoencoder's error, of others how far each band is
    /// from normal (SVG)
    #[arg(long, value_name = "FILE.svg")]
    figure: Option<PathBuf>,
    /// The form of the answer; a table on a terminal and CSV elsewhere, unless said
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Call the programs that are the detector or the features, with the rights of this account
    #[arg(long)]
    allow_commands: bool,
    #[command(flatten)]
    cache: CacheDir,
}

/// Forms of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Csv,
    Json,
    Md,
}

/// The score above which a recording is an anomaly, or the reason why it is unknown.
type Limit = Result<f64, String>;

pub fn run(args: &ScoreArgs) -> Result<Exit, CliError> {
    let cache = args.cache.look()?;
    let subject = Subject::open(&args.run, &[], &cache)?;
    let cached = Cached { subject: &subject, store: &cache.store, without: "no scores" };
    let chosen = model::choose(&cached, &args.label, &args.filters)?;
    let way = Way::open(&cached, &chosen)?;
    if !args.allow_commands && !way.programs.is_empty() {
        return Err(unasked(&way.programs, "humshift score --allow-commands"));
    }
    let limit = limit(&cached.artifact::<MetricTable>(chosen.result, Item::Metrics)?);
    let model = &subject.plan.node(chosen.training).label;
    tell(&way, model, &limit);

    let Named { paths, failed: mut all_failed, .. } =
        Named::of(&args.clips, || Box::new(BufReader::new(std::io::stdin())));
    let looked: Vec<Result<Recording, Failed>> =
        paths.par_iter().map(|path| way.look(path)).collect();
    let mut recordings = Vec::new();
    for looked in looked {
        match looked {
            Ok(recording) => recordings.push(recording),
            Err(failed) => all_failed.push(failed),
        }
    }
    let (scores, failed) = way.scores(&recordings);
    all_failed.extend(failed);
    let rows: Vec<(&str, f64)> =
        paths.iter().filter_map(|path| Some((path.as_str(), *scores.get(path)?))).collect();
    let form = match (args.json, args.format) {
        (true, _) => Form::Json,
        (_, Some(form)) => form,
        _ if std::io::stdout().is_terminal() => Form::Md,
        _ => Form::Csv,
    };
    match form {
        Form::Csv => output::text(&csv(&rows, &limit)),
        Form::Md if rows.is_empty() => {}
        Form::Md => output::text(&Document::default().table(table(&rows, &limit)).markdown()),
        Form::Json => output::json(&json!({
            "experiment": subject.head.name, "model": model, "machine": chosen.section.machine,
            "section": chosen.section.section, "threshold": limit.as_ref().ok(),
            "clips": rows.iter().map(|(clip, score)| json!({
                "clip": clip, "score": score, "decision": decision(*score, &limit),
            })).collect::<Vec<_>>(),
            "failed": all_failed.iter().map(|f| json!({ "clip": f.clip, "why": f.why })).collect::<Vec<_>>(),
        })),
    }
    for Failed { clip, why } in &all_failed {
        output::tell(&format!("error: `{clip}` has no score: {why}"));
    }
    if let Some(path) = &args.figure {
        let scored = recordings
            .iter()
            .filter_map(|recording| Some((recording, *scores.get(&recording.path)?)));
        let cached = Cached { without: "no figure", ..cached };
        figure::write(&cached, &chosen, &way, &scored.collect::<Vec<_>>(), path)?;
    }
    if all_failed.is_empty() {
        return Ok(Exit::Done);
    }
    output::tell(&format!(
        "{} recordings have a score, {} have none",
        rows.len(),
        all_failed.len()
    ));
    Ok(Exit::StageFailed)
}

/// Names the model, and warns about limits of the scores.
fn tell(way: &Way, model: &str, limit: &Limit) {
    match limit {
        Ok(limit) => output::tell(&format!("model: {model}, threshold {limit}")),
        Err(why) => output::tell(&format!("model: {model}, no decisions: {why}")),
    }
    if way.is_mixed {
        output::tell(
            "note: the run mixes its recordings (`mix`: noise, rooms, gain); new recordings are scored as they are, \
             so they should sound like the mixed ones",
        );
    }
    if way.rate.is_none() {
        output::tell(
            "note: the sample rate of the run is not known, as its recordings are gone; it is not checked",
        );
    }
}

fn limit(metrics: &MetricTable) -> Limit {
    let row: Option<&MetricRow> = metrics.rows.iter().find(|row| row.metric == "threshold");
    match row {
        Some(MetricRow { value: Some(value), .. }) => Ok(*value),
        Some(row) => Err(format!("there is no threshold: {}", row.missing)),
        None => Err("the run has no `threshold`".to_owned()),
    }
}

fn decision(score: f64, limit: &Limit) -> Option<&'static str> {
    limit.as_ref().ok().map(|limit| if score > *limit { "anomaly" } else { "normal" })
}

const COLUMNS: [&str; 4] = ["clip", "score", "threshold", "decision"];

/// CSV with numbers in their shortest round-trip form, as in the scores of a run.
fn csv(rows: &[(&str, f64)], limit: &Limit) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let threshold = limit.as_ref().map_or_else(|_| String::new(), f64::to_string);
    writer.write_record(COLUMNS).expect("writing to memory");
    for (clip, score) in rows {
        let cells =
            [clip, &*score.to_string(), &*threshold, decision(*score, limit).unwrap_or_default()];
        writer.write_record(cells).expect("writing to memory");
    }
    String::from_utf8(writer.into_inner().expect("writing to memory")).expect("cells are text")
}

fn table(rows: &[(&str, f64)], limit: &Limit) -> Table {
    let mut table = Table::new(COLUMNS);
    let number = |x: f64| Cell::number(Some(x), x.to_string().replace('-', "−"));
    for (clip, score) in rows {
        let threshold = limit.as_ref().map_or_else(|_| Cell::default(), |limit| number(*limit));
        let decision = decision(*score, limit);
        let decision = Cell::from(decision.unwrap_or_default()).best(decision == Some("anomaly"));
        table.push(vec![(*clip).into(), number(*score), threshold, decision]);
    }
    table
}
