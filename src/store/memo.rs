//! Digests of source files that have not changed, so that a rerun costs a stat a file.
//!
//! An optimisation that may be deleted: keys hold contents, never times. A file counts as unchanged if
//! path, size, inode and the times of the last change of its content and of its inode are those it had
//! when it was hashed: tools can set the first of the two times back, but not the second. A file changed less
//! than two seconds before it was hashed is not remembered: another change within the granularity of
//! the clock would go unseen.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;

use super::{Store, StoreError};
use crate::digest::Digest;

const GRANULARITY: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified_ns: u128,
    changed_ns: i128,
    inode: u64,
}

/// The digests of files under one root.
pub struct DigestMemo {
    root: PathBuf,
    file: PathBuf,
    known: BTreeMap<String, (Stamp, Digest)>,
    changed: bool,
}

impl DigestMemo {
    /// What is remembered of the files under `root`.
    pub fn open(store: &Store, root: &Path) -> Self {
        let name = Digest::of(root.as_os_str().as_encoded_bytes());
        let file = store.root().join("memo").join(format!("{name}.tsv"));
        let text = fs::read_to_string(&file).unwrap_or_default();
        // The first line is the digest of the others: a damaged memo is none.
        let (check, lines) = text.split_once('\n').unwrap_or_default();
        let sound = Digest::of(lines.as_bytes()).hex() == check;
        let known = if sound { lines.lines().filter_map(parse).collect() } else { BTreeMap::new() };
        Self { root: root.to_owned(), file, known, changed: false }
    }

    /// The digests of `paths` (relative to the root, with `/`), in their order; changed files are
    /// hashed in parallel. Errors name the file.
    pub fn digests(&mut self, paths: &[String]) -> Result<Vec<Digest>, (String, io::Error)> {
        let (root, known) = (&self.root, &self.known);
        let found: Vec<(Option<Stamp>, Digest)> = paths
            .par_iter()
            .with_min_len(64)
            .map(|path| digest(root, path, known.get(path)).map_err(|e| (path.clone(), e)))
            .collect::<Result<_, _>>()?;
        Ok(paths
            .iter()
            .zip(found)
            .map(|(path, (stamp, digest))| {
                if let Some(stamp) = stamp {
                    self.known.insert(path.clone(), (stamp, digest));
                    self.changed = true;
                }
                digest
            })
            .collect())
    }

    /// Writes down what was learnt.
    pub fn save(self, store: &Store) -> Result<(), StoreError> {
        if !self.changed {
            return Ok(());
        }
        let mut text = String::new();
        for (path, (stamp, digest)) in &self.known {
            if !path.contains(['\t', '\n']) {
                let Stamp { size, modified_ns, changed_ns, inode } = stamp;
                text.push_str(&format!("{path}\t{size}\t{modified_ns}\t{changed_ns}\t{inode}\t{}\n", digest.hex()));
            }
        }
        let check = Digest::of(text.as_bytes()).hex();
        store.publish(&self.file, format!("{check}\n{text}").as_bytes())
    }
}

fn parse(line: &str) -> Option<(String, (Stamp, Digest))> {
    let mut cells = line.split('\t');
    let path = cells.next()?.to_owned();
    let size = cells.next()?.parse().ok()?;
    let modified_ns = cells.next()?.parse().ok()?;
    let changed_ns = cells.next()?.parse().ok()?;
    let inode = cells.next()?.parse().ok()?;
    let digest = cells.next()?.parse().ok()?;
    Some((path, (Stamp { size, modified_ns, changed_ns, inode }, digest)))
}

/// The digest of a file, and its stamp if that is new and old enough to be relied on.
fn digest(root: &Path, path: &str, known: Option<&(Stamp, Digest)>) -> io::Result<(Option<Stamp>, Digest)> {
    let full = root.join(path);
    let meta = fs::metadata(&full)?;
    let modified = meta.modified()?;
    #[cfg(unix)]
    let (changed_ns, inode) = {
        use std::os::unix::fs::MetadataExt;
        (i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec()), meta.ino())
    };
    #[cfg(not(unix))]
    let (changed_ns, inode) = (0, 0);
    let modified_ns = modified.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let stamp = Stamp { size: meta.len(), modified_ns, changed_ns, inode };
    match known {
        Some((old, digest)) if *old == stamp => Ok((None, *digest)),
        _ => {
            #[expect(clippy::disallowed_methods, reason = "decides what is remembered, never a result")]
            let now = SystemTime::now();
            let settled = now.duration_since(modified).is_ok_and(|age| age > GRANULARITY);
            let (digest, _) = Digest::of_reader(fs::File::open(&full)?)?;
            Ok((settled.then_some(stamp), digest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_even_if_size_and_date_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cache")).unwrap();
        let file = folder.path().join("a.wav");
        let long_ago = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let write = |text: &str| {
            fs::write(&file, text).unwrap();
            fs::File::options().append(true).open(&file).unwrap().set_modified(long_ago).unwrap();
        };
        let ask = || {
            let mut memo = DigestMemo::open(&store, folder.path());
            let digest = memo.digests(&["a.wav".into()]).unwrap()[0];
            let learnt = memo.changed;
            memo.save(&store).unwrap();
            (digest, learnt)
        };
        write("one");
        assert_eq!(ask(), (Digest::of(b"one"), true));
        assert_eq!(ask(), (Digest::of(b"one"), false), "an unchanged file is not hashed");
        write("two");
        assert_eq!(ask(), (Digest::of(b"two"), true));
    }

    #[test]
    fn a_damaged_memo_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cache")).unwrap();
        let file = folder.path().join("a.wav");
        fs::write(&file, "one").unwrap();
        let long_ago = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        fs::File::options().append(true).open(&file).unwrap().set_modified(long_ago).unwrap();
        let mut memo = DigestMemo::open(&store, folder.path());
        memo.digests(&["a.wav".into()]).unwrap();
        let path = memo.file.clone();
        memo.save(&store).unwrap();
        let hex = Digest::of(b"one").hex();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(&hex, &Digest::of(b"two").hex())).unwrap();
        assert!(DigestMemo::open(&store, folder.path()).known.is_empty());
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let error = DigestMemo::open(&store, folder.path()).digests(&["gone.wav".into()]).unwrap_err();
        assert_eq!(error.0, "gone.wav");
    }
}
