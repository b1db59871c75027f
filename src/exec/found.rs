//! Records that are safe to use: they belong to their key and have the outputs of their stage.

use crate::digest::Digest;
use crate::stage::{StageSpec, outputs_of};
use crate::store::{Found, Made, Record, Store};

/// The record of a stage's key. A record with other outputs than the stage makes is damaged.
pub(super) fn found(store: &Store, stage: &StageSpec, key: &Digest) -> Found<Made> {
    match store.lookup(key) {
        Found::Sound(made) if !made.has(stage.outputs()) => {
            Found::Damaged("it has other outputs than its stage".into())
        }
        found => found,
    }
}

/// Whether a record has the outputs of the stage in its document.
pub fn is_whole(record: &Record) -> bool {
    let stage = record.material.get("stage").and_then(serde_json::Value::as_str);
    stage.and_then(outputs_of).is_some_and(|outputs| Made::from(record.clone()).has(outputs))
}
