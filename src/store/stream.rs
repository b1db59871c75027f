//! Objects too large for memory: they are written to a file first and named when complete.

use std::fs::File;
use std::io;

use tempfile::NamedTempFile;

use super::tier::Name;
use super::{ObjectRef, Store, StoreError, Unusable};
use crate::digest::Digest;
use crate::kind::Kind;

impl Store {
    /// A new temporary file of the cache. It is deleted unless [`Store::put_file`] keeps it.
    pub fn spool(&self) -> io::Result<NamedTempFile> {
        self.tier.folder().temporary()
    }

    /// Keeps the content of a file of [`Store::spool`]. An existing object is replaced, which costs
    /// nothing.
    pub fn put_file(&self, kind: Kind, file: NamedTempFile) -> Result<ObjectRef, StoreError> {
        let written = File::open(file.path()).and_then(Digest::of_reader);
        let (digest, bytes) = written.map_err(Unusable::at(file.path()))?;
        let object = ObjectRef { digest, kind, bytes };
        self.tier.keep(Name::Object(&object), file)?;
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Bytes;
    use std::io::Write;

    #[test]
    fn a_spooled_object_is_the_one_that_put_makes_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let bytes: Vec<u8> = (0..20_000_000_u32).map(|i| (i / 7) as u8).collect();
        for _ in 0..2 {
            let mut file = store.spool().unwrap();
            file.write_all(&bytes).unwrap();
            let object = store.put_file(Kind::Npy, file).unwrap();
            assert_eq!(object, store.put(Kind::Npy, &bytes).unwrap());
            let read = store.get(&object).unwrap();
            read.release(0..bytes.len());
            assert!(matches!(read, Bytes::Mapped(_)) && read[..] == bytes[..]);
        }
        drop(store.spool().unwrap());
        assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    }
}
