//! The reference of all words of a spec: it is that of the types, and nothing is left out of it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

#[test]
fn the_reference_is_made_from_the_types() {
    let page = std::fs::read_to_string("docs/spec.md").expect("the reference is there");
    let made = humshift::spec::reference();
    let first = page.lines().zip(made.lines()).find(|(old, new)| old != new);
    assert!(
        page == made,
        "write it anew: `humshift docs -o docs/spec.md`; the first line that differs: {first:?}"
    );
}

/// A walk through the JSON Schema beside the page.
struct Walk<'a> {
    schema: &'a Value,
    page: &'a str,
    /// Families whose members have been looked for. They have sections of their own.
    families: BTreeSet<&'a str>,
    /// The references that lead to the present place.
    way: Vec<&'a str>,
    missing: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    /// Looks for what may be written at `path` below a heading. The path of a word or of a variant
    /// is empty.
    fn at(&mut self, heading: &str, path: &str, value: &'a Value) {
        let alternatives = ["anyOf", "oneOf"].into_iter().filter_map(|key| value[key].as_array());
        alternatives.flatten().for_each(|value| self.at(heading, path, value));
        if let Some(target) = value["$ref"].as_str() {
            self.follow(heading, path, target);
        }
        let choices = value["enum"].as_array().into_iter().flatten().chain(value.get("const"));
        for choice in choices.filter_map(Value::as_str) {
            // The choices of a list stand in its row.
            let row = path.trim_end_matches(".KEY").trim_end_matches("[]");
            let row = if row.is_empty() { choice } else { row };
            if !self.row(heading, row).is_some_and(|row| row.contains(&format!("`{choice}`"))) {
                self.missing.insert(format!("{heading}: {path}: {choice}"));
            }
        }
        for (key, inner) in value["properties"].as_object().into_iter().flat_map(Map::iter) {
            if self.is_swept(key) {
                // The values in a list are those of the setting, at their own place.
                let others = inner["anyOf"].as_array().into_iter().flatten();
                others
                    .filter(|other| other.get("$ref").is_some())
                    .for_each(|other| self.at(heading, "KEY", other));
                continue;
            }
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if self.row(heading, &path).is_none() {
                self.missing.insert(format!("{heading}: {path}"));
            }
            self.at(heading, &path, inner);
        }
        for (key, mark) in [("items", "[]"), ("additionalProperties", ".KEY")] {
            let path = if path.is_empty() { String::new() } else { format!("{path}{mark}") };
            if let Some(inner) = value.get(key).filter(|inner| inner.is_object()) {
                self.at(heading, &path, inner);
            }
        }
    }

    /// What a reference leads to. It is looked at once on each way, and a family once in all.
    fn follow(&mut self, heading: &str, path: &str, target: &'a str) {
        let value = self.schema.pointer(target.trim_start_matches('#')).expect("it is there");
        if value["allOf"][0]["maxProperties"] == 1 {
            if self.families.insert(target) {
                let word = if path.is_empty() { heading.trim_start_matches("## ") } else { path };
                for (name, member) in value["properties"].as_object().into_iter().flatten() {
                    let heading = format!("### {word}: {name}");
                    if !self.page.lines().any(|line| line == heading) {
                        self.missing.insert(heading.clone());
                    }
                    self.at(&heading, "", member);
                }
            }
        } else if !self.way.contains(&target) {
            self.way.push(target);
            self.at(heading, path, value);
            self.way.pop();
        }
    }

    /// Whether a key of `sweep` is the path of a setting.
    fn is_swept(&self, key: &str) -> bool {
        let word = key.split('.').next().expect("a path has parts");
        self.way.last() == Some(&"#/$defs/Sweep") && self.schema["properties"].get(word).is_some()
    }

    /// The row that begins with this name, below the heading and above the next one.
    fn row(&self, heading: &str, name: &str) -> Option<&'a str> {
        let start = format!("| `{name}` | ");
        let below = self.page.lines().skip_while(|line| *line != heading).skip(1);
        below.take_while(|line| !line.starts_with('#')).find(|line| line.starts_with(&start))
    }
}

#[test]
fn every_word_of_the_schema_is_in_the_reference_below_its_parent() {
    let (schema, page) = (humshift::spec::schema(), humshift::spec::reference());
    let mut walk = Walk {
        schema: &schema,
        page: &page,
        families: BTreeSet::new(),
        way: Vec::new(),
        missing: BTreeSet::new(),
    };
    for (word, value) in schema["properties"].as_object().expect("a map of words") {
        walk.at(&format!("## {word}"), "", value);
    }
    assert_eq!(walk.families.len(), 6, "{:?}", walk.families);
    assert!(walk.missing.is_empty(), "left out:\n{}", Vec::from_iter(walk.missing).join("\n"));
}

#[test]
fn every_row_of_the_reference_says_more_than_a_name() {
    let page = humshift::spec::reference();
    let silent = |line: &&str| {
        line.contains("Settings of `") || line.starts_with("| `") && line.ends_with("|  |")
    };
    let silent: Vec<&str> = page.lines().filter(silent).collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}
