//! The folder of a cache, which the store and the desk share. Its files are complete or absent.
//!
//! A file is written to `tmp/` and renamed, so other processes see the whole file or none. Only
//! regular files are read. Damaged files are moved to `bad/`.
//!
//! **Looking writes nothing.** [`Folder::look`] never creates the folder or a file in it.
//!
//! This room knows paths and bytes. It does not know which file of a cache holds which content.

mod plain;
#[cfg(all(test, unix))]
pub mod strange;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

pub use plain::{is_of_the_file, length, open, options, read, rest, touch};

/// Reasons why a cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("the cache at `{path}` is unusable: {source}")]
    Io { path: String, source: io::Error },
    #[error("there is no cache in `{path}`")]
    Absent { path: String },
}

impl Unusable {
    /// Turns an I/O error into an error of this path.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { path, source }
    }
}

/// A handle on the folder. It is cheap to clone and has no state.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    writes: bool,
}

impl Folder {
    /// Opens the cache at `root` and creates its missing folders: `names` and the common ones.
    pub fn open(root: &Path, names: &[&str]) -> Result<Self, Unusable> {
        // This happens at each opening, because git and CI caches may drop empty folders.
        for name in ["tmp", "bad"].iter().chain(names) {
            let folder = root.join(name);
            if !folder.is_dir() {
                std::fs::create_dir_all(&folder).map_err(Unusable::at(&folder))?;
            }
        }
        let folder = Self { root: root.to_owned(), writes: true };
        let tag = folder.path("CACHEDIR.TAG");
        if std::fs::symlink_metadata(&tag).is_err() {
            // The signature that backup programs look for: https://bford.info/cachedir/
            let text = "Signature: 8a477f597d28d172789f06886806bc55\n# The cache of humshift; safe to delete.\n";
            folder.publish(&tag, text.as_bytes())?;
        }
        Ok(folder)
    }

    /// Opens an existing cache for repair or cleanup.
    ///
    /// Errors: there is no cache.
    pub fn existing(root: &Path) -> Result<Self, Unusable> {
        let folder = Self { writes: true, ..Self::look(root)? };
        if folder.is_there() {
            Ok(folder)
        } else {
            Err(Unusable::Absent { path: root.display().to_string() })
        }
    }

