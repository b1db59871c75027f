//! The rooms of `src`, and the one direction in which they import each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::tree;

/// What everybody may import, and what imports nothing but itself.
const FOUNDATION: &[&str] = &[
    "math", "canon", "digest", "kind", "seed", "context", "diagnose", "family", "reading", "shown",
    "document", "protobuf", "agent", "program",
];

/// What a room may import besides the foundation. A path such as `artifact::MetricRow` allows that
/// name alone.
const ROOMS: &[(&str, &[&str])] = &[
    ("dsp", &[]),
    ("nn", &[]),
    ("metric", &[]),
    // It is told of threads and a wish to stop by a context, and draws from seeds.
    ("learn", &[]),
    ("artifact", &[]),
    ("command", &["artifact"]),
    ("weights", &["artifact", "nn"]),
    // The twin derives its draws from seeds; what is mixed depends on the attributes of clips.
    ("twin", &[]),
    ("mix", &["artifact"]),
    ("mimii_dg", &["mix", "twin"]),
    ("source", &["artifact", "dsp", "nn", "metric", "twin", "mix", "mimii_dg"]),
    ("feature", &["artifact", "command", "dsp", "nn", "metric"]),
    ("pool", &["artifact", "dsp", "nn", "metric"]),
    ("detector", &["artifact", "command", "weights", "dsp", "learn", "nn", "metric"]),
    ("generalize", &["detector", "learn", "artifact"]),
    ("threshold", &["metric"]),
    (
        "stage",
        &[
            "generalize",
            "threshold",
            "source",
            "feature",
            "pool",
            "detector",
            "artifact",
            "metric",
            "dsp",
            "mix",
            "mimii_dg",
            // Vectors of clips are arrays of other programs.
            "weights",
            // Features may be a program of a user.
            "command",
        ],
    ),
    ("spec", &["stage", "source", "feature", "pool", "detector", "threshold"]),
    // Score files and ground truth speak of clips by names that `source` can read.
    ("evaluate", &["source::names", "artifact", "metric"]),
    // A point holds its detector and a catalog its sections: the plan asks the one and names the
    // others. A network may hear a feature besides that of the spec.
    (
        "plan",
        &[
            "spec",
            "stage",
            "source::SourceSpec",
            "feature::FeatureSpec",
            "feature::clip_spectrum::ClipSpectrum",
            "feature::vectors::Vectors",
        ],
    ),
    ("disk", &[]),
    // Neither knows the other: what the store holds may be shared, and the desk never is.
    ("store", &["disk"]),
    ("desk", &["disk"]),
    ("run", &["plan", "spec", "stage"]),
    ("exec", &["run", "plan", "stage", "store", "desk", "artifact"]),
    // Events speak of nodes.
    ("progress", &["exec", "plan"]),
    ("report", &["metric", "artifact::MetricRow"]),
    ("publish", &["report"]),
];

/// Rooms of mathematics, on slices and arrays: of the foundation they import `math` alone.
const MATHEMATICS: &[&str] = &["dsp", "nn", "metric"];
/// What may import everything.
const TOP: &[&str] = &["cli", "lib", "main"];
/// The most lines of a file.
const LINES: usize = 400;

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The room of a file below `src`.
fn room(file: &str) -> &str {
    file.split('/').next().expect("a path has parts").trim_end_matches(".rs")
}

fn may(room: &str, path: &str) -> bool {
    let wanted = path.split("::").next().expect("a path has parts");
    if room == wanted || TOP.contains(&room) {
        return true;
    }
    if FOUNDATION.contains(&wanted) {
        return wanted == "math" || !MATHEMATICS.contains(&room);
    }
    let allowed =
        ROOMS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, allowed)| allowed);
    allowed
        .iter()
        .any(|entry| wanted == *entry || (entry.contains("::") && path.starts_with(entry)))
}

/// The path that follows `crate::` at each of its places in a line, `family!` aside.
fn imports(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or_default();
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let found = code.match_indices("crate::").filter(|(at, _)| !code[..*at].ends_with('$'));
    found.map(|(at, _)| code[at + 7..].chars().take_while(|c| is_path(*c)).collect()).collect()
}

