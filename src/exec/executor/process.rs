//! Each job in a process of its own: `humshift internal run-job KEY --cache DIR`.
//!
//! The job is left in the cache as a file; the worker commits the record itself. The record, not the
//! exit code, says that the job is done.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::threads::Threads;
use crate::exec::{Failure, Job};
use crate::store::{Made, Store};

/// A thread a job, each waiting for its process.
pub fn new(store: Store, cancel: Arc<AtomicBool>) -> Threads {
    Threads::with(store, cancel, dispatch)
}

fn dispatch(store: &Store, job: &Job, cancel: &AtomicBool) -> Result<Made, Failure> {
    let path = store.job_path(&job.key);
    let bytes = serde_json::to_vec(job).expect("jobs are JSON");
    store.publish(&path, &bytes).map_err(|e| Failure::Store(e.to_string()))?;
    let result = spawn(store, job, cancel);
    let _ = std::fs::remove_file(path);
    result
}

fn spawn(store: &Store, job: &Job, cancel: &AtomicBool) -> Result<Made, Failure> {
    let failed = |why: String| Failure::Stage(format!("the worker process {why}"));
    let program = std::env::current_exe().map_err(|e| failed(format!("was not found: {e}")))?;
    let mut child = Command::new(program)
        .args(["internal", "run-job", &job.key.hex(), "--cache"])
        .arg(store.root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| failed(format!("could not start: {e}")))?;
    let status = wait(&mut child, cancel).map_err(|e| failed(format!("was lost: {e}")))?;
    let Some(status) = status else { return Err(Failure::Cancelled) };
    if let Some(record) = store.lookup(&job.key).filter(|_| status.success()) {
        return Ok(record);
    }
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        let _ = std::io::Read::read_to_string(&mut stdout, &mut text);
    }
    if cancel.load(Ordering::Relaxed) {
        // Ctrl-C reaches the worker, too: it did not fail, it was stopped.
        return Err(Failure::Cancelled);
    }
    // The worker says why in one line of JSON, unless it was killed.
    Err(serde_json::from_str(&text).unwrap_or_else(|_| failed(format!("ended with {status} and left no record"))))
}

/// The exit status; `None` if the run was given up and the process killed.
fn wait(child: &mut Child, cancel: &AtomicBool) -> std::io::Result<Option<std::process::ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if cancel.load(Ordering::Relaxed) {
            let _ = child.kill();
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
