//! Base files: `extends: base.yaml`, and merging a file with its base.
//!
//! Maps are merged; lists and scalars are replaced. A variant (`detector:`) replaces another
//! variant of the base, because settings of two detectors cannot be merged. If a file sets a value,
//! it also drops the base's sweep over this setting; otherwise its own value would not count.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::node::{Kind, Node};
use super::{wire, yaml};
use crate::diagnose::Diagnostic;
use crate::reading::{self, unexpanded};

/// Reads a file and the files it extends, merged.
pub fn read(path: &Path) -> Result<Node, Diagnostic> {
    let name = path.display().to_string();
    // A path on the command line may be a pipe.
    let bytes = reading::read_or_pipe(path, yaml::LARGEST).map_err(|e| cannot_read(path, &e))?;
    let root = yaml::parse(&yaml::source(&name, &bytes)?, 0)?;
    with_base(root, path, &mut vec![(identity(path), name)])
}

/// A file and all files it extends, as far as they can be read.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let mut files = vec![path.to_owned()];
    // A longer chain must be a cycle.
    while files.len() < 1000
        && let Some(file) = files.last()
        && let Ok(bytes) = reading::read(file, yaml::LARGEST)
        && let Ok(root) = yaml::source(&file.display().to_string(), &bytes)
            .and_then(|source| yaml::parse(&source, 0))
        && let Some(base) = root.get("extends").and_then(Node::as_str)
    {
        files.push(file.parent().unwrap_or(Path::new("")).join(base));
    }
    files
}

/// A name for a file that does not depend on its path.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or(path.to_owned())
}

