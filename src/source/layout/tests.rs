//! Tests of the folders of data sets.

use super::*;
use crate::source::tree::of_empty_files as tree;

/// `machine/section: files` of a tree, and its strays.
fn found(files: &[&str]) -> (Vec<String>, Vec<String>) {
    let listing = scan(tree(files).path()).unwrap().listing;
    let sections = listing.sections.iter().map(|(id, files)| {
        let tables = files.tables.iter().map(|t| format!(" + {t}")).collect::<String>();
        format!("{}/{}: {}{tables}", id.machine, id.section, files.audio.join(" "))
    });
    let strays = listing.strays.iter().map(|(path, why)| format!("{path}: {why}"));
    (sections.collect(), strays.collect())
}

#[test]
fn every_layout_is_found() {
    let levels = [
        "dev_data/fan/train/section_00_source_train_normal_0000_m-n_W.wav",
        "dev_data/fan/attributes_00.csv",
        "dev_data/fan/attributes_09.csv",
        "eval_data/fan/train/section_03_source_train_normal_0000_m-n_W.wav",
        "eval_data/fan/test/section_03_0000.wav",
        "eval_data/raw/shaker/test/section_00_0005.wav",
        "eval_data/raw/shaker/test_rename/section_00_source_test_normal_0000_speed_1000.wav",
        "raw/saw/source_test/section_03_source_test_0000.wav",
        "pump/test/normal_id_01_00000000.wav",
        "pump/test/id_05_00000000.wav",
        "-6_dB_valve/valve/id_00/normal/00000000.wav",
        "6dB_valve/valve/id_00/abnormal/00000000.wav",
        "readme.txt",
    ];
    let (sections, strays) = found(&levels);
    assert_eq!(
        sections,
        [
            "-6_dB_valve/id_00: -6_dB_valve/valve/id_00/normal/00000000.wav",
            "6dB_valve/id_00: 6dB_valve/valve/id_00/abnormal/00000000.wav",
            "fan/00: dev_data/fan/train/section_00_source_train_normal_0000_m-n_W.wav + dev_data/fan/attributes_00.csv",
            "fan/03: eval_data/fan/test/section_03_0000.wav \
             eval_data/fan/train/section_03_source_train_normal_0000_m-n_W.wav",
            "pump/id_01: pump/test/normal_id_01_00000000.wav",
            "pump/id_05: pump/test/id_05_00000000.wav",
            "saw/03: raw/saw/source_test/section_03_source_test_0000.wav",
            "shaker/00: eval_data/raw/shaker/test_rename/section_00_source_test_normal_0000_speed_1000.wav",
        ]
    );
    assert!(strays.is_empty(), "{strays:?}");
}

#[test]
fn audio_at_odd_places_is_told_with_a_reason() {
    let (_, strays) = found(&[
        "fan/train/section_00_0000.wav",
        "fan/train/section_00_source_test_normal_0001.wav",
        "fan/target_test/section_00_source_test_normal_0002.wav",
        "fan/train/noise.wav",
        "fan/validation/section_00_0003.wav",
        "fan/id_00/normal/first.wav",
        "fan/loose.wav",
        "top.wav",
    ]);
    let folders =
        "it lies in none of the folders train, test, source_test, target_test, test_rename";
    let expected = [
        "fan/id_00/normal/first.wav: its name is not a number, as in MIMII (`00000000.wav`)".to_string(),
        format!("fan/loose.wav: {folders}"),
        "fan/target_test/section_00_source_test_normal_0002.wav: \
         its name says `source`, but it lies in `target_test`"
            .to_string(),
        "fan/train/noise.wav: its name starts with none of `section_`, `normal_id_`, `anomaly_id_`, `id_`".into(),
        "fan/train/section_00_source_test_normal_0001.wav: its name says `test`, but it lies in `train`".into(),
        format!("fan/validation/section_00_0003.wav: {folders}"),
        format!("top.wav: {folders}"),
    ];
    assert_eq!(strays, expected);
}

#[test]
fn a_folder_called_source_makes_no_clip_source() {
    let placed = place("source/fan/test/section_00_target_test_normal_0000.wav").unwrap();
    assert_eq!(placed.name.domain, Some(Domain::Target));
    assert_eq!(place("source_test/fan/test/section_03_0000.wav").unwrap().name.domain, None);
}
