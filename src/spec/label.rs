//! Short names for the values of a swept setting, for tables and file names: `knn`, `knn k=5`,
//! `64`.
//!
//! Two values of an axis with the same label are the same setting written twice, so labels also
//! find duplicates.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::decode::{Family, form};
use super::node::{Kind, Node};
use super::wire;
use crate::diagnose::Diagnostic;
use crate::pool::PoolSpec;

/// The label of each value.
pub fn labels(keys: &[String], values: &[Node]) -> Vec<String> {
    let family = wire::family(keys).filter(|_| keys[0] != "mix");
    match (keys, family) {
        // Several pools may be joined.
        ([word], Some(_)) if word == "pool" => values
            .iter()
            .map(|value| {
                told::<PoolSpec>(value.as_list().unwrap_or(std::slice::from_ref(value)), false)
                    .join("+")
            })
            .collect(),
        (_, Some(family)) => (family.labels)(values),
        ([word, variant, setting], _) if [word, variant, setting] == ["data", "scores", "root"] => {
            telling(values.iter().map(text).collect())
        }
        // An empty map is shown as `default` only if it is a part of a section.
        ([_], None) => values.iter().map(text).collect(),
        _ => {
            values
                .iter()
                .map(|v| {
                    if v.as_map().is_some_and(<[_]>::is_empty) { "default".into() } else { text(v) }
                })
                .collect()
        }
    }
}

/// Paths without the folders that all of them begin or end with: what tells systems apart.
fn telling(whole: Vec<String>) -> Vec<String> {
    let [first, _, ..] = whole.as_slice() else { return whole };
    let first: Vec<&str> = first.split('/').collect();
    let parts: Vec<Vec<&str>> = whole.iter().map(|path| path.split('/').collect()).collect();
    let shortest = parts.iter().map(Vec::len).min().unwrap_or(0);
    let same = |part: &dyn Fn(&[&'_ str], usize) -> bool, least: usize| {
        (0..least).take_while(|n| parts.iter().all(|own| part(own, *n))).count()
    };
    let ahead = same(&|own, n| own[n] == first[n], shortest.saturating_sub(1));
    let behind = same(
        &|own, n| own[own.len() - 1 - n] == first[first.len() - 1 - n],
        shortest.saturating_sub(ahead + 1),
    );
    let short = |own: &Vec<&str>| own[ahead..own.len() - behind].join("/");
    let labels: Vec<String> = parts.iter().map(short).collect();
    let distinct: BTreeSet<&String> = labels.iter().collect();
    if distinct.len() == labels.len() && !distinct.iter().any(|label| label.is_empty()) {
        return labels;
    }
    whole
}

/// The error for the first value that occurs twice on an axis.
pub fn twice(path: &str, values: &[Node], labels: &[String]) -> Option<Diagnostic> {
    let mut seen: BTreeMap<&str, &Node> = BTreeMap::new();
    values.iter().zip(labels).find_map(|(value, label)| {
        let first = seen.insert(label, value)?;
        Some(
            Diagnostic::new("E0405", format!("`{path}` is swept over `{label}` twice"))
                .at(value.place())
                .related(first.place(), "the same setting")
                .hint("leave one of them out"),
        )
    })
}

/// Labels of the values of a family: the name, and the settings that differ among values with that
/// name.
pub fn variants<F: Family>(values: &[Node]) -> Vec<String> {
    told::<F>(values, true)
}

/// Labels of the values of a family: the name, and the settings that differ from the default in at
/// least one value with that name. `brief` leaves the settings out if the name occurs only once.
fn told<F: Family>(values: &[Node], brief: bool) -> Vec<String> {
    let mut written: Vec<Option<Written>> = values.iter().map(Written::of::<F>).collect();
    name_programs(&mut written);
    let scored = written.iter_mut().flatten().filter(|w| w.name == "scores");
    let roots: Vec<&mut String> = scored.filter_map(|w| w.settings.get_mut("root")).collect();
    let short = telling(roots.iter().map(|root| root.to_string()).collect());
    roots.into_iter().zip(short).for_each(|(root, short)| *root = short);
    let mut telling: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for w in written.iter().flatten() {
        let telling = telling.entry(&w.name).or_default();
        telling.extend(
            w.settings
                .iter()
                .filter(|(k, v)| w.defaults.get(*k) != Some(v))
                .map(|(k, _)| k.as_str()),
        );
    }
    let label = |w: &Written| {
        if brief && written.iter().flatten().filter(|other| other.name == w.name).count() == 1 {
            return w.name.clone();
        }
        let shown = telling[w.name.as_str()]
            .iter()
            .filter_map(|key| Some((*key, w.settings.get(*key).or(w.whole.get(*key))?)));
        let shown: Vec<(&str, &String)> = shown.collect();
        let settings = shown.iter().map(|(key, value)| match value.is_empty() {
            false => format!(" {key}={value}"),
            true if shown.iter().any(|(other, _)| {
                other.strip_prefix(*key).is_some_and(|rest| rest.starts_with('.'))
            }) =>
            {
                String::new()
            }
            true => format!(" {key}"),
        });
        w.name.clone() + &settings.collect::<String>()
    };
    // An invalid variant gets a label that no variant has, so it is not reported as a duplicate.
    let odd = |value: &Node| {
        if value.is_null() { "none".to_owned() } else { format!("`{}`", text(value)) }
    };
    values
        .iter()
        .zip(&written)
        .map(|(value, w)| w.as_ref().map_or_else(|| odd(value), label))
        .collect()
}

/// Names programs of users by their files: `command forest.py`. Of programs of one name, only the
/// settings that differ are told; those of the program itself by their own names.
fn name_programs(written: &mut [Option<Written>]) {
    let mut groups: BTreeMap<String, Vec<&mut Written>> = BTreeMap::new();
    for w in written.iter_mut().flatten().filter(|w| w.name == "command") {
        let Some(run) = w.settings.get("run") else { continue };
        w.name = format!("command {}", program(run, w.settings.get("files")));
        groups.entry(w.name.clone()).or_default().push(w);
    }
    for mut group in groups.into_values() {
        let first = group[0].settings.clone();
        let same = |(key, value): &(String, String), group: &[&mut Written]| {
            group.iter().all(|w| w.settings.get(key) == Some(value))
        };
        let same: Vec<String> =
            first.into_iter().filter(|entry| same(entry, &group)).map(|(key, _)| key).collect();
        for w in &mut group {
            w.settings.retain(|key, _| !same.contains(key));
            let own = std::mem::take(&mut w.settings).into_iter();
            // Its settings may be called as ours are.
            let ours = |key: &str| w.whole.contains_key(key) || key == "megabytes";
            let short = |key: String| match key.strip_prefix("settings.").filter(|k| !ours(k)) {
                Some(short) => short.to_owned(),
                None => key,
            };
            w.settings = own.map(|(key, value)| (short(key), value)).collect();
        }
    }
}

/// The name of a program, from its command line and files as [`plain`] writes them: the first word
/// that is a listed file, or the first word.
fn program<'a>(run: &'a str, files: Option<&String>) -> &'a str {
    let last = |path: &'a str| path.rsplit(['/', '\\']).next().unwrap_or(path);
    let listed = |word: &&str| {
        let mut files = files.into_iter().flat_map(|files| files.split('+'));
        files.any(|file| file.rsplit(['/', '\\']).next() == Some(*word))
    };
    let mut words = run.split('+');
    words.clone().find(listed).unwrap_or_else(|| last(words.next().unwrap_or(run)))
}

