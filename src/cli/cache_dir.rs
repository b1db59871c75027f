//! The cache that a command names, opened with the rights that the command needs.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, output};
use crate::desk::Desk;
use crate::disk::Unusable;
use crate::store::{Store, StoreError};

/// The place of the cache.
#[derive(Args)]
pub struct CacheDir {
    /// Folder of the cache
    #[arg(long, value_name = "DIR", default_value = "cache")]
    pub cache: PathBuf,
}

/// The two parts of a cache: the store for outputs of stages, and the desk for working files of
/// this machine.
pub struct Cache {
    pub store: Store,
    pub desk: Desk,
}

impl CacheDir {
    /// For commands that run stages: creates a missing cache.
    pub fn open(&self) -> Result<Cache, CliError> {
        Ok(Cache { store: Store::open(&self.cache)?, desk: Desk::open(&self.cache)? })
    }

    /// For commands that repair or clean up a cache. Errors: there is no cache.
    pub fn existing(&self) -> Result<Cache, CliError> {
        Ok(Cache { store: Store::existing(&self.cache)?, desk: Desk::existing(&self.cache)? })
    }

    /// For commands that read. A missing cache counts as empty, with a warning. Nothing is written.
    pub fn look(&self) -> Result<Cache, CliError> {
        let cache = Cache { store: Store::look(&self.cache)?, desk: Desk::look(&self.cache)? };
        if !cache.store.is_there() {
            output::tell(&format!("warning: there is no cache in `{}`", self.cache.display()));
        }
        Ok(cache)
    }
}

impl From<Unusable> for CliError {
    fn from(error: Unusable) -> Self {
        StoreError::from(error).into()
    }
}
