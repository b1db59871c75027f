//! Tests of the data sets of 2024 to 2026: hidden attributes, keys that come twice, supplemental
//! clips, and folders whose names cannot be read.

use serde_json::json;

use super::tests::{id, layout, listed, source, tree};
use super::*;
use crate::artifact::{Domain, Label};

const TRAIN: &str = "fan/train/section_00_source_train_normal_0000_noAttribute.wav";
const TEST: &str = "fan/test/section_00_0095.wav";

fn attributes(source: &Dcase, paths: &[&str], tables: &[&str]) -> Vec<String> {
    let tables: Vec<Vec<u8>> = tables.iter().map(|table| table.as_bytes().to_vec()).collect();
    let clips = source.clips(&id("fan", "00"), &listed(paths), &tables).unwrap();
    let pairs = |clip: &Clip| clip.attributes.iter().map(|(k, v)| format!("{k}={v}")).collect();
    clips
        .iter()
        .map(|recording| pairs(&recording.clip))
        .map(|all: Vec<String>| all.join(" "))
        .collect()
}

#[test]
fn hidden_attributes_become_known_by_the_tables_of_names() {
    let tables = ["train", "test"]
        .map(|split| format!("dev_data/fan/attributes_00_{split}_correspondence.csv"));
    let (train, test) = (format!("dev_data/raw/{TRAIN}"), format!("dev_data/raw/{TEST}"));
    // As published, in the folder of the machine: with the clips, or beside `raw`.
    let (_root, dcase) = tree(&[&train, &test, &tables[0], &tables[1]]);
    let files = &dcase.list().unwrap().sections[&id("fan", "00")];
    assert_eq!(files.tables, [tables[1].clone(), tables[0].clone()]);
    let of_train = "source_file_name,target_file_name\n\
        section_00_source_train_normal_0007_id_A1_mic_2.wav,section_00_source_train_normal_0000_noAttribute.wav\n";
    let of_test = "source_file_name,target_file_name\n\
        section_00_target_test_anomaly_0001_id_B1_mic_1.wav,section_00_0095.wav\n";
    let plain = "file_name\nfan/train/section_00_source_train_normal_0000_noAttribute.wav\n";
    assert_eq!(
        attributes(&dcase, &[TRAIN, TEST], &[plain, of_test, of_train]),
        ["id=A1 mic=2", "id=B1 mic=1"]
    );
    // The truth about an evaluation clip stays unknown.
    let set = dcase.clips(&id("fan", "00"), &listed(&[TEST]), &[of_test.into()]).unwrap();
    assert_eq!((set[0].clip.domain, set[0].clip.label), (None, None));
    // A table may be of a split that is not here, but not of other clips.
    assert_eq!(attributes(&dcase, &[TEST], &[of_test, of_train]), ["id=B1 mic=1"]);
    let other = "fan/train/section_00_source_train_normal_0009_noAttribute.wav";
    let two = [of_test.as_bytes().to_vec(), of_train.as_bytes().to_vec()];
    let error = dcase.clips(&id("fan", "00"), &listed(&[other]), &two).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "fan/attributes_00_train_correspondence.csv: none of its 2 rows is of a training clip"
        ),
        "{error}"
    );
    let names = source(json!({ "root": "", "attributes": "names" }));
    assert_eq!(attributes(&names, &[TRAIN, TEST], &[of_test, of_train]), ["", ""]);
    let wrong =
        "source_file_name,target_file_name\nx.wav,section_00_0095.wav\n".as_bytes().to_vec();
    let error = dcase.clips(&id("fan", "00"), &listed(&[TEST]), &[wrong]).unwrap_err().to_string();
    assert!(
        error.starts_with("fan/attributes_00_test_correspondence.csv: line 2: `x.wav`: its name"),
        "{error}"
    );
}

