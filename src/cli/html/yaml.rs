//! Settings as readable YAML: maps and lists in blocks, short lists in one line.

use serde_json::Value;

/// The text of a value.
pub fn text(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text
}

fn write(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                text.push_str(&format!("{indent}{}:", scalar(&Value::from(key.as_str()))));
                below(value, depth, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push_str(&format!("{indent}-"));
                below(item, depth, text);
            }
        }
        other => text.push_str(&format!("{indent}{}\n", scalar(other))),
    }
}

/// The text after a key or the mark of an item.
fn below(value: &Value, depth: usize, text: &mut String) {
    match in_a_line(value) {
        Some(line) => text.push_str(&format!(" {line}\n")),
        None => {
            text.push('\n');
            write(value, depth + 1, text);
        }
    }
}

/// A value in one line: scalars, empty values and lists of scalars.
fn in_a_line(value: &Value) -> Option<String> {
    match value {
        Value::Object(map) => map.is_empty().then(|| "{}".to_owned()),
        Value::Array(items) => {
            let plain = items.iter().all(|item| !item.is_object() && !item.is_array());
            let items: Vec<String> = items.iter().map(scalar).collect();
            plain.then(|| format!("[{}]", items.join(", ")))
        }
        other => Some(scalar(other)),
    }
}

/// Plain words stand without quotes. Other texts stand in quotes as in JSON, which YAML reads.
fn scalar(value: &Value) -> String {
    const WORDS_OF_YAML: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    match value {
        Value::String(word) => {
            let is_plain = word.starts_with(|c: char| c.is_ascii_alphabetic())
                && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
                && !WORDS_OF_YAML.contains(&word.to_lowercase().as_str());
            if is_plain { word.clone() } else { value.to_string() }
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_read_well_and_odd_texts_stay_texts() {
        let value = json!({
            "detector": { "knn": { "k": 3 } }, "pool": [{ "mean": {} }, { "gwrp": { "decay": 0.9 } }],
            "metrics": ["auc", "pauc"], "section": "00", "no": "no", "root": "../data", "mix": null, "x": "a: b\n",
        });
        let expected = "\
detector:
  knn:
    k: 3
metrics: [auc, pauc]
mix: null
\"no\": \"no\"
pool:
  -
    mean: {}
  -
    gwrp:
      decay: 0.9
root: \"../data\"
section: \"00\"
x: \"a: b\\n\"
";
        assert_eq!(text(&value), expected);
    }
}
