//! What travels between the folder and the remote tier, and in which order.
//!
//! A stage is sent when it is complete: its objects first, its record last. A complete run is sent
//! as its document and a pack of its records and tables, so that an unchanged experiment costs one
//! request. Nothing here starts a thread.

use std::io::Read;
use std::sync::Arc;

use super::pack::{pack, unpack};
use super::remote::{PART, Remote, Traffic};
use super::runs::folder;
use super::tier::Name;
use super::{ObjectRef, Record, RunFile, Store, record};
use crate::digest::Digest;
use crate::disk;
use crate::kind::Kind;

/// The most bytes of a document of a run, or a pack.
const LONGEST: u64 = 240 << 20;

/// The result of sending or fetching a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It is there now.
    Whole,
    /// Its record is there; some of its objects are not.
    Record,
    /// Nothing of it is there.
    Nothing,
}

impl Store {
    /// The same store with a remote tier behind it.
    pub fn with_remote(mut self, remote: Remote) -> Self {
        self.tier.remote = Some(Arc::new(remote));
        self
    }

    pub fn has_remote(&self) -> bool {
        self.tier.remote.is_some()
    }

    /// What the remote tier has to say to the user since the last time.
    pub fn notices(&self) -> Vec<String> {
        self.tier.remote.as_ref().map(|remote| remote.notices()).unwrap_or_default()
    }

    /// What travelled so far.
    pub fn traffic(&self) -> Traffic {
        self.tier.remote.as_ref().map(|remote| remote.traffic()).unwrap_or_default()
    }

    /// Makes sure that an object lies in the folder. Its content is checked when it is read.
    pub fn fetch(&self, object: &ObjectRef) -> bool {
        self.tier.open(Name::Object(object)).is_ok()
    }

    /// Sends a stage that is done: its objects, then its record. To a remote tier of records only,
    /// the record goes with its tables.
    pub fn push(&self, key: &Digest) -> Moved {
        let Some(remote) = &self.tier.remote else { return Moved::Nothing };
        let Some(made) = self.lookup(key).sound().filter(|_| remote.takes()) else {
            return Moved::Nothing;
        };
        let mut whole = true;
        for object in made.outputs.values() {
            let travels = object.kind == Kind::Json || !remote.records_only;
            if travels && self.push_object(remote, object) {
                continue;
            }
            // A record may name objects that are not there, as after an eviction. But what is here
            // and did not arrive would be missed.
            whole = false;
            if travels && self.tier.open_here(Name::Object(object)).is_ok() {
                return Moved::Nothing;
            }
        }
        let name = Name::Record(key);
        let text = self.tier.open_here(name).and_then(|opened| disk::rest(opened, record::LONGEST));
        match text.is_ok_and(|text| remote.write(&name.relative(), text, false)) {
            true if whole => Moved::Whole,
            true => Moved::Record,
            false => Moved::Nothing,
        }
    }

    fn push_object(&self, remote: &Remote, object: &ObjectRef) -> bool {
        let name = Name::Object(object);
        let Ok((file, meta)) = self.tier.open_here(name) else { return false };
        if meta.len() <= PART as u64 {
            let Ok(bytes) = disk::rest((file, meta), PART as u64) else { return false };
            // What is damaged here must not spoil it for others.
            return Digest::of(&bytes) == object.digest
                && remote.write(&name.relative(), bytes, false);
        }
        self.is_sound(object)
            && remote.write_parts(&name.relative(), object.bytes, file.take(object.bytes))
    }

    /// Brings a stage from the remote tier, with its objects.
    pub fn pull(&self, key: &Digest) -> Moved {
        let Some(remote) = &self.tier.remote else { return Moved::Nothing };
        let Some(made) = self.lookup(key).sound() else { return Moved::Nothing };
        let wanted = |object: &&ObjectRef| !remote.records_only || object.kind == Kind::Json;
        match made.outputs.values().filter(wanted).all(|object| self.fetch(object)) {
            true if !remote.records_only => Moved::Whole,
            _ => Moved::Record,
        }
    }

    /// The keys of all records of the remote tier, sorted.
    pub fn remote_keys(&self) -> Vec<Digest> {
        let Some(remote) = &self.tier.remote else { return Vec::new() };
        let files = remote.list("records");
        files.iter().filter_map(|file| digest_of(&file.name, "records", "json")).collect()
    }

