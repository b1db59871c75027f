//! The location of objects, records and runs; only this file knows it.
//!
//! There is one tier, a folder. A second, remote tier belongs into this file. Its handle is a field
//! beside the folder, and the rest of the room does not know about it.
//!
//! * **Read-through** goes into [`Tier::open`] and [`Tier::length`]. If the folder lacks a file,
//!   ask the remote tier. Write its answer to [`Folder::temporary`], compare the digest with the
//!   name (servers accept wrong bytes), name the file with [`Tier::keep`], and go on. A tier that
//!   does not answer counts as empty. It never causes an error.
//! * **Write-back** goes into [`Tier::keep`], after the folder has the file. The store keeps
//!   objects before the record that names them, so the remote tier gets them in this order, too. A
//!   remote record is written only if it is absent: the first one wins, because two workers may
//!   compute one key after a node was lost. The document of a run replaces an older one.
//! * [`Tier::set_aside`] and [`Tier::entries`] stay local. A file that is damaged here may be sound
//!   in the remote tier, and an evicted file comes back by read-through.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::PathBuf;

use tempfile::NamedTempFile;

use super::ObjectRef;
use crate::digest::Digest;
use crate::disk::{self, Folder, Unusable};

/// The name of a file in a tier.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    Object(&'a ObjectRef),
    Record(&'a Digest),
    /// The document of a run: the folder of its experiment, and its digest.
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

    /// The folder, for files that exist in this tier only.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The path of a file, which need not exist; for objects and records `ab/cdef….ext`.
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

    /// Opens a file. The caller checks its content.
    pub fn open(&self, name: Name) -> io::Result<(File, Metadata)> {
        disk::open(&self.path(name))
    }

    /// The length of a file; `None` if it is missing.
    pub fn length(&self, name: Name) -> Option<u64> {
        disk::length(&self.path(name))
    }

    /// Moves a complete temporary file to its name.
    pub fn keep(&self, name: Name, file: NamedTempFile) -> Result<(), Unusable> {
        self.folder.persist(file, &self.path(name))
    }

    /// Writes `bytes` under a name, by way of a temporary file.
    pub fn write(&self, name: Name, bytes: &[u8]) -> Result<(), Unusable> {
        let mut file = self.folder.temporary().map_err(Unusable::at(&self.folder.path("tmp")))?;
        file.write_all(bytes).map_err(Unusable::at(&self.path(name)))?;
        self.keep(name, file)
    }

    /// Moves a damaged file to `bad/`.
    pub fn set_aside(&self, name: Name) -> bool {
        self.folder.set_aside(&self.path(name))
    }

    /// The files of a sharded folder, named `ab/` and 62 digits with an extension, sorted by path.
    /// Links are not followed. Files with other names are not ours and are skipped.
    pub fn entries(&self, folder: &str) -> Result<Vec<Entry>, Unusable> {
        let folder = self.folder.path(folder);
        let mut found = Vec::new();
        let shards = match std::fs::read_dir(&folder) {
            // Programs that copy caches may drop empty folders.
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
