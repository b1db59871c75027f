//! Documents as a piece of HTML. Other code puts pages together.

use std::fmt::Write;

use super::{Block, Cell, Document, Table};
use crate::shown::{html, shown_lines};

impl Document {
    /// The blocks as HTML. Names are escaped.
    pub fn html(&self) -> String {
        self.blocks.iter().map(block).collect()
    }
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading { level, text } => format!("<h{level}>{}</h{level}>\n", html(text)),
        Block::Question(text) => {
            let lines: Vec<String> = shown_lines(text).lines().map(html).collect();
            format!("<p class=\"question\">{}</p>\n", lines.join("<br>"))
        }
        Block::Text(text) => format!("<p>{}</p>\n", prose(text)),
        Block::List(items) => {
            let items: String =
                items.iter().map(|item| format!("<li>{}</li>\n", prose(item))).collect();
            format!("<ul>\n{items}</ul>\n")
        }
        Block::Table(table) => render(table),
    }
}

/// Escaped text; text between backticks becomes code, as in Markdown.
fn prose(text: &str) -> String {
    let parts: Vec<String> = text.split('`').map(html).collect();
    if parts.len().is_multiple_of(2) {
        return html(text);
    }
    let part = |(place, part): (usize, &String)| {
        if place % 2 == 1 { format!("<code>{part}</code>") } else { part.clone() }
    };
    parts.iter().enumerate().map(part).collect()
}

/// A table in its own box, which a page may make scrollable. The box can take the focus, so that
/// keys scroll it.
fn render(table: &Table) -> String {
    let numeric: Vec<bool> =
        (0..table.columns.len()).map(|column| table.is_numeric(column)).collect();
    let mut text = "<div class=\"table\" tabindex=\"0\">\n<table>\n<thead>\n".to_owned();
    if !table.groups.is_empty() {
        let group = |(title, columns): &(String, usize)| {
            format!("<th colspan=\"{columns}\" scope=\"colgroup\">{}</th>", html(title))
        };
        let _ = writeln!(
            text,
            "<tr class=\"groups\">{}</tr>",
            table.groups.iter().map(group).collect::<String>()
        );
    }
    let title = |(title, numeric): (&String, &bool)| {
        format!("<th{} scope=\"col\">{}</th>", right(*numeric), html(title))
    };
    let titles: String = table.columns.iter().zip(&numeric).map(title).collect();
    let _ = writeln!(text, "<tr>{titles}</tr>\n</thead>\n<tbody>");
    for row in &table.rows {
        let cells: String =
            row.iter().zip(&numeric).map(|(cell, numeric)| inner(cell, *numeric)).collect();
        let _ = writeln!(text, "<tr>{cells}</tr>");
    }
    text + "</tbody>\n</table>\n</div>\n"
}

fn right(numeric: bool) -> &'static str {
    if numeric { " class=\"n\"" } else { "" }
}

fn inner(cell: &Cell, numeric: bool) -> String {
    let text = html(&cell.text);
    let text = if cell.is_best { format!("<b>{text}</b>") } else { text };
    format!("<td{}>{text}</td>", right(numeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_never_markup() {
        let mut table = Table::new(["machine", "<b>AUC"]);
        table.groups = vec![(String::new(), 1), ("a & b".into(), 1)];
        table.push(vec![
            "<script>alert(1)</script>\u{202e}".into(),
            Cell::number(Some(0.5), "50.00").best(true),
        ]);
        let document = Document::titled("</title>", Some("why\n\"so\"?\u{1b}"))
            .table(table)
            .list(vec!["</style> of `a<b>`".into(), "a ` b".into()]);
        let expected = "\
<h1>&lt;/title&gt;</h1>
<p class=\"question\">why<br>&quot;so&quot;?&lt;U+001B&gt;</p>
<div class=\"table\" tabindex=\"0\">
<table>
<thead>
<tr class=\"groups\"><th colspan=\"1\" scope=\"colgroup\"></th><th colspan=\"1\" scope=\"colgroup\">a &amp; b</th></tr>
<tr><th scope=\"col\">machine</th><th class=\"n\" scope=\"col\">&lt;b&gt;AUC</th></tr>
</thead>
<tbody>
<tr><td>&lt;script&gt;alert(1)&lt;/script&gt;&lt;U+202E&gt;</td><td class=\"n\"><b>50.00</b></td></tr>
</tbody>
</table>
</div>
<ul>
<li>&lt;/style&gt; of <code>a&lt;b&gt;</code></li>
<li>a ` b</li>
</ul>
";
        assert_eq!(document.html(), expected);
        assert!(document.markdown().contains("| a & b <b>AUC |"), "{}", document.markdown());
    }
}