struct Written {
    name: String,
    settings: BTreeMap<String, String>,
    /// The settings of the variant with all defaults.
    defaults: BTreeMap<String, String>,
    /// The settings with defaults filled in.
    whole: BTreeMap<String, String>,
}

impl Written {
    fn of<F: Family>(node: &Node) -> Option<Self> {
        let (name, inner) = form::<F>(node).ok()?;
        let flat = |value: &Value| {
            let mut flat = BTreeMap::new();
            flatten("", value, &mut flat);
            flat
        };
        let filled = |settings: &Value| {
            let config = F::parse(name, settings).ok().map(serde_json::to_value);
            config.and_then(Result::ok).map(|value| value[name].clone())
        };
        let mut written = inner.value();
        let defaults = filled(&Value::Object(Default::default())).unwrap_or_default();
        let whole = filled(&written).unwrap_or_else(|| defaults.clone());
        // In a variant, `svc:` without settings equals `svc: {}`.
        for (key, value) in written.as_object_mut().into_iter().flatten() {
            if value.is_null() && whole[key].is_object() {
                *value = Value::Object(Default::default());
            }
        }
        let (settings, defaults, whole) = (flat(&written), flat(&defaults), flat(&whole));
        Some(Self { name: name.to_owned(), settings, defaults, whole })
    }
}

/// Values by path. A map without settings, such as that of a nested variant, becomes an empty text.
fn flatten(path: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) if map.is_empty() && !path.is_empty() => {
            out.insert(path.to_owned(), String::new());
        }
        Value::Object(map) => {
            for (key, inner) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, inner, out);
            }
        }
        Value::Null => {}
        other => {
            out.insert(path.to_owned(), plain(other));
        }
    }
}

