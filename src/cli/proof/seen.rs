//! Test recordings that were seen in spite of the split: under another name among the training
//! clips, or as noise in them.
//!
//! A recording is identified by the digest of its bytes, whatever its name and folder.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::way::Way;
use crate::artifact::{Audio, AudioTable, Recipe};
use crate::cli::CliError;
use crate::cli::cached::Cached;
use crate::exec::Standing;
use crate::plan::NodeId;
use crate::stage::{Item, Role, Split, StageSpec};

/// The way a recording got among the training clips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum As {
    Training,
    Noise,
}

/// A test clip whose recording is in a training clip.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Seen {
    pub test_clip: String,
    /// The training clip.
    pub clip: String,
    pub r#as: As,
}

impl Seen {
    pub fn line(&self) -> String {
        match self.r#as {
            As::Training => {
                format!("`{}` has the bytes of the training clip `{}`", self.test_clip, self.clip)
            }
            As::Noise => {
                format!("`{}` is noise in the training clip `{}`", self.test_clip, self.clip)
            }
        }
    }
}

/// The test clips of the plan whose bytes a key leads to, and the data sets that could not be
/// compared because they did not run.
pub fn seen(way: &Way, cache: &Cached) -> Result<(BTreeSet<Seen>, BTreeSet<String>), CliError> {
    let (mut tests, mut unknown) = (BTreeMap::<String, BTreeSet<String>>::new(), BTreeSet::new());
    for id in data_sets(cache) {
        if !matches!(cache.subject.standings[id.index()], Standing::Cached { .. }) {
            unknown.insert(cache.subject.plan.node(id).label.clone());
            continue;
        }
        let table: AudioTable = cache.artifact(id, (Split::Test, Item::Audio))?;
        for (clip, audio) in table.0 {
            tests.entry(recording(&audio)).or_default().insert(clip);
        }
    }
    let mut found = BTreeSet::new();
    let mut compare = |clip: &str, audio: &Audio, r#as: As| {
        let same = tests.get(&recording(audio)).into_iter().flatten();
        found.extend(same.map(|test| Seen {
            test_clip: test.clone(),
            clip: clip.to_owned(),
            r#as,
        }));
    };
    for (id, _) in way.data.iter().filter(|(_, split)| *split == Split::Train) {
        let table: AudioTable = cache.artifact(*id, (Split::Train, Item::Audio))?;
        table.0.iter().for_each(|(clip, audio)| compare(clip, audio, As::Training));
    }
    for (id, _) in way.mixed.iter().filter(|(_, split)| *split == Split::Train) {
        let recipe: Recipe = cache.artifact(*id, (Split::Train, Item::Recipe))?;
        recipe.0.iter().for_each(|part| compare(&part.clip, &part.audio, As::Noise));
    }
    Ok((found, unknown))
}

/// The data sets of the plan with clips of machines, not only noise.
fn data_sets(cache: &Cached) -> BTreeSet<NodeId> {
    let plan = &cache.subject.plan;
    let needs = plan
        .nodes()
        .flat_map(|id| plan.needs(id))
        .filter(|need| !matches!(need.role, Role::Noise(..) | Role::Response(..)));
    needs
        .map(|need| need.node)
        .filter(|id| matches!(plan.node(*id).stage, StageSpec::Dataset(_)))
        .collect()
}

/// An identity that two clips of one recording share, whichever channel they use.
fn recording(audio: &Audio) -> String {
    match audio {
        Audio::Wav { sha256, .. } | Audio::Encoded { sha256, .. } | Audio::Cut { sha256, .. } => {
            sha256.hex()
        }
        Audio::Snapshots(snapshots) => {
            snapshots.files.iter().map(|(_, sha256)| sha256.hex()).collect()
        }
        Audio::Resampled { audio, .. } => recording(audio),
        Audio::Synthetic(recipe) => recipe.clone(),
    }
}
