//! The cache that a command names, opened as far as the command may use it.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, output};
use crate::desk::Desk;
use crate::disk::Unusable;
use crate::store::{Store, StoreError};

/// Where the cache is.
#[derive(Args)]
pub struct CacheDir {
    /// Folder of the cache
    #[arg(long, value_name = "DIR", default_value = "cache")]
    pub cache: PathBuf,
}

/// The two parts of a cache: what stages gave, and what runs on this machine need while they work.
pub struct Cache {
    pub store: Store,
    pub desk: Desk,
}

impl CacheDir {
    /// For commands that run stages: a cache that is not there is made.
    pub fn open(&self) -> Result<Cache, CliError> {
        Ok(Cache { store: Store::open(&self.cache)?, desk: Desk::open(&self.cache)? })
    }

    /// For commands that mend a cache or make it smaller: one that is not there is an error.
    pub fn existing(&self) -> Result<Cache, CliError> {
        Ok(Cache { store: Store::existing(&self.cache)?, desk: Desk::existing(&self.cache)? })
    }

    /// For commands that read: one that is not there is empty, and that is told. Nothing is
    /// written.
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
