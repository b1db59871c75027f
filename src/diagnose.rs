//! Messages to users: the problem, its place, and what to do about it.
//!
//! Rooms report a [`Problem`] (a field of their config and a message). `spec` turns it into a
//! [`Diagnostic`] with a place in the user's file. [`render`](Diagnostic::render) draws it in
//! rustc's style.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use crate::reading::invisible;
use crate::shown::visible;

/// A text that a diagnostic can point into.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SourceText {
    /// Its name in messages: a path as the user gave it, or `--set` for an argument.
    pub name: String,
    pub text: String,
}

/// A range of bytes in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub source: Arc<SourceText>,
    pub bytes: Range<usize>,
}

/// One message: a stable code, the problem, its place, and a hint if one is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `E0101` and so on; stable, so that people can look it up.
    pub code: &'static str,
    /// A lowercase fragment with the value and the name in it, without a full stop.
    pub message: String,
    pub place: Option<Place>,
    /// A second, related place and its meaning. Boxed, because it is rare and every diagnostic
    /// travels in results.
    pub related: Option<Box<(Place, String)>>,
    pub hint: Option<String>,
}

/// A problem with one field of a config, reported by the room that owns the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Dotted path of the field inside the config (`hop`, `clips.train`). Empty for the config
    /// itself.
    pub field: String,
    pub message: String,
    pub hint: Option<String>,
}

impl Problem {
    /// A problem of `field` without a hint.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), hint: None }
    }

    /// The same problem with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The problem of a whole number outside its bounds; `None` if it is inside.
    pub fn outside(field: &str, value: usize, from: usize, to: usize) -> Option<Self> {
        let name = field.rsplit('.').next().unwrap_or(field);
        let problem = || Self::new(field, format!("`{name}` is {value}, outside {from}..{to}"));
        (!(from..=to).contains(&value))
            .then(|| problem().hint(format!("write a number from {from} to {to}")))
    }

    /// The problem of a number larger than any sensible one; `None` if it is not.
    pub fn beyond(field: &str, value: f64, most: f64) -> Option<Self> {
        let name = field.rsplit('.').next().unwrap_or(field);
        let problem =
            || Self::new(field, format!("`{name}` is {}, above {}", number(value), number(most)));
        (value > most).then(|| problem().hint(format!("write at most {}", number(most))))
    }
}

/// A readable number: with a power of ten instead of many zeros.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0 | 1e-6..1e10 => value.to_string(),
        _ => format!("{value:e}"),
    }
}

impl Diagnostic {
    /// A diagnostic without a place or a hint.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: None, related: None, hint: None }
    }

    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Shows a second place with a few words about its relation to the message.
    pub fn related(mut self, place: Option<Place>, words: impl Into<String>) -> Self {
        self.related = place.map(|p| Box::new((p, words.into())));
        self
    }

    /// The file, the line and the column that it is about, counted from 1. `None` without a place.
    pub fn position(&self) -> Option<(&str, usize, usize)> {
        let place = self.place.as_ref()?;
        let before = &place.source.text[..clamp(place).start];
        let line = before.rsplit('\n').next().unwrap_or_default();
        Some((&place.source.name, before.matches('\n').count() + 1, line.chars().count() + 1))
    }

    /// The message in rustc's style, with its line of the text; with colours if `styled`.
    pub fn render(&self, styled: bool) -> String {
        // Names in messages may come from anywhere, and an invisible character is often the
        // mistake.
        let (message, hint) = (readable(&self.message), self.hint.as_deref().map(readable));
        let title = Level::ERROR.primary_title(&message).id(self.code);
        let mut group = match &self.place {
            Some(place) => title.elements(self.snippets(place)),
            None => Group::with_title(title),
        };
        if let Some(hint) = &hint {
            group = group.element(Level::HELP.message(hint));
        }
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group]).to_string()
    }

    /// The lines of the place and of the related one, in one drawing if they belong to one text.
    fn snippets<'a>(&'a self, place: &'a Place) -> Vec<Snippet<'a, Annotation<'a>>> {
        let mut first = snippet(place).annotation(AnnotationKind::Primary.span(clamp(place)));
        let Some((other, words)) = self.related.as_deref() else { return vec![first] };
        let context = AnnotationKind::Context.span(clamp(other)).label(words);
        if other.source == place.source {
            first = first.annotation(context);
            return vec![first];
        }
        vec![first, snippet(other).annotation(context)]
    }
}

