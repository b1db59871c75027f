//! The name of a machine's section.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Machine and section: the unit of features, scores and metrics. The machine id of DCASE 2020 is a
/// section here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SectionId {
    pub machine: String,
    pub section: String,
}

/// `fan 00`.
impl fmt::Display for SectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.machine, self.section)
    }
}
