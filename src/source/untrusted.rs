//! Names are untrusted text: a machine's name from a folder, a table or a spec becomes a label, a
//! row and a path.
//!
//! Every listing and every clip set passes through here before anything else uses it. Names of
//! machines and sections are names of single folders. No name holds a character that a terminal
//! obeys.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::{ListedFile, Listing, Recording, SectionId, Source, SourceError};
use crate::artifact::clip_id;
use crate::diagnose::Problem;
use crate::shown::{control, visible};

/// The listing of a source, with trusted names.
///
/// Errors: those of [`Source::list`]; a name that is not allowed.
pub fn list(source: &dyn Source) -> Result<Listing, SourceError> {
    trusted(source.list()?)
}

/// A listing whose names are allowed.
///
/// Errors: a name that is not.
pub fn trusted(listing: Listing) -> Result<Listing, SourceError> {
    for (SectionId { machine, section }, files) in &listing.sections {
        let wrong =
            |path: &str, why: String| SourceError::File { path: visible(path).into_owned(), why };
        let mut clips = BTreeMap::new();
        for path in &files.audio {
            if let Some(other) = clips.insert(clip_id(path), path) {
                let [one, other] = [other, path].map(|path| visible(path));
                let message = format!("a clip is there twice, as `{one}` and as `{other}`");
                let hint = "remove one of the two formats, or move it to another folder".to_owned();
                return Err(SourceError::Layout { message, hint });
            }
        }
        for path in files.audio.iter().chain(&files.tables) {
            if let Some(code) = control(path) {
                return Err(wrong(
                    path,
                    format!("there is a control character ({code}) in its path; rename it"),
                ));
            }
        }
        for (what, name) in [("machine", machine), ("section", section)] {
            if let Some(fault) = fault(name) {
                let path = files.audio.first().map_or(machine.as_str(), String::as_str);
                return Err(wrong(
                    path,
                    format!("`{}` cannot name a {what}: {fault}", visible(name)),
                ));
            }
        }
    }
    Ok(listing)
}

/// The clips of one section, with trusted attributes.
///
/// Errors: those of [`Source::clips`]; an attribute with a control character.
pub fn clips(
    source: &dyn Source,
    section: &SectionId,
    files: &[ListedFile],
    tables: &[Vec<u8>],
) -> Result<Vec<Recording>, SourceError> {
    let recordings = source.clips(section, files, tables)?;
    for recording in &recordings {
        if let Some((attribute, code)) = odd_attribute(&recording.clip.attributes) {
            let why = format!(
                "there is a control character ({code}) in its attribute `{attribute}`; correct its table"
            );
            return Err(SourceError::File { path: recording.clip.id.clone(), why });
        }
    }
    Ok(recordings)
}

/// The first attribute with a control character, as `name: value`, and that character.
fn odd_attribute(attributes: &BTreeMap<String, String>) -> Option<(String, String)> {
    attributes.iter().find_map(|(name, value)| {
        let code = control(name).or_else(|| control(value))?;
        Some((format!("{}: {}", visible(name), visible(value)), code))
    })
}

/// The reason why a text is not allowed as the name of a machine or a section, because it could not
/// name one folder or one row. `None` if it is allowed.
pub(super) fn fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("it is empty".into());
    }
    if matches!(name, "." | "..") {
        return Some("it means another folder".into());
    }
    if let Some(slash) = name.chars().find(|c| matches!(c, '/' | '\\')) {
        return Some(format!("there is a `{slash}` in it, which stands between folders"));
    }
    control(name).map(|code| format!("there is a control character ({code}) in it"))
}

/// The problem of a machine's or section's name in a spec, if it has one. `field` is its path in
/// the spec.
pub(super) fn problem(field: &str, what: &str, name: &str) -> Option<Problem> {
    let message = format!("`{name}` cannot name a {what}: {}", fault(name)?);
    let example = if what == "machine" { "fan" } else { "00" };
    Some(Problem::new(field, message).hint(format!("write a name such as `{example}`")))
}

