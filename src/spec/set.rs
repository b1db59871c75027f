//! `--set path=value`: changes a spec without a copy of it.
//!
//! The value is YAML. A list is a sweep, unless the setting itself is a list (then a list of lists
//! is a sweep). `{ range: ... }` is a sweep, too. A `--set` applies wherever the spec sets its
//! path: it replaces a sweep over this path, and it changes the values of a sweep over an outer
//! setting (`detector`).

use std::sync::Arc;

use super::node::{Kind, Node, shorten};
use super::tree::DEEPEST;
use super::{wire, yaml};
use crate::diagnose::{Diagnostic, Place, SourceText};

/// Applies the arguments in order; later ones win.
pub fn apply(root: &mut Node, sets: &[String]) -> Vec<Diagnostic> {
    sets.iter().filter_map(|argument| one(root, argument).err()).collect()
}

fn one(root: &mut Node, argument: &str) -> Result<(), Diagnostic> {
    let source = Arc::new(SourceText { name: "--set".into(), text: argument.to_owned() });
    let place = |bytes| Some(Place { source: source.clone(), bytes });
    let hint = "write `--set detector.knn.k=5`, or `--set 'detector.knn.k=[1, 5]'` to sweep";
    let Some((path, _)) = argument.split_once('=') else {
        let message = format!("`--set {argument}` has no `=`");
        return Err(Diagnostic::new("E0111", message).at(place(0..argument.len())).hint(hint));
    };
    let name = 0..path.len();
    let keys: Vec<String> = path.split('.').map(|key| key.trim().to_owned()).collect();
    if keys.iter().any(String::is_empty) {
        let message = format!("`{path}` is no path: a part of it is empty");
        return Err(Diagnostic::new("E0111", message).at(place(name)).hint(hint));
    }
    if keys.len() > DEEPEST {
        let message = format!(
            "`{}` is a path of {} parts, and values are nested at most {DEEPEST} deep",
            shorten(path),
            keys.len()
        );
        return Err(Diagnostic::new("E0103", message).hint(hint));
    }
    // A reserved word is accepted here and reported later.
    if !wire::words().contains(&keys[0].as_str()) && !wire::RESERVED.contains(&keys[0].as_str()) {
        let message = format!("`{path}` is no setting of a spec");
        return Err(Diagnostic::new("E0402", message)
            .at(place(name.clone()))
            .hint(first_word(path, &keys[0])));
    }
    if keys[0] == "extends" {
        return Err(Diagnostic::new("E0111", "`extends` cannot be set from outside the file")
            .at(place(name)));
    }
    let mut value = yaml::parse(&source, path.len() + 1)?;
    value.key = Some(name.clone());
    match keys.as_slice() {
        [sweep, axis @ ..] if sweep == "sweep" && !axis.is_empty() => sweep_over(root, axis, value),
        _ if sweeps(&keys, &value) => sweep_over(root, &keys, value),
        _ => return set(root, &keys, value).map_err(|d| d.at(place(name))),
    }
    Ok(())
}

fn first_word(path: &str, word: &str) -> String {
    match crate::diagnose::closest(word, wire::words().iter().copied()) {
        Some(right) => format!("did you mean `{}`?", path.replacen(word, right, 1)),
        None => format!("a path begins with one of {}", wire::words().join(", ")),
    }
}

fn sweeps(keys: &[String], value: &Node) -> bool {
    if !wire::swept().contains(&keys[0].as_str()) {
        return false;
    }
    match &value.kind {
        Kind::List(items) if wire::is_list(keys) => {
            !items.is_empty() && items.iter().all(|i| i.as_list().is_some())
        }
        Kind::List(_) => true,
        Kind::Map(entries) => matches!(entries.as_slice(), [(key, _)] if key == "range"),
        Kind::Scalar(_) => false,
    }
}

/// Adds an axis. Other values of this path in the spec are removed.
fn sweep_over(root: &mut Node, keys: &[String], value: Node) {
    let path = keys.join(".");
    drop_axis(root, &path);
    for surrounding in axes_around(root, keys) {
        let inner = &keys[surrounding.0..];
        for item in surrounding.1 {
            item.remove(inner);
        }
    }
    root.put(&["sweep".into(), path], value);
}

