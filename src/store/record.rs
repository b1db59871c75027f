//! The record of a key: it marks a stage as done and names its outputs.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::tier::Name;
use super::{ObjectRef, Store, StoreError};
use crate::canon;
use crate::digest::Digest;
use crate::disk;
use crate::kind::Kind;

/// Raised when the format of a record changes. Records of another schema count as missing.
pub const RECORD_SCHEMA: u32 = 1;

/// The most bytes of a record; usual ones have some thousand.
pub(super) const LONGEST: u64 = 64 << 20;

/// The outcome of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub schema: u32,
    /// The key of the record. Older records do not name it; it is the digest of their `material`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    /// The document whose digest is the key; `explain` compares two of them.
    pub material: serde_json::Value,
    /// Outputs by role.
    pub outputs: BTreeMap<String, ObjectRef>,
    /// Wall time of the stage, for estimates.
    pub seconds: f64,
    /// The label of the stage when it ran, for `cache ls`. Labels are not part of any key.
    pub label: String,
    /// The version of the program that wrote it.
    pub version: String,
}

/// The part of a record that a run needs. It leaves out the key document, which is most of the
/// text.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Made {
    schema: u32,
    key: Option<Digest>,
    /// Outputs by role.
    pub outputs: BTreeMap<String, ObjectRef>,
    /// Wall time of the stage.
    pub seconds: f64,
}

impl From<Record> for Made {
    fn from(Record { schema, key, outputs, seconds, .. }: Record) -> Self {
        Self { schema, key, outputs, seconds }
    }
}

impl Record {
    /// The record of `key` in the bytes of a file. The digest of its document is compared with the
    /// key.
    pub fn read(bytes: Vec<u8>, key: &Digest) -> Found<Self> {
        first_line(bytes).and_then(|line| whole(&line, key))
    }

    /// The text of the file: the record, and the digest of its line.
    pub fn write(&self) -> String {
        let line = serde_json::to_string(self).expect("records are JSON");
        format!("{line}\n\"{}\"\n", Digest::of(line.as_bytes()).hex())
    }
}

impl Made {
    /// As [`Record::read`]. The document is not read if the record names its key.
    pub fn read(bytes: Vec<u8>, key: &Digest) -> Found<Self> {
        first_line(bytes).and_then(|line| {
            parse(&line).and_then(|made: Self| match made.key {
                Some(own) if own == *key => Found::Sound(made),
                Some(own) => Found::Damaged(format!("it is the record of {own}")),
                None => whole(&line, key).and_then(|record| Found::Sound(record.into())),
            })
        })
    }

    /// Whether it has exactly these outputs with these file types.
    pub fn has(&self, outputs: &[(&str, Kind)]) -> bool {
        self.outputs.len() == outputs.len()
            && outputs.iter().all(|(role, kind)| {
                self.outputs.get(*role).is_some_and(|object| object.kind == *kind)
            })
    }
}

/// The result of looking up a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<T> {
    Absent,
    /// A record of another version of the program. It is kept for that version.
    Foreign,
    /// The file is not a sound record of this key; the text gives the reason.
    Damaged(String),
    /// This process cannot read the file now; the file may be sound. The text gives the reason.
    Unreadable(String),
    Sound(T),
}

impl<T> Found<T> {
    /// The record, if it is sound.
    pub fn sound(self) -> Option<T> {
        match self {
            Found::Sound(record) => Some(record),
            _ => None,
        }
    }

    fn and_then<U>(self, next: impl FnOnce(T) -> Found<U>) -> Found<U> {
        match self {
            Found::Sound(record) => next(record),
            Found::Absent => Found::Absent,
            Found::Foreign => Found::Foreign,
            Found::Damaged(why) => Found::Damaged(why),
            Found::Unreadable(why) => Found::Unreadable(why),
        }
    }
}

impl Store {
    /// The outputs of a key.
    pub fn lookup(&self, key: &Digest) -> Found<Made> {
        self.bytes(key).and_then(|bytes| Made::read(bytes, key))
    }

    /// The full record of a key. The digest of its document is checked against the key.
    pub fn record(&self, key: &Digest) -> Found<Record> {
        self.bytes(key).and_then(|bytes| Record::read(bytes, key))
    }