fn cannot_read(path: &Path, e: &std::io::Error) -> Diagnostic {
    let name = path.display();
    let diagnostic = match e.kind() {
        ErrorKind::IsADirectory => {
            Diagnostic::new("E0501", format!("`{name}` is a folder, not a file"))
        }
        ErrorKind::FileTooLarge => Diagnostic::new("E0103", format!("`{name}` is no spec: {e}")),
        // The error of a broken link has its own message.
        ErrorKind::NotFound if e.get_ref().is_none() => {
            Diagnostic::new("E0501", format!("there is no file `{name}`"))
        }
        _ => Diagnostic::new("E0501", format!("cannot read `{name}`: {e}")),
    };
    match unexpanded(path, None).filter(|_| e.kind() == ErrorKind::NotFound) {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

/// Whether a file is YAML by its name and, if it is a link, by the name of its target. A message
/// must not show the text of other files, such as passwords.
fn is_yaml(path: &Path) -> bool {
    let named = |path: &Path| {
        path.extension()
            .is_some_and(|e| ["yaml", "yml"].iter().any(|yaml| e.eq_ignore_ascii_case(yaml)))
    };
    named(path) && path.canonicalize().map_or(true, |target| named(&target))
}

fn with_base(
    mut root: Node,
    path: &Path,
    chain: &mut Vec<(PathBuf, String)>,
) -> Result<Node, Diagnostic> {
    let Some(written) = root.remove(&["extends".into()]).filter(|n| !n.is_null()) else {
        return Ok(root);
    };
    let Some(base) = written.as_str().filter(|s| !s.is_empty()) else {
        let message = format!("`extends` must be the path of one file, not {}", written.shown());
        return Err(Diagnostic::new("E0503", message)
            .at(written.place())
            .hint("write `extends: base.yaml`"));
    };
    let base = path.parent().unwrap_or(Path::new("")).join(base);
    let name = base.display().to_string();
    let identity = identity(&base);
    if let Some(first) = chain.iter().position(|(known, _)| *known == identity) {
        let way: Vec<&str> = chain[first..]
            .iter()
            .map(|(_, n)| n.as_str())
            .chain([chain[first].1.as_str()])
            .collect();
        return Err(Diagnostic::new(
            "E0502",
            format!("files extend each other: {}", way.join(" -> ")),
        )
        .at(written.place()));
    }
    if !base.is_dir() && !is_yaml(&base) {
        let message =
            format!("`{name}` is not read: the name of a file to extend ends in `.yaml` or `.yml`");
        return Err(Diagnostic::new("E0503", message).at(written.place()));
    }
    let bytes =
        reading::read(&base, yaml::LARGEST).map_err(|e| {
            let diagnostic = cannot_read(&base, &e).at(written.place());
            let hint = diagnostic.hint.clone();
            diagnostic.hint(hint.unwrap_or_else(|| {
                "the path is relative to the file that says `extends`".to_owned()
            }))
        })?;
    let parsed = yaml::parse(&yaml::source(&name, &bytes)?, 0)?;
    if parsed.as_map().is_none() {
        let message = format!("`{name}` must be a map of settings, not {}", parsed.shown());
        return Err(Diagnostic::new("E0503", message).at(written.place()));
    }
    chain.push((identity, name));
    let base = with_base(parsed, &base, chain)?;
    Ok(over(base, root))
}

/// Merges `root` into its base.
fn over(mut base: Node, root: Node) -> Node {
    if let Some(Kind::Map(axes)) = base.get_mut("sweep").map(|n| &mut n.kind) {
        axes.retain(|(path, _)| {
            let path: Vec<String> = path.split('.').map(String::from).collect();
            root.find(&path).is_none()
        });
    }
    merge(&mut base, root, &[]);
    base
}

fn merge(base: &mut Node, over: Node, path: &[&str]) {
    match (&mut base.kind, over.kind) {
        (Kind::Map(entries), Kind::Map(changes)) => {
            let places: BTreeMap<String, usize> =
                entries.iter().enumerate().map(|(i, (k, _))| (k.clone(), i)).collect();
            for (key, change) in changes {
                let path: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
                match places.get(&key) {
                    Some(&i)
                        if wire::family(&path).is_some()
                            && other_variant(&entries[i].1, &change) =>
                    {
                        entries[i].1 = change;
                    }
                    Some(&i) => merge(&mut entries[i].1, change, &path),
                    None => entries.push((key, change)),
                }
            }
        }
        (_, kind) => *base = Node { source: over.source, key: over.key, span: over.span, kind },
    }
}

/// Whether two values of a setting with variants name different variants.
fn other_variant(base: &Node, change: &Node) -> bool {
    let (Some(base), Some(change)) = (base.as_map(), change.as_map()) else { return false };
    !base.iter().any(|(name, _)| change.iter().any(|(other, _)| name == other))
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse_text;
    use super::*;
    use serde_json::json;

    fn merged(base: &str, file: &str) -> serde_json::Value {
        over(parse_text("base.yaml", base).unwrap(), parse_text("file.yaml", file).unwrap()).value()
    }

    #[test]
    fn maps_merge_and_the_rest_is_replaced() {
        let base =
            "features: { log_mel: { frame: 1024, hop: 512 } }\nmetrics: [auc, pauc]\nseed: 1\n";
        let value = merged(base, "features: { log_mel: { hop: 256 } }\nmetrics: [auc]\n");
        assert_eq!(
            value,
            json!({"features": {"log_mel": {"frame": 1024, "hop": 256}}, "metrics": ["auc"], "seed": 1})
        );
    }

    #[test]
    fn another_variant_replaces_the_base_s() {
        assert_eq!(
            merged("detector: { knn: { k: 3 } }\n", "detector: { mahalanobis: {} }\n"),
            json!({"detector": {"mahalanobis": {}}})
        );
        // Settings that are maps are not variants.
        assert_eq!(
            merged(
                "data: { synthetic: { clips: { train: 5 } } }\n",
                "data: { synthetic: { clips: { test: 6 } } }\n"
            ),
            json!({"data": {"synthetic": {"clips": {"train": 5, "test": 6}}}})
        );
    }

    #[test]
    fn a_setting_takes_the_place_of_the_base_s_sweep_over_it() {
        let base = "sweep: { seed: [1, 2], features.log_mel.mels: [64, 128] }\n";
        let value = merged(base, "features: { log_mel: { mels: 32 } }\n");
        assert_eq!(value["sweep"], json!({"seed": [1, 2]}));
    }

    #[test]
    fn values_remember_their_file() {
        let root = over(
            parse_text("a.yaml", "seed: 1\nname: x\n").unwrap(),
            parse_text("b.yaml", "seed: 2\n").unwrap(),
        );
        assert_eq!(root.get("seed").unwrap().source.name, "b.yaml");
        assert_eq!(root.get("name").unwrap().source.name, "a.yaml");
    }
}
