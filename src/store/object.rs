//! Immutable bytes, stored under their digest.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::{Deref, Range};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::mapped::Mapped;
use super::tier::Name;
use super::{Store, StoreError};
use crate::digest::Digest;
use crate::disk::{self, Unusable};
use crate::kind::{Kind, ObjectRef};

/// Larger files are mapped instead of read.
const MAP_FROM: u64 = 1 << 20;

/// The content of an object.
#[derive(Clone)]
pub enum Bytes {
    Read(Arc<Vec<u8>>),
    Mapped(Arc<Mapped>),
}

impl Bytes {
    fn digest(&self) -> Digest {
        match self {
            Bytes::Read(bytes) => Digest::of(bytes),
            Bytes::Mapped(map) => map.digest(),
        }
    }

    /// Releases a range that is not needed for now. The pages of a map are read again when needed.
    pub fn release(&self, range: Range<usize>) {
        if let Bytes::Mapped(map) = self {
            map.release(range);
        }
    }

    /// Whether the bytes have not changed since they were loaded; `took` is the time since then.
    pub fn is_unchanged(&self, took: Duration) -> bool {
        match self {
            Bytes::Read(_) => true,
            Bytes::Mapped(map) => map.is_unchanged(took),
        }
    }
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
    /// The path of an object.
    pub fn object_path(&self, object: &ObjectRef) -> PathBuf {
        self.tier.path(Name::Object(object))
    }

    /// Keeps `bytes`. An existing file is replaced unless its content is the same; comparing
    /// lengths would not be enough.
    pub fn put(&self, kind: Kind, bytes: &[u8]) -> Result<ObjectRef, StoreError> {
        let object = ObjectRef::of(kind, bytes);
        if !self.tier.open_here(Name::Object(&object)).is_ok_and(|opened| holds(opened, bytes)) {
            self.tier.write(Name::Object(&object), bytes)?;
        }
        Ok(object)
    }

    /// Whether an object exists with the right length. Its content is checked when it is read.
    pub fn has(&self, object: &ObjectRef) -> bool {
        self.tier.length(Name::Object(object)) == Some(object.bytes)
    }

    /// Whether an object exists and matches its digest. Changes nothing.
    pub fn is_sound(&self, object: &ObjectRef) -> bool {
        let opened = self
            .tier
            .open(Name::Object(object))
            .ok()
            .filter(|(_, meta)| meta.len() == object.bytes);
        opened.is_some_and(|(file, _)| {
            Digest::of_reader(file).is_ok_and(|found| found == (object.digest, object.bytes))
        })
    }

    /// The bytes of an object, checked against its digest. Long objects are mapped. A damaged or
    /// unreadable object is moved to `bad/`.
    pub fn get(&self, object: &ObjectRef) -> Result<Bytes, StoreError> {
        self.load(object, |opened| map(opened, object.bytes))
    }

    /// The bytes of an object as [`Store::get`] gives them, but never mapped. It is for readers
    /// that, unlike stages, do not check their inputs again.
    pub fn read(&self, object: &ObjectRef) -> Result<Bytes, StoreError> {
        self.load(object, |opened| {
            disk::rest(opened, object.bytes).map(|bytes| Bytes::Read(Arc::new(bytes)))
        })
    }

