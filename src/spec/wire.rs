//! The structure of the words of a spec: families, plain settings, lists, paths of files. All of it
//! comes from the schemas of the config types; there is no second list.
//!
//! A path such as `detector.knn.k` is followed through the schemas. At a family, the next part of
//! the path is the name of a member, and its schema continues. Only the schemas on the way are
//! made, so a small spec is cheap.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use super::decode::{Family, KIN, Kin, kin};
use super::node::Node;
use super::words::{OF_THE_FILE, Spec};
use crate::diagnose::{Diagnostic, closest, suggest};
use crate::family::{Described, fields};

/// Words reserved for a later version.
pub const RESERVED: &[&str] = &["command"];

/// The words at the top of a spec, described by their config type.
pub fn spec() -> &'static Described {
    static SPEC: OnceLock<Described> = OnceLock::new();
    SPEC.get_or_init(Described::of::<Spec>)
}

/// All words at the top of a spec.
pub fn words() -> &'static [&'static str] {
    static WORDS: OnceLock<&[&str]> = OnceLock::new();
    WORDS.get_or_init(fields::<Spec>)
}

/// The words that can be swept, as a whole or in part.
pub fn swept() -> &'static [&'static str] {
    static SWEPT: OnceLock<Vec<&str>> = OnceLock::new();
    SWEPT.get_or_init(|| {
        words().iter().copied().filter(|word| !OF_THE_FILE.contains(word)).collect()
    })
}

/// The alternatives of a schema, flattened. An object with settings is one: its `anyOf` says which
/// of them must be there.
pub fn alternatives(schema: &Value) -> Vec<&Value> {
    if schema.get("properties").is_some() {
        return vec![schema];
    }
    let choices =
        ["anyOf", "oneOf"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten();
    let inner: Vec<&Value> = choices.flat_map(alternatives).collect();
    if inner.is_empty() { vec![schema] } else { inner }
}

/// The family of a schema.
pub fn of_family(schema: &Value) -> Option<&'static Kin> {
    kin(schema.get("x-family")?.as_str()?)
}

/// The schema under `key` of a setting.
fn inside(schema: &'static Value, key: &str) -> Option<&'static Value> {
    match of_family(schema) {
        Some(family) => Some(&(family.described)(key)?.schema),
        None => match schema.get("properties").and_then(|known| known.get(key)) {
            Some(known) => Some(known),
            None => schema.get("additionalProperties").filter(|any| any.is_object()),
        },
    }
}

/// The alternative schemas of the setting at `path`; empty if there is no such setting.
fn at<S: AsRef<str>>(path: &[S]) -> Vec<&'static Value> {
    // Most paths begin with a family. Its schema is found without the schema of the whole spec.
    let (root, rest) = match path {
        [word, variant, rest @ ..] if family_of(word.as_ref()).is_some() => {
            let described =
                family_of(word.as_ref()).and_then(|family| (family.described)(variant.as_ref()));
            (described.map(|described| &described.schema), rest)
        }
        _ => (Some(&spec().schema), path),
    };
    rest.iter().fold(Vec::from_iter(root), |schemas, key| {
        schemas
            .into_iter()
            .filter_map(|schema| inside(schema, key.as_ref()))
            .flat_map(alternatives)
            .collect()
    })
}

/// The family of the variant at `path`: a map whose one key is the variant's name.
pub fn family<S: AsRef<str>>(path: &[S]) -> Option<&'static Kin> {
    match path {
        [word] => family_of(word.as_ref()),
        _ => at(path).into_iter().find_map(of_family),
    }
}

/// The family that a word of a spec holds.
pub fn family_of(word: &str) -> Option<&'static Kin> {
    KIN.iter().find(|family| family.word == word && words().contains(&word))
}

/// The settings of a word with plain settings; `None` for other words.
pub fn plain(word: &str) -> Option<&'static [&'static str]> {
    static PLAIN: OnceLock<Vec<(&str, Vec<&str>)>> = OnceLock::new();
    if family_of(word).is_some() || !swept().contains(&word) {
        return None;
    }
    let settings = |word: &'static str| {
        let known =
            at(&[word]).into_iter().find_map(|schema| schema.get("properties")?.as_object())?;
        Some((word, known.keys().map(String::as_str).collect()))
    };
    let plain = PLAIN.get_or_init(|| {
        swept()
            .iter()
            .copied()
            .filter(|word| family_of(word).is_none())
            .filter_map(settings)
            .collect()
    });
    plain.iter().find(|(name, _)| *name == word).map(|(_, settings)| settings.as_slice())
}

