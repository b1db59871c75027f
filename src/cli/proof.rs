//! `humshift explain --proof`: the clips that the key of a stage stands for.
//!
//! A key is the digest of a document that names the inputs of its stage by their digests, and each of those was made by
//! a stage with a key of its own. So the clips that a model may have seen are those of the data sets that its key leads
//! to. Training and test clips are apart all the way: where no way leads to test clips, none was seen.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::cached::Cached;
use super::subject::Subject;
use super::{CliError, Exit, output};
use crate::artifact::{Clip, ClipSet};
use crate::diagnose::Diagnostic;
use crate::exec::Standing;
use crate::plan::{Need, NodeId};
use crate::shown::shown;
use crate::stage::{Item, Role, Split, StageSpec};
use crate::store::Store;

/// What is said of the mean level where noise is mixed in.
const LEVELS: &str = "the noise was scaled by the mean level of all clips of a section, training and test, as the paper \
                      of MIMII DG has it; that level is the one thing that test clips gave";

/// What is said of weights that somebody brings.
const WEIGHTS: &str = "it begins with weights from outside, and nothing is known of the clips they have seen";

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

/// What the key of a stage leads to.
#[derive(Serialize)]
pub struct Proof {
    pub label: String,
    pub key: String,
    clips: Vec<Counted>,
    pub test_clips: usize,
    /// Whether the mean level of all clips went into the mixing.
    levels: bool,
    /// Whether it began with weights from outside.
    weights: bool,
}

/// Says what the key of a stage stands for. Ends with 1 where a model has seen a test clip.
pub fn tell(subject: &Subject, id: NodeId, store: &Store, json: bool) -> Result<Exit, CliError> {
    let proof = prove(subject, id, store)?;
    let is_model = matches!(subject.plan.node(id).stage, StageSpec::Network(_) | StageSpec::Training(_));
    if json {
        output::json(&proof);
    } else {
        output::text(&text(&proof));
    }
    Ok(if is_model && proof.test_clips > 0 { Exit::StageFailed } else { Exit::Done })
}

fn text(proof: &Proof) -> String {
    let mut lines = vec![format!("{}: key {}", proof.label, proof.key)];
    for Counted { group, clips } in &proof.clips {
        let words = [group.domain, group.label].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let words = if words.is_empty() { String::new() } else { format!("{words} ") };
        lines.push(format!("  {}: {clips} {words}{} clips", group.section, split(group.split)));
    }
    lines.push(match proof.test_clips {
        0 => "  its key leads to no test clip".to_owned(),
        n => format!("  its key leads to {n} test clips"),
    });
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
        for Counted { group, clips } in self.clips.iter().filter(|counted| counted.group.split == Split::Train) {
            *counts.entry(group.domain.unwrap_or_default()).or_default() += clips;
        }
        let words = counts.iter().map(|(domain, clips)| format!("{clips} {domain}").trim_end().to_owned());
        words.collect::<Vec<_>>().join(", ")
    }

    /// What else is to be said of what it has seen.
    pub fn remarks(&self) -> Vec<String> {
        let levels = (self.levels && self.test_clips == 0).then_some(LEVELS);
        let remarks = levels.into_iter().chain(self.weights.then_some(WEIGHTS));
        remarks.map(sentence).collect()
    }
}

fn sentence(words: &str) -> String {
    format!("{}{}.", words[..1].to_uppercase(), &words[1..])
}

/// Follows the inputs of a stage back to the clips.
///
/// Errors (E0708): it was not run with this cache, or a record is gone or names other inputs than were made.
pub fn prove(subject: &Subject, id: NodeId, store: &Store) -> Result<Proof, CliError> {
    let cache = Cached { subject, store, without: "no proof" };
    let label = subject.plan.node(id).label.clone();
    let Standing::Cached { key, .. } = &subject.standings[id.index()] else {
        let message = format!("no proof: `{label}` has not been run with this cache");
        return Err(vec![Diagnostic::new("E0708", message).hint(&subject.command)].into());
    };
    let mut way = Way { subject, store, data: BTreeSet::new(), levels: false, weights: false, seen: BTreeSet::new() };
    way.follow(id, |_| true)?;
    let mut counts: BTreeMap<Group, usize> = BTreeMap::new();
    for (dataset, split) in &way.data {
        let set: ClipSet = cache.artifact(*dataset, (*split, Item::Clips))?;
        for clip in set.clips() {
            *counts.entry(group(clip)).or_default() += 1;
        }
    }
    let test_clips = counts.iter().filter(|(group, _)| group.split == Split::Test).map(|(_, clips)| clips).sum();
    let clips = counts.into_iter().map(|(group, clips)| Counted { group, clips }).collect();
    Ok(Proof { label, key: key.hex(), clips, test_clips, levels: way.levels, weights: way.weights })
}

