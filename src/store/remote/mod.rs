//! The remote tier: the same files under the same names, in a bucket of S3 or a shared folder.
//!
//! **It never causes an error.** A server that does not answer, refuses or has wrong bytes costs
//! work, and one line to the user. After the first request that failed for good, the rest of the
//! run is local. [`Remote::notices`] hands out these lines.
//!
//! **It is not trusted.** An object must match its digest and a record must belong to its key,
//! before it gets a name in the folder. A file that is wrong counts as missing, and is replaced
//! when its content was made again.
//!
//! **Files that are there stay.** Objects have their content as their name. Of two records of one
//! key the first stays. Only files that were seen to be wrong, and documents of runs, are replaced.
//!
//! What may be read and written when is the business of [`super::shared`]. This room knows names,
//! bytes and failures.

#[cfg(not(feature = "remote"))]
#[path = "absent.rs"]
mod bucket;
#[cfg(feature = "remote")]
mod bucket;
#[cfg(feature = "remote")]
mod http;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::Mutex;
use std::time::SystemTime;

use bucket::Bucket;

/// What is wrong with a file whose length is not that of its record.
pub(super) const LENGTH: &str = "has another length than its record says";

/// So many refusals to read, without one answer, mean that nothing may be read.
const DENIALS: usize = 20;

/// The most bytes of one request. Longer files travel in parts.
pub(super) const PART: usize = 8 << 20;

/// A file in the remote tier.
pub(super) struct Seen {
    /// Its name, relative to the root of the tier.
    pub name: String,
    pub modified: SystemTime,
}

/// Why a request has no result.
#[derive(Debug)]
#[cfg_attr(not(feature = "remote"), expect(dead_code, reason = "only a bucket refuses"))]
pub(super) enum Refused {
    Absent,
    Exists,
    /// The server does not know this kind of request.
    Unknown,
    Denied(String),
    /// The bytes are not those of the name.
    Wrong(String),
    /// The server cannot be reached, or fails each time.
    Failed(String),
    /// The fault is on this machine.
    Local(String),
}

/// Counts of what travelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Traffic {
    pub received: usize,
    pub received_bytes: u64,
    pub sent: usize,
    pub sent_bytes: u64,
    /// Files that were not what their names say.
    pub wrong: usize,
}

/// A handle on the remote tier.
pub struct Remote {
    bucket: Bucket,
    address: String,
    /// Whether objects stay where they are made; only records and tables travel.
    pub(super) records_only: bool,
    state: Mutex<State>,
    /// One lock for each first byte of a digest: a file that two threads want is fetched once.
    fetching: [Mutex<()>; 64],
}

#[derive(Default)]
struct State {
    no_reads: bool,
    no_writes: bool,
    /// Refusals to read.
    denials: usize,
    /// Names that were asked for and not found.
    missing: BTreeSet<String>,
    /// Lengths of files that were asked for. Several stages may read one file.
    lengths: BTreeMap<String, u64>,
    /// Names with wrong bytes.
    wrong: BTreeSet<String>,
    notices: Vec<String>,
    traffic: Traffic,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Remote({})", self.address)
    }
}

