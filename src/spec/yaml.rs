//! From bytes to [`Node`]s: decoding the text, checking its size, and parsing it.

use std::sync::Arc;

use serde_json::Value;

use super::node::{Kind, Node};
use super::tree::{self, refuse};
use crate::diagnose::{Diagnostic, Place, SourceText};

/// The largest file, in bytes.
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
            let place =
                Place { source, bytes: e.valid_up_to()..e.valid_up_to() + '\u{fffd}'.len_utf8() };
            let message = format!(
                "`{name}` is not UTF-8: byte {} does not begin a character",
                e.valid_up_to()
            );
            return Err(Diagnostic::new("E0102", message)
                .at(Some(place))
                .hint("save the file as UTF-8"));
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
    if let Some((at, c)) =
        text.char_indices().find(|(_, c)| c.is_ascii_control() && !"\n\t".contains(*c))
    {
        let message =
            format!("a control character (U+{:04X}) has no place in a spec", u32::from(c));
        return Err(refuse(source, "E0101", from + at..from + at + 1, message));
    }
    let empty = || Node {
        source: source.clone(),
        key: None,
        span: from..source.text.len(),
        kind: Kind::Scalar(Value::Null),
    };
    Ok(tree::read(source, from)?.unwrap_or_else(empty))
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
        assert_eq!(
            (text(list.key.as_ref().unwrap()), text(&list.span)),
            ("key".into(), "[ä, \"b c\"]".into())
        );
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
