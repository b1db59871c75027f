//! Keys of nodes, made from the digests of their inputs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::found::found;
use crate::canon;
use crate::digest::Digest;
use crate::plan::{NodeId, Plan};
use crate::run::{Frozen, Run};
use crate::store::{Made, ObjectRef, Store};

/// Outputs of a node by role.
pub type Outputs = BTreeMap<String, ObjectRef>;

/// A node with known inputs.
#[derive(Clone, Debug)]
pub struct Keyed {
    pub key: Digest,
    /// The document whose digest is the key.
    pub material: Value,
    pub inputs: BTreeMap<String, ObjectRef>,
}

/// The key of a document. Panics on nulls and non-finite numbers; resolved settings have none.
pub fn key_of(material: &Value) -> Digest {
    Digest::of(canon::of_value(material).expect("settings are finite and not null").as_bytes())
}

/// The key of a node; `None` unless the outputs of all its needs are known.
pub(super) fn keyed<'a>(
    plan: &Plan,
    id: NodeId,
    outputs: impl Fn(NodeId) -> Option<&'a Outputs>,
) -> Option<Keyed> {
    let node = plan.node(id);
    let mut inputs: BTreeMap<String, ObjectRef> =
        node.given.iter().map(|(role, object)| (role.to_string(), *object)).collect();
    for need in plan.needs(id) {
        let object = outputs(need.node)?.get(&need.output.to_string())?;
        inputs.insert(need.role.to_string(), *object);
    }
    let digests = inputs.iter().map(|(role, object)| (role.clone(), object.digest)).collect();
    let material = node.stage.material(&digests);
    Some(Keyed { key: key_of(&material), material, inputs })
}

/// The state of a node before the run.
#[derive(Clone, Debug)]
pub enum Standing {
    Cached {
        key: Digest,
        record: Made,
    },
    WillRun(Keyed),
    /// Its key depends on outputs that do not exist yet.
    Unknown,
}

/// The state of every node of a recorded run: cached if it had a key and its record still exists,
/// else unknown.
pub fn recorded(run: &Run, store: &Store) -> Vec<Standing> {
    let standing = |frozen: &Frozen| {
        let key = frozen.key?;
        Some(Standing::Cached { key, record: store.lookup(&key).sound()? })
    };
    run.body.nodes.iter().map(|frozen| standing(frozen).unwrap_or(Standing::Unknown)).collect()
}

/// The state of every node of a plan. It reads records and runs nothing.
pub fn survey(plan: &Plan, store: &Store) -> Vec<Standing> {
    let mut outputs: Vec<Option<Outputs>> = vec![None; plan.len()];
    let mut standings: Vec<Standing> = plan
        .nodes()
        .map(|id| match keyed(plan, id, |need| outputs[need.index()].as_ref()) {
            None => Standing::Unknown,
            Some(keyed) => match found(store, &plan.node(id).stage, &keyed.key).sound() {
                Some(record)
                    if !plan.is_result(id)
                        || record.outputs.values().all(|o| store.is_sound(o)) =>
                {
                    outputs[id.index()] = Some(record.outputs.clone());
                    Standing::Cached { key: keyed.key, record }
                }
                _ => Standing::WillRun(keyed),
            },
        })
        .collect();
    // A cached node whose bytes are gone runs again if another stage needs them.
    for id in plan.nodes().rev() {
        let Standing::Cached { record, .. } = &standings[id.index()] else { continue };
        let wanted = plan
            .dependents(id)
            .iter()
            .any(|d| !matches!(standings[d.index()], Standing::Cached { .. }));
        if wanted && !record.outputs.values().all(|object| store.has(object)) {
            let keyed = keyed(plan, id, |need| outputs[need.index()].as_ref())
                .expect("a cached node has a key");
            standings[id.index()] = Standing::WillRun(keyed);
        }
    }
    standings
}