/// Whether two names look the same to a reader. A letter with an accent may be one character or
/// two; macOS and archives made there write two.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || a.nfc().eq(b.nfc())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::SourceSpec;
    use super::super::tree::of_empty_files;
    use super::*;
    use crate::digest::Digest;

    fn told(kind: &str, settings: serde_json::Value) -> String {
        let source = SourceSpec::parse(kind, &settings).unwrap();
        list(source.member())
            .map(|found| format!("{:?}", found.sections.keys()))
            .unwrap_or_else(|e| e.to_string())
    }

    #[test]
    fn names_that_lead_elsewhere_or_are_obeyed_are_none() {
        for good in ["fan", "fan|A", "größe", "a..b", "...", "section 1", "id_00", "日本　A"] {
            assert_eq!(fault(good), None, "{good}");
        }
        assert_eq!(fault("").unwrap(), "it is empty");
        assert_eq!(fault("..").unwrap(), "it means another folder");
        assert_eq!(fault("../x").unwrap(), "there is a `/` in it, which stands between folders");
        assert_eq!(fault("a\\b").unwrap(), "there is a `\\` in it, which stands between folders");
        assert_eq!(fault("a\u{202e}b").unwrap(), "there is a control character (U+202E) in it");
        assert!(fault(".").is_some() && fault("/etc").is_some() && fault("a\u{2028}").is_some());
    }

    #[test]
    fn machines_of_folders_are_looked_at() {
        let root = of_empty_files(&["fan\u{1b}[31m/train/section_00_source_train_normal_0000.wav"]);
        assert_eq!(
            told("dcase", json!({ "root": root.path() })),
            "fan<U+001B>[31m/train/section_00_source_train_normal_0000.wav: there is a control character (U+001B) in \
             its path; rename it"
        );
        let root = of_empty_files(&["fan|A/train/section_00_source_train_normal_0000.wav"]);
        assert!(told("dcase", json!({ "root": root.path() })).contains("fan|A"));
    }

    #[cfg(unix)]
    #[test]
    fn parts_of_names_that_lead_elsewhere_are_told_with_their_file() {
        let folder = |files: &[&str], pattern: &str| {
            let root = of_empty_files(files);
            told(
                "folder",
                json!({ "root": root.path(), "pattern": pattern, "defaults": { "split": "train" } }),
            )
        };
        assert_eq!(
            folder(&["fan_...wav"], "{machine}_{section}.wav"),
            "fan_...wav: `..` cannot name a section: it means another folder"
        );
        assert_eq!(
            folder(&["a\\b_1.wav"], "{machine}_{section}.wav"),
            "a\\b_1.wav: `a\\b` cannot name a machine: there is a `\\` in it, which stands between folders"
        );
    }

    #[test]
    fn a_default_is_looked_at_as_well() {
        let root = of_empty_files(&["a.wav"]);
        let defaults = json!({ "machine": "../../elsewhere", "split": "train" });
        assert_eq!(
            told(
                "folder",
                json!({ "root": root.path(), "pattern": "{*}.wav", "defaults": defaults })
            ),
            "a.wav: `../../elsewhere` cannot name a machine: there is a `/` in it, which stands between folders"
        );
    }

    #[test]
    fn attributes_of_tables_are_looked_at() {
        let source = SourceSpec::parse("dcase", &json!({ "root": "x" })).unwrap();
        let id = SectionId { machine: "fan".into(), section: "00".into() };
        let path = "fan/train/section_00_source_train_normal_0000.wav";
        let file = ListedFile { path: path.into(), sha256: Digest::of(b"") };
        let table = format!("file_name,d1p,d1v\n{path},speed,\"1\u{7}2\"\n").into_bytes();
        assert_eq!(
            clips(source.member(), &id, &[file], &[table]).unwrap_err().to_string(),
            format!(
                "{path}: there is a control character (U+0007) in its attribute `speed: 1<U+0007>2`; correct its table"
            )
        );
    }

    #[test]
    fn two_spellings_of_a_letter_are_one_name() {
        assert!(same("Lu\u{308}fter", "Lüfter") && same("fan", "fan"));
        assert!(!same("Lufter", "Lüfter") && !same("fan", "Fan") && !same("fan", "fan\u{200b}"));
        let root = of_empty_files(&["Lu\u{308}fter/train/section_00_source_train_normal_0000.wav"]);
        let found = told("dcase", json!({ "root": root.path(), "machines": ["Lüfter"] }));
        assert!(found.contains("fter"), "{found}");
    }
}