impl Remote {
    /// Opens `s3://BUCKET/PREFIX` or `file:///FOLDER`. With `records_only`, only records, tables
    /// and documents of runs travel.
    ///
    /// Errors: the address is none of these, its folder is missing, or the variables of AWS are
    /// contradictory. Whether a server answers is not known yet.
    pub fn open(address: &str, records_only: bool) -> Result<Self, String> {
        Ok(Self {
            bucket: Bucket::open(address)?,
            address: address.to_owned(),
            records_only,
            state: Mutex::default(),
            fetching: [const { Mutex::new(()) }; 64],
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// What the user should know, each once.
    pub(super) fn notices(&self) -> Vec<String> {
        std::mem::take(&mut self.state().notices)
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.state().traffic
    }

    /// Held while a file is fetched whose digest begins with this byte.
    pub(super) fn fetching(&self, first: u8) -> std::sync::MutexGuard<'_, ()> {
        self.fetching[usize::from(first) % 64].lock().expect("nobody panics with it")
    }

    /// The length of a file; `None` if there is no such file, or nobody answers.
    pub(super) fn length(&self, name: &str) -> Option<u64> {
        self.asked(name, || {
            if let Some(known) = self.state().lengths.get(name) {
                return Ok(*known);
            }
            let length = self.bucket.length(name)?;
            self.state().lengths.insert(name.to_owned(), length);
            Ok(length)
        })
    }

    /// A file of at most `most` bytes; `None` if there is no such file, or nobody answers.
    pub(super) fn read(&self, name: &str, most: u64) -> Option<Vec<u8>> {
        let bytes = self.asked(name, || self.bucket.read(name, most))?;
        self.received(bytes.len() as u64);
        Some(bytes)
    }

    /// Hands the bytes of a file of known length to `take`. Returns whether all came.
    pub(super) fn stream(
        &self,
        name: &str,
        bytes: u64,
        take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> bool {
        let came = self.asked(name, || self.bucket.stream(name, bytes, take)).is_some();
        if came {
            self.received(bytes);
        }
        came
    }

    /// Sends a file, in one piece.
    pub(super) fn write(&self, name: &str, bytes: Vec<u8>, replace: bool) -> bool {
        let length = bytes.len() as u64;
        let replace = replace || self.state().wrong.contains(name);
        self.told(name, length, || self.bucket.write(name, bytes, replace))
    }

    /// Sends a file in parts, unless it is there.
    pub(super) fn write_parts(&self, name: &str, length: u64, file: impl Read) -> bool {
        if !self.state().wrong.contains(name) {
            match self.bucket.length(name) {
                Ok(found) if found == length => return true,
                Ok(_) | Err(Refused::Absent) => {}
                // Whether it may be written is another question than whether it may be asked for.
                Err(Refused::Denied(_)) => {}
                Err(refused) => return self.told(name, 0, || Err(refused)),
            }
        }
        self.told(name, length, || self.bucket.write_parts(name, file).map(|()| true))
    }

    /// The files below a folder, sorted by name.
    pub(super) fn list(&self, folder: &str) -> Vec<Seen> {
        let mut found = self.asked(folder, || self.bucket.list(folder)).unwrap_or_default();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// Whether files may still be sent.
    pub(super) fn takes(&self) -> bool {
        !self.state().no_writes
    }

    /// A file is of no use for this run.
    pub(super) fn is_missing(&self, name: &str) {
        self.state().missing.insert(name.to_owned());
    }

    /// A file is not what its name says. It counts as missing, and will be replaced. The user is
    /// told of the first one, and how many there were.
    pub(super) fn is_wrong(&self, name: &str, why: &str) {
        let mut state = self.state();
        state.missing.insert(name.to_owned());
        state.lengths.remove(name);
        if state.wrong.insert(name.to_owned()) {
            state.traffic.wrong += 1;
            if state.traffic.wrong == 1 {
                let notice = format!("`{name}` in {} {why}; it counts as missing", self.address);
                state.notices.push(notice);
            }
        }
    }

    fn received(&self, bytes: u64) {
        let traffic = &mut self.state().traffic;
        traffic.received += 1;
        traffic.received_bytes += bytes;
    }

    fn asked<T>(&self, name: &str, ask: impl FnOnce() -> Result<T, Refused>) -> Option<T> {
        {
            let state = self.state();
            if state.no_reads || state.missing.contains(name) {
                return None;
            }
        }
        match ask() {
            Ok(found) => return Some(found),
            Err(Refused::Wrong(why)) => self.is_wrong(name, &why),
            Err(Refused::Absent | Refused::Exists | Refused::Unknown) => {
                self.state().missing.insert(name.to_owned());
            }
            Err(Refused::Denied(why)) => {
                let mut state = self.state();
                state.missing.insert(name.to_owned());
                state.denials += 1;
                if state.denials == 1 {
                    let notice = format!(
                        "{} refuses to read ({why}); without the right to list it, a missing file \
                         looks like this. What cannot be read is made here",
                        self.address
                    );
                    state.notices.push(notice);
                }
                state.no_reads |= state.denials >= DENIALS && state.traffic.received == 0;
            }
            Err(Refused::Failed(why)) => self.give_up(&why),
            Err(Refused::Local(why)) => {
                self.state().notices.push(format!("`{name}` cannot be kept here: {why}"));
            }
        }
        None
    }

    fn told(&self, name: &str, bytes: u64, tell: impl FnOnce() -> Result<bool, Refused>) -> bool {
        if self.state().no_writes {
            return false;
        }
        match tell() {
            Ok(written) => {
                let mut state = self.state();
                if written {
                    state.traffic.sent += 1;
                    state.traffic.sent_bytes += bytes;
                }
                state.wrong.remove(name);
                state.missing.remove(name);
                return true;
            }
            Err(Refused::Denied(why)) => {
                let mut state = self.state();
                if !std::mem::replace(&mut state.no_writes, true) {
                    state.notices.push(format!(
                        "{} may not be written ({why}); results stay in this cache",
                        self.address
                    ));
                }
            }
            Err(Refused::Local(why)) => {
                self.state().notices.push(format!("`{name}` was not sent: {why}"));
            }
            // A bucket that does not exist looks empty to who only reads.
            Err(Refused::Absent) => self.take_no_more("there is no such bucket or folder"),
            Err(Refused::Failed(why) | Refused::Wrong(why)) => self.take_no_more(&why),
            Err(Refused::Exists | Refused::Unknown) => {
                self.take_no_more("it refuses this kind of write");
            }
        }
        false
    }

    /// Nothing more is sent.
    fn take_no_more(&self, why: &str) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.no_writes, true) {
            let notice = format!(
                "{} does not take results ({why}); they stay in this cache, and \
                 `humshift cache push` sends them later",
                self.address
            );
            state.notices.push(notice);
        }
    }

    /// Nobody answers: the rest of the run is local.
    fn give_up(&self, why: &str) {
        let mut state = self.state();
        state.no_writes = true;
        if !std::mem::replace(&mut state.no_reads, true) {
            let notice = format!("{} does not answer ({why}); this run is local", self.address);
            state.notices.push(notice);
        }
    }
}
