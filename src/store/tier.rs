//! The location of objects, records and runs; only this file knows it.
//!
//! There is a folder, and there may be a remote tier with the same names.
//!
//! * **Read-through.** [`Tier::open`] asks the remote tier for an object or a record that the folder
//!   lacks. It is checked, kept in the folder, and opened there. [`Tier::length`] asks how long a
//!   remote object is and leaves it there.
//! * **Write-back** is not done here: [`super::shared`] sends what is complete.
//! * [`Tier::set_aside`] and [`Tier::entries`] are local. A file that is damaged here may be sound
//!   in the remote tier, and an evicted file comes back by read-through.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::NamedTempFile;

use super::remote::{LENGTH, Remote};
use super::{Found, ObjectRef, Record, record};
use crate::digest::Digest;
use crate::disk::{self, Folder, Unusable};
use crate::kind::Kind;

/// The name of a file in a tier.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    Object(&'a ObjectRef),
    Record(&'a Digest),
    /// The document of a run: the folder of its experiment, and its digest.
    Run(&'a str, &'a Digest),
}

impl Name<'_> {
    /// The path below the root of a tier; for objects and records `objects/ab/cdef….ext`.
    pub fn relative(self) -> String {
        let (folder, digest, extension) = match self {
            Name::Object(object) => ("objects", &object.digest, object.kind.extension()),
            Name::Record(key) => ("records", key, "json"),
            Name::Run(experiment, digest) => {
                return format!("runs/{experiment}/{}.json", digest.hex());
            }
        };
        let hex = digest.hex();
        format!("{folder}/{}/{}.{extension}", &hex[..2], &hex[2..])
    }
}

/// A folder with objects, records and runs, and the remote tier behind it.
#[derive(Clone, Debug)]
pub(super) struct Tier {
    folder: Folder,
    pub remote: Option<Arc<Remote>>,
}

impl Tier {
    pub fn of(folder: Folder) -> Self {
        Self { folder, remote: None }
    }

    /// The folder, for files that exist in this tier only.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The path of a file in the folder; it need not exist.
    pub fn path(&self, name: Name) -> PathBuf {
        self.folder.path(name.relative())
    }

    /// Opens a file of either tier. The caller checks its content.
    pub fn open(&self, name: Name) -> io::Result<(File, Metadata)> {
        match self.open_here(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.fetch(name) => {
                self.open_here(name)
            }
            opened => opened,
        }
    }

    /// Opens a file of the folder.
    pub fn open_here(&self, name: Name) -> io::Result<(File, Metadata)> {
        disk::open(&self.path(name))
    }

    /// The length of a file of either tier; `None` if it is missing.
    pub fn length(&self, name: Name) -> Option<u64> {
        let here = disk::length(&self.path(name));
        here.or_else(|| {
            let (remote, relative) = (self.remote_for(name)?, name.relative());
            let there = remote.length(&relative)?;
            if matches!(name, Name::Object(object) if object.bytes != there) {
                remote.is_wrong(&relative, LENGTH);
                return None;
            }
            Some(there)
        })
    }

    /// The remote tier, if files of this kind travel.
    fn remote_for(&self, name: Name) -> Option<&Remote> {
        let remote = self.remote.as_deref()?;
        let travels = match name {
            Name::Object(object) => !remote.records_only || object.kind == Kind::Json,
            Name::Record(_) => true,
            Name::Run(..) => false,
        };
        travels.then_some(remote)
    }

    /// Brings a file from the remote tier. Returns whether the folder has it now.
    fn fetch(&self, name: Name) -> bool {
        let Some(remote) = self.remote_for(name) else { return false };
        let (relative, path) = (name.relative(), self.path(name));
        match name {
            Name::Object(object) => {
                let _alone = remote.fetching(object.digest.bytes()[0]);
                if disk::length(&path).is_some() {
                    return true;
                }
                let Ok(mut file) = self.folder.temporary() else { return false };
                if !remote.stream(&relative, object.bytes, |part| file.write_all(part)) {
                    return false;
                }
                let read = File::open(file.path()).and_then(Digest::of_reader);
                match read.is_ok_and(|(digest, _)| digest == object.digest) {
                    true => self.keep(name, file).is_ok(),
                    false => {
                        remote.is_wrong(&relative, "has other bytes than its name says");
                        false
                    }
                }
            }
            Name::Record(key) => {
                let Some(text) = remote.read(&relative, record::LONGEST) else { return false };
                match Record::read(text.clone(), key) {
                    Found::Sound(_) => self.write(name, &text).is_ok(),
                    Found::Damaged(why) => {
                        remote.is_wrong(&relative, &format!("is damaged ({why})"));
                        false
                    }
                    // A record for another version of the program.
                    _ => {
                        remote.is_missing(&relative);
                        false
                    }
                }
            }
            Name::Run(..) => false,
        }
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

    /// The same, unless there is something of that name already. Returns whether it was written.
    pub fn create(&self, name: Name, bytes: &[u8]) -> Result<bool, Unusable> {
        let mut file = self.folder.temporary().map_err(Unusable::at(&self.folder.path("tmp")))?;
        file.write_all(bytes).map_err(Unusable::at(&self.path(name)))?;
        self.folder.persist_new(file, &self.path(name))
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
        for shard in shards {
            let shard = shard.map_err(Unusable::at(&folder))?;
            let name = shard.file_name().to_string_lossy().into_owned();
            if name.len() != 2 || !shard.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let files = match std::fs::read_dir(shard.path()) {
                // Another process may have removed it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                // Files that cannot be listed are not gone.
                files => files.map_err(Unusable::at(&shard.path()))?,
            };
            for entry in files {
                let entry = entry.map_err(Unusable::at(&shard.path()))?;
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
