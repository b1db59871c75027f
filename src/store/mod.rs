//! The cache on disk: bytes by digest, and records that say which key gave which bytes.
//!
//! ```text
//! cache/
//!   objects/9f/2c….npy     immutable bytes under their SHA-256; the extension says what they are
//!   records/4a/77….json    key -> outputs, written last; a second line holds the digest of the first
//!   locks/<key>.lock       advisory, held while a key is being computed, gone with its process
//!   runs/<experiment>/<digest>.json  a run as a document
//!   last/<experiment>.json which key each label had, for explanations; may be deleted
//!   memo/<root>.tsv        digests of unchanged source files; may be deleted
//!   partial/<key>-….bin    what a stage had reached when its process was killed; may be deleted
//!   jobs/ logs/ bad/ tmp/  work orders of other processes, logs, what was damaged, files being written
//! ```
//!
//! **Order of effects.** Objects first, then the record that names them; each is written to `tmp/` and
//! renamed. A crash at any point costs work, never truth. Nothing is synced to disk: what a power cut
//! tears does not match its digest, is moved to `bad/` and computed again.
//!
//! **Readers never lock.** Objects with one name have one content, so two writers cannot disagree.
//!
//! **It believes nothing.** An object is what its digest says, or damage; a record answers for its own key alone;
//! what is no regular file is damage, too. Damage is moved to `bad/`, told, and made again.
//!
//! This room knows bytes and digests only. It cannot name a stage or an artifact.

mod audit;
mod gc;
mod last;
mod lock;
mod mapped;
mod memo;
mod object;
mod partial;
mod plain;
mod record;
mod runs;
mod stream;

pub use crate::kind::ObjectRef;
pub use audit::{Audit, Usage};
pub use gc::{GcPolicy, GcReport};
pub use last::{LastKeys, Pointer};
pub use lock::{Attempt, KeyLock};
pub use memo::DigestMemo;
pub use object::Bytes;
pub use record::{Found, Made, RECORD_SCHEMA, Record};
pub use runs::RunFile;

use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::digest::Digest;

/// The cache cannot be used, or an object in it is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the cache at `{path}` is unusable: {source}")]
    Io { path: String, source: io::Error },
    #[error("there is no cache in `{path}`")]
    Absent { path: String },
    /// The object was moved aside; whoever made it must make it again.
    #[error("object {digest} is missing or damaged")]
    Damaged { digest: Digest },
}

impl StoreError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| StoreError::Io { path, source }
    }
}

/// A work order holds settings and the names of inputs.
const LONGEST_JOB: u64 = 64 << 20;

