//! Making the cache smaller.
//!
//! An object may be evicted while its record stays: the stage reruns only if its bytes are needed.
//! Metric tables (`.json`, a few kilobytes) are kept, so a cache of records and tables still
//! answers an unchanged experiment in full. Only files with a name of the store are removed. A file
//! that another process removed first is no error.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::{Store, StoreError, Unusable};
use crate::digest::Digest;
use crate::disk::age;
use crate::kind::Kind;

/// A younger object is kept, because the record that names it may not be written yet.
const GRACE: Duration = Duration::from_secs(600);

/// The limits of a cleanup.
#[derive(Clone, Copy, Debug, Default)]
pub struct GcPolicy {
    /// Evict the least recently used objects until at most this many bytes are left.
    pub max_bytes: Option<u64>,
    /// Evict objects not used for longer than this.
    pub older_than: Option<Duration>,
    /// Evict young objects, too. A running experiment then makes again the ones it needs.
    pub young: bool,
    /// Report only; remove nothing.
    pub dry_run: bool,
}

/// Counts and bytes of evicted and kept objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct GcReport {
    pub evicted: usize,
    pub evicted_bytes: u64,
    pub kept: usize,
    pub kept_bytes: u64,
}

impl Store {
    /// Evicts objects by the policy, least recently used first. It also removes unfinished
    /// temporary files and damaged files of `bad/`.
    pub fn gc(&self, policy: &GcPolicy) -> Result<GcReport, StoreError> {
        let mut objects: Vec<_> = (self.tier.entries("objects")?.into_iter())
            .filter(|entry| entry.meta.is_file())
            .filter_map(|entry| {
                Some((
                    age(&entry.meta),
                    entry.meta.len(),
                    Kind::named(&entry.extension)?,
                    entry.path,
                ))
            })
            .collect();
        objects.sort_by(|a, b| b.cmp(a));
        let mut left: u64 = objects.iter().map(|o| o.1).sum();
        let mut report = GcReport::default();
        for (age, bytes, kind, path) in objects {
            let stale = policy.older_than.is_some_and(|limit| age > limit);
            let over = policy.max_bytes.is_some_and(|limit| left > limit);
            if (stale || over) && (policy.young || age > GRACE) && kind != Kind::Json {
                if !policy.dry_run && !remove(&path)? {
                    left -= bytes;
                    continue;
                }
                report.evicted += 1;
                report.evicted_bytes += bytes;
                left -= bytes;
            } else {
                report.kept += 1;
                report.kept_bytes += bytes;
            }
        }
        if !policy.dry_run {
            let left_over =
                |folder, is_own: fn(&Path) -> bool| self.tier.folder().own(folder, is_own);
            let temporary =
                left_over("tmp", |name| name.as_os_str().as_encoded_bytes().starts_with(b".tmp"));
            let bad = left_over("bad", |name| {
                digest_in(name, 65).is_some() || digest_in(name, 64).is_some()
            });
            for (path, _) in temporary.into_iter().chain(bad).filter(|(_, age)| *age > GRACE) {
                let _ = fs::remove_file(path);
            }
        }
        Ok(report)
    }
}

/// The digest at the start of a name: 64 digits, or 65 characters with a `-` behind the shard.
fn digest_in(name: &Path, length: usize) -> Option<Digest> {
    let start = name.to_str()?.get(..length)?;
    start.replacen('-', "", length - 64).parse().ok()
}

/// Removes a file; false if it was already gone.
fn remove(path: &Path) -> Result<bool, StoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Unusable::at(path)(error).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ObjectRef;
    use std::time::SystemTime;

    fn aged(store: &Store, object: &ObjectRef, seconds: u64) {
        #[expect(clippy::disallowed_methods, reason = "ages of files")]
        let then = SystemTime::now() - Duration::from_secs(seconds);
        fs::File::options()
            .append(true)
            .open(store.object_path(object))
            .unwrap()
            .set_modified(then)
            .unwrap();
    }

    #[test]
    fn the_least_recently_used_go_first_and_tables_and_young_objects_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let old = store.put(Kind::Npy, &[1; 100]).unwrap();
        let newer = store.put(Kind::Npy, &[2; 100]).unwrap();
        let table = store.put(Kind::Json, &[3; 100]).unwrap();
        let young = store.put(Kind::Npy, &[4; 100]).unwrap();
        for (object, seconds) in [(&old, 9000), (&newer, 5000), (&table, 9999)] {
            aged(&store, object, seconds);
        }
        let policy = GcPolicy { max_bytes: Some(300), dry_run: true, ..GcPolicy::default() };
        assert_eq!(store.gc(&policy).unwrap().evicted, 1);
        assert!(store.has(&old), "a dry run removes nothing");
        store.gc(&GcPolicy { dry_run: false, ..policy }).unwrap();
        assert!(!store.has(&old) && store.has(&newer) && store.has(&table));
        store.gc(&GcPolicy { max_bytes: Some(0), ..GcPolicy::default() }).unwrap();
        assert!(!store.has(&newer) && store.has(&table) && store.has(&young));
        store.gc(&GcPolicy { max_bytes: Some(0), young: true, ..GcPolicy::default() }).unwrap();
        assert!(!store.has(&young) && store.has(&table));
    }

    #[test]
    fn two_at_once_share_the_work_and_neither_fails() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for i in 0..400_u32 {
            aged(&store, &store.put(Kind::Npy, &i.to_le_bytes()).unwrap(), 9000);
        }
        let policy = GcPolicy { max_bytes: Some(0), ..GcPolicy::default() };
        let reports: Vec<GcReport> = std::thread::scope(|scope| {
            let both = [0, 1].map(|_| scope.spawn(|| store.gc(&policy).unwrap()));
            both.map(|thread| thread.join().unwrap()).into()
        });
        assert_eq!(reports.iter().map(|report| report.evicted).sum::<usize>(), 400);
    }

    #[cfg(unix)]
    #[test]
    fn only_files_with_names_of_the_store_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cache")).unwrap();
        let thesis = folder.path().join("thesis");
        let digits = "0".repeat(62);
        let theirs = [
            thesis.join(format!("{digits}.npy")),
            store.root().join("objects/notes/thesis.txt"),
            store.root().join("objects/00/thesis.npy"),
            store.root().join(format!("objects/00/{digits}.thesis")),
            store.root().join(format!("objects/00/{}1.npy/inside", &digits[..61])),
            store.root().join("tmp/thesis"),
            store.root().join("bad/thesis"),
        ];
        let old = |path: &Path| {
            #[expect(clippy::disallowed_methods, reason = "ages of files")]
            let then = SystemTime::now() - Duration::from_secs(90 * 24 * 3600);
            fs::File::open(path).unwrap().set_modified(then).unwrap();
        };
        for path in &theirs {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "years of work").unwrap();
            old(path);
            old(path.parent().unwrap());
        }
        std::os::unix::fs::symlink(&thesis, store.root().join("objects/zz")).unwrap();
        std::os::unix::fs::symlink(
            &thesis,
            store.root().join("objects/00/").join(&digits).with_extension("npy"),
        )
        .unwrap();
        let report = store.gc(&GcPolicy { max_bytes: Some(0), ..GcPolicy::default() }).unwrap();
        assert_eq!(report.evicted, 0);
        assert!(theirs.iter().all(|path| path.exists()), "{theirs:?}");
        assert_eq!(store.usage().unwrap(), crate::store::Usage::default());
    }
}
