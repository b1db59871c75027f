//! Safe writing of results: never over an input, never outside the given folder, and a folder of
//! several files only when it is complete.

use std::fs::{self, File, TryLockError};
use std::path::{Component, Path, PathBuf};

use super::CliError;
use crate::diagnose::Diagnostic;

/// Marks a folder that is being written; its lock is held meanwhile.
const MARK: &str = ".humshift-part";

/// Writes a file. `inputs` are asked for only if the file exists.
///
/// Errors: it is one of the inputs (E0716), or it cannot be written (E0705).
pub fn save(
    path: &Path,
    bytes: impl AsRef<[u8]>,
    inputs: impl FnOnce() -> Vec<PathBuf>,
) -> Result<(), CliError> {
    not_over(path, inputs)?;
    fs::write(path, bytes).map_err(|error| unwritten(path, &error))
}

/// Looks whether [`save`] can write a file, before the work that makes its content. Writes nothing.
///
/// Errors: as of [`save`].
pub fn ready(path: &Path, inputs: impl FnOnce() -> Vec<PathBuf>) -> Result<(), CliError> {
    not_over(path, inputs)?;
    let unwritten = |error: std::io::Error| unwritten(path, &error);
    if path.is_file() {
        // It is opened as it is, and keeps its content.
        return File::options().write(true).open(path).map(drop).map_err(unwritten);
    }
    if path.is_dir() {
        return Err(unwritten(std::io::ErrorKind::IsADirectory.into()));
    }
    let above = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match fs::metadata(above.unwrap_or(Path::new("."))).map_err(unwritten)?.is_dir() {
        true => Ok(()),
        false => Err(unwritten(std::io::ErrorKind::NotADirectory.into())),
    }
}

/// Errors (E0716): the file exists and is an input.
fn not_over(path: &Path, inputs: impl FnOnce() -> Vec<PathBuf>) -> Result<(), CliError> {
    if path.is_file() { not_among(path, &inputs()) } else { Ok(()) }
}

/// Makes a folder unless it exists.
///
/// Errors (E0705): it cannot be made.
pub fn make(folder: &Path) -> Result<(), CliError> {
    fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))
}

/// Writes a file into a folder of the user, where no command reads anything.
///
/// Errors (E0705): it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    fs::write(path, bytes).map_err(|error| unwritten(path, &error))
}

/// Errors (E0716): the existing file is an input of the command, perhaps under another path.
fn not_among(path: &Path, inputs: &[PathBuf]) -> Result<(), CliError> {
    let own = identity(path);
    match inputs.iter().find(|input| own.is_some() && identity(input) == own) {
        None => Ok(()),
        Some(input) => {
            let (path, input) = (path.display(), input.display());
            let diagnostic = Diagnostic::new(
                "E0716",
                format!("`{path}` is read by this command: it is `{input}`"),
            );
            Err(vec![diagnostic.hint("name another file to write to")].into())
        }
    }
}

/// Identifies a file by other means than its name.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

pub fn unwritten(path: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::usage("E0705", format!("`{}` cannot be written: {error}", path.display()))
}

/// A folder that is written as `NAME.part` beside its place and renamed when it is complete. If it
/// is dropped before, it is removed.
pub struct Folder {
    whole: PathBuf,
    part: PathBuf,
    mark: Option<File>,
    is_whole: bool,
}

