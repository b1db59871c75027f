//! Documents as Markdown that is also readable as plain text.

use super::{Block, Cell, Document, Table};
use crate::shown::{cell, shown, shown_lines};

impl Document {
    pub fn markdown(&self) -> String {
        let blocks: Vec<String> = self.blocks.iter().map(block).collect();
        blocks.join("\n")
    }
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading { level, text } => {
            format!("{} {}\n", "#".repeat((*level).into()), shown(text))
        }
        Block::Question(text) => format!("{}\n", shown_lines(text)),
        Block::Text(text) => format!("{}\n", shown(text)),
        Block::List(items) => items.iter().map(|item| format!("* {}\n", shown(item))).collect(),
        Block::Table(table) => render(table),
    }
}

/// Columns padded to equal width, numbers aligned to the right.
fn render(table: &Table) -> String {
    let header: Vec<String> = table.titles().iter().map(|title| cell(title).into_owned()).collect();
    let rows: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(inner).collect()).collect();
    let columns = 0..header.len();
    let widest = |c: usize| {
        rows.iter().chain([&header]).map(|row| row[c].chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.clone().map(|c| widest(c).max(3)).collect();
    let numeric: Vec<bool> = columns.clone().map(|c| table.is_numeric(c)).collect();
    let line = |cells: &[String]| {
        let padded = columns.clone().map(|c| {
            let (text, width) = (&cells[c], widths[c]);
            if numeric[c] { format!("| {text:>width$} ") } else { format!("| {text:<width$} ") }
        });
        padded.collect::<String>() + "|\n"
    };
    let rule: Vec<String> = columns
        .clone()
        .map(|c| if numeric[c] { "-".repeat(widths[c] - 1) + ":" } else { "-".repeat(widths[c]) })
        .collect();
    [line(&header), line(&rule)].into_iter().chain(rows.iter().map(|row| line(row))).collect()
}

fn inner(inner: &Cell) -> String {
    let text = cell(&inner.text);
    if inner.is_best { format!("**{text}**") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_no_row_and_no_heading() {
        let mut table = Table::new(["machine", "AUC"]);
        table.push(vec!["fan|a\n| b".into(), Cell::number(Some(0.5), "50.00")]);
        table.push(vec!["valve".into(), Cell::number(Some(0.75), "75.00").best(true)]);
        let document =
            Document::titled("a\n# b", Some("why?\u{1b}\nso\n")).heading(2, "Means").table(table);
        let expected = "\
# a<U+000A># b

why?<U+001B>
so

## Means

| machine            |       AUC |
| ------------------ | --------: |
| fan\\|a<U+000A>\\| b |     50.00 |
| valve              | **75.00** |
";
        assert_eq!(document.markdown(), expected);
    }

    #[test]
    fn lists_without_items_are_not_announced() {
        assert_eq!(Document::default().announced("Left out:", vec![]), Document::default());
        let document = Document::default().announced("Left out:", vec!["a\nb".into()]).text("All.");
        assert_eq!(document.markdown(), "Left out:\n\n* a<U+000A>b\n\nAll.\n");
    }
}
