//! The JSON Schema of a spec, for editors.
//!
//! It follows the types, but it is lenient: a sweep, a base file or `--set` may give settings that
//! the file leaves out, so hardly anything is required. Editors must not mark a valid spec as
//! wrong.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::wire;
use super::words::Spec;

/// The JSON Schema (draft 2020-12) of the text of a spec.
pub fn schema() -> Value {
    let mut schema: Value = SchemaGenerator::default().into_root_schema_for::<Spec>().into();
    let mut axes = Axes::default();
    for word in wire::swept() {
        axes.add(&schema, word, &format!("/properties/{word}"), &mut Vec::new());
    }
    // Expectations and ranges must be complete, because no sweep or base file completes them.
    let whole = [("Expectation", "required"), ("Expectation", "anyOf"), ("Range", "required")];
    let whole = whole.map(|(name, key)| (name, key, schema["$defs"][name][key].take()));
    lenient(&mut schema);
    for (name, key, needed) in whole {
        schema["$defs"][name][key] = needed;
    }
    axes.put_into(&mut schema);
    schema["title"] = "A humshift experiment".into();
    schema
}

/// Removes rules that do not hold for a file completed by a sweep or a base file, and keys that
/// only this program reads.
fn lenient(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("required").is_some_and(Value::is_array) {
                map.remove("required");
            }
            // Number types of Rust are not formats of JSON Schema.
            if map.get("format").is_some_and(Value::is_string) {
                map.remove("format");
            }
            if map.get("default").is_some_and(Value::is_null) {
                map.remove("default");
            }
            map.remove("x-family");
            for (key, inner) in map.iter_mut().filter(|(key, _)| *key != "default") {
                match key.as_str() {
                    // In a choice of several objects, the required key tells them apart.
                    "oneOf" => {
                        for choice in inner.as_array_mut().into_iter().flatten() {
                            let key = choice.get("required").cloned();
                            lenient(choice);
                            key.into_iter().for_each(|key| choice["required"] = key);
                        }
                    }
                    _ => lenient(inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(lenient),
        _ => {}
    }
}

/// The paths that a sweep can vary.
#[derive(Default)]
struct Axes {
    /// Settings by path.
    known: Map<String, Value>,
    /// Settings by regular expression: those below maps with free keys, and below nested families.
    open: Map<String, Value>,
}

impl Axes {
    /// Adds the setting `path`, whose schema is at `pointer`, and its inner settings. `around` has
    /// the families that contain it.
    fn add(&mut self, root: &Value, path: &str, pointer: &str, around: &mut Vec<String>) {
        let mut alternatives = Vec::new();
        resolve(root, pointer.to_owned(), &mut alternatives);
        let about = root.pointer(pointer).and_then(|schema| schema.get("description"));
        let about =
            about.or_else(|| alternatives.iter().find_map(|(_, schema)| schema.get("description")));
        // In a choice of several objects with one key each, the object carries the meaning.
        let outer = pointer
            .rsplit_once("/properties/")
            .and_then(|(outer, _)| root.pointer(outer)?.get("description"));
        let about = about.or(outer);
        let mut axis = json!({
            "anyOf": [
                { "type": "array", "minItems": 1, "items": { "$ref": format!("#{pointer}") } },
                { "$ref": "#/$defs/Range" },
            ],
        });
        about.into_iter().for_each(|about| axis["description"] = about.clone());
        self.known.insert(path.to_owned(), axis);
        for (pointer, schema) in alternatives {
            let family = schema.get("x-family").and_then(Value::as_str);
            // Completion covers a detector inside a detector; deeper levels are only accepted.
            if family
                .is_some_and(|family| around.iter().filter(|other| *other == family).count() > 1)
            {
                self.open.insert(format!("^{}\\..+$", path.replace('.', "\\.")), json!({}));
                continue;
            }
            around.extend(family.map(String::from));
            for key in
                schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys)
            {
                self.add(
                    root,
                    &format!("{path}.{key}"),
                    &format!("{pointer}/properties/{key}"),
                    around,
                );
            }
            if schema.get("additionalProperties").is_some_and(Value::is_object) {
                self.open.insert(format!("^{}\\..+$", path.replace('.', "\\.")), json!({}));
            }
            around.truncate(around.len() - usize::from(family.is_some()));
        }
    }

    /// Makes them the keys of `sweep`.
    fn put_into(self, schema: &mut Value) {
        let sweep = &mut schema["$defs"]["Sweep"];
        if let Some(Value::Object(properties)) = sweep.get_mut("properties") {
            properties["zip"]["items"] = json!({ "$ref": "#/$defs/Sweep" });
            properties.extend(self.known);
        }
        sweep["patternProperties"] = self.open.into();
        sweep["additionalProperties"] = false.into();
    }
}

/// The alternatives of the schema at `pointer`, flattened, with their pointers.
fn resolve(root: &Value, pointer: String, found: &mut Vec<(String, Value)>) {
    let Some(schema) = root.pointer(&pointer) else { return };
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        return resolve(root, target.trim_start_matches('#').to_owned(), found);
    }
    let choices = ["anyOf", "oneOf"]
        .into_iter()
        .find_map(|key| Some((key, schema.get(key)?.as_array()?.len())));
    match choices {
        Some((key, count)) => {
            (0..count).for_each(|i| resolve(root, format!("{pointer}/{key}/{i}"), found))
        }
        None => found.push((pointer, schema.clone())),
    }
}