    /// Opens the cache at `root` for reading. A missing cache counts as empty.
    ///
    /// Errors: `root` is not a folder, or it cannot be read.
    pub fn look(root: &Path) -> Result<Self, Unusable> {
        match std::fs::read_dir(root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Unusable::at(root)(error)),
            _ => Ok(Self { root: root.to_owned(), writes: false }),
        }
    }

    /// Whether there is a cache.
    pub fn is_there(&self) -> bool {
        self.path("records").is_dir() || self.path("CACHEDIR.TAG").exists()
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of `name` in the folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }

    /// Writes `bytes` to `path` so that other processes see the whole file or none.
    pub fn publish(&self, path: &Path, bytes: &[u8]) -> Result<(), Unusable> {
        use std::io::Write;
        let mut file = self.temporary().map_err(Unusable::at(&self.path("tmp")))?;
        file.write_all(bytes).map_err(Unusable::at(path))?;
        self.persist(file, path)
    }

    /// A temporary file. It is deleted unless [`Folder::persist`] names it.
    pub fn temporary(&self) -> io::Result<NamedTempFile> {
        if !self.writes {
            return Err(io::Error::new(
                io::ErrorKind::ReadOnlyFilesystem,
                "the cache was opened read-only",
            ));
        }
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // Less the umask, as for any new file: who shares a cache says so by the umask.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        builder.tempfile_in(self.path("tmp"))
    }

    /// Moves a complete file to `path` and replaces any file there.
    pub fn persist(&self, file: NamedTempFile, path: &Path) -> Result<(), Unusable> {
        if let Err(failed) = file.persist(path) {
            self.make_parent(path)?;
            if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) {
                self.set_aside(path);
            }
            failed.file.persist(path).map_err(|e| Unusable::at(path)(e.error))?;
        }
        Ok(())
    }

    /// Moves a complete file to `path` unless there is something already. Returns whether it did.
    pub fn persist_new(&self, file: NamedTempFile, path: &Path) -> Result<bool, Unusable> {
        let mut file = file;
        for _ in 0..2 {
            file = match file.persist_noclobber(path) {
                Ok(_) => return Ok(true),
                Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
                    return Ok(false);
                }
                Err(failed) => failed.file,
            };
            self.make_parent(path)?;
        }
        // The file system can neither link nor rename without replacing.
        match std::fs::symlink_metadata(path).is_ok() {
            true => Ok(false),
            false => self.persist(file, path).map(|()| true),
        }
    }

    /// Creates the folder of a file. It is missing at most 256 times.
    fn make_parent(&self, path: &Path) -> Result<(), Unusable> {
        let parent = path.parent().expect("paths in the cache have parents");
        // Another thread may have created it meanwhile. Only a file in its place is moved.
        if !parent.is_dir() && std::fs::symlink_metadata(parent).is_ok_and(|meta| !meta.is_dir()) {
            self.set_aside(parent);
        }
        std::fs::create_dir_all(parent).map_err(Unusable::at(parent))
    }

    /// Moves the file at `path` to `bad/`, where it can be inspected, or removes it if it cannot be
    /// moved. Returns whether the path is free.
    pub fn set_aside(&self, path: &Path) -> bool {
        if !self.writes {
            return false;
        }
        let parts = path.iter().rev().take(2).collect::<Vec<_>>().into_iter().rev();
        let name = parts.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("-");
        // A file replaces an older one of the same name in `bad/`. If the rename fails, as for a
        // folder, the name gets a number.
        let names = std::iter::once(name.clone()).chain((1..100).map(|n| format!("{name}.{n}")));
        names
            .map(|name| self.path("bad").join(name))
            .any(|aside| std::fs::rename(path, aside).is_ok())
            || std::fs::remove_file(path).is_ok()
            || std::fs::symlink_metadata(path).is_err()
    }

    /// The files of a folder whose names pass `is_own`, with their ages.
    pub fn own(&self, folder: &str, is_own: impl Fn(&Path) -> bool) -> Vec<(PathBuf, Duration)> {
        let entries = std::fs::read_dir(self.path(folder)).into_iter().flatten().flatten();
        let own = entries.filter(|entry| is_own(Path::new(&entry.file_name())));
        own.filter_map(|entry| {
            Some((entry.path(), entry.metadata().ok().filter(|meta| !meta.is_dir())?))
        })
        .map(|(path, meta)| (path, age(&meta)))
        .collect()
    }
}

/// The time since a file was last modified.
pub fn age(meta: &std::fs::Metadata) -> Duration {
    #[expect(clippy::disallowed_methods, reason = "ages decide what is evicted, never a result")]
    let now = SystemTime::now();
    meta.modified().ok().and_then(|time| now.duration_since(time).ok()).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_looks_writes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("cache");
        let look = Folder::look(&root).unwrap();
        assert!(
            !look.is_there() && matches!(Folder::existing(&root), Err(Unusable::Absent { .. }))
        );
        assert!(look.publish(&look.path("memo/a"), b"a").is_err() && !root.exists());
        Folder::open(&root, &["memo"]).unwrap().publish(&root.join("memo/a"), b"a").unwrap();
        assert!(look.is_there() && !look.set_aside(&root.join("memo/a")));
        assert!(look.publish(&look.path("memo/b"), b"b").is_err() && !root.join("memo/b").exists());
        assert!(Folder::existing(&root).unwrap().set_aside(&root.join("memo/a")));
        assert!(Folder::look(&home.path().join("cache/bad/memo-a")).is_err(), "a file is no cache");
    }
}
