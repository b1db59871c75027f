//! The words of the language: which there are, which take a path or a list, which are kept for later.

use std::path::Path;

use serde_json::Value;

use super::node::Node;
use crate::diagnose::{Diagnostic, closest, suggest};

/// Every word at the top of a file.
pub const WORDS: &[&str] = &[
    "name",
    "question",
    "extends",
    "data",
    "mix",
    "features",
    "pool",
    "detector",
    "generalization",
    "sweep",
    "metrics",
    "threshold",
    "seed",
    "expect",
];
/// Words that a later version gives a meaning.
pub const RESERVED: &[&str] = &["command"];
/// The words that hold a variant: a map with one key, the variant's name.
pub const FAMILIES: &[&str] = &["data", "features", "pool", "detector", "threshold"];
/// The words that hold plain settings, and which there are.
pub const PLAIN: &[(&str, &[&str])] = &[
    ("mix", &["table", "snr_db", "snr_offset_db", "types", "noise", "gain_db", "seed"]),
    (
        "generalization",
        &[
            "target_clips",
            "source_clips",
            "source_values",
            "draw",
            "scope",
            "temporal_mean_subtraction",
            "feature_normalization",
            "source_means",
            "oversampling",
            "smote",
            "memmixup",
            "mixup",
            "references",
            "local_density",
            "score_normalization",
        ],
    ),
];
/// The words that a sweep can vary, wholly or in part.
pub const SWEPT: &[&str] =
    &["data", "mix", "features", "pool", "detector", "generalization", "metrics", "threshold", "seed"];
/// Settings that hold the path of a file or folder: word, variant, setting.
const PATHS: &[[&str; 3]] =
    &[["data", "dcase", "root"], ["data", "folder", "root"], ["detector", "autoencoder", "weights"]];
/// Settings that are lists themselves, so that one list is a value and not a sweep.
const LISTS: &[&str] = &[
    "metrics",
    "pool",
    "data.dcase.machines",
    "data.dcase.sections",
    "data.synthetic.machines",
    "detector.autoencoder.layers",
    "detector.embedding.network.autoencoder.layers",
    "detector.embedding.network.cnn.branches",
    "detector.embedding.network.cnn.channels",
    "detector.ensemble.detectors",
    "detector.ensemble.weights",
    "mix.types",
    "mix.types.source",
    "mix.types.target",
];

/// Settings of a variant that hold a variant themselves: word, variant, setting.
const NESTED: &[[&str; 3]] = &[["detector", "embedding", "network"], ["detector", "embedding", "backend"]];

/// Notes unknown and reserved words at the top of a file; gives the words that the unknown ones were
/// probably meant to be.
pub fn check_words<'a>(root: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<&'a str> {
    let mut meant = Vec::new();
    for (word, node) in root.as_map().unwrap_or(&[]) {
        if RESERVED.contains(&word.as_str()) {
            let message = format!("`{word}` is reserved for a later version");
            diagnostics.push(Diagnostic::new("E0202", message).at(node.key_place()).hint("leave it out for now"));
        } else if !WORDS.contains(&word.as_str()) {
            meant.extend(closest(word, WORDS.iter().copied()));
            let message = format!("unknown word `{}`", super::node::shorten(word));
            diagnostics.push(Diagnostic::new("E0201", message).at(node.key_place()).hint(suggest_path(word)));
        }
    }
    meant
}

/// A hint for an unknown path or word, by its first part.
fn suggest_path(path: &str) -> String {
    match path.split_once('.') {
        Some((first, rest)) if WORDS.contains(&first) => {
            format!("write `{first}:` and under it `{}:`", rest.replace('.', ":` and under it `"))
        }
        _ => suggest(path, WORDS.iter().copied()),
    }
}

/// Whether the setting at `path` is a list itself.
pub fn is_list(path: &[String]) -> bool {
    let path = path.join(".");
    // A source is one wherever it stands, and values to train on are lists of any attribute.
    let path = path.strip_prefix("mix.noise.").map_or(path.clone(), |rest| format!("data.{rest}"));
    let path = path.strip_prefix("detector.embedding.backend.").map_or(path.clone(), |rest| format!("detector.{rest}"));
    LISTS.contains(&path.as_str()) || path.starts_with("generalization.source_values.")
}

/// The settings of a variant as a value, its paths relative to the folder of the file they were written in.
pub fn settings(word: &str, variant: &str, node: &Node) -> Value {
    let mut value = if node.is_null() { Value::Object(Default::default()) } else { node.value() };
    for [_, _, field] in PATHS.iter().filter(|[w, v, _]| *w == word && *v == variant) {
        let Some(written) = node.get(field) else { continue };
        if let (Some(path), Some(slot)) = (written.as_str(), value.get_mut(field))
            && !path.is_empty()
            && Path::new(path).is_relative()
        {
            *slot = Value::String(written.folder().join(path).to_string_lossy().into_owned());
        }
    }
    value
}

/// Whether the setting at a path holds a variant: a map with one key.
pub fn holds_variant(path: &[&str]) -> bool {
    matches!(path, [word] if FAMILIES.contains(word)) || path == ["mix", "noise"] || is_nested(path)
}

/// Whether the path is that of a setting of a variant that holds a variant itself.
pub fn is_nested(path: &[&str]) -> bool {
    NESTED.iter().any(|nested| path == nested)
}

/// Whether a setting of a variant holds a variant itself.
pub fn nests(variant: &str, setting: &str) -> bool {
    NESTED.iter().any(|[_, v, s]| *v == variant && *s == setting)
}

/// The part of a path that ends with a nested variant's setting, and the variant that comes after it.
pub fn nested(path: &[String]) -> Option<([&str; 3], &str)> {
    let [word, variant, setting, inner, ..] = path else { return None };
    let outer = [word.as_str(), variant.as_str(), setting.as_str()];
    is_nested(&outer).then_some((outer, inner.as_str()))
}

/// Whether a word holds plain settings.
pub fn is_plain(word: &str) -> bool {
    PLAIN.iter().any(|(plain, _)| *plain == word)
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse_text;
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(String::from).collect()
    }

    #[test]
    fn lists_are_known_by_their_path() {
        assert!(
            is_list(&path("data.dcase.machines"))
                && is_list(&path("pool"))
                && is_list(&path("detector.autoencoder.layers"))
        );
        assert!(!is_list(&path("detector.knn.k")) && !is_list(&path("data")));
        assert!(is_list(&path("detector.embedding.backend.ensemble.detectors")));
    }

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        let root = |name: &str, text: &str| settings("data", "dcase", &parse_text(name, text).unwrap())["root"].clone();
        assert_eq!(root("specs/a.yaml", "root: ../clips"), "specs/../clips");
        assert_eq!(root("a.yaml", "root: clips"), "clips");
        assert_eq!(root("specs/a.yaml", "root: /clips"), "/clips");
        assert_eq!(root("--set", "root: clips"), "clips");
        assert_eq!(root("specs/a.yaml", "root: 5"), 5);
    }
}
