//! The store: bytes by digest, and records that say which key gave which bytes.
//!
//! ```text
//! cache/
//!   objects/9f/2c….npy     immutable bytes under their SHA-256; the extension says what they are
//!   records/4a/77….json    key -> outputs, written last; a second line holds the digest of the first
//!   runs/<experiment>/<digest>.json  a run as a document
//!   bad/ tmp/              what was damaged, files being written
//! ```
//!
//! What else lies in the folder is the desk's, and always local. The store may be shared: what it
//! holds is as good on another machine.
//!
//! | | |
//! |---|---|
//! | [`lookup`](Store::lookup), [`record`](Store::record) | what a key gave |
//! | [`has`](Store::has), [`get`](Store::get), [`read`](Store::read) | the bytes of an object |
//! | [`put`](Store::put), [`spool`](Store::spool) and [`put_file`](Store::put_file) | keep bytes |
//! | [`commit`](Store::commit) | the mark that a key is done |
//!
//! **Order of effects.** Objects first, then the record that names them; each is written to `tmp/`
//! and renamed. A crash at any point costs work, never truth. Nothing is synced to disk: what a
//! power cut tears does not match its digest, is moved to `bad/` and computed again.
//!
//! **Readers never lock.** Objects with one name have one content, so two writers cannot disagree.
//!
//! **It believes nothing.** An object is what its digest says, or damage; a record answers for its
//! own key alone; what is no regular file is damage, too. Damage is moved to `bad/`, told, and made
//! again.
//!
//! **A remote tier** goes into [`Tier`], behind its four functions, and nowhere else; its module
//! says how.
//!
//! This room knows bytes and digests only. It cannot name a stage or an artifact.

mod audit;
mod gc;
mod mapped;
mod object;
mod record;
mod runs;
mod stream;
mod tier;

pub use crate::disk::Unusable;
pub use crate::kind::ObjectRef;
pub use audit::Usage;
pub use gc::GcPolicy;
pub use object::Bytes;
pub use record::{Found, Made, RECORD_SCHEMA, Record};
pub use runs::RunFile;

use std::path::Path;

use crate::digest::Digest;
use crate::disk::Folder;
use tier::Tier;

/// The cache cannot be used, or an object in it is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// The object was moved aside; whoever made it must make it again.
    #[error("object {digest} is missing or damaged")]
    Damaged { digest: Digest },
}

/// A handle on the store; cheap to clone, without state of its own.
#[derive(Clone, Debug)]
pub struct Store {
    tier: Tier,
}

impl Store {
    /// Opens the store of the cache at `root`, and makes what is not there.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Ok(Self { tier: Tier::of(Folder::open(root, &["objects", "records"])?) })
    }

    /// Opens a store as it is, to mend it or to make it smaller. Errors: there is no cache.
    pub fn existing(root: &Path) -> Result<Self, StoreError> {
        Ok(Self { tier: Tier::of(Folder::existing(root)?) })
    }

    /// Opens a store as it is, to read: one that is not there is empty. Nothing is written.
    ///
    /// Errors: something else lies there.
    pub fn look(root: &Path) -> Result<Self, StoreError> {
        Ok(Self { tier: Tier::of(Folder::look(root)?) })
    }

    /// Whether there is a cache.
    pub fn is_there(&self) -> bool {
        self.tier.folder().is_there()
    }

    /// The folder of the cache.
    pub fn root(&self) -> &Path {
        self.tier.folder().root()
    }
}
