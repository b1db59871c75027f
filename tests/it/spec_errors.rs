//! What the reader of a wrong spec is told: a snapshot for every file of `tests/bad_specs`, and for
//! wrong `--set` arguments; and that nothing hostile takes long or panics.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use humshift::diagnose::Diagnostic;
use humshift::spec::{Experiment, load, load_text};
use proptest::prelude::*;

const SOUND: &str = "data: { synthetic: {} }\nfeatures: { log_mel: {} }\npool: { mean: {} }\ndetector: { knn: {} }\n";

/// All messages as a user sees them.
fn told(result: Result<Experiment, Vec<Diagnostic>>) -> String {
    match result {
        Ok(_) => "nothing is wrong\n".to_owned(),
        Err(diagnostics) => diagnostics.iter().fold(String::new(), |mut text, d| {
            writeln!(text, "{}\n", d.render(false)).expect("a string takes all");
            text
        }),
    }
}

fn sets(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|s| (*s).to_owned()).collect()
}

#[test]
fn every_wrong_spec_is_told_so() {
    let mut accepted = Vec::new();
    let files = std::fs::read_dir("tests/bad_specs").unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    assert!(files.len() >= 60, "{} wrong specs", files.len());
    for path in files {
        // Messages show the path as given; the crate's root is where tests run.
        match load(&path, &[]) {
            Ok(_) => accepted.push(path),
            wrong => {
                let name = path.file_name().expect("a file").to_string_lossy().into_owned();
                insta::with_settings!({ snapshot_suffix => name }, { insta::assert_snapshot!(told(wrong)) });
            }
        }
    }
    assert_eq!(accepted, [] as [PathBuf; 0]);
}

#[test]
fn every_wrong_set_is_told_so() {
    let wrong: &[(&str, &[&str])] = &[
        ("no_equals", &["detector.knn.k"]),
        ("no_path", &["=5"]),
        ("empty_part", &["detector..k=5"]),
        ("unknown_word", &["detectr.knn.k=5"]),
        ("unknown_word_far", &["model=5"]),
        ("unknown_setting", &["detector.knn.kk=5"]),
        ("wrong_type", &["detector.knn.k=five"]),
        ("commas", &["detector.knn.k=1,3,5"]),
        ("wrong_type_in_a_sweep", &["detector.knn.k=[1, five]"]),
        ("nothing", &["detector.knn.k="]),
        ("not_yaml", &["detector.knn.k=[1"]),
        ("bare_name", &["detector=knn"]),
        ("unknown_variant", &["detector.kmn.k=5"]),
        ("reserved", &["command=ls"]),
        ("extends", &["extends=other.yaml"]),
        ("sweep_of_nothing", &["sweep.seed=5"]),
        ("two_mistakes", &["seed=x", "detector.knn.kk=5"]),
    ];
    for (name, arguments) in wrong {
        let text = told(load_text("spec.yaml", SOUND, &sets(arguments)));
        assert_ne!(text, "nothing is wrong\n", "{arguments:?}");
        insta::assert_snapshot!(format!("set_{name}"), text);
    }
}

#[test]
fn a_missing_file_is_told_so() {
    let text = told(load(Path::new("tests/bad_specs/not there.yaml"), &[]));
    assert_eq!(text, "error[E0501]: there is no file `tests/bad_specs/not there.yaml`\n\n");
}

/// `width` aliases of a list of `width` values: `width` squared of them once expanded.
fn quadratic(width: usize) -> String {
    let items = vec!["1"; width].join(", ");
    let aliases = vec!["*a"; width].join(", ");
    format!("a: &a [{items}]\nb: [{aliases}]\n")
}

