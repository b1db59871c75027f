//! Tests of the data sets of 2024 to 2026: hidden attributes, keys that come twice, supplemental
//! clips, and folders whose names cannot be read.

use serde_json::json;

use super::tests::{id, layout, listed, many, source, tree};
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
    assert_eq!(
        found.notes,
        ["`supplemental: train` adds nothing to valve: there are no clips of the clean machine"]
    );
    let clip = dcase.clips(&id("fan", "00"), &listed(&[clean]), &[]).unwrap().remove(0).clip;
    assert_eq!(
        (clip.domain, clip.split, clip.label),
        (Some(Domain::Source), Split::Train, Some(Label::Normal))
    );
    // What their names say became known later than keys of other data sets.
    assert_eq!(dcase.keyed()["dcase"]["supplemental"], 2);
    dcase.machines = vec!["valve".into()];
    assert_eq!(dcase.list().unwrap().notes, found.notes);
    dcase.machines.clear();
    let (_bare, mut bare) = tree(&[TRAIN, TEST, other]);
    bare.supplemental = Supplemental::Train;
    let (message, hint) = layout(bare.list());
    let words = "has no clips of the clean machine: no `supplemental` folder of a machine has a file with \
                 `machine` in its name; `valve/supplemental/what.wav`: its name says neither";
    assert!(message.contains(words), "{message}");
    assert!(hint.contains("leave `supplemental: train` out"), "{hint}");

    dcase.supplemental = Supplemental::Noise;
    assert_eq!(audio(&dcase.list().unwrap()), [noise]);
    dcase.machines = vec!["fan".into()];
    assert!(layout(dcase.list()).0.contains("has no machine `fan`"));
    let (_root, mut dcase) = tree(&[TRAIN, clean]);
    dcase.supplemental = Supplemental::Noise;
    assert!(layout(dcase.list()).0.contains("has no clips of noise alone"));
    // A machine may have such clips alone.
    let (_root, mut dcase) = tree(&[noise]);
    let (message, _) = layout(dcase.list());
    assert!(message.contains("holds no machines; 1 clip of `supplemental` folders is not used"));
    dcase.supplemental = Supplemental::Noise;
    assert_eq!(audio(&dcase.list().unwrap()), [noise]);
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
    // One odd name in ten is no reason.
    let told = |files: &[&[String]]| {
        let files = files.concat();
        let (_root, dcase) = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
        dcase.list().map(|found| found.strays.len()).map_err(|error| error.to_string())
    };
    let source = |n| many("fan/train/section_00_source_train_normal_", n);
    let target = many("fan/train/section_00_target_train_normal_", 1);
    let odd = |name: &str| many(&format!("fan/train/{name}"), 1);
    assert_eq!(told(&[&source(9), &odd("odd")]), Ok(1));
    let why =
        format!("2 of 11 recordings of `fan/train` cannot be used; `even0000.wav`: {grammar}");
    assert_eq!(told(&[&source(9), &odd("odd"), &odd("even")]), Err(why));
    // The last of a domain or of a section is one.
    let traget = odd("section_00_traget_train_normal_");
    assert_eq!(told(&[&source(30), &target, &traget]), Ok(1));
    let why = "1 of 31 recordings of `fan/train` cannot be used, perhaps all of its target clips; \
               `section_00_traget_train_normal_0000.wav`: `traget` stands in its name where the number of the \
               clip should be (did you mean `target`?)";
    assert_eq!(told(&[&source(30), &traget]), Err(why.to_owned()));
    let lost = |files: &[&[String]], what: &str| {
        let error = told(files).unwrap_err();
        assert!(error.contains(&format!("cannot be used, perhaps all of {what}; ")), "{error}");
    };
    lost(&[&source(30), &target, &odd("section_01_traget_train_normal_")], "section 01");
    lost(&[&source(30), &odd("Section_00_Target_train_normal_")], "its target clips");
    let normal = many("fan/test/section_00_source_test_normal_", 40);
    let abnormal = many("fan/test/section_00_source_test_abnormal_", 4);
    lost(&[&source(30), &target, &normal, &abnormal], "its anomalies");
    // What says that it is of the source is not the last of the target.
    assert_eq!(told(&[&source(30), &odd("section_00_source_train_normal_bad")]), Ok(1));
    // A folder of another name, and recordings beside the folders.
    let no_folder =
        "it lies in none of the folders train, test, source_test, target_test, test_rename";
    let eval = many("fan/eval/section_00_source_test_normal_", 8);
    let why = format!(
        "all 8 recordings of `fan/eval` cannot be used; `section_00_source_test_normal_0000.wav`: {no_folder}"
    );
    assert_eq!(told(&[&source(90), &eval]), Err(why));
    let why = "2 of 11 recordings of `fan` cannot be used; `x0000.wav`: it lies in";
    let error = told(&[&source(9), &many("fan/x", 2)]).unwrap_err();
    assert!(error.starts_with(why), "{error}");
    let why = "the recording of `saw/Train` cannot be used; `section_00_0000.wav`: it lies in";
    let error = told(&[&source(9), &many("saw/Train/section_00_", 1)]).unwrap_err();
    assert!(error.starts_with(why), "{error}");
}

