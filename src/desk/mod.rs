//! The desk: local working files of runs, such as locks, logs and checkpoints.
//!
//! ```text
//! cache/
//!   locks/<key>.lock       advisory, held while a key is being computed, gone with its process
//!   jobs/<key>.json        a work order for another process
//!   batches/<run>/…        work orders for the nodes of a cluster, and their reports
//!   logs/<key>.log         the output of a stage
//!   partial/<key>-….bin    checkpoints: the progress of killed stages
//!   memo/<root>.tsv        digests of unchanged source files
//!   memo/<question>.json   which run answered a question
//!   last/<experiment>.json the last keys of each label, for explanations
//! ```
//!
//! **Always local.** A desk describes the files and processes of one machine, or of a cluster whose
//! nodes share the folder. It is never copied to another machine or a remote tier. It lies in the
//! folder of the store for convenience, and neither of the two rooms knows the other.
//!
//! **No result depends on it.** All of it may be deleted when no run is active. That costs time and
//! explanations, never a result.

mod answer;
mod batch;
mod checkpoint;
mod job;
mod last;
mod lock;
mod memo;

pub use checkpoint::Checkpoints;
pub use job::FAILED;
pub use last::{LastKeys, Pointer};
pub use lock::{Attempt, KeyLock};
pub use memo::DigestMemo;

use std::path::Path;
use std::time::Duration;

use crate::digest::Digest;
use crate::disk::{Folder, Unusable};

/// A younger file is kept, because its writer may still need it.
const GRACE: Duration = Duration::from_secs(600);

/// A handle on the desk. It is cheap to clone and has no state.
#[derive(Clone, Debug)]
pub struct Desk {
    folder: Folder,
}

impl Desk {
    /// Opens the desk of the cache at `root` and creates its missing folders.
    pub fn open(root: &Path) -> Result<Self, Unusable> {
        let names = ["locks", "last", "memo", "partial", "jobs", "logs"];
        Ok(Self { folder: Folder::open(root, &names)? })
    }

    /// Opens an existing desk for cleanup. Errors: there is no cache.
    pub fn existing(root: &Path) -> Result<Self, Unusable> {
        Ok(Self { folder: Folder::existing(root)? })
    }

    /// Opens a desk for reading. Nothing is written.
    pub fn look(root: &Path) -> Result<Self, Unusable> {
        Ok(Self { folder: Folder::look(root)? })
    }

    /// Removes the remains of dead processes: work orders, old batches, and checkpoints of stages that are done
    /// or that were not continued for longer than `forgotten`. Returns the number of these
    /// checkpoints.
    pub fn clear(
        &self,
        forgotten: Option<Duration>,
        is_done: impl Fn(&Digest) -> bool,
        dry_run: bool,
    ) -> usize {
        if !dry_run {
            let jobs = self.folder.own("jobs", |name| job::key(name).is_some());
            for (path, _) in jobs.into_iter().filter(|(_, age)| *age > GRACE) {
                let _ = std::fs::remove_file(path);
            }
            self.clear_batches();
        }
        self.clear_checkpoints(forgotten, is_done, dry_run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_with_names_of_the_desk_go() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::open(folder.path()).unwrap();
        let key = Digest::of(b"key");
        desk.leave_job(&key, b"{}").unwrap();
        let theirs =
            ["jobs/thesis.json", "partial/thesis.bin"].map(|name| folder.path().join(name));
        theirs.iter().for_each(|path| std::fs::write(path, "years of work").unwrap());
        #[expect(clippy::disallowed_methods, reason = "ages of files")]
        let then = std::time::SystemTime::now() - Duration::from_secs(90 * 24 * 3600);
        for path in theirs.iter().chain([&desk.job_path(&key)]) {
            std::fs::File::open(path).unwrap().set_modified(then).unwrap();
        }
        assert_eq!(desk.clear(None, |_| true, true), 0);
        assert!(desk.job(&key).is_ok(), "a dry run removes nothing");
        assert_eq!(
            (desk.clear(None, |_| true, false), desk.checkpoints()),
            (0, Checkpoints::default())
        );
        assert!(desk.job(&key).is_err() && theirs.iter().all(|path| path.exists()));
    }
}
