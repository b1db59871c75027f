//! Finds clips that a data set holds twice, for example because an archive was also unpacked below
//! itself.
//!
//! Each would count twice, and each training clip would be its own neighbour.

use std::collections::{BTreeMap, BTreeSet};

use super::Listing;
use super::layout::BASES;

/// Clips that lie below two levels.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Doubled<'a> {
    pub count: usize,
    /// The two paths of the first one.
    pub paths: [&'a str; 2],
    /// The levels that hold only one of the copies.
    pub levels: Vec<&'static str>,
}

/// The clips with the same machine, section, folder and name in two places.
pub(super) fn doubled(listing: &Listing) -> Option<Doubled<'_>> {
    let mut doubled: Option<Doubled> = None;
    for files in listing.sections.values() {
        let mut seen: BTreeMap<&str, (&str, &'static str)> = BTreeMap::new();
        let levels = files.audio.iter().map(|path| level(path));
        if levels.clone().collect::<BTreeSet<_>>().len() < 2 {
            continue;
        }
        for (path, level) in files.audio.iter().zip(levels) {
            let inner = path[level.len()..].trim_start_matches('/');
            let Some((other, beside)) = seen.insert(inner, (path, level)) else { continue };
            let alone = |a: &str, b: &str| !a.is_empty() && !b.starts_with(&format!("{a}/"));
            let pairs = [(beside, level), (level, beside)];
            let levels =
                || pairs.into_iter().filter(|(a, b)| alone(a, b)).map(|(a, _)| a).collect();
            let first = doubled.get_or_insert_with(|| Doubled {
                count: 0,
                paths: [other, path],
                levels: levels(),
            });
            first.count += 1;
        }
    }
    doubled
}

/// The folders between the root and a machine's.
fn level(path: &str) -> &'static str {
    let below = |base: &&str| path.strip_prefix(*base).is_some_and(|rest| rest.starts_with('/'));
    BASES.into_iter().filter(below).max_by_key(|base| base.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::layout::scan;
    use super::super::tree::of_empty_files;
    use super::*;

    fn listing(files: &[&str]) -> Listing {
        scan(of_empty_files(files).path()).unwrap().listing
    }

    #[test]
    fn a_copy_below_another_level_is_found_with_the_level_that_has_it_alone() {
        let clips = [
            "train/section_00_source_train_normal_0000.wav",
            "test/section_00_source_test_normal_0000.wav",
        ];
        let below = |levels: [&str; 2]| -> Vec<String> {
            levels.iter().flat_map(|level| clips.map(|clip| format!("{level}fan/{clip}"))).collect()
        };
        for (levels, alone) in [
            (["dev_data/", "dev_data/raw/"], vec!["dev_data/raw"]),
            (["", "raw/"], vec!["raw"]),
            (["dev_data/", "eval_data/"], vec!["dev_data", "eval_data"]),
            (["raw/", "dev_data/raw/"], vec!["dev_data/raw", "raw"]),
        ] {
            let files = below(levels);
            let listing = listing(&files.iter().map(String::as_str).collect::<Vec<_>>());
            let found = doubled(&listing).unwrap();
            assert_eq!((found.count, found.levels), (2, alone), "{levels:?}");
            assert!(found.paths.iter().all(|path| path.ends_with(clips[1])), "{:?}", found.paths);
        }
    }

    #[test]
    fn clips_of_other_folders_machines_and_sections_are_not_the_same() {
        // Names repeat in train and test in 2020, in normal and abnormal in 2019, and in the three
        // ratios of MIMII.
        let files = [
            "pump/train/normal_id_01_00000000.wav",
            "pump/test/normal_id_01_00000000.wav",
            "fan/id_00/normal/00000000.wav",
            "fan/id_00/abnormal/00000000.wav",
            "-6_dB_valve/valve/id_00/normal/00000000.wav",
            "6_dB_valve/valve/id_00/normal/00000000.wav",
            "dev_data/saw/train/section_00_source_train_normal_0000.wav",
            "eval_data/saw/train/section_03_source_train_normal_0000.wav",
            "eval_data/raw/drill/train/section_00_source_train_normal_0000.wav",
        ];
        assert_eq!(doubled(&listing(&files)), None);
        let twice = [&files[..], &["raw/-6_dB_valve/valve/id_00/normal/00000000.wav"]].concat();
        assert_eq!(doubled(&listing(&twice)).unwrap().count, 1);
    }
}
