//! Makes names and texts from outside safe to show.
//!
//! Names of folders, fields of tables and labels of records are untrusted. A terminal obeys some
//! characters, a newline begins a new row or heading, and some characters are invisible. Everything
//! that is printed goes through here.

use std::borrow::Cow;

/// One line of text in which control characters are replaced: `fan<U+001B>[31m`.
pub fn shown(text: &str) -> Cow<'_, str> {
    named(text, is_control)
}

/// The same for a text that may have several lines.
pub fn shown_lines(text: &str) -> Cow<'_, str> {
    named(text, |c| c != '\n' && is_control(c))
}

/// A text in which invisible characters are replaced, too: `fan<U+200B>`. For messages about a name
/// that looks like another one.
pub fn visible(text: &str) -> Cow<'_, str> {
    named(text, |c| is_control(c) || is_invisible(c))
}

/// The content of a cell in a Markdown table. It cannot end its column or its row.
pub fn cell(text: &str) -> Cow<'_, str> {
    match shown(text) {
        text if text.contains('|') => Cow::Owned(text.replace('|', "\\|")),
        text => text,
    }
}

/// Text for HTML, or for a quoted attribute. Markup and control characters lose their meaning.
pub fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in shown(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A text inside the quotes of a Graphviz label.
pub fn quoted(text: &str) -> String {
    shown(text).replace('\\', "\\\\").replace('"', "\\\"")
}

/// The first control character of a text, as `U+001B`.
pub fn control(text: &str) -> Option<String> {
    text.chars().find(|c| is_control(*c)).map(code)
}

fn code(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

fn named(text: &str, odd: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&odd) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if odd(c) { shown.push_str(&format!("<{}>", code(c))) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Control characters, the separators of lines and paragraphs, and characters that change the
/// direction of writing.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters without width, and spaces other than the usual one.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{ad}' | '\u{2000}'..='\u{200f}' | '\u{202f}' | '\u{205f}'..='\u{2065}' | '\u{3000}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_obeyed_is_named_and_the_rest_stays() {
        assert_eq!(
            shown("fan\u{1b}[31m\u{7}\n# x\r"),
            "fan<U+001B>[31m<U+0007><U+000A># x<U+000D>"
        );
        assert_eq!(
            shown("a\u{2028}b\u{202e}c\u{2066}d\u{9b}"),
            "a<U+2028>b<U+202E>c<U+2066>d<U+009B>"
        );
        assert!(matches!(shown("größe | 日本　\u{200d}"), Cow::Borrowed(_)));
        assert_eq!(shown_lines("a\nb\u{1b}"), "a\nb<U+001B>");
        assert_eq!((control("a\tb"), control("größe")), (Some("U+0009".to_owned()), None));
    }

    #[test]
    fn what_nobody_sees_is_named_where_it_matters() {
        assert_eq!(visible("\u{feff}fan\u{200b}\u{a0}\n"), "<U+FEFF>fan<U+200B><U+00A0><U+000A>");
        assert_eq!(visible("größe 1"), "größe 1");
    }

    #[test]
    fn cells_and_quotes_end_where_they_should() {
        assert_eq!(cell("fan|A\n| x"), "fan\\|A<U+000A>\\| x");
        assert_eq!(cell("fan*`<"), "fan*`<");
        assert_eq!(html("</td>\"'&\u{202e}"), "&lt;/td&gt;&quot;&#39;&amp;&lt;U+202E&gt;");
        assert_eq!(quoted("a\"b\\c\n"), "a\\\"b\\\\c<U+000A>");
    }
}
