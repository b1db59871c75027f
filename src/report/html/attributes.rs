//! AUC by value of each domain-shift attribute: which speed fails?

use super::super::PointResults;
use super::super::number::percent;
use super::super::svg::Svg;
use super::judged::colour;
use super::plot::{Frame, percent_mark, shares};
use crate::artifact::MetricRow;

const WIDTH: f64 = 340.0;
const ROW: f64 = 20.0;

/// A plot for each attribute of each section.
pub(super) fn plots(point: &PointResults) -> Vec<String> {
    let mut found: Vec<Vec<&MetricRow>> = Vec::new();
    for row in point.rows.iter().filter(|row| !row.attribute.is_empty() && row.value.is_some()) {
        let name =
            |row: &MetricRow| [row.machine.clone(), row.section.clone(), row.attribute.clone()];
        match found.iter_mut().find(|rows| name(rows[0]) == name(row)) {
            Some(rows) => rows.push(row),
            None => found.push(vec![row]),
        }
    }
    found.into_iter().map(plot).collect()
}

fn plot(mut rows: Vec<&MetricRow>) -> String {
    rows.sort_by(|a, b| order(&a.value_of_attribute).total_cmp(&order(&b.value_of_attribute)));
    let first = rows[0];
    let title = format!("{} {}, by {}", first.machine, first.section, first.attribute);
    let frame =
        Frame { left: 100.0, top: 26.0, width: WIDTH - 116.0, height: ROW * rows.len() as f64 };
    let mut svg = Svg::page(WIDTH, frame.bottom() + 40.0, &format!("AUC of {title}"));
    svg.name((8.0, 14.0), "start", "head", 28, &title);
    let scale = shares(rows.iter().flat_map(|row| [row.low, row.value, row.high]).flatten());
    frame.below(&mut svg, &scale, "AUC (%)", percent_mark);
    svg.rule("axis", (frame.left, frame.top), (frame.left, frame.bottom()));
    for (number, row) in rows.iter().enumerate() {
        let Some(value) = row.value else { continue };
        let y = frame.top + ROW * (number as f64 + 0.5);
        svg.name((frame.left - 8.0, y + 4.0), "end", "label", 14, &row.value_of_attribute);
        let domain = if row.domain.is_empty() { "of both domains" } else { &row.domain };
        let mut told = format!("{}: AUC {} %, {domain}", row.value_of_attribute, percent(value));
        if let (Some(low), Some(high)) = (row.low, row.high) {
            svg.rule("whisker", (frame.x(&scale, low), y), (frame.x(&scale, high), y));
            told.push_str(&format!(", interval {} to {}", percent(low), percent(high)));
        }
        let class = if row.domain.is_empty() {
            "point c2"
        } else {
            &format!("point {}", colour(&row.domain))
        };
        svg.dot(class, (frame.x(&scale, value), y), 4.0, &told);
    }
    legend(&mut svg, frame.right(), &rows);
    format!("<figure>{}</figure>\n", svg.finish())
}

/// Of which domain the normals of a dot are, at the right of the title, where there are domains.
fn legend(svg: &mut Svg, right: f64, rows: &[&MetricRow]) {
    let domains = [
        ("", "both", "point c2"),
        ("target", "target", "point c1"),
        ("source", "source", "point c0"),
    ];
    let mut x = right;
    if rows.iter().all(|row| row.domain.is_empty()) {
        return;
    }
    for (_, word, class) in
        domains.iter().filter(|(domain, ..)| rows.iter().any(|row| row.domain == *domain))
    {
        svg.text(x, 14.0, "end", "class=\"label\"", word);
        svg.dot(class, (x - 48.0, 10.0), 3.5, "");
        x -= 62.0;
    }
}

/// Numbers in their order, other values as they come.
fn order(value: &str) -> f64 {
    let number: String =
        value.chars().take_while(|c| c.is_ascii_digit() || ".-".contains(*c)).collect();
    number.parse().unwrap_or(0.0)
}