/// A value as text: `64`, `0.1`, `slaney`, `auc+pauc`.
pub fn text(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar(value) => plain(value),
        _ => plain(&node.value()),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Null => "none".into(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("+"),
        Value::Object(map) if map.is_empty() => "none".into(),
        Value::Object(map) => {
            let entries = map.iter().map(|(k, v)| match v {
                Value::Object(inner) if inner.is_empty() => k.clone(),
                Value::Object(_) => format!("{k} {}", plain(v)),
                Value::Null => format!("{k}=none"),
                v => format!("{k}={}", plain(v)),
            });
            entries.collect::<Vec<_>>().join(" ")
        }
        // 64 and 64.0 are one setting.
        Value::Number(n) => n
            .as_f64()
            .filter(|x| n.is_f64() && x.fract() == 0.0 && x.abs() < 1e15)
            .map_or(n.to_string(), |x| x.to_string()),
        Value::Bool(b) => b.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse_text;
    use super::*;

    fn of(path: &str, list: &str) -> Vec<String> {
        let values = parse_text("t.yaml", list).unwrap();
        let keys: Vec<String> = path.split('.').map(String::from).collect();
        labels(&keys, values.as_list().unwrap())
    }

    #[test]
    fn a_variant_shows_its_settings_only_beside_another_of_its_name() {
        assert_eq!(of("detector", "[ { knn: {} } ]"), ["knn"]);
        assert_eq!(of("detector", "[ { knn: { k: 1 } } ]"), ["knn"]);
        assert_eq!(of("detector", "[ { knn: { k: 5 } } ]"), ["knn"]);
        assert_eq!(of("detector", "[ { knn: }, { knn: { k: 5 } } ]"), ["knn k=1", "knn k=5"]);
    }

    #[test]
    fn variants_inside_a_variant_are_told_apart() {
        let of = |list| of("detector", list);
        let names = ["classifier lda", "classifier svc"];
        assert_eq!(of("[ { classifier: { lda: {} } }, { classifier: { svc: } } ]"), names);
        let list = "[ { classifier: { lda: {} } }, { classifier: { svc: { c: 9 } } }, { classifier: { svc: {} } } ]";
        assert_eq!(of(list), ["classifier lda", "classifier svc.c=9", "classifier svc.c=1"]);
        let list =
            "[ { classifier: { lda: {} } }, { classifier: { lda: {}, labels: attribute } } ]";
        assert_eq!(of(list), ["classifier labels=section lda", "classifier labels=attribute lda"]);
    }

    #[test]
    fn a_program_has_the_name_of_its_file() {
        let of = |list| of("detector", list);
        let list = "[ { knn: {} }, { command: { run: [python3, a.py], files: [x/a.py] } },
            { command: { run: [python3, b.py], files: [x/b.py], settings: { k: 1 }, seeded: true } },
            { command: { run: [python3, b.py], files: [x/b.py], settings: { k: 2 }, seeded: true } },
            { command: { run: [/bin/score] } } ]";
        assert_eq!(
            of(list),
            ["knn", "command a.py", "command b.py k=1", "command b.py k=2", "command score"]
        );
        // Two of one name are not one setting written twice.
        let list = "[ { command: { run: [python3, a.py], files: [x/a.py] } },
            { command: { run: [python3, a.py], files: [y/a.py] } } ]";
        let told = of(list);
        assert!(told[0] != told[1] && told[0].contains("files=x/a.py"), "{told:?}");
    }

    #[test]
    fn scalars_and_lists_are_plain() {
        assert_eq!(of("seed", "[0, 1]"), ["0", "1"]);
        assert_eq!(of("features.log_mel.power", "[1.0, 0.5]"), ["1", "0.5"]);
        assert_eq!(
            of("metrics", "[ [auc], [auc, { pauc: { max_fpr: 0.2 } }] ]"),
            ["auc", "auc+pauc max_fpr=0.2"]
        );
        let pools = "[ { gwrp: { decay: 0.5 } }, { gwrp: { decay: 0.9 } } ]";
        assert_eq!(of("pool", pools), ["gwrp decay=0.5", "gwrp decay=0.9"]);
        assert_eq!(
            of("pool", "[ { mean: {} }, [ { mean: {} }, { mean: {} } ] ]"),
            ["mean", "mean+mean"]
        );
    }

    #[test]
    fn systems_are_named_by_what_tells_their_folders_apart() {
        let of = |list| of("data.scores.root", list);
        assert_eq!(of("[ sysA, sysB ]"), ["sysA", "sysB"]);
        assert_eq!(of("[ ../teams/x/x_1/dev, ../teams/y/y_1/dev ]"), ["x/x_1", "y/y_1"]);
        assert_eq!(of("[ ../dcase/a, ../dcase/a/b, c ]"), ["../dcase/a", "../dcase/a/b", "c"]);
        assert_eq!(of("[ d/a, d/a/b ]"), ["a", "a/b"]);
        assert_eq!(of("[ a/x, a/x ]"), ["a/x", "a/x"]);
        assert_eq!(of("[ only/one ]"), ["only/one"]);
        let data = "[ { dcase: { root: a } }, { scores: { root: x/b/dev } }, { scores: { root: x/c/dev } } ]";
        let labels =
            super::labels(&["data".into()], parse_text("t.yaml", data).unwrap().as_list().unwrap());
        assert_eq!(labels, ["dcase", "scores root=b", "scores root=c"]);
    }

    #[test]
    fn the_same_setting_twice_is_found() {
        let values = parse_text("t.yaml", "[ { knn: {} }, { knn: { k: 1 } } ]").unwrap();
        let values = values.as_list().unwrap();
        let labels = labels(&["detector".into()], values);
        assert_eq!(
            twice("detector", values, &labels).unwrap().message,
            "`detector` is swept over `knn` twice"
        );
    }
}
