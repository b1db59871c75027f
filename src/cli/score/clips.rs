//! The recordings that a user names: files, folders, globs, and names on stdin.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::{Component, Path, PathBuf};

use crate::artifact::stem;
use crate::cli::output::glob;
use crate::reading::{Entry, Kind, entries};

/// A recording that cannot be scored, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub clip: String,
    pub why: String,
}

impl Failed {
    pub fn new(clip: impl Into<String>, why: impl Into<String>) -> Self {
        Self { clip: clip.into(), why: why.into() }
    }
}

/// The paths of all recordings, without duplicates, in the order of the arguments.
#[derive(Debug, Default)]
pub struct Named {
    pub paths: Vec<String>,
    pub failed: Vec<Failed>,
    seen: BTreeSet<String>,
}

impl Named {
    /// The recordings of the arguments. `-` stands for the lines of `stdin`.
    pub fn of(arguments: &[PathBuf], stdin: impl FnOnce() -> Box<dyn BufRead>) -> Self {
        let (mut named, mut stdin) = (Self::default(), Some(stdin));
        for argument in arguments {
            match stdin.take_if(|_| argument.as_os_str() == "-") {
                Some(stdin) => named.lines(stdin()),
                None => named.argument(argument),
            }
        }
        named
    }

    fn lines(&mut self, lines: Box<dyn BufRead>) {
        for line in lines.lines() {
            match line {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => self.argument(Path::new(line.trim_end_matches('\r'))),
                Err(error) => {
                    self.failed.push(Failed::new(
                        "-",
                        format!("the names on stdin cannot be read: {error}"),
                    ));
                    return;
                }
            }
        }
    }

    fn argument(&mut self, path: &Path) {
        let text = path.to_string_lossy();
        if path.is_dir() {
            let before = self.seen.len();
            self.folder(path);
            if self.seen.len() == before {
                self.failed.push(Failed::new(text, "there is no recording in this folder"));
            }
        } else if !path.exists() && text.contains(['*', '?']) {
            let found = matching(&text);
            if found.is_empty() {
                self.failed.push(Failed::new(text, "no file matches it"));
            }
            found.iter().for_each(|path| self.file(path));
        } else {
            self.file(path);
        }
    }

    fn file(&mut self, path: &Path) {
        match path.to_str() {
            None => self.failed.push(Failed::new(path.to_string_lossy(), "its name is not UTF-8")),
            // A tab separates the parents in the name of a synthetic clip.
            Some(name) if name.contains('\t') => {
                self.failed.push(Failed::new(name, "there is a tab in its name"))
            }
            Some(name) => {
                if self.seen.insert(name.to_owned()) {
                    self.paths.push(name.to_owned());
                }
            }
        }
    }

    /// All recordings below a folder.
    fn folder(&mut self, folder: &Path) {
        match entries(folder) {
            Err(error) => {
                self.failed.push(Failed::new(folder.to_string_lossy(), error.to_string()))
            }
            Ok(entries) => {
                for entry in entries {
                    match entry.kind {
                        Kind::Folder => self.folder(&entry.path),
                        _ if is_recording(&entry) => self.file(&entry.path),
                        _ => {}
                    }
                }
            }
        }
    }
}

fn is_recording(entry: &Entry) -> bool {
    entry.path.file_name().is_some_and(|name| stem(&name.to_string_lossy()).is_some())
}

/// The files that match a pattern, in order. `*` and `?` stand for text within a name, `**` for any
/// number of folders.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    let parts: Vec<Component> = Path::new(pattern).components().collect();
    for (place, part) in parts.iter().enumerate() {
        let word = part.as_os_str().to_string_lossy();
        let is_last = place + 1 == parts.len();
        found = match &*word {
            "**" => found.iter().flat_map(|at| below(at)).collect(),
            word if word.contains(['*', '?']) => {
                let inside = |at: &PathBuf| -> Vec<PathBuf> {
                    let matches =
                        |entry: &Entry| glob(word, &entry.name) && entry.is_folder() != is_last;
                    let entries = entries(here(at)).unwrap_or_default().into_iter().filter(matches);
                    entries.map(|entry| at.join(&entry.name)).collect()
                };
                found.iter().flat_map(inside).collect()
            }
            _ => found.into_iter().map(|at| at.join(part)).filter(|path| path.exists()).collect(),
        };
    }
    found.retain(|path| !path.is_dir());
    found
}

/// A folder and all folders below it.
fn below(at: &Path) -> Vec<PathBuf> {
    let mut found = vec![at.to_owned()];
    for entry in entries(here(at)).unwrap_or_default() {
        if entry.is_folder() {
            found.extend(below(&at.join(&entry.name)));
        }
    }
    found
}

/// A folder in the form that can be listed.
fn here(at: &Path) -> &Path {
    if at.as_os_str().is_empty() { Path::new(".") } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_folders_globs_and_lines_name_each_recording_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a/1.wav", "a/2.WAV", "a/b/3.wav", "a/notes.txt", "c/1.wav"] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), "").unwrap();
        }
        let lines = format!("{}\n\n{}\r\n", at("c/1.wav").display(), at("a/1.wav").display());
        let of = |arguments: &[&str]| {
            let arguments: Vec<PathBuf> = arguments
                .iter()
                .map(|name| if *name == "-" { "-".into() } else { at(name) })
                .collect();
            let lines = lines.clone();
            Named::of(&arguments, || Box::new(std::io::Cursor::new(lines)))
        };
        let names = |named: &Named| -> Vec<String> {
            let short = |path: &String| {
                Path::new(path).strip_prefix(folder.path()).unwrap().display().to_string()
            };
            named.paths.iter().map(short).collect()
        };
        assert_eq!(names(&of(&["a/b/3.wav", "a"])), ["a/b/3.wav", "a/1.wav", "a/2.WAV"]);
        assert_eq!(names(&of(&["*/1.wav"])), ["a/1.wav", "c/1.wav"]);
        assert_eq!(names(&of(&["**/*.wav"])), ["a/1.wav", "a/b/3.wav", "c/1.wav"]);
        assert_eq!(names(&of(&["-", "a/?.wav"])), ["c/1.wav", "a/1.wav"]);
        let missing = of(&["*/none.wav", "gone.wav"]);
        assert_eq!(
            (missing.paths.len(), missing.failed[0].why.as_str()),
            (1, "no file matches it")
        );
        fs::create_dir(at("empty")).unwrap();
        assert_eq!(of(&["empty"]).failed[0].why, "there is no recording in this folder");
    }
}