    /// Sends the document of a run, and the pack of its records and tables.
    pub fn push_run(&self, run: &RunFile, keys: impl Iterator<Item = Digest>) -> bool {
        let Some(remote) = &self.tier.remote else { return false };
        let document = self
            .open_run(run)
            .and_then(|file| file.metadata().map(|meta| (file, meta)))
            .and_then(|opened| disk::rest(opened, LONGEST));
        let Ok(document) = document else { return false };
        let files = keys.flat_map(|key| self.small_files(&key));
        let Ok(packed) = pack(files.map(Ok)) else { return false };
        remote.write(&pack_name(&run.experiment, &run.digest), packed, true)
            && remote.write(&Name::Run(&run.experiment, &run.digest).relative(), document, true)
    }

    /// The record of a key and the tables it names, as files.
    fn small_files(&self, key: &Digest) -> Vec<(String, Vec<u8>)> {
        let read = |name: Name| {
            let opened = self.tier.open_here(name).ok()?;
            Some((name.relative(), disk::rest(opened, record::LONGEST).ok()?))
        };
        let Some(made) = self.lookup(key).sound() else { return Vec::new() };
        let tables = made.outputs.values().filter(|object| object.kind == Kind::Json);
        let mut files: Vec<_> = tables.filter_map(|object| read(Name::Object(object))).collect();
        files.extend(read(Name::Record(key)));
        files
    }

    /// Whether the remote tier has the pack of a run.
    pub fn has_pack(&self, run: &RunFile) -> bool {
        let remote = self.tier.remote.as_ref();
        remote.is_some_and(|r| r.length(&pack_name(&run.experiment, &run.digest)).is_some())
    }

    /// Brings the records and tables of a complete run. Returns whether the remote tier has it.
    pub fn pull_pack(&self, experiment: &str, digest: &Digest) -> bool {
        let Some(remote) = &self.tier.remote else { return false };
        let name = pack_name(&folder(experiment), digest);
        let Some(packed) = remote.read(&name, LONGEST) else { return false };
        let whole = unpack(&packed, |name, bytes| self.keep_checked(name, &bytes));
        if let Err(error) = whole {
            remote.is_wrong(&name, &format!("is damaged ({error})"));
        }
        true
    }

    /// Keeps a file of a pack that the folder lacks, if it is what its name says.
    fn keep_checked(&self, name: &str, bytes: &[u8]) {
        if let Some(key) = digest_of(name, "records", "json") {
            let name = Name::Record(&key);
            let is_new = self.tier.open_here(name).is_err();
            if is_new && Record::read(bytes.to_vec(), &key).sound().is_some() {
                let _ = self.tier.create(name, bytes);
            }
        } else if let Some(digest) = digest_of(name, "objects", Kind::Json.extension()) {
            let object = ObjectRef::of(Kind::Json, bytes);
            if object.digest == digest {
                let _ = self.put(Kind::Json, bytes);
            }
        }
    }

    /// Brings the newest document of an experiment whose digest begins so from the remote tier.
    pub fn pull_run(&self, experiment: &str, digest: &str) -> Option<RunFile> {
        let remote = self.tier.remote.as_ref()?;
        let folder = folder(experiment);
        let files = remote.list(&format!("runs/{folder}"));
        let named = |name: &str| -> Option<Digest> {
            let hex = name.rsplit('/').next()?.strip_suffix(".json")?;
            hex.parse().ok().filter(|_| hex.starts_with(digest))
        };
        let runs = files.iter().filter_map(|file| Some((file.modified, named(&file.name)?)));
        let (_, digest) = runs.max()?;
        let name = Name::Run(&folder, &digest);
        let bytes = remote.read(&name.relative(), LONGEST)?;
        self.tier.write(name, &bytes).ok()?;
        self.runs(Some(experiment)).into_iter().find(|run| run.digest == digest)
    }
}

fn pack_name(folder: &str, digest: &Digest) -> String {
    format!("runs/{folder}/{}.pack.gz", digest.hex())
}

/// The digest in a name such as `records/ab/cdef….json`.
fn digest_of(name: &str, folder: &str, extension: &str) -> Option<Digest> {
    let (shard, rest) = name.strip_prefix(folder)?.strip_prefix('/')?.split_once('/')?;
    let rest = rest.strip_suffix(extension)?.strip_suffix('.')?;
    (shard.len() == 2).then(|| format!("{shard}{rest}").parse().ok())?
}

