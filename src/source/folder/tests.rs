//! Tests of folders with patterns.

use super::*;
use crate::digest::Digest;
use crate::source::SourceSpec;
use crate::source::tree::of_empty_files;
use serde_json::json;

fn source(settings: serde_json::Value) -> Folder {
    match SourceSpec::parse("folder", &settings).unwrap() {
        SourceSpec::Folder(source) => source,
        other => panic!("{other:?}"),
    }
}

fn tree(files: &[&str], pattern: &str) -> (tempfile::TempDir, Folder) {
    let root = of_empty_files(files);
    let source = source(json!({
        "root": root.path(), "pattern": pattern,
        "words": { "label": { "ok": "normal", "broken": "anomaly" }, "domain": { "day": "source", "night": "target" } }
    }));
    (root, source)
}

fn told(source: &Folder) -> Vec<String> {
    source
        .problems()
        .into_iter()
        .map(|p| format!("{}: {} [{}]", p.field, p.message, p.hint.unwrap()))
        .collect()
}

const PATTERN: &str = "{machine}/{split}/{label}_{domain}_{section}_{*}_{attr.speed}.wav";

#[test]
fn own_words_become_clips_and_the_rest_is_told() {
    let good = [
        "pump/train/ok_day_00_x_y_1.5.wav",
        "pump/test/broken_night_00_x_2.wav",
        "saw/test/normal_day_01__3.wav",
    ];
    let odd = ["pump/test/notes.wav", "pump/old/deep/ok_day_00_x_1.wav"];
    let (_root, source) = tree(&[&good[..], &odd[..], &["pump/test/notes.txt"]].concat(), PATTERN);
    assert_eq!(told(&source), Vec::<String>::new());
    let found = source.list().unwrap();
    let sections: Vec<_> =
        found.sections.iter().map(|(id, f)| (&*id.machine, &*id.section, f.audio.len())).collect();
    assert_eq!(sections, [("pump", "00", 2), ("saw", "01", 1)]);
    let strays: Vec<_> =
        found.strays.iter().map(|(path, why)| (path.as_str(), why.as_str())).collect();
    let expected = [
        (odd[1], "folders above it: 3, in the pattern: 2"),
        (odd[0], "its path does not fit the pattern"),
    ];
    assert_eq!(strays, expected);
    let id = SectionId { machine: "pump".into(), section: "00".into() };
    let file = |path: &str| ListedFile { path: path.into(), sha256: Digest::of(b"") };
    let set = source.clips(&id, &[file(good[0]), file(good[1])], &[]).unwrap();
    let facts: Vec<_> = set
        .iter()
        .map(|r| &r.clip)
        .map(|c| (c.domain, c.split, c.label, c.attributes["speed"].as_str()))
        .collect();
    let expected = [
        (Some(Domain::Source), Split::Train, Some(Label::Normal), "1.5"),
        (Some(Domain::Target), Split::Test, Some(Label::Anomaly), "2"),
    ];
    assert_eq!(facts, expected);
    assert_eq!(
        source.clips(&id, &[file(good[2])], &[]).unwrap_err().to_string(),
        "saw/test/normal_day_01__3.wav: is not a clip of `pump` `00`"
    );
}

#[test]
fn a_word_without_meaning_is_an_error_that_names_the_file() {
    let (_root, source) = tree(&["pump/train/okk_day_00_x_1.wav"], PATTERN);
    assert_eq!(
        source.list().unwrap_err().to_string(),
        "pump/train/okk_day_00_x_1.wav: `okk` is not a label (did you mean `ok`?); \
         `words.label` can give it a meaning, such as `okk: anomaly`"
    );
}

