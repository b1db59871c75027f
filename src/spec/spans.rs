//! Where every key and value of a text stands, and what must not reach the second pass.
//!
//! One walk over the events of `saphyr-parser`. It refuses what could take the memory or the time of the
//! second pass, and what means something else than it seems: aliases that expand to more than [`MOST`] values (the
//! guards of the YAML crates count aliases, not what they expand to, and let a file of 23 KB take 600 MB), duplicate
//! keys (silently the last one wins), tags, several documents, deep nesting.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScanError, Span};

use super::node::shorten;
use crate::diagnose::{Diagnostic, Place, SourceText};
use crate::reading::invisible;

/// Most values of a file after its aliases are expanded; a long text counts for several.
const MOST: u64 = 100_000;
/// Deepest nesting.
pub(super) const DEEPEST: usize = 64;

/// The places of the text from `offsets` on; none for an empty text.
pub fn walk(source: &Arc<SourceText>, text: &str, offsets: &Offsets) -> Result<Option<Spans>, Diagnostic> {
    Pass { source, offsets, stack: Vec::new(), anchors: BTreeMap::new(), weight: 0, root: None }.walk(text)
}

/// From the parser's character indices to bytes of the whole text.
pub struct Offsets {
    from: usize,
    len: usize,
    /// Byte of each character; empty for ASCII, where they are the same.
    bytes: Vec<usize>,
}

impl Offsets {
    pub fn new(text: &str, from: usize) -> Self {
        let bytes = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(i, _)| i).collect() };
        Self { from, len: text.len(), bytes }
    }

    fn byte(&self, char_index: usize) -> usize {
        let byte = if self.bytes.is_empty() { char_index } else { *self.bytes.get(char_index).unwrap_or(&self.len) };
        self.from + byte.min(self.len)
    }

    fn range(&self, span: &Span) -> Range<usize> {
        self.byte(span.start.index())..self.byte(span.end.index())
    }

    pub fn of_line(&self, text: &str, line: usize, column: usize) -> usize {
        let start = text[self.from..].split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
        let within = text[self.from + start..].char_indices().nth(column.saturating_sub(1)).map_or(0, |(i, _)| i);
        self.from + start + within
    }
}

/// The place of a value and of what is in it. An alias has no inside: it points at `*name`.
pub struct Spans {
    pub span: Range<usize>,
    pub inside: Inside,
}

/// The places inside a value.
pub enum Inside {
    Nothing,
    List(Vec<Spans>),
    Map(BTreeMap<String, (Range<usize>, Spans)>),
}

struct Frame {
    start: usize,
    anchor: usize,
    weight_before: u64,
    height: usize,
    inside: Inside,
    key: Option<(String, Range<usize>)>,
}

/// What an anchor stands for.
struct Anchor {
    weight: u64,
    height: usize,
}

struct Pass<'a> {
    source: &'a Arc<SourceText>,
    offsets: &'a Offsets,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Anchor>,
    weight: u64,
    root: Option<Spans>,
}