impl Folder {
    /// Begins a folder. Remains of a killed process are removed.
    ///
    /// Errors (E0705): it cannot be made, another process is writing it, or a file or an unknown
    /// folder is in its place.
    pub fn begin(place: &Path) -> Result<Self, CliError> {
        // A link to an empty folder stays a link.
        let whole = fs::canonicalize(place).unwrap_or(place.to_owned());
        if fs::symlink_metadata(&whole).is_ok() && !whole.is_dir() {
            let error: std::io::Error = std::io::ErrorKind::NotADirectory.into();
            return Err(unwritten(&whole, &error));
        }
        let mut name = whole.file_name().map(ToOwned::to_owned).unwrap_or_default();
        name.push(".part");
        let part = whole.with_file_name(name);
        let in_the_way =
            |why: &str| Err(CliError::usage("E0705", format!("`{}` {why}", part.display())));
        if fs::symlink_metadata(&part).is_ok() {
            match File::options().write(true).open(part.join(MARK)).map(|mark| mark.try_lock()) {
                Err(_) => {
                    return in_the_way("is in the way, and was not made by humshift; remove it");
                }
                Ok(Err(TryLockError::WouldBlock)) => {
                    return in_the_way("is being written by another process");
                }
                Ok(_) => fs::remove_dir_all(&part).map_err(|error| unwritten(&part, &error))?,
            }
        }
        fs::create_dir_all(&part).map_err(|error| unwritten(&part, &error))?;
        let mark = File::create(part.join(MARK)).map_err(|error| unwritten(&part, &error))?;
        // If this file system has no locks, the user must not write twice at once.
        let _ = mark.try_lock();
        Ok(Self { whole, part, mark: Some(mark), is_whole: false })
    }

    /// The path of a file; `names` have `/` between them. Its folders are made.
    ///
    /// Errors: a name cannot name a file (E0717), or a folder cannot be made (E0705).
    pub fn place(&self, names: &str) -> Result<PathBuf, CliError> {
        let relative = Path::new(names);
        let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_)))
            && relative.components().count() == names.split('/').count()
            && !names.contains(['\\', '\0']);
        if !is_plain {
            return Err(CliError::usage(
                "E0717",
                format!("{names:?} would not be written inside of the folder"),
            ));
        }
        let path = self.part.join(relative);
        let folder = path.parent().expect("it lies in the folder");
        fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
        Ok(path)
    }

    /// Gives the folder its name. If it exists already, its files are replaced one by one, and
    /// `stale` files, named in the same way, are removed. The mark is the last thing to go, so that
    /// remains are known as ours, whatever fails or is killed.
    pub fn finish(mut self, stale: &[String]) -> Result<(), CliError> {
        if cfg!(windows) {
            // No folder with an open file moves there.
            self.mark = None;
        }
        let failed = |error: std::io::Error| unwritten(&self.whole, &error);
        let is_empty =
            fs::read_dir(&self.whole).map_or(true, |mut entries| entries.next().is_none());
        if is_empty {
            let _ = fs::remove_dir(&self.whole);
            fs::rename(&self.part, &self.whole).map_err(failed)?;
            let _ = fs::remove_file(self.whole.join(MARK));
        } else {
            merge(&self.part, &self.whole).map_err(failed)?;
            fs::remove_dir_all(&self.part).map_err(failed)?;
            stale.iter().for_each(|name| drop(fs::remove_file(self.whole.join(name))));
        }
        self.is_whole = true;
        Ok(())
    }
}

