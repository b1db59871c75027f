//! Tables in Markdown files, between markers that define them.
//!
//! ```text
//! <!-- humshift: quickstart.yaml --table means -->       opens a block; the words are those of `humshift report`
//! <!-- /humshift -->                                      closes it
//! <!-- humshift-value best: pronostia.yaml --value official -->     names a number
//! It reaches <!-- humshift-value best -->91.96<!-- /humshift -->.   puts it into a sentence
//! ```
//!
//! A number is named on a line of its own, because older Markdown dialects, including GitHub's, do
//! not allow `--` in a comment inside a sentence. Markers in fenced code are text.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::diagnose::{Diagnostic, Place, SourceText, suggest};

const OPEN: &str = "<!-- humshift";
const BLOCK: &str = "<!-- humshift:";
const VALUE: &str = "<!-- humshift-value ";
const CLOSE: &str = "<!-- /humshift -->";
const END: &str = "-->";

/// The words that define the content between two markers.
#[derive(Clone, Debug, PartialEq)]
pub struct Marker {
    /// The words without quotes, each with its place.
    pub words: Vec<(String, Place)>,
    /// The place of all words.
    pub place: Place,
    /// Whether it defines a number in sentences and not a block.
    pub is_value: bool,
}

/// A text with markers.
#[derive(Clone, Debug)]
pub struct Template {
    source: Arc<SourceText>,
    markers: Vec<Marker>,
    /// The bytes between two markers, and the number of the marker that defines them.
    slots: Vec<(Range<usize>, usize)>,
}

impl Template {
    /// Finds the markers of the file `name`.
    ///
    /// # Errors
    /// Markers of unknown form, unclosed, nested or never opened; numbers with no definition or
    /// two.
    pub fn parse(name: &str, text: String) -> Result<Self, Vec<Diagnostic>> {
        let source = Arc::new(SourceText { name: name.to_owned(), text });
        let mut reader = Reader { source: source.clone(), ..Reader::default() };
        let mut start = 0;
        for line in source.text.split_inclusive('\n') {
            reader.line(start, line);
            start += line.len();
        }
        if let Some((marker, _)) = reader.open {
            let place = reader.markers[marker].place.clone();
            reader.mistakes.push(mistake(
                "this marker is not closed",
                place,
                format!("`{CLOSE}` closes a block"),
            ));
        }
        let mut slots = reader.slots;
        for (range, name, place) in reader.uses {
            match reader.names.get(&name) {
                Some(marker) => slots.push((range, *marker)),
                None => {
                    let hint = match reader.names.is_empty() {
                        true => format!(
                            "`{VALUE}{name}: SPEC --value official {END}` on a line of its own names it"
                        ),
                        false => suggest(&name, reader.names.keys().map(String::as_str)),
                    };
                    reader.mistakes.push(mistake(
                        format!("no number is named `{name}`"),
                        place,
                        hint,
                    ));
                }
            }
        }
        if !reader.mistakes.is_empty() {
            return Err(reader.mistakes);
        }
        slots.sort_by_key(|(range, _)| range.start);
        Ok(Self { source, markers: reader.markers, slots })
    }

    pub fn text(&self) -> &str {
        &self.source.text
    }

    pub fn markers(&self) -> &[Marker] {
        &self.markers
    }

    /// The current content of a marker, with line ends as `\n` and without the blank lines around a
    /// block. `None` for a number that no sentence uses.
    pub fn content(&self, marker: usize) -> Option<String> {
        let (range, _) = self.slots.iter().find(|(_, of)| *of == marker)?;
        let text = self.source.text[range.clone()].replace("\r\n", "\n");
        Some(text.trim_matches('\n').to_owned())
    }

    /// The text with new contents for these markers, by number. All other bytes stay unchanged.
    pub fn with(&self, contents: &BTreeMap<usize, String>) -> String {
        let text = &self.source.text;
        let (mut made, mut at) = (String::new(), 0);
        for (range, marker) in &self.slots {
            let Some(content) = contents.get(marker) else { continue };
            made.push_str(&text[at..range.start]);
            let content = content.trim_matches('\n');
            match self.markers[*marker].is_value {
                true => made.push_str(content),
                false => {
                    let end = if text[..range.start].ends_with("\r\n") { "\r\n" } else { "\n" };
                    made.push_str(&format!("\n{content}\n\n").replace('\n', end));
                }
            }
            at = range.end;
        }
        made + &text[at..]
    }

    /// The line of a marker, counted from 1.
    pub fn line(&self, marker: usize) -> usize {
        self.source.text[..self.markers[marker].place.bytes.start].matches('\n').count() + 1
    }
}

#[derive(Default)]
struct Reader {
    source: Arc<SourceText>,
    markers: Vec<Marker>,
    slots: Vec<(Range<usize>, usize)>,
    /// The marker of the open block, and the start of its content.
    open: Option<(usize, usize)>,
    /// Numbers by name.
    names: BTreeMap<String, usize>,
    uses: Vec<(Range<usize>, String, Place)>,
    /// The fence of the open code block.
    fence: Option<String>,
    mistakes: Vec<Diagnostic>,
}