/// A text of several lines without control characters or invisible characters.
fn readable(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

fn snippet(place: &Place) -> Snippet<'_, Annotation<'_>> {
    Snippet::source(&place.source.text).path(&place.source.name)
}

/// The renderer panics on ranges outside the text or inside a character.
fn clamp(place: &Place) -> Range<usize> {
    let text = &place.source.text;
    let start = text.floor_char_boundary(place.bytes.start);
    start..text.ceil_char_boundary(place.bytes.end).max(start)
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// The known name nearest to `name`, if one is near enough to be meant. Case does not count, nor `-`
/// for `_`: known names may be a user's, such as `ToyCar`.
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = |text: &str| text.to_lowercase().replace('-', "_");
    // Longer texts are no typing errors, and the cost of the distance is their product.
    let name = folded(&name.chars().take(64).collect::<String>());
    let limit = (name.chars().count() / 3).max(1);
    let distance = |known: &str| match name.len() > 2 && known.starts_with(&name) {
        true => 1,
        false => strsim::damerau_levenshtein(&name, known),
    };
    known
        .into_iter()
        .map(|k| (distance(&folded(k)), k))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// A hint for an unknown name: the probably meant one, or all known names.
pub fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let hint = match closest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    };
    // Without this, nobody sees the difference between `knn` and a `knn` with an invisible
    // character.
    match invisible(name) {
        Some(what) => format!("there is {what} in it; {hint}"),
        None => hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(closest("cosin", ["euclidean", "cosine"]), Some("cosine"));
        assert_eq!(closest("zebra", ["euclidean", "cosine"]), None);
        assert_eq!(closest("KNN", ["knn"]), Some("knn"));
        assert_eq!(closest("log-mel", ["log_mel"]), Some("log_mel"));
        assert_eq!(closest("maha", ["mahalanobis"]), Some("mahalanobis"));
        assert_eq!(closest("L33", ["L1", "L3"]), Some("L3"));
        assert_eq!(closest("TOYCAR", ["ToyCar", "ToyTrain"]), Some("ToyCar"));
        assert_eq!(suggest("zebra", ["a", "b"]), "known: a, b");
        let hint = "there is a no-break space (U+00A0) in it; did you mean `knn`?";
        assert_eq!(suggest("knn\u{a0}", ["knn", "gmm"]), hint);
    }

    #[test]
    fn a_related_place_is_drawn_in_its_own_text() {
        let place = |name: &str, text: &str| {
            Some(Place {
                source: Arc::new(SourceText { name: name.into(), text: text.into() }),
                bytes: 0..1,
            })
        };
        let d = Diagnostic::new("E0000", "wrong").at(place("x.yaml", "a: 1\n"));
        let same = d.clone().related(place("x.yaml", "a: 1\n"), "and here").render(false);
        assert_eq!(same.matches("x.yaml").count(), 1, "{same}");
        let other = d.related(place("y.yaml", "b: 1\n"), "and here").render(false);
        assert!(other.contains("y.yaml:1:1") && other.contains("and here"), "{other}");
    }

    #[test]
    fn what_nobody_sees_is_shown_in_messages_and_hints() {
        let d = Diagnostic::new("E0000", "no machine `fan\u{200b}\u{1b}[2J`")
            .hint("known: fan\u{a0}\nor valve");
        let text = d.render(false);
        assert!(
            text.contains("`fan<U+200B><U+001B>[2J`") && text.contains("fan<U+00A0>\n"),
            "{text}"
        );
    }

    #[test]
    fn a_place_outside_the_text_does_not_panic() {
        let source = Arc::new(SourceText { name: "x.yaml".into(), text: "a: 1\n".into() });
        let place = Some(Place { source, bytes: 90..99 });
        assert!(Diagnostic::new("E0000", "wrong").at(place).render(false).contains("wrong"));
    }
}
