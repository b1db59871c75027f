//! One advisory lock a key, so that two runs share work instead of doing it twice.
//!
//! Kernel locks die with their process: what a killed run leaves is an empty file that locks nothing.

use std::fs::{self, File, TryLockError};
use std::path::PathBuf;

use super::{Store, StoreError};
use crate::digest::Digest;

/// The right to compute a key, until dropped.
pub struct KeyLock {
    path: PathBuf,
    _file: File,
}

impl Store {
    /// Takes the lock of a key; `None` if another process holds it.
    pub fn try_lock(&self, key: &Digest) -> Result<Option<KeyLock>, StoreError> {
        let path = self.root.join("locks").join(format!("{}.lock", key.hex()));
        loop {
            let file =
                File::options().create(true).truncate(false).write(true).open(&path).map_err(StoreError::io(&path))?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                // A file system without locks: work may be done twice, but first wins and both are right.
                Err(TryLockError::Error(_)) | Ok(()) => {}
            }
            // The last holder removes the file: what we locked may no longer be what the name means.
            if same_file(&file, &path) {
                return Ok(Some(KeyLock { path, _file: file }));
            }
        }
    }
}

#[cfg(unix)]
fn same_file(file: &File, path: &std::path::Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &File, _: &std::path::Path) -> bool {
    true
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_held_by_one_and_freed_on_drop() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let held = store.try_lock(&a).unwrap().unwrap();
        assert!(store.try_lock(&a).unwrap().is_none());
        assert!(store.try_lock(&b).unwrap().is_some());
        drop(held);
        assert!(store.try_lock(&a).unwrap().is_some());
        assert_eq!(fs::read_dir(folder.path().join("locks")).unwrap().count(), 0);
    }
}