fn group(clip: &Clip) -> Group {
    Group {
        section: format!("{}/{}", clip.machine, clip.section),
        split: clip.split,
        domain: clip.domain.map(|domain| domain.name()),
        label: clip.label.map(|label| label.name()),
    }
}

/// The way back from a key to the data sets it stands for.
struct Way<'a> {
    subject: &'a Subject,
    store: &'a Store,
    /// Data sets, and which of their clips.
    data: BTreeSet<(NodeId, Split)>,
    levels: bool,
    weights: bool,
    seen: BTreeSet<(NodeId, Role)>,
}

impl Way<'_> {
    /// Follows the inputs of a stage that matter, after a look at whether its key names what was made of them.
    fn follow(&mut self, id: NodeId, matters: impl Fn(&Role) -> bool) -> Result<(), CliError> {
        let needs: Vec<Need> = self.subject.plan.needs(id).iter().filter(|need| matters(&need.role)).cloned().collect();
        self.weights |= self.subject.plan.node(id).given.contains_key(&Role::from(Item::Weights));
        let named = self.inputs(id)?;
        for need in needs {
            let made = self.outputs(need.node)?.get(&need.output.to_string()).map(|object| object.digest.hex());
            if made.is_none() || made.as_ref() != named.get(&need.role.to_string()) {
                return Err(self.broken(id, &need.role));
            }
            self.come_to(need.node, need.output)?;
        }
        Ok(())
    }

    fn come_to(&mut self, id: NodeId, output: Role) -> Result<(), CliError> {
        if !self.seen.insert((id, output.clone())) {
            return Ok(());
        }
        match (&self.subject.plan.node(id).stage, &output) {
            (StageSpec::Dataset(_), Role::Of(split, _)) => drop(self.data.insert((id, *split))),
            (StageSpec::Levels(_), _) => self.levels = true,
            (_, Role::Of(split, _)) => {
                let other = |role: &Role| matches!(role, Role::Of(found, _) if found != split);
                // Recordings of noise are no clips of the machine.
                self.follow(id, |role| !other(role) && !matches!(role, Role::Noise(..)))?;
            }
            _ => self.follow(id, |_| true)?,
        }
        Ok(())
    }

    fn outputs(&self, id: NodeId) -> Result<&BTreeMap<String, crate::kind::ObjectRef>, CliError> {
        match &self.subject.standings[id.index()] {
            Standing::Cached { record, .. } => Ok(&record.outputs),
            _ => Err(self.absent(id)),
        }
    }

    /// The inputs that the key of a stage names, by role.
    fn inputs(&self, id: NodeId) -> Result<BTreeMap<String, String>, CliError> {
        let Standing::Cached { key, .. } = &self.subject.standings[id.index()] else { return Err(self.absent(id)) };
        let record = self.store.record(key).sound().ok_or_else(|| self.absent(id))?;
        let inputs = record.material.get("inputs").cloned().unwrap_or_default();
        serde_json::from_value(inputs).map_err(|_| self.absent(id))
    }

    fn absent(&self, id: NodeId) -> CliError {
        let label = &self.subject.plan.node(id).label;
        let message = format!("no proof: the record of `{label}` is gone from the cache");
        vec![Diagnostic::new("E0708", message).hint(&self.subject.command)].into()
    }

    fn broken(&self, id: NodeId, role: &Role) -> CliError {
        let label = &self.subject.plan.node(id).label;
        CliError::usage("E0708", format!("no proof: the key of `{label}` names another `{role}` than was made"))
    }
}