/// Whether a word holds plain settings.
pub fn is_plain(word: &str) -> bool {
    plain(word).is_some()
}

/// Whether the setting at `path` is a list, so that a single list is a value and not a sweep.
pub fn is_list(path: &[String]) -> bool {
    at(path).into_iter().any(|schema| match &schema["type"] {
        Value::Array(types) => types.iter().any(|name| name == "array"),
        name => name == "array",
    })
}

/// The settings of a variant that hold a nested variant, with their families.
fn nested_in(settings: &'static Described) -> Vec<(&'static str, &'static Kin)> {
    let family = |field: &&'static str| {
        let schema = inside(&settings.schema, field)?;
        Some((*field, alternatives(schema).into_iter().find_map(of_family)?))
    };
    settings.fields.iter().filter_map(family).collect()
}

/// For a path into a nested variant: the path of its setting, its family, and the next part.
pub fn nested(path: &[String]) -> Option<([&str; 3], &'static Kin, &str)> {
    let [word, variant, setting, inner, ..] = path else { return None };
    family_of(word)?;
    let outer = [word.as_str(), variant.as_str(), setting.as_str()];
    Some((outer, family(&outer)?, inner.as_str()))
}

/// Reports unknown and reserved words at the top of a spec. Returns the known words that were
/// probably meant.
pub fn check_words<'a>(root: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<&'a str> {
    let mut meant = Vec::new();
    for (word, node) in root.as_map().unwrap_or(&[]) {
        if RESERVED.contains(&word.as_str()) {
            let message = format!("`{word}` is reserved for a later version");
            diagnostics.push(
                Diagnostic::new("E0202", message).at(node.key_place()).hint("leave it out for now"),
            );
        } else if !words().contains(&word.as_str()) {
            meant.extend(closest(word, words().iter().copied()));
            let message = format!("unknown word `{}`", super::node::shorten(word));
            diagnostics.push(
                Diagnostic::new("E0201", message).at(node.key_place()).hint(suggest_path(word)),
            );
        }
    }
    meant
}

/// A hint for an unknown path or word, found by its first part.
fn suggest_path(path: &str) -> String {
    match path.split_once('.') {
        Some((first, rest)) if words().contains(&first) => {
            format!("write `{first}:` and under it `{}:`", rest.replace('.', ":` and under it `"))
        }
        _ => suggest(path, words().iter().copied()),
    }
}

/// The settings of a variant as a value, with paths relative to the folder of the file that sets
/// them. Also returns the settings that hold a nested variant, with their families.
pub fn settings<F: Family>(name: &str, node: &Node) -> (Value, Vec<(&'static str, &'static Kin)>) {
    let mut value = if node.is_null() { Value::Object(Default::default()) } else { node.value() };
    // Numbers are neither paths nor variants, so their schema is not needed.
    let entries = value.as_object().into_iter().flatten();
    let Some(described) = F::described(name)
        .filter(|_| !entries.map(|(_, v)| v).all(|v| v.is_number() || v.is_boolean()))
    else {
        return (value, Vec::new());
    };
    relative(&mut value, node, &described.schema, false);
    (value, nested_in(described))
}

