//! `humshift lock`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use super::subject::{Subject, SubjectArgs};
use super::{CacheDir, CliError, Exit, output, outputs};
use crate::diagnose::Diagnostic;
use crate::exec::Standing;
use crate::plan::NodeId;

/// Examples of the command.
pub const EXAMPLES: &str = "\
Examples:
  humshift lock quickstart -o quickstart.lock
  humshift run spec.yaml && humshift lock spec.yaml --check theirs.lock

A lock has a line for each output of each stage: label, key, role, digest and bytes, with tabs between them. Who has the
same data runs the spec and checks it: a stage with another key had other settings, code or inputs; one with the same key
and another digest is not deterministic.";

#[derive(Args)]
pub struct LockArgs {
    #[command(flatten)]
    spec: SubjectArgs,
    /// The file to write [default: standard output]
    #[arg(short, long, value_name = "FILE", conflicts_with = "check")]
    output: Option<PathBuf>,
    /// Compare with a lock instead; exit code 1 if anything differs
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheDir,
}

/// The first line of a lock. It names the form.
const TITLE: &str = "# humshift lock 1: label, key, role, digest, bytes";
/// The most differences that are shown.
const SHOWN: usize = 10;

/// Label and role of an output.
type Place = (String, String);
/// Its key, and digest and bytes as one text.
type Content = (String, String);

pub fn run(args: &LockArgs) -> Result<Exit, CliError> {
    let cache = args.cache.look()?;
    let subject = Subject::open(&args.spec.spec, &args.spec.sets, &cache)?;
    let ours = locked(&subject)?;
    let Some(path) = &args.check else {
        let mut text = format!("{TITLE}\n");
        for ((label, role), (key, object)) in &ours {
            text.push_str(&format!("{label}\t{key}\t{role}\t{object}\n"));
        }
        match &args.output {
            Some(path) => outputs::save(path, text, || subject.files())?,
            None => output::text(&text),
        }
        return Ok(Exit::Done);
    };
    let wrong = |why: String| CliError::usage("E0743", format!("`{}`: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let theirs = read(&text).map_err(wrong)?;
    let found = differences(&subject, &ours, &theirs);
    for line in found.iter().take(SHOWN) {
        output::tell(line);
    }
    if found.len() > SHOWN {
        output::tell(&format!("and {} more", found.len() - SHOWN));
    }
    let same = ours.iter().filter(|(place, content)| theirs.get(place) == Some(content)).count();
    output::tell(&format!("{same} of {} outputs are those of `{}`", ours.len(), path.display()));
    Ok(if found.is_empty() { Exit::Done } else { Exit::StageFailed })
}

/// All outputs of a subject.
///
/// Errors: a stage has no record.
fn locked(subject: &Subject) -> Result<BTreeMap<Place, Content>, CliError> {
    let mut found = BTreeMap::new();
    let mut missing: Vec<NodeId> = Vec::new();
    for (id, standing) in subject.plan.nodes().zip(&subject.standings) {
        let Standing::Cached { key, record } = standing else {
            missing.push(id);
            continue;
        };
        let label = &subject.plan.node(id).label;
        for (role, object) in &record.outputs {
            let content = format!("{}\t{}", object.digest.hex(), object.bytes);
            found.insert((label.clone(), role.clone()), (key.hex(), content));
        }
    }
    let Some(first) = missing.first() else { return Ok(found) };
    let label = &subject.plan.node(*first).label;
    let message = match missing.len() {
        1 => format!("`{label}` has no record"),
        n => format!("{n} stages have no record, `{label}` for one"),
    };
    Err(vec![Diagnostic::new("E0743", message).hint(format!("first: {}", subject.command))].into())
}

/// The lines of a lock.
fn read(text: &str) -> Result<BTreeMap<Place, Content>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(TITLE) {
        return Err(format!("it does not begin with `{TITLE}`"));
    }
    let line = |(number, line): (usize, &str)| {
        let cells: Vec<&str> = line.splitn(4, '\t').map(str::trim_end).collect();
        let [label, key, role, content] = cells[..] else {
            return Err(format!("line {} has no five cells", number + 2));
        };
        if !content.contains('\t') {
            return Err(format!("line {} has no five cells", number + 2));
        }
        Ok(((label.to_owned(), role.to_owned()), (key.to_owned(), content.to_owned())))
    };
    lines.enumerate().map(line).collect()
}

/// What differs, in the order of the plan: the first causes come first.
fn differences(
    subject: &Subject,
    ours: &BTreeMap<Place, Content>,
    theirs: &BTreeMap<Place, Content>,
) -> Vec<String> {
    let mut found = Vec::new();
    for id in subject.plan.nodes() {
        let label = &subject.plan.node(id).label;
        let own = ours.range((label.clone(), String::new())..);
        for (place, (key, object)) in own.take_while(|((of, _), _)| of == label) {
            let role = &place.1;
            found.push(match theirs.get(place) {
                None => format!("{label}: the lock has no {role}"),
                Some((other, _)) if other != key => {
                    format!("{label}: other settings, code or inputs (another key)")
                }
                Some((_, other)) if other != object => {
                    format!("{label}: other bytes of {role} from the same inputs")
                }
                Some(_) => continue,
            });
        }
    }
    found.dedup();
    let absent = theirs.keys().filter(|place| !ours.contains_key(place));
    found.extend(absent.map(|(label, role)| format!("{label}: only the lock has {role}")));
    found
}
