//! Checkpoints: the progress of killed stages, as bytes under the key of the stage.
//!
//! A file consists of 64 hexadecimal digits, the SHA-256 of the rest, and the rest. A damaged file
//! is ignored, and its stage starts from the beginning.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Desk, GRACE};
use crate::digest::Digest;
use crate::disk::{self, Unusable};

/// More than the weights and optimiser moments of any network.
const LONGEST: u64 = 1 << 36;

/// Digits of a SHA-256.
const DIGITS: usize = 64;

/// By default, a checkpoint is given up after a week.
const ABANDONED: Duration = Duration::from_secs(7 * 24 * 3600);

/// The number and size of checkpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Checkpoints {
    pub checkpoints: usize,
    pub checkpoint_bytes: u64,
}

impl Desk {
    /// The path of the checkpoint of one part of a stage.
    fn checkpoint_path(&self, key: &Digest, part: u64) -> PathBuf {
        self.folder.path("partial").join(format!("{}-{part:016x}.bin", key.hex()))
    }

    /// Saves a checkpoint for a part of a stage and replaces the previous one.
    pub fn save_checkpoint(&self, key: &Digest, part: u64, bytes: &[u8]) -> Result<(), Unusable> {
        let mut all = Digest::of(bytes).hex().into_bytes();
        all.extend_from_slice(bytes);
        self.folder.publish(&self.checkpoint_path(key, part), &all)
    }

    /// The checkpoint of a part of a stage; `None` if it is missing or damaged.
    pub fn load_checkpoint(&self, key: &Digest, part: u64) -> Option<Vec<u8>> {
        let mut all = disk::read(&self.checkpoint_path(key, part), LONGEST).ok()?;
        let bytes = all.split_off(DIGITS.min(all.len()));
        (Digest::of(&bytes).hex().into_bytes() == all).then_some(bytes)
    }

    /// Removes the checkpoints of a stage that is done.
    pub fn drop_checkpoints(&self, key: &Digest) {
        let hex = key.hex();
        for entry in fs::read_dir(self.folder.path("partial")).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&hex) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    pub fn checkpoints(&self) -> Checkpoints {
        let mut all = Checkpoints::default();
        for entry in fs::read_dir(self.folder.path("partial")).into_iter().flatten().flatten() {
            if key(&entry.path()).is_some() {
                all.checkpoints += 1;
                all.checkpoint_bytes += entry.metadata().map_or(0, |meta| meta.len());
            }
        }
        all
    }

    pub(super) fn clear_checkpoints(
        &self,
        forgotten: Option<Duration>,
        is_done: impl Fn(&Digest) -> bool,
        dry_run: bool,
    ) -> usize {
        let forgotten = forgotten.unwrap_or(ABANDONED).max(GRACE);
        let mut count = 0;
        for (path, age) in self.folder.own("partial", |name| key(name).is_some()) {
            if age > forgotten || (age > GRACE && key(&path).is_some_and(|key| is_done(&key))) {
                count += 1;
                if !dry_run {
                    let _ = fs::remove_file(path);
                }
            }
        }
        count
    }
}

/// The key in the name of a checkpoint file.
fn key(path: &Path) -> Option<Digest> {
    path.file_name()?.to_str()?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_loaded_until_it_is_dropped_and_damage_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::open(folder.path()).unwrap();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_eq!(desk.load_checkpoint(&a, 1), None);
        desk.save_checkpoint(&a, 1, b"epoch 1").unwrap();
        desk.save_checkpoint(&a, 1, b"epoch 2").unwrap();
        desk.save_checkpoint(&a, 2, b"").unwrap();
        desk.save_checkpoint(&b, 1, b"other").unwrap();
        assert_eq!(desk.load_checkpoint(&a, 1).unwrap(), b"epoch 2");
        assert_eq!(desk.load_checkpoint(&a, 2).unwrap(), b"");
        assert_eq!(key(&desk.checkpoint_path(&a, 1)), Some(a));
        for damaged in [&b"short"[..], b"", &[b'0'; 80]] {
            fs::write(desk.checkpoint_path(&a, 1), damaged).unwrap();
            assert_eq!(desk.load_checkpoint(&a, 1), None);
        }
        desk.drop_checkpoints(&a);
        assert_eq!(desk.load_checkpoint(&a, 2), None);
        assert_eq!(desk.load_checkpoint(&b, 1).unwrap(), b"other");
        assert_eq!(desk.checkpoints().checkpoints, 1);
    }

    #[test]
    fn checkpoints_that_nobody_goes_on_with_are_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::open(folder.path()).unwrap();
        let (open, done) = (Digest::of(b"open"), Digest::of(b"done"));
        let ages =
            [(open, 1, 0), (open, 2, 4000), (open, 3, 8 * 24 * 3600), (done, 1, 0), (done, 2, 700)];
        for (key, part, seconds) in ages {
            desk.save_checkpoint(&key, part, b"epoch").unwrap();
            #[expect(clippy::disallowed_methods, reason = "ages of files")]
            let then = std::time::SystemTime::now() - Duration::from_secs(seconds);
            let file =
                fs::File::options().append(true).open(desk.checkpoint_path(&key, part)).unwrap();
            file.set_modified(then).unwrap();
        }
        let clear = |forgotten, dry_run| desk.clear(forgotten, |key| *key == done, dry_run);
        assert_eq!((clear(None, true), desk.checkpoints().checkpoints), (2, 5));
        assert_eq!((clear(None, false), desk.checkpoints().checkpoints), (2, 3));
        assert_eq!(
            (clear(Some(Duration::from_secs(3600)), false), desk.checkpoints().checkpoints),
            (1, 2)
        );
    }
}
