//! A value of a spec with its place in the text.
//!
//! Everything after the parser works on [`Node`]s. Merging a base file, `--set` and sweeps move
//! values about, and their places move with them. So a message always points at the user's text.
//! Maps keep the order of the file, which is also the order of the axes of a sweep.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::diagnose::{Place, SourceText};
use crate::shown::visible;

/// A value with its place.
#[derive(Clone, Debug)]
pub struct Node {
    pub source: Arc<SourceText>,
    /// Bytes of its key, if it has one.
    pub key: Option<Range<usize>>,
    /// Bytes of the value itself.
    pub span: Range<usize>,
    pub kind: Kind,
}

/// The content of a node.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Null, a boolean, a finite number or a text.
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// A step into a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// The steps of a path such as `clips.train` or `layers[2]`.
pub fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for part in path.split('.').filter(|p| !p.is_empty()) {
        let mut pieces = part.split('[');
        if let Some(key) = pieces.next().filter(|k| !k.is_empty()) {
            steps.push(Step::Key(key));
        }
        steps.extend(pieces.filter_map(|p| p.trim_end_matches(']').parse().ok()).map(Step::Index));
    }
    steps
}

impl Node {
    /// A node at the same place with another value.
    pub fn with(&self, kind: Kind) -> Node {
        Node { source: self.source.clone(), key: self.key.clone(), span: self.span.clone(), kind }
    }

    /// The value without places.
    pub fn value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(v) => v.clone(),
            Kind::List(items) => Value::Array(items.iter().map(Node::value).collect()),
            Kind::Map(entries) => Value::Object(
                entries.iter().map(|(k, n)| (k.clone(), n.value())).collect::<Map<_, _>>(),
            ),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(Value::Null))
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(Value::String(s)) => Some(s),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a map, in file order.
    pub fn as_map(&self) -> Option<&[(String, Node)]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value under a key; `None` without such a key or if this is not a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().find(|(k, _)| k == key).map(|(_, n)| n)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.kind {
            Kind::Map(entries) => entries.iter_mut().find(|(k, _)| k == key).map(|(_, n)| n),
            _ => None,
        }
    }

    /// The value at a path of keys.
    pub fn find(&self, path: &[String]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Removes and returns the value at a path of keys.
    pub fn remove(&mut self, path: &[String]) -> Option<Node> {
        let (last, way) = path.split_last()?;
        let parent = way.iter().try_fold(self, |node, key| node.get_mut(key))?;
        match &mut parent.kind {
            Kind::Map(entries) => {
                let at = entries.iter().position(|(k, _)| k == last)?;
                Some(entries.remove(at).1)
            }
            _ => None,
        }
    }

    /// Puts `value` at a path. Missing maps are created, and other values on the way are replaced
    /// by maps.
    pub fn put(&mut self, path: &[String], value: Node) {
        let Some((first, rest)) = path.split_first() else {
            *self = value;
            return;
        };
        let empty = value.with(Kind::Map(Vec::new()));
        if !matches!(self.kind, Kind::Map(_)) {
            *self = Node {
                key: self.key.clone().filter(|_| self.source == value.source),
                ..empty.clone()
            };
        }
        let Kind::Map(entries) = &mut self.kind else { unreachable!("made a map above") };
        match entries.iter_mut().find(|(k, _)| k == first) {
            Some((_, node)) => node.put(rest, value),
            None => {
                let mut node = empty;
                node.put(rest, value);
                entries.push((first.clone(), node));
            }
        }
    }

    /// The deepest existing node on the way to `path`; see [`steps`].
    pub fn nearest(&self, path: &str) -> &Node {
        let mut node = self;
        for step in steps(path) {
            let next = match step {
                Step::Key(key) => node.get(key),
                Step::Index(i) => node.as_list().and_then(|items| items.get(i)),
            };
            match next {
                Some(n) => node = n,
                None => break,
            }
        }
        node
    }

    /// The place for a message about the value: the value if it is on one line, else its key.
    pub fn place(&self) -> Option<Place> {
        let text = self.source.text.get(self.span.clone()).unwrap_or("");
        let one_line = !text.is_empty() && !text.contains('\n');
        match &self.key {
            Some(key) if !one_line => Some(self.at(key.clone())),
            _ => {
                let line = text.find('\n').unwrap_or(text.len());
                Some(self.at(self.span.start..self.span.start + line))
            }
        }
    }

    /// The place for a message about the name of the value.
    pub fn key_place(&self) -> Option<Place> {
        match &self.key {
            Some(key) => Some(self.at(key.clone())),
            None => self.place(),
        }
    }

    fn at(&self, bytes: Range<usize>) -> Place {
        Place { source: self.source.clone(), bytes }
    }

    /// The folder of the file with this value; empty for an argument.
    pub fn folder(&self) -> &Path {
        Path::new(&self.source.name).parent().unwrap_or(Path::new(""))
    }

    /// The value as shown in a message: `` `five` ``, `` the text `5` ``, `a list`.
    pub fn shown(&self) -> String {
        match &self.kind {
            Kind::Scalar(Value::Null) => "empty".into(),
            Kind::Scalar(Value::String(s))
                if s.parse::<f64>().is_ok() || ["", "true", "false"].contains(&s.as_str()) =>
            {
                format!("the text `\"{s}\"`")
            }
            Kind::Scalar(Value::String(s)) => format!("`{}`", shorten(s)),
            Kind::Scalar(v) => format!("`{v}`"),
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a map".into(),
        }
    }
}

/// A text shortened for a message, with invisible characters made visible.
pub fn shorten(text: &str) -> String {
    let line: String =
        text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = visible(&line).into_owned();
    if text.chars().count() > 40 { format!("{line}...") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        super::super::yaml::parse_text("t.yaml", text).unwrap()
    }

    #[test]
    fn steps_split_keys_and_indices() {
        assert_eq!(
            steps("a.b[2].c"),
            [Step::Key("a"), Step::Key("b"), Step::Index(2), Step::Key("c")]
        );
        assert_eq!(steps("[1][0]"), [Step::Index(1), Step::Index(0)]);
        assert!(steps("").is_empty());
    }

    #[test]
    fn put_makes_the_way_and_keeps_the_rest() {
        let mut root = node("a: { b: 1 }\nc: 5\n");
        root.put(&["a".into(), "d".into(), "e".into()], node("2"));
        root.put(&["c".into(), "x".into()], node("3"));
        assert_eq!(root.value(), serde_json::json!({"a": {"b": 1, "d": {"e": 2}}, "c": {"x": 3}}));
        assert!(root.remove(&["a".into(), "d".into()]).is_some());
        assert_eq!(root.value(), serde_json::json!({"a": {"b": 1}, "c": {"x": 3}}));
    }

    #[test]
    fn nearest_stops_where_the_way_ends() {
        let root = node("a: [1, { b: 2 }]\n");
        assert_eq!(root.nearest("a[1].b").value(), 2);
        assert_eq!(root.nearest("a[0].b.c").value(), 1);
        assert_eq!(root.nearest("x").value(), root.value());
    }
}