impl Pass<'_> {
    fn walk(mut self, text: &str) -> Result<Option<Spans>, Diagnostic> {
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
                            .hint("one file holds one experiment; use `extends` to share settings"));
                    }
                }
                Event::Scalar(text, _, anchor, tag) => {
                    self.no_tag(tag.is_some(), &at)?;
                    self.grow(1 + text.len() as u64 / 16, &at)?;
                    if anchor > 0 {
                        self.anchors.insert(anchor, Anchor { weight: 1 + text.len() as u64 / 16, height: 0 });
                    }
                    self.scalar(text.into_owned(), at)?;
                }
                Event::Alias(id) => self.alias(id, at)?,
                Event::SequenceStart(anchor, tag) => {
                    self.no_tag(tag.is_some(), &at)?;
                    self.open(anchor, at, Inside::List(Vec::new()))?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.no_tag(tag.is_some(), &at)?;
                    self.open(anchor, at, Inside::Map(BTreeMap::new()))?;
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
        let tab = self.source.text[line..].chars().take_while(|c| c.is_whitespace() && *c != '\n').any(|c| c == '\t');
        if e.info().contains("recursion limit") {
            return self.refuse("E0103", at..at + 1, format!("values are nested more than {DEEPEST} deep"));
        }
        let quote = self.source.text[at..].starts_with(['"', '\'']);
        let diagnostic = self.refuse("E0101", at..at + 1, format!("this is not YAML: {}", e.info()));
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
        // The parser leaves the tag out of the span; it stands on the same line, before the value.
        let before = &self.source.text[..at.start];
        let line = before.rfind('\n').map_or(0, |i| i + 1);
        let start = before[line..].rfind('!').map_or(at.start, |i| before[..line + i].trim_end_matches('!').len());
        let len = self.source.text[start..].find(char::is_whitespace).unwrap_or(1);
        let tag = &self.source.text[start..start + len];
        Err(self
            .refuse("E0106", start..start + len, format!("tags such as `{}` mean nothing in a spec", shorten(tag)))
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

    fn open(&mut self, anchor: usize, at: Range<usize>, inside: Inside) -> Result<(), Diagnostic> {
        self.not_as_key(&at)?;
        self.deep(1, &at)?;
        let weight_before = self.weight;
        self.grow(1, &at)?;
        self.stack.push(Frame { start: at.start, anchor, weight_before, height: 1, inside, key: None });
        Ok(())
    }

    fn close(&mut self, at: Range<usize>) -> Result<(), Diagnostic> {
        let frame = self.stack.pop().expect("the parser closes what it opened");
        if frame.anchor > 0 {
            let weight = self.weight - frame.weight_before;
            self.anchors.insert(frame.anchor, Anchor { weight, height: frame.height });
        }
        if let Some(outer) = self.stack.last_mut() {
            outer.height = outer.height.max(frame.height + 1);
        }
        // The end of a block is where the next thing begins: white space and comments are not of it.
        let text = &self.source.text[frame.start..at.end.max(frame.start)];
        self.value(Spans { span: frame.start..frame.start + text.trim_end().len(), inside: frame.inside })
    }

    fn alias(&mut self, id: usize, at: Range<usize>) -> Result<(), Diagnostic> {
        self.not_as_key(&at)?;
        let Some(Anchor { weight, height }) = self.anchors.get(&id) else {
            let name = self.source.text[at.clone()].to_owned();
            return Err(self.refuse("E0104", at, format!("`{name}` stands inside of what it names")));
        };
        let (weight, height) = (*weight, *height);
        self.deep(height, &at)?;
        self.grow(weight, &at)?;
        if let Some(frame) = self.stack.last_mut() {
            frame.height = frame.height.max(height + 1);
        }
        self.value(Spans { span: at, inside: Inside::Nothing })
    }

    fn not_as_key(&self, at: &Range<usize>) -> Result<(), Diagnostic> {
        match self.stack.last() {
            Some(Frame { inside: Inside::Map(_), key: None, .. }) => Err(self.refuse(
                "E0107",
                at.start..at.start + 1,
                "a key must be a word, not a map, list or alias".into(),
            )),
            _ => Ok(()),
        }
    }

    fn scalar(&mut self, text: String, at: Range<usize>) -> Result<(), Diagnostic> {
        if let Some(Frame { inside: Inside::Map(entries), key, .. }) = self.stack.last_mut()
            && key.is_none()
        {
            if let Some((first, _)) = entries.get(&text) {
                let place = Place { source: self.source.clone(), bytes: first.clone() };
                return Err(self
                    .refuse("E0105", at, format!("`{}` is set twice", shorten(&text)))
                    .related(Some(place), "first set here")
                    .hint("keep one of them"));
            }
            *key = Some((text, at));
            return Ok(());
        }
        self.value(Spans { span: at, inside: Inside::Nothing })
    }

    fn value(&mut self, spans: Spans) -> Result<(), Diagnostic> {
        match self.stack.last_mut() {
            None => self.root = Some(spans),
            Some(Frame { inside: Inside::List(items), .. }) => items.push(spans),
            Some(Frame { inside: Inside::Map(entries), key, .. }) => {
                let (text, at) = key.take().expect("a value of a map follows its key");
                entries.insert(text, (at, spans));
            }
            Some(_) => unreachable!("a scalar opens no frame"),
        }
        Ok(())
    }
}

/// A diagnostic about some bytes of the text.
pub fn refuse(source: &Arc<SourceText>, code: &'static str, bytes: Range<usize>, message: String) -> Diagnostic {
    Diagnostic::new(code, message).at(Some(Place { source: source.clone(), bytes }))
}
