//! Work orders for other processes, and logs of stages.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::Desk;
use crate::digest::Digest;
use crate::disk::{self, Unusable};

/// A work order holds settings and the names of inputs.
const LONGEST: u64 = 64 << 20;

impl Desk {
    /// Where the log of a key is written.
    pub fn log_path(&self, key: &Digest) -> PathBuf {
        self.logs().join(format!("{}.log", key.hex()))
    }

    /// The folder of all logs.
    pub fn logs(&self) -> PathBuf {
        self.folder.path("logs")
    }

    /// A new file for the log of a key, in the place of an older one.
    pub fn new_log(&self, key: &Digest) -> io::Result<File> {
        let path = self.log_path(key);
        if std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
            std::fs::remove_file(&path)?;
        } else if std::fs::symlink_metadata(&path).is_ok() {
            self.folder.set_aside(&path);
        }
        disk::options().create_new(true).write(true).open(&path)
    }

    /// Where the work order of a key is handed to another process.
    pub fn job_path(&self, key: &Digest) -> PathBuf {
        self.folder.path("jobs").join(format!("{}.json", key.hex()))
    }

    /// The work order of a key.
    pub fn job(&self, key: &Digest) -> Result<Vec<u8>, Unusable> {
        let path = self.job_path(key);
        disk::read(&path, LONGEST).map_err(Unusable::at(&path))
    }

    /// Leaves the work order of a key for another process.
    pub fn leave_job(&self, key: &Digest, job: &[u8]) -> Result<(), Unusable> {
        self.folder.publish(&self.job_path(key), job)
    }

    /// Removes the work order of a key: it is done.
    pub fn remove_job(&self, key: &Digest) {
        let _ = std::fs::remove_file(self.job_path(key));
    }
}

/// The key of a work order, by the name of its file.
pub(super) fn key(name: &Path) -> Option<Digest> {
    name.to_str()?.get(..64)?.parse().ok()
}
