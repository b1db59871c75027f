//! What a key gave: the mark that a stage is done.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{ObjectRef, Store, StoreError, sharded};
use crate::digest::Digest;

/// Raised when the form of a record changes; records of another schema are misses.
pub const RECORD_SCHEMA: u32 = 1;

/// The outcome of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub schema: u32,
    /// The document whose digest is the key: `explain` compares two of them.
    pub material: serde_json::Value,
    /// Outputs by role.
    pub outputs: BTreeMap<String, ObjectRef>,
    /// Wall time of the stage, for estimates.
    pub seconds: f64,
    /// The name it had when it ran, for `cache ls`; names are in no key.
    pub label: String,
    /// The program that made it.
    pub version: String,
}

/// What a run asks of a record: all but the document of its key, which is most of the text.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Made {
    schema: u32,
    /// Outputs by role.
    pub outputs: BTreeMap<String, ObjectRef>,
    /// Wall time of the stage.
    pub seconds: f64,
}

impl From<Record> for Made {
    fn from(Record { schema, outputs, seconds, .. }: Record) -> Self {
        Self { schema, outputs, seconds }
    }
}

impl Store {
    fn record_path(&self, key: &Digest) -> PathBuf {
        sharded(&self.root, "records", key, "json")
    }

    /// What a key gave. Its record absent, torn, altered or of another schema: none, which costs a rerun.
    pub fn lookup(&self, key: &Digest) -> Option<Made> {
        parse(&fs::read(self.record_path(key)).ok()?).filter(|made: &Made| made.schema == RECORD_SCHEMA)
    }

    /// The whole record of a key, under the same conditions as [`Store::lookup`].
    pub fn record(&self, key: &Digest) -> Option<Record> {
        whole(&fs::read(self.record_path(key)).ok()?)
    }

    /// Writes the record of a key. Its objects must have been put before.
    pub fn commit(&self, key: &Digest, record: &Record) -> Result<(), StoreError> {
        let line = serde_json::to_string(record).expect("records are JSON");
        let text = format!("{line}\n\"{}\"\n", Digest::of(line.as_bytes()).hex());
        self.publish(&self.record_path(key), text.as_bytes())
    }

    /// Every record of the cache with its key and the bytes of its file, in order of the keys.
    pub fn records(&self) -> Result<Vec<(Digest, u64, Option<Record>)>, StoreError> {
        let mut found = Vec::new();
        for (path, meta) in super::gc::files(&self.root.join("records"))? {
            let shard = path.parent().and_then(|p| p.file_name()).and_then(|n| n.to_str()).unwrap_or("");
            let stem = path.file_stem().and_then(|n| n.to_str()).unwrap_or("");
            let Ok(key) = format!("{shard}{stem}").parse() else { continue };
            found.push((key, meta.len(), fs::read(&path).ok().and_then(|bytes| whole(&bytes))));
        }
        found.sort_by_key(|(key, ..)| *key);
        Ok(found)
    }

    /// Removes a record, so that its key is a miss.
    pub fn forget(&self, key: &Digest) {
        let _ = fs::remove_file(self.record_path(key));
    }
}

fn whole(bytes: &[u8]) -> Option<Record> {
    parse(bytes).filter(|record: &Record| record.schema == RECORD_SCHEMA)
}

/// The first line, if the second is its digest.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let mut lines = bytes.split(|b| *b == b'\n');
    let (line, check) = (lines.next()?, lines.next()?);
    let check = check.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if Digest::of(line).hex().as_bytes() != check {
        return None;
    }
    serde_json::from_slice(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_any_byte_flipped_or_cut_off_is_a_miss() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let object = store.put("csv", b"abc").unwrap();
        let record = Record {
            schema: RECORD_SCHEMA,
            material: serde_json::json!({"stage": "metrics"}),
            outputs: [("scores".to_owned(), object)].into(),
            seconds: 0.25,
            label: "metrics/fan/00".into(),
            version: "0".into(),
        };
        let key = Digest::of(b"key");
        assert_eq!(store.lookup(&key), None);
        store.commit(&key, &record).unwrap();
        assert_eq!(store.record(&key), Some(record.clone()));
        assert_eq!(store.lookup(&key), Some(record.into()));

        let path = store.record_path(&key);
        let good = fs::read(&path).unwrap();
        for i in 0..good.len() - 1 {
            let mut bad = good.clone();
            bad[i] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert_eq!((store.lookup(&key), store.record(&key)), (None, None), "byte {i} flipped");
            fs::write(&path, &good[..i]).unwrap();
            assert_eq!(store.lookup(&key), None, "cut to {i} bytes");
        }
    }
}
