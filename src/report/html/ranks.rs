//! Mean ranks of the settings with the critical difference, as a diagram (Demšar 2006, "Statistical
//! comparisons of classifiers over multiple data sets"): what a bar joins does not differ
//! significantly.

use super::super::aggregate::By;
use super::super::axis::{label, round_numbers};
use super::super::svg::Svg;
use super::super::{Comparison, Results, compare};
use super::sheet::Section;
use crate::document::Document;

const WIDTH: f64 = 960.0;
/// Room for the names at either side, and characters of a name.
const SIDE: f64 = 310.0;
const NAME: usize = 42;
/// Height of a name, and of a bar.
const LINE: f64 = 20.0;
const BAR: f64 = 9.0;
/// Pairs in the table.
const PAIRS: usize = 20;

pub(super) fn section(results: &Results, by: By) -> Option<Section> {
    let title = "Mean ranks";
    let comparison = match compare(results, None, by) {
        Ok(comparison) => comparison,
        // With one setting there is nothing that a reader misses.
        Err(_) if results.groups().len() < 2 => return None,
        Err(why) => {
            let text = format!("The settings cannot be ranked: {why}.");
            return Some(Section::new(
                "ranks",
                "Ranks",
                title,
                Document::default().text(text).html(),
            ));
        }
    };
    let words = "A setting is ranked in each section; further to the left is better. Settings under one bar do not differ \
                 significantly.";
    let mut body = Document::default().text(words).html();
    body.push_str("<div class=\"wide\" tabindex=\"0\">");
    body.push_str(&format!("<figure>{}</figure></div>\n", diagram(&comparison)));
    body.push_str(&comparison.details(PAIRS).html());
    Some(Section::new("ranks", "Ranks", title, body))
}

fn diagram(comparison: &Comparison) -> String {
    let ranks = comparison.ranks();
    let last = ranks.len() as f64;
    let x = |rank: f64| SIDE + (WIDTH - 2.0 * SIDE) * (rank - 1.0) / (last - 1.0).max(1.0);
    let cliques =
        comparison.critical_difference().map(|cd| cliques(&ranks, cd)).unwrap_or_default();
    let (axis, first) = (62.0, 62.0 + 14.0 + BAR * cliques.len() as f64 + 12.0);
    let left = ranks.len().div_ceil(2);
    let height = first + LINE * left as f64 + 6.0;
    let mut svg = Svg::page(WIDTH, height, &format!("Mean ranks of {} settings", ranks.len()));
    svg.rule("axis", (x(1.0), axis), (x(last), axis));
    let marks = if last < 7.0 {
        (1..=ranks.len()).map(|rank| rank as f64).collect()
    } else {
        round_numbers(1.0, last)
    };
    for mark in marks.into_iter().filter(|mark| mark.fract() == 0.0 && *mark >= 1.0) {
        svg.rule("axis", (x(mark), axis - 5.0), (x(mark), axis));
        svg.text(x(mark), axis - 9.0, "middle", "class=\"mark\"", &label(mark));
    }
    svg.text(WIDTH / 2.0, axis - 26.0, "middle", "", "Mean rank (1 is best)");
    if let Some(cd) = comparison.critical_difference() {
        let whole = cd.min(last - 1.0);
        let more = if cd > last - 1.0 { ", longer than the axis" } else { "" };
        svg.path("mean", &[(x(1.0), 12.0), (x(1.0 + whole), 12.0)], "");
        svg.text(
            x(1.0 + whole) + 8.0,
            16.0,
            "start",
            "",
            &format!("critical difference {cd:.2}{more}"),
        );
    }
    for (number, (from, to)) in cliques.iter().enumerate() {
        let y = axis + 12.0 + BAR * number as f64;
        svg.path("clique", &[(x(ranks[*from].1) - 3.0, y), (x(ranks[*to].1) + 3.0, y)], "");
    }
    for (number, (name, rank)) in ranks.iter().enumerate() {
        // The better half has its names to the left, from the top; the other half to the right,
        // from the top as well, the worst first, so that lines do not cross.
        let is_left = number < left;
        let place = if is_left { number } else { ranks.len() - 1 - number };
        let (y, edge) =
            (first + LINE * place as f64, if is_left { SIDE - 8.0 } else { WIDTH - SIDE + 8.0 });
        svg.path(
            "stem",
            &[(x(*rank), axis), (x(*rank), y), (edge, y)],
            &format!("{name}: mean rank {rank:.2}"),
        );
        let (at, anchor) = if is_left { (edge - 4.0, "end") } else { (edge + 4.0, "start") };
        svg.name((at, y + 4.0), anchor, "label", NAME, name);
    }
    svg.finish()
}

/// Runs of systems, by first and last, of which no two differ significantly, and that no longer run
/// holds.
fn cliques(ranks: &[(String, f64)], critical: f64) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for from in 0..ranks.len() {
        let to = (from..ranks.len())
            .take_while(|to| ranks[*to].1 - ranks[from].1 < critical)
            .last()
            .unwrap_or(from);
        if to > from && found.last().is_none_or(|(_, known)| to > *known) {
            found.push((from, to));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_join_what_does_not_differ_and_no_bar_lies_in_another() {
        let ranks = [1.0, 1.8, 2.4, 4.0, 5.5].map(|rank| (String::new(), rank));
        assert_eq!(cliques(&ranks, 1.0), [(0, 1), (1, 2)]);
        assert_eq!(cliques(&ranks, 2.0), [(0, 2), (2, 3), (3, 4)]);
        assert_eq!(cliques(&ranks, 9.0), [(0, 4)]);
        assert_eq!(cliques(&ranks, 0.1), []);
    }
}
