//! Performing a job: it reads inputs from the store, runs the stage, and writes objects and the
//! record. Log and checkpoints go to the desk.
//!
//! All executors use this function, in this process or another.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checkpoint::Kept;
use super::keys::Keyed;
use super::pools::on_threads;
use super::teller::Teller;
use crate::artifact::Blob;
use crate::canon;
use crate::context::{Checkpoint, Context, Progress};
use crate::desk::{Desk, FAILED};
use crate::digest::Digest;
use crate::plan::Node;
use crate::seed::Seed;
use crate::stage::{Inputs, Output, StageError, StageSpec};
use crate::store::{Bytes, Made, ObjectRef, RECORD_SCHEMA, Record, Store, StoreError};

/// A stage to be run, as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub key: Digest,
    pub label: String,
    pub stage: StageSpec,
    pub inputs: BTreeMap<String, ObjectRef>,
    pub material: Value,
    pub threads: usize,
}

impl Job {
    /// The job of a node with known inputs.
    pub(super) fn of(Keyed { key, material, inputs }: Keyed, node: &Node, threads: usize) -> Self {
        let (label, stage) = (node.label.clone(), node.stage.clone());
        Self { key, label, stage, inputs, material, threads }
    }

    /// The work order in the bytes of a file.
    ///
    /// Errors: it is none, or that of another key.
    pub fn read(bytes: &[u8], key: &Digest) -> Result<Self, String> {
        let mut job: Self = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        // The number of threads is in no key. More threads than cores would only compete for cores
        // and memory.
        job.threads =
            job.threads.clamp(1, std::thread::available_parallelism().map_or(1, usize::from));
        match job.is_of(key) {
            true => Ok(job),
            false => Err("its stage and its inputs have another key".to_owned()),
        }
    }

    /// Whether this is the key of the stage and its inputs.
    fn is_of(&self, key: &Digest) -> bool {
        let inputs =
            self.inputs.iter().map(|(role, object)| (role.clone(), object.digest)).collect();
        let material = self.stage.material(&inputs);
        let own = canon::of_value(&material).ok().map(|text| Digest::of(text.as_bytes()));
        self.key == *key && own == Some(*key) && material == self.material
    }
}

/// Reasons why a job made no record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Failure {
    /// An input is missing or was damaged and has been moved aside.
    Input(Digest),
    /// The stage failed; the message is for users.
    Stage(String),
    /// The cache cannot be written.
    Store(String),
    Cancelled,
}

/// Runs a job and commits its record; `tell` gets its progress a few times per second.
pub fn perform(
    store: &Store,
    desk: &Desk,
    job: &Job,
    cancel: &AtomicBool,
    tell: &(dyn Fn(Progress) + Sync),
) -> Result<Made, Failure> {
    let stored = |e: StoreError| Failure::Store(e.to_string());
    let (inputs, held) = load(store, &job.inputs)?;
    // If there is a record, and the stage runs all the same, the record is of no use.
    let known = store.lookup(&job.key).sound();
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a stage takes is kept for estimates only"
    )]
    let begun = Instant::now();
    let log = Log::new(desk, job);
    let write = |line: &str| log.line(line);
    let is_sound = || held.iter().all(|(_, bytes)| bytes.is_unchanged(Duration::ZERO));
    let kept = Kept::new(desk, job.key, &write, &is_sound);
    let teller = Teller::new(tell);
    let progress = |progress| teller.hear(progress);
    let (seed, threads, checkpoint) = (Seed(0), job.threads, Some(&kept as &dyn Checkpoint));
    let spool = || store.spool();
    let cx = Context {
        seed,
        threads,
        cancel,
        log: &write,
        progress: &progress,
        checkpoint,
        spool: Some(&spool),
    };
    let ended = run_stage(job, &inputs, &cx);
    // If an input changed during the stage, neither its result nor its failure counts.
    if let Some((object, _)) = held.iter().find(|(_, bytes)| !bytes.is_unchanged(begun.elapsed())) {
        desk.drop_checkpoints(&job.key);
        // Reading it moves it aside, unless it is sound by now.
        let _ = store.get(object);
        return Err(Failure::Input(object.digest));
    }
    let outputs = ended.inspect_err(|failure| {
        if let Failure::Stage(message) = failure {
            log.line(&format!("{FAILED}{message}"));
        }
    })?;
    let mut named = BTreeMap::new();
    for output in outputs {
        let object = match output.file {
            Some(file) => store.put_file(output.kind, file),
            None => store.put(output.kind, &output.bytes),
        };
        let object = object.map_err(stored)?;
        named.insert(output.role.to_string(), object);
    }
    let record = Record {
        schema: RECORD_SCHEMA,
        key: Some(job.key),
        material: job.material.clone(),
        outputs: named,
        seconds: begun.elapsed().as_secs_f64(),
        label: job.label.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    if !Made::from(record.clone()).has(job.stage.outputs()) {
        return Err(Failure::Stage(format!(
            "a bug in humshift: {} gave other outputs than it should",
            job.stage.name()
        )));
    }
    let made = store.commit(&job.key, record, known.as_ref()).map_err(stored)?;
    desk.drop_checkpoints(&job.key);
    Ok(made)
}

