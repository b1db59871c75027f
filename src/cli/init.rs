//! `humshift init`: a first spec for a folder of recordings.

mod bearings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;

use super::census::Census;
use super::session::Session;
use super::{CliError, Exit, SpecArgs, check, output, outputs, unreadable};
use crate::artifact::{Channel, Clip};
use crate::diagnose::Diagnostic;
use crate::shown::shown;
use crate::source::guess::{Guess, guess};
use crate::source::{self, phm2012, wav};

/// So many recordings are opened for their rates and lengths.
const OPENED: usize = 20;
/// So many values of an attribute are named.
const NAMED: usize = 6;

/// Features that suit recordings of seconds.
const FEATURES: &str = "log_mel: { frame: 1024, hop: 512, mels: 128 }";

#[derive(Args)]
pub struct InitArgs {
    /// The folder of recordings
    dir: PathBuf,
    /// Where the spec is written [default: the name of the folder, `.yaml`]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the first spec that `check` accepts: of a layout that the program knows, or by a pattern
/// that is guessed.
pub fn run(args: &InitArgs) -> Result<Exit, CliError> {
    let root = args
        .dir
        .canonicalize()
        .map_err(|e| CliError::usage("E0701", format!("`{}`: {e}", args.dir.display())))?;
    let name =
        root.file_name().map_or("recordings".into(), |name| name.to_string_lossy().into_owned());
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.yaml")));
    if path.exists() {
        let diagnostic = Diagnostic::new("E0705", format!("`{}` is there already", path.display()));
        return Err(vec![diagnostic.hint("name another file with `-o`")].into());
    }
    if let Some(place) = phm2012::place(&root) {
        return bearings::run(&place, &name, &path);
    }
    let paths = source::recordings(&root).map_err(|e| CliError::usage("E0701", e.to_string()))?;
    let Some(guess) = guess(&paths) else {
        // A folder of bearings may lie beside recordings, and these are what was meant.
        if let Some(place) = phm2012::place_inside(&root) {
            let taken = place.root.strip_prefix(&root).unwrap_or(&place.root);
            output::line(&shown(&format!("folder     {}", taken.display())));
            return bearings::run(&place, &name, &path);
        }
        return Err(CliError::usage(
            "E0701",
            format!("`{}` holds no recordings (`.wav`, `.flac` or `.ogg`)", args.dir.display()),
        ));
    };
    let known =
        |more: &str| format!("  dcase: {{ root: {}{more} }}\n", quoted(&root.to_string_lossy()));
    let mut last = None;
    for (data, is_guess) in [
        (known(""), false),
        // Raw MIMII with no more normal clips than abnormal ones.
        (known(", split: { holdout: 0.3 }"), false),
        (folder(&root, &name, &guess), true),
    ] {
        outputs::write(&path, spec(&name, &data, FEATURES).as_bytes())?;
        match opened(&path) {
            Ok((session, notes)) => {
                let stops = tell(&session, &root, &paths, is_guess.then_some(&guess));
                return Ok(finished(&path, &session, &notes, stops));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(unfinished(&path, last.expect("three were tried")))
}

/// Says that a spec is written, and what `run` will make of it.
fn finished(path: &Path, session: &Session, notes: &[String], stops: bool) -> Exit {
    session.notes().iter().chain(notes).for_each(|note| check::warn(note));
    let next = match stops {
        true => "`humshift run` will stop at what the warnings say",
        false => "`humshift run` takes it",
    };
    output::line(&shown(&format!("wrote {}; {next}", path.display())));
    Exit::Done
}

/// Says that a spec is written in which `check` finds this mistake. It stays for whoever corrects
/// it.
fn unfinished(path: &Path, error: CliError) -> CliError {
    output::tell(&format!("wrote {} as far as names tell; it needs a correction:", path.display()));
    error
}

/// What a spec gives in which `check` finds no mistake.
fn opened(path: &Path) -> Result<(Session, Vec<String>), CliError> {
    let session = Session::open(&SpecArgs { spec: path.to_owned(), sets: Vec::new() }, None)?;
    // `tell` warns of recordings that cannot be read: a first spec is of use without them.
    let notes = check::looked_at(&session, Vec::new())?;
    Ok((session, notes))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("texts are JSON")
}

/// The words of a source of a guessed pattern.
fn folder(root: &Path, name: &str, guess: &Guess) -> String {
    let mut text = format!("  folder:\n    root: {}\n", quoted(&root.to_string_lossy()));
    text += &format!("    pattern: {}\n", quoted(&guess.pattern));
    if !guess.found.contains("machine") {
        text += &format!(
            "    defaults: {{ machine: {} }}       # no folder tells the machine\n",
            quoted(name)
        );
    }
    if !guess.words.is_empty() {
        text += "    words:\n";
    }
    for (placeholder, words) in &guess.words {
        let words: Vec<String> =
            words.iter().map(|(word, meaning)| format!("{}: {meaning}", quoted(word))).collect();
        text += &format!("      {placeholder}: {{ {} }}\n", words.join(", "));
    }
    if !guess.found.contains("split") {
        text += "    split: { holdout: 0.3 }        # no name tells the split; `by: NAME` keeps recordings of one session together\n";
    }
    text
}

fn spec(name: &str, data: &str, features: &str) -> String {
    format!(
        "# A first spec, written by `humshift init`.\n\
         name: {}\n\
         question: Which detector finds the anomalies of these machines?\n\
         data:\n{data}\
         features:\n  {features}\n\
         pool: {{ mean: {{}} }}\n\
         sweep:\n  detector: [ {{ knn: {{}} }}, {{ mahalanobis: {{}} }} ]\n\
         metrics: [auc, pauc]\n",
        quoted(&name.replace('@', "-"))
    )
}

fn counted(recordings: usize) -> String {
    format!("{recordings} recording{}", if recordings == 1 { "" } else { "s" })
}

/// Says what names tell of clips.
fn facts(clips: &[&Clip]) {
    let count = |title: &str, value: &dyn Fn(&Clip) -> Option<String>| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        clips
            .iter()
            .filter_map(|clip| value(clip))
            .for_each(|value| *counts.entry(value).or_default() += 1);
        let named: Vec<String> =
            counts.iter().take(NAMED).map(|(value, count)| format!("{value} ({count})")).collect();
        let more = counts.len().saturating_sub(NAMED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let found =
            if named.is_empty() { "nothing tells it".to_owned() } else { named.join(", ") + &rest };
        output::line(&shown(&format!("{title:<10} {found}")));
    };
    count("machines", &|clip| Some(clip.machine.clone()));
    count("sections", &|clip| Some(format!("{} {}", clip.machine, clip.section)));
    count("splits", &|clip| Some(clip.split.to_string()));
    count("labels", &|clip| clip.label.map(|label| label.to_string()));
    count("domains", &|clip| clip.domain.map(|domain| domain.to_string()));
    let attributes: BTreeSet<&String> =
        clips.iter().flat_map(|clip| clip.attributes.keys()).collect();
    for name in attributes {
        count(name, &|clip| clip.attributes.get(name).cloned());
    }
}

/// Says what was found and what was not; gives whether some recordings cannot be used.
fn tell(session: &Session, root: &Path, paths: &[String], guess: Option<&Guess>) -> bool {
    let census = Census::of(session);
    let clips: Vec<&Clip> = census.clips().collect();
    output::line(&format!("recordings {} of {}", clips.len(), paths.len()));
    facts(&clips);
    if clips.iter().all(|clip| clip.label.is_none()) {
        check::warn(
            "no name tells which recordings are normal, so no AUC can be computed; put `{label}` into the \
             pattern of `folder`, and your words for it into `words.label`",
        );
    }
    let unreadable = unreadable::sections(session);
    for Diagnostic { message, hint, .. } in &unreadable {
        check::warn(&format!("{message}; {}", hint.as_deref().unwrap_or_default()));
    }
    let (mut rates, mut lengths, mut stops) = (BTreeSet::new(), Vec::new(), !unreadable.is_empty());
    for path in paths.iter().step_by(paths.len().div_ceil(OPENED)) {
        match wav::read(&root.join(path), Channel::Mean) {
            Ok(wave) => {
                rates.insert(wave.rate);
                lengths.push(wave.samples.len() as f64 / f64::from(wave.rate));
            }
            Err(_) if !unreadable.is_empty() => {}
            Err(error) => {
                stops = true;
                check::warn(&format!("a recording cannot be read: {error}"));
            }
        }
    }
    let (least, most) =
        lengths.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), x| (a.min(*x), b.max(*x)));
    let rates: Vec<String> = rates.iter().map(|rate| format!("{rate} Hz")).collect();
    let length = if lengths.is_empty() {
        "of no known length".to_owned()
    } else if most - least < 0.05 {
        format!("{most:.1} s")
    } else {
        format!("{least:.1} to {most:.1} s")
    };
    output::line(&format!(
        "sound      {}, {length} ({} opened)",
        if rates.is_empty() { "of no known rate".to_owned() } else { rates.join(", ") },
        counted(lengths.len())
    ));
    if let Some(guess) = guess {
        output::line(&shown(&format!("pattern    {} (a guess)", guess.pattern)));
    }
    stops
}
