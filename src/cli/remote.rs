//! The remote cache of a command: `--remote`, and what is told of it.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use super::cache::is_complete;
use super::session::Session;
use super::subject::{name_and_digest, near};
use super::view::mistake;
use super::{Cache, CacheDir, CliError, Exit, output, signal};
use crate::diagnose::Diagnostic;
use crate::digest::Digest;
use crate::exec;
use crate::plan::NodeId;
use crate::run::Run;
use crate::store::{Found, Record, Remote, RunFile, Store, Traffic};

/// The place of a remote cache.
#[derive(Args)]
pub struct RemoteArgs {
    /// A cache behind this one, which others share: s3://BUCKET/PREFIX or file:///FOLDER
    #[arg(long, value_name = "ADDRESS")]
    pub remote: Option<String>,
    /// Of it, move only records and metric tables: they are kilobytes, and answer an unchanged
    /// experiment in full
    #[arg(long, requires = "remote")]
    pub remote_records: bool,
}

impl RemoteArgs {
    /// The cache with the remote one behind it.
    ///
    /// Errors: the address is none. A server that does not answer is no error.
    pub fn behind(&self, cache: Cache) -> Result<Cache, CliError> {
        let Some(address) = &self.remote else { return Ok(cache) };
        let remote = Remote::open(address, self.remote_records).map_err(|why| -> CliError {
            let message = format!("`{address}` cannot be the remote cache: {why}");
            let hint = "--remote s3://BUCKET/PREFIX, with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for other \
                        servers than Amazon's, AWS_ENDPOINT_URL; or --remote file:///FOLDER, which must exist";
            vec![Diagnostic::new("E0745", message).hint(hint)].into()
        })?;
        Ok(Cache { store: cache.store.with_remote(remote), ..cache })
    }
}

/// `humshift cache push` and `pull`.
#[derive(Args)]
pub struct MoveArgs {
    /// The run, by the name of its experiment; without it, everything
    run: Option<String>,
    #[command(flatten)]
    cache: CacheDir,
    #[command(flatten)]
    remote: RemoteArgs,
    /// One JSON document instead of lines
    #[arg(long)]
    json: bool,
}

/// Sends what the cache has.
pub fn push(args: &MoveArgs) -> Result<Exit, CliError> {
    let Cache { store, .. } = args.open(args.cache.look()?)?;
    let runs = match &args.run {
        None => store.runs(None),
        Some(name) => vec![named(name, &store)?],
    };
    let keys = match &args.run {
        // Damaged records stay, and so do those of another version of the program.
        None => {
            let sound = |(key, record): (Digest, Found<Record>)| record.sound().map(|_| key);
            store.records()?.into_iter().filter_map(sound).collect()
        }
        Some(_) => runs.iter().flat_map(|run| keys_of(run, &store)).collect::<Vec<_>>(),
    };
    let moved = exec::push(&store, &keys, &signal::cancel());
    // A document speaks of stages, so it goes after them.
    let documents = runs.iter().filter(|run| send(&store, run)).count();
    args.tell("sent", (keys.len(), moved), documents, &store)
}

/// Fetches what the remote cache has.
pub fn pull(args: &MoveArgs) -> Result<Exit, CliError> {
    let Cache { store, .. } = args.open(args.cache.open()?)?;
    let (keys, documents) = match &args.run {
        None => (store.remote_keys(), 0),
        Some(name) => {
            let (name, digest) = name_and_digest(name);
            let Some(run) = store.pull_run(name, digest) else {
                let notices = store.notices();
                let why = notices.first().map_or("it has no such run", String::as_str);
                let address = args.remote.remote.as_deref().unwrap_or_default();
                let message = format!("no run `{name}` came from {address}: {why}");
                return Err(CliError::usage("E0746", message));
            };
            // Most of it comes in one file.
            store.pull_pack(name, &run.digest);
            (keys_of(&run, &store), 1)
        }
    };
    let moved = exec::pull(&store, &keys, &signal::cancel());
    args.tell("fetched", (keys.len(), moved), documents, &store)
}

