//! Short measurements that follow each other in files of their own, joined to one clip.

use serde::{Deserialize, Serialize};

use crate::canon;
use crate::digest::Digest;

/// The direction of an accelerometer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    Horizontal,
    Vertical,
}

/// One axis of consecutive snapshots of a data set of vibrations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshots {
    pub axis: Axis,
    /// The paths of the files below the root of their source, with their contents.
    pub files: Vec<(String, Digest)>,
}

impl Snapshots {
    /// Canonical JSON.
    pub fn text(&self) -> String {
        canon::to_string(self).expect("paths and digests are JSON")
    }
}
