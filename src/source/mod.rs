//! The family of sources: where clips come from, and how their samples are read.
//!
//! File names are parsed here and nowhere else; everybody downstream sees [`Clip`]s. A source works in
//! three steps, so that planning a run never reads audio: [`Source::list`] looks at names alone; the
//! digests of the listed files are added by the caller (who remembers them between runs); and
//! [`Source::clips`] turns one section's listing into a clip set, as a cached stage.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::artifact::{Audio, Clip, ClipSet};
use crate::diagnose::Problem;
use crate::digest::Digest;
use crate::family;

/// Machine and section: the unit of features, scores and metrics.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SectionId {
    pub machine: String,
    pub section: String,
}

/// The files of one section, by path relative to the root, with `/`: audio and, where there are any,
/// attribute tables. A synthetic source has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileList {
    pub audio: Vec<String>,
    pub tables: Vec<String>,
}

/// What a source holds, by section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub sections: BTreeMap<SectionId, FileList>,
    /// Audio files that belong to no section, with the reason: told, not dropped in silence.
    pub strays: Vec<(String, String)>,
}

/// A file of a section with its content's digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    pub path: String,
    pub sha256: Digest,
}

/// Samples of one clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Wave {
    /// Samples a second.
    pub rate: u32,
    /// One channel, in -1..1.
    pub samples: Vec<f32>,
}

/// Why a source cannot give what it should. Every message names the file or folder.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A folder is missing or laid out in another way; the hint says how it should be.
    #[error("{message}")]
    Layout { message: String, hint: String },
    #[error("{path}: {why}")]
    File { path: String, why: String },
}

/// A place that clips come from.
pub trait Source: Send + Sync {
    /// Raised whenever the same listing gives other clips or samples.
    fn version(&self) -> u32;

    /// Settings out of range, all of them.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// The root folder as resolved, if the source reads files.
    fn root(&self) -> Option<&Path> {
        None
    }

    /// Sections and their files, from names alone. May read folders, never audio.
    fn list(&self) -> Result<Listing, SourceError>;

    /// The clips of one section. `files` are the section's audio files with digests; `tables` the
    /// contents of its attribute tables in the order of the listing.
    fn clips(&self, section: &SectionId, files: &[ListedFile], tables: &[Vec<u8>]) -> Result<ClipSet, SourceError>;

    /// This source as it goes into the key of one section's `dataset` stage: without the root and
    /// without settings that only choose sections, so that a moved folder or another choice of
    /// sections changes nothing.
    fn keyed(&self) -> serde_json::Value;
}

family! {
    /// Every source a spec can name.
    pub enum SourceSpec: Source {
        "synthetic" => Synthetic(synthetic::Synthetic),
    }
}

mod synthetic;
pub mod wav;

/// The samples of a clip: reads and checks the WAV under `root`, or runs the generator.
pub fn read(clip: &Clip, root: Option<&Path>) -> Result<Wave, SourceError> {
    let _ = root;
    match &clip.audio {
        Audio::Wav { .. } => Err(SourceError::File { path: clip.id.clone(), why: "not yet".into() }),
        Audio::Synthetic(recipe) => synthetic::render(recipe),
    }
}
