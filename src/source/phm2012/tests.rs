//! Tests of folders of PRONOSTIA.

use super::*;
use crate::artifact::{Axis, Domain, Label, Split};
use crate::digest::Digest;
use crate::source::tree::of_empty_files;
use crate::source::{self, SourceSpec, Wave, wav};
use serde_json::json;

const LEARNING: [&str; 6] = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2"];

/// The folder of a bearing, as published.
fn published(bearing: &str) -> String {
    let set = if LEARNING.contains(&bearing) { "Learning_set" } else { "Full_Test_Set" };
    format!("{set}/Bearing{bearing}")
}

/// Empty snapshots of bearings that live so long.
fn folders(lives: &BTreeMap<&str, usize>) -> tempfile::TempDir {
    let files = lives.iter().flat_map(|(bearing, life)| {
        let folder = published(bearing);
        (1..=*life).map(move |number| path(&folder, number))
    });
    let files: Vec<String> = files.collect();
    of_empty_files(&files.iter().map(String::as_str).collect::<Vec<_>>())
}

fn every(life: usize) -> BTreeMap<&'static str, usize> {
    SHIFTS.iter().flat_map(Shift::bearings).map(|bearing| (bearing, life)).collect()
}

fn source(root: &Path, sections: &[&str]) -> SourceSpec {
    SourceSpec::parse("phm2012", &json!({ "root": root, "sections": sections })).unwrap()
}

/// All clips, with the digests of their files.
fn clips(source: &SourceSpec) -> Vec<Recording> {
    let (member, root) = (source.member(), source.member().root().unwrap());
    let listing = source::untrusted::list(member).unwrap();
    let mut all = Vec::new();
    for (id, FileList { audio, .. }) in listing.sections {
        let digest = |path: &str| Digest::of(&std::fs::read(root.join(path)).unwrap());
        let listed = |path: String| ListedFile { sha256: digest(&path), path };
        let files: Vec<ListedFile> = audio.into_iter().map(listed).collect();
        all.extend(source::untrusted::clips(member, &id, &files, &[]).unwrap());
    }
    all
}

/// A snapshot of two axes in g, with commas or semicolons.
fn csv(horizontal: &[f64], vertical: &[f64], separator: char) -> String {
    let row = |(h, v): (&f64, &f64)| format!("9,39,39,6.5664e+004,{h},{v}\n");
    let text: String = horizontal.iter().zip(vertical).map(row).collect();
    text.replace(',', &separator.to_string())
}

fn told(source: &SourceSpec) -> String {
    match source.member().list().unwrap_err() {
        SourceError::Layout { message, .. } => message,
        other => other.to_string(),
    }
}

#[test]
fn three_sections_are_made_and_only_their_snapshots_are_listed() {
    let root = folders(&every(100));
    let source = source(root.path(), &[]);
    assert!(source.member().problems().is_empty());
    let all = clips(&source);
    let count = |section: &str, split: Split, domain: Domain, label: Label| {
        let fits = |clip: &&Recording| {
            let clip = &clip.clip;
            (clip.section.as_str(), clip.split, clip.domain, clip.label)
                == (section, split, Some(domain), Some(label))
        };
        all.iter().filter(fits).count()
    };
    use {Domain::*, Label::*, Split::*};
    // Of 100 snapshots four clips are for training, two normal ones and one anomaly for testing.
    for (section, sources, targets) in [("00", 10, 7), ("01", 4, 3), ("02", 8, 8)] {
        assert_eq!(count(section, Train, Source, Normal), 4 * sources);
        assert_eq!(count(section, Train, Target, Normal), 10);
        assert_eq!(count(section, Test, Source, Normal), 2 * sources);
        assert_eq!(count(section, Test, Target, Normal), 2 * targets);
        assert_eq!(count(section, Test, Source, Anomaly), sources);
        assert_eq!(count(section, Test, Target, Anomaly), targets);
    }
    let first = &all[0].clip;
    assert_eq!(
        first.id,
        "bearing/train/section_00_source_train_normal_0000_rpm_1800_load_4000_id_1-1_axis_h.wav"
    );
    let name = source::names::parse(first.id.rsplit('/').next().unwrap()).unwrap();
    assert_eq!(name.attributes, first.attributes);
    let Audio::Snapshots(Snapshots { axis, files }) = &all[0].audio else { panic!() };
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let expected: Vec<String> =
        (4..9).map(|number| format!("Learning_set/Bearing1_1/acc_{number:05}.csv")).collect();
    assert_eq!((*axis, paths), (Axis::Horizontal, expected.iter().map(String::as_str).collect()));
    let listed = source.member().list().unwrap();
    assert!(listed.sections.values().all(|files| files.audio.len() < 17 * 50));
}

