//! The work: kinds of stages, how many there are of each, how long they took, and what follows from
//! what.

use std::collections::BTreeSet;

use super::super::svg::Svg;
use super::sheet::Section;
use crate::document::{Cell, Document, Table};

const WIDTH: f64 = 132.0;
const HEIGHT: f64 = 58.0;
const ACROSS: f64 = 34.0;
const DOWN: f64 = 14.0;

/// All stages of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kind {
    pub name: String,
    pub stages: usize,
    /// How many of them have a result in the cache.
    pub cached: usize,
    /// How many there would be if each point had its own.
    pub uses: usize,
    /// Seconds of work of those that have a result.
    pub seconds: f64,
    /// Numbers of the kinds whose outputs it takes.
    pub needs: BTreeSet<usize>,
}

pub(super) fn section(kinds: &[Kind]) -> Option<Section> {
    if kinds.is_empty() {
        return None;
    }
    let sum = |of: fn(&Kind) -> usize| kinds.iter().map(of).sum::<usize>();
    let (stages, cached, uses) = (sum(|k| k.stages), sum(|k| k.cached), sum(|k| k.uses));
    let seconds: f64 = kinds.iter().map(|kind| kind.seconds).sum();
    let mut text = match cached == stages {
        true => format!("All {stages} stages of the plan have a result in the cache."),
        false => format!("{cached} of the {stages} stages of the plan have a result in the cache."),
    };
    text.push_str(&format!(" Their work took {}.", time(seconds)));
    if uses > stages {
        text.push_str(&format!(
            " Points share stages that are equal: without that there would be {uses}, so {} were saved.",
            uses - stages
        ));
    }
    let mut table = Table::new([
        "kind",
        "stages",
        "in the cache",
        "without sharing",
        "seconds",
        "seconds a stage",
    ]);
    for kind in kinds {
        let count = |n: usize| Cell::number(Some(n as f64), n.to_string());
        let each = (kind.cached > 0).then(|| kind.seconds / kind.cached as f64);
        let each = Cell::number(each, each.map_or("–".to_owned(), |each| format!("{each:.3}")));
        let seconds = Cell::number(Some(kind.seconds), format!("{:.2}", kind.seconds));
        let name = Cell::from(&kind.name);
        table.push(vec![
            name,
            count(kind.stages),
            count(kind.cached),
            count(kind.uses),
            seconds,
            each,
        ]);
    }
    let body = Document::default().text(text).html();
    let body = format!(
        "{body}<div class=\"wide\" tabindex=\"0\"><figure>{}</figure></div>\n",
        graph(kinds)
    );
    Some(Section::new(
        "stages",
        "Work",
        "The work",
        body + &Document::default().table(table).html(),
    ))
}

/// A duration for people.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Boxes in columns: each kind stands right of all that it needs.
fn graph(kinds: &[Kind]) -> String {
    let mut columns = vec![0usize; kinds.len()];
    for (number, kind) in kinds.iter().enumerate() {
        // Kinds come after those that they need.
        columns[number] = kind
            .needs
            .iter()
            .filter(|need| **need < number)
            .map(|need| columns[*need] + 1)
            .max()
            .unwrap_or(0);
    }
    let deepest = columns.iter().copied().max().unwrap_or(0);
    let mut filled = vec![0usize; deepest + 1];
    let places: Vec<(f64, f64)> = columns
        .iter()
        .map(|column| {
            let row = filled[*column];
            filled[*column] += 1;
            (4.0 + (WIDTH + ACROSS) * *column as f64, row as f64)
        })
        .collect();
    let rows = filled.iter().copied().max().unwrap_or(1) as f64;
    // Boxes of a column with fewer rows stand in the middle.
    let top = |number: usize| {
        let spare = rows - filled[columns[number]] as f64;
        4.0 + (HEIGHT + DOWN) * (places[number].1 + spare / 2.0)
    };
    // A line over several columns runs below all boxes.
    let far = kinds
        .iter()
        .enumerate()
        .any(|(n, kind)| kind.needs.iter().any(|need| columns[n] > columns[*need] + 1));
    let height = 4.0 + (HEIGHT + DOWN) * rows + if far { 26.0 } else { 0.0 };
    let width = 8.0 + (WIDTH + ACROSS) * (deepest + 1) as f64 - ACROSS;
    let mut svg = Svg::page(width, height, "Kinds of stages and what follows from what");
    for (number, kind) in kinds.iter().enumerate() {
        for need in kind.needs.iter().filter(|need| **need < number) {
            let (from, to) = (places[*need].0 + WIDTH, places[number].0);
            let (y1, y2) = (top(*need) + HEIGHT / 2.0, top(number) + HEIGHT / 2.0);
            let told = format!("{} follows from {}", kind.name, kinds[*need].name);
            match columns[number] - columns[*need] {
                1 => svg.path("edge", &[(from, y1), (to, y2)], &told),
                _ => {
                    let below = height - 6.0 - 5.0 * (columns[*need] % 4) as f64;
                    let points = [
                        (from - 16.0, top(*need) + HEIGHT),
                        (from - 16.0, below),
                        (to + 16.0, below),
                    ];
                    svg.path(
                        "edge far",
                        &[&points[..], &[(to + 16.0, top(number) + HEIGHT)]].concat(),
                        &told,
                    );
                }
            }
        }
    }
    for (number, kind) in kinds.iter().enumerate() {
        let (x, y) = (places[number].0, top(number));
        let told = format!("{}: {} stages, {} in the cache", kind.name, kind.stages, kind.cached);
        svg.bar("box", (x, y), (WIDTH, HEIGHT), &told);
        svg.name((x + 10.0, y + 20.0), "start", "head", 18, &kind.name);
        let stages =
            if kind.stages == 1 { "1 stage".to_owned() } else { format!("{} stages", kind.stages) };
        svg.text(
            x + 10.0,
            y + 35.0,
            "start",
            "class=\"mark\"",
            &format!("{stages}, {}", time(kind.seconds)),
        );
        svg.text(
            x + 10.0,
            y + 49.0,
            "start",
            "class=\"mark\"",
            &format!("{} in the cache", kind.cached),
        );
    }
    svg.finish()
}
