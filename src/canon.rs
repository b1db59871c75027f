//! Canonical JSON: the one text form of a value that is hashed.
//!
//! Keys are sorted here, because the order of `serde_json`'s map depends on a feature that any
//! crate of the build may turn on. Nulls and non-finite numbers are refused: three different
//! configs must not share a key. Floats are written in their shortest round-trip form, with `-0.0`
//! as `0.0`.

use serde::Serialize;
use serde_json::{Map, Value};

/// The reason why a value has no canonical form.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum CanonError {
    #[error("`{0}` is null: leave the field out instead")]
    Null(String),
    #[error("{0}")]
    NotJson(String),
}

/// The canonical JSON text of `value`: sorted keys, no white space, no nulls.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, CanonError> {
    of_value(&serde_json::to_value(value).map_err(|e| CanonError::NotJson(e.to_string()))?)
}

/// The canonical text of a JSON value. Every stage of a plan passes here twice, so this copies
/// nothing.
pub fn of_value(value: &Value) -> Result<String, CanonError> {
    let mut text = Vec::new();
    write(value, &mut text)
        .map_err(|path| CanonError::Null(path.trim_start_matches('.').to_owned()))?;
    Ok(String::from_utf8(text).expect("JSON is UTF-8"))
}

/// Appends the text of `value`; the error is the path of the first null.
fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Value::Null => return Err(String::new()),
        Value::Number(n) if n.as_f64() == Some(0.0) && n.is_f64() => out.extend(b"0.0"),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => write_scalar(value, out),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out).map_err(|path| format!("[{i}]{path}"))?;
            }
            out.push(b']');
        }
        Value::Object(map) => write_map(map, out)?,
    }
    Ok(())
}

fn write_scalar<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("writing to memory");
}

fn write_map(map: &Map<String, Value>, out: &mut Vec<u8>) -> Result<(), String> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|a, b| a.0.cmp(b.0));
    out.push(b'{');
    for (i, (key, value)) in entries.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_scalar(key, out);
        out.push(b':');
        write(value, out).map_err(|path| format!(".{key}{path}"))?;
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let value = json!({"b": 1, "a": {"d": [1.5, "x"], "c": true}});
        assert_eq!(to_string(&value).unwrap(), r#"{"a":{"c":true,"d":[1.5,"x"]},"b":1}"#);
    }

    #[test]
    fn nulls_are_refused_with_their_path() {
        assert_eq!(to_string(&json!({"a": [1, null]})), Err(CanonError::Null("a[1]".into())));
        assert_eq!(to_string(&json!({"a": {"b": null}})), Err(CanonError::Null("a.b".into())));
        assert!(to_string(&f64::NAN).is_err());
    }

    #[test]
    fn minus_zero_is_zero_and_large_integers_stay_apart() {
        assert_eq!(to_string(&-0.0).unwrap(), to_string(&0.0).unwrap());
        let (a, b) = (9007199254740992u64, 9007199254740993u64);
        assert_ne!(to_string(&a).unwrap(), to_string(&b).unwrap());
    }

    proptest! {
        #[test]
        fn the_order_of_insertion_does_not_matter(pairs in prop::collection::btree_map("[a-z]{1,4}", any::<i64>(), 0..8)) {
            let forward: Map<String, Value> = pairs.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
            let backward: Map<String, Value> = pairs.iter().rev().map(|(k, v)| (k.clone(), json!(v))).collect();
            prop_assert_eq!(to_string(&forward).unwrap(), to_string(&backward).unwrap());
        }

        #[test]
        fn different_values_have_different_texts(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(a.is_finite() && b.is_finite() && a != b);
            prop_assert_ne!(to_string(&a).unwrap(), to_string(&b).unwrap());
        }
    }
}
