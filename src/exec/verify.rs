//! Cached stages, computed again to compare their bytes.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::keys::keyed;
use super::worker::{load, run_stage};
use super::{Failure, Job, NodeOutcome, RunOutcome};
use crate::context::Context;
use crate::digest::Digest;
use crate::plan::{NodeId, Plan};
use crate::seed::Seed;
use crate::stage::Output;
use crate::store::{Made, Store};

/// The result of a comparison.
#[derive(Debug, Default)]
pub struct Verified {
    /// The number of stages that gave the cached bytes again.
    pub same: usize,
    /// The number of stages whose inputs are not in the cache any more.
    pub gone: usize,
    /// What is wrong: stages that failed, or gave other bytes.
    pub wrong: Vec<String>,
}

/// Computes a share (0 to 1) of the cached stages of a run again and compares their outputs with
/// the cached ones. Nothing is written to the store.
///
/// The keys decide which stages are taken, at least one: the same share takes the same stages, a
/// larger one takes them and more.
pub fn verify(
    plan: &Plan,
    outcome: &RunOutcome,
    share: f64,
    store: &Store,
    threads: usize,
    cancel: &AtomicBool,
) -> Verified {
    let mut cached: Vec<(Digest, NodeId, &Made)> = plan
        .nodes()
        .filter_map(|id| match &outcome.nodes[id.index()] {
            NodeOutcome::Cached { key, record } => Some((*key, id, record)),
            _ => None,
        })
        .collect();
    let place = |key: &Digest| key.as_u64() as f64 / u64::MAX as f64;
    cached.sort_by(|a, b| place(&a.0).total_cmp(&place(&b.0)).then(a.1.cmp(&b.1)));
    let mut verified = Verified::default();
    for (at, (key, id, record)) in cached.into_iter().enumerate() {
        if (at > 0 && place(&key) >= share) || cancel.load(Ordering::Relaxed) {
            break;
        }
        let label = &plan.node(id).label;
        match again(plan, outcome, (key, id), store, threads, cancel) {
            Ok(outputs) => match difference(&outputs, record) {
                None => verified.same += 1,
                Some(what) => {
                    verified.wrong.push(format!("{label} gives other bytes than the cache: {what}"))
                }
            },
            Err(Failure::Input(_)) => verified.gone += 1,
            Err(Failure::Cancelled) => break,
            Err(Failure::Stage(why) | Failure::Store(why)) => {
                verified.wrong.push(format!("{label} cannot be computed again: {why}"))
            }
        }
    }
    verified
}

fn again(
    plan: &Plan,
    outcome: &RunOutcome,
    (key, id): (Digest, NodeId),
    store: &Store,
    threads: usize,
    cancel: &AtomicBool,
) -> Result<Vec<Output>, Failure> {
    let outputs = |need: NodeId| Some(&outcome.nodes[need.index()].record()?.outputs);
    // A run in which stages failed may have lost or changed its inputs.
    let keyed = keyed(plan, id, outputs).filter(|keyed| keyed.key == key);
    let keyed = keyed.ok_or(Failure::Input(key))?;
    let job = Job::of(keyed, plan.node(id), threads);
    let (inputs, _held) = load(store, &job.inputs)?;
    let spool = || store.spool();
    let cx = Context {
        seed: Seed(0),
        threads,
        cancel,
        log: &|_| {},
        progress: &|_| {},
        checkpoint: None,
        spool: Some(&spool),
    };
    run_stage(&job, &inputs, &cx)
}

/// What differs between outputs and a record, if anything does.
fn difference(outputs: &[Output], record: &Made) -> Option<String> {
    let digest = |output: &Output| match &output.file {
        None => Ok(Digest::of(&output.bytes)),
        Some(file) => of_file(file.path()),
    };
    outputs.iter().find_map(|output| {
        let role = output.role.to_string();
        match (digest(output), record.outputs.get(&role)) {
            (Ok(digest), Some(object)) if digest == object.digest => None,
            (Ok(digest), Some(object)) => {
                Some(format!("{role} is {} in the cache, and {digest} now", object.digest))
            }
            (Ok(_), None) => Some(format!("the cached record has no {role}")),
            (Err(error), _) => Some(format!("{role} cannot be read again: {error}")),
        }
    })
}

fn of_file(path: &Path) -> std::io::Result<Digest> {
    Digest::of_reader(std::fs::File::open(path)?).map(|(digest, _)| digest)
}
