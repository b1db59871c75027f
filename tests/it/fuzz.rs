//! The inputs of `fuzz/corpus`: all that the fuzzer found worth keeping, and whatever broke a law
//! once. A package of the program has no corpus; there the tests say that they are skipped.

// The programs in `fuzz/fuzz_targets` name this file in the same way.
#[path = "fuzz/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn corpus(target: &str) -> Vec<std::path::PathBuf> {
    let folder = Path::new("fuzz/corpus").join(target);
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn has_corpus(test: &str) -> bool {
    let there = Path::new("fuzz/corpus").is_dir();
    if !there {
        eprintln!("skipped: {test}: there is no corpus");
    }
    there
}

#[test]
fn no_input_of_the_corpus_breaks_a_law() {
    if !has_corpus("no_input_of_the_corpus_breaks_a_law") {
        return;
    }
    for (name, target) in targets::ALL {
        let files = corpus(name);
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let data = fs::read(&file).expect("a file");
            let held = std::panic::catch_unwind(|| target(&data));
            assert!(held.is_ok(), "{} breaks a law of {name}", file.display());
        }
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    if !has_corpus("every_target_has_a_program_and_a_corpus") {
        return;
    }
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.unwrap().path());
        entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let all: BTreeSet<String> = targets::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz/fuzz_targets"), all);
    assert_eq!(names("fuzz/corpus"), all);
}
