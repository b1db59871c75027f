//! Folders as sorted lists of names, without a `stat` per file.

use std::path::Path;

use super::{SourceError, names};

/// One folder or file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Its name; where it is not UTF-8, with replacement characters.
    pub name: String,
    pub folder: bool,
    /// A link to what `folder` says.
    pub link: bool,
    /// Whether `name` is the true name.
    pub utf8: bool,
}

/// The entries of a folder by name. Links count as what they lead to; hidden entries are left out
/// (archives made on a Mac hold a `._x.wav` beside every `x.wav`), and so are links that lead nowhere.
pub(super) fn entries(folder: &Path) -> Result<Vec<Entry>, SourceError> {
    let wrong = |e: std::io::Error| SourceError::File { path: folder.display().to_string(), why: e.to_string() };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let name = entry.file_name();
        let utf8 = name.to_str().is_some();
        let name = name.to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        // The type comes with the entry; only a link costs a look at what it leads to.
        let kind = entry.file_type().map_err(wrong)?;
        let folder = match kind.is_symlink() {
            false => kind.is_dir(),
            true => match std::fs::metadata(entry.path()) {
                Ok(target) => target.is_dir(),
                Err(_) => continue,
            },
        };
        entries.push(Entry { name, folder, link: kind.is_symlink(), utf8 });
    }
    entries.sort();
    Ok(entries)
}

/// All audio files below `folder`, with whether their names are UTF-8. Links to folders are followed as
/// deep as the pattern goes, no deeper, so that a link to its own parent ends.
pub(super) fn walk(
    root: &Path,
    folder: &str,
    depth: usize,
    paths: &mut Vec<(String, bool)>,
) -> Result<(), SourceError> {
    for entry in entries(&root.join(folder))? {
        let path = join(folder, &entry.name);
        if !entry.folder {
            if names::stem(&entry.name).is_some() {
                paths.push((path, entry.utf8));
            }
        } else if entry.utf8 && (depth > 0 || !entry.link) {
            walk(root, &path, depth.saturating_sub(1), paths)?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn links_count_as_what_they_lead_to_and_hidden_names_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir(at("b")).unwrap();
        for name in ["c.wav", "._c.wav"] {
            std::fs::write(at(name), "").unwrap();
        }
        std::os::unix::fs::symlink(at("b"), at("a")).unwrap();
        std::os::unix::fs::symlink(at("c.wav"), at("d.wav")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("e.wav")).unwrap();
        let found: Vec<_> = entries(root.path()).unwrap().into_iter().map(|e| (e.name, e.folder, e.link)).collect();
        let expected = [("a", true, true), ("b", true, false), ("c.wav", false, false), ("d.wav", false, true)];
        assert_eq!(found, expected.map(|(name, folder, link)| (name.to_string(), folder, link)));
        assert!(entries(&at("x")).unwrap_err().to_string().starts_with(&at("x").display().to_string()));
    }
}
