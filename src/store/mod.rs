//! The cache on disk: bytes by digest, and records that say which key gave which bytes.
//!
//! ```text
//! cache/
//!   objects/9f/2c….npy     immutable bytes under their SHA-256; the extension says what they are
//!   records/4a/77….json    key -> outputs, written last; a second line holds the digest of the first
//!   locks/<key>.lock       advisory, held while a key is being computed, gone with its process
//!   last/<experiment>.json which key each label had, for explanations; may be deleted
//!   memo/<root>.tsv        digests of unchanged source files; may be deleted
//!   partial/<key>-….bin    what a stage had reached when its process was killed; may be deleted
//!   jobs/ logs/ bad/ tmp/  work orders of other processes, logs, objects that failed their digest
//! ```
//!
//! **Order of effects.** Objects first, then the record that names them; each is written to `tmp/` and
//! renamed. A crash at any point costs work, never truth. Nothing is synced to disk: what a power cut
//! tears does not match its digest, is moved to `bad/` and computed again.
//!
//! **Readers never lock.** Objects with one name have one content, so two writers cannot disagree.
//!
//! This room knows bytes and digests only. It cannot name a stage or an artifact.

mod gc;
mod last;
mod lock;
mod memo;
mod object;
mod partial;
mod record;
mod stream;

pub use gc::{Audit, GcPolicy, GcReport, Usage};
pub use last::{LastKeys, Pointer};
pub use lock::KeyLock;
pub use memo::DigestMemo;
pub use object::{Bytes, ObjectRef};
pub use record::{Made, RECORD_SCHEMA, Record};

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;

/// The cache cannot be used, or an object in it is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the cache at `{path}` is unusable: {source}")]
    Io { path: String, source: io::Error },
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
        if !tag.exists() {
            // The signature that backup programs look for: https://bford.info/cachedir/
            let text = "Signature: 8a477f597d28d172789f06886806bc55\n# The cache of humshift; safe to delete.\n";
            std::fs::write(&tag, text).map_err(StoreError::io(&tag))?;
        }
        Ok(Self { root: root.to_owned() })
    }

    /// The folder of the cache.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the log of a key is written.
    pub fn log_path(&self, key: &Digest) -> PathBuf {
        self.root.join("logs").join(format!("{}.log", key.hex()))
    }

    /// Where the work order of a key is handed to another process.
    pub fn job_path(&self, key: &Digest) -> PathBuf {
        self.root.join("jobs").join(format!("{}.json", key.hex()))
    }

    /// Writes `bytes` to `path` so that other processes see either nothing or all of it.
    pub fn publish(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        use std::io::Write;
        #[cfg(unix)]
        use std::os::unix::fs::PermissionsExt;
        let tmp = self.root.join("tmp");
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        builder.permissions(std::fs::Permissions::from_mode(0o644));
        let mut file = builder.tempfile_in(&tmp).map_err(StoreError::io(&tmp))?;
        file.write_all(bytes).map_err(StoreError::io(path))?;
        if let Err(failed) = file.persist(path) {
            // The folder is made only when it is missing: that is once in 256 writes.
            let parent = path.parent().expect("paths in the store have parents");
            std::fs::create_dir_all(parent).map_err(StoreError::io(parent))?;
            failed.file.persist(path).map_err(|e| StoreError::io(path)(e.error))?;
        }
        Ok(())
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
