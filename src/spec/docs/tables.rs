//! The tables of the reference: settings with those inside of them, and values with their meanings.
//!
//! A setting may be a list of maps, or a map whose keys are one's own. The settings inside of those
//! are rows, too: `requests[].clips` and `KEY.range`.

use serde_json::{Map, Value};

use super::super::wire;

/// A table of settings; empty if there are none.
pub fn settings(schema: &Value, order: &[&str]) -> String {
    let mut rows = Vec::new();
    wire::alternatives(schema).into_iter().for_each(|schema| inner("", schema, order, &mut rows));
    if rows.is_empty() {
        return String::new();
    }
    format!("\n| Setting | Type | Default | Meaning |\n|---|---|---|---|\n{}", rows.concat())
}

/// A table of the values that a word can have; empty if there is no list of them.
pub fn values(schema: &Value) -> String {
    let row = |(name, meaning): (String, String)| format!("| `{name}` | {} |\n", cell(&meaning));
    let rows: Vec<String> = choices(schema).into_iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\n| Value | Meaning |\n|---|---|\n{}", rows.concat())
}

/// The rows of the settings of an object, and of the objects in a list or under keys of one's own.
/// Deeper settings are shown by their path. `order` is that of the settings without a path.
fn inner(path: &str, outer: &Value, order: &[&str], rows: &mut Vec<String>) {
    let properties = outer.get("properties").and_then(Value::as_object);
    for (name, schema) in properties.map(|all| in_order(all, order)).unwrap_or_default() {
        // In a choice of several objects with one key each, the object carries the meaning.
        let alone = properties.is_some_and(|all| all.len() == 1);
        let own = if alone && schema.get("description").is_none() { outer } else { schema };
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let alternatives = wire::alternatives(schema);
        let default = schema.get("default").filter(|d| !d.is_null() && !d.is_object());
        let default = default.map_or(String::new(), |default| format!("`{}`", short(default)));
        let meaning = format!("{} {}", about(own), listed(choices(schema)));
        let kinds: Vec<String> = kinds(schema, &alternatives);
        rows.push(format!(
            "| `{path}` | {} | {default} | {} |\n",
            cell(&kinds.join(", or ")),
            cell(&meaning)
        ));
        alternatives.into_iter().for_each(|schema| inner(&path, schema, &[], rows));
    }
    let Some((each, mark)) = held(outer) else { return };
    // The path of a word is empty, and stays so in a list.
    let path = match path {
        "" => mark.trim_matches(['[', ']', '.']).to_owned(),
        path => format!("{path}{mark}"),
    };
    wire::alternatives(each).into_iter().for_each(|schema| inner(&path, schema, order, rows));
}

/// What a list holds, or a map whose keys are one's own, and how a path goes on to it.
fn held(schema: &Value) -> Option<(&Value, &'static str)> {
    match schema.get("items") {
        Some(items) => Some((items, "[]")),
        None => Some((schema.get("additionalProperties").filter(|any| any.is_object())?, ".KEY")),
    }
}

/// The settings of an object; those in `order` come first.
pub fn in_order<'a>(
    properties: &'a Map<String, Value>,
    order: &[&str],
) -> Vec<(&'a str, &'a Value)> {
    let place = |name: &str| order.iter().position(|other| *other == name).unwrap_or(order.len());
    let mut all: Vec<(&str, &Value)> =
        properties.iter().map(|(name, schema)| (name.as_str(), schema)).collect();
    all.sort_by_key(|(name, _)| place(name));
    all
}

/// The description in a schema; empty without one.
pub fn about(schema: &Value) -> String {
    let own = |schema: &Value| {
        Some(schema.get("description")?.as_str()?.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    own(schema).unwrap_or_default()
}

/// The type of a setting, in words.
fn kinds(schema: &Value, alternatives: &[&Value]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for kind in alternatives
        .iter()
        .map(|alternative| kind(schema, alternative))
        .filter(|kind| !kind.is_empty())
    {
        if !words.contains(&kind) {
            words.push(kind);
        }
    }
    words
}

fn kind(setting: &Value, schema: &Value) -> String {
    if let Some(family) = wire::of_family(schema) {
        return format!("a {} by name", family.noun);
    }
    let name = match &schema["type"] {
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or_default()
        }
        name => name.as_str().unwrap_or_default(),
    };
    let path = setting.get("x-path").or(schema.get("x-path")).and_then(Value::as_str);
    match (name, path) {
        ("string", Some(path)) => format!("path of a {path}"),
        ("string", None) if schema.get("const").or(schema.get("enum")).is_some() => {
            "a choice".into()
        }
        ("string", None) => "text".into(),
        ("boolean", _) => "true or false".into(),
        ("integer", _) => format!("whole number{}", bounds(schema)),
        ("number", _) => format!("number{}", bounds(schema)),
        ("array", _) => {
            let items = wire::alternatives(&schema["items"]);
            format!("list: {}", kinds(&schema["items"], &items).join(", or "))
        }
        ("object", _)
            if schema.get("properties").is_none() && schema["additionalProperties"].is_object() =>
        {
            let inside = wire::alternatives(&schema["additionalProperties"]);
            format!("map to {}", kinds(&schema["additionalProperties"], &inside).join(", or "))
        }
        ("object", _) => "map".into(),
        _ => String::new(),
    }
}

fn bounds(schema: &Value) -> String {
    let bound = |key: &str| schema.get(key).map(short);
    let least = bound("minimum").map(|least| format!("from {least}"));
    let least = least.or(bound("exclusiveMinimum").map(|least| format!("above {least}")));
    let most = bound("maximum").map(|most| format!("to {most}"));
    let most = most.or(bound("exclusiveMaximum").map(|most| format!("below {most}")));
    [least, most].into_iter().flatten().fold(String::new(), |text, bound| format!("{text} {bound}"))
}

/// The choices of a setting, or of what it holds, with their meanings.
fn choices(setting: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for schema in wire::alternatives(setting) {
        // Choices without a meaning share a schema, which may be the schema of the setting.
        let meaning = Some(about(schema)).filter(|own| *own != about(setting)).unwrap_or_default();
        let names = schema
            .get("enum")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .chain(schema.get("const"));
        all.extend(names.filter(|name| !name.is_null()).map(|name| (short(name), meaning.clone())));
        all.extend(held(schema).map(|(each, _)| choices(each)).unwrap_or_default());
    }
    all
}

/// Choices with their meanings, in one line; empty without choices.
fn listed(choices: Vec<(String, String)>) -> String {
    let choice = |(name, meaning): (String, String)| match meaning.trim_end_matches('.') {
        "" => format!("`{name}`"),
        meaning => format!("`{name}`: {meaning}"),
    };
    let all: Vec<String> = choices.into_iter().map(choice).collect();
    if all.is_empty() { String::new() } else { format!("{}.", all.join("; ")) }
}

/// A value as it is written in a spec.
pub fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(short).collect::<Vec<_>>().join(", "))
        }
        Value::Number(n) => {
            match n.as_f64().filter(|x| n.is_f64() && x.fract() == 0.0 && x.abs() < 1e15) {
                Some(x) => x.to_string(),
                None => n.to_string(),
            }
        }
        other => other.to_string(),
    }
}

/// A text as a table cell.
pub fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|")
}
