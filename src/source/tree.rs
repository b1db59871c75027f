//! The files of a data set, by their paths below its root.

use std::path::Path;

use super::{SourceError, names};
use crate::reading::{self, Entry, Kind, NOWHERE};

/// The entries of a folder by name.
pub(super) fn entries(folder: &Path) -> Result<Vec<Entry>, SourceError> {
    let wrong = |e: std::io::Error| SourceError::File {
        path: folder.display().to_string(),
        why: e.to_string(),
    };
    reading::entries(folder).map_err(wrong)
}

/// The number of recordings in a folder, if it is there.
pub(super) fn count(folder: &Path) -> Result<usize, SourceError> {
    let inside = if folder.is_dir() { entries(folder)? } else { Vec::new() };
    Ok(inside.iter().filter(|e| !e.is_folder() && names::stem(&e.name).is_some()).count())
}

/// A recording that was found.
pub(super) struct Found {
    pub path: String,
    pub kind: Kind,
    /// Whether `path` is the exact path (valid UTF-8).
    pub utf8: bool,
}

/// All entries below `folder` with the name of a recording. Links to folders are followed only as
/// deep as the pattern goes, so circular links end.
pub(super) fn walk(
    root: &Path,
    folder: &str,
    depth: usize,
    found: &mut Vec<Found>,
) -> Result<(), SourceError> {
    for entry in entries(&root.join(folder))? {
        let path = join(folder, &entry.name);
        if !entry.is_folder() {
            if names::stem(&entry.name).is_some() {
                found.push(Found { path, kind: entry.kind, utf8: entry.utf8 });
            }
        } else if entry.utf8 && (depth > 0 || !entry.link) {
            walk(root, &path, depth.saturating_sub(1), found)?;
        }
    }
    Ok(())
}

/// The reason why an entry with the name of a recording is not one, as the end of a sentence about
/// it; `None` if it is one.
pub(super) fn unreadable(kind: Kind) -> Option<String> {
    match kind {
        Kind::File | Kind::Folder => None,
        Kind::Nowhere => Some(NOWHERE.to_owned()),
        Kind::Other(what) => Some(format!("it is {what}, not a file")),
    }
}

/// The error for a data set with broken links: without their files it is another data set. `None`
/// if `paths` is empty.
pub(super) fn lost(root: &Path, paths: &[String]) -> Option<SourceError> {
    let first = paths.first()?;
    let audio = paths.iter().all(|path| names::stem(path).is_some());
    let message = match (paths.len(), audio) {
        (1, _) => format!("`{first}` of `{}` is a link that leads nowhere", root.display()),
        (n, true) => format!(
            "{n} recordings of `{}` are links that lead nowhere, `{first}` for one",
            root.display()
        ),
        (n, false) => format!(
            "{n} files of `{}` are links that lead nowhere, `{first}` for one",
            root.display()
        ),
    };
    let hint = "was their content fetched (`git annex get`, `datalad get`, `dvc pull`)? Without them it is another data \
                set: fetch them, or remove the links";
    Some(SourceError::Layout { message, hint: hint.into() })
}

/// Paths relative to a root, with `/`: `join("", "a")` is `a`.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A folder with these files, all empty: listings read names only.
#[cfg(test)]
pub(super) fn of_empty_files(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    root
}

/// Replaces a file of such a folder by a broken link, or by a named pipe.
#[cfg(all(test, unix))]
pub(super) fn spoil(root: &Path, file: &str, pipe: bool) {
    let path = root.join(file);
    let _ = std::fs::remove_file(&path);
    if pipe {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    } else {
        std::os::unix::fs::symlink("../.git/annex/objects/x", path).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_read_is_named() {
        let root = tempfile::tempdir().unwrap();
        let at = root.path().join("x");
        assert!(entries(&at).unwrap_err().to_string().starts_with(&at.display().to_string()));
    }

    #[test]
    fn lost_files_are_counted_and_one_is_named() {
        let told = |paths: &[&str]| {
            lost(Path::new("d"), &paths.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>())
                .map(|e| e.to_string())
        };
        assert_eq!(told(&[]), None);
        assert_eq!(
            told(&["fan/a.wav"]).unwrap(),
            "`fan/a.wav` of `d` is a link that leads nowhere"
        );
        assert_eq!(
            told(&["fan/a.wav", "fan/b.wav"]).unwrap(),
            "2 recordings of `d` are links that lead nowhere, `fan/a.wav` for one"
        );
        assert_eq!(
            told(&["fan/test", "fan/b.wav"]).unwrap(),
            "2 files of `d` are links that lead nowhere, `fan/test` for one"
        );
    }
}
