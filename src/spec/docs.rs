//! The reference of all words of a spec as Markdown, made from the docs of the config types.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::decode::Kin;
use super::wire;
use super::words::Expectation;
use crate::family::fields;
use crate::stage::{Generalization, Mix};

const INTRO: &str = "# The words of a spec

This page is the output of `humshift docs`. It is made from the types that the program reads specs into, and a test
compares the two. `humshift schema` writes the same as a JSON Schema, for completion and checks in editors.

A spec is a YAML file. Settings that have a default may be left out. Where a word takes a variant (a detector, a
source), write a map with one key, its name: `detector: { knn: { k: 3 } }`. A name without settings, `{ knn: }`, takes all
defaults. Paths of files are relative to the file they are written in.

| Word | Meaning | Can be swept |
|---|---|---|
";

/// The reference of all words, variants and settings.
pub fn reference() -> String {
    let mut page = INTRO.to_owned();
    let words = &wire::spec().schema["properties"];
    for word in wire::words() {
        let swept = if wire::swept().contains(word) { "yes" } else { "" };
        let meaning = cell(&first_sentence(&about(&words[*word])));
        writeln!(page, "| [`{word}`](#{word}) | {meaning} | {swept} |")
            .expect("a string takes all");
    }
    for word in wire::words() {
        let schema = &words[*word];
        write!(page, "\n## {word}\n\n{}\n", about(schema)).expect("a string takes all");
        if let Some(example) = schema.get("examples").and_then(|all| all.get(0)) {
            write!(page, "\n```yaml\n{word}: {}\n```\n", quoted(example))
                .expect("a string takes all");
        }
        match wire::family_of(word) {
            Some(family) => page += &members(word, family),
            None => page += &settings(schema, order(word)),
        }
    }
    page += "\n# Networks of an embedding\n\nThe networks that the detector `embedding` can use.\n";
    page += &members(
        "network",
        wire::family(&["detector", "embedding", "network"]).expect("an embedding has a network"),
    );
    page
}

/// The settings of a word without variants, in order of declaration.
fn order(word: &str) -> &'static [&'static str] {
    match word {
        "mix" => fields::<Mix>(),
        "generalization" => fields::<Generalization>(),
        "expect" => fields::<Expectation>(),
        _ => &[],
    }
}

/// One section for each member of a family.
fn members(word: &str, family: &Kin) -> String {
    let mut text = String::new();
    for name in family.names {
        let described = (family.described)(name).expect("it is a name of the family");
        let schema = &described.schema;
        write!(text, "\n### {word}: {name}\n\n{}\n\n", about(schema)).expect("a string takes all");
        write!(text, "```yaml\n{}```\n", example(word, name, schema, described.fields))
            .expect("a string takes all");
        text += &settings(schema, described.fields);
    }
    text
}

/// A table of settings; empty if there are none.
fn settings(schema: &'static Value, order: &[&str]) -> String {
    let mut rows = Vec::new();
    for schema in wire::alternatives(schema).into_iter().map(|s| s.get("items").unwrap_or(s)) {
        wire::alternatives(schema)
            .into_iter()
            .for_each(|schema| inner("", schema, order, &mut rows));
    }
    if rows.is_empty() {
        return String::new();
    }
    format!("\n| Setting | Type | Default | Meaning |\n|---|---|---|---|\n{}", rows.concat())
}

/// The rows of the settings of an object. Deeper settings are shown by their path.
fn inner(path: &str, outer: &'static Value, order: &[&str], rows: &mut Vec<String>) {
    let Some(properties) = outer.get("properties").and_then(Value::as_object) else { return };
    for (name, schema) in in_order(properties, order) {
        // In a choice of several objects with one key each, the object carries the meaning.
        let own = if properties.len() == 1 && schema.get("description").is_none() {
            outer
        } else {
            schema
        };
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let alternatives = wire::alternatives(schema);
        let default = schema.get("default").filter(|d| !d.is_null() && !d.is_object());
        let default = default.map_or(String::new(), |default| format!("`{}`", short(default)));
        let meaning = format!("{} {}", about(own), choices(schema, &alternatives));
        let kinds: Vec<String> = kinds(schema, &alternatives);
        rows.push(format!(
            "| `{path}` | {} | {default} | {} |\n",
            cell(&kinds.join(", or ")),
            cell(&meaning)
        ));
        alternatives.into_iter().for_each(|schema| inner(&path, schema, &[], rows));
    }
}

fn in_order<'a>(properties: &'a Map<String, Value>, order: &[&str]) -> Vec<(&'a str, &'a Value)> {
    let place = |name: &str| order.iter().position(|other| *other == name).unwrap_or(order.len());
    let mut all: Vec<(&str, &Value)> =
        properties.iter().map(|(name, schema)| (name.as_str(), schema)).collect();
    all.sort_by_key(|(name, _)| place(name));
    all
}

/// The description in a schema; empty without one.
fn about(schema: &Value) -> String {
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

/// The choices of a setting, with their meanings.
fn choices(setting: &Value, alternatives: &[&Value]) -> String {
    let mut all = Vec::new();
    for schema in alternatives {
        // Choices without a meaning share a schema, which may be the schema of the setting.
        let meaning = Some(about(schema)).filter(|own| *own != about(setting)).unwrap_or_default();
        let names = schema
            .get("enum")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .chain(schema.get("const"));
        let meaning = if meaning.is_empty() {
            meaning
        } else {
            format!(": {}", meaning.trim_end_matches('.'))
        };
        all.extend(
            names.filter(|name| !name.is_null()).map(|name| format!("`{}`{meaning}", short(name))),
        );
    }
    if all.is_empty() { String::new() } else { format!("{}.", all.join("; ")) }
}

/// An example of a variant: the settings without a default, and the others with a single value.
fn example(word: &str, name: &str, schema: &Value, order: &[&str]) -> String {
    let properties = schema.get("properties").and_then(Value::as_object);
    let value = |schema: &Value| {
        let given = schema.get("examples").and_then(|all| all.get(0));
        Some(quoted(given.or(schema.get("default").filter(|d| !d.is_object() && !d.is_null()))?))
    };
    let settings = properties.map(|all| in_order(all, order)).unwrap_or_default();
    let settings: Vec<String> = settings
        .into_iter()
        .filter_map(|(name, schema)| Some(format!("{name}: {}", value(schema)?)))
        .collect();
    match settings.join(", ") {
        none if none.is_empty() => format!("{word}: {{ {name}: {{}} }}\n"),
        line if line.len() < 80 => format!("{word}:\n  {name}: {{ {line} }}\n"),
        _ => settings.iter().fold(format!("{word}:\n  {name}:\n"), |text, setting| {
            format!("{text}    {setting}\n")
        }),
    }
}

/// A value in YAML's flow style.
fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains(['{', '[', '*', ':', '#']) => format!("{text:?}"),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(quoted).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) if map.is_empty() => "{}".into(),
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}: {}", quoted(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => short(other),
    }
}

fn first_sentence(text: &str) -> String {
    text.split_once(". ").map_or(text.to_owned(), |(first, _)| format!("{first}."))
}

/// A value as it is written in a spec.
fn short(value: &Value) -> String {
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
fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|")
}
