//! Messages to people: what is wrong, where, and what to do about it.
//!
//! Rooms report a [`Problem`] (a field of theirs and why it is wrong); `spec` turns it into a
//! [`Diagnostic`] with a place in the user's file; [`render`](Diagnostic::render) draws it rustc-style.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A text that a diagnostic can point into.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceText {
    /// What to call it: a path as the user gave it, or `--set` for an argument.
    pub name: String,
    pub text: String,
}

/// A range of bytes of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub source: Arc<SourceText>,
    pub bytes: Range<usize>,
}

/// One message: a stable code, what is wrong, where, and a hint when one is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `E0101` and so on; stable, so that people can look it up.
    pub code: &'static str,
    /// A lowercase fragment with the value and the name in it, without a full stop.
    pub message: String,
    pub place: Option<Place>,
    pub hint: Option<String>,
}

/// A problem with one field of a config, said by the room that owns the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field inside the config, dotted (`hop`, `clips.train`); empty: the config itself.
    pub field: String,
    pub message: String,
    pub hint: Option<String>,
}

impl Problem {
    /// A problem of `field` without a hint.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), hint: None }
    }

    /// The same with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Diagnostic {
    /// A diagnostic without a place and a hint.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: None, hint: None }
    }

    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The message as rustc would print it, with the line it is about; with colours if `styled`.
    pub fn render(&self, styled: bool) -> String {
        let title = Level::ERROR.primary_title(&self.message).id(self.code);
        let mut group = match &self.place {
            Some(place) => {
                let bytes = clamp(&place.bytes, place.source.text.len());
                title.element(
                    Snippet::source(&place.source.text)
                        .path(&place.source.name)
                        .annotation(AnnotationKind::Primary.span(bytes)),
                )
            }
            None => Group::with_title(title),
        };
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.message(hint));
        }
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group]).to_string()
    }
}

/// The renderer panics on ranges outside the text; an empty text has only the empty range.
fn clamp(range: &Range<usize>, len: usize) -> Range<usize> {
    range.start.min(len)..range.end.min(len).max(range.start.min(len))
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// The known name that `name` was probably meant to be, if one is near enough.
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(name, k), k))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// A hint for an unknown name: the one it was meant to be, or all there are.
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match closest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(closest("cosin", ["euclidean", "cosine"]), Some("cosine"));
        assert_eq!(closest("zebra", ["euclidean", "cosine"]), None);
        assert_eq!(suggest("zebra", ["a", "b"]), "known: a, b");
    }

    #[test]
    fn a_place_outside_the_text_does_not_panic() {
        let source = Arc::new(SourceText { name: "x.yaml".into(), text: "a: 1\n".into() });
        let place = Some(Place { source, bytes: 90..99 });
        assert!(Diagnostic::new("E0000", "wrong").at(place).render(false).contains("wrong"));
    }
}