fn set(root: &mut Node, keys: &[String], value: Node) -> Result<(), Diagnostic> {
    drop_axis(root, &keys.join("."));
    drop_axes_of_other_variants(root, keys, &value);
    let mut surrounded = false;
    let mut changed = false;
    for (depth, items) in axes_around(root, keys) {
        surrounded = true;
        for item in items {
            if wire::is_plain(&keys[0]) {
                item.put(&keys[depth..], value.clone());
                changed = true;
            } else {
                changed |= change(item, keys, depth, &value);
            }
        }
    }
    if surrounded {
        if changed {
            return Ok(());
        }
        let message =
            format!("`{}` changes nothing: no swept value of `{}` has it", keys.join("."), keys[0]);
        return Err(
            Diagnostic::new("E0402", message).hint(format!("set `{}` to leave the sweep", keys[0]))
        );
    }
    for depth in 2..keys.len() {
        let (outer, variant) = (&keys[..depth], &keys[depth]);
        let held = outer.iter().try_fold(&mut *root, |node, key| node.get_mut(key));
        let held = held.filter(|_| wire::family(outer).is_some());
        if let Some(held) = held.filter(|held| held.get(variant).is_none()) {
            // The new variant replaces the variant of the spec.
            held.kind = Kind::Scalar(serde_json::Value::Null);
        }
    }
    let inside_variant = wire::family_of(&keys[0]).is_some() && keys.len() > 1;
    if let Some(section) = root.get_mut(&keys[0]).filter(|_| inside_variant) {
        if change(section, keys, 1, &value) {
            return Ok(());
        }
        // The new variant replaces the variant of the spec.
        section.kind = Kind::Map(Vec::new());
    }
    root.put(keys, value);
    Ok(())
}

/// Sets the path `keys` in `section`, which is the value at the first `depth` keys. `section` must
/// have the variant named by the next key; it may be a list of variants. Returns whether anything
/// changed.
pub fn change(section: &mut Node, keys: &[String], depth: usize, value: &Node) -> bool {
    let Some((variant, rest)) = keys.get(depth..).and_then(<[String]>::split_first) else {
        return false;
    };
    match &mut section.kind {
        Kind::Map(_) => match section.get_mut(variant) {
            Some(settings) => {
                if let [setting, inner @ ..] = rest
                    && !inner.is_empty()
                    && wire::family(&keys[..depth + 2]).is_some()
                    && let Some(held) = settings.get_mut(setting).filter(|held| !held.is_null())
                {
                    return change(held, keys, depth + 2, value);
                }
                settings.put(rest, value.clone());
                true
            }
            None => false,
        },
        Kind::List(items) => {
            let mut any = false;
            for item in items {
                any |= change(item, keys, depth, value);
            }
            any
        }
        Kind::Scalar(_) => false,
    }
}

/// The values of the axes over outer settings of `keys`, each with the length of its path.
fn axes_around<'a>(root: &'a mut Node, keys: &[String]) -> Vec<(usize, &'a mut Vec<Node>)> {
    let mut found = Vec::new();
    let Some(Kind::Map(axes)) = root.get_mut("sweep").map(|n| &mut n.kind) else { return found };
    let mut add = |path: &str, node: &'a mut Node| {
        let depth = path.split('.').count();
        let around = depth < keys.len() && path.split('.').zip(keys).all(|(a, b)| a == b);
        if let (true, Kind::List(items)) = (around, &mut node.kind) {
            found.push((depth, items));
        }
    };
    for (path, node) in axes {
        match path.as_str() {
            "zip" => zipped(node).for_each(|(path, node)| add(path, node)),
            _ => add(path, node),
        }
    }
    found
}

/// The axes of all items under `zip:`.
fn zipped(zip: &mut Node) -> impl Iterator<Item = (&str, &mut Node)> {
    let items = match &mut zip.kind {
        Kind::List(items) => items.as_mut_slice(),
        _ => &mut [],
    };
    items.iter_mut().flat_map(|item| {
        let axes = match &mut item.kind {
            Kind::Map(axes) => axes.as_mut_slice(),
            _ => &mut [],
        };
        axes.iter_mut().map(|(path, node)| (path.as_str(), node))
    })
}

/// Removes the axis over `path`, also under `zip:`.
fn drop_axis(root: &mut Node, path: &str) {
    let Some(Kind::Map(axes)) = root.get_mut("sweep").map(|n| &mut n.kind) else { return };
    axes.retain(|(key, _)| key != path);
    if let Some(Kind::List(items)) =
        axes.iter_mut().find(|(key, _)| key == "zip").map(|(_, n)| &mut n.kind)
    {
        for item in items {
            if let Kind::Map(zipped) = &mut item.kind {
                zipped.retain(|(key, _)| key != path);
            }
        }
    }
}