#[test]
fn a_clip_is_five_snapshots_of_one_axis() {
    let root = folders(&every(100));
    let g = |number: usize, i: usize| {
        (((number * 2560 + i) * 7919 % 40_001) as f64 - 20_000.0) / 1000.0
    };
    let written =
        |number: usize, sign: f64| -> Vec<f64> { (0..2560).map(|i| sign * g(number, i)).collect() };
    for (number, separator) in (1..=100).zip([',', ';'].into_iter().cycle()) {
        let text = csv(&written(number, 1.0), &written(number, -1.0), separator);
        std::fs::write(root.path().join(path(&published("2_1"), number)), text).unwrap();
    }
    let source = source(root.path(), &["02"]);
    let mut heard = 0;
    for Recording { clip, audio } in clips(&source) {
        let Audio::Snapshots(snapshots) = &audio else { panic!() };
        if clip.attributes["id"] != "2-1" {
            let empty = source::read(&clip.id, &audio, Some(root.path())).unwrap_err();
            assert!(
                empty.to_string().contains("it has 0 rows, and a snapshot has 2560"),
                "{empty}"
            );
            continue;
        }
        let sign = if clip.attributes["axis"] == "v" { -1.0 } else { 1.0 };
        let numbers = snapshots.files.iter().map(|(path, _)| placed(path).unwrap().1);
        let wanted: Vec<f64> = numbers.flat_map(|number| written(number, sign)).collect();
        let Wave { rate, samples } = source::read(&clip.id, &audio, Some(root.path())).unwrap();
        assert_eq!((rate, samples.len()), (RATE, LENGTH));
        for (sample, g) in samples.iter().zip(&wanted) {
            assert!((f64::from(*sample) * 50.0 - g).abs() < 0.5 * 50.0 / 32_768.0 + 1e-9);
        }
        assert_eq!(audio.to_string().parse::<Audio>().unwrap(), audio);
        heard += 1;
        let path = root.path().join(&snapshots.files[4].0);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}\n")).unwrap();
        let changed = source::read(&clip.id, &audio, Some(root.path())).unwrap_err().to_string();
        assert!(changed.ends_with("changed since it was listed"), "{changed}");
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(heard, 4 + 2 + 2 + 2 + 1 + 1);
}

#[test]
fn folders_that_are_not_as_published_say_so() {
    let mut lives = every(100);
    lives.remove("1_3");
    lives.remove("2_7");
    let root = folders(&lives);
    let here = root.path().display().to_string();
    assert_eq!(told(&source(root.path(), &[])), format!("`{here}` has no Bearing1_3, Bearing2_7"));
    // Another section does not need them, and a bearing may lie at the top.
    assert!(source(root.path(), &["02"]).member().list().is_ok());
    std::fs::rename(root.path().join("Learning_set/Bearing2_1"), root.path().join("Bearing2_1"))
        .unwrap();
    assert!(source(root.path(), &["02"]).member().list().is_ok());
    std::fs::remove_file(root.path().join("Bearing2_1/acc_00017.csv")).unwrap();
    assert_eq!(
        told(&source(root.path(), &["02"])),
        "Bearing2_1: it has snapshots up to 100 and lacks `acc_00017.csv`; a life without gaps is needed"
    );
    let nowhere = root.path().join("nowhere");
    assert_eq!(told(&source(&nowhere, &[])), format!("`{}` does not exist", nowhere.display()));
    let problems = |sections: &[&str]| -> Vec<String> {
        source(root.path(), sections)
            .member()
            .problems()
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    };
    assert_eq!(problems(&["03", "00", "00"]), ["there is no section `03`", "`00` is listed twice"]);
}