#[cfg(all(test, feature = "remote"))]
mod tests {
    use super::*;
    use crate::canon;
    use crate::store::RECORD_SCHEMA;

    /// A cache of somebody, before a share.
    fn store(share: &std::path::Path, records_only: bool) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let remote = Remote::open(&format!("file://{}", share.display()), records_only).unwrap();
        let store = Store::open(folder.path()).unwrap().with_remote(remote);
        (folder, store)
    }

    /// A stage with a matrix and a table.
    fn stage(store: &Store, matrix: &[u8]) -> (Digest, ObjectRef) {
        let material = serde_json::json!({"stage": "metrics"});
        let key = Digest::of(canon::of_value(&material).unwrap().as_bytes());
        let object = store.put(Kind::Npy, matrix).unwrap();
        let table = store.put(Kind::Json, b"{}").unwrap();
        let record = Record {
            schema: RECORD_SCHEMA,
            key: Some(key),
            material,
            outputs: [("a".to_owned(), object), ("b".to_owned(), table)].into(),
            seconds: 0.25,
            label: "metrics/fan/00".into(),
            version: "0".into(),
        };
        store.commit(&key, record, None).unwrap();
        (key, object)
    }

    #[test]
    fn a_stage_of_any_length_goes_to_others_and_the_first_stays() {
        for length in [0, 3, PART, PART + 1, 2 * PART + 5] {
            let share = tempfile::tempdir().unwrap();
            let (_one, first) = store(share.path(), false);
            let (_two, second) = store(share.path(), false);
            let matrix: Vec<u8> = (0..length).map(|i| (i / 3) as u8).collect();
            let (key, object) = stage(&first, &matrix);
            assert_eq!((first.push(&key), first.traffic().sent), (Moved::Whole, 3), "{length}");
            let (_three, third) = store(share.path(), false);
            assert_eq!(third.pull(&key), Moved::Whole, "{length}");
            assert_eq!(third.read(&object).unwrap()[..], matrix[..], "{length}");
            // Another result of the same stage does not replace it for those who come later.
            let (_, other) = stage(&second, b"other");
            assert_eq!(second.push(&key), Moved::Whole);
            let (_four, fourth) = store(share.path(), false);
            fourth.pull(&key);
            assert!(
                fourth.has(&object)
                    && !fourth.lookup(&key).sound().unwrap().outputs.values().any(|o| *o == other)
            );
            assert_eq!(fourth.notices(), Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_damaged_here_is_not_sent_and_what_is_damaged_there_is_replaced() {
        let share = tempfile::tempdir().unwrap();
        let (_one, first) = store(share.path(), false);
        let (key, object) = stage(&first, b"abc");
        std::fs::write(first.object_path(&object), b"abx").unwrap();
        assert_eq!((first.push(&key), first.remote_keys()), (Moved::Nothing, vec![]));
        stage(&first, b"abc");
        assert_eq!((first.push(&key), first.remote_keys()), (Moved::Whole, vec![key]));

        let there = share.path().join(Name::Object(&object).relative());
        std::fs::write(&there, b"abx").unwrap();
        let (_two, second) = store(share.path(), false);
        assert_eq!((second.pull(&key), second.traffic().wrong), (Moved::Record, 1));
        assert!(second.get(&object).is_err() && second.notices().len() == 1);
        stage(&second, b"abc");
        assert_eq!(second.push(&key), Moved::Whole);
        assert_eq!(std::fs::read(there).unwrap(), b"abc");
        // An object that is damaged here comes back from there.
        std::fs::write(second.object_path(&object), b"xxx").unwrap();
        assert_eq!(second.read(&object).unwrap()[..], b"abc"[..]);
    }

    #[test]
    fn of_a_remote_cache_of_records_no_matrix_is_asked_for() {
        let share = tempfile::tempdir().unwrap();
        let (_one, first) = store(share.path(), true);
        let (key, object) = stage(&first, b"abc");
        assert_eq!((first.push(&key), first.traffic().sent), (Moved::Record, 2));
        let (_two, second) = store(share.path(), true);
        assert_eq!(second.pull(&key), Moved::Record);
        assert!(!second.has(&object) && second.traffic().received == 2);
    }
}
