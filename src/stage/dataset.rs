//! The dataset stage: the listing of a section becomes its clip set and its audio table.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Inputs, Item, Output, Role, SPLITS, StageError, code};
use crate::artifact::{AudioTable, ClipSet};
use crate::digest::Digest;
use crate::reading;
use crate::source::{
    self, FileList, ListedFile, SectionId, SourceError, SourceSpec, cut, untrusted,
};

/// 2: separate training and test clips. 3: `noAttribute` in a table is no value.
const VERSION: u32 = 3;

/// Settings of the dataset stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    pub source: SourceSpec,
    pub section: SectionId,
}

/// The input `listing` of a dataset stage: one line per file, with `audio` or `table`, path,
/// digest.
///
/// `digests` has the digests of `files.audio`, then those of `files.tables`.
pub fn listing(files: &FileList, digests: &[Digest]) -> Vec<u8> {
    let kinds =
        files.audio.iter().map(|f| ("audio", f)).chain(files.tables.iter().map(|f| ("table", f)));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["kind", "path", "sha256"]).expect("writing to memory");
    for ((kind, path), digest) in kinds.zip(digests) {
        writer.write_record([kind, path, &digest.hex()]).expect("writing to memory");
    }
    writer.into_inner().expect("writing to memory")
}

impl Dataset {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let source = &self.source;
        let cut = source.cut().map(|_| ("cut", cut::VERSION));
        let member = (source.name(), source.member().version());
        (
            code("dataset", VERSION, std::iter::once(member).chain(cut)),
            json!({ source.name(): source.member().keyed(), "section": self.section }),
        )
    }

    pub(super) fn run(&self, inputs: &Inputs) -> Result<Vec<Output>, StageError> {
        let wrong = |e: csv::Error| StageError::Data(format!("the listing cannot be read: {e}"));
        let bytes = inputs
            .0
            .get(&Role::from(Item::Listing).to_string())
            .map(|blob| blob.to_vec())
            .unwrap_or_default();
        let (mut audio, mut tables) = (Vec::new(), Vec::new());
        for row in
            csv::Reader::from_reader(&bytes[..]).into_deserialize::<(String, String, Digest)>()
        {
            let (kind, path, sha256) = row.map_err(wrong)?;
            match kind.as_str() {
                "audio" => audio.push(ListedFile { path, sha256 }),
                _ => tables.push(read_table(self.source.member().root(), &path, sha256)?),
            }
        }
        let recordings = untrusted::clips(self.source.member(), &self.section, &audio, &tables)?;
        source::still(&recordings, self.source.member().root())?;
        if let Some(recording) = recordings.iter().find(|r| r.clip.is_made()) {
            let why =
                "there is a tab in its name; tabs separate the parents of a synthetic clip".into();
            return Err(StageError::Clip { clip: recording.clip.id.clone(), why });
        }
        let outputs = SPLITS.map(|split| {
            let own = recordings.iter().filter(|recording| recording.clip.split == split);
            let table = own.clone().map(|r| (r.clip.id.clone(), r.audio.clone())).collect();
            let clips = ClipSet::new(own.map(|r| r.clip.clone()).collect());
            [
                Output::of((split, Item::Clips), &clips),
                Output::of((split, Item::Audio), &AudioTable(table)),
            ]
        });
        Ok(outputs.into_iter().flatten().collect())
    }
}

fn read_table(root: Option<&Path>, path: &str, sha256: Digest) -> Result<Vec<u8>, SourceError> {
    let wrong = |why: String| SourceError::File { path: path.to_owned(), why };
    let full = root.unwrap_or(Path::new("")).join(path);
    let bytes = reading::read(&full, reading::TEXT).map_err(|e| wrong(e.to_string()))?;
    if Digest::of(&bytes) != sha256 {
        return Err(wrong("the file changed since it was listed; run again".into()));
    }
    Ok(bytes)
}
