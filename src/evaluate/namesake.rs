//! The same clips under the names of two programs.

use std::collections::{BTreeMap, BTreeSet};

use super::fact::{Fact, SectionTruth};
use super::sheet::stem;

/// The clips of `other` that are those of `own` in a section, by the ids of `own`. A clip has the
/// same id, or the same file name in another folder. A name that several clips share pairs none of
/// them.
///
/// One side may hide the attributes in its names. Names are compared without them only if this pairs
/// all clips of both sides: data that hide attributes may count their clips anew, as ToyTrain of 2025
/// does, and then the same number is of another clip.
pub fn namesakes<'a>(
    own: impl Iterator<Item = &'a str>,
    other: impl Iterator<Item = &'a str>,
) -> BTreeMap<&'a str, &'a str> {
    let (own, other): (BTreeSet<&str>, BTreeSet<&str>) = (own.collect(), other.collect());
    let mut by_name: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for id in other.iter().copied() {
        by_name.entry(stem(id)).and_modify(|shared| *shared = None).or_insert(Some(id));
    }
    let no_fact = Fact { anomalous: false, domain: None };
    let facts = by_name.keys().map(|name| ((*name).to_owned(), no_fact)).collect();
    let known = SectionTruth { facts, aliases: BTreeMap::new() };
    let names = known.names();
    let same = |id: &str| other.get(id).copied().or_else(|| *by_name.get(stem(id))?);
    let all =
        pairs(&own, |id| other.get(id).copied().or_else(|| *by_name.get(names.clip(stem(id))?)?));
    match [own.len(), other.len()] == [all.len(); 2] {
        true => all,
        false => pairs(&own, same),
    }
}

/// The clips with their partners, each of which is the partner of one clip alone.
fn pairs<'a>(
    own: &BTreeSet<&'a str>,
    partner: impl Fn(&'a str) -> Option<&'a str>,
) -> BTreeMap<&'a str, &'a str> {
    let mut found: BTreeMap<&str, &str> =
        own.iter().filter_map(|id| Some((*id, partner(id)?))).collect();
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    found.values().for_each(|partner| *taken.entry(partner).or_default() += 1);
    // Raw MIMII has one file name for a normal and an abnormal clip.
    found.retain(|id, partner| *id == *partner || taken[*partner] == 1);
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

    #[test]
    fn clips_that_were_counted_anew_are_not_paired_by_their_numbers() {
        // Rows of the real correspondence table of ToyTrain, 2025, and clips with equal names.
        let full = [
            "section_00_source_test_anomaly_0001_car_B1_spd_7_mic_1.wav",
            "section_00_source_test_anomaly_0002_car_B1_spd_8_mic_1.wav",
            "section_00_source_test_normal_0000.wav",
        ];
        let anew = [
            "section_00_source_test_anomaly_0001_noAttribute.wav",
            "section_00_source_test_anomaly_0110_noAttribute.wav",
            "section_00_source_test_normal_0000.wav",
        ];
        assert_eq!(pairs(&full, &anew), [(full[2], anew[2])]);
        assert_eq!(pairs(&anew, &full), [(anew[2], full[2])]);
        // Without a partner for each, hidden names could be of any clip.
        assert!(pairs(&full[..2], &anew[..1]).is_empty());
        assert_eq!(pairs(&full[..1], &anew[..1]), [(full[0], anew[0])]);
    }
}
