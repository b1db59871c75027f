//! Documents of runs, by experiment and digest.
//!
//! They lie in the store beside objects and records, because every reader of a shared store, such
//! as a worker on a cluster, reads runs. This room knows only names and bytes and does not
//! interpret the documents.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::tier::Name;
use super::{Store, StoreError, Unusable};
use crate::digest::Digest;
use crate::disk;

/// The document of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFile {
    /// The folder of the experiment: its name, escaped for use in a path.
    pub experiment: String,
    pub digest: Digest,
    pub path: PathBuf,
    pub modified: SystemTime,
}

impl Store {
    /// Writes the document of a run.
    pub fn keep_run(
        &self,
        experiment: &str,
        digest: &Digest,
        text: &str,
    ) -> Result<(), StoreError> {
        Ok(self.tier.write(Name::Run(&folder(experiment), digest), text.as_bytes())?)
    }

    /// The documents of an experiment, or of all experiments for `None`; newest first.
    pub fn runs(&self, experiment: Option<&str>) -> Vec<RunFile> {
        let folders =
            std::fs::read_dir(self.tier.folder().path("runs")).into_iter().flatten().flatten();
        let wanted = experiment.map(folder);
        let mut found: Vec<RunFile> = folders
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
            .filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name))
            .flat_map(|(name, path)| documents(&name, &path))
            .collect();
        found.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.path.cmp(&b.path)));
        found
    }

    /// Marks the run as the newest of its experiment. A failure is harmless.
    pub fn renew_run(&self, run: &RunFile) {
        disk::touch(&run.path);
    }

    pub fn open_run(&self, run: &RunFile) -> std::io::Result<File> {
        self.tier.open_here(Name::Run(&run.experiment, &run.digest)).map(|(file, _)| file)
    }

    /// Removes old documents, or only counts them for a dry run. Returns their number. Each
    /// experiment keeps its newest document and its newest complete one.
    pub fn drop_old_runs(
        &self,
        is_complete: impl Fn(&RunFile) -> bool,
        dry_run: bool,
    ) -> Result<usize, Unusable> {
        let (mut newest, mut complete) = (BTreeSet::new(), BTreeSet::new());
        let mut dropped = 0;
        for run in self.runs(None) {
            let is_newest = newest.insert(run.experiment.clone());
            // Documents are read only until a complete one of the experiment is found.
            let is_answer = !complete.contains(&run.experiment) && is_complete(&run);
            if is_answer {
                complete.insert(run.experiment.clone());
            }
            if is_newest || is_answer {
                continue;
            }
            dropped += 1;
            let removed = if dry_run { Ok(()) } else { std::fs::remove_file(&run.path) };
            // Another process may have removed it meanwhile.
            removed.or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(Unusable::at(&run.path)(error)),
            })?;
        }
        Ok(dropped)
    }
}

/// The documents in a folder.
fn documents(experiment: &str, folder: &Path) -> Vec<RunFile> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let document = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let digest: Digest = path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok()?;
        let meta = std::fs::symlink_metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
        Some(RunFile {
            experiment: experiment.to_owned(),
            digest,
            path,
            modified: meta.modified().ok()?,
        })
    };
    entries.filter_map(document).collect()
}

/// The folder name of an experiment. Letters, digits, `-`, `_` and dots inside are kept; other
/// bytes become `%2F`. Names that are too long for a folder are cut and end with their digest.
pub(super) fn folder(experiment: &str) -> String {
    let mut name = String::new();
    for (place, byte) in experiment.bytes().enumerate() {
        match byte {
            b'.' if place > 0 => name.push('.'),
            b'-' | b'_' => name.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    if name.len() > 200 {
        name.truncate(130);
        name.push_str(&Digest::of(experiment.as_bytes()).hex());
    }
    if name.is_empty() { "%".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_folders_that_differ() {
        assert_eq!(folder("load-shift_2.0"), "load-shift_2.0");
        assert_eq!(folder("a/b"), "a%2Fb");
        assert_eq!((folder(".."), folder("")), ("%2E.".to_owned(), "%".to_owned()));
        let long = ["x".repeat(300), "x".repeat(301)].map(|name| folder(&name));
        assert!(long[0] != long[1] && long[0].len() < 255);
    }

    #[test]
    fn the_newest_document_of_each_experiment_stays() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        for (name, text) in [("a", "1"), ("a", "2"), ("b/c", "1")] {
            store.keep_run(name, &Digest::of(text.as_bytes()), text).unwrap();
        }
        let [older, newer] = ["1", "2"].map(|text| Digest::of(text.as_bytes()));
        let path = store.runs(Some("a")).into_iter().find(|run| run.digest == older).unwrap().path;
        let past = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
        File::options().append(true).open(path).unwrap().set_modified(past).unwrap();
        assert_eq!(
            store.runs(Some("a")).iter().map(|run| run.digest).collect::<Vec<_>>(),
            [newer, older]
        );
        let drop =
            |complete: &Digest| store.drop_old_runs(|run| run.digest == *complete, false).unwrap();
        assert_eq!(
            (store.runs(None).len(), drop(&older)),
            (3, 0),
            "the newer one has not come to its end"
        );
        assert_eq!(drop(&newer), 1);
        let left: Vec<_> =
            store.runs(None).into_iter().map(|run| (run.experiment, run.digest)).collect();
        assert!(left.contains(&("a".into(), newer)) && left.contains(&("b%2Fc".into(), older)));
    }
}