/// Makes file paths in `value` relative to the folder of the file that sets them; `node` is the
/// same value with places. Nested variants are decoded by themselves, but not those in a list: of
/// what is `listed`, all is done here.
fn relative(value: &mut Value, node: &Node, schema: &'static Value, listed: bool) {
    for schema in alternatives(schema) {
        match value {
            Value::String(_) if schema.get("x-path").is_some() => {
                relative_path(value, node);
                return;
            }
            Value::Array(paths) if schema.get("x-path").is_some() => {
                for (path, node) in paths.iter_mut().zip(node.as_list().unwrap_or(&[])) {
                    relative_path(path, node);
                }
                return;
            }
            // Variants in a list, such as the detectors of an ensemble.
            Value::Array(items) if schema.get("items").and_then(of_family).is_some() => {
                let Some(schema) = schema.get("items") else { return };
                for (item, node) in items.iter_mut().zip(node.as_list().unwrap_or(&[])) {
                    relative(item, node, schema, true);
                }
                return;
            }
            Value::Object(entries) if listed || of_family(schema).is_none() => {
                for (key, value) in entries {
                    if let (Some(node), Some(schema)) = (node.get(key), inside(schema, key)) {
                        relative(value, node, schema, listed);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Makes one path relative to the folder of the file that sets it.
fn relative_path(value: &mut Value, node: &Node) {
    if let Value::String(path) = value
        && !path.is_empty()
        && Path::new(path.as_str()).is_relative()
    {
        *path = node.folder().join(&*path).to_string_lossy().into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse_text;
    use super::*;
    use crate::detector::DetectorSpec;
    use crate::source::SourceSpec;

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(String::from).collect()
    }

    #[test]
    fn files_of_the_members_of_an_ensemble_stand_beside_their_spec() {
        let text = "detectors: [ { knn: }, { command: { run: [a], files: [b.py, /c.py] } },
            { embedding: { backend: { command: { run: [a], files: [b.py, /c.py] } } } } ]";
        let node = parse_text("folder/t.yaml", text).unwrap();
        let (value, _) = settings::<DetectorSpec>("ensemble", &node);
        for way in ["1/command", "2/embedding/backend/command"] {
            let files = value.pointer(&format!("/detectors/{way}/files")).unwrap();
            assert_eq!(*files, serde_json::json!(["folder/b.py", "/c.py"]));
        }
    }

    #[test]
    fn lists_are_known_by_their_path() {
        for list in [
            "metrics",
            "pool",
            "data.dcase.machines",
            "data.dcase.sections",
            "data.synthetic.machines",
            "mix.noise.dcase.sections",
            "mix.types",
            "mix.types.source",
            "generalization.source_values.vel",
            "detector.autoencoder.layers",
            "detector.ensemble.weights",
            "detector.embedding.network.autoencoder.layers",
            "detector.embedding.network.cnn.branches",
            "detector.embedding.network.cnn.stft",
            "detector.embedding.backend.ensemble.detectors",
        ] {
            assert!(is_list(&path(list)), "{list}");
        }
        for other in [
            "data",
            "mix",
            "seed",
            "detector.knn.k",
            "detector.autoencoder.weights",
            "mix.snr_db",
            "a.b",
        ] {
            assert!(!is_list(&path(other)), "{other}");
        }
    }

    #[test]
    fn words_are_families_or_plain_or_neither() {
        let held: Vec<&str> =
            words().iter().copied().filter(|word| family_of(word).is_some()).collect();
        assert_eq!(held, ["data", "features", "pool", "detector", "threshold"]);
        let plain: Vec<&str> = words().iter().copied().filter(|word| is_plain(word)).collect();
        assert_eq!(plain, ["mix", "generalization"]);
        let single: Vec<&&str> =
            swept().iter().filter(|word| family_of(word).is_none() && !is_plain(word)).collect();
        assert_eq!(single, [&"metrics", &"seed"]);
    }

    #[test]
    fn variants_stand_inside_of_variants() {
        assert_eq!(family(&["mix", "noise"]).unwrap().name, "SourceSpec");
        let embedding = nested_in(DetectorSpec::described("embedding").unwrap());
        let embedding: Vec<(&str, &str)> =
            embedding.into_iter().map(|(field, family)| (field, family.name)).collect();
        assert_eq!(embedding, [("network", "EmbedderSpec"), ("backend", "DetectorSpec")]);
        assert!(nested_in(DetectorSpec::described("ensemble").unwrap()).is_empty());
        let keys = path("detector.embedding.backend.knn.k");
        assert_eq!(nested(&keys).unwrap().2, "knn");
        assert!(
            nested(&path("mix.noise.folder.root")).is_none()
                && nested(&path("detector.knn.k.x")).is_none()
        );
    }

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        let dcase = |node: &Node| settings::<SourceSpec>("dcase", node).0;
        let root = |name: &str, text: &str| dcase(&parse_text(name, text).unwrap())["root"].clone();
        assert_eq!(root("specs/a.yaml", "root: ../clips"), "specs/../clips");
        assert_eq!(root("a.yaml", "root: clips"), "clips");
        assert_eq!(root("specs/a.yaml", "root: /clips"), "/clips");
        assert_eq!(root("--set", "root: clips"), "clips");
        assert_eq!(root("specs/a.yaml", "root: 5"), 5);
        let weights = |text: &str| {
            let node = parse_text("specs/a.yaml", text).unwrap();
            settings::<DetectorSpec>("autoencoder", &node).0["weights"].clone()
        };
        assert_eq!(weights("weights: model.pt"), "specs/model.pt");
        assert_eq!(weights("weights: ~"), Value::Null);
    }
}
