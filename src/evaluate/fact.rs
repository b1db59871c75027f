//! What is true of clips, whichever file says it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::artifact::{Domain, Label, SectionId};
use crate::source::names;

use super::Protocol;

/// What is true of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    pub anomalous: bool,
    pub domain: Option<Domain>,
}

/// The clips of a section, by name without `.wav`.
#[derive(Clone, Debug, Default)]
pub struct SectionTruth {
    pub facts: BTreeMap<String, Fact>,
    /// Full names, as clips are called once their attributes are known, to those they were tested
    /// under.
    pub aliases: BTreeMap<String, String>,
}

/// All that is known, by section.
#[derive(Debug)]
pub struct Truth {
    pub path: PathBuf,
    pub sections: BTreeMap<SectionId, SectionTruth>,
    pub warnings: Vec<String>,
}

/// What is known of the lists of that year.
pub const LIST_OF_2022: &str = "its labels are known to contradict `ground_truth_data` for 608 of the 1200 clips of ToyCar \
                                and ToyTrain, where `ground_truth_data` is right";

/// What a clip's own name says; `domain` is that of its file, where files are of a domain.
///
/// # Errors
/// What the name lacks, in words that end a sentence.
pub fn of_name(
    clip: &str,
    domain: Option<Domain>,
    protocol: Protocol,
) -> Result<Fact, &'static str> {
    let name = names::parse(&format!("{clip}.wav")).map_err(|_| "is no clip's name")?;
    let label = name.label.ok_or("does not say `normal` or `anomaly`")?;
    let domain = name.domain.or(domain);
    if protocol.has_domains() && domain.is_none() {
        return Err("does not say `source` or `target`");
    }
    Ok(Fact { anomalous: label == Label::Anomaly, domain })
}
