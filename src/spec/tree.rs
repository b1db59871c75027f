//! Turns the events of the parser into [`Node`]s, in one pass.
//!
//! It refuses input that would cost too much memory or time, or whose meaning may surprise: aliases
//! that expand to more than [`MOST`] values (a file of 23 KB can take 600 MB), duplicate keys (the
//! last one would silently win), keys that are not words, tags, several documents, deep nesting. No
//! other file uses the parser.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::node::{Kind, Node, shorten};
use super::scalar::{Unfit, plain};
use crate::diagnose::{Diagnostic, Place, SourceText};
use crate::reading::invisible;

/// The most values of a file after expanding its aliases; a long text counts for several.
const MOST: u64 = 100_000;
/// Deepest nesting.
pub(super) const DEEPEST: usize = 64;

/// The value in the text from byte `from` on; `None` for an empty text.
pub fn read(source: &Arc<SourceText>, from: usize) -> Result<Option<Node>, Diagnostic> {
    let text = &source.text[from..];
    let offsets = Offsets::new(text, from);
    Walk { source, offsets, stack: Vec::new(), anchors: BTreeMap::new(), weight: 0, root: None }
        .walk(text)
}

/// Converts character indices of the parser to bytes of the whole text.
struct Offsets {
    from: usize,
    len: usize,
    /// Byte offset of each character; empty for ASCII, where both are equal.
    bytes: Vec<usize>,
}

impl Offsets {
    fn new(text: &str, from: usize) -> Self {
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(i, _)| i).collect()
        };
        Self { from, len: text.len(), bytes }
    }

    fn byte(&self, char_index: usize) -> usize {
        let byte = if self.bytes.is_empty() {
            char_index
        } else {
            *self.bytes.get(char_index).unwrap_or(&self.len)
        };
        self.from + byte.min(self.len)
    }

    fn range(&self, span: &Span) -> Range<usize> {
        self.byte(span.start.index())..self.byte(span.end.index())
    }
}

/// An open list or map.
struct Frame {
    start: usize,
    anchor: usize,
    weight_before: u64,
    height: usize,
    inside: Kind,
    /// Places of the keys so far, to refuse duplicates.
    keys: BTreeMap<String, Range<usize>>,
    /// The key whose value comes next.
    key: Option<String>,
}

/// The value of an anchor.
struct Anchor {
    weight: u64,
    height: usize,
    node: Node,
}

struct Walk<'a> {
    source: &'a Arc<SourceText>,
    offsets: Offsets,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Anchor>,
    weight: u64,
    root: Option<Node>,
}