/// A handle on the cache; cheap to clone, without state of its own.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the cache at `root`, and makes it if it is not there.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        // Each time: what carries caches about (git, CI) may drop empty folders.
        for folder in ["objects", "records", "locks", "last", "memo", "partial", "jobs", "logs", "bad", "tmp"] {
            let folder = root.join(folder);
            if !folder.is_dir() {
                std::fs::create_dir_all(&folder).map_err(StoreError::io(&folder))?;
            }
        }
        let tag = root.join("CACHEDIR.TAG");
        if std::fs::symlink_metadata(&tag).is_err() {
            // The signature that backup programs look for: https://bford.info/cachedir/
            let text = "Signature: 8a477f597d28d172789f06886806bc55\n# The cache of humshift; safe to delete.\n";
            Self { root: root.to_owned() }.publish(&tag, text.as_bytes())?;
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Opens the cache at `root` as it is, for whoever makes nothing: one that is not there is empty.
    ///
    /// Errors: something else lies there.
    pub fn look(root: &Path) -> Result<Self, StoreError> {
        match std::fs::read_dir(root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io(root)(error)),
            _ => Ok(Self { root: root.to_owned() }),
        }
    }

    /// Whether there is a cache.
    pub fn is_there(&self) -> bool {
        self.root.join("records").is_dir() || self.root.join("CACHEDIR.TAG").exists()
    }

    /// The folder of the cache.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the log of a key is written.
    pub fn log_path(&self, key: &Digest) -> PathBuf {
        self.root.join("logs").join(format!("{}.log", key.hex()))
    }

    /// A new file for the log of a key, in the place of an older one.
    pub fn new_log(&self, key: &Digest) -> std::io::Result<std::fs::File> {
        let path = self.log_path(key);
        if std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
            std::fs::remove_file(&path)?;
        } else if std::fs::symlink_metadata(&path).is_ok() {
            self.set_aside(&path);
        }
        plain::options().create_new(true).write(true).open(&path)
    }

    /// The work order of a key.
    pub fn job(&self, key: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.job_path(key);
        plain::read(&path, LONGEST_JOB).map_err(StoreError::io(&path))
    }

    /// Where the work order of a key is handed to another process.
    pub fn job_path(&self, key: &Digest) -> PathBuf {
        self.root.join("jobs").join(format!("{}.json", key.hex()))
    }

    /// Writes `bytes` to `path` so that other processes see either nothing or all of it.
    pub fn publish(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        use std::io::Write;
        let mut file = self.temporary().map_err(StoreError::io(&self.root.join("tmp")))?;
        file.write_all(bytes).map_err(StoreError::io(path))?;
        self.persist(file, path)
    }

    /// A file that is gone unless it is given a name.
    fn temporary(&self) -> io::Result<NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o644));
        }
        builder.tempfile_in(self.root.join("tmp"))
    }

    /// Gives a whole file its name, in the place of whatever lies there.
    fn persist(&self, file: NamedTempFile, path: &Path) -> Result<(), StoreError> {
        if let Err(failed) = file.persist(path) {
            // The folder is made only when it is missing: that is once in 256 writes.
            let parent = path.parent().expect("paths in the store have parents");
            // Another thread may have made it meanwhile: only what is no folder is in the way.
            if !parent.is_dir() && std::fs::symlink_metadata(parent).is_ok_and(|meta| !meta.is_dir()) {
                self.set_aside(parent);
            }
            std::fs::create_dir_all(parent).map_err(StoreError::io(parent))?;
            if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) {
                self.set_aside(path);
            }
            failed.file.persist(path).map_err(|e| StoreError::io(path)(e.error))?;
        }
        Ok(())
    }

    /// Moves what lies at `path` to `bad/`, so that its place is free and its remains can be looked at; removes it
    /// where that is not possible. Gives whether the place is free.
    pub fn set_aside(&self, path: &Path) -> bool {
        let parts = path.iter().rev().take(2).collect::<Vec<_>>().into_iter().rev();
        let name = parts.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("-");
        // A file replaces an older one of its name; what cannot be replaced, such as a folder, gets a number.
        let names = std::iter::once(name.clone()).chain((1..100).map(|n| format!("{name}.{n}")));
        names.map(|name| self.root.join("bad").join(name)).any(|aside| std::fs::rename(path, aside).is_ok())
            || std::fs::remove_file(path).is_ok()
            || std::fs::symlink_metadata(path).is_err()
    }
}

/// `ab/cdef…` under `folder`.
fn sharded(root: &Path, folder: &str, digest: &Digest, extension: &str) -> PathBuf {
    let hex = digest.hex();
    let mut path = root.to_owned();
    path.push(folder);
    path.push(&hex[..2]);
    path.push(format!("{}.{extension}", &hex[2..]));
    path
}

/// A file of the store that is named by a digest.
struct Entry {
    digest: Digest,
    extension: String,
    path: PathBuf,
    meta: std::fs::Metadata,
}

/// What lies under the names of a sharded folder, `ab/` and 62 digits with an extension, in order of the paths. Links
/// are not followed; what has other names belongs to somebody else.
fn entries(root: &Path, folder: &str) -> Result<Vec<Entry>, StoreError> {
    let folder = root.join(folder);
    let mut found = Vec::new();
    let shards = match std::fs::read_dir(&folder) {
        // What carries caches about may drop empty folders.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        shards => shards.map_err(StoreError::io(&folder))?,
    };
    for shard in shards.flatten() {
        let name = shard.file_name().to_string_lossy().into_owned();
        if name.len() != 2 || !shard.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        for entry in std::fs::read_dir(shard.path()).into_iter().flatten().flatten() {
            let path = entry.path();
            let named = path.file_stem().zip(path.extension()).and_then(|(stem, extension)| {
                Some((format!("{name}{}", stem.to_str()?).parse().ok()?, extension.to_str()?.to_owned()))
            });
            if let (Some((digest, extension)), Ok(meta)) = (named, entry.metadata()) {
                found.push(Entry { digest, extension, path, meta });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}