#[test]
fn defaults_hold_where_the_pattern_is_silent() {
    let mut source = source(json!({
        "root": "x", "pattern": "{label}/{*}.wav",
        "defaults": { "machine": "pump", "split": "test", "domain": "target" }
    }));
    assert_eq!(told(&source), Vec::<String>::new());
    let facts = source.facts(&source.pattern().unwrap(), "anomaly/1.wav").unwrap().unwrap();
    assert_eq!((&*facts.id.machine, &*facts.id.section), ("pump", "00"));
    assert_eq!(
        (facts.domain, facts.split, facts.label),
        (Some(Domain::Target), Split::Test, Some(Label::Anomaly))
    );
    source.defaults = Defaults { label: Some(Label::Normal), ..Defaults::default() };
    source.words.split.insert("learn".into(), Split::Train);
    assert_eq!(
        told(&source),
        [
            "pattern: nothing gives the machine of a clip: the pattern has no `{machine}` \
             [add `{machine}` to the pattern, or set `defaults.machine`]",
            "pattern: nothing gives the split of a clip: the pattern has no `{split}` \
             [add `{split}` to the pattern, or set `defaults.split`, or write \
             `split: { holdout: 0.3 }` to hold recordings out]",
            "defaults.label: is never used: the pattern has `{label}` [leave out one of the two]",
            "words.split: are never used: the pattern has no `{split}` [add `{split}` to it]",
        ]
    );
    source.pattern = "{machine".into();
    assert_eq!(told(&source).len(), 2);
}

#[test]
fn folders_without_fitting_files_say_so() {
    let message = |source: &Folder| match source.list() {
        Err(SourceError::Layout { message, .. }) => message,
        other => panic!("{other:?}"),
    };
    let (root, mut source) = tree(&["a/b.txt"], PATTERN);
    let here = root.path().display();
    assert_eq!(
        message(&source),
        format!("`{here}` holds no recordings (`.wav`, `.flac` or `.ogg`)")
    );
    std::fs::write(root.path().join("a/b.wav"), "").unwrap();
    assert_eq!(
        message(&source),
        format!(
            "no recording of `{here}` (1 seen) fits the pattern `{PATTERN}`; \
             `a/b.wav`: folders above it: 1, in the pattern: 2"
        )
    );
    source.root = root.path().join("nowhere");
    assert_eq!(
        message(&source),
        format!("`{here}/nowhere` does not exist; recordings like `{PATTERN}` are expected there")
    );
}

#[test]
fn the_root_is_not_in_the_key_and_the_key_has_no_nulls() {
    let (_root, source) = tree(&[], PATTERN);
    let moved = Folder { root: "elsewhere".into(), ..source.clone() };
    assert_eq!(source.keyed(), moved.keyed());
    assert!(crate::canon::to_string(&source.keyed()).unwrap().contains("{machine}/{split}"));
}

#[cfg(unix)]
#[test]
fn a_link_to_its_own_parent_ends() {
    let (root, source) = tree(&["pump/train/ok_day_00_x_1.wav"], PATTERN);
    std::os::unix::fs::symlink(root.path(), root.path().join("pump/loop")).unwrap();
    assert_eq!(source.list().unwrap().sections.len(), 1);
}

#[test]
fn recordings_with_either_extension_fit() {
    let files = ["pump/train/ok_day_00_x_1.wav", "pump/test/broken_day_00_x_1.WAV"];
    let (_root, source) = tree(&files, PATTERN);
    let found = source.list().unwrap();
    assert!(found.strays.is_empty(), "{:?}", found.strays);
    let id = SectionId { machine: "pump".into(), section: "00".into() };
    assert_eq!(found.sections[&id].audio, [files[1], files[0]]);
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_and_pipes_are_told() {
    use crate::source::tree::spoil;
    let good = "pump/train/ok_day_00_x_1.wav";
    let (root, source) = tree(&[good, "pump/test/ok_day_00_x_2.wav"], PATTERN);
    spoil(root.path(), "pump/test/broken_day_00_x_3.wav", true);
    spoil(root.path(), "pump/test/notes.wav", false);
    let found = source.list().unwrap();
    let expected = [
        ("pump/test/broken_day_00_x_3.wav", "it is a named pipe, not a file"),
        ("pump/test/notes.wav", "it is a link that leads nowhere"),
    ];
    assert_eq!(found.strays, expected.map(|(path, why)| (path.to_owned(), why.to_owned())));
    spoil(root.path(), good, false);
    let here = root.path().display();
    assert_eq!(
        source.list().unwrap_err().to_string(),
        format!("`{good}` of `{here}` is a link that leads nowhere")
    );
}
