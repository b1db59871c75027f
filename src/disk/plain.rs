//! Opening files of the cache: regular files only.
//!
//! Opening a FIFO waits for its writer, a device may never end, and a link leads out of the cache.
//! This program never writes any of them there, so they count as damage.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

/// Options that neither wait for a writer nor follow a link.
#[cfg(unix)]
pub fn options() -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
    options
}

#[cfg(not(unix))]
pub fn options() -> fs::OpenOptions {
    File::options()
}

/// Opens a regular file for reading.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let file = options().read(true).open(path)?;
    let meta = file.metadata()?;
    if meta.is_file() {
        Ok((file, meta))
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"))
    }
}

/// The bytes of a regular file. Errors: it holds more than `limit` bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    rest(open(path)?, limit)
}

/// The bytes of an opened file; see [`read`].
pub fn rest((file, meta): (File, Metadata), limit: u64) -> io::Result<Vec<u8>> {
    if meta.len() > limit {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("larger than {limit} bytes"),
        ));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The length of the regular file at `path`; `None` if there is none.
pub fn length(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().filter(Metadata::is_file).map(|meta| meta.len())
}

/// Marks a file as used now. A failure is harmless: ages only decide what is evicted first.
///
/// Others who share the cache may do this, too, if they may write the file: only its owner may set
/// another time than the present.
pub fn touch(path: &Path) {
    let Ok(file) = options().append(true).open(path) else { return };
    #[cfg(unix)]
    {
        use std::os::fd::AsRawFd;
        // SAFETY: the descriptor is open, and no times means the present.
        let _ = unsafe { libc::futimens(file.as_raw_fd(), std::ptr::null()) };
    }
    #[cfg(not(unix))]
    {
        #[expect(clippy::disallowed_methods, reason = "ages decide eviction, never a result")]
        let now = std::time::SystemTime::now();
        let _ = file.set_modified(now);
    }
}

/// Whether the file caused an error, and not the process. A process without free file descriptors
/// must not take sound files for damaged ones.
pub fn is_of_the_file(error: &io::Error) -> bool {
    #[cfg(unix)]
    let exhausted =
        matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM));
    #[cfg(not(unix))]
    let exhausted = false;
    !exhausted && error.kind() != io::ErrorKind::OutOfMemory
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::disk::strange::STRANGE;

    #[test]
    fn what_is_no_regular_file_is_an_error_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for (i, (name, make)) in STRANGE.iter().enumerate() {
            let path = folder.path().join(i.to_string());
            make(&path);
            assert!(open(&path).is_err() && read(&path, 9).is_err(), "{name}");
            assert_eq!(length(&path), None, "{name}");
        }
        let path = folder.path().join("file");
        fs::write(&path, "text").unwrap();
        assert_eq!((read(&path, 4).unwrap(), length(&path)), (b"text".to_vec(), Some(4)));
        assert!(read(&path, 3).is_err());
    }
}
