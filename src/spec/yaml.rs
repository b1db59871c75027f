//! From text to [`Node`]s.
//!
//! Two passes: `spans` notes where everything stands and refuses what is not fit for the second, in which
//! `serde_yaml` says what each scalar is; its values are joined with the places here. No file but these two names a
//! YAML crate.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Number, Value};

use super::node::{Kind, Node, shorten};
use super::spans::{self, Inside, Offsets, Spans, refuse};
use crate::diagnose::{Diagnostic, Place, SourceText};

/// Largest file, in bytes.
pub const LARGEST: u64 = 1 << 20;

/// The text of a file, with line ends as `\n` and without a byte order mark.
pub fn source(name: &str, bytes: &[u8]) -> Result<Arc<SourceText>, Diagnostic> {
    let made = |text: String| Arc::new(SourceText { name: name.into(), text });
    if bytes.len() as u64 > LARGEST {
        let message = format!("`{name}` has {} bytes; a spec has at most {LARGEST}", bytes.len());
        return Err(Diagnostic::new("E0103", message));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            let source = made(String::from_utf8_lossy(bytes).into_owned());
            let place = Place { source, bytes: e.valid_up_to()..e.valid_up_to() + '\u{fffd}'.len_utf8() };
            let message = format!("`{name}` is not UTF-8: byte {} begins no character", e.valid_up_to());
            return Err(Diagnostic::new("E0102", message).at(Some(place)).hint("save the file as UTF-8"));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(made(text.replace("\r\n", "\n").replace('\r', "\n")))
}

/// Parses a whole text; an empty one is null.
#[cfg(test)]
pub fn parse_text(name: &str, text: &str) -> Result<Node, Diagnostic> {
    source(name, text.as_bytes()).and_then(|s| parse(&s, 0))
}

/// Parses the text from the byte `from` to its end; an empty one is null.
pub fn parse(source: &Arc<SourceText>, from: usize) -> Result<Node, Diagnostic> {
    let text = &source.text[from..];
    if let Some((at, c)) = text.char_indices().find(|(_, c)| c.is_ascii_control() && !"\n\t".contains(*c)) {
        let message = format!("a control character (U+{:04X}) has no place in a spec", u32::from(c));
        return Err(refuse(source, "E0101", from + at..from + at + 1, message));
    }
    let offsets = Offsets::new(text, from);
    let spans = spans::walk(source, text, &offsets)?;
    let value: serde_yaml::Value = serde_yaml::from_str(text).map_err(|e| {
        let at = e.location().map_or(from, |l| offsets.of_line(&source.text, l.line(), l.column()));
        let message = e.to_string();
        // The only type that an untyped value has no room for.
        match message.split("integer `").nth(1).and_then(|rest| rest.split_once('`')) {
            Some((number, _)) => {
                refuse(source, "E0109", at..at + number.len(), format!("`{number}` is too large for a whole number"))
            }
            None => refuse(source, "E0101", at..at + 1, format!("this is not YAML: {message}")),
        }
    })?;
    Joiner { source }.join(&value, spans.as_ref(), None, &(from..source.text.len()))
}

/// Joins the values of the second pass with the places of the first.
struct Joiner<'a> {
    source: &'a Arc<SourceText>,
}