/// Moves the files of one folder, except its mark, into another.
fn merge(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            merge(&entry.path(), &target)?;
        } else if entry.file_name() != MARK {
            fs::rename(entry.path(), target)?;
        }
    }
    Ok(())
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.mark = None;
        if !self.is_whole {
            let _ = fs::remove_dir_all(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<impl Sized, CliError>) -> &'static str {
        match result {
            Ok(_) => "",
            Err(CliError::Diagnostics(all)) => all[0].code,
            Err(CliError::Store(_)) => "store",
        }
    }

    #[test]
    fn a_file_that_is_read_is_not_written_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("spec.yaml"), "name: a").unwrap();
        fs::hard_link(path("spec.yaml"), path("hard")).unwrap();
        let inputs = || vec![path("spec.yaml"), path("absent")];
        let mut names = vec!["spec.yaml", "./spec.yaml", "hard"];
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("spec.yaml", path("soft")).unwrap();
            names.push("soft");
        }
        for name in names {
            assert_eq!(code(ready(&path(name), inputs)), "E0716", "{name}");
            assert_eq!(code(save(&path(name), "table", inputs)), "E0716", "{name}");
        }
        assert_eq!(fs::read(path("spec.yaml")).unwrap(), b"name: a");
        assert_eq!(code(ready(&path("new"), inputs)), "");
        assert!(!path("new").exists());
        for _ in 0..2 {
            assert_eq!(code(save(&path("new"), "table", inputs)), "");
            assert_eq!(code(ready(&path("new"), inputs)), "");
        }
        assert_eq!(fs::read(path("new")).unwrap(), b"table");
        for name in ["no/folder", "new/file", ""] {
            assert_eq!(code(ready(&path(name), inputs)), "E0705", "{name}");
            assert_eq!(code(save(&path(name), "table", inputs)), "E0705", "{name}");
        }
    }

    #[test]
    fn nothing_lies_outside_of_a_folder() {
        let outer = tempfile::tempdir().unwrap();
        let folder =
            Folder::begin(&outer.path().join("out")).unwrap_or_else(|_| panic!("a new folder"));
        for name in ["../x", "a/../../x", "/etc/x", "", "a//b", "./a", "a/.", "..", "a\\b", "a\0b"]
        {
            assert_eq!(code(folder.place(name)), "E0717", "{name:?}");
        }
        assert!(
            folder
                .place("fan/train/a.wav")
                .is_ok_and(|path| path.starts_with(outer.path().join("out.part/fan")))
        );
    }

    #[test]
    fn a_folder_has_its_name_once_it_is_whole() {
        let outer = tempfile::tempdir().unwrap();
        let (whole, part) = (outer.path().join("out"), outer.path().join("out.part"));
        let write = |name: &str| {
            let folder = Folder::begin(&whole).unwrap_or_else(|_| panic!("it can be made"));
            fs::write(folder.place(name).unwrap_or_else(|_| panic!("a name")), name).unwrap();
            folder
        };
        drop(write("a"));
        assert!(!whole.exists() && !part.exists(), "it was given up");
        std::mem::forget(write("a"));
        assert!(
            !whole.exists() && part.exists(),
            "it was killed; its lock died with it, in a process of its own"
        );
        fs::write(part.join(MARK), "").unwrap();
        assert_eq!(code(Folder::begin(&whole)), "E0705", "it is being written by this process");
        fs::remove_file(part.join(MARK)).unwrap();
        assert_eq!(code(Folder::begin(&whole)), "E0705", "it is none of ours");
        fs::write(part.join(MARK), "").unwrap();
        assert_eq!(code(write("a/b").finish(&[])), "");
        assert_eq!(fs::read_dir(&whole).unwrap().count(), 1);
        // The folder is not empty.
        fs::write(whole.join("old"), "").unwrap();
        fs::write(whole.join("mine"), "").unwrap();
        assert_eq!(code(write("a/c").finish(&["old".into()])), "");
        let names = ["a/b", "a/c", "mine", "old"].map(|name| whole.join(name).exists());
        assert_eq!((names, part.exists()), ([true, true, true, false], false));
        assert!(!whole.join(MARK).exists());
    }

    #[test]
    fn what_is_in_the_way_leaves_nothing_behind() {
        let outer = tempfile::tempdir().unwrap();
        let (file, part) = (outer.path().join("out"), outer.path().join("out.part"));
        fs::write(&file, "mine").unwrap();
        assert_eq!(code(Folder::begin(&file)), "E0705");
        assert_eq!((part.exists(), fs::read(&file).unwrap()), (false, b"mine".to_vec()));
        // A file where a folder goes shows only at the end.
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        fs::write(file.join("teams"), "mine").unwrap();
        for _ in 0..2 {
            let folder = Folder::begin(&file).unwrap_or_else(|_| panic!("a folder"));
            fs::write(folder.place("teams/a").unwrap_or_else(|_| panic!("a name")), "a").unwrap();
            assert_eq!(code(folder.finish(&[])), "E0705");
            assert_eq!((part.exists(), file.join("teams").is_file()), (false, true));
        }
    }
}
