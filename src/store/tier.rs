//! Where objects, records and runs are: the one place that knows.
//!
//! There is one tier, a folder. A second one, remote, belongs into this file: its handle is a field
//! beside the folder, and the rest of the room does not learn of it.
//!
//! * **Read-through** goes into [`Tier::open`] and [`Tier::length`]. Where the folder has nothing,
//!   ask the remote tier, write what it gives to [`Folder::temporary`], compare its digest with the
//!   name (servers accept wrong bytes), name it with [`Tier::keep`], and go on. A tier that does
//!   not answer is one that has nothing: never an error.
//! * **Write-back** goes into [`Tier::keep`], after the folder has the file. The store keeps
//!   objects before the record that names them, so the remote tier gets them in this order, too. A
//!   record is created there if it is absent: the first wins, because after a lost node two workers
//!   may compute one key. The document of a run replaces an older one.
//! * [`Tier::set_aside`] and [`Tier::entries`] stay local. What was damaged here may be sound
//!   there; what is evicted here comes back by read-through.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::PathBuf;

use tempfile::NamedTempFile;

use super::ObjectRef;
use crate::digest::Digest;
use crate::disk::{self, Folder, Unusable};

/// What lies in a tier.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    Object(&'a ObjectRef),
    Record(&'a Digest),
    /// The document of a run, by the folder of its experiment.
    Run(&'a str, &'a Digest),
}

/// A folder with objects, records and runs.
#[derive(Clone, Debug)]
pub(super) struct Tier {
    folder: Folder,
}

impl Tier {
    pub fn of(folder: Folder) -> Self {
        Self { folder }
    }

    /// The folder, for what is never looked for in another tier.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Where a file lies, or would: for objects and records `ab/cdef….ext`.
    pub fn path(&self, name: Name) -> PathBuf {
        let (folder, digest, extension) = match name {
            Name::Object(object) => ("objects", &object.digest, object.kind.extension()),
            Name::Record(key) => ("records", key, "json"),
            Name::Run(experiment, digest) => {
                return self
                    .folder
                    .path("runs")
                    .join(experiment)
                    .join(format!("{}.json", digest.hex()));
            }
        };
        let hex = digest.hex();
        let mut path = self.folder.path(folder);
        path.push(&hex[..2]);
        path.push(format!("{}.{extension}", &hex[2..]));
        path
    }

    /// Opens a file. What is in it, the caller checks.
    pub fn open(&self, name: Name) -> io::Result<(File, Metadata)> {
        disk::open(&self.path(name))
    }

    /// The length of a file, if it is there.
    pub fn length(&self, name: Name) -> Option<u64> {
        disk::length(&self.path(name))
    }

    /// Gives a whole file its name.
    pub fn keep(&self, name: Name, file: NamedTempFile) -> Result<(), Unusable> {
        self.folder.persist(file, &self.path(name))
    }

    /// The same of bytes.
    pub fn write(&self, name: Name, bytes: &[u8]) -> Result<(), Unusable> {
        let mut file = self.folder.temporary().map_err(Unusable::at(&self.folder.path("tmp")))?;
        file.write_all(bytes).map_err(Unusable::at(&self.path(name)))?;
        self.keep(name, file)
    }

    /// Moves a damaged file out of the way.
    pub fn set_aside(&self, name: Name) -> bool {
        self.folder.set_aside(&self.path(name))
    }

    /// What lies under the names of a sharded folder, `ab/` and 62 digits with an extension, in
    /// order of the paths. Links are not followed; what has other names belongs to somebody else.
    pub fn entries(&self, folder: &str) -> Result<Vec<Entry>, Unusable> {
        let folder = self.folder.path(folder);
        let mut found = Vec::new();
        let shards = match std::fs::read_dir(&folder) {
            // What carries caches about may drop empty folders.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            shards => shards.map_err(Unusable::at(&folder))?,
        };
        for shard in shards.flatten() {
            let name = shard.file_name().to_string_lossy().into_owned();
            if name.len() != 2 || !shard.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            for entry in std::fs::read_dir(shard.path()).into_iter().flatten().flatten() {
                let path = entry.path();
                let named = path.file_stem().zip(path.extension()).and_then(|(stem, extension)| {
                    Some((
                        format!("{name}{}", stem.to_str()?).parse().ok()?,
                        extension.to_str()?.to_owned(),
                    ))
                });
                if let (Some((digest, extension)), Ok(meta)) = (named, entry.metadata()) {
                    found.push(Entry { digest, extension, path, meta });
                }
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }
}

/// A file of the store that is named by a digest.
pub(super) struct Entry {
    pub digest: Digest,
    pub extension: String,
    pub path: PathBuf,
    pub meta: Metadata,
}