fn laughs() -> String {
    let mut text = "a0: &a0 [ha, ha]\n".to_owned();
    for i in 1..30 {
        writeln!(text, "a{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 10].join(", "))
            .expect("a string takes all");
    }
    text
}

/// 450 aliases, each of a list around the last: few values, but deep.
fn ladder() -> String {
    let mut text = "a0: &a0 [1]\n".to_owned();
    for i in 1..400 {
        writeln!(text, "a{i}: &a{i} [*a{}]", i - 1).expect("a string takes all");
    }
    text
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the time it takes is what is tested")]
fn hostile_texts_are_refused_at_once() {
    let long_text =
        format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(10_000), vec!["*a"; 5_000].join(", "));
    let cases: &[(&str, String, &str)] = &[
        ("quadratic 23 KB", quadratic(3_300), "E0103"),
        ("quadratic 170 KB", quadratic(24_000), "E0103"),
        ("billion laughs", laughs(), "E0103"),
        ("deep ladder of aliases", ladder(), "E0103"),
        ("one long text many times", long_text, "E0103"),
        ("100 000 brackets", "[".repeat(100_000), "E0103"),
        ("100 000 dashes", "- ".repeat(100_000), "E0103"),
        ("200 000 values", format!("a: [{}]", "1,".repeat(200_000)), "E0103"),
        ("2 MB", "#".repeat(2 << 20), "E0103"),
        (
            "50 000 unknown words",
            (0..50_000).fold(String::new(), |t, i| t + &format!("w{i}: 1\n")),
            "E0103",
        ),
    ];
    for (name, text, code) in cases {
        let start = Instant::now();
        let diagnostics = load_text("x.yaml", text, &[]).expect_err(name);
        let took = start.elapsed();
        assert_eq!(diagnostics[0].code, *code, "{name}: {}", diagnostics[0].message);
        // Milliseconds; the bound leaves room for a busy machine.
        assert!(took < Duration::from_millis(500), "{name} took {took:?}");
    }
}

#[test]
fn a_flood_of_mistakes_is_cut_short() {
    let text = (0..500).fold(SOUND.to_owned(), |t, i| t + &format!("word{i}: 1\n"));
    let diagnostics = load_text("x.yaml", &text, &[]).unwrap_err();
    assert_eq!(diagnostics.len(), 100);
    assert_eq!(diagnostics[99].hint.as_deref(), Some("and 400 more mistakes, not shown"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_text_never_panics(text in "[ -~\n\t\u{e9}\u{1f600}]{0,200}") {
        let _ = told(load_text("x.yaml", &text, &[]));
    }

    /// Words of the language in any order reach deeper than random letters.
    #[test]
    fn random_words_never_panic(words in prop::collection::vec(prop::sample::select(WORDS), 0..60)) {
        let _ = told(load_text("x.yaml", &words.concat(), &[]));
        let _ = told(load_text("x.yaml", &(SOUND.to_owned() + &words.concat()), &[]));
    }

    #[test]
    fn random_arguments_never_panic(words in prop::collection::vec(prop::sample::select(WORDS), 0..12)) {
        let argument = words.concat();
        let _ = told(load_text("x.yaml", SOUND, &[argument]));
        let _ = told(load_text("x.yaml", SOUND, &[format!("detector.knn.k={}", words.concat())]));
    }
}

const WORDS: &[&str] = &[
    "data",
    "features",
    "pool",
    "detector",
    "sweep",
    "metrics",
    "seed",
    "expect",
    "extends",
    "knn",
    "log_mel",
    "mean",
    "synthetic",
    "k",
    "mels",
    "zip",
    "exclude",
    "range",
    "where",
    "metric",
    "auc",
    "at_least",
    ": ",
    ": ",
    ": ",
    ".",
    "{ ",
    " }",
    "[ ",
    " ]",
    ", ",
    "\n",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "&a ",
    "*a",
    "<<",
    "!t ",
    "---\n",
    "5",
    "-1",
    "0.5",
    "null",
    "~",
    "'",
    "\"",
    "# ",
    "=",
    "\u{feff}",
    "\r\n",
    "\t",
    "\u{0}",
];