    fn bytes(&self, key: &Digest) -> Found<Vec<u8>> {
        let opened = self.tier.open(Name::Record(key));
        match opened.and_then(|opened| disk::rest(opened, LONGEST)) {
            Ok(bytes) => Found::Sound(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Found::Absent,
            Err(error) if !disk::is_of_the_file(&error) => Found::Unreadable(error.to_string()),
            Err(error) => Found::Damaged(error.to_string()),
        }
    }

    /// Writes the record of a key, and returns the record that the key has now. Its objects must be
    /// stored first.
    ///
    /// The first record stays: after a lost node two workers may compute one key, and what follows
    /// must go on from one of the two. A record is replaced if it is not sound, if its outputs are
    /// gone, or if it is `known`: then it was there before the stage ran, and was of no use.
    pub fn commit(
        &self,
        key: &Digest,
        record: Record,
        known: Option<&Made>,
    ) -> Result<Made, StoreError> {
        let (text, made) = (record.write(), Made::from(record));
        if !self.tier.create(Name::Record(key), text.as_bytes())? {
            let is_first = |first: &Made| {
                first.outputs == made.outputs
                    || (known != Some(first) && first.outputs.values().all(|o| self.has(o)))
            };
            let first = self.lookup(key).sound().filter(is_first);
            match first {
                Some(first) => return Ok(first),
                None => self.tier.write(Name::Record(key), text.as_bytes())?,
            }
        }
        Ok(made)
    }

    /// All records of the cache, sorted by key.
    pub fn records(&self) -> Result<Vec<(Digest, Found<Record>)>, StoreError> {
        let keys =
            self.tier.entries("records")?.into_iter().filter(|entry| entry.extension == "json");
        Ok(keys.map(|entry| (entry.digest, self.record(&entry.digest))).collect())
    }
}

/// The first line of the text of a record, if the second line is its digest.
fn first_line(mut bytes: Vec<u8>) -> Found<Vec<u8>> {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let check = bytes.get(end + 1..).and_then(|rest| rest.split(|byte| *byte == b'\n').next());
    let check = check.and_then(|check| check.strip_prefix(b"\"")?.strip_suffix(b"\""));
    if check != Some(Digest::of(&bytes[..end]).hex().as_bytes()) {
        return Found::Damaged("its second line is not the digest of the first".into());
    }
    bytes.truncate(end);
    Found::Sound(bytes)
}

#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

/// The parsed line of a record, if its schema is the current one.
fn parse<T: DeserializeOwned + Versioned>(line: &[u8]) -> Found<T> {
    match serde_json::from_slice::<T>(line) {
        Ok(record) if record.schema() == RECORD_SCHEMA => Found::Sound(record),
        Ok(_) => Found::Foreign,
        // Another schema may have other fields.
        Err(error) => match serde_json::from_slice::<Schema>(line) {
            Ok(Schema { schema }) if schema != RECORD_SCHEMA => Found::Foreign,
            _ => Found::Damaged(error.to_string()),
        },
    }
}

trait Versioned {
    fn schema(&self) -> u32;
}

impl Versioned for Record {
    fn schema(&self) -> u32 {
        self.schema
    }
}

impl Versioned for Made {
    fn schema(&self) -> u32 {
        self.schema
    }
}

fn whole(line: &[u8], key: &Digest) -> Found<Record> {
    parse(line).and_then(|record: Record| {
        let own = canon::of_value(&record.material).ok().map(|text| Digest::of(text.as_bytes()));
        if own == Some(*key) && record.key.is_none_or(|named| named == *key) {
            Found::Sound(record)
        } else {
            Found::Damaged("its document is that of another key".into())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn record(store: &Store, material: serde_json::Value) -> (Digest, Record) {
        let key = Digest::of(canon::of_value(&material).unwrap().as_bytes());
        let object = store.put(Kind::Csv, b"abc").unwrap();
        let record = Record {
            schema: RECORD_SCHEMA,
            key: Some(key),
            material,
            outputs: [("scores".to_owned(), object)].into(),
            seconds: 0.25,
            label: "metrics/fan/00".into(),
            version: "0".into(),
        };
        (key, record)
    }

    #[test]
    fn a_record_with_any_byte_flipped_or_cut_off_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (key, record) = record(&store, serde_json::json!({"stage": "metrics"}));
        assert_eq!(store.lookup(&key), Found::Absent);
        store.commit(&key, record.clone(), None).unwrap();
        assert_eq!(store.record(&key), Found::Sound(record.clone()));
        assert_eq!(store.lookup(&key), Found::Sound(record.into()));

        let path = store.tier.path(Name::Record(&key));
        let good = fs::read(&path).unwrap();
        for i in 0..good.len() - 1 {
            let mut bad = good.clone();
            bad[i] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(matches!(store.lookup(&key), Found::Damaged(_)), "byte {i} flipped");
            assert!(matches!(store.record(&key), Found::Damaged(_)), "byte {i} flipped");
            fs::write(&path, &good[..i]).unwrap();
            assert!(matches!(store.lookup(&key), Found::Damaged(_)), "cut to {i} bytes");
        }
    }

    #[test]
    fn a_record_answers_for_its_own_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (knn, mut of_knn) = record(&store, serde_json::json!({"config": "knn"}));
        let (other, _) = record(&store, serde_json::json!({"config": "mahalanobis"}));
        for named in [true, false] {
            // Older records do not name their key.
            of_knn.key = of_knn.key.filter(|_| named);
            for key in [&knn, &other] {
                let _ = fs::remove_file(store.tier.path(Name::Record(key)));
                store.commit(key, of_knn.clone(), None).unwrap();
            }
            assert!(store.lookup(&knn).sound().is_some() && store.record(&knn).sound().is_some());
            assert!(
                matches!(store.lookup(&other), Found::Damaged(_))
                    && matches!(store.record(&other), Found::Damaged(_))
            );
        }
        // The record names one key and holds the document of another.
        store.commit(&other, Record { key: Some(other), ..of_knn }, None).unwrap();
        assert!(matches!(store.record(&other), Found::Damaged(_)));
    }

    #[test]
    fn a_record_of_another_schema_or_with_more_fields_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (key, record) = record(&store, serde_json::json!({"stage": "metrics"}));
        let write = |line: String| {
            let text = format!("{line}\n\"{}\"\n", Digest::of(line.as_bytes()).hex());
            store.tier.write(Name::Record(&key), text.as_bytes()).unwrap();
        };
        let line = serde_json::to_string(&record).unwrap();
        write(line.replacen("{", "{\"host\":\"a\",", 1));
        assert!(store.lookup(&key).sound().is_some() && store.record(&key).sound().is_some());
        write(r#"{"schema":2,"results":[]}"#.into());
        assert_eq!((store.lookup(&key), store.record(&key)), (Found::Foreign, Found::Foreign));
        for kind in ["../../victim", "", "NPY"] {
            write(line.replace("\"csv\"", &format!("{kind:?}")));
            assert!(matches!(store.lookup(&key), Found::Damaged(_)), "{kind}");
        }
    }

    #[test]
    fn the_first_record_of_a_key_stays_while_its_outputs_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (key, first) = record(&store, serde_json::json!({"stage": "training"}));
        let made = Made::from(first.clone());
        assert_eq!(store.commit(&key, first.clone(), None).unwrap(), made);
        let other = store.put(Kind::Csv, b"abd").unwrap();
        let second = Record { outputs: [("scores".to_owned(), other)].into(), ..first.clone() };
        assert_eq!(store.commit(&key, second.clone(), None).unwrap(), made);
        assert_eq!(store.lookup(&key), Found::Sound(made.clone()));
        // It was there before, and the stage ran all the same.
        let next = Made::from(second.clone());
        assert_eq!(store.commit(&key, second.clone(), Some(&made)).unwrap(), next);
        assert_eq!(store.lookup(&key), Found::Sound(next));
        fs::remove_file(store.object_path(&other)).unwrap();
        assert_eq!(store.commit(&key, first, None).unwrap(), made);
        assert_eq!(store.lookup(&key), Found::Sound(made));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_no_record_and_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (key, record) = record(&store, serde_json::json!({"stage": "metrics"}));
        for (name, make) in disk::strange::STRANGE {
            store.commit(&key, record.clone(), None).unwrap();
            fs::remove_file(store.tier.path(Name::Record(&key))).unwrap();
            make(&store.tier.path(Name::Record(&key)));
            assert!(matches!(store.lookup(&key), Found::Damaged(_)), "{name}");
            store.commit(&key, record.clone(), None).unwrap();
            assert!(store.lookup(&key).sound().is_some(), "{name}");
        }
    }
}
