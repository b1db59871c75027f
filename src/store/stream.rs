//! Objects too large to be held: written to a file first and named when they are whole, looked at page by page.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

use tempfile::NamedTempFile;

use super::object::Bytes;
use super::{ObjectRef, Store, StoreError};
use crate::digest::Digest;

/// Pages are given back after so many bytes.
const BEHIND: usize = 8 << 20;

impl Store {
    /// A new file among the temporary ones of the cache: it is gone unless [`Store::put_file`] keeps it.
    pub fn spool(&self) -> io::Result<NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o644));
        }
        builder.tempfile_in(self.root.join("tmp"))
    }

    /// Keeps the content of a file of [`Store::spool`]. An object that is there already is replaced: that costs nothing.
    pub fn put_file(&self, kind: &str, file: NamedTempFile) -> Result<ObjectRef, StoreError> {
        let written = File::open(file.path()).and_then(Digest::of_reader);
        let (digest, bytes) = written.map_err(StoreError::io(file.path()))?;
        let object = ObjectRef { digest, kind: kind.to_owned(), bytes };
        let path = self.object_path(&object);
        let parent = path.parent().expect("paths in the store have parents");
        std::fs::create_dir_all(parent).map_err(StoreError::io(parent))?;
        file.persist(&path).map_err(|e| StoreError::io(&path)(e.error))?;
        Ok(object)
    }
}

impl Bytes {
    /// Gives the pages of a part back that was looked at: looked at again, they are read again. What was read and not
    /// mapped stays.
    pub fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Bytes::Mapped(map) = self
            && range.start < range.end
            && range.end <= map.len()
        {
            // SAFETY: the map is of a file and only read, so the pages come back as they were. That it could not be
            // done costs memory, no more.
            let _ = unsafe {
                map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.end - range.start)
            };
        }
    }

    /// The digest of all of it. Of a map only a few pages are held at once.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Bytes::Read(bytes) => Digest::of(bytes),
            Bytes::Mapped(_) => Digest::of_reader(Pages { bytes: self, at: 0, kept: 0 }).expect("memory can be read").0,
        }
    }
}

/// Reads a map from front to back and gives pages back behind itself.
struct Pages<'a> {
    bytes: &'a Bytes,
    at: usize,
    kept: usize,
}

impl Read for Pages<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = (&self.bytes[self.at..]).read(buffer)?;
        self.at += n;
        if n == 0 || self.at - self.kept >= BEHIND {
            self.bytes.release(self.kept..self.at);
            self.kept = self.at;
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_spooled_object_is_the_one_that_put_makes_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let bytes: Vec<u8> = (0..20_000_000_u32).map(|i| (i / 7) as u8).collect();
        for _ in 0..2 {
            let mut file = store.spool().unwrap();
            file.write_all(&bytes).unwrap();
            let object = store.put_file("npy", file).unwrap();
            assert_eq!(object, store.put("npy", &bytes).unwrap());
            let read = store.get(&object).unwrap();
            read.release(0..bytes.len());
            assert!(matches!(read, Bytes::Mapped(_)) && read[..] == bytes[..]);
        }
        drop(store.spool().unwrap());
        assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    }
}
