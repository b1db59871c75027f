//! Whether a file still has the content that was listed.
//!
//! Results are stored under the listed digest, so other samples must not replace it. Of a file with
//! many clips only parts are read. Its digest is made once, and holds as long as size, inode and
//! times of the file stay the same.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::digest::Digest;
use crate::reading;

/// The stamp of a file, and the digest that it had then. Threads that ask for one file wait for the
/// first of them.
type Known = Arc<Mutex<Option<(String, Digest)>>>;

/// All files that were asked for.
static KNOWN: Mutex<BTreeMap<PathBuf, Known>> = Mutex::new(BTreeMap::new());

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the file at `path` has this digest.
///
/// Errors: it cannot be read.
pub(super) fn has(path: &Path, sha256: Digest) -> io::Result<bool> {
    let known = locked(&KNOWN).entry(path.to_owned()).or_default().clone();
    let mut known = locked(&known);
    let stamp = reading::stamp(path);
    if let (Some(stamp), Some((old, digest))) = (&stamp, &*known)
        && stamp == old
    {
        return Ok(*digest == sha256);
    }
    let (digest, _) = Digest::of_reader(reading::open(path)?)?;
    let after = reading::stamp(path);
    *known = stamp.filter(|stamp| Some(stamp) == after.as_ref()).map(|stamp| (stamp, digest));
    Ok(digest == sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_is_seen_and_so_is_the_first_one_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two, longer"));
        std::fs::write(&path, "one").unwrap();
        for _ in 0..2 {
            assert!(has(&path, one).unwrap() && !has(&path, two).unwrap());
        }
        std::fs::write(&path, "two, longer").unwrap();
        assert!(has(&path, two).unwrap() && !has(&path, one).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(has(&path, two).is_err());
    }
}
