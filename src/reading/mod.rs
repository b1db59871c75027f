//! Files as people have them: read whole, folders listed, rows of tables, paths that lead nowhere.
//!
//! A path that a person names may lead to anything: a pipe that nobody writes to, a device without
//! an end, a link whose content was never fetched. So a file is opened and read here alone. Nothing
//! here waits, and nothing here reads more than its limit.

mod folder;
mod invisible;
mod path;
mod rows;

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

pub use folder::{Entry, Kind, entries};
pub use invisible::invisible;
pub use path::unexpanded;
pub use rows::{rows, surplus, with_point};

/// The most bytes of a text that people write: a table, a Markdown file.
pub const TEXT: u64 = 64 << 20;
/// The most bytes of the weights of a network.
pub const WEIGHTS: u64 = 2 << 30;
/// The most bytes of a recording. A length in a WAV file has 32 bits.
pub const RECORDING: u64 = 4 << 30;

/// Opens a file. What is no file (a pipe, a device, a folder) is refused, and never waited for.
///
/// # Errors
/// The error's text says what the path leads to instead of a file.
pub fn open(path: &Path) -> io::Result<File> {
    // It is looked at first, because to open a device may already do something.
    regular(&fs::metadata(path).map_err(|error| nowhere(path, error))?)?;
    let mut options = File::options();
    options.read(true);
    // Something else may have taken its place since then: a pipe would wait for a writer.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NONBLOCK | libc::O_NOCTTY,
    );
    let file = options.open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// The bytes of a file.
///
/// # Errors
/// Those of [`open`]; a file of more than `limit` bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    whole(open(path)?, limit)
}

/// The bytes of a file, or of a pipe such as `/dev/stdin` and the shell's `<(command)`: for what a
/// person names on the command line, where to wait for a writer is what was asked for.
///
/// # Errors
/// A path that cannot be read; more than `limit` bytes.
pub fn read_or_pipe(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    whole(File::open(path).map_err(|error| nowhere(path, error))?, limit)
}

/// Size, number and times of a file: what tells another file from it without reading.
pub fn stamp(path: &Path) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (modified, changed) =
            ((meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()));
        Some(format!("{} {} {modified:?} {changed:?}", meta.len(), meta.ino()))
    }
    #[cfg(not(unix))]
    Some(format!("{} {:?}", meta.len(), meta.modified().ok()?))
}

fn whole(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let too_large =
        || io::Error::new(ErrorKind::FileTooLarge, format!("it has more than {limit} bytes"));
    let size = file.metadata()?.len();
    if size > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(usize::try_from(size).unwrap_or(0) + 1)
        .map_err(|_| ErrorKind::OutOfMemory)?;
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

fn regular(meta: &Metadata) -> io::Result<()> {
    match kind(meta) {
        Kind::File => Ok(()),
        Kind::Folder => Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder, not a file")),
        Kind::Nowhere => Err(io::Error::new(ErrorKind::NotFound, NOWHERE)),
        Kind::Other(what) => {
            Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {what}, not a file")))
        }
    }
}

/// What ends a sentence about a link without a target.
pub const NOWHERE: &str = "it is a link that leads nowhere";

/// The error of a path that cannot be looked at, told as a link's where it is one.
fn nowhere(path: &Path, error: io::Error) -> io::Error {
    let link = error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_ok();
    if link { io::Error::new(ErrorKind::NotFound, NOWHERE) } else { error }
}

/// What something is that no link leads to any further.
fn kind(meta: &Metadata) -> Kind {
    let kind = meta.file_type();
    if kind.is_file() {
        return Kind::File;
    }
    if kind.is_dir() {
        return Kind::Folder;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Kind::Other("a named pipe");
        }
        if kind.is_socket() {
            return Kind::Other("a socket");
        }
        if kind.is_block_device() || kind.is_char_device() {
            return Kind::Other("a device");
        }
    }
    Kind::Other("something else")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        for read in [read, read_or_pipe] {
            let error = read(&path, 4).unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (ErrorKind::FileTooLarge, "it has more than 4 bytes")
            );
            assert_eq!(read(&folder.path().join("b"), 5).unwrap_err().kind(), ErrorKind::NotFound);
        }
        let error = read(folder.path(), 5).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::IsADirectory, "it is a folder, not a file")
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let _listening = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::os::unix::fs::symlink(at("gone"), at("link")).unwrap();
        let why = |path: &Path| read(path, 10).unwrap_err().to_string();
        assert_eq!(why(&at("pipe")), "it is a named pipe, not a file");
        assert_eq!(why(&at("socket")), "it is a socket, not a file");
        assert_eq!(why(Path::new("/dev/zero")), "it is a device, not a file");
        assert_eq!(why(&at("link")), "it is a link that leads nowhere");
        // An endless one ends at the limit.
        assert_eq!(
            read_or_pipe(Path::new("/dev/zero"), 10).unwrap_err().to_string(),
            "it has more than 10 bytes"
        );
    }
}
