//! The worker side of a cluster: it runs nodes of a run by their numbers.
//!
//! The document of the run says what the nodes are. Nothing is planned again: the key of a node
//! follows from the records of the nodes that it needs, which are in the shared cache.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::executor::{Batch, Report};
use super::found::found;
use super::keys::keyed;
use super::{Failure, Job, Outputs, perform};
use crate::context::Progress;
use crate::desk::Desk;
use crate::digest::Digest;
use crate::plan::{NodeId, Plan};
use crate::run::Run;
use crate::store::Store;

struct Worker {
    store: Store,
    desk: Desk,
    plan: Plan,
    threads: usize,
    /// The outputs of the nodes whose records were read.
    outputs: Vec<Option<Outputs>>,
}

/// Runs the nodes of a task of a batch, and says so in its reports. A node whose record is in the
/// cache is done. A node that needs a failed one is left out.
///
/// Errors: the batch or its run cannot be read, or no report can be written.
pub fn run_task(cache: &Path, run: &Digest, number: u32, task: u32) -> Result<(), String> {
    let store = Store::open(cache).map_err(|e| e.to_string())?;
    let desk = Desk::open(cache).map_err(|e| e.to_string())?;
    let text = desk.batch(run, number).map_err(|e| e.to_string())?;
    let batch: Batch = serde_json::from_slice(&text).map_err(|e| format!("the batch: {e}"))?;
    let nodes = batch.tasks.get(task as usize).ok_or("the batch has no such task")?.clone();
    let file = store.runs(Some(&batch.experiment)).into_iter().find(|file| file.digest == *run);
    let file = file.ok_or("the run of the batch is not in the cache")?;
    let file = store.open_run(&file).map_err(|e| e.to_string())?;
    let plan = Run::read(file).and_then(|run| run.plan()).map_err(|e| format!("the run: {e}"))?;
    let reports = desk.append_reports(run, number, task).map_err(|e| e.to_string())?;
    let say = |report: &Report| {
        use std::io::Write;
        let line = serde_json::to_string(report).expect("reports are JSON") + "\n";
        (&reports).write_all(line.as_bytes())
    };
    let threads =
        batch.threads.clamp(1, std::thread::available_parallelism().map_or(1, usize::from));
    let outputs = vec![None; plan.len()];
    let mut worker = Worker { store, desk, plan, threads, outputs };
    for node in nodes {
        if node.index() >= worker.plan.len() {
            return Err("the batch names a stage that the run does not have".to_owned());
        }
        // Progress that cannot be told is lost.
        let tell = |progress| drop(say(&Report::Progress(node, progress)));
        let report = match worker.run(node, &tell) {
            None => continue,
            Some(Ok(true)) => Report::Made(node),
            Some(Ok(false)) => Report::Found(node),
            Some(Err(failure)) => Report::Failed(node, failure),
        };
        say(&report).map_err(|e| e.to_string())?;
    }
    say(&Report::Ended).map_err(|e| e.to_string())
}

impl Worker {
    /// Runs a node, unless it is done; `None` if a node that it needs has no record.
    fn run(
        &mut self,
        id: NodeId,
        tell: &(dyn Fn(Progress) + Sync),
    ) -> Option<Result<bool, Failure>> {
        for need in self.plan.needs(id).to_vec() {
            self.known(need.node)?;
        }
        let keyed = keyed(&self.plan, id, |need| self.outputs[need.index()].as_ref())?;
        let node = self.plan.node(id);
        let record = found(&self.store, &node.stage, &keyed.key).sound();
        if record.is_some_and(|record| record.outputs.values().all(|o| self.store.has(o))) {
            return Some(Ok(false));
        }
        let job = Job::of(keyed, node, self.threads);
        let never = AtomicBool::new(false);
        Some(perform(&self.store, &self.desk, &job, &never, tell).map(|_| true))
    }

    /// Reads the outputs of a node from its record; `None` if there is none.
    fn known(&mut self, id: NodeId) -> Option<()> {
        if self.outputs[id.index()].is_some() {
            return Some(());
        }
        for need in self.plan.needs(id).to_vec() {
            self.known(need.node)?;
        }
        let keyed = keyed(&self.plan, id, |need| self.outputs[need.index()].as_ref())?;
        let record = found(&self.store, &self.plan.node(id).stage, &keyed.key).sound()?;
        self.outputs[id.index()] = Some(record.outputs);
        Some(())
    }
}