#[test]
fn published_folders_are_found_where_they_lie() {
    let root = folders(&every(1));
    let found = place(root.path()).unwrap();
    assert_eq!((found.root.as_path(), found.bearings.len()), (root.path(), bearings().len()));
    assert!(found.sections().all(|(_, lacks)| lacks.is_empty()));
    // An archive that was unpacked into a folder of its own.
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("phm-ieee-2012-data-challenge-dataset");
    std::fs::create_dir(&inner).unwrap();
    for set in ["Learning_set", "Full_Test_Set"] {
        std::fs::rename(root.path().join(set), inner.join(set)).unwrap();
    }
    assert_eq!(place(root.path()), None);
    assert_eq!(place_inside(outer.path()), Some(Place { root: inner.clone(), ..found }));
    std::fs::remove_dir_all(inner.join(published("2_7"))).unwrap();
    // A folder without snapshots is no bearing.
    std::fs::remove_file(inner.join(path(&published("3_3"), 1))).unwrap();
    let sections: Vec<_> = place_inside(outer.path()).unwrap().sections().collect();
    assert_eq!(sections, [("00", vec!["3_3", "2_7"]), ("01", vec![]), ("02", vec![])]);
    let other = of_empty_files(&["Test_set/Bearing1_3/acc_00001.csv", "Bearing1_1/acc.wav"]);
    assert_eq!((place(other.path()), place_inside(other.path())), (None, None));
    // Full lives are chosen where shorter ones lie beside them.
    let beside = of_empty_files(&["a/Bearing1_1/acc_00001.csv", "b/x.wav"]);
    let copy = beside.path().join("c");
    std::fs::rename(&inner, &copy).unwrap();
    assert_eq!(place_inside(beside.path()).unwrap().root, copy);
}

/// The clips of another cut of the same data, if it is there: its recordings give their snapshots
/// back, and its names and numbers come out again.
#[test]
fn the_clips_of_the_benchmark_come_back_from_snapshots() {
    #[expect(
        clippy::disallowed_methods,
        reason = "says where the data of tests lies, never a setting"
    )]
    let given = std::env::var("HUMSHIFT_TEST_DATA").ok().map(PathBuf::from);
    let folder =
        given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let manifest = folder.join("pronostia/manifest.csv");
    let Ok(mut rows) = csv::Reader::from_path(&manifest) else {
        eprintln!(
            "skipped: the_clips_of_the_benchmark_come_back_from_snapshots: no {}",
            manifest.display()
        );
        return;
    };
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    let life = |row: &csv::StringRecord| row[8].parse::<usize>().unwrap();
    let lives: BTreeMap<&str, usize> = rows.iter().map(|row| (&row[5], life(row))).collect();
    assert_eq!(lives.len(), 17);
    let root = folders(&lives);
    // Every 97th clip gets snapshots with its samples; other sections may have the same snapshots.
    let some = rows.iter().rev().step_by(97).map(|row| ((&row[5], &row[7]), row));
    let some: Vec<&csv::StringRecord> = some.collect::<BTreeMap<_, _>>().into_values().collect();
    let recording = |row: &csv::StringRecord| {
        wav::read(&folder.join("pronostia/bearing").join(&row[0]), Default::default()).unwrap()
    };
    for (row, separator) in some.iter().zip([',', ';'].into_iter().cycle()) {
        let g: Vec<f64> = recording(row).samples.iter().map(|x| f64::from(*x) * 50.0).collect();
        let first = row[7].parse::<usize>().unwrap() + 1;
        for (number, snapshot) in (first..).zip(g.chunks(2560)) {
            let text = csv(snapshot, snapshot, separator);
            std::fs::write(root.path().join(path(&published(&row[5]), number)), text).unwrap();
        }
    }
    let found: BTreeMap<String, Recording> =
        clips(&source(root.path(), &[])).into_iter().map(|r| (r.clip.id.clone(), r)).collect();
    assert_eq!(found.len(), rows.len());
    for row in &rows {
        let Recording { clip, audio } = &found[&format!("bearing/{}", &row[0])];
        let words = [
            clip.section.as_str(),
            clip.domain.unwrap().name(),
            clip.split.name(),
            clip.label.unwrap().name(),
        ];
        assert_eq!(words, [&row[1], &row[2], &row[3], &row[4]]);
        let Audio::Snapshots(Snapshots { axis, files }) = audio else { panic!() };
        let (bearing, first) = placed(&files[0].0).unwrap();
        assert_eq!((bearing, first - 1), (&row[5], row[7].parse().unwrap()));
        assert_eq!(*axis == Axis::Horizontal, &row[6] == "h");
        let name = source::names::parse(&row[0][row[0].find('/').unwrap() + 1..]).unwrap();
        assert_eq!(clip.attributes, name.attributes);
    }
    assert!(some.len() > 15);
    for row in some {
        let audio = &found[&format!("bearing/{}", &row[0])].audio;
        assert!(
            source::read("", audio, Some(root.path())).unwrap() == recording(row),
            "{}",
            &row[0]
        );
    }
}
