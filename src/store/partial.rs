//! What stages had reached when their process was killed: bytes under the key of the stage.
//!
//! A file is 64 hexadecimal digits, the SHA-256 of the rest, and the rest. One that is not what it says is as good as
//! none: whoever would have gone on from it begins again.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Store, StoreError, plain};
use crate::digest::Digest;

/// More than the weights and moments of any network.
const LONGEST: u64 = 1 << 36;

/// Digits of a SHA-256.
const DIGITS: usize = 64;

impl Store {
    /// Where one part of a stage keeps what it has reached.
    fn partial_path(&self, key: &Digest, part: u64) -> PathBuf {
        self.root.join("partial").join(format!("{}-{part:016x}.bin", key.hex()))
    }

    /// Keeps what a part of a stage has reached, in the place of what was kept before.
    pub fn save_partial(&self, key: &Digest, part: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let mut all = Digest::of(bytes).hex().into_bytes();
        all.extend_from_slice(bytes);
        self.publish(&self.partial_path(key, part), &all)
    }

    /// What was kept for a part of a stage; nothing if it is damaged.
    pub fn load_partial(&self, key: &Digest, part: u64) -> Option<Vec<u8>> {
        let mut all = plain::read(&self.partial_path(key, part), LONGEST).ok()?;
        let bytes = all.split_off(DIGITS.min(all.len()));
        (Digest::of(&bytes).hex().into_bytes() == all).then_some(bytes)
    }

    /// Removes what was kept for a stage: it is done.
    pub fn clear_partial(&self, key: &Digest) {
        let hex = key.hex();
        for entry in fs::read_dir(self.root.join("partial")).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&hex) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// The key of a file of the folder.
pub(super) fn key(path: &Path) -> Option<Digest> {
    path.file_name()?.to_str()?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_loaded_until_it_is_cleared_and_damage_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_eq!(store.load_partial(&a, 1), None);
        store.save_partial(&a, 1, b"epoch 1").unwrap();
        store.save_partial(&a, 1, b"epoch 2").unwrap();
        store.save_partial(&a, 2, b"").unwrap();
        store.save_partial(&b, 1, b"other").unwrap();
        assert_eq!(store.load_partial(&a, 1).unwrap(), b"epoch 2");
        assert_eq!(store.load_partial(&a, 2).unwrap(), b"");
        assert_eq!(key(&store.partial_path(&a, 1)), Some(a));
        for damaged in [&b"short"[..], b"", &[b'0'; 80]] {
            fs::write(store.partial_path(&a, 1), damaged).unwrap();
            assert_eq!(store.load_partial(&a, 1), None);
        }
        store.clear_partial(&a);
        assert_eq!(store.load_partial(&a, 2), None);
        assert_eq!(store.load_partial(&b, 1).unwrap(), b"other");
        assert_eq!(fs::read_dir(folder.path().join("partial")).unwrap().count(), 1);
    }
}
