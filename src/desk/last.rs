//! The latest key of each label of an experiment; `explain` compares keys with it.
//!
//! No result depends on these files. Deleting them only costs explanations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Desk;
use crate::digest::Digest;
use crate::disk::{self, Unusable};

/// The current key of a label, and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    pub key: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Digest>,
}

/// More than the labels of the largest sweep.
const LONGEST: u64 = 1 << 30;

/// Keys by label.
pub type LastKeys = BTreeMap<String, Pointer>;

impl Desk {
    fn last_path(&self, experiment: &str) -> std::path::PathBuf {
        // Names are free text; hashing them makes safe file names.
        self.folder.path("last").join(format!("{}.json", Digest::of(experiment.as_bytes())))
    }

    /// The keys of the last runs of an experiment.
    pub fn last_keys(&self, experiment: &str) -> LastKeys {
        let bytes = disk::read(&self.last_path(experiment), LONGEST).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Remembers the keys of a run. Labels that the run lacks keep their keys. The file is written
    /// only if a key changed.
    pub fn remember_keys(
        &self,
        experiment: &str,
        keys: &BTreeMap<String, Digest>,
    ) -> Result<(), Unusable> {
        let old = self.last_keys(experiment);
        let mut new = old.clone();
        for (label, key) in keys {
            let pointer = new.entry(label.clone()).or_insert(Pointer { key: *key, before: None });
            if pointer.key != *key {
                *pointer = Pointer { key: *key, before: Some(pointer.key) };
            }
        }
        if new == old {
            return Ok(());
        }
        let bytes = serde_json::to_vec(&new).expect("digests are JSON");
        self.folder.publish(&self.last_path(experiment), &bytes)
    }
}
