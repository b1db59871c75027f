//! Immutable bytes under their digest.

use std::fs;
use std::io;
use std::ops::Deref;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Store, StoreError, sharded};
use crate::digest::Digest;

/// Files above this size are mapped instead of read.
const MAP_FROM: u64 = 1 << 20;

/// An object as a record names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    pub digest: Digest,
    /// Extension of the file, such as `npy`.
    pub kind: String,
    pub bytes: u64,
}

/// The content of an object.
pub enum Bytes {
    Read(Vec<u8>),
    Mapped(memmap2::Mmap),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Read(bytes) => bytes,
            Bytes::Mapped(map) => map,
        }
    }
}

impl Store {
    /// Where an object lies.
    pub fn object_path(&self, object: &ObjectRef) -> PathBuf {
        sharded(&self.root, "objects", &object.digest, &object.kind)
    }

    /// Keeps `bytes`; costs one look-up if they are there already.
    pub fn put(&self, kind: &str, bytes: &[u8]) -> Result<ObjectRef, StoreError> {
        let object = ObjectRef { digest: Digest::of(bytes), kind: kind.to_owned(), bytes: bytes.len() as u64 };
        if !self.has(&object) {
            self.publish(&self.object_path(&object), bytes)?;
        }
        Ok(object)
    }

    /// Whether an object is there with the right length. Its content is checked when it is read.
    pub fn has(&self, object: &ObjectRef) -> bool {
        fs::metadata(self.object_path(object)).is_ok_and(|m| m.len() == object.bytes)
    }

    /// Whether an object is there and is what its name says. One that is damaged is moved to `bad/`.
    pub fn is_sound(&self, object: &ObjectRef) -> bool {
        self.get(object).is_ok()
    }

    /// The bytes of an object, checked against its digest. A damaged object is moved to `bad/`.
    pub fn get(&self, object: &ObjectRef) -> Result<Bytes, StoreError> {
        let path = self.object_path(object);
        let damaged = || StoreError::Damaged { digest: object.digest };
        let bytes = match read(&path, object.bytes) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(damaged()),
            Err(e) => return Err(StoreError::io(&path)(e)),
        };
        if bytes.len() as u64 != object.bytes || bytes.digest() != object.digest {
            self.quarantine(object);
            return Err(damaged());
        }
        self.touch(&path);
        Ok(bytes)
    }

    /// Moves an object aside, so that it is made again and its remains can be looked at.
    pub fn quarantine(&self, object: &ObjectRef) {
        let aside = self.root.join("bad").join(format!("{}.{}", object.digest.hex(), object.kind));
        let path = self.object_path(object);
        if fs::rename(&path, aside).is_err() {
            let _ = fs::remove_file(path);
        }
    }

    /// Marks a use, for eviction by age. At most once an hour, so that reading stays cheap.
    fn touch(&self, path: &std::path::Path) {
        #[expect(clippy::disallowed_methods, reason = "ages decide eviction, never a result")]
        let now = std::time::SystemTime::now();
        let age = fs::metadata(path).and_then(|m| m.modified()).ok().and_then(|t| now.duration_since(t).ok());
        if age.is_some_and(|age| age.as_secs() > 3600)
            && let Ok(file) = fs::File::options().append(true).open(path)
        {
            let _ = file.set_modified(now);
        }
    }
}

fn read(path: &std::path::Path, expected: u64) -> io::Result<Bytes> {
    if expected < MAP_FROM {
        return fs::read(path).map(Bytes::Read);
    }
    let file = fs::File::open(path)?;
    // SAFETY: objects are never written in place (see `publish`), only replaced by rename.
    unsafe { memmap2::Mmap::map(&file) }.map(Bytes::Mapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    #[test]
    fn what_is_put_is_got() {
        let (_folder, store) = store();
        for bytes in [b"abc".to_vec(), vec![7; 3 << 20]] {
            let object = store.put("npy", &bytes).unwrap();
            assert_eq!(&store.get(&object).unwrap()[..], &bytes[..]);
        }
    }

    #[test]
    fn a_second_put_leaves_no_temporary_file_and_rewrites_nothing() {
        let (folder, store) = store();
        let object = store.put("csv", b"abc").unwrap();
        let before = fs::metadata(store.object_path(&object)).unwrap().modified().unwrap();
        store.put("csv", b"abc").unwrap();
        assert_eq!(fs::metadata(store.object_path(&object)).unwrap().modified().unwrap(), before);
        assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn a_flipped_byte_and_a_cut_object_are_moved_aside() {
        let (folder, store) = store();
        for (damage, n) in [(&b"abx"[..], 1), (&b"ab"[..], 2)] {
            let object = store.put("csv", b"abc").unwrap();
            fs::write(store.object_path(&object), damage).unwrap();
            assert!(matches!(store.get(&object), Err(StoreError::Damaged { .. })), "{n}");
            assert!(!store.has(&object));
            assert_eq!(fs::read_dir(folder.path().join("bad")).unwrap().count(), 1);
        }
    }

    #[test]
    fn many_writers_of_one_content_agree() {
        let (_folder, store) = store();
        let bytes = vec![3; 100_000];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| store.put("npy", &bytes).unwrap());
            }
        });
        let object = store.put("npy", &bytes).unwrap();
        assert_eq!(store.get(&object).unwrap().len(), 100_000);
    }
}
