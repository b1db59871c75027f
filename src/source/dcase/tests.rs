//! Tests of data sets in the layouts of DCASE.

use super::tables::same;
use super::*;
use crate::artifact::{Domain, Label};
use crate::digest::Digest;
use crate::source::SourceSpec;
use crate::source::tree::of_empty_files;
use serde_json::json;

pub(super) fn source(settings: serde_json::Value) -> Dcase {
    match SourceSpec::parse("dcase", &settings).unwrap() {
        SourceSpec::Dcase(source) => source,
        other => panic!("{other:?}"),
    }
}

/// A folder with empty files, and a source that reads it.
pub(super) fn tree(files: &[&str]) -> (tempfile::TempDir, Dcase) {
    let root = of_empty_files(files);
    let source = source(json!({ "root": root.path() }));
    (root, source)
}

/// So many paths that begin like this.
pub(super) fn many(start: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{start}{i:04}.wav")).collect()
}

pub(super) fn id(machine: &str, section: &str) -> SectionId {
    SectionId { machine: machine.into(), section: section.into() }
}

pub(super) fn listed(paths: &[&str]) -> Vec<ListedFile> {
    paths
        .iter()
        .map(|path| ListedFile { path: path.to_string(), sha256: Digest::of(path.as_bytes()) })
        .collect()
}

pub(super) fn layout(result: Result<Listing, SourceError>) -> (String, String) {
    match result {
        Err(SourceError::Layout { message, hint }) => (message, hint),
        other => panic!("{other:?}"),
    }
}

const A: &str = "fan/train/section_00_source_train_normal_0000_m-n_W.wav";
const B: &str = "fan/test/section_00_target_test_anomaly_0000_m-n_Y.wav";

#[test]
fn machines_and_sections_are_chosen_and_unknown_ones_told() {
    let (root, mut source) =
        tree(&[A, B, "fan/train/section_01_0000.wav", "valve/test/section_01_0000.wav"]);
    source.machines = vec!["fan".into()];
    source.sections = vec!["01".into()];
    assert_eq!(source.list().unwrap().sections.into_keys().collect::<Vec<_>>(), [id("fan", "01")]);
    source.machines = vec!["vlave".into(), "fan".into()];
    source.sections = vec!["07".into()];
    let (message, hint) = layout(source.list());
    assert_eq!(
        message,
        format!("`{}` has no machine `vlave` and no section `07`", root.path().display())
    );
    assert_eq!(hint, "did you mean `valve`?; did you mean `00`?");
    source.machines = vec!["compressor".into()];
    assert_eq!(layout(source.list()).1, "known: fan, valve");
}

#[test]
fn sections_may_be_numbers_and_twice_is_too_often() {
    let source = source(
        json!({ "root": "", "sections": [0, "id_02", 12, "12"], "machines": ["fan", "fan"] }),
    );
    assert_eq!(source.sections, ["00", "id_02", "12", "12"]);
    let told: Vec<_> =
        source.problems().into_iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
    assert_eq!(
        told,
        [
            "root: the path is empty",
            "machines: `fan` is listed twice",
            "sections: `12` is listed twice"
        ]
    );
}

#[test]
fn names_say_what_clips_are_and_tables_add_to_it() {
    let (_root, source) = tree(&[]);
    let table = b"file_name,d1p,d1v,d2p,d2v\n\
        fan/train/section_00_source_train_normal_0000_m-n_W.wav,m-n,W,speed,0.10\n";
    let set = source.clips(&id("fan", "00"), &listed(&[B, A]), &[table.to_vec()]).unwrap();
    let [test, train] = &set[..] else { panic!("{set:?}") };
    assert_eq!(
        (test.clip.domain, test.clip.split, test.clip.label),
        (Some(Domain::Target), Split::Test, Some(Label::Anomaly))
    );
    assert_eq!(
        (train.clip.domain, train.clip.split, train.clip.label),
        (Some(Domain::Source), Split::Train, Some(Label::Normal))
    );
    assert_eq!(
        train.clip.attributes,
        [("m-n", "W"), ("speed", "0.10")].map(|(k, v)| (k.into(), v.into())).into()
    );
    assert_eq!(test.clip.attributes, [("m-n".to_string(), "Y".to_string())].into());
    assert_eq!(
        train.audio,
        Audio::Wav { channel: Channel::Mean, sha256: Digest::of(A.as_bytes()) }
    );
}

