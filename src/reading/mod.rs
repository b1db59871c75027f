//! Reading files of users: whole files, lists of folders, rows of tables, hints for missing paths.
//!
//! A path from a user may lead to anything: a pipe without a writer, an endless device, a link
//! whose target was never fetched. So only this room opens and reads such files. It never waits for
//! a writer and never reads more than a limit.

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

/// The most bytes of a text file, such as a table or a Markdown file.
pub const TEXT: u64 = 64 << 20;
/// The most bytes of a file of network weights.
pub const WEIGHTS: u64 = 2 << 30;
/// The most bytes of a recording. The length field of a WAV file has 32 bits.
pub const RECORDING: u64 = 4 << 30;

/// Opens a regular file. Pipes, devices and folders are refused without waiting.
///
/// # Errors
/// The path is missing or not a regular file; the text names the type of the file.
pub fn open(path: &Path) -> io::Result<File> {
    // The type is checked before opening, because opening a device may have an effect.
    regular(&fs::metadata(path).map_err(|error| nowhere(path, error))?)?;
    let mut options = File::options();
    options.read(true);
    // The file may have been replaced since the check, and opening a pipe would wait for a writer.
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

/// The bytes of a file, or of a pipe such as `/dev/stdin` and the shell's `<(command)`. It is for
/// paths on the command line, where the user wants to wait for the writer.
///
/// # Errors
/// The path cannot be read, or holds more than `limit` bytes.
pub fn read_or_pipe(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    whole(File::open(path).map_err(|error| nowhere(path, error))?, limit)
}

/// Size, inode and times of a file. They tell whether a file changed without reading it.
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

/// The end of a message about a broken link.
pub const NOWHERE: &str = "it is a link that leads nowhere";

/// Names a broken link as the cause if a path is missing because of one.
fn nowhere(path: &Path, error: io::Error) -> io::Error {
    let link = error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_ok();
    if link { io::Error::new(ErrorKind::NotFound, NOWHERE) } else { error }
}

/// The type of a file after its links were followed.
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
        // Reading an endless device stops at the limit.
        assert_eq!(
            read_or_pipe(Path::new("/dev/zero"), 10).unwrap_err().to_string(),
            "it has more than 10 bytes"
        );
    }
}
