//! The same clips under the names of two programs.

use std::collections::BTreeMap;

use super::fact::{Fact, SectionTruth};
use super::sheet::stem;

/// The clips of `other` that are those of `own`, by the ids of `own`. A clip has the same id, or the
/// same file name in another folder, or that name without the attributes that one side hides. A
/// name that several clips share pairs none of them.
pub fn namesakes<'a>(
    own: impl Iterator<Item = &'a str>,
    other: impl Iterator<Item = &'a str>,
) -> BTreeMap<&'a str, &'a str> {
    let mut by_name: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    let mut ids = BTreeMap::new();
    for id in other {
        ids.insert(id, id);
        by_name.entry(stem(id)).and_modify(|shared| *shared = None).or_insert(Some(id));
    }
    let no_fact = Fact { anomalous: false, domain: None };
    let facts = by_name.keys().map(|name| ((*name).to_owned(), no_fact)).collect();
    let known = SectionTruth { facts, aliases: BTreeMap::new() };
    let names = known.names();
    let (mut found, mut taken): (BTreeMap<&str, &str>, BTreeMap<&str, Vec<&str>>) =
        Default::default();
    for id in own {
        let by_name = || *by_name.get(names.clip(stem(id))?)?;
        if let Some(partner) = ids.get(id).copied().or_else(by_name) {
            found.insert(id, partner);
            taken.entry(partner).or_default().push(id);
        }
    }
    // Raw MIMII has one file name for a normal and an abnormal clip.
    for (partner, several) in taken.into_iter().filter(|(_, several)| several.len() > 1) {
        for id in several.into_iter().filter(|id| *id != partner) {
            found.remove(id);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(own: &[&'static str], other: &[&'static str]) -> Vec<(&'static str, &'static str)> {
        namesakes(own.iter().copied(), other.iter().copied()).into_iter().collect()
    }

    #[test]
    fn clips_are_the_same_by_id_by_file_name_or_without_hidden_attributes() {
        let (a, b) = ("raw/fan/test/section_00_source_test_normal_0001_vel_5.wav", "fan/test/");
        let other = |name: &str| format!("{b}section_00_source_test_normal_0001{name}.wav");
        let same: &'static str = other("_vel_5").leak();
        let hidden: &'static str = other("_noAttribute").leak();
        let bare: &'static str = other("").leak();
        let differs: &'static str = other("_vel_6").leak();
        for partner in [a, same, hidden, bare] {
            assert_eq!(pairs(&[a], &[partner]), [(a, partner)]);
            assert_eq!(pairs(&[partner], &[a]), [(partner, a)]);
        }
        assert!(pairs(&[a], &[differs]).is_empty());
        assert!(pairs(&[a], &[bare, hidden]).is_empty());
        let mimii = ["id_00/abnormal/0.wav", "id_00/normal/0.wav"];
        assert_eq!(pairs(&mimii, &mimii), mimii.map(|id| (id, id)));
        assert!(pairs(&["normal/0.wav", "abnormal/0.wav"], &["0.wav"]).is_empty());
    }
}