#[test]
fn a_table_that_contradicts_a_name_is_refused() {
    let (_root, mut source) = tree(&[]);
    let table =
        b"file_name,d1p,d1v\nsection_00_source_train_normal_0000_m-n_W.wav,m-n,X\n".to_vec();
    let error =
        source.clips(&id("fan", "00"), &listed(&[A]), std::slice::from_ref(&table)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "fan/attributes_00.csv: line 2: `m-n` is `X`, but the name of `{A}` says `W` \
             (correct one of them, or set `attributes: names` to leave the tables unread)"
        )
    );
    // A field that was left empty contradicts nothing.
    let empty = b"file_name,d1p,d1v\nsection_00_source_train_normal_0000_m-n_W.wav,m-n,\n".to_vec();
    let set = source.clips(&id("fan", "00"), &listed(&[A]), &[empty]).unwrap();
    assert_eq!(set[0].clip.attributes["m-n"], "W");
    source.attributes = Attributes::Names;
    let set = source.clips(&id("fan", "00"), &listed(&[A]), &[table]).unwrap();
    assert_eq!(set[0].clip.attributes["m-n"], "W");
    let error = Dcase { attributes: Attributes::Both, ..source }.clips(
        &id("fan", "00"),
        &[],
        &[b"x\n".to_vec()],
    );
    let expected = "fan/attributes_00.csv: line 1: the header has no column `file_name`";
    assert_eq!(error.unwrap_err().to_string(), expected);
    assert!(same("0.1", "0.10") && !same("A", "B") && !same("1", "A"));
}

#[test]
fn mimii_tests_with_the_abnormal_clips_and_as_many_normal_ones() {
    let normal = |i: usize| format!("fan/id_00/normal/{i:08}.wav");
    let abnormal = |i: usize| format!("fan/id_00/abnormal/{i:08}.wav");
    let paths: Vec<String> = (0..5).map(normal).chain((0..2).map(abnormal)).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (_root, source) = tree(&paths);
    let found = source.list().unwrap();
    assert_eq!(found.sections[&id("fan", "id_00")].audio.len(), 7);
    let set = source.clips(&id("fan", "id_00"), &listed(&paths), &[]).unwrap();
    let split =
        |split| set.iter().filter(move |c| c.clip.split == split).map(|c| c.clip.id.clone());
    assert_eq!(split(Split::Train).collect::<Vec<_>>(), (2..5).map(normal).collect::<Vec<_>>());
    assert_eq!(
        split(Split::Test).collect::<Vec<_>>(),
        [normal(0), normal(1), abnormal(0), abnormal(1)]
    );
    assert!(set.iter().all(|c| c.clip.domain.is_none() && c.clip.label.is_some()));
}

#[test]
fn mimii_without_normal_clips_to_train_on_is_told() {
    let (_root, source) =
        tree(&["fan/id_00/normal/00000000.wav", "fan/id_00/abnormal/00000000.wav"]);
    let (message, hint) = layout(source.list());
    assert_eq!(
        message,
        "no clips are left for training in `fan` `id_00`: it has 1 normal, 1 abnormal"
    );
    assert!(hint.contains("all abnormal clips and as many normal ones are for testing"), "{hint}");
}

#[test]
fn root_and_choice_are_not_in_the_key() {
    let here =
        source(json!({ "root": "a", "machines": ["fan"], "sections": ["00"], "channel": "first" }));
    let there = source(json!({ "root": "b", "channel": "first" }));
    assert_eq!(here.keyed(), there.keyed());
    assert_eq!(here.keyed(), json!({ "dcase": { "channel": "first", "attributes": "both" } }));
}

