//! The store: bytes by digest, and records that map each key to its outputs.
//!
//! ```text
//! cache/
//!   objects/9f/2c….npy     immutable bytes under their SHA-256; the extension says their type
//!   records/4a/77….json    key -> outputs, written last; the second line is the digest of the first
//!   runs/<experiment>/<digest>.json  a run as a document; in a remote tier beside it a pack
//!   bad/ tmp/              damaged files; files being written
//! ```
//!
//! The other folders belong to the desk and are always local. The store may be shared, because its
//! content is valid on every machine.
//!
//! | | |
//! |---|---|
//! | [`lookup`](Store::lookup), [`record`](Store::record) | the outputs of a key |
//! | [`has`](Store::has), [`get`](Store::get), [`read`](Store::read) | the bytes of an object |
//! | [`put`](Store::put), [`spool`](Store::spool) and [`put_file`](Store::put_file) | keep bytes |
//! | [`commit`](Store::commit) | mark a key as done |
//!
//! **Order of effects.** Objects are written first, then the record that names them. Each file is
//! written to `tmp/` and renamed. A crash at any point costs work but never leaves a wrong result.
//! Nothing is synced to disk: a file torn by a power cut does not match its digest, is moved to
//! `bad/` and computed again.
//!
//! **Readers never lock.** Objects with the same name have the same content, so two writers cannot
//! disagree.
//!
//! **Everything is checked.** An object must match its digest, a record must belong to its key, and
//! both must be regular files. Anything else is damage: it is moved to `bad/`, reported and made
//! again.
//!
//! **A remote tier** may stand behind the folder: a bucket or a folder that others share. What the
//! folder lacks is looked for there, and [`push`](Store::push) sends what is complete. It is never
//! trusted and never needed (`store/remote`).
//!
//! This room knows only bytes and digests. It cannot name a stage or an artifact.

mod audit;
mod gc;
mod mapped;
mod object;
mod pack;
mod record;
mod remote;
mod runs;
mod shared;
mod stream;
mod tier;

pub use crate::disk::Unusable;
pub use crate::kind::ObjectRef;
pub use audit::Usage;
pub use gc::GcPolicy;
pub use object::Bytes;
pub use record::{Found, Made, RECORD_SCHEMA, Record};
pub use remote::{Remote, Traffic};
pub use runs::RunFile;
pub use shared::Moved;

use std::path::Path;

use crate::digest::Digest;
use crate::disk::Folder;
use tier::Tier;

/// The cache cannot be used, or an object in it is damaged.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// The object was moved to `bad/`; its stage must run again.
    #[error("object {digest} is missing or damaged")]
    Damaged { digest: Digest },
}

/// A handle on the store. It is cheap to clone; its only state is what a remote tier answered.
#[derive(Clone, Debug)]
pub struct Store {
    tier: Tier,
}

impl Store {
    /// Opens the store of the cache at `root` and creates its missing folders.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Ok(Self { tier: Tier::of(Folder::open(root, &["objects", "records"])?) })
    }

    /// Opens an existing store for repair or cleanup. Errors: there is no cache.
    pub fn existing(root: &Path) -> Result<Self, StoreError> {
        Ok(Self { tier: Tier::of(Folder::existing(root)?) })
    }

    /// Opens a store for reading; a missing one counts as empty. Nothing is written.
    ///
    /// Errors: `root` is not a folder, or it cannot be read.
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
