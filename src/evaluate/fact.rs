//! The truth about clips, independent of the file format.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::artifact::{Domain, Label, SectionId};
use crate::source::names;

use super::Protocol;

/// The truth about one clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    pub anomalous: bool,
    pub domain: Option<Domain>,
}

/// The clips of a section, by name without `.wav`.
#[derive(Clone, Debug, Default)]
pub struct SectionTruth {
    pub facts: BTreeMap<String, Fact>,
    /// Full names, which contain a clip's attributes, and the names under which the clips were
    /// tested.
    pub aliases: BTreeMap<String, String>,
}

/// The truth about all sections.
#[derive(Debug)]
pub struct Truth {
    pub path: PathBuf,
    pub sections: BTreeMap<SectionId, SectionTruth>,
    pub warnings: Vec<String>,
}

/// A known defect of the lists of that year.
pub const LIST_OF_2022: &str = "its labels are known to contradict `ground_truth_data` for 608 of the 1200 clips of ToyCar \
                                and ToyTrain, where `ground_truth_data` is right";

/// Reads the truth from a clip's name. `domain` is that of its file, if files belong to domains.
///
/// # Errors The missing part of the name, in words that end a sentence.
pub fn of_name(
    clip: &str,
    domain: Option<Domain>,
    protocol: Protocol,
) -> Result<Fact, &'static str> {
    let name = names::parse(&format!("{clip}.wav")).map_err(|_| "is not a clip's name")?;
    let label = name.label.ok_or("does not say `normal` or `anomaly`")?;
    let domain = name.domain.or(domain);
    if protocol.has_domains() && domain.is_none() {
        return Err("does not say `source` or `target`");
    }
    Ok(Fact { anomalous: label == Label::Anomaly, domain })
}