#[test]
fn clips_renamed_by_half_are_told() {
    let test = many("fan/test/section_00_", 8);
    let renamed = |n| many("fan/test_rename/section_00_source_test_normal_", n);
    let list = |n| {
        let files = [test.clone(), renamed(n)].concat();
        let (_root, dcase) = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
        dcase.list()
    };
    let whole = list(8).unwrap();
    assert_eq!(whole.sections[&id("fan", "00")].audio, renamed(8));
    assert!(whole.strays.is_empty() && whole.notes.is_empty());
    let (message, _) = layout(list(2));
    assert_eq!(
        message,
        "`fan/test_rename` has 2 of the 8 recordings of `fan/test`, and `test` is not read beside it"
    );
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
    for (root, folder) in
        [("dev_data/dev_data", ""), ("dev_data/dev_data", "/raw"), ("raw/raw", "")]
    {
        let clip = format!("{root}{folder}/saw/train/section_00_0001.wav");
        let told = told(&[&clip]);
        assert!(told.starts_with(&format!("the recordings of `{root}")), "{told}");
        assert!(told.ends_with(&format!("lie one folder too deep, in `{root}{folder}/saw/train`")));
    }
    assert_eq!(
        told(&["saw/train/section_00_0001.mp3", "saw/train/section_00_0002.mp3"]),
        "all 2 recordings of `saw/train` cannot be used; `section_00_0001.mp3`: it is no WAV, FLAC or Ogg file, and no other is read"
    );
    assert_eq!(
        told(&["saw/train/.keep", "saw/test/.keep"]),
        "`saw` has no recordings: `test`, `train` without WAV, FLAC or Ogg files"
    );
    let mp3 = |wav: &str, mp3: &str| {
        let [wav, mp3] = [format!("saw/train/{wav}"), format!("saw/train/{mp3}")];
        let (_root, dcase) = tree(&[TRAIN, TEST, &wav, &mp3]);
        dcase.list().map(|found| found.strays.len()).map_err(|error| error.to_string())
    };
    assert_eq!(
        mp3("section_00_0001.wav", "section_00_0002.MP3"),
        Err("1 of 2 recordings of `saw/train` cannot be used; `section_00_0002.MP3`: it is no WAV, FLAC or Ogg file, \
             and no other is read"
            .into())
    );
    // The same recording in both formats loses nothing.
    assert_eq!(mp3("section_00_0001.wav", "section_00_0001.mp3"), Ok(0));
    // Where no machine is left, the same is told.
    let (_root, dcase) = tree(&["saw/train/section_00_0001.mp3", "saw/test/section_00_0001.mp3"]);
    let (message, hint) = layout(dcase.list());
    assert!(message.starts_with("the recording of `saw/test` cannot be used"), "{message}");
    assert!(hint.contains("move what is no clip out of the data set"), "{hint}");
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
