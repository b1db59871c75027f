//! The size of the cache, and a check of its content.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::tier::Name;
use super::{Found, Record, Store, StoreError, Unusable};
use crate::digest::Digest;
use crate::disk;
use crate::kind::Kind;

/// The size of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    pub records: usize,
    pub record_bytes: u64,
    /// Count and bytes of objects, by kind.
    pub objects: BTreeMap<String, (usize, u64)>,
}

/// The result of `verify`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Audit {
    pub objects: usize,
    pub records: usize,
    /// Records of another version of the program; they are kept.
    pub foreign_records: usize,
    /// Objects whose bytes do not match their digest, or that are not regular files.
    pub damaged_objects: Vec<String>,
    /// Keys of damaged records.
    pub damaged_records: Vec<String>,
    /// Damaged objects and records that could not be moved to `bad/`.
    pub not_moved: Vec<String>,
    /// Missing objects that a record names. This is legal: they are made again when needed.
    pub evicted: usize,
}

impl Store {
    /// Counts and sizes.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let mut usage = Usage::default();
        for entry in self.tier.entries("records")?.into_iter().filter(|entry| entry.meta.is_file())
        {
            usage.records += 1;
            usage.record_bytes += entry.meta.len();
        }
        for entry in self.tier.entries("objects")?.into_iter().filter(|entry| entry.meta.is_file())
        {
            if let Some(kind) = Kind::named(&entry.extension) {
                let of_kind = usage.objects.entry(kind.extension().to_owned()).or_default();
                *of_kind = (of_kind.0 + 1, of_kind.1 + entry.meta.len());
            }
        }
        Ok(usage)
    }

    /// Checks every record and object and moves damaged ones to `bad/`. `makes` says whether a
    /// record has the outputs of its stage, which this room cannot know.
    pub fn verify(&self, makes: impl Fn(&Record) -> bool) -> Result<Audit, StoreError> {
        let mut audit = Audit::default();
        // Lengths by record: an object of another length is damaged and need not be hashed.
        let mut lengths = BTreeMap::new();
        for (key, found) in self.records()? {
            match found {
                Found::Absent => continue,
                Found::Foreign => audit.foreign_records += 1,
                Found::Sound(record) if makes(&record) => {
                    lengths.extend(
                        record.outputs.values().map(|object| (object.digest, object.bytes)),
                    );
                }
                // A process without free file descriptors must not move sound records away.
                Found::Unreadable(why) => {
                    let path = self.tier.path(Name::Record(&key));
                    return Err(Unusable::at(&path)(std::io::Error::other(why)).into());
                }
                Found::Sound(_) | Found::Damaged(_) => {
                    audit.damaged_records.push(key.hex());
                    self.move_away(&self.tier.path(Name::Record(&key)), &mut audit);
                }
            }
            audit.records += 1;
        }
        let mut present = BTreeSet::new();
        for entry in self.tier.entries("objects")? {
            if Kind::named(&entry.extension).is_none() {
                continue;
            }
            let is_sound = disk::open(&entry.path).and_then(|(file, meta)| {
                let has_length =
                    lengths.get(&entry.digest).is_none_or(|bytes| *bytes == meta.len());
                Ok(has_length && Digest::of_reader(file)?.0 == entry.digest)
            });
            match is_sound {
                Ok(true) => drop(present.insert(entry.digest)),
                // The object was evicted meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) if !disk::is_of_the_file(&error) => {
                    return Err(Unusable::at(&entry.path)(error).into());
                }
                Ok(false) | Err(_) => {
                    audit.damaged_objects.push(entry.path.display().to_string());
                    self.move_away(&entry.path, &mut audit);
                }
            }
            audit.objects += 1;
        }
        let evicted = lengths.keys().filter(|digest| !present.contains(*digest));
        audit.evicted = evicted.count();
        Ok(audit)
    }

    fn move_away(&self, path: &Path, audit: &mut Audit) {
        if !self.tier.folder().set_aside(path) {
            audit.not_moved.push(path.display().to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RECORD_SCHEMA;
    use std::fs;

    fn commit(store: &Store, material: &str, schema: u32) -> Digest {
        let key = Digest::of(format!("{material:?}").as_bytes());
        let outputs =
            [("scores".to_owned(), store.put(Kind::Csv, material.as_bytes()).unwrap())].into();
        let (label, version) = (material.to_owned(), String::new());
        let record = Record {
            schema,
            key: Some(key),
            material: material.into(),
            outputs,
            seconds: 0.0,
            label,
            version,
        };
        store.commit(&key, record, None).unwrap();
        key
    }

    #[test]
    fn verify_knows_sound_foreign_and_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let [a, b, _, odd] = ["a", "b", "c", "odd"].map(|name| commit(&store, name, RECORD_SCHEMA));
        let future = commit(&store, "future", RECORD_SCHEMA + 1);
        fs::write(store.object_path(&store.put(Kind::Csv, b"c").unwrap()), b"x").unwrap();
        fs::copy(store.tier.path(Name::Record(&a)), store.tier.path(Name::Record(&b))).unwrap();
        fs::remove_file(store.object_path(&store.put(Kind::Csv, b"a").unwrap())).unwrap();
        let verify = || store.verify(|record| record.label != "odd").unwrap();
        let audit = verify();
        assert_eq!(
            (audit.objects, audit.records, audit.foreign_records, audit.evicted),
            (4, 5, 1, 2)
        );
        assert_eq!((audit.damaged_objects.len(), audit.not_moved.len()), (1, 0));
        let damaged = [b, odd].map(|key| key.hex());
        assert_eq!(BTreeSet::from_iter(audit.damaged_records), BTreeSet::from(damaged));
        let again = verify();
        assert_eq!((again.records, again.foreign_records), (3, 1));
        assert!(again.damaged_objects.is_empty() && again.damaged_records.is_empty());
        assert_eq!(store.lookup(&future), Found::Foreign);
    }

    #[cfg(unix)]
    #[test]
    fn verify_waits_for_nothing_and_goes_on_after_what_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let key = commit(&store, "a", RECORD_SCHEMA);
        let object = store.put(Kind::Csv, b"a").unwrap();
        for (name, make) in disk::strange::STRANGE {
            commit(&store, "a", RECORD_SCHEMA);
            for path in [store.object_path(&object), store.tier.path(Name::Record(&key))] {
                fs::remove_file(&path).unwrap();
                make(&path);
            }
            let audit = store.verify(|_| true).unwrap();
            assert_eq!(
                (audit.damaged_objects.len(), audit.damaged_records.len()),
                (1, 1),
                "{name}"
            );
            assert_eq!(audit.not_moved, [""; 0], "{name}");
        }
    }
}
