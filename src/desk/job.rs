//! Work orders for other processes, and logs of stages.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::Desk;
use crate::digest::Digest;
use crate::disk::{self, Unusable};

/// The most bytes of a work order, which holds settings and the names of inputs.
const LONGEST: u64 = 64 << 20;

/// The length of the shown end of a log.
const END_LINES: usize = 8;
const END_BYTES: u64 = 8 << 10;

/// The start of the last log line of a failed stage.
pub const FAILED: &str = "failed: ";

impl Desk {
    /// The path of the log of a key.
    pub fn log_path(&self, key: &Digest) -> PathBuf {
        self.logs().join(format!("{}.log", key.hex()))
    }

    /// The folder of all logs.
    pub fn logs(&self) -> PathBuf {
        self.folder.path("logs")
    }

    /// A new log file for a key. It replaces an older one.
    pub fn new_log(&self, key: &Digest) -> io::Result<File> {
        let path = self.log_path(key);
        if std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
            std::fs::remove_file(&path)?;
        } else if std::fs::symlink_metadata(&path).is_ok() {
            self.folder.set_aside(&path);
        }
        disk::options().create_new(true).write(true).open(&path)
    }

    /// The last bytes of the log of a key; empty if there is no log.
    pub fn log_tail(&self, key: &Digest) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let path = self.log_path(key);
            if !std::fs::symlink_metadata(&path)?.is_file() {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let mut file = File::open(path)?;
            let before = file.metadata()?.len().saturating_sub(END_BYTES);
            file.seek(SeekFrom::Start(before))?;
            let mut bytes = Vec::new();
            file.take(END_BYTES).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
    }

    /// The last lines of the log of a key, without the label before and the failure after them.
    /// Empty if there is no log.
    pub fn log_end(&self, key: &Digest) -> Vec<String> {
        let text = self.log_tail(key);
        // The first line is the label or an incomplete line.
        let mut lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
        if let Some(failure) = lines.iter().rposition(|line| line.starts_with(FAILED)) {
            lines.truncate(failure);
        }
        lines.split_off(lines.len().saturating_sub(END_LINES))
    }

    /// The path of the work order of a key.
    pub fn job_path(&self, key: &Digest) -> PathBuf {
        self.folder.path("jobs").join(format!("{}.json", key.hex()))
    }

    /// The work order of a key.
    pub fn job(&self, key: &Digest) -> Result<Vec<u8>, Unusable> {
        let path = self.job_path(key);
        disk::read(&path, LONGEST).map_err(Unusable::at(&path))
    }

    /// Writes the work order of a key for another process.
    pub fn leave_job(&self, key: &Digest, job: &[u8]) -> Result<(), Unusable> {
        self.folder.publish(&self.job_path(key), job)
    }

    /// Removes the work order of a finished key.
    pub fn remove_job(&self, key: &Digest) {
        let _ = std::fs::remove_file(self.job_path(key));
    }
}

/// The key in the name of a work order file.
pub(super) fn key(name: &Path) -> Option<Digest> {
    name.to_str()?.get(..64)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_end_of_a_log_is_short_and_without_label_and_failure() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::open(folder.path()).unwrap();
        let key = Digest::of(b"key");
        assert!(desk.log_end(&key).is_empty());
        let write = |text: &str| desk.new_log(&key).unwrap().write_all(text.as_bytes()).unwrap();
        write("training/a\nfailed: it is too short\nby two clips\n");
        assert!(desk.log_end(&key).is_empty());
        write("training/a\nepoch 1\nepoch 2\nfailed: the loss is not finite\n");
        assert_eq!(desk.log_end(&key), ["epoch 1", "epoch 2"]);
        let many: String = (0..9999).map(|number| format!("epoch {number}\n")).collect();
        write(&many);
        assert_eq!(desk.log_end(&key).len(), END_LINES);
        assert_eq!(desk.log_end(&key).last().unwrap(), "epoch 9998");
    }
}