/// After `--set 'detector={mahalanobis: {}}'`, a sweep over `detector.knn.k` has no effect and is
/// removed.
fn drop_axes_of_other_variants(root: &mut Node, keys: &[String], value: &Node) {
    let Some(variants) = value.as_map() else { return };
    if wire::family_of(&keys[0]).is_none() || wire::family(keys).is_none() {
        return;
    }
    let Some(Kind::Map(axes)) = root.get_mut("sweep").map(|n| &mut n.kind) else { return };
    axes.retain(|(path, _)| {
        let parts: Vec<&str> = path.split('.').collect();
        let variant =
            parts.get(keys.len()).filter(|_| parts.iter().zip(keys).all(|(part, key)| part == key));
        variant.is_none_or(|variant| variants.iter().any(|(name, _)| name == variant))
    });
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse_text;
    use super::*;
    use serde_json::{Value, json};

    fn after(text: &str, sets: &[&str]) -> Value {
        let mut root = parse_text("t.yaml", text).unwrap();
        let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
        assert_eq!(apply(&mut root, &sets), []);
        root.value()
    }

    #[test]
    fn a_path_without_end_is_refused() {
        let mut root = parse_text("t.yaml", "seed: 1\n").unwrap();
        for parts in [65, 500_000] {
            let told = apply(&mut root, &[format!("data{}=1", ".a".repeat(parts - 1))]);
            assert_eq!((told.len(), told[0].code), (1, "E0103"));
            assert!(
                told[0].message.contains(&format!("a path of {parts} parts"))
                    && told[0].message.len() < 200
            );
        }
    }

    #[test]
    fn scalars_are_set_and_lists_sweep() {
        let value = after(
            "detector: { knn: { k: 1 } }\n",
            &["detector.knn.k=5", "seed=[1, 2]", "metrics=[auc]"],
        );
        assert_eq!(
            value,
            json!({"detector": {"knn": {"k": 5}}, "sweep": {"seed": [1, 2]}, "metrics": ["auc"]})
        );
        let value = after("seed: 1\n", &["metrics=[[auc], [auc, pauc]]", "seed={range: [0, 3]}"]);
        assert_eq!(
            value["sweep"],
            json!({"metrics": [["auc"], ["auc", "pauc"]], "seed": {"range": [0, 3]}})
        );
    }

    #[test]
    fn it_takes_the_place_of_a_sweep() {
        assert_eq!(
            after("sweep: { seed: [1, 2] }\n", &["seed=7"]),
            json!({"sweep": {}, "seed": 7})
        );
        let zip = "sweep: { zip: [ { seed: [1, 2], features.log_mel.mels: [3, 4] } ] }\n";
        assert_eq!(
            after(zip, &["seed=7"])["sweep"],
            json!({"zip": [{"features.log_mel.mels": [3, 4]}]})
        );
    }

    #[test]
    fn it_changes_the_swept_values_it_is_a_part_of() {
        let text = "sweep: { detector: [ { knn: }, { mahalanobis: {} } ] }\n";
        let value = after(text, &["detector.knn.k=3"]);
        assert_eq!(value, json!({"sweep": {"detector": [{"knn": {"k": 3}}, {"mahalanobis": {}}]}}));
        let text = "sweep: { detector: [ { knn: { k: 9 } } ] }\n";
        let value = after(text, &["detector.knn.k=[1, 2]"]);
        assert_eq!(value["sweep"], json!({"detector": [{"knn": {}}], "detector.knn.k": [1, 2]}));
    }

    #[test]
    fn another_variant_takes_the_place_of_the_file_s() {
        let text = "detector: { knn: { k: 9 } }\nsweep: { detector.knn.k: [1, 2] }\n";
        let value = after(text, &["detector={mahalanobis: {}}"]);
        assert_eq!(value, json!({"detector": {"mahalanobis": {}}, "sweep": {}}));
        assert_eq!(
            after("detector: { a: {} }\n", &["detector.knn.k=2"])["detector"],
            json!({"knn": {"k": 2}})
        );
    }

    #[test]
    fn variants_inside_a_variant_are_changed_and_replaced() {
        let text = "detector: { embedding: { network: { a: { x: 1 } }, backend: { knn: { k: 9 } } } }\n\
                    sweep: { detector.embedding.backend.knn.k: [1, 2] }\n";
        let embedding = |sets: &[&str]| {
            let value = after(text, sets);
            (value["detector"]["embedding"].clone(), value["sweep"].as_object().unwrap().len())
        };
        let same = embedding(&["detector.embedding.network.a.y=2"]);
        assert_eq!(same.0["network"], json!({"a": {"x": 1, "y": 2}}));
        let other = embedding(&["detector.embedding.network.b.y=2"]);
        assert_eq!(other.0, json!({"network": {"b": {"y": 2}}, "backend": {"knn": {"k": 9}}}));
        let (backend, axes) = embedding(&["detector.embedding.backend={lof: {}}"]);
        assert_eq!((backend["backend"].clone(), axes), (json!({"lof": {}}), 0));
        // Only values of the sweep with this variant are changed.
        let text = "sweep: { detector: [ { embedding: { network: { a: } } }, { embedding: { network: { b: } } } ] }\n";
        let value = after(
            text,
            &["detector.embedding.network.b.y=2", "detector.embedding.backend.knn.k=3"],
        );
        let knn = json!({"knn": {"k": 3}});
        let of = |network: Value| json!({"embedding": {"network": network, "backend": knn}});
        assert_eq!(
            value["sweep"]["detector"],
            json!([of(json!({"a": null})), of(json!({"b": {"y": 2}}))])
        );
    }

    #[test]
    fn a_joined_pool_is_changed_inside_its_list() {
        let value = after("pool: [ { mean: {} }, { gwrp: {} } ]\n", &["pool.gwrp.decay=0.9"]);
        assert_eq!(value["pool"], json!([{"mean": {}}, {"gwrp": {"decay": 0.9}}]));
    }
}
