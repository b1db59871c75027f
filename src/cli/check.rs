//! `humshift check`.

use clap::Args;

use super::census::Census;
use super::session::Session;
use super::{CliError, Exit, SpecArgs, channels, output, unmixed, unreadable};
use crate::diagnose::Diagnostic;
use crate::report::{PointResults, Results, idle_settings};
use crate::shown::shown;
use crate::source::SectionId;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Args)]
pub struct CheckArgs {
    /// The YAML files
    #[arg(required = true)]
    specs: Vec<PathBuf>,
    /// Change a setting, as for `run`
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// One JSON document instead of lines
    #[arg(long)]
    json: bool,
}

pub fn run(args: &CheckArgs) -> Result<Exit, CliError> {
    let mut worst = Exit::Done;
    let mut documents = Vec::new();
    for spec in &args.specs {
        let name = spec.display().to_string();
        let opened = Session::open(&SpecArgs { spec: spec.clone(), sets: args.sets.clone() }, None);
        let mut notes = Vec::new();
        let looked = opened.and_then(|session| {
            notes = session.notes();
            let idle = looked_at(&session, unreadable::sections(&session))?;
            Ok((session, idle))
        });
        match looked {
            Ok((session, idle)) => {
                let (points, stages) = (session.experiment.points.len(), session.plan.len());
                let data = describe(&session);
                let calls = session.programs().into_iter().map(|program| {
                    format!(
                        "it calls a program of its author, and runs with `--allow-commands` or after `humshift trust` \
                         alone: `{}`",
                        program.line()
                    )
                });
                notes.extend(calls.chain(idle));
                documents.push(serde_json::json!({
                    "spec": name, "ok": true, "points": points, "stages": stages, "data": data, "mistakes": [],
                    "notes": notes,
                }));
                if !args.json {
                    output::line(&shown(&format!(
                        "{name}: ok, {points} points, {stages} stages, {}",
                        data.join("; ")
                    )));
                }
            }
            Err(error) => {
                worst = error.exit();
                if let CliError::Diagnostics(all) = &error {
                    let mistakes: Vec<_> = all.iter().map(to_json).collect();
                    documents.push(serde_json::json!({
                        "spec": name, "ok": false, "mistakes": mistakes, "notes": notes,
                    }));
                }
                if !args.json {
                    error.tell();
                }
            }
        }
        // Where there are mistakes, too: files that were left out may be what is missing.
        notes.iter().for_each(|note| warn(note));
    }
    if args.json {
        output::json(&documents);
    }
    Ok(worst)
}

/// Notes of what the clips and settings of a spec do not give.
///
/// Errors: mistakes that were found before; its clips are such that a stage would fail.
pub fn looked_at(
    session: &Session,
    mut mistakes: Vec<Diagnostic>,
) -> Result<Vec<String>, CliError> {
    let (census, points) = (Census::of(session), &session.experiment.points);
    mistakes.extend(census.mistakes(points));
    mistakes.extend(unmixed::mistakes(&census, session));
    mistakes.extend(channels::without_second(session));
    if !mistakes.is_empty() {
        return Err(mistakes.into());
    }
    let idle =
        census.idle(points).into_iter().map(|idle| PointResults { idle, ..Default::default() });
    let results = Results { points: idle.collect(), ..Default::default() };
    let settings = idle_settings(&results);
    let lines = settings.iter().map(|idle| idle.line(results.points.len()));
    Ok(census.untested().into_iter().chain(lines).collect())
}

/// Warns of what is no mistake.
pub fn warn(note: &str) {
    output::tell(&shown(&format!("warning: {note}")));
}

fn to_json(diagnostic: &Diagnostic) -> serde_json::Value {
    let place = diagnostic.place.as_ref().map(|place| {
        let before = &place.source.text[..place.bytes.start.min(place.source.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        serde_json::json!({ "file": place.source.name, "line": line, "column": column })
    });
    serde_json::json!({
        "code": diagnostic.code, "message": diagnostic.message, "hint": diagnostic.hint, "place": place,
    })
}

/// `bearing: 3 sections, 1975 recordings`, a line a machine.
fn describe(session: &Session) -> Vec<String> {
    // Points that read one folder in different ways have a listing each.
    let mut machines: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for (SectionId { machine, section }, files) in session.listings.iter().flat_map(|l| &l.sections)
    {
        let count = machines.entry(machine).or_default().entry(section).or_default();
        *count = files.audio.len().max(*count);
    }
    let mut scored: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (SectionId { machine, .. }, scores) in session.given.peers.counts() {
        let (sections, all) = scored.entry(machine).or_default();
        (*sections, *all) = (*sections + 1, *all + scores);
    }
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let counts = machines
        .into_iter()
        .map(|(machine, sections)| (machine, (sections.len(), sections.values().sum::<usize>())));
    let line = |(machine, (sections, files)): (&str, (usize, usize))| match files {
        0 => format!("{machine}: {sections} section{}", plural(sections)),
        _ => format!("{machine}: {sections} section{}, {files} recordings", plural(sections)),
    };
    let of_others = |(machine, (sections, scores)): (&str, (usize, usize))| {
        format!("{machine}: {sections} section{}, {scores} scores of others", plural(sections))
    };
    counts.map(line).chain(scored.into_iter().map(of_others)).collect()
}
