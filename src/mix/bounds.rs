//! Bounds of drawn numbers in the schema of a spec.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::RT60;

/// Ratios and gains.
pub const DECIBELS: [f64; 2] = [-100.0, 100.0];
/// Delays.
pub const MILLISECONDS: [f64; 2] = [0.0, 1000.0];

/// Numbers of dB in any form of `T`.
pub fn decibels<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    within(T::json_schema(generator), DECIBELS)
}

/// Numbers of milliseconds in any form of `T`.
pub fn milliseconds<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    within(T::json_schema(generator), MILLISECONDS)
}

/// Reverberation times in any form of `T`.
pub fn seconds<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    within(T::json_schema(generator), RT60)
}

fn within(mut schema: Schema, bounds: [f64; 2]) -> Schema {
    if let Some(map) = schema.as_object_mut() {
        map.values_mut().for_each(|value| bound(value, bounds));
    }
    schema
}

/// Gives every number inside these bounds.
fn bound(value: &mut Value, [low, high]: [f64; 2]) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|one| bound(one, [low, high])),
        Value::Object(map) => {
            if map.get("type").is_some_and(|name| name == "number") {
                map.insert("minimum".into(), json!(low));
                map.insert("maximum".into(), json!(high));
            }
            map.values_mut().for_each(|one| bound(one, [low, high]));
        }
        _ => {}
    }
}