impl Joiner<'_> {
    fn join(
        &self,
        value: &serde_yaml::Value,
        spans: Option<&Spans>,
        key: Option<Range<usize>>,
        around: &Range<usize>,
    ) -> Result<Node, Diagnostic> {
        let span = spans.map_or(around.clone(), |s| s.span.clone());
        let kind = match value {
            serde_yaml::Value::Null => Kind::Scalar(Value::Null),
            serde_yaml::Value::Bool(b) => Kind::Scalar(Value::Bool(*b)),
            serde_yaml::Value::String(s) => Kind::Scalar(Value::String(s.clone())),
            serde_yaml::Value::Number(n) => Kind::Scalar(self.number(n, &span)?),
            serde_yaml::Value::Sequence(items) => {
                let inside = match spans.map(|s| &s.inside) {
                    Some(Inside::List(inside)) => inside.as_slice(),
                    _ => &[],
                };
                let items = items.iter().enumerate().map(|(i, v)| self.join(v, inside.get(i), None, &span));
                Kind::List(items.collect::<Result<_, _>>()?)
            }
            serde_yaml::Value::Mapping(map) => Kind::Map(self.map(map, spans, &span)?),
            serde_yaml::Value::Tagged(_) => {
                return Err(refuse(self.source, "E0106", span, "tags mean nothing in a spec".into()));
            }
        };
        Ok(Node { source: self.source.clone(), key, span, kind })
    }

    fn number(&self, n: &serde_yaml::Number, span: &Range<usize>) -> Result<Value, Diagnostic> {
        if let Some(i) = n.as_u64() {
            return Ok(i.into());
        }
        if let Some(i) = n.as_i64() {
            return Ok(i.into());
        }
        let text = self.source.text.get(span.clone()).unwrap_or_default().trim();
        let digits = text.split(['e', 'E']).next().unwrap_or_default();
        if n.as_f64() == Some(0.0) && text.parse::<f64>().is_ok() && digits.contains(|c: char| ('1'..='9').contains(&c))
        {
            return Err(refuse(
                self.source,
                "E0109",
                span.clone(),
                format!("`{text}` is too small a number to be told from 0"),
            ));
        }
        n.as_f64()
            .and_then(Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| refuse(self.source, "E0109", span.clone(), format!("`{n}` is not a finite number")))
    }

    fn map(
        &self,
        map: &serde_yaml::Mapping,
        spans: Option<&Spans>,
        around: &Range<usize>,
    ) -> Result<Vec<(String, Node)>, Diagnostic> {
        let mut entries = Vec::with_capacity(map.len());
        let mut merges = Vec::new();
        for (key, value) in map {
            let serde_yaml::Value::String(key) = key else {
                let text = serde_yaml::to_string(key).unwrap_or_default();
                let text = text.trim();
                let message = format!("the key `{}` is not a word", shorten(text));
                let at = self.place_of(spans, text).unwrap_or(around.clone());
                return Err(refuse(self.source, "E0107", at, message).hint(format!("write `\"{}\"`", shorten(text))));
            };
            let (at, inside) = match spans.map(|s| &s.inside) {
                Some(Inside::Map(inside)) => {
                    inside.get(key).map_or((None, None), |(at, s)| (Some(at.clone()), Some(s)))
                }
                _ => (None, None),
            };
            let node = self.join(value, inside, at, around)?;
            if key == "<<" { merges.push(node) } else { entries.push((key.clone(), node)) }
        }
        for merge in merges {
            self.merge(&mut entries, merge)?;
        }
        Ok(entries)
    }

    /// `<<: *base`, or a list of such: what the map does not say itself. The first that says it wins.
    fn merge(&self, entries: &mut Vec<(String, Node)>, merge: Node) -> Result<(), Diagnostic> {
        let bases = match merge.kind {
            Kind::List(items) => items,
            _ => vec![merge],
        };
        let mut known: BTreeSet<String> = entries.iter().map(|(k, _)| k.clone()).collect();
        for base in bases {
            let at = base.key.clone().unwrap_or(base.span.clone());
            let Kind::Map(more) = base.kind else {
                return Err(refuse(self.source, "E0112", at, "`<<` takes a map or a list of maps".into()));
            };
            for (key, node) in more {
                if known.insert(key.clone()) {
                    entries.push((key, node));
                }
            }
        }
        Ok(())
    }

    fn place_of(&self, spans: Option<&Spans>, key: &str) -> Option<Range<usize>> {
        match spans.map(|s| &s.inside) {
            Some(Inside::Map(inside)) => inside.get(key).map(|(at, _)| at.clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        parse_text("t.yaml", text).unwrap().value()
    }

    #[test]
    fn scalars_keep_what_they_look_like() {
        let text = "a: 00\nb: no\nc: 1e-4\nd: 18446744073709551615\ne: -5\nf: '7'\ng: ~\nh: true\n";
        let expected = serde_json::json!({"a": "00", "b": "no", "c": 1e-4, "d": u64::MAX, "e": -5, "f": "7", "g": null, "h": true});
        assert_eq!(value(text), expected);
    }

    #[test]
    fn a_merge_fills_in_what_the_map_does_not_say() {
        let text = "x: &x { a: 1, b: 2 }\ny: &y { b: 3, c: 4 }\nz: { <<: [*x, *y], a: 5 }\n";
        assert_eq!(value(text)["z"], serde_json::json!({"a": 5, "b": 2, "c": 4}));
    }

    #[test]
    fn places_are_bytes_of_keys_and_values() {
        let root = parse_text("t.yaml", "ü: 1\nkey: [ä, \"b c\"]\nmap:\n  k: v # end\n\n").unwrap();
        let text = |range: &std::ops::Range<usize>| root.source.text[range.clone()].to_owned();
        let list = root.get("key").unwrap();
        assert_eq!((text(list.key.as_ref().unwrap()), text(&list.span)), ("key".into(), "[ä, \"b c\"]".into()));
        assert_eq!(text(&list.as_list().unwrap()[1].span), "\"b c\"");
        assert_eq!(text(&root.get("map").unwrap().get("k").unwrap().span), "v");
    }

    #[test]
    fn what_is_behind_an_alias_points_at_the_alias() {
        let root = parse_text("t.yaml", "a: &x { b: 1 }\nc: *x\n").unwrap();
        let inner = root.get("c").unwrap().get("b").unwrap();
        assert_eq!(&root.source.text[inner.span.clone()], "*x");
    }
}