impl Reader {
    fn line(&mut self, start: usize, line: &str) {
        let trimmed = line.trim();
        let left = start + (line.len() - line.trim_start().len());
        if self.open.is_none() && self.is_code(trimmed) {
            return;
        }
        let inner = |opening: &str| {
            trimmed.strip_prefix(opening)?.strip_suffix(END).filter(|i| !i.contains("<!--"))
        };
        if trimmed == CLOSE {
            match self.open.take() {
                Some((marker, from)) => self.slots.push((from..start, marker)),
                None => self.wrong(
                    "no block is open here",
                    left..left + trimmed.len(),
                    format!("`{BLOCK} ..` opens one"),
                ),
            }
        } else if let Some((marker, _)) = self.open {
            if trimmed.starts_with(OPEN) {
                let hint = format!("close the block of line {} first", self.number(marker));
                self.wrong("a marker inside of a block", left..left + trimmed.len(), hint);
            }
        } else if let Some(words) = inner(BLOCK) {
            let marker = self.marker(left + BLOCK.len(), words, false);
            self.open = Some((marker, start + line.len()));
        } else if let Some((name, words)) = inner(VALUE).and_then(|inner| inner.split_once(':')) {
            let marker = self.marker(left + VALUE.len() + name.len() + 1, words, true);
            if self.names.insert(name.trim().to_owned(), marker).is_some() {
                let at = left + VALUE.len();
                self.wrong(
                    format!("`{name}` names two numbers"),
                    at..at + name.len(),
                    "use another name",
                );
            }
        } else {
            self.values(start, line, left);
        }
    }

    /// Whether a line is code or the fence of code.
    fn is_code(&mut self, line: &str) -> bool {
        let marks = |mark: char| line.chars().take_while(|c| *c == mark).collect::<String>();
        let fence = ['`', '~'].map(marks).into_iter().find(|fence| fence.len() >= 3);
        match (&self.fence, fence) {
            (None, None) => return false,
            (None, Some(opening)) => self.fence = Some(opening),
            (Some(opening), Some(fence))
                if fence.starts_with(opening.as_str()) && line == fence =>
            {
                self.fence = None
            }
            (Some(_), _) => {}
        }
        true
    }

    /// The numbers in a line of text.
    fn values(&mut self, start: usize, line: &str, left: usize) {
        let mut at = 0;
        while let Some(found) = line[at..].find(OPEN).map(|found| at + found) {
            at = found + OPEN.len();
            if line[..found].ends_with('`') {
                continue;
            }
            let rest = &line[found..];
            let form = rest.strip_prefix(VALUE).and_then(|inner| inner.split_once(END));
            let Some((name, after)) = form.filter(|(name, _)| !name.contains(':')) else {
                let hint = format!(
                    "`{BLOCK} SPEC .. {END}` on a line of its own, or `{VALUE}NAME {END}` in a sentence"
                );
                self.wrong(
                    "no marker has this form",
                    start + found..start + found + rest.trim_end().len(),
                    hint,
                );
                return;
            };
            let place = start + found + VALUE.len();
            let place = place..place + name.trim_end().len();
            let begin = start + line.len() - after.len();
            match after.find(CLOSE) {
                None => self.wrong(
                    "this number is not closed on its line",
                    place,
                    format!("`{CLOSE}` closes it"),
                ),
                Some(_) if start + found == left => {
                    let hint = "put a word before it: a line that begins with a comment ends the paragraph";
                    self.wrong("a number begins its line", place, hint);
                }
                Some(length) => {
                    self.uses.push((
                        begin..begin + length,
                        name.trim().to_owned(),
                        self.place(place),
                    ));
                    at = begin - start + length;
                }
            }
        }
    }

    fn marker(&mut self, start: usize, words: &str, is_value: bool) -> usize {
        let left = start + (words.len() - words.trim_start().len());
        let place = self.place(left..left + words.trim().len().max(1));
        let mut list = Vec::new();
        match split(words) {
            Ok(words) => {
                list.extend(
                    words
                        .into_iter()
                        .map(|(w, at)| (w, self.place(start + at.start..start + at.end))),
                );
            }
            Err(at) => self.wrong(
                "a quote that is not closed",
                start + at..start + at + 1,
                "close it, or leave it out",
            ),
        }
        self.markers.push(Marker { words: list, place, is_value });
        self.markers.len() - 1
    }

    fn number(&self, marker: usize) -> usize {
        self.source.text[..self.markers[marker].place.bytes.start].matches('\n').count() + 1
    }

    fn place(&self, bytes: Range<usize>) -> Place {
        Place { source: self.source.clone(), bytes }
    }

    fn wrong(&mut self, message: impl Into<String>, bytes: Range<usize>, hint: impl Into<String>) {
        let place = self.place(bytes);
        self.mistakes.push(mistake(message, place, hint));
    }
}

fn mistake(message: impl Into<String>, place: Place, hint: impl Into<String>) -> Diagnostic {
    Diagnostic::new("E0713", message).at(Some(place)).hint(hint)
}

/// Splits words as a shell does: at white space outside quotes. The error is the position of an
/// unclosed quote.
fn split(text: &str) -> Result<Vec<(String, Range<usize>)>, usize> {
    let mut words = Vec::new();
    let mut word: Option<(String, usize)> = None;
    let mut quote: Option<(char, usize)> = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some((open, _)) if c == open => quote = None,
            None if c.is_whitespace() => {
                words.extend(word.take().map(|(word, start)| (word, start..at)))
            }
            _ => {
                let (word, _) = word.get_or_insert_with(|| (String::new(), at));
                match (quote, c) {
                    (None, '\'' | '"') => quote = Some((c, at)),
                    _ => word.push(c),
                }
            }
        }
    }
    words.extend(word.map(|(word, start)| (word, start..text.len())));
    quote.map_or(Ok(words), |(_, at)| Err(at))
}

#[cfg(test)]
mod tests;
