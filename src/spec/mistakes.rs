//! Mistakes in settings, in our own words.
//!
//! serde names Rust types such as `usize` and `struct`, and a config names its own setting only.
//! Here both become messages with the path and the place of the setting and, if it can be guessed,
//! a hint with the right value.

use std::collections::BTreeMap;

use serde_json::Value;

use super::node::{Node, shorten};
use super::wire;
use crate::diagnose::{Diagnostic, Problem, suggest};

/// Turns serde's message about a mistake into ours.
pub fn translate(message: &str, node: &Node, path: &str, field: &str) -> Diagnostic {
    let found = node.nearest(field);
    let full = if field.is_empty() { path.to_owned() } else { format!("{path}.{field}") };
    let names = |text: &str| -> Vec<String> {
        text.split('`').skip(1).step_by(2).map(String::from).collect()
    };
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let (name, known) = rest.split_once('`').unwrap_or((rest, ""));
        let parent = full.rsplit_once('.').map_or(path, |(parent, _)| parent);
        let diagnostic =
            Diagnostic::new("E0204", format!("`{parent}` has no setting `{}`", shorten(name)))
                .at(found.key_place());
        let known = names(known);
        if let Some(hint) = words_hint(node, field, &known) {
            return diagnostic.hint(hint);
        }
        return match known.is_empty() {
            true => diagnostic.hint("it has none: leave it out"),
            false => diagnostic.hint(suggest(name, known.iter().map(String::as_str))),
        };
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let (name, known) = rest.split_once('`').unwrap_or((rest, ""));
        let known = names(known);
        let hint = suggest(name, known.iter().map(String::as_str));
        return Diagnostic::new("E0302", format!("`{full}` has no choice `{}`", shorten(name)))
            .at(found.place())
            .hint(hint);
    }
    match message.rsplit_once(", expected ") {
        Some((start, expected)) if start.starts_with("invalid") => {
            wrong_type(found, &full, expected)
        }
        _ => Diagnostic::new("E0301", format!("`{full}`: {message}")).at(found.place()),
    }
}

/// A hint for words at the wrong level, such as `words: { abnormal: anomaly }`. It names all of
/// them, so these mistakes have the same hint, and only one is reported.
fn words_hint(node: &Node, field: &str, known: &[String]) -> Option<String> {
    let (parent, _) = field.rsplit_once('.')?;
    let name = parent.rsplit('.').next().unwrap_or(parent);
    let mut meant: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, value) in
        node.nearest(parent).as_map()?.iter().filter(|(key, _)| !known.contains(key))
    {
        let value = value.as_str()?;
        let word = match value {
            "normal" | "anomaly" => "label",
            "source" | "target" => "domain",
            "train" | "test" => "split",
            _ => return None,
        };
        meant.entry(word).or_default().push(format!("{}: {value}", shorten(key)));
    }
    let fits = meant.keys().all(|word| known.iter().any(|known| known == word));
    let words: Vec<String> =
        meant.iter().map(|(word, all)| format!("{word}: {{ {} }}", all.join(", "))).collect();
    (fits && !words.is_empty()).then(|| format!("write `{name}: {{ {} }}`", words.join(", ")))
}

