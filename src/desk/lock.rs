//! One advisory lock per key, so that two runs share work instead of doing it twice.
//!
//! Kernel locks die with their process. A killed run leaves only an empty file that locks nothing.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::Desk;
use crate::digest::Digest;
use crate::disk::{self, Unusable};

/// The right to compute a key, until dropped.
pub struct KeyLock {
    path: PathBuf,
    file: File,
}

/// The result of trying to lock a key.
pub enum Attempt {
    Taken(KeyLock),
    /// Another process computes it; holds its process id, if known.
    Held(Option<u32>),
}

impl Desk {
    /// Takes the lock of a key, if no other process holds it.
    pub fn try_lock(&self, key: &Digest) -> Result<Attempt, Unusable> {
        let path = self.folder.path("locks").join(format!("{}.lock", key.hex()));
        for _ in 0..100 {
            let opened = disk::options().create(true).truncate(false).write(true).open(&path);
            // The file of another user, who was killed: a lock needs no right to write.
            let opened = opened.or_else(|error| match error.kind() {
                std::io::ErrorKind::PermissionDenied => disk::options().read(true).open(&path),
                _ => Err(error),
            });
            let file = match opened {
                Ok(file) if file.metadata().is_ok_and(|meta| meta.is_file()) => file,
                // Something other than a file is moved aside.
                Ok(_) if self.folder.set_aside(&path) => continue,
                Err(_)
                    if fs::symlink_metadata(&path).is_ok_and(|m| !m.is_file())
                        && self.folder.set_aside(&path) =>
                {
                    continue;
                }
                Ok(_) => {
                    return Err(Unusable::at(&path)(std::io::Error::other("not a regular file")));
                }
                Err(error) => return Err(Unusable::at(&path)(error)),
            };
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(Attempt::Held(holder(&file))),
                // The file system has no locks: work may be done twice, but both results are valid
                // and the first one wins.
                Err(TryLockError::Error(_)) | Ok(()) => {}
            }
            // The last holder removes the file, so the locked file may no longer be the one at this
            // path.
            if same_file(&file, &path) {
                return Ok(Attempt::Taken(KeyLock { path, file }));
            }
        }
        Err(Unusable::at(&path)(std::io::Error::other("the lock file keeps being replaced")))
    }
}

/// The id of the process that holds the lock of a file, if the system lists locks. (Writing it into
/// the file would cost two writes per stage.)
#[cfg(target_os = "linux")]
fn holder(file: &File) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let inode = file.metadata().ok()?.ino().to_string();
    // `1: FLOCK  ADVISORY  WRITE 4242 fd:00:1234567 0 EOF`
    let list = fs::read_to_string("/proc/locks").ok()?;
    list.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_it =
            words.get(1) == Some(&"FLOCK") && words.get(5)?.rsplit(':').next() == Some(&inode);
        words.get(4).filter(|_| is_it)?.parse().ok()
    })
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &File) -> Option<u32> {
    None
}

impl KeyLock {
    /// The locked file. A process that inherits it holds the lock for its whole life.
    pub fn file(&self) -> &File {
        &self.file
    }
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &File, _: &Path) -> bool {
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

    fn taken(desk: &Desk, key: &Digest) -> KeyLock {
        match desk.try_lock(key).unwrap() {
            Attempt::Taken(lock) => lock,
            Attempt::Held(by) => panic!("held by {by:?}"),
        }
    }

    #[test]
    fn a_key_is_held_by_one_and_freed_on_drop() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::open(folder.path()).unwrap();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let held = taken(&desk, &a);
        let own = std::process::id();
        assert!(
            matches!(desk.try_lock(&a).unwrap(), Attempt::Held(by) if by.is_none_or(|by| by == own))
        );
        drop(taken(&desk, &b));
        drop(held);
        drop(taken(&desk, &a));
        assert_eq!(fs::read_dir(folder.path().join("locks")).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_moved_aside_and_nothing_is_written_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::open(&folder.path().join("cache")).unwrap();
        let key = Digest::of(b"key");
        let path = desk.folder.path("locks").join(format!("{}.lock", key.hex()));
        let victim = folder.path().join("victim");
        for (name, make) in disk::strange::STRANGE {
            make(&path);
            drop(taken(&desk, &key));
            assert!(fs::symlink_metadata(&path).is_err(), "{name}");
        }
        for content in [None, Some("precious")] {
            content.iter().for_each(|text| fs::write(&victim, text).unwrap());
            std::os::unix::fs::symlink(&victim, &path).unwrap();
            drop(taken(&desk, &key));
            assert_eq!(fs::read_to_string(&victim).ok().as_deref(), content);
        }
    }
}
