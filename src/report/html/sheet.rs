//! The sheet of a page: its head, its style, its script, the list of its sections.

use super::super::image::base64;
use crate::digest::Digest;
use crate::document::Document;
use crate::shown::html;

pub(super) const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A part of a page with a title.
pub(super) struct Section {
    pub id: &'static str,
    /// In the list of contents.
    word: &'static str,
    title: String,
    /// HTML.
    pub body: String,
}

impl Section {
    pub fn new(
        id: &'static str,
        word: &'static str,
        title: impl Into<String>,
        body: impl Into<String>,
    ) -> Self {
        Self { id, word, title: title.into(), body: body.into() }
    }
}

/// A page of one document.
pub fn sheet(title: &str, document: &Document) -> String {
    render(title, document, &[])
}

pub(super) fn render(title: &str, head: &Document, sections: &[Section]) -> String {
    let link =
        |section: &Section| format!("<li><a href=\"#{}\">{}</a></li>\n", section.id, section.word);
    let contents: String = sections.iter().map(link).collect();
    let contents = match sections.len() {
        0 | 1 => String::new(),
        _ => format!("<nav aria-label=\"Contents\">\n<ul>\n{contents}</ul>\n</nav>\n"),
    };
    let body = |section: &Section| {
        let (id, title, body) = (section.id, html(&section.title), &section.body);
        format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{body}</section>\n")
    };
    let sections: String = sections.iter().map(body).collect();
    // Nothing runs and nothing is loaded but what stands here: the hashes name the one style and
    // the one script.
    let policy = format!(
        "default-src 'none'; img-src data:; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        source(STYLE),
        source(SCRIPT)
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header>\n{}</header>\n{contents}<main>\n{sections}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        html(title),
        head.html(),
    )
}

/// The name of a style or a script in the policy of a page.
fn source(text: &str) -> String {
    format!("sha256-{}", base64(Digest::of(text.as_bytes()).bytes()))
}