/// The error for a value of another type than `expected`, which is in serde's words or ours.
pub fn wrong_type(found: &Node, path: &str, expected: &str) -> Diagnostic {
    let words = match expected {
        "usize" | "u64" | "u32" => "a whole number >= 0",
        "u16" => "a whole number from 0 to 65535",
        "u8" => "a whole number from 0 to 255",
        "isize" | "i64" | "i32" => "a whole number",
        "f64" | "f32" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" | "string or map" => "a text",
        "a sequence" => "a list",
        e if e.starts_with("struct ") || e.starts_with("a map") => "a map of settings",
        other => other,
    };
    let message = format!("`{path}` must be {words}, not {}", found.shown());
    let diagnostic = Diagnostic::new("E0301", message).at(found.place());
    let value = found.value();
    let can_sweep = path.split(['.', '[']).next().is_some_and(|word| wire::swept().contains(&word));
    let hint = match (&value, words) {
        (Value::Null, _) if found.source.name == "--set" => {
            Some("write the value after the `=`".to_owned())
        }
        (Value::Null, _) => Some("leave the line out for the default".to_owned()),
        (Value::String(s), w)
            if w.contains("number")
                && s.replace('_', "").parse::<f64>().is_ok()
                && s.contains('_') =>
        {
            Some(format!("write `{}`", s.replace('_', "")))
        }
        (Value::String(s), w)
            if w.contains("number")
                && s.contains(',')
                && can_sweep
                && s.split(',').all(|x| x.trim().parse::<f64>().is_ok()) =>
        {
            let list = s.split(',').map(str::trim).collect::<Vec<_>>().join(", ");
            Some(match found.source.name.as_str() {
                "--set" => format!("to try several values, write `--set '{path}=[{list}]'`"),
                _ => format!(
                    "to try several values, list them under `sweep:`, as `{path}: [{list}]`"
                ),
            })
        }
        (Value::String(s), w) if w.contains("number") && s.parse::<f64>().is_ok() => {
            Some("write it without quotes".into())
        }
        (Value::String(s), "true or false") if s == "true" || s == "false" => {
            Some("write it without quotes".into())
        }
        (Value::String(s), "true or false")
            if ["yes", "on", "y"].contains(&s.to_lowercase().as_str()) =>
        {
            Some("write `true`".into())
        }
        (Value::String(s), "true or false")
            if ["no", "off", "n"].contains(&s.to_lowercase().as_str()) =>
        {
            Some("write `false`".into())
        }
        (Value::Number(n), w) if w.starts_with("a whole") => n
            .as_f64()
            .filter(|x| x.fract() == 0.0 && *x >= 0.0 && *x < 1e15)
            .map(|x| format!("write `{x}`")),
        (Value::Number(_) | Value::Bool(_), "a text") => {
            Some(format!("write it in quotes: `\"{value}\"`"))
        }
        (Value::String(_) | Value::Number(_), "a list") => {
            Some(format!("write a list: `[{}]`", found.shown().replace('`', "")))
        }
        (Value::Array(_), w) if w != "a list" && can_sweep => {
            Some("to try several values, list them under `sweep:`".into())
        }
        (Value::Object(map), _) if map.contains_key("range") && can_sweep => {
            Some("a range belongs under `sweep:`".into())
        }
        _ => None,
    };
    match hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

/// The diagnostic for a problem that a config reports, at the place of the setting.
pub fn problem(p: Problem, node: &Node, path: &str) -> Diagnostic {
    let full = if p.field.is_empty() { path.to_owned() } else { format!("{path}.{}", p.field) };
    let at = match p.field.is_empty() {
        true => node.key_place(),
        false => node.nearest(&p.field).place(),
    };
    // Configs name a setting in their own way or not at all. The message gets the full path, once.
    let word = p.field.rsplit('.').next().unwrap_or("");
    let named = p
        .message
        .strip_prefix(&format!("`{word}` "))
        .or(p.message.strip_prefix(&format!("{word} ")));
    let message = match named.filter(|rest| !word.is_empty() && rest.starts_with("is ")) {
        Some(rest) => format!("`{full}` {rest}"),
        None if p.message.starts_with("is ") || p.message.starts_with("are ") => {
            format!("`{full}` {}", p.message)
        }
        None => format!("`{full}`: {}", p.message),
    };
    let diagnostic = Diagnostic::new("E0303", message).at(at);
    match p.hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse_text;
    use super::*;

    fn told(message: &str) -> String {
        translate(message, &parse_text("t.yaml", "k: five\n").unwrap(), "detector.knn", "k").message
    }

    #[test]
    fn serde_s_words_become_ours() {
        assert_eq!(
            told("invalid type: string \"five\", expected usize"),
            "`detector.knn.k` must be a whole number >= 0, not `five`"
        );
        assert_eq!(
            told("unknown variant `five`, expected `a` or `b`"),
            "`detector.knn.k` has no choice `five`"
        );
        assert_eq!(told("five is right out"), "`detector.knn.k`: five is right out");
    }

    #[test]
    fn a_room_s_words_get_the_whole_path_once() {
        let node = parse_text("t.yaml", "k: 0\n").unwrap();
        let told = |field: &str, message: &str| {
            problem(Problem::new(field, message), &node, "detector.knn").message
        };
        assert_eq!(told("k", "`k` is 0, outside 1..9"), "`detector.knn.k` is 0, outside 1..9");
        assert_eq!(told("k", "k is 0"), "`detector.knn.k` is 0");
        assert_eq!(told("k", "is never used"), "`detector.knn.k` is never used");
        assert_eq!(
            told("k", "0 neighbours give no distance"),
            "`detector.knn.k`: 0 neighbours give no distance"
        );
        assert_eq!(told("", "nothing is set"), "`detector.knn`: nothing is set");
    }
}
