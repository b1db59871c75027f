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
        let name = |row: &MetricRow| [row.machine.clone(), row.section.clone(), row.attribute.clone()];
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
    let frame = Frame { left: 100.0, top: 26.0, width: WIDTH - 116.0, height: ROW * rows.len() as f64 };
    let mut svg = Svg::page(WIDTH, frame.bottom() + 40.0, &format!("AUC of {title}"));
    svg.name((8.0, 14.0), "start", "head", 44, &title);
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
        let class = if row.domain.is_empty() { "point c2" } else { &format!("point {}", colour(&row.domain)) };
        svg.dot(class, (frame.x(&scale, value), y), 4.0, &told);
    }
    let domains = ["source", "target", ""];
    let used = domains.iter().filter(|domain| rows.iter().any(|row| row.domain == **domain));
    let used: Vec<&&str> = used.collect();
    if used.iter().any(|domain| !domain.is_empty()) {
        let words = |domain: &str| if domain.is_empty() { "both" } else { domain }.to_owned();
        let mut x = frame.right();
        for domain in used.iter().rev() {
            let class = if domain.is_empty() { "point c2".into() } else { format!("point {}", colour(domain)) };
            svg.text(x, frame.bottom() + 31.0, "end", "class=\"label\"", &words(domain));
            svg.dot(&class, (x - 44.0, frame.bottom() + 27.0), 3.0, "");
            x -= 54.0;
        }
    }
    format!("<figure>{}</figure>\n", svg.finish())
}

/// Numbers in their order, other values as they come.
fn order(value: &str) -> f64 {
    let number: String = value.chars().take_while(|c| c.is_ascii_digit() || ".-".contains(*c)).collect();
    number.parse().unwrap_or(0.0)
}