/// Runs the stage of a job. A panic is a failure.
pub(super) fn run_stage(job: &Job, inputs: &Inputs, cx: &Context) -> Result<Vec<Output>, Failure> {
    let run =
        std::panic::AssertUnwindSafe(|| on_threads(job.threads, || job.stage.run(inputs, cx)));
    match std::panic::catch_unwind(run) {
        Ok(Ok(Ok(outputs))) => Ok(outputs),
        Ok(Ok(Err(StageError::Cancelled))) => Err(Failure::Cancelled),
        Ok(Ok(Err(StageError::Spool(error)))) => Err(Failure::Store(error.to_string())),
        Ok(Ok(Err(error))) => Err(Failure::Stage(error.to_string())),
        Ok(Err(error)) => {
            Err(Failure::Stage(format!("cannot start {} threads: {error}", job.threads)))
        }
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or(panic.downcast_ref::<&str>().copied());
            Err(Failure::Stage(format!("a bug in humshift: {}", text.unwrap_or("panicked"))))
        }
    }
}

/// Inputs of a job, each checked against its digest, and the objects to check again after the job.
pub(super) fn load(
    store: &Store,
    inputs: &BTreeMap<String, ObjectRef>,
) -> Result<(Inputs, Vec<(ObjectRef, Bytes)>), Failure> {
    let (mut blobs, mut held, mut damaged) = (BTreeMap::new(), Vec::new(), None);
    for (role, object) in inputs {
        match store.get(object) {
            Ok(bytes) => {
                blobs.insert(role.clone(), Blob::releasing(bytes.clone(), Bytes::release));
                held.push((*object, bytes));
            }
            // All inputs are read, so that all damaged ones are made again at once.
            Err(StoreError::Damaged { digest }) => damaged = damaged.or(Some(digest)),
            Err(error) => return Err(Failure::Store(error.to_string())),
        };
    }
    match damaged {
        Some(digest) => Err(Failure::Input(digest)),
        None => Ok((Inputs(blobs), held)),
    }
}

/// The worker side of executors with processes: runs the job of a key that was left in the cache.
pub fn run_job(
    cache: &Path,
    key: &Digest,
    cancel: &AtomicBool,
    tell: &(dyn Fn(Progress) + Sync),
) -> Result<Made, Failure> {
    let store = Store::open(cache).map_err(|e| Failure::Store(e.to_string()))?;
    let desk = Desk::open(cache).map_err(|e| Failure::Store(e.to_string()))?;
    let bytes = desk.job(key).map_err(|e| Failure::Store(e.to_string()))?;
    let path = desk.job_path(key);
    let job = Job::read(&bytes, key).map_err(|why| {
        Failure::Stage(format!("the job in {} cannot be done: {why}", path.display()))
    })?;
    perform(&store, &desk, &job, cancel, tell)
}

/// A log file that is created with its first line.
struct Log<'a> {
    desk: &'a Desk,
    job: &'a Job,
    file: Mutex<Option<std::fs::File>>,
}

impl<'a> Log<'a> {
    fn new(desk: &'a Desk, job: &'a Job) -> Self {
        Self { desk, job, file: Mutex::new(None) }
    }

    fn line(&self, text: &str) {
        let mut file = self.file.lock().expect("nobody panics while writing a line");
        if file.is_none() {
            *file = self.desk.new_log(&self.job.key).ok();
            if let Some(file) = file.as_mut() {
                let _ = writeln!(file, "{}", self.job.label);
            }
        }
        if let Some(file) = file.as_mut() {
            let _ = writeln!(file, "{text}");
        }
    }
}
