//! The figures of a page as files of their own, in the colours of a light page.
//!
//! A figure of a page takes its colours and its lines from the style of the page. A file has no
//! page around it, so it carries the part of the style that figures need, with every variable
//! replaced by its value: programs for SVG know no variables.

use std::collections::{BTreeMap, BTreeSet};

use super::heat::STEPS;
use super::sheet::{STYLE, Section};

/// A figure in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Without ending: letters, digits and hyphens.
    pub name: String,
    pub svg: String,
}

/// What labels need beyond the frame of a figure.
const MARGIN: f64 = 28.0;
/// Letters of a name.
const LONGEST: usize = 80;

/// All figures of these parts of a page.
pub(super) fn figures(sections: &[Section]) -> Vec<Figure> {
    let (style, values) = (style(), variables());
    let mut taken = BTreeSet::new();
    let mut all = Vec::new();
    for section in sections {
        for svg in section.body.split("<svg class=\"plot\"").skip(1) {
            let Some((inner, _)) = svg.split_once("</svg>") else { continue };
            let Some((head, body)) = inner.split_once('>') else { continue };
            let title = between(body, "<title>", "</title>").unwrap_or_default();
            let stem = format!("{}-{}", section.id, plain(title));
            let name = (1..)
                .map(|n| if n == 1 { stem.clone() } else { format!("{stem}-{n}") })
                .find(|name| !taken.contains(name))
                .expect("numbers do not end");
            taken.insert(name.clone());
            all.push(Figure { name, svg: alone(head, &replaced(body, &values), &style) });
        }
    }
    all
}

/// A figure with all that it needs.
fn alone(head: &str, body: &str, style: &str) -> String {
    let size = |name: &str| {
        let text = between(head, &format!(" {name}=\""), "\"");
        text.and_then(|text| text.parse::<f64>().ok()).unwrap_or(300.0)
    };
    // Programs that know SVG 1.1 alone know no other link.
    let body = body.replace(" href=\"data:", " xlink:href=\"data:");
    let (width, height) = (size("width") + 2.0 * MARGIN, size("height") + 2.0 * MARGIN);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" class=\"plot\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"-{MARGIN} -{MARGIN} {width} {height}\" font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\" \
         font-size=\"12\" fill=\"{INK}\" color=\"{INK}\">\n<style>\n{style}</style>\n\
         <rect x=\"-{MARGIN}\" y=\"-{MARGIN}\" width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

const INK: &str = "#1d2430";

/// The rules of figures.
fn style() -> String {
    let rules = between(STYLE, "/* figures */", "/* end of figures */").unwrap_or_default();
    let lasting = rules.lines().filter(|line| !line.contains(":hover"));
    let mut text: String = lasting.map(|line| format!("{line}\n")).collect();
    for step in 0..=STEPS.len() {
        // Cells of a table have a background there, and bars have none.
        text.push_str(&format!(
            ".h{step} {{ fill: var(--q{step}); }} .t{step} {{ fill: var(--t{step}); }}\n"
        ));
    }
    replaced(&text, &variables())
}

/// The variables of a light page, which come first in its style.
fn variables() -> BTreeMap<&'static str, &'static str> {
    let block = between(STYLE, ":root {", "}").unwrap_or_default();
    block
        .split(';')
        .filter_map(|part| part.trim().split_once(':'))
        .filter(|(name, _)| name.starts_with("--"))
        .map(|(name, value)| (name, value.trim()))
        .collect()
}

/// A text with the values of its variables.
fn replaced(text: &str, values: &BTreeMap<&str, &str>) -> String {
    let mut parts = text.split("var(");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(')').unwrap_or((part, ""));
        all.push_str(values.get(name).copied().unwrap_or("currentColor"));
        all.push_str(rest);
    }
    all
}

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

/// A title as a part of the name of a file.
fn plain(title: &str) -> String {
    let letters = title.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' });
    let words = letters.take(LONGEST).collect::<String>().to_lowercase();
    words.split_whitespace().collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_stands_alone_under_a_name_of_its_own() {
        let svg = "<svg class=\"plot\" role=\"img\" width=\"100\" height=\"50\"><title>ROC of ../a&lt;b</title>\
                   <path class=\"line c1\" stroke=\"var(--c1)\" d=\"M0 0\"/></svg>";
        let body = format!("<figure>{svg}</figure><figure>{svg}</figure>");
        let all = figures(&[Section::new("best", "Best", "The best", body)]);
        let names: Vec<&str> = all.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["best-roc-of-a-lt-b", "best-roc-of-a-lt-b-2"]);
        let text = &all[0].svg;
        assert!(text.starts_with("<svg xmlns="), "{text}");
        assert!(text.contains("width=\"156\" height=\"106\""), "{text}");
        assert!(text.contains("stroke=\"#d55e00\"") && !text.contains("var("), "{text}");
        assert!(text.contains(".axis {") && !text.contains(":hover"), "{text}");
    }
}