    fn load(
        &self,
        object: &ObjectRef,
        read: impl Fn((File, Metadata)) -> io::Result<Bytes>,
    ) -> Result<Bytes, StoreError> {
        let open = || self.tier.open(Name::Object(object));
        let load = || {
            let (file, meta) = open()?;
            let age = disk::age(&meta);
            read((file, meta)).map(|bytes| (bytes, age))
        };
        let damaged = || StoreError::Damaged { digest: object.digest };
        match load() {
            Ok((bytes, age))
                if bytes.len() as u64 == object.bytes && bytes.digest() == object.digest =>
            {
                self.touch(object, age);
                Ok(bytes)
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(damaged()),
            Err(e) if !disk::is_of_the_file(&e) => {
                Err(Unusable::at(&self.object_path(object))(e).into())
            }
            // An unreadable sector is damage like a flipped bit: the object is made again. Another
            // process may have repaired it meanwhile; then it stays.
            Ok(_) | Err(_) => match self.is_sound(object).then(load) {
                Some(Ok((bytes, _))) if bytes.digest() == object.digest => Ok(bytes),
                _ => {
                    self.tier.set_aside(Name::Object(object));
                    // What is damaged here may be sound in the remote tier.
                    match self.has_remote().then(load) {
                        Some(Ok((bytes, _))) if bytes.digest() == object.digest => Ok(bytes),
                        _ => Err(damaged()),
                    }
                }
            },
        }
    }

    /// Marks a use of an object that was last marked so long ago, for eviction by age. At most once
    /// an hour, so that reading stays cheap.
    fn touch(&self, object: &ObjectRef, age: Duration) {
        if age.as_secs() <= 3600 {
            return;
        }
        disk::touch(&self.object_path(object));
    }
}

/// Whether a file holds exactly these bytes.
fn holds((mut file, meta): (File, Metadata), bytes: &[u8]) -> bool {
    let mut buffer = vec![0; bytes.len().min(1 << 17)];
    let same = |part: &[u8]| {
        file.read_exact(&mut buffer[..part.len()]).is_ok() && buffer[..part.len()] == *part
    };
    meta.len() == bytes.len() as u64 && bytes.chunks(1 << 17).all(same)
}

/// The bytes of a file; a long one is mapped.
fn map((file, meta): (File, Metadata), expected: u64) -> io::Result<Bytes> {
    if meta.len() != expected {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "another length"));
    }
    if expected >= MAP_FROM
        && let Some(mapped) = Mapped::open(file.try_clone()?)?
    {
        return Ok(Bytes::Mapped(Arc::new(mapped)));
    }
    disk::rest((file, meta), expected).map(|bytes| Bytes::Read(Arc::new(bytes)))
}

#[cfg(test)]
mod tests {
    use std::fs;

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
            let object = store.put(Kind::Npy, &bytes).unwrap();
            assert_eq!(&store.get(&object).unwrap()[..], &bytes[..]);
        }
    }

    #[test]
    fn a_second_put_leaves_no_temporary_file_and_rewrites_nothing() {
        let (folder, store) = store();
        let object = store.put(Kind::Csv, b"abc").unwrap();
        let before = fs::metadata(store.object_path(&object)).unwrap().modified().unwrap();
        store.put(Kind::Csv, b"abc").unwrap();
        assert_eq!(fs::metadata(store.object_path(&object)).unwrap().modified().unwrap(), before);
        assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn a_flipped_byte_and_a_cut_object_are_moved_aside() {
        let (folder, store) = store();
        for (damage, n) in [(&b"abx"[..], 1), (&b"ab"[..], 2)] {
            let object = store.put(Kind::Csv, b"abc").unwrap();
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
                scope.spawn(|| store.put(Kind::Npy, &bytes).unwrap());
            }
        });
        let object = store.put(Kind::Npy, &bytes).unwrap();
        assert_eq!(store.get(&object).unwrap().len(), 100_000);
    }

    #[test]
    fn a_put_replaces_what_only_has_the_right_length() {
        let (_folder, store) = store();
        for bytes in [b"abc".to_vec(), vec![7; 3 << 20]] {
            let object = store.put(Kind::Npy, &bytes).unwrap();
            fs::write(store.object_path(&object), vec![0; bytes.len()]).unwrap();
            assert!(store.has(&object) && !store.is_sound(&object));
            store.put(Kind::Npy, &bytes).unwrap();
            assert!(store.is_sound(&object));
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_moved_aside_and_made_again() {
        let (folder, store) = store();
        for bytes in [b"abc".to_vec(), vec![7; 3 << 20]] {
            for (name, make) in disk::strange::STRANGE {
                let object = store.put(Kind::Csv, &bytes).unwrap();
                let path = store.object_path(&object);
                fs::remove_file(&path).unwrap();
                make(&path);
                assert!(!store.has(&object) && !store.is_sound(&object), "{name}");
                // The result must not depend on an earlier read.
                store.put(Kind::Csv, &bytes).unwrap();
                assert!(store.is_sound(&object), "{name}");
                fs::remove_file(&path).unwrap();
                make(&path);
                assert!(matches!(store.get(&object), Err(StoreError::Damaged { .. })), "{name}");
                assert!(fs::symlink_metadata(&path).is_err(), "{name} is moved aside");
                store.put(Kind::Csv, &bytes).unwrap();
                assert_eq!(store.read(&object).unwrap()[..], bytes[..], "{name}");
            }
        }
        assert!(fs::read_dir(folder.path().join("bad")).unwrap().count() > 0);
    }
}
