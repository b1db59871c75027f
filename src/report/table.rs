//! Tables of Markdown, and how numbers stand in them.

use super::Stat;
use crate::shown::{cell, shown, shown_lines};

/// What stands for a number that cannot be computed.
pub const DASH: &str = "–";

/// A share in per cent, two decimals.
pub fn percent(x: f64) -> String {
    format!("{:.2}", 100.0 * x)
}

/// Mean and, if seeds differ, deviation, in per cent.
pub fn show(stat: Option<Stat>) -> String {
    match stat {
        None => DASH.into(),
        Some(Stat { mean, deviation: Some(d) }) if d > 0.0 => format!("{} ± {}", percent(mean), percent(d)),
        Some(Stat { mean, .. }) => percent(mean),
    }
}

/// The name of an experiment as a heading, and its question.
pub fn heading(name: &str, question: Option<&str>) -> String {
    let question = question.map_or(String::new(), |text| format!("\n{}\n", shown_lines(text.trim())));
    format!("# {}\n{question}", shown(name))
}

/// A table: columns padded to equal width, numbers to the right. Whatever is in a cell stays in it.
pub fn render(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|text| cell(text).into_owned()).collect()).collect();
    let width = |s: &str| s.chars().count();
    let count = rows[0].len();
    let widths: Vec<usize> = (0..count).map(|c| rows.iter().map(|r| width(&r[c])).max().unwrap_or(0).max(3)).collect();
    let numeric: Vec<bool> = (0..count)
        .map(|c| {
            rows.len() > 1
                && rows[1..]
                    .iter()
                    .all(|r| r[c].starts_with(|x: char| x.is_ascii_digit() || "*–−<".contains(x)) || r[c].is_empty())
        })
        .collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for c in 0..count {
            let pad = " ".repeat(widths[c] - width(&row[c]));
            let padded = if numeric[c] { format!("{pad}{}", row[c]) } else { format!("{}{pad}", row[c]) };
            text.push_str(&format!("| {padded} "));
        }
        text.push_str("|\n");
        if number == 0 {
            for c in 0..count {
                let dashes = "-".repeat(widths[c]);
                text.push_str(&if numeric[c] { format!("| {}: ", &dashes[1..]) } else { format!("| {dashes} ") });
            }
            text.push_str("|\n");
        }
    }
    text
}