#[test]
fn supplemental_clips_are_left_alone_or_trained_on_or_noise() {
    let clean = "fan/supplemental/section_00_machine_0001_.wav";
    let noise = "valve/supplemental/section_00_noise_supplemental_normal_0000.wav";
    let other = "valve/supplemental/what.wav";
    let valve = "valve/train/section_00_source_train_normal_0000.wav";
    let (_root, mut dcase) = tree(&[TRAIN, TEST, valve, clean, noise, other]);
    let audio = |listing: &Listing| -> Vec<String> {
        listing.sections.values().flat_map(|files| files.audio.clone()).collect()
    };
    let found = dcase.list().unwrap();
    assert_eq!(audio(&found), [TEST, TRAIN, valve]);
    assert!(found.strays.is_empty(), "{:?}", found.strays);
    assert_eq!(
        found.notes,
        [
            "3 clips of `supplemental` folders are not used: the clean machine of fan: `supplemental: train` takes them \
          for training; noise alone of valve: `mix: { noise: { dcase: { root: DIR, supplemental: noise } } }` mixes \
          with them; unknown of valve, because their names say neither `machine` nor `noise`"
        ]
    );
    assert_eq!(dcase.keyed(), json!({ "dcase": { "channel": "mean", "attributes": "both" } }));

    dcase.supplemental = Supplemental::Train;
    let found = dcase.list().unwrap();
    assert_eq!(audio(&found), [clean, TEST, TRAIN, valve]);
    assert_eq!(
        found.strays,
        [(other.into(), "its name says neither `machine` nor `noise`".into())]
    );
    assert!(found.notes.is_empty());
    let clip = dcase.clips(&id("fan", "00"), &listed(&[clean]), &[]).unwrap().remove(0).clip;
    assert_eq!(
        (clip.domain, clip.split, clip.label),
        (Some(Domain::Source), Split::Train, Some(Label::Normal))
    );

    dcase.supplemental = Supplemental::Noise;
    assert_eq!(audio(&dcase.list().unwrap()), [noise]);
    dcase.machines = vec!["fan".into()];
    assert!(layout(dcase.list()).0.contains("has no machine `fan`"));
    let (_root, mut dcase) = tree(&[TRAIN, clean]);
    dcase.supplemental = Supplemental::Noise;
    assert!(layout(dcase.list()).0.contains("has no clips of noise alone"));
}

#[test]
fn a_machine_that_loses_all_clips_of_a_folder_is_refused() {
    let saw = ["saw/train/a.wav", "saw/train/b.wav", "saw/test/section_00_0001.wav"];
    let id_00 = "pump/id_00/normal/first.wav";
    let (_root, mut dcase) = tree(&[TRAIN, TEST, saw[0], saw[1], saw[2], id_00]);
    let (message, hint) = layout(dcase.list());
    let grammar = "its name starts with none of `section_`, `normal_id_`, `anomaly_id_`, `id_`";
    assert_eq!(
        message,
        format!(
            "the recording of `pump/id_00/normal` cannot be used; `first.wav`: its name is not a number, as in MIMII \
             (`00000000.wav`)\nall 2 recordings of `saw/train` cannot be used; `a.wav`: {grammar}"
        )
    );
    assert!(hint.contains("`machines: [fan, valve]`"), "{hint}");
    // A person may say that other machines are wanted.
    dcase.machines = vec!["fan".into()];
    assert_eq!(dcase.list().unwrap().sections.len(), 1);
    // One odd name is no reason.
    let (_root, dcase) = tree(&[TRAIN, TEST, "fan/train/odd.wav"]);
    assert_eq!(dcase.list().unwrap().strays.len(), 1);
}

#[test]
fn a_machine_without_clips_at_their_place_is_refused() {
    let told = |files: &[&str]| {
        let mut all = vec![TRAIN, TEST];
        all.extend(files);
        let (_root, dcase) = tree(&all);
        layout(dcase.list()).0
    };
    // An archive that was unpacked into a folder of its own.
    assert_eq!(
        told(&["saw/saw/train/section_00_0001.wav", "saw/saw/test/section_00_0002.wav"]),
        "the recordings of `saw` lie one folder too deep, in `saw/saw/train`"
    );
    assert_eq!(
        told(&["saw/train/section_00_0001.mp3", "saw/train/section_00_0002.mp3"]),
        "all 2 recordings of `saw/train` cannot be used; `section_00_0001.mp3`: it is no WAV, FLAC or Ogg file, and no other is read"
    );
    assert_eq!(
        told(&["saw/train/.keep", "saw/test/.keep"]),
        "`saw` has no recordings: `test`, `train` without WAV, FLAC or Ogg files"
    );
    // Evaluation data have no training clips yet; other folders are no machines.
    let (_root, dcase) = tree(&[TRAIN, TEST, "saw/test/section_00_0001.wav", "docs/images/a.png"]);
    assert_eq!(dcase.list().unwrap().sections.len(), 2);
}

#[test]
fn an_archive_of_a_machine_that_is_not_there_is_told() {
    let (_root, dcase) = tree(&[TRAIN, TEST, "dev_fan_r2.zip", "valve.zip", "LICENSE"]);
    assert_eq!(
        dcase.list().unwrap().notes,
        ["archives are not read; unpack what is needed of `valve.zip`"]
    );
}