/// The lines of a file up to its tests, numbered, and the files that hold nothing but tests.
fn code(path: &Path) -> (Vec<(usize, String)>, Vec<PathBuf>) {
    let text = fs::read_to_string(path).expect("sources are text");
    let (mut lines, mut tests, mut gated) = (Vec::new(), Vec::new(), false);
    for (number, line) in text.lines().enumerate() {
        match line.trim().strip_prefix("mod ").filter(|_| gated) {
            Some(rest) if rest.ends_with('{') => break,
            Some(rest) => {
                let folder = path.with_extension("");
                let folder = if folder.ends_with("mod") {
                    folder.parent().expect("it is in src")
                } else {
                    &folder
                };
                tests.push(folder.join(rest.trim_end_matches(';')).with_extension("rs"));
            }
            None => lines.push((number + 1, line.to_owned())),
        }
        gated = line.trim() == "#[cfg(test)]";
    }
    (lines, tests)
}

/// Imports that the table does not allow, as `src/stage/mix.rs:12: 'stage' may not import 'exec'`.
fn violations() -> Vec<String> {
    let files = tree(&src());
    let read: Vec<_> = files.iter().map(|(name, path)| (name, path, code(path))).collect();
    let tests: BTreeSet<&PathBuf> = read.iter().flat_map(|(_, _, (_, tests))| tests).collect();
    let mut found = Vec::new();
    for (name, path, (lines, _)) in &read {
        let room = room(name);
        // How often `super` may stand before it leaves the room.
        let depth = name.matches('/').count() - usize::from(name.ends_with("/mod.rs"));
        for (number, line) in lines.iter().filter(|_| !tests.contains(path)) {
            let place = format!("src/{name}:{number}");
            for import in imports(line) {
                if import.is_empty() {
                    found.push(format!("{place}: write one `use` a room"));
                } else if !may(room, &import) {
                    let wanted = import.split("::").next().expect("a path has parts");
                    found.push(format!("{place}: '{room}' may not import '{wanted}' (`{import}`)"));
                }
            }
            if line.contains(&"super::".repeat(depth + 1)) && !room.eq("lib") {
                found.push(format!("{place}: `super` leaves '{room}'; write `crate::`"));
            }
        }
    }
    found
}

#[test]
fn rooms_import_in_one_direction() {
    let found = violations();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_room_is_in_the_table_and_every_line_of_it_in_the_rooms() {
    let rooms: BTreeSet<String> = tree(&src()).keys().map(|name| room(name).to_owned()).collect();
    let mut known: BTreeSet<String> = ROOMS.iter().map(|(name, _)| (*name).to_owned()).collect();
    known.extend(FOUNDATION.iter().chain(TOP).map(|name| (*name).to_owned()));
    assert_eq!(rooms, known);
    for (name, allowed) in ROOMS {
        let later: Vec<&&str> = ROOMS.iter().map(|(n, _)| n).skip_while(|n| *n != name).collect();
        let circle = allowed.iter().find(|a| later.iter().any(|l| a.split("::").next() == Some(l)));
        assert_eq!(circle, None, "'{name}' imports what comes after it");
    }
}

#[test]
fn the_table_refuses() {
    assert!(
        !may("stage", "exec::run")
            && !may("report", "artifact::Blob")
            && !may("dsp", "digest::Digest")
    );
    assert!(may("nn", "math::elementary") && !may("math", "artifact"));
    assert!(
        !may("canon", "artifact")
            && may("seed", "digest::Digest")
            && may("report", "artifact::MetricRow")
    );
    assert_eq!(
        imports("let a = crate::exec::run(crate::plan::x); // crate::cli"),
        ["exec::run", "plan::x"]
    );
    assert_eq!(imports("$crate::family::settings"), [""; 0]);
    assert_eq!(imports("use crate::{a, b};"), [""]);
}

#[test]
fn no_file_is_longer_than_it_can_be_read() {
    let long: Vec<String> = tree(&src())
        .into_iter()
        .map(|(name, path)| {
            (fs::read_to_string(path).expect("sources are text").lines().count(), name)
        })
        .filter(|(lines, _)| *lines > LINES)
        .map(|(lines, name)| format!("src/{name} has {lines} lines, more than {LINES}"))
        .collect();
    assert!(long.is_empty(), "\n{}\n", long.join("\n"));
}

/// Each crate with its features, as cargo resolves them for these kinds of dependencies.
fn crates(kinds: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--prefix", "none", "--format", "{p} {f}"])
        .args(["--edges", kinds])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).expect("names");
    text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

/// Otherwise `cargo run` and `cargo test` build the program twice, and the tests run another one
/// than users do.
#[test]
fn tests_turn_on_no_feature_of_a_crate_that_the_program_has_too() {
    let (of_program, of_tests) = (crates("normal,build"), crates("normal,build,dev"));
    assert!(of_program.len() > 100, "{of_program:?}");
    let alone: Vec<_> = of_program.difference(&of_tests).collect();
    assert!(alone.is_empty(), "list their features in Cargo.toml: {alone:#?}");
}
