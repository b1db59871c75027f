//! Documents on a terminal: tables cut to its width, wrapped sentences, colours.

use super::{Block, Cell, Document, Table};
use crate::shown::shown;

/// The longest line of a sentence, even on a wider terminal.
const LONGEST: usize = 100;
/// A column of names is never cut below this width.
const NARROWEST: usize = 8;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const BEST: &str = "\x1b[1;32m";
const PLAIN: &str = "\x1b[0m";

impl Document {
    /// The document for a terminal of `width` characters.
    pub fn terminal(&self, width: usize) -> String {
        let blocks: Vec<String> = self.blocks.iter().map(|block| rendered(block, width)).collect();
        blocks.join("\n")
    }
}

fn rendered(block: &Block, width: usize) -> String {
    let longest = width.min(LONGEST);
    match block {
        Block::Heading { text, .. } => format!("{BOLD}{}{PLAIN}\n", shown(text)),
        Block::Question(text) => {
            text.lines().map(|line| wrapped(&shown(line), longest, "")).collect()
        }
        Block::Text(text) => wrapped(&shown(text), longest, ""),
        Block::List(items) => {
            items.iter().map(|item| format!("* {}", wrapped(&shown(item), longest, "  "))).collect()
        }
        Block::Table(table) => columns(table, width),
    }
}

/// A text in lines; all lines but the first are indented.
fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let (mut lines, mut at) = (String::new(), indent.len());
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if at > indent.len() && at + 1 + length > width {
            lines += &format!("\n{indent}{word}");
            at = indent.len() + length;
        } else {
            let space = if at > indent.len() { " " } else { "" };
            lines += &format!("{space}{word}");
            at += space.len() + length;
        }
    }
    lines + "\n"
}

/// The columns side by side. Columns of names are cut if there is too little room; numbers are
/// never cut.
fn columns(table: &Table, width: usize) -> String {
    let all = 0..table.columns.len();
    let numeric: Vec<bool> = all.clone().map(|column| table.is_numeric(column)).collect();
    let length = |text: &str| shown(text).chars().count();
    let widest = |column: usize| {
        let cells = table.rows.iter().map(|row| length(&row[column].text));
        cells.chain([length(&table.columns[column])]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = all.clone().map(widest).collect();
    let gaps = 2 * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let names = all.clone().filter(|column| !numeric[*column] && widths[*column] > NARROWEST);
        let Some(column) = names.max_by_key(|column| widths[*column]) else { break };
        widths[column] -= 1;
    }
    let line = |cells: Vec<(String, &str)>| {
        let padded = all.clone().map(|column| {
            let (text, style) = &cells[column];
            let (text, width) = (cut(text, widths[column]), widths[column]);
            let text =
                if numeric[column] { format!("{text:>width$}") } else { format!("{text:<width$}") };
            if style.is_empty() { text } else { format!("{style}{text}{PLAIN}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let header = line(table.columns.iter().map(|title| (shown(title).into_owned(), DIM)).collect());
    let style = |cell: &Cell| if cell.is_best { BEST } else { "" };
    let row = |row: &Vec<Cell>| {
        line(row.iter().map(|cell| (shown(&cell.text).into_owned(), style(cell))).collect())
    };
    header + &table.rows.iter().map(row).collect::<String>()
}

fn cut(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_way_and_numbers_do_not() {
        let mut table = Table::new(["detector", "AUC"]);
        table.push(vec![
            "mahalanobis selective=true".into(),
            Cell::number(Some(0.5), "50.00").best(true),
        ]);
        table.push(vec!["knn\x1b[31m".into(), "–".into()]);
        let text = Document::default().table(table).terminal(24);
        let expected = "\
\x1b[2mdetector         \x1b[0m  \x1b[2m  AUC\x1b[0m
mahalanobis sele…  \x1b[1;32m50.00\x1b[0m
knn<U+001B>[31m        –
";
        assert_eq!(text, expected);
    }

    #[test]
    fn sentences_are_wrapped() {
        let text = Document::default()
            .text("one two three")
            .list(vec!["four five six".into()])
            .terminal(9);
        assert_eq!(text, "one two\nthree\n\n* four\n  five\n  six\n");
    }
}