impl MoveArgs {
    fn open(&self, cache: Cache) -> Result<Cache, CliError> {
        if self.remote.remote.is_none() {
            return Err(CliError::usage("E0745", "say where: --remote ADDRESS"));
        }
        self.remote.behind(cache)
    }

    /// Says what moved. A stage that did not move is a failure here: to move it was the task.
    fn tell(
        &self,
        verb: &str,
        (wanted, (whole, alone)): (usize, (usize, usize)),
        documents: usize,
        store: &Store,
    ) -> Result<Exit, CliError> {
        let notices = store.notices();
        let failed = wanted - whole - alone;
        let traffic = store.traffic();
        if self.json {
            output::json(&json!({
                "stages": whole, "records_alone": alone, "not_moved": failed, "runs": documents,
                "traffic": traffic, "notices": notices,
            }));
        } else {
            let alone = match alone {
                0 => String::new(),
                alone => format!(", {alone} as records and tables"),
            };
            let bytes = output::size(traffic.sent_bytes + traffic.received_bytes);
            output::line(&format!(
                "{verb} {whole} stages whole{alone}, {documents} runs; {bytes} in {} files",
                traffic.sent + traffic.received
            ));
            notices.iter().for_each(|notice| output::tell(&format!("error: {notice}")));
            if failed > 0 {
                output::tell(&format!("error: {failed} stages were not {verb}"));
            }
        }
        let done = failed == 0 && notices.is_empty();
        Ok(if done { Exit::Done } else { Exit::StageFailed })
    }
}

/// The newest run of a name in the cache.
fn named(text: &str, store: &Store) -> Result<RunFile, CliError> {
    let (name, digest) = name_and_digest(text);
    let found = store.runs(Some(name)).into_iter().find(|run| run.digest.hex().starts_with(digest));
    found.ok_or_else(|| mistake("E0721", format!("no run is called `{text}`"), near(name, store)))
}

/// The keys of the stages of a run that are done.
fn keys_of(run: &RunFile, store: &Store) -> Vec<Digest> {
    let run = store.open_run(run).ok().and_then(|file| Run::read(file).ok());
    let nodes = run.map(|run| run.body.nodes).unwrap_or_default();
    let keys: BTreeSet<Digest> = nodes.into_iter().filter_map(|frozen| frozen.key).collect();
    keys.into_iter().collect()
}

/// Sends the document of a run and its pack. Returns whether they arrived.
pub fn send(store: &Store, run: &RunFile) -> bool {
    let keys = keys_of(run, store);
    store.push_run(run, keys.into_iter())
}

/// Before a run: fetches the records of its stages, as far as the remote cache has them.
pub fn find(
    session: &Session,
    run: &Run,
    digest: &Digest,
    chosen: &BTreeSet<NodeId>,
    store: &Store,
) {
    if store.has_remote() {
        // Who ran it before has its records, and `find` fetches what was removed since.
        let mut runs = store.runs(Some(&run.head.name)).into_iter();
        let known = runs.find(|file| file.digest == *digest);
        if !known.is_some_and(|file| is_complete(&file, store)) {
            store.pull_pack(&run.head.name, digest);
        }
        exec::find(&session.plan, chosen, store, &signal::cancel());
    }
}

/// After a run: sends its document if it is complete and new there, and tells what travelled.
pub fn conclude(run: &Run, digest: &Digest, store: &Store, quiet: bool) {
    if !store.has_remote() {
        return;
    }
    let runs = store.runs(Some(&run.head.name));
    let file = runs.iter().find(|file| file.digest == *digest).filter(|_| run.head.complete);
    if let Some(file) = file.filter(|file| !store.has_pack(file)) {
        send(store, file);
    }
    store.notices().iter().for_each(|notice| output::tell(&format!("warning: {notice}")));
    if quiet {
        return;
    }
    let Traffic { received, received_bytes, sent, sent_bytes, wrong } = store.traffic();
    let size = output::size;
    let wrong = match wrong {
        0 => String::new(),
        wrong => format!("; {wrong} were not what their names say"),
    };
    output::tell(&format!(
        "remote cache: {received} files received ({}), {sent} sent ({}){wrong}",
        size(received_bytes),
        size(sent_bytes)
    ));
}
