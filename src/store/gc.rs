//! Looking after the cache: how large it is, whether it is sound, and making it smaller.
//!
//! Evicting an object and keeping its record is legal: the stage reruns only if somebody needs the
//! bytes. Metric tables (`.json`, a few kilobytes) are kept, so that a cache of records and tables
//! still answers an unchanged experiment in full.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{ObjectRef, Store, StoreError};
use crate::digest::Digest;

/// An object younger than this is left alone: the record that names it may not be written yet.
const GRACE: Duration = Duration::from_secs(600);

/// What a killed stage had reached is given up after a week, if nobody says otherwise.
const ABANDONED: Duration = Duration::from_secs(7 * 24 * 3600);

/// How much of what there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    pub records: usize,
    pub record_bytes: u64,
    /// Count and bytes of objects by kind.
    pub objects: BTreeMap<String, (usize, u64)>,
    /// What stages that were killed had reached.
    pub checkpoints: usize,
    pub checkpoint_bytes: u64,
}

/// What `verify` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Audit {
    pub objects: usize,
    pub records: usize,
    /// Objects whose bytes are not their name; moved to `bad/`.
    pub damaged_objects: Vec<String>,
    /// Records that cannot be read; removed.
    pub damaged_records: Vec<String>,
    /// Objects that a record names and that are not there: legal, made again when needed.
    pub evicted: usize,
}

/// What may stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct GcPolicy {
    /// Evict the objects least recently used until no more than this is left.
    pub max_bytes: Option<u64>,
    /// Evict objects not used for longer than this.
    pub older_than: Option<Duration>,
    /// Only tell.
    pub dry_run: bool,
}

/// What was evicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct GcReport {
    pub evicted: usize,
    pub evicted_bytes: u64,
    pub kept: usize,
    pub kept_bytes: u64,
    /// Checkpoints of stages that are done since, or that nobody went on with.
    pub checkpoints: usize,
}

