//! `humshift explain --proof`: the clips that the key of a stage depends on.
//!
//! A key is the digest of a document that names the inputs of its stage by their digests. Each
//! input was made by a stage with its own key. So a model can only have seen clips of the data sets
//! that its key leads to. Training and test clips are separate on all paths: if no path leads to
//! test clips, none was seen under its own name. But a test recording may lie among the training
//! clips under another name, or be noise in them. So recordings are compared, too.

mod seen;
mod way;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::seen::{Seen, seen};
use self::way::Way;
use super::cached::Cached;
use super::subject::Subject;
use super::{CliError, Exit, output};
use crate::artifact::{Clip, ClipSet};
use crate::diagnose::Diagnostic;
use crate::exec::Standing;
use crate::plan::NodeId;
use crate::shown::shown;
use crate::stage::{Item, Split, StageSpec};
use crate::store::Store;

/// The remark about the mean level if noise is mixed in.
const LEVELS: &str = "the noise was scaled by the mean level of all clips of a section, training and test, as the paper \
                      of MIMII DG has it; that level is the one thing that test clips gave";

/// The remark about weights of the user.
const WEIGHTS: &str =
    "it begins with weights from outside, and nothing is known of the clips they have seen";
/// The most recordings that are named in text output.
const NAMED: usize = 20;

/// Clips of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Group {
    section: String,
    split: Split,
    domain: Option<&'static str>,
    label: Option<&'static str>,
}

#[derive(Serialize)]
struct Counted {
    #[serde(flatten)]
    group: Group,
    clips: usize,
}

/// The clips that the key of a stage leads to.
#[derive(Serialize)]
pub struct Proof {
    pub label: String,
    pub key: String,
    clips: Vec<Counted>,
    pub test_clips: usize,
    /// Test recordings that are part of training clips.
    seen: BTreeSet<Seen>,
    /// Data sets that have not been run, so their test clips could not be compared.
    not_compared: BTreeSet<String>,
    /// Whether the mixing used the mean level of all clips.
    levels: bool,
    /// Whether training started from weights of the user.
    weights: bool,
}

/// Prints the clips that the key of a stage depends on. Exits with 1 if a model has seen a test
/// clip or its recording.
pub fn tell(subject: &Subject, id: NodeId, store: &Store, json: bool) -> Result<Exit, CliError> {
    let proof = prove(subject, id, store)?;
    let is_model =
        matches!(subject.plan.node(id).stage, StageSpec::Network(_) | StageSpec::Training(_));
    if json {
        output::json(&proof);
    } else {
        output::text(&text(&proof));
    }
    Ok(if is_model && (proof.test_clips > 0 || !proof.seen.is_empty()) {
        Exit::StageFailed
    } else {
        Exit::Done
    })
}

fn text(proof: &Proof) -> String {
    let mut lines = vec![format!("{}: key {}", proof.label, proof.key)];
    for Counted { group, clips } in &proof.clips {
        let words = [group.domain, group.label].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let words = if words.is_empty() { String::new() } else { format!("{words} ") };
        lines.push(format!("  {}: {clips} {words}{} clips", group.section, split(group.split)));
    }
    let recordings = proof.recordings();
    match (proof.test_clips, recordings) {
        (0, 0) => lines.push("  its key leads to no test clip".to_owned()),
        (0, _) => {}
        (n, _) => lines.push(format!("  its key leads to {n} test clips")),
    }
    match recordings {
        0 => {}
        1 => lines.push("  a test recording was seen:".to_owned()),
        n => lines.push(format!("  {n} test recordings were seen:")),
    }
    lines.extend(proof.seen.iter().take(NAMED).map(|seen| format!("    {}", seen.line())));
    if proof.seen.len() > NAMED {
        lines.push(format!("    and {} more; `--json` has all", proof.seen.len() - NAMED));
    }
    lines.extend(proof.not_compared().map(|words| format!("  {words}")));
    if proof.levels && proof.test_clips == 0 {
        lines.push(format!("  {LEVELS}"));
    }
    if proof.weights {
        lines.push(format!("  {WEIGHTS}"));
    }
    lines.iter().map(|line| format!("{}\n", shown(line))).collect()
}

fn split(split: Split) -> &'static str {
    match split {
        Split::Train => "training",
        Split::Test => "test",
    }
}

impl Proof {
    /// The training clips, by domain.
    pub fn training(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for Counted { group, clips } in
            self.clips.iter().filter(|counted| counted.group.split == Split::Train)
        {
            *counts.entry(group.domain.unwrap_or_default()).or_default() += clips;
        }
        let words =
            counts.iter().map(|(domain, clips)| format!("{clips} {domain}").trim_end().to_owned());
        words.collect::<Vec<_>>().join(", ")
    }

    /// The number of test recordings in its training clips.
    pub fn recordings(&self) -> usize {
        self.seen.iter().map(|seen| &seen.test_clip).collect::<BTreeSet<_>>().len()
    }

    /// Sentences that name each training clip with the test recording in it.
    pub fn held(&self) -> Vec<String> {
        self.seen.iter().map(|seen| format!("{}.", seen.line())).collect()
    }

    /// Remarks on other data that the model has seen.
    pub fn remarks(&self) -> Vec<String> {
        let levels = (self.levels && self.test_clips == 0).then(|| LEVELS.to_owned());
        let remarks = levels
            .into_iter()
            .chain(self.weights.then(|| WEIGHTS.to_owned()))
            .chain(self.not_compared());
        remarks.map(|words| sentence(&words)).collect()
    }

    fn not_compared(&self) -> Option<String> {
        let (count, first) = (self.not_compared.len(), self.not_compared.first()?);
        Some(format!(
            "test recordings of {count} data sets that have not run were not compared, `{first}` for one"
        ))
    }
}

fn sentence(words: &str) -> String {
    format!("{}{}.", words[..1].to_uppercase(), &words[1..])
}

/// Follows the inputs of a stage back to the clips.
///
/// Errors (E0708): the stage was not run with this cache, or a record is gone or names other inputs
/// than the stages before made.
pub fn prove(subject: &Subject, id: NodeId, store: &Store) -> Result<Proof, CliError> {
    let cache = Cached { subject, store, without: "no proof" };
    let label = subject.plan.node(id).label.clone();
    let Standing::Cached { key, .. } = &subject.standings[id.index()] else {
        let message = format!("no proof: `{label}` has not been run with this cache");
        return Err(vec![Diagnostic::new("E0708", message).hint(&subject.command)].into());
    };
    let way = Way::from(subject, id, store)?;
    let mut counts: BTreeMap<Group, usize> = BTreeMap::new();
    for (dataset, split) in &way.data {
        let set: ClipSet = cache.artifact(*dataset, (*split, Item::Clips))?;
        for clip in set.clips() {
            *counts.entry(group(clip)).or_default() += 1;
        }
    }
    let test_clips =
        counts.iter().filter(|(group, _)| group.split == Split::Test).map(|(_, clips)| clips).sum();
    let clips = counts.into_iter().map(|(group, clips)| Counted { group, clips }).collect();
    let (seen, not_compared) = seen(&way, &cache)?;
    let (key, levels, weights) = (key.hex(), way.levels, way.weights);
    Ok(Proof { label, key, clips, test_clips, seen, not_compared, levels, weights })
}

fn group(clip: &Clip) -> Group {
    Group {
        section: format!("{}/{}", clip.machine, clip.section),
        split: clip.split,
        domain: clip.domain.map(|domain| domain.name()),
        label: clip.label.map(|label| label.name()),
    }
}
