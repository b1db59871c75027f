//! What lies in a cache on disk, and ways to damage it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::project::tree;

/// A record as it lies in the cache.
pub struct Record {
    pub path: PathBuf,
    pub key: String,
    pub json: Value,
    pub label: String,
    /// Objects it names, by role.
    pub outputs: BTreeMap<String, PathBuf>,
}

/// All records, in order of their labels.
pub fn records(cache: &Path) -> Vec<Record> {
    let read = |(name, path): (String, PathBuf)| {
        let text = fs::read_to_string(&path).expect("a record");
        let json: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
        let outputs = json["outputs"].as_object().expect("a map").iter();
        let outputs =
            outputs.map(|(role, object)| (role.clone(), object_path(cache, object))).collect();
        let label = json["label"].as_str().expect("a text").to_owned();
        Record { path, key: name.replace('/', "").replace(".json", ""), json, label, outputs }
    };
    let folder = cache.join("records");
    let files = if folder.exists() { tree(&folder) } else { BTreeMap::new() };
    let mut records: Vec<Record> = files.into_iter().map(read).collect();
    records.sort_by(|a, b| a.label.cmp(&b.label));
    records
}

/// Where an object that a record names lies.
fn object_path(cache: &Path, object: &Value) -> PathBuf {
    let hex = object["digest"].as_str().expect("a digest");
    let kind = object["kind"].as_str().expect("a kind");
    cache.join("objects").join(&hex[..2]).join(format!("{}.{kind}", &hex[2..]))
}

impl Record {
    /// Whether the stage read the object at `path`.
    pub fn reads(&self, path: &Path) -> bool {
        let shard = path
            .parent()
            .and_then(Path::file_name)
            .expect("objects are sharded")
            .to_string_lossy()
            .into_owned();
        let digest = shard + &path.file_stem().expect("a name").to_string_lossy();
        let inputs = self.json["material"]["inputs"].as_object().expect("a map");
        inputs.values().any(|input| input.as_str() == Some(&digest))
    }
}

/// Copies a folder with everything in it.
pub fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("a new folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file");
        }
    }
}

/// A way to spoil a file.
pub type Damage = (&'static str, fn(&Path));

/// What can happen to a file.
pub const DAMAGES: &[Damage] = &[
    ("cut to half", |path| change(path, |bytes| bytes.truncate(bytes.len() / 2))),
    ("emptied", |path| change(path, Vec::clear)),
    ("first byte flipped", |path| change(path, |bytes| bytes[0] ^= 1)),
    ("middle byte flipped", |path| {
        change(path, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
        })
    }),
    ("last byte flipped", |path| {
        change(path, |bytes| *bytes.last_mut().expect("not empty") ^= 0x80)
    }),
    ("longer by a byte", |path| change(path, |bytes| bytes.push(b'\n'))),
    ("full of zeros", |path| change(path, |bytes| bytes.fill(0))),
    ("gone", |path| fs::remove_file(path).expect("it was there")),
];

fn change(path: &Path, how: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("a file");
    how(&mut bytes);
    fs::write(path, bytes).expect("a file");
}
