//! The reference of all words of a spec as Markdown, made from the docs of the config types.

mod tables;

use std::fmt::Write;

use serde_json::Value;

use self::tables::{about, cell, in_order, settings, short, values};
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

A setting inside of another one is shown by its path. `requests[].clips` is the setting `clips` of each item of the list
`requests`. `KEY` stands for a key of your own.

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
            None => page += &(values(schema) + &settings(schema, order(word))),
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
