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

impl SectionTruth {
    /// The clips under every name that a file of scores may have for them.
    pub fn names(&self) -> ClipNames<'_> {
        let own = self.facts.keys().map(|clip| (clip, clip));
        let all = || own.clone().chain(self.aliases.iter());
        let mut bare: BTreeMap<&str, Option<(&str, &str)>> = BTreeMap::new();
        for (name, clip) in all() {
            let other = |found: &mut Option<(&str, &str)>| {
                if found.is_some_and(|(_, of)| of != clip) {
                    *found = None;
                }
            };
            let found = Some((name.as_str(), clip.as_str()));
            bare.entry(without_attributes(name)).and_modify(other).or_insert(found);
        }
        ClipNames { full: all().map(|(name, clip)| (name.as_str(), clip.as_str())).collect(), bare }
    }
}

/// The names of a section's clips.
pub struct ClipNames<'a> {
    /// A name and its clip.
    full: BTreeMap<&'a str, &'a str>,
    /// Names without attributes, the names that they are of, and the clip. `None` where several
    /// clips share one.
    bare: BTreeMap<&'a str, Option<(&'a str, &'a str)>>,
}

impl<'a> ClipNames<'a> {
    /// The clip of a name. A name without attributes (or with `noAttribute`, as data sets with
    /// hidden attributes have it) is the same as the one with them.
    pub fn clip(&self, name: &str) -> Option<&'a str> {
        let hidden = |name: &str| {
            names::parse(&format!("{name}.wav")).is_ok_and(|name| name.attributes.is_empty())
        };
        self.full.get(name).copied().or_else(|| {
            let (full, clip) = (*self.bare.get(without_attributes(name))?)?;
            (hidden(name) || hidden(full)).then_some(clip)
        })
    }
}

/// `section_00_source_test_normal_0001` of `section_00_source_test_normal_0001_vel_5`.
fn without_attributes(name: &str) -> &str {
    let is_number = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit());
    let mut end = 0;
    for (place, token) in name.split('_').enumerate() {
        end += token.len();
        if place > 1 && name.starts_with("section_") && is_number(token) {
            return &name[..end];
        }
        end += 1;
    }
    name
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_attributes_do_not_part_a_clip_from_its_name() {
        assert_eq!(without_attributes("section_00_0001_vel_5"), "section_00_0001");
        assert_eq!(without_attributes("normal_id_01_0001"), "normal_id_01_0001");
        assert_eq!(without_attributes("section_00"), "section_00");
        let clip = "section_00_0000";
        let fact = Fact { anomalous: false, domain: None };
        let aliases = ["section_00_source_test_normal_0007_vel_5", "section_00_test_normal_0001_"];
        let truth = SectionTruth {
            facts: [(clip.to_owned(), fact), ("section_00_0001".to_owned(), fact)].into(),
            aliases: aliases.map(|name| (name.to_owned(), clip.to_owned())).into(),
        };
        let names = truth.names();
        for same in [
            clip,
            aliases[0],
            "section_00_source_test_normal_0007",
            "section_00_source_test_normal_0007_noAttribute",
            "section_00_test_normal_0001_vel_6",
        ] {
            assert_eq!(names.clip(same), Some(clip), "{same}");
        }
        let other_value = "section_00_source_test_normal_0007_vel_6";
        assert_eq!([other_value, "section_00_00019"].map(|name| names.clip(name)), [None; 2]);
        let mut shared = truth.clone();
        let again = "section_00_source_test_normal_0007_vel_9";
        shared.aliases.insert(again.to_owned(), "section_00_0001".to_owned());
        assert_eq!(shared.names().clip("section_00_source_test_normal_0007"), None);
        assert_eq!(shared.names().clip(again), Some("section_00_0001"));
    }
}
