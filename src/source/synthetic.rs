//! A small seeded generator of machine sounds.

use serde::{Deserialize, Serialize};

use super::{ListedFile, Listing, SectionId, Source, SourceError, Wave};
use crate::artifact::ClipSet;

/// Settings of `synthetic`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Synthetic {}

impl Source for Synthetic {
    fn version(&self) -> u32 {
        1
    }

    fn list(&self) -> Result<Listing, SourceError> {
        Ok(Listing::default())
    }

    fn clips(&self, _: &SectionId, _: &[ListedFile], _: &[Vec<u8>]) -> Result<ClipSet, SourceError> {
        Ok(ClipSet::new(Vec::new()))
    }

    fn keyed(&self) -> serde_json::Value {
        serde_json::json!({})
    }
}

/// The samples of a recipe.
pub(super) fn render(_recipe: &str) -> Result<Wave, SourceError> {
    Ok(Wave { rate: 16_000, samples: Vec::new() })
}