impl Walk<'_> {
    fn walk(mut self, text: &str) -> Result<Option<Node>, Diagnostic> {
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|e| self.scan_error(&e))?;
            let at = self.offsets.range(&span);
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(self
                            .refuse("E0108", at, "a second document begins here".into())
                            .hint(
                                "one file holds one experiment; use `extends` to share settings",
                            ));
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.no_tag(tag.is_some(), &at)?;
                    self.scalar(&text, style, anchor, at)?;
                }
                Event::Alias(id) => self.alias(id, at)?,
                Event::SequenceStart(anchor, tag) => {
                    self.no_tag(tag.is_some(), &at)?;
                    self.open(anchor, at, Kind::List(Vec::new()))?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.no_tag(tag.is_some(), &at)?;
                    self.open(anchor, at, Kind::Map(Vec::new()))?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(at)?,
                _ => {}
            }
        }
        Ok(self.root)
    }

    fn refuse(&self, code: &'static str, bytes: Range<usize>, message: String) -> Diagnostic {
        refuse(self.source, code, bytes, message)
    }

    fn scan_error(&self, e: &ScanError) -> Diagnostic {
        let at = self.offsets.byte(e.marker().index());
        let line = self.source.text[..at].rfind('\n').map_or(0, |i| i + 1);
        let tab = self.source.text[line..]
            .chars()
            .take_while(|c| c.is_whitespace() && *c != '\n')
            .any(|c| c == '\t');
        if e.info().contains("recursion limit") {
            return self.refuse(
                "E0103",
                at..at + 1,
                format!("values are nested more than {DEEPEST} deep"),
            );
        }
        let quote = self.source.text[at..].starts_with(['"', '\'']);
        let diagnostic =
            self.refuse("E0101", at..at + 1, format!("this is not YAML: {}", e.info()));
        let odd = self.source.text[at..].chars().next().and_then(|c| invisible(&c.to_string()));
        match (odd, tab, quote) {
            (Some(what), ..) => diagnostic.hint(format!("there is {what} here: remove it")),
            (_, true, _) => diagnostic.hint("indent with spaces: YAML takes no tabs"),
            (.., true) => diagnostic.hint("is the quote closed?"),
            _ => diagnostic,
        }
    }

    fn no_tag(&self, tagged: bool, at: &Range<usize>) -> Result<(), Diagnostic> {
        if !tagged {
            return Ok(());
        }
        // The span of the parser lacks the tag, which is on the same line before the value.
        let before = &self.source.text[..at.start];
        let line = before.rfind('\n').map_or(0, |i| i + 1);
        let start = before[line..]
            .rfind('!')
            .map_or(at.start, |i| before[..line + i].trim_end_matches('!').len());
        let len = self.source.text[start..].find(char::is_whitespace).unwrap_or(1);
        let tag = &self.source.text[start..start + len];
        Err(self
            .refuse(
                "E0106",
                start..start + len,
                format!("tags such as `{}` mean nothing in a spec", shorten(tag)),
            )
            .hint("leave it out; a variant is a map with one key, such as `knn: { k: 1 }`"))
    }

    fn grow(&mut self, weight: u64, at: &Range<usize>) -> Result<(), Diagnostic> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight <= MOST {
            return Ok(());
        }
        let message = if self.anchors.is_empty() {
            format!("the file has more than {MOST} values")
        } else {
            format!("with its aliases expanded the file has more than {MOST} values")
        };
        Err(self.refuse("E0103", at.clone(), message))
    }

    fn deep(&self, height: usize, at: &Range<usize>) -> Result<(), Diagnostic> {
        if self.stack.len() + height < DEEPEST {
            return Ok(());
        }
        Err(self.refuse("E0103", at.clone(), format!("values are nested more than {DEEPEST} deep")))
    }

    fn open(&mut self, anchor: usize, at: Range<usize>, inside: Kind) -> Result<(), Diagnostic> {
        self.not_as_key(&at)?;
        self.deep(1, &at)?;
        let weight_before = self.weight;
        self.grow(1, &at)?;
        let keys = BTreeMap::new();
        self.stack.push(Frame {
            start: at.start,
            anchor,
            weight_before,
            height: 1,
            inside,
            keys,
            key: None,
        });
        Ok(())
    }

    fn close(&mut self, at: Range<usize>) -> Result<(), Diagnostic> {
        let frame = self.stack.pop().expect("the parser closes what it opened");
        if let Some(outer) = self.stack.last_mut() {
            outer.height = outer.height.max(frame.height + 1);
        }
        // The parser ends a block where the next value begins; the white space before that is cut
        // off.
        let text = &self.source.text[frame.start..at.end.max(frame.start)];
        let span = frame.start..frame.start + text.trim_end().len();
        let inside = match frame.inside {
            Kind::Map(entries) => Kind::Map(self.merged(entries)?),
            other => other,
        };
        self.value(frame.anchor, self.weight - frame.weight_before, frame.height, span, inside);
        Ok(())
    }

    /// `<<: *base`, or a list of such: adds the entries that the map lacks. The first base that has
    /// an entry wins.
    fn merged(&self, mut entries: Vec<(String, Node)>) -> Result<Vec<(String, Node)>, Diagnostic> {
        let Some(place) = entries.iter().position(|(key, _)| key == "<<") else {
            return Ok(entries);
        };
        let (_, merge) = entries.remove(place);
        let bases = match merge.kind {
            Kind::List(items) => items,
            _ => vec![merge],
        };
        let mut known: BTreeSet<String> = entries.iter().map(|(key, _)| key.clone()).collect();
        for base in bases {
            let at = base.key.clone().unwrap_or(base.span.clone());
            let Kind::Map(more) = base.kind else {
                return Err(self.refuse("E0112", at, "`<<` takes a map or a list of maps".into()));
            };
            entries.extend(more.into_iter().filter(|(key, _)| known.insert(key.clone())));
        }
        Ok(entries)
    }

    /// The value of an alias has the place of the alias.
    fn alias(&mut self, id: usize, at: Range<usize>) -> Result<(), Diagnostic> {
        self.not_as_key(&at)?;
        let Some(Anchor { weight, height, node }) = self.anchors.get(&id) else {
            let name = self.source.text[at.clone()].to_owned();
            return Err(self.refuse(
                "E0104",
                at,
                format!("`{name}` is an alias inside the value that it names"),
            ));
        };
        let (weight, height) = (*weight, *height);
        self.deep(height, &at)?;
        let kind = elsewhere(node, &at).kind;
        self.grow(weight, &at)?;
        if let Some(frame) = self.stack.last_mut() {
            frame.height = frame.height.max(height + 1);
        }
        self.value(0, weight, height, at, kind);
        Ok(())
    }

    fn not_as_key(&self, at: &Range<usize>) -> Result<(), Diagnostic> {
        match self.stack.last() {
            Some(Frame { inside: Kind::Map(_), key: None, .. }) => Err(self.refuse(
                "E0107",
                at.start..at.start + 1,
                "a key must be a word, not a map, list or alias".into(),
            )),
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        at: Range<usize>,
    ) -> Result<(), Diagnostic> {
        let weight = 1 + text.len() as u64 / 16;
        self.grow(weight, &at)?;
        let value = match style {
            ScalarStyle::Plain => plain(text),
            _ => Ok(text.into()),
        };
        if matches!(self.stack.last(), Some(Frame { inside: Kind::Map(_), key: None, .. })) {
            return self.key(text, value.is_ok_and(|value| value.is_string()), at);
        }
        let value = value.map_err(|unfit| {
            let message = match unfit {
                Unfit::TooLarge => format!("`{text}` is too large for a whole number"),
                Unfit::TooSmall => format!("`{text}` is so small that it would be read as 0"),
                Unfit::NotFinite => format!("`{text}` is not a finite number"),
            };
            self.refuse("E0109", at.clone(), message)
        })?;
        self.value(anchor, weight, 0, at, Kind::Scalar(value));
        Ok(())
    }

    fn key(&mut self, text: &str, is_word: bool, at: Range<usize>) -> Result<(), Diagnostic> {
        let frame = self.stack.last_mut().expect("a key stands in a map");
        if let Some(first) = frame.keys.insert(text.to_owned(), at.clone()) {
            let place = Place { source: self.source.clone(), bytes: first };
            return Err(self
                .refuse("E0105", at, format!("`{}` is set twice", shorten(text)))
                .related(Some(place), "first set here")
                .hint("keep one of them"));
        }
        frame.key = Some(text.to_owned());
        match is_word {
            true => Ok(()),
            false => Err(self
                .refuse("E0107", at, format!("the key `{}` is not a word", shorten(text)))
                .hint(format!("write `\"{}\"`", shorten(text)))),
        }
    }

    /// Puts a value into its list or map, and stores it if it has an anchor.
    fn value(&mut self, anchor: usize, weight: u64, height: usize, span: Range<usize>, kind: Kind) {
        let mut node = Node { source: self.source.clone(), key: None, span, kind };
        if anchor > 0 {
            self.anchors.insert(anchor, Anchor { weight, height, node: node.clone() });
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame { inside: Kind::List(items), .. }) => items.push(node),
            Some(Frame { inside: Kind::Map(entries), key, keys, .. }) => {
                let key = key.take().expect("a value of a map follows its key");
                node.key = keys.get(&key).cloned();
                entries.push((key, node));
            }
            Some(_) => unreachable!("a scalar opens no frame"),
        }
    }
}

/// A copy of a node with all places moved to one place.
fn elsewhere(node: &Node, at: &Range<usize>) -> Node {
    let kind = match &node.kind {
        Kind::Scalar(value) => Kind::Scalar(value.clone()),
        Kind::List(items) => Kind::List(items.iter().map(|item| elsewhere(item, at)).collect()),
        Kind::Map(entries) => Kind::Map(
            entries.iter().map(|(key, node)| (key.clone(), elsewhere(node, at))).collect(),
        ),
    };
    Node { source: node.source.clone(), key: None, span: at.clone(), kind }
}

/// A diagnostic about a range of bytes.
pub fn refuse(
    source: &Arc<SourceText>,
    code: &'static str,
    bytes: Range<usize>,
    message: String,
) -> Diagnostic {
    Diagnostic::new(code, message).at(Some(Place { source: source.clone(), bytes }))
}
