//! Sound files in the wrong place: objects and records that changed places, and a record that
//! another version wrote over ours.

use std::fs;
use std::path::{Path, PathBuf};

use humshift::digest::Digest;
use serde_json::json;

use crate::cache::{self, Record};
use crate::project::{Project, tree};
use crate::sounds::{self, SPEC};

fn project() -> (Project, String) {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project.run("run spec.yaml").done();
    let report = project.report();
    (project, report)
}

fn swap(a: &Path, b: &Path) {
    let aside = a.with_extension("aside");
    fs::rename(a, &aside).expect("a file");
    fs::rename(b, a).expect("a file");
    fs::rename(aside, b).expect("a file");
}

/// Pairs of objects with other bytes but of one kind and length, one pair of each kind.
fn alike(cache: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut files: Vec<(String, u64, PathBuf)> = tree(&cache.join("objects"))
        .into_values()
        .map(|path| {
            let kind = path.extension().expect("a kind").to_string_lossy().into_owned();
            (kind, fs::metadata(&path).expect("a file").len(), path)
        })
        .collect();
    files.sort();
    let mut pairs: Vec<(String, PathBuf, PathBuf)> = files
        .windows(2)
        .filter(|pair| (&pair[0].0, pair[0].1) == (&pair[1].0, pair[1].1))
        .map(|pair| (pair[0].0.clone(), pair[0].2.clone(), pair[1].2.clone()))
        .collect();
    pairs.dedup_by(|a, b| a.0 == b.0);
    pairs.into_iter().map(|(_, a, b)| (a, b)).collect()
}

#[test]
fn two_objects_that_changed_places_are_found_and_made_again() {
    let (project, report) = project();
    let sound = project.path("sound");
    cache::copy(&project.cache(), &sound);
    let records = cache::records(&project.cache());
    let pairs = alike(&project.cache());
    let kinds: Vec<_> = pairs.iter().filter_map(|(a, _)| a.extension()).collect();
    assert!(kinds.len() >= 3, "pairs of these kinds: {kinds:?}");
    for (a, b) in &pairs {
        let what = format!("{} and {}", a.display(), b.display());
        swap(a, b);
        let audit = project.run("cache verify").exits(1);
        assert!(audit.stdout.contains(" 2 damaged"), "{what}: {}", audit.stdout);
        // As they are, and so that everybody who reads them has to read them again.
        for reread in [false, true] {
            cache::copy(&sound, &project.cache());
            swap(a, b);
            for reader in records.iter().filter(|r| reread && (r.reads(a) || r.reads(b))) {
                fs::remove_file(&reader.path).expect("it was there");
            }
            project.forget();
            project.run("run spec.yaml").done();
            assert_eq!(project.report(), report, "{what}, read again: {reread}");
            project.run("run spec.yaml --frozen").done();
        }
        cache::copy(&sound, &project.cache());
    }
    eprintln!("pairs that changed places: {kinds:?}");
}

/// Records of one stage of two sections: both are whole, and have the outputs of the stage.
fn pairs(records: &[Record]) -> Vec<(&Record, &Record)> {
    let of = |label: String| records.iter().find(|record| record.label == label).expect("it ran");
    let stages = ["dataset", "features", "pooling", "training", "scoring", "metrics"];
    stages.iter().map(|s| (of(format!("{s}/fan/00")), of(format!("{s}/valve/01")))).collect()
}

#[test]
fn two_records_that_changed_places_are_told_and_made_again() {
    let (project, report) = project();
    for (a, b) in pairs(&cache::records(&project.cache())) {
        swap(&a.path, &b.path);
        let audit = project.run("cache verify");
        assert!(audit.code == 1 && audit.stdout.contains(" 2 damaged"), "{}", audit.stdout);
        // They were moved away.
        fs::write(&a.path, file(b)).expect("a file");
        fs::write(&b.path, file(a)).expect("a file");
        project.forget();
        let run = project.run("run spec.yaml").done();
        assert_eq!(run.ran(), [a, b].map(|record| record.label.clone()).into());
        for label in [&a.label, &b.label] {
            let told = format!("the record of {label} is damaged");
            assert!(run.stderr.contains(&told), "{told}\n{}", run.stderr);
        }
        assert_eq!(project.report(), report, "{} and {}", a.label, b.label);
        project.run("cache verify").done();
    }
}

/// The file of a record.
fn file(record: &Record) -> String {
    with_digest(&record.json.to_string())
}

fn with_digest(line: &str) -> String {
    format!("{line}\n\"{}\"\n", Digest::of(line.as_bytes()).hex())
}

#[test]
fn a_record_that_another_version_wrote_over_ours_is_a_miss() {
    let (project, report) = project();
    let records = cache::records(&project.cache());
    for schema in [0, 2, u32::MAX] {
        let mut json = records[0].json.clone();
        json["schema"] = json!(schema);
        for line in [json.to_string(), json!({ "schema": schema, "all": "else" }).to_string()] {
            fs::write(&records[0].path, with_digest(&line)).expect("a file");
            let audit = project.run("cache verify").done();
            assert!(audit.stdout.contains("1 records are of another version"), "{}", audit.stdout);
            project.forget();
            let run = project.run("run spec.yaml").done();
            assert_eq!(run.ran(), [records[0].label.clone()].into(), "{line}");
            assert!(!run.stderr.contains("damaged"), "{line}: {}", run.stderr);
            assert_eq!(project.report(), report, "{line}");
            project.run("cache verify").done();
        }
    }
}