#[test]
fn a_table_of_other_clips_is_refused() {
    let (_root, mut source) = tree(&[]);
    let table = b"file_name,d1p,d1v\nfan/test/x.wav,m-n,W\nfan/test/y.wav,m-n,W\n".to_vec();
    let why = source
        .clips(&id("fan", "00"), &listed(&[A, B]), std::slice::from_ref(&table))
        .unwrap_err()
        .to_string();
    assert_eq!(
        why,
        "fan/attributes_00.csv: none of its 2 rows is of a clip of this section, such as `test/x.wav` in line 2 \
         (correct the paths, or set `attributes: names` to leave the tables unread)"
    );
    source.attributes = Attributes::Names;
    assert_eq!(source.clips(&id("fan", "00"), &listed(&[A, B]), &[table]).unwrap().len(), 2);
}

#[test]
fn a_data_set_that_was_unpacked_twice_is_refused() {
    let copy = |level: &str| [A, B].map(|clip| format!("{level}{clip}"));
    let files = [copy("dev_data/"), copy("dev_data/raw/")].concat();
    let other = "eval_data/valve/test/section_01_0000.wav";
    let files: Vec<&str> = files.iter().map(String::as_str).chain([other]).collect();
    let (root, mut source) = tree(&files);
    let (message, hint) = layout(source.list());
    let here = root.path().display();
    assert_eq!(
        message,
        format!(
            "`{here}` has 2 clips twice, one of them as `dev_data/{B}` and as `dev_data/raw/{B}`"
        )
    );
    let hinted = "was an archive unpacked twice? Remove one copy, or give";
    assert_eq!(hint, format!("{hinted} `{here}/dev_data/raw` as `root`"));
    // Machines that are not chosen are ignored.
    source.machines = vec!["valve".into()];
    assert_eq!(source.list().unwrap().sections.len(), 1);
    source.machines.clear();
    source.root = root.path().join("dev_data/raw");
    assert_eq!(source.list().unwrap().sections[&id("fan", "00")].audio.len(), 2);
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_are_another_data_set() {
    use crate::source::tree::spoil;
    let whole =
        [A, B, "fan/test/section_01_source_test_normal_0000.wav", "valve/test/section_01_0000.wav"];
    let (root, mut source) = tree(&whole);
    spoil(root.path(), A, false);
    spoil(root.path(), whole[2], false);
    let (message, hint) = layout(source.list());
    let here = root.path().display();
    assert_eq!(
        message,
        format!("2 recordings of `{here}` are links that lead nowhere, `{}` for one", whole[2])
    );
    assert!(
        hint.starts_with("was their content fetched (`git annex get`, `datalad get`, `dvc pull`)?"),
        "{hint}"
    );
    source.machines = vec!["valve".into()];
    assert_eq!(source.list().unwrap().sections.len(), 1);
    // Whole folders, and tables.
    source.machines.clear();
    let (root, mut source) = tree(&whole);
    for path in ["eval_data", "fan/train_"] {
        spoil(root.path(), path, false);
    }
    assert!(layout(source.list()).0.starts_with("`eval_data` of"), "{source:?}");
    std::fs::remove_file(root.path().join("eval_data")).unwrap();
    assert_eq!(
        source.list().unwrap().strays,
        [("fan/train_".into(), "it is a link that leads nowhere".into())]
    );
    spoil(root.path(), "fan/attributes_00.csv", false);
    assert!(layout(source.list()).0.starts_with("`fan/attributes_00.csv` of"));
    source.sections = vec!["01".into()];
    assert_eq!(source.list().unwrap().sections.len(), 2);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_left_out_and_told() {
    use crate::source::tree::spoil;
    let clips = many("fan/train/section_00_source_train_normal_", 9);
    let (root, source) = tree(&clips.iter().map(String::as_str).collect::<Vec<_>>());
    for pipe in ["fan/train/section_00_source_train_normal_0099.wav", "fan/attributes_00.csv"] {
        spoil(root.path(), pipe, true);
    }
    let found = source.list().unwrap();
    assert_eq!(found.sections[&id("fan", "00")].audio, clips);
    assert!(found.sections[&id("fan", "00")].tables.is_empty());
    let why = "it is a named pipe, not a file";
    let expected = ["fan/attributes_00.csv", "fan/train/section_00_source_train_normal_0099.wav"];
    assert_eq!(found.strays, expected.map(|path| (path.to_owned(), why.to_owned())));
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_above_is_no_second_way() {
    let (root, source) = tree(&[A, B]);
    for name in ["dev_data", "raw"] {
        std::os::unix::fs::symlink(root.path(), root.path().join(name)).unwrap();
    }
    let found = source.list().unwrap();
    assert_eq!(
        found.sections.into_iter().map(|(id, files)| (id, files.audio.len())).collect::<Vec<_>>(),
        [(id("fan", "00"), 2)]
    );
}

/// The split of raw MIMII at three ratios, by path.
fn held_out(split: serde_json::Value, tables: &[&str]) -> Vec<Vec<(String, Split)>> {
    let (_root, _) = tree(&[]);
    let source = source(json!({ "root": "", "split": split }));
    let set = |ratio: &str| {
        let path = |label: &str, i: usize| format!("{ratio}_dB_fan/fan/id_00/{label}/{i:08}.wav");
        let paths: Vec<String> = (0..12)
            .map(|i| path("normal", i))
            .chain((0..12).map(|i| path("abnormal", i)))
            .collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let tables: Vec<Vec<u8>> = tables.iter().map(|table| table.as_bytes().to_vec()).collect();
        let machine = format!("{ratio}_dB_fan");
        let set = source.clips(&id(&machine, "id_00"), &listed(&paths), &tables).unwrap();
        let inner = |path: &str| path.split_once('/').unwrap().1.to_owned();
        set.iter().map(|r| (inner(&r.clip.id), r.clip.split)).collect()
    };
    ["-6", "0", "6"].map(set).to_vec()
}

#[test]
fn a_share_of_mimii_is_held_out_alike_at_every_ratio() {
    let sets = held_out(json!({ "holdout": 0.25 }), &[]);
    assert!(sets[0] == sets[1] && sets[1] == sets[2], "{sets:?}");
    let tests = |label: &str| {
        let is_test =
            |(path, split): &&(String, Split)| path.contains(label) && *split == Split::Test;
        sets[0].iter().filter(is_test).count()
    };
    // Here the default would leave nothing to train on.
    assert_eq!((tests("/normal/"), tests("/abnormal/")), (3, 12));
    assert_ne!(held_out(json!({ "holdout": 0.25, "seed": 1 }), &[])[0], sets[0]);
}

#[test]
fn sessions_of_mimii_come_from_a_table_and_stay_together() {
    let rows = |label: &str| {
        (0..12)
            .map(|i| format!("{label}/{i:08}.wav,session,{label}{}\n", i / 3))
            .collect::<String>()
    };
    let table = format!("file_name,d1p,d1v\n{}{}", rows("normal"), rows("abnormal"));
    let split = json!({ "holdout": 0.3, "by": "session" });
    let sets = held_out(split.clone(), &[&table]);
    let normal: Vec<Split> = sets[0].iter().take(12).map(|(_, split)| *split).collect();
    assert!(normal.chunks(3).all(|session| session.iter().all(|split| *split == session[0])));
    assert_eq!(normal.iter().filter(|split| **split == Split::Test).count(), 3);
    let files = ["6_dB_fan/fan/id_00/normal/00000000.wav", "6_dB_fan/fan/attributes_id_00.csv"];
    let (_root, mut source) = tree(&files);
    source.split = serde_json::from_value(split).unwrap();
    let section = id("6_dB_fan", "id_00");
    assert_eq!(source.list().unwrap().sections[&section].tables, [files[1]]);
    let error = source.clips(&section, &listed(&files[..1]), &[]).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}: has no attribute `session` to split by (`6_dB_fan/attributes_id_00.csv` may give it, \
             or write `by: random`)",
            files[0]
        )
    );
}

#[test]
fn a_split_of_folders_that_say_it_is_told() {
    let (_root, mut source) = tree(&[A, B]);
    source.split = serde_json::from_value(json!({ "holdout": 0.3 })).unwrap();
    let (message, hint) = layout(source.list());
    assert!(message.starts_with("`split` is never used: folders of `"), "{message}");
    assert!(hint.contains("`split: { holdout: 0.3 }`"), "{hint}");
    let split: Option<Holdout> = serde_json::from_value(json!({ "holdout": 1.5 })).unwrap();
    let problems = Dcase { split, ..source }.problems();
    assert_eq!(problems[0].message, "`holdout` is 1.5, not between 0 and 1");
}
