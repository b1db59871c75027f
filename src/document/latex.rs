//! Documents for papers: the tables in LaTeX, with the rules of the package `booktabs`.

use super::{Block, Cell, Document, Table};
use crate::shown::shown;

impl Document {
    /// Each table as a `tabular`, the best cells in bold. Headings and sentences become comments,
    /// so the text can be pasted into a paper.
    pub fn latex(&self) -> String {
        let block = |block: &Block| match block {
            Block::Heading { text, .. } | Block::Text(text) => comment(text),
            Block::Question(text) => text.lines().map(comment).collect(),
            Block::List(items) => items.iter().map(|item| comment(item)).collect(),
            Block::Table(table) => tabular(table),
        };
        let blocks: Vec<String> = self.blocks.iter().map(block).collect();
        format!("% Needs \\usepackage{{booktabs}}.\n{}", blocks.join("\n"))
    }
}

fn comment(text: &str) -> String {
    format!("% {}\n", shown(text))
}

fn tabular(table: &Table) -> String {
    let columns = 0..table.columns.len();
    let places: String =
        columns.map(|column| if table.is_numeric(column) { 'r' } else { 'l' }).collect();
    let line = |cells: Vec<String>| format!("  {} \\\\\n", cells.join(" & "));
    let header = line(table.columns.iter().map(|title| escaped(title)).collect());
    let rows: String = table.rows.iter().map(|row| line(row.iter().map(inner).collect())).collect();
    format!(
        "\\begin{{tabular}}{{{places}}}\n  \\toprule\n{header}  \\midrule\n{rows}  \\bottomrule\n\\end{{tabular}}\n"
    )
}

fn inner(cell: &Cell) -> String {
    let text = escaped(&cell.text);
    if cell.is_best { format!("\\textbf{{{text}}}") } else { text }
}

/// A text with all special characters of LaTeX escaped.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in shown(text).chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', c]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '|' => escaped.push_str("\\textbar{}"),
            '±' => escaped.push_str("$\\pm$"),
            '−' => escaped.push_str("$-$"),
            '–' => escaped.push_str("--"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_rules_and_names_are_no_commands() {
        let mut table = Table::new(["machine", "AUC"]);
        table.push(vec![
            "a_b & \\input{x}%\n".into(),
            Cell::number(Some(0.5), "50.00 ± 1.00").best(true),
        ]);
        let latex = Document::titled("x\n\\input{y}", None).table(table).latex();
        let expected = "\
% Needs \\usepackage{booktabs}.
% x<U+000A>\\input{y}

\\begin{tabular}{lr}
  \\toprule
  machine & AUC \\\\
  \\midrule
  a\\_b \\& \\textbackslash{}input\\{x\\}\\%\\textless{}U+000A\\textgreater{} & \\textbf{50.00 $\\pm$ 1.00} \\\\
  \\bottomrule
\\end{tabular}
";
        assert_eq!(latex, expected);
    }
}