/// All files two levels below `folder`, sorted; files that vanish meanwhile are passed over.
pub(super) fn files(folder: &Path) -> Result<Vec<(PathBuf, Metadata)>, StoreError> {
    let mut found = Vec::new();
    for shard in fs::read_dir(folder).map_err(StoreError::io(folder))?.flatten() {
        let Ok(entries) = fs::read_dir(shard.path()) else { continue };
        for entry in entries.flatten() {
            if let Ok(meta) = entry.metadata() {
                found.push((entry.path(), meta));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

fn kind(path: &Path) -> String {
    path.extension().and_then(|e| e.to_str()).unwrap_or("").to_owned()
}

fn named_digest(path: &Path) -> Option<Digest> {
    let shard = path.parent()?.file_name()?.to_str()?;
    format!("{shard}{}", path.file_stem()?.to_str()?).parse().ok()
}

impl Store {
    /// Counts and sizes.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let mut usage = Usage::default();
        for (_, meta) in files(&self.root.join("records"))? {
            usage.records += 1;
            usage.record_bytes += meta.len();
        }
        for (path, meta) in files(&self.root.join("objects"))? {
            let entry = usage.objects.entry(kind(&path)).or_default();
            *entry = (entry.0 + 1, entry.1 + meta.len());
        }
        for entry in fs::read_dir(self.root.join("partial")).into_iter().flatten().flatten() {
            usage.checkpoints += 1;
            usage.checkpoint_bytes += entry.metadata().map_or(0, |meta| meta.len());
        }
        Ok(usage)
    }

    /// Reads everything and moves what is damaged out of the way.
    pub fn verify(&self) -> Result<Audit, StoreError> {
        let mut audit = Audit::default();
        let mut present = BTreeSet::new();
        for (path, meta) in files(&self.root.join("objects"))? {
            // Files that are none of ours, and those evicted meanwhile, are nobody's damage.
            let Some(digest) = named_digest(&path) else { continue };
            let actual = match fs::File::open(&path).and_then(Digest::of_reader) {
                Ok((actual, _)) => actual,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(StoreError::io(&path)(error)),
            };
            audit.objects += 1;
            if actual == digest {
                present.insert(digest);
            } else {
                audit.damaged_objects.push(path.display().to_string());
                self.quarantine(&ObjectRef { digest, kind: kind(&path), bytes: meta.len() });
            }
        }
        let mut evicted = BTreeSet::new();
        for (key, _, record) in self.records()? {
            audit.records += 1;
            match record {
                Some(record) => {
                    evicted.extend(record.outputs.values().map(|o| o.digest).filter(|d| !present.contains(d)));
                }
                None => {
                    audit.damaged_records.push(key.hex());
                    self.forget(&key);
                }
            }
        }
        audit.evicted = evicted.len();
        Ok(audit)
    }

    /// Evicts objects by the policy, least recently used first, and clears what dead processes left.
    pub fn gc(&self, policy: &GcPolicy) -> Result<GcReport, StoreError> {
        #[expect(clippy::disallowed_methods, reason = "ages decide eviction, never a result")]
        let now = SystemTime::now();
        let age =
            |meta: &Metadata| meta.modified().ok().and_then(|t| now.duration_since(t).ok()).unwrap_or(Duration::ZERO);
        let mut objects: Vec<_> =
            files(&self.root.join("objects"))?.into_iter().map(|(path, meta)| (age(&meta), meta.len(), path)).collect();
        objects.sort_by(|a, b| b.cmp(a));
        let mut left: u64 = objects.iter().map(|o| o.1).sum();
        let mut report = GcReport::default();
        for (age, bytes, path) in objects {
            let stale = policy.older_than.is_some_and(|limit| age > limit);
            let over = policy.max_bytes.is_some_and(|limit| left > limit);
            if (stale || over) && age > GRACE && kind(&path) != "json" {
                report.evicted += 1;
                report.evicted_bytes += bytes;
                left -= bytes;
                if !policy.dry_run {
                    fs::remove_file(&path).map_err(StoreError::io(&path))?;
                }
            } else {
                report.kept += 1;
                report.kept_bytes += bytes;
            }
        }
        let forgotten = policy.older_than.unwrap_or(ABANDONED).max(GRACE);
        for entry in fs::read_dir(self.root.join("partial")).into_iter().flatten().flatten() {
            let age = entry.metadata().map_or(Duration::ZERO, |meta| age(&meta));
            let done = super::partial::key(&entry.path()).is_none_or(|key| self.lookup(&key).is_some());
            if age > forgotten || (done && age > GRACE) {
                report.checkpoints += 1;
                if !policy.dry_run {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        if !policy.dry_run {
            for folder in ["tmp", "bad", "jobs"] {
                for entry in fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten() {
                    if entry.metadata().is_ok_and(|meta| age(&meta) > GRACE) {
                        let _ = fs::remove_file(entry.path());
                    }
                }
            }
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aged(store: &Store, object: &ObjectRef, seconds: u64) {
        #[expect(clippy::disallowed_methods, reason = "ages of files")]
        let then = SystemTime::now() - Duration::from_secs(seconds);
        fs::File::options().append(true).open(store.object_path(object)).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn the_least_recently_used_go_first_and_tables_and_young_objects_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let old = store.put("npy", &[1; 100]).unwrap();
        let newer = store.put("npy", &[2; 100]).unwrap();
        let table = store.put("json", &[3; 100]).unwrap();
        let young = store.put("npy", &[4; 100]).unwrap();
        for (object, seconds) in [(&old, 9000), (&newer, 5000), (&table, 9999)] {
            aged(&store, object, seconds);
        }
        let policy = GcPolicy { max_bytes: Some(300), older_than: None, dry_run: true };
        assert_eq!(store.gc(&policy).unwrap().evicted, 1);
        assert!(store.has(&old), "a dry run removes nothing");
        store.gc(&GcPolicy { dry_run: false, ..policy }).unwrap();
        assert!(!store.has(&old) && store.has(&newer) && store.has(&table));
        store.gc(&GcPolicy { max_bytes: Some(0), ..GcPolicy::default() }).unwrap();
        assert!(!store.has(&newer) && store.has(&table) && store.has(&young));
    }

    #[test]
    fn checkpoints_that_nobody_goes_on_with_are_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for (part, seconds) in [(1, 0), (2, 4000), (3, 8 * 24 * 3600)] {
            store.save_partial(&Digest::of(b"key"), part, b"epoch").unwrap();
            let name = format!("{}-{part:016x}.bin", Digest::of(b"key").hex());
            #[expect(clippy::disallowed_methods, reason = "ages of files")]
            let then = SystemTime::now() - Duration::from_secs(seconds);
            let path = folder.path().join("partial").join(name);
            fs::File::options().append(true).open(path).unwrap().set_modified(then).unwrap();
        }
        let policy = GcPolicy { dry_run: true, ..GcPolicy::default() };
        assert_eq!((store.gc(&policy).unwrap().checkpoints, store.usage().unwrap().checkpoints), (1, 3));
        store.gc(&GcPolicy::default()).unwrap();
        let hour = GcPolicy { older_than: Some(Duration::from_secs(3600)), ..GcPolicy::default() };
        assert_eq!((store.gc(&hour).unwrap().checkpoints, store.usage().unwrap().checkpoints), (1, 1));
    }

    #[test]
    fn verify_finds_the_damaged_object() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let object = store.put("csv", b"abc").unwrap();
        store.put("csv", b"def").unwrap();
        fs::write(store.object_path(&object), b"xyz").unwrap();
        let audit = store.verify().unwrap();
        assert_eq!((audit.objects, audit.damaged_objects.len()), (2, 1));
        assert_eq!(store.verify().unwrap().damaged_objects.len(), 0);
    }
}
