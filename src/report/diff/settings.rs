//! The settings that differ between two runs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::matching::{at, axes, text};
use super::{Setting, Side};

/// Values of settings by path.
type Leaves = BTreeMap<String, BTreeSet<String>>;

/// The swept settings that differ, then the others, each with its values in both runs.
pub fn differing(a: Side, b: Side) -> Vec<Setting> {
    let axes = axes(a, b);
    let mut found: Vec<Setting> = Vec::new();
    for axis in &axes {
        let values = [swept(a, axis), swept(b, axis)];
        // A different order of the swept values is no difference.
        let [first, second] =
            values.each_ref().map(|values| values.iter().collect::<BTreeSet<&String>>());
        if first != second {
            found.push(Setting {
                path: axis.clone(),
                values: values.map(|values| values.join(", ")),
            });
        }
    }
    let below = |path: &str| {
        axes.iter().any(|axis| {
            path.strip_prefix(axis.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let [left, right] = [a, b].map(|side| {
        let mut leaves = Leaves::new();
        side.settings
            .iter()
            .for_each(|settings| flatten(settings, &mut String::new(), &mut leaves));
        leaves
    });
    let paths: BTreeSet<&String> =
        left.keys().chain(right.keys()).filter(|path| !below(path)).collect();
    for path in paths {
        let values = [&left, &right].map(|leaves| leaves.get(path));
        if values[0] != values[1] {
            let joined = |values: Option<&BTreeSet<String>>| {
                values.map_or(String::new(), |values| {
                    values.iter().cloned().collect::<Vec<_>>().join(", ")
                })
            };
            found.push(Setting { path: path.clone(), values: values.map(joined) });
        }
    }
    found
}

/// The labels of a swept setting in order; the value of a setting that is not swept.
fn swept(side: Side, axis: &str) -> Vec<String> {
    if let Some((_, labels)) = side.axes.iter().find(|(path, _)| path == axis) {
        return labels.clone();
    }
    let values: BTreeSet<String> =
        side.settings.iter().filter_map(|settings| at(settings, axis)).map(text).collect();
    values.into_iter().collect()
}

fn flatten(value: &Value, path: &mut String, leaves: &mut Leaves) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (word, value) in map {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(word);
                flatten(value, path, leaves);
                path.truncate(length);
            }
        }
        Value::Null => {}
        value => {
            let text = text(value);
            match leaves.get_mut(path.as_str()) {
                Some(known) if known.contains(&text) => {}
                Some(known) => drop(known.insert(text)),
                None => drop(leaves.insert(path.clone(), [text].into())),
            }
        }
    }
}
