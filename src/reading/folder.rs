//! Folders as sorted lists of names, without a `stat` per file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::kind;

/// The type of a folder entry. A link has the type of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    File,
    Folder,
    /// A broken link, as in a data set whose contents were not fetched.
    Nowhere,
    /// Neither a file nor a folder; the text names its type. Opening it may wait for ever.
    Other(&'static str),
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Bytes that are not UTF-8 become replacement characters.
    pub name: String,
    pub kind: Kind,
    /// Whether the entry is a link; `kind` is then the type of its target.
    pub link: bool,
    /// Whether `name` is exact, without replacement characters.
    pub utf8: bool,
    /// The folder's path with the exact name.
    pub path: PathBuf,
}

impl Entry {
    pub fn is_folder(&self) -> bool {
        self.kind == Kind::Folder
    }
}

/// The entries of a folder, sorted by name.
///
/// Hidden entries are left out, and so is `__MACOSX`: archives made on a Mac hold a `._x.wav`
/// beside every `x.wav`. A link to the folder itself or to a parent of it is left out, too: it
/// would lead into an endless loop.
///
/// # Errors
/// A folder that cannot be read.
pub fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let utf8 = name.to_str().is_some();
        let name = name.to_string_lossy().into_owned();
        if name.starts_with('.') || name == "__MACOSX" {
            continue;
        }
        // The type comes with the entry. Only links and unusual types cost a `stat` of the target.
        let own = entry.file_type()?;
        let path = entry.path();
        let kind = match () {
            () if own.is_file() => Kind::File,
            () if own.is_dir() => Kind::Folder,
            () => fs::metadata(&path).map_or(Kind::Nowhere, |meta| kind(&meta)),
        };
        let link = own.is_symlink();
        if link && kind == Kind::Folder && leads_up(folder, &path) {
            continue;
        }
        entries.push(Entry { name, kind, link, utf8, path });
    }
    entries.sort();
    Ok(entries)
}

/// Whether a link in `folder` leads to that folder or to a parent of it.
fn leads_up(folder: &Path, link: &Path) -> bool {
    match (folder.canonicalize(), link.canonicalize()) {
        (Ok(folder), Ok(target)) => folder.starts_with(target),
        _ => false,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn links_count_as_what_they_lead_to_and_hidden_names_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for folder in ["b", "__MACOSX", ".git"] {
            fs::create_dir(at(folder)).unwrap();
        }
        for name in ["c.wav", "._c.wav"] {
            fs::write(at(name), "").unwrap();
        }
        let link =
            |target: PathBuf, name: &str| std::os::unix::fs::symlink(target, at(name)).unwrap();
        link(at("b"), "a");
        link(at("c.wav"), "d.wav");
        link(at("nowhere"), "e.wav");
        link(at("f.wav"), "f.wav");
        link(root.path().to_owned(), "itself");
        link("..".into(), "above");
        assert!(std::process::Command::new("mkfifo").arg(at("g.wav")).status().unwrap().success());
        link(at("g.wav"), "h.wav");
        let found: Vec<_> =
            entries(root.path()).unwrap().into_iter().map(|e| (e.name, e.kind, e.link)).collect();
        let pipe = Kind::Other("a named pipe");
        let expected = [
            ("a", Kind::Folder, true),
            ("b", Kind::Folder, false),
            ("c.wav", Kind::File, false),
            ("d.wav", Kind::File, true),
            ("e.wav", Kind::Nowhere, true),
            ("f.wav", Kind::Nowhere, true),
            ("g.wav", pipe, false),
            ("h.wav", pipe, true),
        ];
        assert_eq!(found, expected.map(|(name, kind, link)| (name.to_string(), kind, link)));
        assert_eq!(entries(&at("x")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
